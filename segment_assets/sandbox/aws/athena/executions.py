"""Executions: taken once for each token, queued, run by a few threads, ended, told.

As documented: a token that was used gives the execution of then, and an error where the request differs; a query beyond
the workgroup's limit is cancelled. Our reading: tokens are remembered for as long as the process lives.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import sys
import threading
import time
import traceback
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.aws.athena import running, statements
from segment_assets.sandbox.aws.athena.errors import AthenaError, CutOff, QueryFailed, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pyarrow as pa

    from segment_assets.sandbox.aws.athena.catalog import Catalog
    from segment_assets.sandbox.aws.athena.statements import Statement

_MILLISECONDS = 1000
_AT_ONCE = 4


@dataclasses.dataclass(slots=True)
class Settings:
    """How the service behaves. `cutoff` is BytesScannedCutoffPerQuery; `files` an answer is spread over."""

    queue_seconds: float = 0.0
    run_seconds: float = 0.0
    cutoff: int = 0
    files: int = 2
    enforced_location: str = ""
    engine: str = "Athena engine version 3"
    is_enabled: bool = True
    most_active: int = 20


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """Something that happens to the next execution that runs.

    `error` and `reason`: it fails with them. `leaves`: rows that a first, broken attempt left in the target, which is
    what RUNNING -> QUEUED may leave behind. `loses`: files of the answer that vanish. `scans`: bytes that it reads
    before anything else.
    """

    reason: str = ""
    error: AthenaError | None = None
    leaves: int = 0
    loses: bool = False
    scans: int = 0


@dataclasses.dataclass(slots=True)
class Execution:
    """One execution and all that is told of it."""

    id: str
    request: Mapping[str, Any]
    statement: Statement
    submitted: dt.datetime
    state: str = "QUEUED"
    reason: str = ""
    error: dict[str, Any] | None = None
    completed: dt.datetime | None = None
    statistics: dict[str, Any] = dataclasses.field(default_factory=dict)
    rows: pa.Table | None = None
    stopped: threading.Event = dataclasses.field(default_factory=threading.Event)

    @property
    def is_active(self) -> bool:
        """Whether it still waits or runs."""
        return self.completed is None


class Executions:
    """All executions of a process. `started` counts those that were begun, which is what AWS bills."""

    def __init__(self, catalog: Catalog, spill: Path, settings: Settings) -> None:
        self.settings, self.faults, self.started = settings, list[Fault](), 0
        self._catalog, self._spill = catalog, spill
        self._lock = threading.Lock()
        self._by_id: dict[str, Execution] = {}
        self._by_token: dict[str, Execution] = {}
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="athena")

    def start(self, request: Mapping[str, Any]) -> str:
        """The id of a new execution, or of the one that this token started before."""
        token = request.get("ClientRequestToken", "")
        with self._lock:
            before = self._by_token.get(token)
            if before is not None:
                if before.request != request:
                    raise Refusal("InvalidRequestException", "Idempotent parameters do not match")
                return before.id
            if sum(one.is_active for one in self._by_id.values()) >= self.settings.most_active:
                raise Refusal("TooManyRequestsException", "Too many queries", Reason="CONCURRENT_QUERY_LIMIT_EXCEEDED")
            statement = statements.read(request["QueryString"])
            made = Execution(str(uuid.uuid4()), request, statement, dt.datetime.now(dt.UTC))
            self._by_id[made.id] = self._by_token[token or made.id] = made
            self.started += 1
        self._threads.submit(self._live, made)
        return made.id

    def get(self, name: str) -> Execution:
        """An execution by its id."""
        found = self._by_id.get(name)
        if found is None:
            raise Refusal("InvalidRequestException", f"QueryExecution {name} was not found")
        return found

    def stop(self, name: str) -> None:
        """Cancel, where it has not ended."""
        found = self.get(name)
        found.stopped.set()
        with self._lock:
            if found.is_active:
                _end(found, "CANCELLED", "Query cancelled by user")

    def all(self) -> list[Execution]:
        """In the order of their beginning."""
        return list(self._by_id.values())

    def forget_tokens(self) -> None:
        """As if they were past the time for which AWS remembers them."""
        self._by_token.clear()

    def grow_older(self, age: float) -> None:
        """Make every execution look older by so many seconds."""
        for one in self._by_id.values():
            one.submitted -= dt.timedelta(seconds=age)

    def close(self) -> None:
        """End all threads."""
        for one in self.all():
            one.stopped.set()
        self._threads.shutdown()

    def _live(self, one: Execution) -> None:
        if one.stopped.wait(self.settings.queue_seconds):
            return
        begun = time.monotonic()
        one.state = "RUNNING"
        fault = self.faults.pop(0) if self.faults else Fault()
        state, reason, error = "SUCCEEDED", "", None
        try:
            self._run(one, fault)
        except QueryFailed as failed:
            state, reason, error = "FAILED", failed.reason, failed.error.told(failed.reason)
        except CutOff as cut:
            state, reason = "CANCELLED", str(cut)
            one.statistics["DataScannedInBytes"] = cut.scanned
        except Exception as defect:  # noqa: BLE001 - the thread must tell the end, whatever it was
            place = traceback.extract_tb(defect.__traceback__)[-1]
            sys.stderr.write(f"stand-in defect: {type(defect).__name__} at {place.filename}:{place.lineno}\n")
            state, reason = "FAILED", f"STAND_IN_DEFECT: {type(defect).__name__}"
        one.statistics["EngineExecutionTimeInMillis"] = int((time.monotonic() - begun) * _MILLISECONDS)
        one.statistics["QueryQueueTimeInMillis"] = int(self.settings.queue_seconds * _MILLISECONDS)
        with self._lock:
            if one.is_active:
                _end(one, state, reason, error)

    def _run(self, one: Execution, fault: Fault) -> None:
        one.stopped.wait(self.settings.run_seconds)
        if one.stopped.is_set():
            return
        if fault.error is not None:
            raise QueryFailed(fault.reason, fault.error)
        if 0 < self.settings.cutoff < fault.scans:
            raise CutOff(fault.scans)
        statements.refuse_unknown_functions(one.request["QueryString"])
        database = one.request.get("QueryExecutionContext", {}).get("Database", "default")
        found = running.answer(one.statement, database, self._catalog, self.settings.cutoff, self._spill)
        one.statistics["DataScannedInBytes"] = found.scanned
        one.rows = found.rows
        if one.statement.target:
            rows = found.rows.slice(0, 0) if fault.loses else found.rows
            self._write(one, rows, fault.leaves)

    def _write(self, one: Execution, rows: pa.Table, leaves: int) -> None:
        import pyarrow as pa

        names = running.write(
            pa.concat_tables([rows, rows.slice(0, leaves)]), one.statement, self._catalog, self.settings.files
        )
        manifest = f"{self.output_location(one)}{one.id}-manifest.csv"
        with self._catalog.session.filesystem().open_output_stream(manifest.removeprefix("s3://")) as file:
            file.write("".join(f"{name}\n" for name in names).encode())
        one.statistics["DataManifestLocation"] = manifest

    def output_location(self, one: Execution) -> str:
        """Where Athena's own files go: the workgroup's place, if that is enforced."""
        asked = one.request.get("ResultConfiguration", {}).get("OutputLocation", "")
        found = self.settings.enforced_location or asked
        return f"{found.rstrip('/')}/"


def _end(one: Execution, state: str, reason: str, error: dict[str, Any] | None = None) -> None:
    one.reason, one.error, one.completed = reason, error, dt.datetime.now(dt.UTC)
    # Last: whoever sees the state sees the rest.
    one.state = state
