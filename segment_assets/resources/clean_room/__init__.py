"""The clean room: send a query, learn its state and where the result is.

Belongs here: the interface that assets use, in AWS's words. Not here: the implementations (`local`, later `aws`),
nor reading results (`results`).
"""

from __future__ import annotations

import dataclasses
import enum
from typing import Protocol


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
    """A query to run. `sql` is Spark SQL without placeholders; it is kept out of the repr for its literals."""

    name: str
    sql: str = dataclasses.field(repr=False)
    result_format: ResultFormat = ResultFormat.PARQUET


@dataclasses.dataclass(frozen=True, slots=True)
class Statistics:
    """What a query took: milliseconds, and CRPU-hours billed (0 where nothing is billed)."""

    total_duration_in_millis: int
    billed_units: float

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
    """How a query ended. `location` is the URI of the folder with the result; `rows` where the engine tells it.

    Never the rows themselves. Withheld groups are not told: absent means "below threshold or none", never 0.
    """

    query_id: str
    state: QueryState
    statistics: Statistics
    location: str | None = None
    rows: int | None = None
    error: QueryError | None = None


class CleanRoom(Protocol):
    """Runs protected queries of one member of one collaboration."""

    def run(self, query: ProtectedQuery) -> QueryOutcome:
        """Run a query to its end. A refused or failed query is an outcome, not an exception."""
        ...


__all__ = [
    "CleanRoom",
    "ErrorCode",
    "ProtectedQuery",
    "QueryError",
    "QueryOutcome",
    "QueryState",
    "ResultFormat",
    "Statistics",
]
