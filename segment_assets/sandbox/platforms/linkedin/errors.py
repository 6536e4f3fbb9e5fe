"""LinkedIn's error answers: HTTP status, its own number and word, and the JSON form in which they come.

Source: the Marketing API's error pages. Wording is ours: callers decide on status and code.
"""

from __future__ import annotations

from typing import NoReturn

from segment_assets.sandbox.platforms.kit.exchange import Answer, Refusal

BAD_REQUEST, UNAUTHORISED, FORBIDDEN, NOT_FOUND, CONFLICT, UPGRADE, THROTTLED = 400, 401, 403, 404, 409, 426, 429


def error_answer(status: int, code: str, message: str, number: int | None = None) -> Answer:
    """An error as Rest.li words it."""
    body: dict[str, object] = {"status": status, "code": code, "message": message}
    if number is not None:
        body["serviceErrorCode"] = number
    return Answer(status, body)


def refuse(status: int, code: str, message: str, number: int | None = None) -> NoReturn:
    """End the call with an error."""
    raise Refusal(error_answer(status, code, message, number))


def invalid(message: str) -> NoReturn:
    """Refuse what cannot be read."""
    refuse(BAD_REQUEST, "ILLEGAL_ARGUMENT", message, 100)


def not_found() -> NoReturn:
    """Refuse a segment that is not there, or not there yet: LinkedIn answers the same."""
    refuse(NOT_FOUND, "NOT_FOUND", "Could not find DMP segment")


def expired_token() -> Answer:
    """The token was good once."""
    return error_answer(UNAUTHORISED, "EXPIRED_ACCESS_TOKEN", "The token used in the request has expired", 65602)


def throttled() -> Answer:
    """The calls of a minute are used up. LinkedIn names no wait."""
    return error_answer(THROTTLED, "TOO_MANY_REQUESTS", "Resource level throttle limit for calls to this resource", 101)


def server_trouble(status: int) -> Answer:
    """The service is in trouble."""
    return error_answer(status, "SERVICE_UNAVAILABLE", "The service could not answer")


def invalid_somewhere() -> Answer:
    """400 for something in the request, without saying where."""
    return error_answer(BAD_REQUEST, "ILLEGAL_ARGUMENT", "The request is not valid", 100)
