"""The small vocabulary that all rooms share.

Belongs here: names of things that cross from one room to another (match keys, members, refusals, errors) and
the protocols through which the pure rooms reach the outside (lake, transport, ledger store).
Not here: anything that knows one platform, one storage or Dagster.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as pads


class MatchKey(enum.StrEnum):
    """What a platform can recognise a person by. The field's own words, used in the plan and on the command line."""

    EMAIL = "email"
    PHONE = "phone"
    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    CITY = "city"
    STATE = "state"
    POSTAL_CODE = "postal_code"
    COUNTRY = "country"
    BIRTH_YEAR = "birth_year"
    BIRTH_MONTH = "birth_month"
    BIRTH_DAY = "birth_day"
    GENDER = "gender"
    MOBILE_AD_ID = "mobile_ad_id"


class Reason(enum.StrEnum):
    """Why a value was refused. Codes are stored in tables, so a code is never renamed."""

    EMPTY = "empty"
    NULL_TEXT = "null_text"
    NOT_AN_EMAIL = "not_an_email"
    NOT_A_PHONE = "not_a_phone"
    NO_COUNTRY = "no_country"
    UNKNOWN_COUNTRY = "unknown_country"
    NOT_A_POSTAL_CODE = "not_a_postal_code"
    NOT_A_STATE = "not_a_state"
    NOT_A_DATE = "not_a_date"
    IMPOSSIBLE_DATE = "impossible_date"
    NOT_A_GENDER = "not_a_gender"
    NOT_A_MOBILE_AD_ID = "not_a_mobile_ad_id"
    ZERO_MOBILE_AD_ID = "zero_mobile_ad_id"
    NO_LETTERS = "no_letters"
    UNSUPPORTED_DIGEST = "unsupported_digest"
    HASHED_WHERE_PLAIN_IS_NEEDED = "hashed_where_plain_is_needed"
    NO_IDENTIFIER = "no_identifier"
    UNREADABLE_ROW = "unreadable_row"


class ColumnState(enum.StrEnum):
    """What a source says about one of its columns. `auto` looks at every value."""

    RAW = "raw"
    HASHED = "hashed"
    AUTO = "auto"


class Eligibility(enum.StrEnum):
    """The door at which a person of an audience stopped, or `eligible` for those who may be sent."""

    ELIGIBLE = "eligible"
    SUPPRESSED = "suppressed"
    NO_CONSENT = "no_consent"
    HELD_OUT = "held_out"


class SegmentAssetsError(Exception):
    """Base of every error that we raise on purpose. The message names the thing and the next action.

    No message carries an identifier, raw or hashed, nor a secret. `code` is the platform's own code, where it gave one.
    """

    code: str = ""


class TransientError(SegmentAssetsError):
    """Trying again later may work (throttled, timed out, another run holds the audience).

    `retry_after` is in seconds where the other side said so.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PermanentError(SegmentAssetsError):
    """Trying the same again cannot work; something of ours must change."""


class RefusedMembersError(PermanentError):
    """A platform refused a whole request and named the members at fault: place in the batch -> its code.

    The others may be sent again without them.
    """

    def __init__(self, message: str, places: Mapping[int, str]) -> None:
        super().__init__(message)
        self.places = places


class NeedsHumanError(SegmentAssetsError):
    """Nothing is broken, but a person has to decide (guard rails, terms, a held segment)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Snapshot:
    """An immutable version of one table partition.

    `id` is minted from the content (SHA-256 hex over the data files), so equal content has an equal id.
    `uri` is the folder that holds the Parquet files. `stats` are counts and settings that readers judge
    without opening the data; never an identifier.
    """

    table: str
    partition: str
    id: str
    uri: str
    rows: int
    stats: Mapping[str, object]


class SnapshotWriter(Protocol):
    """Collects batches for a snapshot that is not visible until `publish`."""

    def write(self, data: pa.RecordBatch | pa.Table) -> None:
        """Append rows. They must have the table's declared schema."""
        ...

    def publish(self, stats: Mapping[str, object]) -> Snapshot:
        """Make what was written the current version, in one atomic move, and return it."""
        ...


class Lake(Protocol):
    """Tables as immutable snapshots, and small objects with conditional creation."""

    def writer(self, table: str, partition: str) -> SnapshotWriter:
        """Start a new version of a partition. Nothing is seen by readers before `publish`."""
        ...

    def current(self, table: str, partition: str) -> Snapshot | None:
        """The published version, or None when there is none."""
        ...

    def snapshot(self, table: str, partition: str, snapshot_id: str) -> Snapshot:
        """One retained version. Raises PermanentError when it is not retained any more."""
        ...

    def partitions(self, table: str) -> list[str]:
        """The partitions of a table that have a published version, sorted."""
        ...

    def dataset(self, snapshot: Snapshot) -> pads.Dataset:
        """The rows of a snapshot, for streaming (`to_batches`) or for DuckDB."""
        ...

    def put_if_absent(self, key: str, body: bytes) -> bool:
        """Create an object. False, and no change, when the key exists already."""
        ...

    def get(self, key: str) -> bytes | None:
        """An object's bytes, or None."""
        ...

    def keys(self, prefix: str) -> list[str]:
        """The keys below a prefix, sorted."""
        ...


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """One call to a platform. `json` is the body; it and the headers are never logged."""

    method: str
    path: str
    json: object | None = None
    params: Mapping[str, str] = dataclasses.field(default_factory=dict)
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Response:
    """What came back. `json` is None where the body was not JSON."""

    status: int
    headers: Mapping[str, str]
    json: object | None


class Transport(Protocol):
    """Carries a request to one platform account: base address, credentials and time-outs are its business.

    Raises TransientError when no answer came (refused, reset, timed out, cut short).
    """

    def send(self, request: Request) -> Response:
        """Send and wait for the answer, whatever its status."""
        ...


class Pattern(enum.StrEnum):
    """How a platform takes audiences (the three ways of the AWS guidance, and files)."""

    MANAGED = "managed"
    MULTI_STEP = "multi_step"
    SINGLE_STEP = "single_step"
    FILE = "file"


class Operation(enum.StrEnum):
    """What a request asks of an audience."""

    ADD = "add"
    REMOVE = "remove"


@dataclasses.dataclass(frozen=True, slots=True)
class Sent:
    """How one match key goes over the wire: the platform's field, and the column of hashed_audience it is read from."""

    field: str
    form: str


@dataclasses.dataclass(frozen=True, slots=True)
class Quota:
    """Requests that one account may make in a stretch of seconds."""

    requests: int
    per_seconds: float


@dataclasses.dataclass(frozen=True, slots=True)
class Follow:
    """How often a platform wants to be asked about a job, by its own advice. Seconds."""

    first: float
    multiplier: float
    longest: float
    give_up: float


@dataclasses.dataclass(frozen=True, slots=True)
class Contract:
    """What a platform accepts, declared once; limits, documentation and checks are derived from it.

    `match_groups`: a person is usable when every key of at least one group is known.
    `identifying`: keys of which any single one makes the platform add or remove a person.
    `minimum_members`: the smallest audience that the platform can use.
    `expiry_days`: after how many days a member leaves by itself, None where never.
    `follow`: set where a request is only a job that the platform works on later.
    `statements`: what the plan has to state about each activation, and the words the platform takes for it.
    """

    platform: str
    version: int
    pattern: Pattern
    match_keys: Mapping[MatchKey, Sent]
    match_groups: tuple[tuple[MatchKey, ...], ...]
    identifying: tuple[MatchKey, ...]
    batch_members: int
    batch_bytes: int
    quota: Quota
    minimum_members: int
    expiry_days: int | None
    first_party_only: bool
    evidence: str
    follow: Follow | None = None
    statements: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)

    def forms(self) -> tuple[str, ...]:
        """Columns of hashed_audience that this platform is sent, in the order of the wire."""
        return tuple(sent.form for sent in self.match_keys.values())


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    """One person's record: every identifier in it belongs to that person. Never written to a log."""

    member_id: bytes
    keys: Mapping[str, bytes | str]

    def __repr__(self) -> str:
        return f"Member({len(self.keys)} keys)"


@dataclasses.dataclass(frozen=True, slots=True)
class Session:
    """Where a batch stands in one phase of a delivery. `token` is the same for every batch of that phase."""

    token: int
    sequence: int
    last: bool
    members_in_total: int
    received_before: int


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What a platform said about one batch, in people. `rejected` maps a place in the batch to the platform's code.

    `session_received` is the platform's running count for the phase, where it keeps one.
    `pause` is how many seconds the platform wants to be left alone before the next call.
    `job` names the work that the platform will do later; until that has ended all people of the batch are `unproven`.
    """

    received: int
    accepted: int
    rejected: Mapping[int, str]
    unproven: int
    session_received: int
    code: str
    pause: float = 0.0
    job: str = ""


class JobState(enum.StrEnum):
    """Where a platform's job is. All but `processing` are final."""

    PROCESSING = "processing"
    SUCCESS = "success"
    PARTIAL_SUCCESS = "partial_success"
    FAILED = "failed"


@dataclasses.dataclass(frozen=True, slots=True)
class JobReport:
    """What a platform says about a job, in people. `rejected` counts by the platform's reason; nobody is named.

    `match_rate` is the platform's own word for it, empty where it gives none.
    """

    state: JobState
    received: int
    rejected: Mapping[str, int]
    match_rate: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class AudienceSpec:
    """What an audience on a platform is created with. The statements about the data come from the plan.

    `marker` is an opaque token of ours that recognises an audience that we created, after a crash between the
    platform's answer and our note of it; audiences are never adopted by name.
    """

    name: str
    marker: str
    statements: Mapping[str, str]


class Destination(Protocol):
    """The few things that differ between platforms. Pacing, retries and receipts are the courier's."""

    contract: Contract

    def find_audience(self, transport: Transport, spec: AudienceSpec) -> str | None:
        """The id of the audience that carries our marker, or None."""
        ...

    def create_audience(self, transport: Transport, spec: AudienceSpec) -> str:
        """Create an empty audience and return its id. Raises as `read` does."""
        ...

    def delete_audience(self, transport: Transport, audience_id: str) -> None:
        """Delete an audience of ours with everybody in it. Raises as `read` does; gone already is fine."""
        ...

    def request(self, audience_id: str, operation: Operation, members: Sequence[Member], session: Session) -> Request:
        """The call for one batch. Equal arguments give an equal request."""
        ...

    def read(self, members: Sequence[Member], session: Session, response: Response) -> Answer:
        """Understand the answer, or raise TransientError, PermanentError or NeedsHumanError for a refusal."""
        ...


class AsynchronousDestination(Destination, Protocol):
    """A destination whose contract has `follow`: its answers name jobs."""

    def job_request(self, job: str) -> Request:
        """The call that asks about a job."""
        ...

    def read_job(self, response: Response) -> JobReport:
        """Understand the answer, or raise as `read` does."""
        ...


Clock = Callable[[], float]
Sleep = Callable[[float], None]
Batches = Iterable["pa.RecordBatch"]

__all__ = [
    "Answer",
    "AsynchronousDestination",
    "AudienceSpec",
    "Batches",
    "Callable",
    "Clock",
    "ColumnState",
    "Contract",
    "Destination",
    "Eligibility",
    "Follow",
    "Iterator",
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
    "RefusedMembersError",
    "Request",
    "Response",
    "SegmentAssetsError",
    "Sent",
    "Sequence",
    "Session",
    "Sleep",
    "Snapshot",
    "SnapshotWriter",
    "TransientError",
    "Transport",
]
