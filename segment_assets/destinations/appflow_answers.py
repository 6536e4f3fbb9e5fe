"""What AppFlow and S3 answer: errors by their code, runs of a flow, and the records that a run could not put.

Belongs here: reading. Not here: what is sent (`appflow`), how long to wait and what to try again (`delivery`).
Source: botocore 1.44.5 (AppFlow 2020-08-23: modelled errors, execution records; S3 2006-03-01), AWS's common errors.
The form of the files of failed records is not published: only a code in it is looked at. As of autumn 2026.
"""

from __future__ import annotations

import collections
import html
import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import (
    JobReport,
    JobState,
    NeedsHumanError,
    PermanentError,
    SegmentAssetsError,
    TransientError,
)
from segment_assets.destinations.numbers import whole_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from segment_assets.contracts import Response

UNNAMED = "put_failure"

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9.]{0,63}")
_XML_CODE = re.compile(rb"<Code>([A-Za-z0-9.]{1,64})</Code>")
_KEY = re.compile(r"<Key>([^<]*)</Key>")
_ARN = re.compile(r"arn:\S*:flow/([^/\s]+)")
_RUN = re.compile(r"[\w-]{1,256}")
_NEXT = re.compile(r"<NextContinuationToken>([^<]*)</NextContinuationToken>")
# A code of a failed record as Salesforce and others write them. Anything else may be a value.
_RECORD_CODE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
_RECORD_CODE_FIELDS = ("errorCode", "statusCode", "code")

_THROTTLED = frozenset({"SlowDown", "ThrottlingException", "TooManyRequestsException"})
_PASSING = _THROTTLED | {
    "ConflictException",
    "ConnectorServerException",
    "InternalServerException",
    "RequestTimeout",
}
_CREDENTIALS = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_FOR_A_PERSON = {
    "AccessDenied": "the role may not do this; give it the permissions that the documentation lists",
    "AccessDeniedException": "the role may not do this; give it the permissions that the documentation lists",
    "ConnectorAuthenticationException": "the connector profile is not let in any more; connect it anew in AppFlow",
    "NoSuchBucket": "there is no such bucket; create it in the region of the flow, or correct the setting `bucket`",
    "ServiceQuotaExceededException": "a quota of AppFlow is used up; delete old flows or ask AWS for more",
}

_STATES = {
    "InProgress": JobState.PROCESSING,
    "CancelStarted": JobState.PROCESSING,
    "Successful": JobState.SUCCESS,
    "Error": JobState.FAILED,
    "Canceled": JobState.FAILED,
}


def told(response: Response, account: str) -> Mapping[str, Any]:
    """The body of an answer of AppFlow. Raises as `accepted`, and TransientError where it is not AppFlow's."""
    accepted(response, account)
    if not isinstance(response.json, dict):
        raise TransientError(f"{account}: AppFlow's answer is not understood; it is asked again")
    return response.json


def stored(response: Response, account: str) -> None:
    """Raise as `accepted`, and TransientError where S3 does not say that it keeps the object (its ETag)."""
    accepted(response, account)
    if not any(name.lower() == "etag" and value for name, value in response.headers.items()):
        raise TransientError(f"{account}: S3's answer is not understood; the file is sent again")


def accepted(response: Response, account: str) -> None:
    """Raise TransientError, PermanentError or NeedsHumanError for a refusal, with AWS's code."""
    if response.status < HTTPStatus.BAD_REQUEST:
        return
    code = error_code(response)
    error = _refusal(code, response.status, f"{account}: {code or response.status}")
    error.code = code or str(response.status)
    raise error


def is_gone(response: Response) -> bool:
    """Whether the flow that was asked about is not there (any more)."""
    return error_code(response) == "ResourceNotFoundException"


def is_taken(response: Response) -> bool:
    """Whether a flow cannot be created because there is one of its name."""
    return error_code(response) == "ConflictException"


def is_throttle(response: Response) -> bool:
    """Whether AWS asks for a slower pace, which S3 and AppFlow say with several statuses."""
    return response.status == HTTPStatus.TOO_MANY_REQUESTS or error_code(response) in _THROTTLED


def error_code(response: Response) -> str:
    """AWS's code of a refusal: of a header or the body (AppFlow), of XML (S3). Empty where there is none."""
    if response.status < HTTPStatus.BAD_REQUEST:
        return ""
    in_xml = _XML_CODE.search(response.content)
    if in_xml:
        return in_xml[1].decode()
    body = response.json if isinstance(response.json, dict) else {}
    headers = {name.lower(): value for name, value in response.headers.items()}
    raw = headers.get("x-amzn-errortype") or body.get("__type") or body.get("code") or ""
    # `prefix#Code:https://...`
    code = str(raw).partition(":")[0].rpartition("#")[2]
    return code if _CODE.fullmatch(code) else ""


def started(body: Mapping[str, Any], account: str) -> str:
    """The flow and the id of its run, as `flow/run`."""
    flow, run = _ARN.fullmatch(str(body.get("flowArn"))), _RUN.fullmatch(str(body.get("executionId") or ""))
    if flow is None or run is None:
        raise TransientError(f"{account}: a run started without its id; it is asked for again")
    return f"{flow[1]}/{run[0]}"


def execution(body: Mapping[str, Any], wanted: str) -> Mapping[str, Any] | None:
    """The record of one run, None where it is not on this page."""
    records = body.get("flowExecutions")
    every = records if isinstance(records, list) else []
    return next((one for one in every if isinstance(one, dict) and one.get("executionId") == wanted), None)


def report(record: Mapping[str, Any]) -> JobReport:
    """How a run is. Records that it could not put are counted under `put_failure`, whatever else succeeded.

    That `recordsProcessed` includes them is our reading: the other one would count more people as accepted.
    """
    status = record.get("executionStatus")
    state = _STATES.get(status, JobState.PROCESSING) if isinstance(status, str) else JobState.PROCESSING
    result = record.get("executionResult")
    result = result if isinstance(result, dict) else {}
    info = result.get("errorInfo")
    failures = (whole_number(info.get("putFailuresCount")) or 0) if isinstance(info, dict) else 0
    processed = whole_number(result.get("recordsProcessed")) or 0
    if state is JobState.FAILED:
        return JobReport(state, processed, {str(status): max(processed, 1)})
    if state is JobState.SUCCESS and failures:
        return JobReport(JobState.PARTIAL_SUCCESS, processed, {UNNAMED: failures})
    return JobReport(state, processed, {})


def keys_listed(response: Response) -> tuple[list[str], str]:
    """Keys on a page of S3's list, and the token of the next page, empty on the last."""
    text = response.content.decode("utf-8", "replace")
    more = _NEXT.search(text)
    return [html.unescape(key) for key in _KEY.findall(text)], html.unescape(more[1]) if more else ""


def reasons(files: Sequence[Response], failures: int) -> dict[str, int]:
    """Failed records by the CRM's code, `failures` in all; those of which no code is found under `put_failure`."""
    counted = collections.Counter(code for file in files for record in _records(file) if (code := _code_of(record)))
    left, found = failures, dict[str, int]()
    for code, count in sorted(counted.items()):
        found[code] = min(count, left)
        left -= found[code]
    return {code: count for code, count in {**found, UNNAMED: left}.items() if count}


def _records(file: Response) -> Iterator[Mapping[str, Any]]:
    """Lines of JSON, or one JSON value."""
    if file.json is not None:
        values = file.json if isinstance(file.json, list) else [file.json]
    else:
        values = [_parsed(line) for line in file.content.splitlines()]
    return (value for value in values if isinstance(value, dict))


def _parsed(line: bytes) -> object:
    try:
        value: object = json.loads(line)
    except ValueError:
        return None
    return value


def _code_of(record: Mapping[str, Any]) -> str:
    """The code of a failed record: at its top, or one level below."""
    below = [value for value in record.values() if isinstance(value, dict)]
    for level in (record, *below):
        for name in _RECORD_CODE_FIELDS:
            value = level.get(name)
            if isinstance(value, str) and _RECORD_CODE.fullmatch(value):
                return value
    return ""


def _refusal(code: str, status: int, said: str) -> SegmentAssetsError:
    """The code alone: AWS's message may quote what was sent."""
    to_do = _to_do(code, status)
    if to_do:
        return NeedsHumanError(f"{said}: {to_do}")
    if code in _PASSING or status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return TransientError(f"{said}: busy or not available now; it is asked again")
    if not code:
        return TransientError(f"{said}: something else than AWS answered; it is asked again")
    if code == "ResourceNotFoundException":
        return PermanentError(f"{said}: the flow is gone; create it anew under its name, or end the pair in the plan")
    return PermanentError(f"{said}: the request is refused; it must be changed before it is sent again")


def _to_do(code: str, status: int) -> str:
    """What somebody has to do in AWS, empty when nobody has to."""
    if code in _CREDENTIALS:
        return "AWS does not take the credentials; renew them for this account"
    if not code and status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return "AWS does not let us in; look at the role of this account"
    return _FOR_A_PERSON.get(code, "")
