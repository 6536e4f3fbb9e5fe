"""Refusals of AppFlow (a header with the code, JSON) and of S3 (XML).

Source: botocore's models for statuses, AWS's list of common errors, S3's error responses. Wording is ours.
"""

from __future__ import annotations

from typing import NoReturn

from segment_assets.sandbox.platforms.kit.exchange import Answer, Refusal

_STATUS = {
    "ValidationException": 400,
    "ConnectorServerException": 400,
    "ConnectorAuthenticationException": 401,
    "ServiceQuotaExceededException": 402,
    "AccessDeniedException": 403,
    "ExpiredTokenException": 403,
    "UnrecognizedClientException": 403,
    "MissingAuthenticationTokenException": 403,
    "ResourceNotFoundException": 404,
    "ConflictException": 409,
    "ThrottlingException": 429,
    "InternalServerException": 500,
}
_S3_STATUS = {
    "ExpiredToken": 400,
    "InvalidRequest": 400,
    "AccessDenied": 403,
    "InvalidAccessKeyId": 403,
    "NoSuchBucket": 404,
    "NoSuchKey": 404,
    "MethodNotAllowed": 405,
    "InternalError": 500,
    "SlowDown": 503,
}


def appflow(code: str, words: str, status: int | None = None) -> Answer:
    """A call of AppFlow that did nothing."""
    return Answer(status or _STATUS[code], {"message": words}, {"x-amzn-errortype": code})


def s3(code: str, words: str, status: int | None = None) -> Answer:
    """A call of S3 that did nothing."""
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{words}</Message></Error>'
    return Answer(status or _S3_STATUS[code], body.encode(), {"content-type": "application/xml"})


def refuse(code: str, words: str) -> NoReturn:
    """End a call of AppFlow."""
    raise Refusal(appflow(code, words))


def refuse_s3(code: str, words: str) -> NoReturn:
    """End a call of S3."""
    raise Refusal(s3(code, words))
