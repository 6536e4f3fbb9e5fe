"""Ads Data Manager's error answers: a status, a code, details, and a list of errors with a type.

Source: the answers of the dataset management guide (code, details, message, errors), and the API reference (which
status has which name). Wording is ours: callers decide on status and code.
"""

from __future__ import annotations

from typing import NoReturn

from segment_assets.sandbox.platforms.kit.exchange import Answer, Refusal

_NAMES = {
    400: "BadRequest",
    401: "UnauthorizedRequest",
    403: "ForbiddenRequest",
    404: "ResourceNotFound",
    429: "TooManyRequests",
}


def error_answer(status: int, message: str, code: str = "", **more: object) -> Answer:
    """A call that did nothing."""
    code = code or _NAMES.get(status, "ServerError")
    errors = [{"errorType": code, "errorCode": status, "errorMessage": message}]
    return Answer(status, {"code": code, "details": message, "message": message, "errors": errors, **more})


def refuse(status: int, message: str, code: str = "", **more: object) -> NoReturn:
    """End the call with an error."""
    raise Refusal(error_answer(status, message, code, **more))


def throttled(seconds: float) -> Answer:
    """The calls of a second are used up."""
    answer = error_answer(429, "Too many requests")
    answer.headers["retry-after"] = str(max(1, round(seconds)))
    return answer


def of_member(index: int, kind: str, message: str) -> dict[str, object]:
    """One member of a request that was refused; the others were taken."""
    return {
        "index": index,
        "code": "400",
        "details": message,
        "errors": [{"errorCode": 400, "errorType": kind, "errorMessage": message}],
    }
