"""Destinations that are services of AWS: what the delivery duty may do with those that the plan names.

Belongs here: AppFlow, Customer Profiles, folders where a platform fetches files. Not here: the other destinations,
which are reached with tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_assets.destinations.appflow import DEFAULT_PREFIX
from segment_assets.iam.grants import Grant
from segment_assets.iam.parts import files

if TYPE_CHECKING:
    from segment_assets.iam.site import Site


def appflow(site: Site) -> list[Grant]:
    """Flows of ours, over the connections and folders that the plan names."""
    accounts = site.signed("appflow")
    flows = site.arn("appflow", "flow/segment-assets-*")
    folders = [f"s3://{told.get('bucket', '')}/{told.get('prefix', DEFAULT_PREFIX)}" for _, told in accounts]
    return [
        Grant(
            sid="Flows",
            calls=(
                "appflow:DeleteFlow",
                "appflow:DescribeFlow",
                "appflow:DescribeFlowExecutionRecords",
                "appflow:StartFlow",
                "appflow:UpdateFlow",
            ),
            resources=(flows,) if accounts else (),
        ),
        # IAM knows no resource for it.
        Grant(sid="MakeFlows", calls=("appflow:CreateFlow",), resources=("*",) if accounts else ()),
        Grant(
            sid="Connections",
            calls=(),
            # Asked when a flow is made or changed that uses a connection.
            also=("appflow:UseConnectorProfile",),
            resources=tuple(site.arn("appflow", f"connectorprofile/{name}") for name, _ in accounts),
        ),
        *(
            grant
            for place, folder in enumerate(sorted(set(folders)), 1)
            for grant in files(site, f"Flow{place}", folder, ("s3:DeleteObject", "s3:GetObject", "s3:PutObject"))
        ),
    ]


def customer_profiles(site: Site) -> list[Grant]:
    """Segments and imports of the domains that the plan names."""
    domains = [site.arn("profile", f"domains/{name}") for name, _ in site.signed("profile")]
    return [
        Grant(
            sid="Profiles",
            calls=(
                "customer-profiles:CreateSegmentDefinition",
                "customer-profiles:CreateUploadJob",
                "customer-profiles:DeleteSegmentDefinition",
                "customer-profiles:GetSegmentDefinition",
                "customer-profiles:GetUploadJob",
                "customer-profiles:GetUploadJobPath",
                "customer-profiles:StartUploadJob",
            ),
            resources=tuple(
                arn for domain in domains for arn in (domain, f"{domain}/segment-definitions/segment_assets-*")
            ),
        )
    ]


def files_of_others(site: Site) -> list[Grant]:
    """Folders where a platform fetches files (LiveRamp). The bucket may be the platform's own."""
    return [
        Grant(
            sid=f"Files{place}",
            calls=("s3:PutObject",),
            resources=tuple(
                site.objects(f"s3://{told.get('bucket', '')}/{prefix}")
                for prefix in dict.fromkeys(
                    [told.get("prefix", f"segment-assets/{name}"), told.get("removals_prefix", "")]
                )
                if prefix
            ),
        )
        for place, (name, told) in enumerate(site.signed("s3"), 1)
    ]
