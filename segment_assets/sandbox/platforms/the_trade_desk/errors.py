"""The Data API's errors: an envelope with a code and a sentence, and lines that failed under HTTP 200.

Source: the Data API's description (status and codes), ttd-data 0.3.2 (numbers of items are texts and begin at 1).
Wording is ours: callers decide on status and code.
"""

from __future__ import annotations

from typing import NoReturn

from segment_assets.sandbox.platforms.kit.exchange import Answer, Refusal

_REQUEST_ID = {"x-ttd-request-id": "5b0c0000-0000-0000-0000-000000000000"}


def error_answer(status: int, code: str, words: str) -> Answer:
    """A call that did nothing."""
    return Answer(status, {"ErrorCode": code, "Message": words, "FailedLines": []}, dict(_REQUEST_ID))


def refuse(status: int, code: str, words: str) -> NoReturn:
    """End the call with an error."""
    raise Refusal(error_answer(status, code, words))


def invalid_token() -> Answer:
    """A token that is not good, or not any more."""
    return error_answer(401, "InvalidToken", "The token is not valid")


def throttled(seconds: int) -> Answer:
    """Too many calls for now."""
    answer = error_answer(429, "Unknown", "Too many requests")
    answer.headers["retry-after"] = str(seconds)
    return answer


def line(code: str, item: int, data: int | None = None, name: str = "") -> dict[str, str]:
    """One line that failed. Places count from 0 here, and from 1 there."""
    told = {"ErrorCode": code, "Message": "The line was refused", "ItemNumber": str(item + 1)}
    return told | ({"DataNumber": str(data + 1), "DataName": name} if data is not None else {})
