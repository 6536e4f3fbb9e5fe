"""Pinterest's error answers: the HTTP status decides, the body has a number and a message.

Source: the Error of the OpenAPI description; 2 (authentication) and 29 (not permitted) are told of live answers, 1 and
50 as well. Wording is ours: callers decide on status and code.
"""

from __future__ import annotations

from typing import NoReturn

from segment_assets.sandbox.platforms.kit.exchange import Answer, Refusal

INVALID, AUTHENTICATION, THROTTLE, SERVICE, NOT_PERMITTED, NOT_FOUND = 1, 2, 8, 12, 29, 50


def error_answer(status: int, code: int, message: str) -> Answer:
    """An error as Pinterest words it."""
    return Answer(status, {"code": code, "message": message})


def refuse(status: int, code: int, message: str) -> NoReturn:
    """End the call with an error."""
    raise Refusal(error_answer(status, code, message))


def invalid(message: str) -> NoReturn:
    """Refuse what cannot be read."""
    refuse(400, INVALID, message)


def not_found(thing: str) -> NoReturn:
    """Refuse what is not there."""
    refuse(404, NOT_FOUND, f"{thing} not found.")


def unauthenticated() -> Answer:
    """The token is none, or good no more."""
    return error_answer(401, AUTHENTICATION, "Authentication failed.")


def throttled(limit: int, wait: float) -> Answer:
    """The calls of a category are used up for now."""
    answer = error_answer(429, THROTTLE, "You have exceeded your rate limit. Try again later.")
    answer.headers |= {
        "x-ratelimit-limit": str(limit),
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": str(int(wait) + 1),
    }
    return answer
