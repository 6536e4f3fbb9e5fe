"""The small vocabulary that all rooms share.

Belongs here: names of things that cross from one room to another (match keys, members, refusals, errors) and
the protocols through which the pure rooms reach the outside (lake, transport, ledger store).
Not here: anything that knows one platform, one storage or Dagster.
"""

from collections.abc import Callable

from segment_assets.contracts.delivery import (
    Answer,
    AudienceSpec,
    JobReport,
    JobState,
    Member,
    Session,
    Step,
    StepAnswer,
)
from segment_assets.contracts.destination import (
    AsynchronousDestination,
    Destination,
    ErasingDestination,
    InquiringDestination,
    WorkflowDestination,
)
from segment_assets.contracts.errors import (
    GoneError,
    NeedsHumanError,
    PassingMembersError,
    PermanentError,
    RefusedBatchError,
    RefusedMembersError,
    RefusedRemovalError,
    SegmentAssetsError,
    TransientError,
)
from segment_assets.contracts.limits import Counted, Kept, Limit
from segment_assets.contracts.platform import (
    Contract,
    Erasure,
    Follow,
    Mode,
    Operation,
    Pattern,
    Quota,
    Replacing,
    Sent,
    VerifiedBy,
    Workflow,
)
from segment_assets.contracts.readings import Reading, every_form, read_as_sent, read_by
from segment_assets.contracts.storage import Lake, RedactingLake, Rewrite, Snapshot, SnapshotWriter
from segment_assets.contracts.vocabulary import (
    ATTRIBUTE_COLUMNS,
    CONSENT_COLUMNS,
    IS_VALUE_BASED,
    VALUE_COLUMN,
    ColumnState,
    Consent,
    Eligibility,
    Encoding,
    MatchKey,
    Reason,
)
from segment_assets.contracts.wire import Request, Response, Transport

Clock = Callable[[], float]
Sleep = Callable[[float], None]

__all__ = [
    "ATTRIBUTE_COLUMNS",
    "CONSENT_COLUMNS",
    "IS_VALUE_BASED",
    "VALUE_COLUMN",
    "Answer",
    "AsynchronousDestination",
    "AudienceSpec",
    "Clock",
    "ColumnState",
    "Consent",
    "Contract",
    "Counted",
    "Destination",
    "Eligibility",
    "Encoding",
    "ErasingDestination",
    "Erasure",
    "Follow",
    "GoneError",
    "InquiringDestination",
    "JobReport",
    "JobState",
    "Kept",
    "Lake",
    "Limit",
    "MatchKey",
    "Member",
    "Mode",
    "NeedsHumanError",
    "Operation",
    "PassingMembersError",
    "Pattern",
    "PermanentError",
    "Quota",
    "Reading",
    "Reason",
    "RedactingLake",
    "RefusedBatchError",
    "RefusedMembersError",
    "RefusedRemovalError",
    "Replacing",
    "Request",
    "Response",
    "Rewrite",
    "SegmentAssetsError",
    "Sent",
    "Session",
    "Sleep",
    "Snapshot",
    "SnapshotWriter",
    "Step",
    "StepAnswer",
    "TransientError",
    "Transport",
    "VerifiedBy",
    "Workflow",
    "WorkflowDestination",
    "every_form",
    "read_as_sent",
    "read_by",
]
