"""Snap's answers: an envelope for the request, and one for each thing in it.

Source: the samples of "Customer Lists", and a refusal (E3002) that another vendor's tests keep. Our readings: E1001 for
what cannot be read, E2001 for what may not be so, E1003 for what is not there; one bad segment is refused alone, with
HTTP 200.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from segment_assets.sandbox.platforms.kit.exchange import Answer, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

UNREADABLE, NOT_THERE, INVALID, NO_PERMISSION = "E1001", "E1003", "E2001", "E3002"
_REQUEST_ID = "6a0000000000000000000000sandbox"


def done(collection: str, entity: str, things: Sequence[Mapping[str, object]], next_link: str | None = None) -> Answer:
    """Success for each thing; `next_link` is the address of the next page."""
    parts = [{"sub_request_status": "SUCCESS", entity: thing} for thing in things]
    paging = {"paging": {"next_link": next_link}} if next_link else {}
    return Answer(200, {"request_status": "SUCCESS", "request_id": _REQUEST_ID, **paging, collection: parts})


def part_refused(collection: str, reason: str) -> Answer:
    """The request was understood, and the one thing in it refused."""
    part = {"sub_request_status": "ERROR", "sub_request_error_reason": f"{INVALID}: {reason}"}
    return Answer(200, {"request_status": "ERROR", "request_id": _REQUEST_ID, collection: [part]})


def error(status: int, code: str, message: str) -> Answer:
    """An error as Snap words it."""
    shown = "We're sorry, but the requested resource is not available at this time"
    body = {
        "request_status": "ERROR",
        "request_id": _REQUEST_ID,
        "debug_message": message,
        "display_message": shown,
        "error_code": code,
    }
    return Answer(status, body)


def refuse(status: int, code: str, message: str) -> NoReturn:
    """End the call with an error."""
    raise Refusal(error(status, code, message))


def invalid(message: str) -> NoReturn:
    """Refuse what may not be so."""
    refuse(400, INVALID, message)


def not_found() -> NoReturn:
    """Refuse a segment that is not there."""
    refuse(404, NOT_THERE, "Resource not found")


def unauthorised() -> Answer:
    """A token that is not good: Snap answers with a text instead of an object."""
    return Answer(401, "unauthorized")


def throttled() -> Answer:
    """The calls of the token are used up. Snap names no wait."""
    return error(429, "E1009", "Too many requests")
