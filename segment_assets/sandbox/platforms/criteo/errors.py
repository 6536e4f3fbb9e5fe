"""Criteo's error answers: a status, and a list of problems with a type and a code.

Source: the SDK's CommonProblem (types), "API error types" (codes of tokens and audiences). Wording is ours: callers
decide on status and code.
"""

from __future__ import annotations

from typing import NoReturn

from segment_assets.sandbox.platforms.kit.exchange import Answer, Refusal

_TYPES = {
    400: "validation",
    401: "authorization",
    403: "access-control",
    404: "validation",
    429: "quota",
}


def problem(kind: str, code: str, title: str, source: str = "") -> dict[str, object]:
    """One problem as Criteo tells it."""
    told: dict[str, object] = {
        "traceId": "5b0c0000000000000000000000000000",
        "type": kind,
        "code": code,
        "instance": "/sandbox",
        "title": title,
        "detail": title,
    }
    return told | ({"source": {source: ""}} if source else {})


def error_answer(status: int, code: str, title: str) -> Answer:
    """A call that did nothing."""
    return Answer(status, {"errors": [problem(_TYPES.get(status, "availability"), code, title)], "warnings": []})


def refuse(status: int, code: str, title: str) -> NoReturn:
    """End the call with an error."""
    raise Refusal(error_answer(status, code, title))


def invalid(title: str) -> NoReturn:
    """Refuse what cannot be read."""
    refuse(400, "invalid-request", title)


def not_found() -> NoReturn:
    """Refuse a segment that is not there, or is no contact list."""
    refuse(404, "audience-invalid", "Audience segment not found")


def expired_token() -> Answer:
    """The token was good once."""
    return error_answer(401, "authorization-token-expired", "The authorization header has expired")


def throttled(limit: int, reset: float) -> Answer:
    """The calls of a minute are used up. `reset` is in seconds since the epoch."""
    answer = error_answer(429, "too-many-requests", "Rate limit exceeded")
    answer.headers |= {
        "x-ratelimit-limit": str(limit),
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": str(int(reset)),
    }
    return answer
