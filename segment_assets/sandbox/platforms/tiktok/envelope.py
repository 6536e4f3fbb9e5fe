"""TikTok's answers: HTTP 200 with a code in the body, for refusals too.

Codes: those that the official SDK names. Wording is ours: callers decide on the code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from segment_assets.sandbox.platforms.kit.exchange import Answer, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

OK, PARTIAL = 0, 20001
NO_PERMISSION, PARAMETER, GONE = 40001, 40002, 40007
BATCH_SIZE, NOT_HASHED = 40061, 40062
TOO_FREQUENT, TOKEN_EXPIRED, TOKEN_MISSING, TOKEN_INVALID = 40100, 40102, 40104, 40105
NO_ROUTE, SYSTEM = 40400, 50000


def envelope(code: int, message: str, data: Mapping[str, object] | None = None, status: int = 200) -> Answer:
    """An answer as TikTok wraps it."""
    body = {
        "code": code,
        "message": message,
        "request_id": "20261101000000000000000000000000SANDBOX",
        "data": data or {},
    }
    return Answer(status, body)


def done(data: Mapping[str, object] | None = None) -> Answer:
    """Success."""
    return envelope(OK, "OK", data)


def refuse(code: int, message: str) -> NoReturn:
    """End the call with a code."""
    raise Refusal(envelope(code, message))


def invalid(message: str) -> NoReturn:
    """Refuse a parameter."""
    refuse(PARAMETER, message)
