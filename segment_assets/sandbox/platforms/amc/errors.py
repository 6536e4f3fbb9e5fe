"""Error answers: a status and a sentence, as the OpenAPI has them for every call. Wording is ours."""

from __future__ import annotations

from typing import NoReturn

from segment_assets.sandbox.platforms.kit.exchange import Answer, Refusal


def error_answer(status: int, message: str) -> Answer:
    """A call that did nothing."""
    return Answer(status, {"message": message})


def refuse(status: int, message: str) -> NoReturn:
    """End the call with an error."""
    raise Refusal(error_answer(status, message))


def throttled() -> Answer:
    """Too many calls."""
    return error_answer(429, "Too Many Requests")
