"""Looking at QuickSight: whether those who shall read are there, and whether it may use Athena.

Belongs here: looking and judging of both. Not here: what is sent there (`resources.aws.quicksight`).
Tried against our stand-in; never against AWS.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from segment_assets.contracts import PermanentError
from segment_assets.doctor.seeing import there
from segment_assets.resources.aws.session import AwsSession

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segment_assets.doctor.findings import Finding, Subject

_ABSENT = ("ResourceNotFoundException",)


@dataclasses.dataclass(frozen=True, slots=True)
class DataSource:
    """Our data source: its state, and QuickSight's code for what is wrong with it."""

    status: str
    error: str


def look_at_principal(arn: str, account: str) -> bool:
    """Whether QuickSight has a user or a group. It keeps them in one Region, which their ARN names."""
    region, (kind, namespace, name) = arn.split(":")[3], arn.split(":", 5)[5].split("/", 2)
    client = AwsSession(region).client("quicksight")
    told = {"AwsAccountId": account, "Namespace": namespace}
    if kind == "user":
        found = there(f"QuickSight {kind} {name}", lambda: client.describe_user(**told, UserName=name), _ABSENT)
    elif kind == "group":
        found = there(f"QuickSight {kind} {name}", lambda: client.describe_group(**told, GroupName=name), _ABSENT)
    else:
        raise PermanentError(f"{arn} is neither a user nor a group of QuickSight; correct it")
    return found is not None


def look_at_data_source(session: AwsSession, account: str, name: str) -> DataSource | None:
    """None where there is none yet."""
    client = session.client("quicksight")
    told = there(
        "QuickSight data source",
        lambda: client.describe_data_source(AwsAccountId=account, DataSourceId=name)["DataSource"],
        _ABSENT,
    )
    return told and DataSource(told.get("Status", ""), told.get("ErrorInfo", {}).get("Type", ""))


def judge_principal(*, is_there: bool, subject: Subject) -> Iterator[Finding]:
    """A reader or an author."""
    if is_there:
        yield subject.fine("it is there")
    else:
        yield subject.wrong(
            "principal_missing",
            "QuickSight does not have this user or group",
            "register it in QuickSight, or correct SEGMENT_ASSETS_QUICKSIGHT_READERS and _AUTHORS",
        )


def judge_data_source(source: DataSource | None, subject: Subject) -> Iterator[Finding]:
    """Whether QuickSight reached Athena when the data source was made or changed."""
    if source is None:
        yield subject.advice(
            "no_data_source",
            "it is made with the first run of dashboards/quicksight, which says whether QuickSight may use Athena",
            "let QuickSight use Athena first: QuickSight's settings, Security & permissions",
        )
    elif source.status.endswith("FAILED"):
        yield subject.wrong(
            "athena_not_allowed",
            f"QuickSight cannot use Athena by it ({source.status}, {source.error or 'no code'})",
            "allow Athena, its results' place and the lake's insight tables in QuickSight's settings, Security & "
            "permissions, and materialise dashboards/quicksight again",
        )
    else:
        yield subject.fine(f"it is {source.status}")
