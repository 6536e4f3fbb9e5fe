"""The clean room: start a query, look how it is, learn where the result is.

Belongs here: the interface that assets use, in AWS's words. Not here: the implementations (`local`,
`resources.aws.clean_rooms`), what is noted about a query over its life (`record`, `asking`), nor how a result's bytes
become rows (`results`).
"""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from segment_assets.contracts import TransientError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    import pyarrow as pa


class ResultFormat(enum.StrEnum):
    """The formats that Clean Rooms writes."""

    PARQUET = "PARQUET"
    CSV = "CSV"


class QueryState(enum.StrEnum):
    """States of a protected query, as GetProtectedQuery tells them."""

    SUBMITTED = "SUBMITTED"
    STARTED = "STARTED"
    CANCELLING = "CANCELLING"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    SUCCESS = "SUCCESS"
    TIMED_OUT = "TIMED_OUT"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen."""
        return self in (QueryState.CANCELLED, QueryState.FAILED, QueryState.SUCCESS, QueryState.TIMED_OUT)


class ErrorCode(enum.StrEnum):
    """Stable codes of a failed query, as GetProtectedQuery tells them."""

    MALFORMED_QUERY = "MALFORMED_QUERY"
    RESOURCE_NOT_FOUND = "RESOURCE_NOT_FOUND"
    INVALID_RESOURCE = "INVALID_RESOURCE"
    RESOURCE_ACCESS_DENIED = "RESOURCE_ACCESS_DENIED"
    INSUFFICIENT_COMPUTE = "INSUFFICIENT_COMPUTE"
    TRANSIENT_ERROR = "TRANSIENT_ERROR"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    UNKNOWN_ERROR = "UNKNOWN_ERROR"


@dataclasses.dataclass(frozen=True, slots=True)
class ProtectedQuery:
    """A query to run. `sql` is Spark SQL without placeholders; it is kept out of the repr for its literals.

    `parameters` are the values that were written in the place of the placeholders, as texts: a room that has an
    approved template of the query's name starts that with them, which is the same question. `uncertain_allowed` is the
    plan's word for a query whose verdict AWS's documentation leaves open; without it a room does not start that.
    """

    name: str
    sql: str = dataclasses.field(repr=False)
    result_format: ResultFormat = ResultFormat.PARQUET
    parameters: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False, hash=False)
    uncertain_allowed: bool = False

    @property
    def how_to_allow(self) -> str:
        """What a person does where the verdict is uncertain."""
        return (
            f"AWS's documentation does not settle whether it may run; rewrite it, or have somebody else than the "
            f"plan's author name it in the plan: uncertain_queries, {self.name}"
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Statistics:
    """What a query took: milliseconds, and CRPU-hours billed (0 where nothing is billed).

    The cost is an estimate of ours, and None where the deployment does not tell its price.
    """

    total_duration_in_millis: int
    billed_units: float
    estimated_cost_usd: float | None = None

    def to_aws(self) -> dict[str, object]:
        """The `statistics` object of GetProtectedQuery."""
        return {
            "totalDurationInMillis": self.total_duration_in_millis,
            "billedResourceUtilization": {"units": self.billed_units},
        }


@dataclasses.dataclass(frozen=True, slots=True)
class QueryError:
    """Why a query failed. The message holds neither data nor literals of the query."""

    code: ErrorCode
    message: str
    retryable: bool


@dataclasses.dataclass(frozen=True, slots=True)
class QueryOutcome:
    """How a query is. `location` is the URI of the folder with the result; `rows` where the engine tells it.

    A query whose state is not final has neither, nor an error. A result that went to other members only has no
    location. Never the rows themselves. Withheld groups are not told:
    absent means "below threshold or none", never 0.
    """

    query_id: str
    state: QueryState
    statistics: Statistics
    location: str | None = None
    rows: int | None = None
    error: QueryError | None = None

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads; no SQL and no rows."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> QueryOutcome:
        """The outcome that `to_json` wrote."""
        error = told["error"]
        return cls(
            told["query_id"],
            QueryState(told["state"]),
            Statistics(**told["statistics"]),
            told["location"],
            told["rows"],
            QueryError(ErrorCode(error["code"]), error["message"], error["retryable"]) if error else None,
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Pace:
    """How patient one is with a room. Seconds.

    `look_for`: how long a run that has started a query looks before it leaves it to the follower; `look_every` is the
    pause between two looks. `arrives_within`: when a start that was not answered and is not found cannot come any more.
    """

    look_for: float = 5.0
    look_every: float = 2.0
    arrives_within: float = 120.0


class UnansweredError(TransientError):
    """No answer came to the start of a query, so it may have been started."""


class CleanRoom(Protocol):
    """Runs protected queries of one member of one collaboration. AWS's names of the calls are in brackets.

    All but `pace` raise TransientError when the room cannot be reached or throttles, PermanentError when it refuses.
    """

    @property
    def pace(self) -> Pace:
        """How patient one is with this room."""
        ...

    def start(self, query: ProtectedQuery) -> str:
        """Start a query and return its id (StartProtectedQuery). Called twice it is paid for twice.

        UnansweredError says that the query may have been started; after every other error it was not.
        """
        ...

    def look(self, query_id: str) -> QueryOutcome:
        """How a query is now (GetProtectedQuery). A refused or failed query is an outcome, not an exception."""
        ...

    def cancel(self, query_id: str) -> None:
        """Ask for the end of a query (UpdateProtectedQuery). One that has ended stays as it ended."""
        ...

    def find(self, query: ProtectedQuery, since: float) -> list[str]:
        """Ids of the queries with this very text that were started at or after `since`, oldest first.

        `since` is in seconds since 1970. StartProtectedQuery knows no client token (botocore 1.44.5), so this is how a
        start is found whose answer was lost (ListProtectedQueries, and GetProtectedQuery for the text).
        """
        ...

    def read(
        self, location: str, schema: pa.Schema, result_format: ResultFormat = ResultFormat.PARQUET
    ) -> Iterator[pa.RecordBatch]:
        """The rows of a result, in the columns and types of `schema`. Errors as in `results.read_batches`."""
        ...


@runtime_checkable
class Announcing(Protocol):
    """A room that may be told by somebody when queries end, so that they need not be asked for so often."""

    def announced(self) -> Collection[str] | None:
        """Ids of queries that were said to have ended since the last call; None when nobody tells anything now.

        What is said may be lost, late or about others: it is a reason to look, and never a state.
        """
        ...


__all__ = [
    "Announcing",
    "CleanRoom",
    "ErrorCode",
    "Pace",
    "ProtectedQuery",
    "QueryError",
    "QueryOutcome",
    "QueryState",
    "ResultFormat",
    "Statistics",
    "UnansweredError",
]
