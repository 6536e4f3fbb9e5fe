"""What Customer Profiles answers: errors by their code, addresses of files, jobs and their counts.

Belongs here: reading. Not here: what is sent (`customer_profiles`), the errors that all of AWS has (`appflow_answers`).
Source: botocore 1.44.5 (Customer Profiles 2020-08-15: modelled errors, statuses of a job, its results).
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import JobReport, JobState, Operation, PermanentError, TransientError
from segment_assets.destinations import appflow_answers as aws
from segment_assets.destinations.numbers import whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segment_assets.contracts import Response

REFUSED = int(HTTPStatus.BAD_REQUEST)
GONE = JobReport(JobState.FAILED, 0, {"job_is_gone": 1})

_JOB = re.compile(r"[a-f0-9]{32}")
# Any other word is of a job that goes on.
_STATES = {
    "SUCCEEDED": JobState.SUCCESS,
    "PARTIALLY_SUCCEEDED": JobState.PARTIAL_SUCCESS,
    "FAILED": JobState.FAILED,
    "STOPPED": JobState.FAILED,
}
_REASONS = frozenset({"VALIDATION_FAILURE", "INTERNAL_FAILURE"})
_FAILED_RECORDS = "failed_records"


def accepted(response: Response, account: str) -> None:
    """Raise TransientError, PermanentError or NeedsHumanError for a refusal, with AWS's code."""
    if is_gone(response):
        error = PermanentError(
            f"{account}: the domain, segment or job is gone; correct the account in the plan, or end the pair and name "
            "it again"
        )
        error.code = aws.error_code(response)
        raise error
    aws.accepted(response, account)


def told(response: Response, account: str) -> Mapping[str, Any]:
    """The body of an answer. Raises as `accepted`, and TransientError where it is none of AWS's."""
    accepted(response, account)
    if not isinstance(response.json, dict):
        raise TransientError(f"{account}: AWS's answer is not understood; it is asked again")
    return response.json


def stored(response: Response, account: str) -> None:
    """Raise as `accepted`, and TransientError where S3 does not say that it keeps the file (its ETag)."""
    accepted(response, account)
    aws.stored(response, account)


def is_gone(response: Response) -> bool:
    """Whether what was asked about is not there (any more)."""
    return aws.error_code(response) == "ResourceNotFoundException"


def is_bad(response: Response) -> bool:
    """Whether AWS finds a request bad, of which it gives no further code."""
    return aws.error_code(response) == "BadRequestException"


def is_throttle(response: Response) -> bool:
    """Whether AWS asks for a slower pace."""
    return aws.is_throttle(response)


def address(response: Response) -> tuple[str, str]:
    """Where a file goes, and the key that it is encrypted by. Neither is ever told."""
    body = response.json if isinstance(response.json, dict) else {}
    url, key = body.get("Url"), body.get("ClientToken")
    if not isinstance(url, str) or not isinstance(key, str) or not url or not key:
        raise TransientError("customer_profiles: the address of a file is not understood; it is asked for again")
    return url, key


def job_id(body: Mapping[str, Any], account: str) -> str:
    """The id of a job that was made."""
    job = body.get("JobId")
    if not isinstance(job, str) or not _JOB.fullmatch(job):
        raise TransientError(f"{account}: a job came without its id; another is made")
    return job


def is_waiting(body: Mapping[str, Any]) -> bool:
    """Whether a job was not started yet."""
    return body.get("Status") == "CREATED"


def report(body: Mapping[str, Any]) -> JobReport:
    """How a job is. Failed records are counted whatever its status says; AWS names nobody."""
    status = body.get("Status")
    state = _STATES.get(status, JobState.PROCESSING) if isinstance(status, str) else JobState.PROCESSING
    if state is JobState.PROCESSING:
        return JobReport(state, 0, {})
    results = body.get("ResultsSummary")
    counts = results if isinstance(results, dict) else {}
    created = whole_number(counts.get("CreatedRecords")) or 0
    # A removal that creates a profile has not found the one that it is about: nobody was marked as out.
    good = (whole_number(counts.get("UpdatedRecords")) or 0) + (0 if _takes_out(body) else created)
    failed = whole_number(counts.get("FailedRecords")) or 0
    if state is JobState.FAILED:
        reason = body.get("StatusReason")
        return JobReport(state, good + failed, {str(reason if reason in _REASONS else status): max(1, failed)})
    rejected = {_FAILED_RECORDS: failed} if failed else {}
    return JobReport(JobState.PARTIAL_SUCCESS if failed else state, good + failed, rejected)


def _takes_out(body: Mapping[str, Any]) -> bool:
    """Whether a job is of a removal, which its name says."""
    return f" {Operation.REMOVE.value} " in f" {body.get('DisplayName')} "
