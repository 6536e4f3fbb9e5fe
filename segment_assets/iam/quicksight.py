"""The duty `dashboards`: our own resources in QuickSight, and nobody else's.

Belongs here: its calls. Not here: what QuickSight itself may read, which its administrator says in its own settings.

IAM knows no resource for the making of a data source, nor for lists of loads: they have `*`.
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonquicksight.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_assets.dashboard.quicksight.place import MARK
from segment_assets.iam.grants import Grant

if TYPE_CHECKING:
    from segment_assets.iam.site import Site


def dashboards(site: Site) -> list[Grant]:
    """Data source, data sets and dashboards of this tenant, where a QuickSight account is named."""
    if not site.settings.quicksight_account:
        return []
    source = (_arn(site, "datasource", ""),)
    sets = (_arn(site, "dataset", "-*"),)
    boards = (_arn(site, "dashboard", "-*"),)
    return [
        Grant(
            sid="MakeAndList",
            calls=("quicksight:CreateDataSource", "quicksight:ListIngestions"),
            resources=("*",),
        ),
        Grant(
            sid="DataSource",
            calls=(
                "quicksight:DescribeDataSource",
                "quicksight:DescribeDataSourcePermissions",
                "quicksight:UpdateDataSource",
                "quicksight:UpdateDataSourcePermissions",
            ),
            # Asked of whoever makes a data set of it.
            also=("quicksight:CreateDataSet", "quicksight:PassDataSource"),
            resources=source,
        ),
        Grant(
            sid="DataSets",
            calls=(
                "quicksight:CreateDataSet",
                "quicksight:DescribeDataSet",
                "quicksight:DescribeDataSetPermissions",
                "quicksight:UpdateDataSet",
                "quicksight:UpdateDataSetPermissions",
            ),
            # Asked of whoever makes a dashboard of it.
            also=("quicksight:PassDataSet",),
            resources=(*sets, *source),
        ),
        Grant(
            sid="Loads",
            calls=("quicksight:CreateIngestion",),
            resources=(f"{sets[0]}/ingestion/*",),
        ),
        Grant(
            sid="Dashboards",
            calls=(
                "quicksight:CreateDashboard",
                "quicksight:DescribeDashboard",
                "quicksight:DescribeDashboardPermissions",
                "quicksight:UpdateDashboard",
                "quicksight:UpdateDashboardPermissions",
                "quicksight:UpdateDashboardPublishedVersion",
            ),
            resources=boards,
        ),
        Grant(
            sid="Marks",
            calls=("quicksight:ListTagsForResource",),
            # Asked of whoever makes something that has tags.
            also=("quicksight:TagResource",),
            resources=(*source, *sets, *boards),
        ),
    ]


def looks(site: Site) -> list[Grant]:
    """What the doctor looks at: whether readers and authors are there."""
    told = site.settings
    who = [*told.quicksight_readers, *told.quicksight_authors]
    users, groups = ([arn for arn in who if f":{kind}/" in arn] for kind in ("user", "group"))
    return [
        Grant(sid="LookAtUsers", calls=("quicksight:DescribeUser",), resources=tuple(dict.fromkeys(users))),
        Grant(sid="LookAtGroups", calls=("quicksight:DescribeGroup",), resources=tuple(dict.fromkeys(groups))),
    ]


def _arn(site: Site, kind: str, rest: str) -> str:
    told = site.settings
    name = f"{MARK}-{site.plan.tenant}{rest}"
    return f"arn:{site.partition}:quicksight:{told.region}:{told.quicksight_account}:{kind}/{name}"
