"""Who may open what in QuickSight: readers the dashboards, authors the data sets too.

Belongs here: sets of actions, granting what lacks. Nothing is taken from anybody: somebody else may have given it.
https://docs.aws.amazon.com/quicksight/latest/APIReference/API_UpdateDataSetPermissions.html and its neighbours; the
service takes these sets of actions and no others.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from segment_assets.contracts import NeedsHumanError, SegmentAssetsError
from segment_assets.resources.aws.quicksight_calls import ABSENT, INVALID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segment_assets.resources.aws.quicksight_calls import Calls


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resource: how its permissions are asked and changed, and what using it takes."""

    key: str
    describe: str
    update: str
    actions: tuple[str, ...]


DATA_SOURCE = Kind(
    "DataSourceId",
    "describe_data_source_permissions",
    "update_data_source_permissions",
    ("DescribeDataSource", "DescribeDataSourcePermissions", "PassDataSource"),
)
DATA_SET = Kind(
    "DataSetId",
    "describe_data_set_permissions",
    "update_data_set_permissions",
    ("DescribeDataSet", "DescribeDataSetPermissions", "PassDataSet", "DescribeIngestion", "ListIngestions"),
)
DASHBOARD = Kind(
    "DashboardId",
    "describe_dashboard_permissions",
    "update_dashboard_permissions",
    ("DescribeDashboard", "ListDashboardVersions", "QueryDashboard"),
)


def granted(calls: Calls, what: str, kind: Kind, name: str, principals: Sequence[str]) -> bool:
    """Let principals use a resource. Whether anybody could not before. Raises NeedsHumanError for an unknown one."""
    if not principals:
        return False
    told = calls.look(what, kind.describe, **{kind.key: name})
    there = {one["Principal"]: set(one["Actions"]) for one in (told or {}).get("Permissions", ())}
    wanted = [f"quicksight:{action}" for action in kind.actions]
    lacking = [one for one in principals if not set(wanted) <= there.get(one, set())]
    for principal in lacking:
        # One by one, so that a refusal says whom it is about.
        grant = [{"Principal": principal, "Actions": wanted}]
        try:
            calls.ask(what, kind.update, **{kind.key: name}, GrantPermissions=grant)
        except SegmentAssetsError as refusal:
            if refusal.code not in {ABSENT, INVALID}:
                raise
            said = NeedsHumanError(
                f"{what}: QuickSight does not know {principal}; register this user or group there, or correct "
                "SEGMENT_ASSETS_QUICKSIGHT_READERS and _AUTHORS"
            )
            said.code = refusal.code
            raise said from None
    return bool(lacking)
