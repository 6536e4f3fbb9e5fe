"""What the advertiser audiences API answers: numbers of audiences, jobs and how they end, refusals, sizes.

Belongs here: reading. Not here: what is sent (`amc`), how long to wait and what to try again (`delivery`).
Source: Amazon's OpenAPI "Advertiser audiences" 3.0 and the AMC guide of that name. A refusal is a status and a
sentence, which is never repeated. Which statuses pass by themselves is inferred. As of autumn 2026.
"""

from __future__ import annotations

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
from segment_assets.contracts.sizes import SizeReport, SizeState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from segment_assets.contracts import Response

_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.LOCKED, HTTPStatus.TOO_MANY_REQUESTS})
_FOR_A_PERSON: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "the access token is not accepted; it lives for an hour, so look whether the secret store "
    "has a refresh token, and the client id that it was given to",
    HTTPStatus.FORBIDDEN: "permission is missing; the app needs the scope of data providers, the login the advertiser, "
    "and the account has to be in the region of the endpoint",
}
_FOR_THE_PLAN: Mapping[int, str] = {
    HTTPStatus.NOT_FOUND: "nothing is there; correct account and connection of this account in the plan",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "the request is too large; lower batch_bytes of the contract",
    HTTPStatus.NOT_IMPLEMENTED: "Amazon has not this operation; this connector has to be renewed",
}
_NUMBER, _JOB = re.compile(r"[1-9][0-9]{0,19}"), re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_STATES = {
    "PENDING": JobState.PROCESSING,
    "SUCCEEDED": JobState.SUCCESS,
    "COMPLETED": JobState.SUCCESS,
    "PARTIALLYSUCCEEDED": JobState.PARTIAL_SUCCESS,
    "FAILED": JobState.FAILED,
}
# More than a request can have: all of its records.
_EVERYBODY = 10_000
_WHOLE = 100
_INVALID = "invalid_record"
_MOST_DIGITS = 12


def accepted(response: Response, account: str) -> Mapping[str, Any]:
    """The body of a successful answer. Raises TransientError, PermanentError or NeedsHumanError for a refusal."""
    if response.status < HTTPStatus.BAD_REQUEST:
        if not isinstance(response.json, dict):
            raise _not_understood(account)
        return response.json
    refusal = _refusal(response.status, account)
    refusal.code = str(response.status)
    raise refusal


def audience_number(told: Mapping[str, Any], account: str) -> str:
    """The number of an audience. It is beyond what a float holds, so one that came as a float is none."""
    number = told.get("audienceId")
    text = str(number) if isinstance(number, int | str) and not isinstance(number, bool) else ""
    if not _NUMBER.fullmatch(text):
        raise TransientError(f"amc account {account}: an audience came without its number; it is looked for again")
    return text


def job_of(body: Mapping[str, Any], account: str) -> str:
    """The id of the job that a request became."""
    job = body.get("jobRequestId")
    if not isinstance(job, str) or not _JOB.fullmatch(job):
        raise _not_understood(account)
    return job


def job_report(body: Mapping[str, Any], account: str) -> JobReport:
    """How a job is. Amazon tells the share that is right, the invalid one by one, and never how many there were.

    Where it succeeded at some of its places only, or says that some are wrong and not which, nobody is proven.
    """
    state = _STATES.get(str(body.get("jobState")))
    if state is None:
        raise TransientError(f"amc account {account}: the state of a job is not known yet; it is asked again")
    told = listed(body, "invalidRecords")
    named = {one["externalId"] for one in told if isinstance(one.get("externalId"), str)}
    invalid = len(named) + sum(not isinstance(one.get("externalId"), str) for one in told)
    successful = body.get("successful")
    share = successful.get("recordsProcessedRate") if isinstance(successful, dict) else None
    is_vague = isinstance(share, int | float) and share < _WHOLE and not invalid
    is_whole = state is JobState.SUCCESS and not is_vague
    return JobReport(state, _EVERYBODY if is_whole else invalid, {_INVALID: invalid} if invalid else {})


def listed(body: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    """The objects that a body has under a name; none where there is no list."""
    found = body.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def size_report(body: Mapping[str, Any], field: str, minimum: int) -> SizeReport:
    """From an audience's metadata. Amazon tells no state: `minimum` people are taken for enough.

    >>> size_report({"metadata": {"audienceSize": {"dspAudienceSize": 7}}}, "dspAudienceSize", 10)
    SizeReport(state=<SizeState.TOO_SMALL: 'too_small'>, lower=7, upper=7, said='')
    """
    metadata = body.get("metadata")
    sizes = metadata.get("audienceSize") if isinstance(metadata, dict) else None
    people = _count(sizes.get(field)) if isinstance(sizes, dict) else None
    if people is None:
        return SizeReport(SizeState.UNKNOWN, None, None)
    return SizeReport(SizeState.READY if people >= minimum else SizeState.TOO_SMALL, people, people)


def _refusal(status: int, account: str) -> SegmentAssetsError:
    said = f"amc account {account}: answer {status}"
    if status in _PASSING or (status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.NOT_IMPLEMENTED):
        return TransientError(f"{said}: not available now, or throttled; it is asked again")
    if status in _FOR_A_PERSON:
        return NeedsHumanError(f"{said}: {_FOR_A_PERSON[status]}")
    action = _FOR_THE_PLAN.get(status, "the request is refused; it must be changed before it is sent again")
    return PermanentError(f"{said}: {action}")


def _not_understood(account: str) -> TransientError:
    return TransientError(f"amc account {account}: the answer is not understood; it is asked again")


def _count(value: object) -> int | None:
    """A whole number from 0 on. Amazon's JSON has numbers without a type, so 7.0 is one too."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 10**_MOST_DIGITS:
        return None
    return int(value) if value == int(value) else None
