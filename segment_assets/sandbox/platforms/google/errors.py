"""Google's error answers: `google.rpc.Status` as JSON, with its details.

Reasons are those of the API's `ErrorReason`. Wording is ours: callers decide on status and reasons.
"""

from __future__ import annotations

import dataclasses
import math
import uuid
from typing import TYPE_CHECKING, Any, NoReturn

from segment_assets.sandbox.platforms.kit.exchange import Answer, Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

_DOMAIN = "datamanager.googleapis.com"
_TYPE = "type.googleapis.com/google.rpc."
_NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Violation:
    """What is wrong with one field. Requests that cannot be parsed have violations without a reason."""

    field: str
    description: str
    reason: str = ""


def error_answer(status: int, message: str, details: Sequence[dict[str, Any]] = ()) -> Answer:
    """An error as all Google APIs word it."""
    error: dict[str, Any] = {"code": status, "message": message, "status": _NAMES.get(status, "UNKNOWN")}
    if details:
        error["details"] = list(details)
    return Answer(status, {"error": error})


def _info(reason: str, domain: str = _DOMAIN) -> dict[str, Any]:
    return {"@type": f"{_TYPE}ErrorInfo", "reason": reason, "domain": domain}


def _request_info() -> dict[str, Any]:
    return {"@type": f"{_TYPE}RequestInfo", "requestId": uuid.uuid4().hex}


def _bad_request(violations: Sequence[Violation]) -> dict[str, Any]:
    named = [{name: text for name, text in dataclasses.asdict(one).items() if text} for one in violations]
    return {"@type": f"{_TYPE}BadRequest", "fieldViolations": named}


def unreadable(violations: Sequence[Violation]) -> NoReturn:
    """Refuse what cannot be parsed as the request's message. This comes from the front end, without an ErrorInfo."""
    message = "\n".join(one.description for one in violations)
    raise Refusal(error_answer(400, message, [_bad_request(violations)]))


def invalid(violations: Sequence[Violation]) -> NoReturn:
    """Refuse the whole request for fields that are wrong: nothing of it is processed."""
    raise Refusal(invalid_answer(violations))


def invalid_answer(violations: Sequence[Violation]) -> Answer:
    """400 for fields that are wrong, each of them named."""
    message = "There was a problem with the request."
    return error_answer(400, message, [_info("INVALID_ARGUMENT"), _bad_request(violations), _request_info()])


def invalid_field(field: str, description: str, reason: str) -> NoReturn:
    """Refuse for one field."""
    invalid([Violation(field, description, reason)])


def not_found(what: str) -> NoReturn:
    """Refuse: there is no such thing, or it was deleted."""
    raise Refusal(error_answer(404, f"{what} was not found.", [_info("NOT_FOUND"), _request_info()]))


def no_permission() -> NoReturn:
    """Refuse: the account does not exist, or this caller may not reach it (Google does not say which)."""
    message = "The caller does not have permission"
    raise Refusal(error_answer(403, message, [_info("PERMISSION_DENIED"), _request_info()]))


def unauthenticated() -> Answer:
    """401, for a token that was never issued and for one that was good once: Google words both alike."""
    message = (
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
        "authentication credential."
    )
    return error_answer(401, message, [_info("ACCESS_TOKEN_EXPIRED", "googleapis.com")])


def exhausted(retry_seconds: float | None) -> Answer:
    """429, with `RetryInfo` where a delay is given."""
    details = [_info("RESOURCE_EXHAUSTED")]
    if retry_seconds is not None:
        details.append({"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{math.ceil(retry_seconds)}s"})
    return error_answer(429, "Quota exceeded for quota metric 'Requests'.", [*details, _request_info()])


def server_trouble(status: int) -> Answer:
    """500, 503 or 504: the transient ones."""
    return error_answer(status, "The service is currently unavailable.", [_request_info()])
