"""One Athena execution: started once, waited for, stopped when nobody waits any more, and what its end means.

Belongs here: Athena's calls, states and error codes. Not here: the statement, its rows.

Documented by AWS (API reference, "Athena error catalog", "Service quotas"; nothing of it was ever run against AWS):
- a start with a client token that was used before gives the execution of then, also a failed one, and an error where a
  parameter differs; for how long a token is remembered is not said;
- RUNNING may go back to QUEUED; FAILED is final, and AthenaError.Retryable says whether another try may help;
- a query beyond the workgroup's BytesScannedCutoffPerQuery is cancelled. The words of the reason are not documented,
  so the bytes are compared too.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import email.utils
import re
import time
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import NeedsHumanError, PermanentError, SegmentAssetsError, TransientError
from segment_assets.resources.aws.errors import translated

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ENDED = frozenset({"SUCCEEDED", "FAILED", "CANCELLED"})
_LONGEST_PAUSE = 5.0
_GROWTH = 1.5
_SYSTEM = 1
# https://docs.aws.amazon.com/athena/latest/ug/error-reference.html
_THROTTLED = range(1400, 1407)
_PERMISSION = (1500, 1501)
_REASON_CODE = re.compile(r"([A-Z]+(?:_[A-Z]+)+)\b")
_CUT_OFF = re.compile(r"bytes scanned limit", re.IGNORECASE)
NOT_EMPTY = "HIVE_PATH_ALREADY_EXISTS"
# An execution that was submitted this much before our call was answered is an earlier call's.
_SAME_CALL_SECONDS = 5.0


@dataclasses.dataclass(frozen=True, slots=True)
class Patience:
    """How an end is waited for, with pauses that grow from `first_seconds`.

    AWS ends a query by itself after 30 minutes if not told otherwise; time in the queue comes on top of that.
    """

    first_seconds: float = 0.3
    most_seconds: float = 3600.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


@dataclasses.dataclass(frozen=True, slots=True)
class Ended:
    """An execution that has ended. `is_of_before`: it was submitted by an earlier call with the same token."""

    id: str
    told: Mapping[str, Any]
    is_of_before: bool
    seconds_ago: float

    @property
    def has_succeeded(self) -> bool:
        """Whether Athena says so."""
        return bool(self.told["Status"]["State"] == "SUCCEEDED")

    @property
    def statistics(self) -> Mapping[str, Any]:
        """Bytes and milliseconds."""
        told: Mapping[str, Any] = self.told.get("Statistics", {})
        return told


@dataclasses.dataclass(frozen=True, slots=True)
class Workgroup:
    """What a workgroup lays down. `cutoff` is in bytes, 0 where there is none; `decides` where results go."""

    name: str
    cutoff: int
    decides: bool


def workgroup(client: Any, name: str) -> Workgroup:
    """Ask for a workgroup. Raises NeedsHumanError where it runs no SQL of ours."""
    with translated(f"Athena workgroup {name}"):
        found = client.get_work_group(WorkGroup=name)["WorkGroup"]
    configuration = found.get("Configuration", {})
    if found.get("State") == "DISABLED":
        raise NeedsHumanError(f"Athena workgroup {name} is disabled; enable it or name another one")
    engine = configuration.get("EngineVersion", {}).get("EffectiveEngineVersion", "")
    if engine and not engine.startswith("Athena engine version 3"):
        raise NeedsHumanError(
            f"Athena workgroup {name} has {engine}; insight SQL is written for Athena engine version 3"
        )
    is_managed = configuration.get("ManagedQueryResultsConfiguration", {}).get("Enabled", False)
    return Workgroup(
        name,
        cutoff=configuration.get("BytesScannedCutoffPerQuery", 0),
        # It overrides what a call says; with managed results a call may say nothing.
        decides=bool(is_managed or configuration.get("EnforceWorkGroupConfiguration", False)),
    )


def run(client: Any, request: Mapping[str, Any], patience: Patience) -> Ended:
    """Start, or find what was started with the same token, and wait for the end. Stops it if waiting ends first."""
    what = f"Athena workgroup {request['WorkGroup']}"
    with translated(what):
        answer = client.start_query_execution(**request)
    name, answered = answer["QueryExecutionId"], _date_of(answer)
    try:
        told = _wait(client, name, patience)
    except BaseException:
        # Whatever ends the waiting: nobody reads the answer, so nobody shall pay for the rest of it.
        with contextlib.suppress(Exception):
            client.stop_query_execution(QueryExecutionId=name)
        raise
    age = (answered - told["Status"]["SubmissionDateTime"]).total_seconds()
    return Ended(name, told, is_of_before=age > _SAME_CALL_SECONDS, seconds_ago=age)


def _wait(client: Any, name: str, patience: Patience) -> Mapping[str, Any]:
    pause, deadline = patience.first_seconds, patience.clock() + patience.most_seconds
    while True:
        with translated(f"Athena execution {name}"):
            told: Mapping[str, Any] = client.get_query_execution(QueryExecutionId=name)["QueryExecution"]
        if told["Status"]["State"] in _ENDED:
            return told
        if patience.clock() >= deadline:
            raise TransientError(
                f"Athena execution {name} did not end within {patience.most_seconds:g} s and was stopped; look whether "
                "the workgroup has room, and ask again"
            )
        patience.sleep(pause)
        pause = min(pause * _GROWTH, _LONGEST_PAUSE)


def failure(ended: Ended, group: Workgroup) -> SegmentAssetsError:
    """What an end without success means. Athena's own words may quote a value, so they are not repeated."""
    status = ended.told["Status"]
    code = code_of(ended)
    what = f"Athena execution {ended.id}"
    error: SegmentAssetsError
    if status["State"] == "CANCELLED":
        error = _cancelled(what, ended, group)
    else:
        error = _failed(what, code, status.get("AthenaError", {}))
    error.code = code
    return error


def code_of(ended: Ended) -> str:
    """The code that the reason begins with, or the number of Athena's error catalogue, or nothing."""
    status = ended.told["Status"]
    named = _REASON_CODE.match(status.get("StateChangeReason", ""))
    return named[1] if named else str(status.get("AthenaError", {}).get("ErrorType", ""))


def _cancelled(what: str, ended: Ended, group: Workgroup) -> SegmentAssetsError:
    scanned = ended.statistics.get("DataScannedInBytes", 0)
    reason = ended.told["Status"].get("StateChangeReason", "")
    if _CUT_OFF.search(reason) or 0 < group.cutoff <= scanned:
        return NeedsHumanError(
            f"{what} was cancelled at the limit of workgroup {group.name}: {scanned} bytes were scanned, "
            f"BytesScannedCutoffPerQuery is {group.cutoff}; raise it, or read fewer partitions at once"
        )
    return NeedsHumanError(f"{what} was stopped by somebody; make the table again when that was not meant")


def _failed(what: str, code: str, told: Mapping[str, Any]) -> SegmentAssetsError:
    number, category = told.get("ErrorType"), told.get("ErrorCategory")
    named = f"{what} failed ({code or 'without a code'})"
    if number in _PERMISSION:
        return NeedsHumanError(
            f"{named}: the role may not read or write something; look at its rights to Glue, S3 and KMS, "
            "`segment-assets doctor` helps"
        )
    if told.get("Retryable", category == _SYSTEM or number in _THROTTLED):
        return TransientError(f"{named}; tried again later")
    return PermanentError(f"{named}; look at the execution in Athena's history, and correct the query or its tables")


def _date_of(answer: Mapping[str, Any]) -> dt.datetime:
    """AWS's own time of an answer: our clock may be wrong."""
    told = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        return email.utils.parsedate_to_datetime(told)
    except ValueError:
        return dt.datetime.now(dt.UTC)
