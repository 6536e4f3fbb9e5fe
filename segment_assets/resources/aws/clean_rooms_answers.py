"""What Clean Rooms answers, in our words: how a query is, why a start was refused, whether it may have arrived.

Belongs here: reading answers, tolerant of states, codes and members that are not documented yet. Pure but for
botocore's exceptions. Not here: asking (`clean_rooms`).
Source: botocore 1.44.5's model; the user guide's page on error codes. None of it was tried against AWS itself.

AWS's messages may quote the query or a value, so none is passed on; the query's id finds them in the console.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import NeedsHumanError, PermanentError, SegmentAssetsError, TransientError
from segment_assets.resources.aws.clean_rooms_requests import WORKER_TYPES, Worker
from segment_assets.resources.aws.errors import code_of, of_code, status_of, translated
from segment_assets.resources.clean_room import (
    ErrorCode,
    QueryError,
    QueryOutcome,
    QueryState,
    Statistics,
    UnansweredError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Where an answer does not say whether another try makes sense.
_PASSING = frozenset({ErrorCode.TRANSIENT_ERROR, ErrorCode.INTERNAL_ERROR})
_QUOTA = "ServiceQuotaExceededException"
_THROTTLED = frozenset({"Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded"})
_SERVER_ERROR = 500
_FIELD = re.compile(r"[A-Za-z0-9_.\[\]]{1,100}")
_WORD = re.compile(r"[\w .,()/-]{1,100}")

_NEXT = {
    ErrorCode.MALFORMED_QUERY: "judge it with `segment-assets check-query` and compare our collaboration.json with the "
    "rules in AWS",
    ErrorCode.RESOURCE_NOT_FOUND: "look whether its tables, their files and the result bucket are there",
    ErrorCode.INVALID_RESOURCE: "compare the tables' columns and types in Glue with the collaboration",
    ErrorCode.RESOURCE_ACCESS_DENIED: "let the collaboration's roles read the tables and their key, and write results",
    ErrorCode.TRANSIENT_ERROR: "it may pass",
    ErrorCode.INTERNAL_ERROR: "it may pass; else ask AWS with the query's id",
    ErrorCode.UNKNOWN_ERROR: "look at the query's page in AWS",
}
_REASONS = {
    "IAM_SYNCHRONIZATION_DELAY": "a role was changed a moment ago",
    "INVALID_QUERY": "judge the query with `segment-assets check-query`",
    "INVALID_CONFIGURATION": "compare the tables' rules and the membership with our collaboration.json",
    "FIELD_VALIDATION_FAILED": "this is an error of ours",
}


def outcome_of(
    query_id: str, told: Mapping[str, Any], *, worker: Worker | None = None, usd_per_unit: float = 0.0
) -> QueryOutcome:
    """The `protectedQuery` of GetProtectedQuery. `worker` is what it was started with, should AWS not say.

    A state that is not known is one that goes on, unless there is an error with it.
    """
    problem = told.get("error")
    state = _state(str(told.get("status", "")), failed=problem is not None)
    used = _worker(told) or worker
    return QueryOutcome(
        query_id=query_id,
        state=state,
        statistics=_statistics(told.get("statistics") or {}, usd_per_unit),
        location=_location(told) if state is QueryState.SUCCESS else None,
        error=_error(problem, used) if state is QueryState.FAILED else None,
    )


def _state(status: str, *, failed: bool) -> QueryState:
    with contextlib.suppress(ValueError):
        return QueryState(status)
    return QueryState.FAILED if failed else QueryState.STARTED


def _statistics(told: Mapping[str, Any], usd_per_unit: float) -> Statistics:
    units = float((told.get("billedResourceUtilization") or {}).get("units") or 0.0)
    cost = units * usd_per_unit if usd_per_unit else None
    return Statistics(int(told.get("totalDurationInMillis") or 0), units, cost)


def _location(told: Mapping[str, Any]) -> str | None:
    """Where our own member's result is; None where only others have received it."""
    output = (told.get("result") or {}).get("output") or {}
    s3 = output.get("s3") or (output.get("distribute") or {}).get("s3") or {}
    return s3.get("location") or None


def _worker(told: Mapping[str, Any]) -> Worker | None:
    used = (told.get("computeConfiguration") or {}).get("worker") or {}
    if used.get("type") not in WORKER_TYPES:
        return None
    with contextlib.suppress(PermanentError):
        return Worker(used["type"], int(used.get("number") or 0))
    return None


def _error(problem: Mapping[str, Any] | None, worker: Worker | None) -> QueryError:
    given = str((problem or {}).get("code") or "")
    code = next((known for known in ErrorCode if known.value == given), ErrorCode.UNKNOWN_ERROR)
    retry = ((problem or {}).get("retry") or {}).get("retryable")
    retryable = bool(retry) if retry is not None else code in _PASSING
    said = f"AWS says {given}; " if given != code and _FIELD.fullmatch(given) else ""
    following = _larger(worker) if code is ErrorCode.INSUFFICIENT_COMPUTE else _NEXT[code]
    return QueryError(code, said + following, retryable)


def _larger(worker: Worker | None) -> str:
    if worker is None:
        return "memory, disk or time were too small; give it larger workers, for instance CR.4X"
    if (larger := worker.next_size) is None:
        return f"memory, disk or time of {worker} were too small, and there is nothing larger; ask for less at a time"
    return f"memory, disk or time of {worker} were too small; give it {larger} (SEGMENT_ASSETS_CLEAN_ROOM_WORKER)"


@contextlib.contextmanager
def asked(what: str) -> Iterator[None]:
    """`errors.translated` with what is Clean Rooms' own: quotas, and the reasons of a validation."""
    from botocore.exceptions import ClientError

    with translated(what):
        try:
            yield
        except ClientError as refusal:
            raise refused(what, refusal) from None


@contextlib.contextmanager
def started(what: str) -> Iterator[None]:
    """The same around the one call of a start: UnansweredError exactly when the query may have been started.

    A connection that was never made, a 4xx and a throttle are known to have started nothing. Everything else that is
    not a whole answer is a doubt.
    """
    from botocore import exceptions as aws
    from botocore.parsers import ResponseParserError

    with asked(what):
        try:
            yield
        except (aws.EndpointConnectionError, aws.ConnectTimeoutError, aws.ProxyConnectionError) as silence:
            raise TransientError(f"{what}: cannot be reached ({type(silence).__name__})") from None
        except (aws.HTTPClientError, aws.ConnectionError, ResponseParserError) as silence:
            raise _unanswered(what, type(silence).__name__) from None
        except aws.ClientError as refusal:
            if status_of(refusal) >= _SERVER_ERROR and code_of(refusal) not in _THROTTLED:
                raise _unanswered(what, code_of(refusal) or str(status_of(refusal))) from None
            raise


def _unanswered(what: str, how: str) -> UnansweredError:
    return UnansweredError(f"{what}: no whole answer to the start ({how})")


def refused(what: str, refusal: Any) -> SegmentAssetsError:
    """The error for a refusal, by its code and reason and never by its text or status."""
    told, code = refusal.response, code_of(refusal)
    error: SegmentAssetsError
    if code == _QUOTA:
        quota = str(told.get("quotaName", ""))
        named = f" ({quota}: {told.get('quotaValue')})" if _WORD.fullmatch(quota) else ""
        error = TransientError(f"{what}: a quota is used up{named}; tried again later")
    elif code == "ValidationException" and told.get("reason") in _REASONS:
        reason = str(told["reason"])
        fields = [str(field.get("name")) for field in told.get("fieldList") or []]
        named = ", ".join(name for name in fields if _FIELD.fullmatch(name))
        kind = TransientError if reason == "IAM_SYNCHRONIZATION_DELAY" else PermanentError
        error = kind(f"{what}: {reason}{f' of {named}' if named else ''}; {_REASONS[reason]}")
    elif code == "ResourceNotFoundException":
        error = PermanentError(f"{what}: there is no such thing; look at the membership and its Region")
    elif code == "AccessDeniedException":
        error = NeedsHumanError(
            f"{what}: {code}; the membership needs CAN_QUERY, the role the action, its session the Region"
        )
    else:
        return of_code(what, code, status_of(refusal))
    error.code = code
    return error
