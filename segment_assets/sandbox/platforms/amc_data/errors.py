"""Refusals: Amazon's, with a code and details, and S3's in XML. Wording is ours: callers decide on status and code."""

from __future__ import annotations

from typing import NoReturn

from segment_assets.sandbox.platforms.kit.exchange import Answer, Refusal

_NAMES = {
    400: "BadRequestException",
    401: "UnauthorizedRequestException",
    403: "ForbiddenRequestException",
    404: "ResourceNotFoundException",
    429: "TooManyRequestsException",
    500: "InternalServerException",
    504: "GatewayTimeoutException",
}
_S3 = {"ExpiredToken": 400, "InvalidAccessKeyId": 403, "NoSuchBucket": 404, "MethodNotAllowed": 405, "SlowDown": 503}


def error_answer(status: int, message: str) -> Answer:
    """A call of Amazon's API that did nothing."""
    code = _NAMES.get(status, "InternalServerException")
    return Answer(status, {"code": code, "details": message, "errors": [message], "requestId": "sandbox"})


def refuse(status: int, message: str) -> NoReturn:
    """End the call with an error of Amazon's."""
    raise Refusal(error_answer(status, message))


def s3_answer(code: str, words: str, status: int | None = None) -> Answer:
    """A call of S3 that did nothing."""
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{words}</Message></Error>'
    return Answer(status or _S3[code], body.encode(), {"content-type": "application/xml"})
