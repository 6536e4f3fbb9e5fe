"""Refusals of Customer Profiles (a header with the code, JSON); those of S3 are AppFlow's neighbours.

Source: botocore's model for codes and statuses. Wording is ours.
"""

from __future__ import annotations

from typing import NoReturn

from segment_assets.sandbox.platforms.kit.exchange import Answer, Refusal

_STATUS = {
    "BadRequestException": 400,
    "AccessDeniedException": 403,
    "ExpiredTokenException": 403,
    "UnrecognizedClientException": 403,
    "ResourceNotFoundException": 404,
    "ThrottlingException": 429,
    "InternalServerException": 500,
}


def answer(code: str, words: str, status: int | None = None) -> Answer:
    """A call that did nothing."""
    return Answer(status or _STATUS[code], {"Message": words}, {"x-amzn-errortype": code})


def refuse(code: str, words: str) -> NoReturn:
    """End a call."""
    raise Refusal(answer(code, words))


def bad(words: str) -> NoReturn:
    """End a call with a request that cannot be."""
    refuse("BadRequestException", words)


def gone(what: str) -> NoReturn:
    """End a call about something that is not there."""
    refuse("ResourceNotFoundException", f"{what} was not found")
