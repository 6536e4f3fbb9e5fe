"""The life of protected queries in the stand-in: submitted, started, ended, each by a thread of its own.

Belongs here: states, the quota of concurrent queries, cancelling, planned ends, events. Not here: running (`engine`).
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.aws.clean_rooms.refusing import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from segment_assets.sandbox.aws.clean_rooms.engine import Engine
    from segment_assets.sandbox.aws.clean_rooms.faults import End, Plans

CONCURRENT = 5
FINAL = frozenset({"CANCELLED", "FAILED", "SUCCESS", "TIMED_OUT"})
_TOLD = {
    "SUBMITTED": "Submitted", "STARTED": "Started", "CANCELLING": "Cancelling", "CANCELLED": "Cancelled",
    "FAILED": "Failed", "SUCCESS": "Succeeded", "TIMED_OUT": "Timed Out",
}  # fmt: skip
# Made up: real prices are per CRPU-hour, and how many a size uses is on AWS's price page.
_UNITS_PER_SECOND = {"CR.1X": 1 / 3600, "CR.4X": 4 / 3600, "CR.8X": 8 / 3600}
_SHORTEST_BILLED_SECONDS = 60
_LONGEST_HOLD_SECONDS = 120


@dataclasses.dataclass(slots=True)
class Query:
    """One protected query; the members are the API's."""

    id: str
    asked: Mapping[str, Any]
    sql: str
    created: dt.datetime
    status: str = "SUBMITTED"
    cancelled: bool = False
    error: Mapping[str, Any] | None = None
    output: Mapping[str, Any] | None = None
    took_ms: int = 0
    units: float = 0.0
    thread: threading.Thread | None = None

    def to_aws(self, membership: Mapping[str, str]) -> dict[str, Any]:
        """The `protectedQuery` of the API."""
        kept = ("sqlParameters", "resultConfiguration", "computeConfiguration", "queryComputePayerAccountId")
        told = {
            "id": self.id,
            **membership,
            "createTime": self.created,
            "status": self.status,
            **{name: self.asked[name] for name in kept if name in self.asked},
        }
        if self.status in FINAL:
            units = {"billedResourceUtilization": {"units": self.units}}
            told["statistics"] = {"totalDurationInMillis": self.took_ms} | units
        if self.output is not None:
            told["result"] = {"output": dict(self.output)}
        return told | ({"error": dict(self.error)} if self.error is not None else {})


class Queries:
    """All queries of one membership. `seconds` is the latency of each change of state; `held` lets none of them end."""

    def __init__(
        self, engine: Engine | None, plans: Plans, collaboration: str, *, seconds: float, tell: Callable[..., None]
    ) -> None:
        self._engine, self._plans, self._collaboration = engine, plans, collaboration
        self._tell = tell
        self._lock = threading.RLock()
        self._queries: dict[str, Query] = {}
        self.seconds = seconds
        self.held = False

    def start(self, asked: Mapping[str, Any], sql: str) -> Query:
        """A new query. Raises Refused when five are at work."""
        with self._lock:
            if sum(query.status not in FINAL for query in self._queries.values()) >= CONCURRENT:
                raise Refused(
                    "ServiceQuotaExceededException",
                    message="You have reached the limit", quotaName="Concurrent queries per membership",
                    quotaValue=float(CONCURRENT),
                )  # fmt: skip
            query = Query(str(uuid.uuid4()), asked, sql, dt.datetime.now(dt.UTC))
            self._queries[query.id] = query
            end = self._plans.take_end()
        self._tell(query.id, _TOLD["SUBMITTED"])
        query.thread = threading.Thread(target=self._live, args=(query, end), daemon=True)
        query.thread.start()
        return query

    def get(self, query_id: str) -> Query:
        """Raises Refused for an id that nobody gave."""
        with self._lock:
            if query_id not in self._queries:
                refuse_unknown(query_id)
            return self._queries[query_id]

    def cancel(self, query_id: str) -> Query:
        """Ask for an end. Raises Refused for a query that has ended."""
        with self._lock:
            query = self.get(query_id)
            if query.status in FINAL:
                raise Refused("ConflictException", message="It has ended", reason="INVALID_STATE")
            query.cancelled = True
            self._move(query, "CANCELLING")
            return query

    def every(self, status: str | None = None) -> list[Query]:
        """All queries, newest first, as an API would that promises no order."""
        with self._lock:
            return [query for query in reversed(self._queries.values()) if status in (None, query.status)]

    def settled(self, seconds: float = 30.0) -> None:
        """Wait until nothing is at work that is not held."""
        for query in self.every():
            if query.thread is not None:
                query.thread.join(seconds)

    def _live(self, query: Query, end: End | None) -> None:
        time.sleep(self.seconds)
        self._move(query, "STARTED")
        begun, patience = time.monotonic(), _LONGEST_HOLD_SECONDS
        while self.held and not query.cancelled and time.monotonic() - begun < patience:
            time.sleep(0.005)
        answered = _planned(end) if end is not None else self._answered(query)
        time.sleep(self.seconds)
        with self._lock:
            query.took_ms = round((time.monotonic() - begun) * 1000)
            worker = (query.asked.get("computeConfiguration") or {}).get("worker") or {"type": "CR.1X", "number": 16}
            seconds = max(query.took_ms / 1000, _SHORTEST_BILLED_SECONDS)
            query.units = 0.0 if query.cancelled else _UNITS_PER_SECOND[worker["type"]] * worker["number"] * seconds
            status, query.error, query.output = ("CANCELLED", None, None) if query.cancelled else answered
            self._move(query, status)

    def _answered(self, query: Query) -> tuple[str, Mapping[str, Any] | None, Mapping[str, Any] | None]:
        if self._engine is None or query.cancelled:
            return "SUCCESS", None, {"s3": {"location": f"s3://nowhere/{query.id}/"}}
        wanted = query.asked["resultConfiguration"]["outputConfiguration"]["s3"]
        try:
            outcome = self._engine.run(query.sql, wanted["resultFormat"])
            if outcome.error is not None:
                retry = {"retryable": outcome.error.retryable}
                error = {"message": outcome.error.message, "code": outcome.error.code.value, "retry": retry}
                return "FAILED", error, None
            where = self._engine.delivered(outcome, wanted, collaboration=self._collaboration, query=query.id)
        except Exception as problem:  # noqa: BLE001 - whatever happens in a service is an end of the query for its caller
            error = {"message": type(problem).__name__, "code": "INTERNAL_ERROR", "retry": {"retryable": True}}
            return "FAILED", error, None
        return "SUCCESS", None, {"s3": {"location": where}}

    def _move(self, query: Query, status: str) -> None:
        with self._lock:
            if status == "STARTED" and query.status != "SUBMITTED":
                return
            query.status = status
        self._tell(query.id, _TOLD.get(status, status))


def _planned(end: End) -> tuple[str, Mapping[str, Any] | None, Mapping[str, Any] | None]:
    return end.status, end.error, end.output


def refuse_unknown(what: str) -> None:
    """There is no such thing here."""
    raise Refused("ResourceNotFoundException", message="Not found", resourceId=what, resourceType="MEMBERSHIP")
