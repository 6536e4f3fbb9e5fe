"""The small vocabulary that all rooms share.

Belongs here: names of things that cross from one room to another (match keys, members, refusals, errors) and
the protocols through which the pure rooms reach the outside (lake, transport, ledger store).
Not here: anything that knows one platform, one storage or Dagster.
"""

from collections.abc import Callable

from segment_assets.contracts.delivery import Answer, AudienceSpec, JobReport, JobState, Member, Session
from segment_assets.contracts.destination import AsynchronousDestination, Destination
from segment_assets.contracts.errors import (
    NeedsHumanError,
    PermanentError,
    RefusedBatchError,
    RefusedMembersError,
    SegmentAssetsError,
    TransientError,
)
from segment_assets.contracts.platform import Contract, Follow, Operation, Pattern, Quota, Sent
from segment_assets.contracts.storage import Lake, Snapshot, SnapshotWriter
from segment_assets.contracts.vocabulary import ColumnState, Eligibility, Encoding, MatchKey, Reason
from segment_assets.contracts.wire import Request, Response, Transport

Clock = Callable[[], float]
Sleep = Callable[[float], None]

__all__ = [
    "Answer",
    "AsynchronousDestination",
    "AudienceSpec",
    "Clock",
    "ColumnState",
    "Contract",
    "Destination",
    "Eligibility",
    "Encoding",
    "Follow",
    "JobReport",
    "JobState",
    "Lake",
    "MatchKey",
    "Member",
    "NeedsHumanError",
    "Operation",
    "Pattern",
    "PermanentError",
    "Quota",
    "Reason",
    "RefusedBatchError",
    "RefusedMembersError",
    "Request",
    "Response",
    "SegmentAssetsError",
    "Sent",
    "Session",
    "Sleep",
    "Snapshot",
    "SnapshotWriter",
    "TransientError",
    "Transport",
]
