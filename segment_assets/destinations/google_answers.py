"""What Google's Data Manager API answers: accepted bodies, refusals with the people they name, and jobs.

Belongs here: reading. Not here: what is sent (`google`), how long to wait and what to try again (`delivery`).
Source: Data Manager API v1, "Understand API errors", "Diagnostics", and the reason names of google-ads-datamanager
0.9.4, as of autumn 2026. A request is taken as a whole or not at all: one bad member refuses everybody beside it.
"""

from __future__ import annotations

import collections
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import (
    JobReport,
    JobState,
    NeedsHumanError,
    PermanentError,
    RefusedMembersError,
    SegmentAssetsError,
    TransientError,
)
from segment_assets.destinations.numbers import written_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from segment_assets.contracts import Response

# What a person has to do, by reason. Of two reasons in one answer the one that comes first here is told.
_FOR_A_PERSON = {
    "TERMS_AND_CONDITIONS_NOT_SIGNED": "accept the Customer Match terms, and state it in the plan",
    "ADVERTISER_TOS_NOT_ACCEPTED": "accept the Customer Match terms in the account",
    "EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED": "declare in the account whether it runs EU political advertising",
    "DISPLAY_NAME_ALREADY_USED": "a list of this name is there already; give another audience_name in the plan, or, if "
    "that list is ours, have it adopted by its id. It is never adopted by its name",
    "ALREADY_EXISTS": "such a list is there already; give another audience_name in the plan, or have it adopted by id",
    "UNAUTHENTICATED": "the credentials are not accepted; renew them in the secret store",
}
# What has to change on our side, by reason; other refusals get a general word.
_FOR_THE_PLAN = {
    "NOT_ALLOWLISTED": "the account may not use this feature; ask Google, or take the account out of the plan",
    "ADVERTISER_NOT_ALLOWLISTED_FOR_UPLOADED_DATA": "the account may not upload customer data; ask Google for it",
    "INVALID_USER_LIST_TYPE": "the list does not take contact data; end the activation and let a new list be created",
    "INVALID_USER_LIST_ID": "there is no such list; look whether it was deleted in the account",
    "INVALID_DESTINATION": "the destination is not understood; correct account and account_type in the plan",
    "DESTINATION_ACCOUNT_TYPE_MISMATCH": "the account is of another type; correct account_type in the plan",
    "OPERATING_ACCOUNT_LOGIN_ACCOUNT_MISMATCH": "login_account does not manage this account; correct it in the plan",
    "TOO_MANY_AUDIENCE_MEMBERS": "lower batch_members of the contract",
    "INVALID_REQUEST_ID": "Google knows no such job; what became of it stays unproven",
    "REQUEST_TOO_OLD": "Google has forgotten this job; what became of it stays unproven",
    "PERMISSION_DENIED": "grant the credentials access to the account, and enable the Data Manager API in the project",
    "NOT_FOUND": "account, list or job is gone or hidden from these credentials; look at the account",
}
_BY_STATUS: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "UNAUTHENTICATED",
    HTTPStatus.FORBIDDEN: "PERMISSION_DENIED",
    HTTPStatus.NOT_FOUND: "NOT_FOUND",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "TOO_MANY_AUDIENCE_MEMBERS",
}
_TRANSIENT = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
# Google's codes are words of capitals. Nothing else that comes back is repeated: it may quote what was sent.
_CODE = re.compile(r"[A-Z]{2,24}[0-9]{0,3}(?:_(?:[A-Z]{1,24}[0-9]{0,3}|[0-9]{1,3})){0,12}")
_SUPPORT_ID = re.compile(r"[A-Za-z0-9_-]{1,48}")
# The documented path is audience_members.audience_members[0].user_data…; JSON callers may see audienceMembers[0].
_PLACE = re.compile(r"audience_?members\[([0-9]{1,6})\]", re.IGNORECASE)
_SECONDS = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,9})?)s?")


def accepted(response: Response, account: str, members: int = 0) -> Mapping[str, Any]:
    """The body of a successful answer.

    `members` is how many people the request held. Raises RefusedMembersError where the answer names the people at
    fault and nothing else is wrong, TransientError, PermanentError or NeedsHumanError for other refusals.
    """
    if response.status < HTTPStatus.BAD_REQUEST:
        if isinstance(response.json, dict) and "error" not in response.json:
            return response.json
        raise not_understood(account, response)
    details = _list(_object(_object(response.json).get("error")).get("details"))
    reasons = _reasons(response, details)
    refusal = _refusal(response, account, details, reasons, members)
    refusal.code = reasons[0] if reasons else str(response.status)
    raise refusal


def not_understood(account: str, response: Response) -> TransientError:
    """The error for an answer without what every such answer holds."""
    return TransientError(f"google account {account}: answer {response.status} is not understood; it is asked again")


def warnings(body: Mapping[str, Any]) -> list[str]:
    """The reasons of a body's field warnings, each once, sorted."""
    return sorted({code(warning.get("reason")) for warning in _list(body.get("fieldWarnings"))})


def job_report(response: Response, account: str) -> JobReport:
    """What became of a request. Reasons are counted, people are not named. Raises as `accepted` does."""
    statuses = _list(accepted(response, account).get("requestStatusPerDestination"))
    if len(statuses) != 1:
        raise not_understood(account, response)
    status = statuses[0]
    state = _STATES.get(str(status.get("requestStatus")))
    if state is None:
        raise TransientError(f"google account {account}: the state of a job is not known yet; it is asked again")
    rejected = collections.Counter[str]()
    for count in _list(_object(status.get("errorInfo")).get("errorCounts")):
        rejected[code(count.get("reason"))] += written_number(count.get("recordCount")) or 0
    told = _told(status)
    # "Some failed" without saying how many: nobody of them is proven.
    is_vague = state is JobState.PARTIAL_SUCCESS and not rejected.total()
    received = 0 if is_vague else written_number(told.get("recordCount")) or 0
    return JobReport(state, received, dict(+rejected), _match_rate(told.get("uploadMatchRateRange")))


_STATES = {
    "PROCESSING": JobState.PROCESSING,
    "SUCCESS": JobState.SUCCESS,
    "PARTIAL_SUCCESS": JobState.PARTIAL_SUCCESS,
    "FAILED": JobState.FAILED,
    # So the diagnostics page has it; the enum has FAILED.
    "FAILURE": JobState.FAILED,
}


def _told(status: Mapping[str, Any]) -> Mapping[str, Any]:
    """The counts, which are below the operation and below the kind of data."""
    added = _object(_object(status.get("audienceMembersIngestionStatus")).get("userDataIngestionStatus"))
    removed = _object(_object(status.get("audienceMembersRemovalStatus")).get("userDataRemovalStatus"))
    return added or removed


def _match_rate(said: object) -> str:
    word = code(said) if said else ""
    return "" if word in {_OTHER_CODE, "MATCH_RATE_RANGE_UNKNOWN"} else word


def _refusal(
    response: Response, account: str, details: list[Mapping[str, Any]], reasons: Sequence[str], members: int
) -> SegmentAssetsError:
    said = f"google account {account}: {' '.join([str(response.status), *reasons[:1]])}{_support_id(details)}"
    if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR or response.status in _TRANSIENT:
        asked = _retry_after(details) or _retry_after_header(response.headers)
        return TransientError(f"{said}: not now; it is asked again", retry_after=asked)
    for_a_person = next((action for reason, action in _FOR_A_PERSON.items() if reason in reasons), "")
    if for_a_person:
        return NeedsHumanError(f"{said}: {for_a_person}")
    places, is_something_else = _places(details, members)
    if places and not is_something_else:
        return RefusedMembersError(f"{said}: {len(places)} people of the request are at fault", places)
    if not reasons:
        return not_understood(account, response)
    general = "the request is refused; it must be changed before it is sent again"
    action = next((action for reason, action in _FOR_THE_PLAN.items() if reason in reasons), general)
    return PermanentError(f"{said}: {action}")


def _support_id(details: list[Mapping[str, Any]]) -> str:
    """The number that Google's support asks for, where there is one."""
    numbers = (detail.get("requestId") for detail in details)
    return next((f" (request {n})" for n in numbers if isinstance(n, str) and _SUPPORT_ID.fullmatch(n)), "")


def _reasons(response: Response, details: list[Mapping[str, Any]]) -> list[str]:
    """All codes of an answer, the most telling first: of the fields, of the error, of its status."""
    fields = [violation.get("reason") for detail in details for violation in _list(detail.get("fieldViolations"))]
    infos = [detail.get("reason") for detail in details]
    status = _object(_object(response.json).get("error")).get("status")
    found = [*fields, *infos, status, _BY_STATUS.get(response.status)]
    codes = [code(reason) for reason in found if reason]
    return [reason for reason in dict.fromkeys(codes) if reason != _OTHER_CODE]


def _places(details: list[Mapping[str, Any]], members: int) -> tuple[dict[int, str], bool]:
    """Place in the batch -> code, and whether anything else than a member of the batch is at fault too."""
    places: dict[int, str] = {}
    is_something_else = False
    for detail in details:
        for violation in _list(detail.get("fieldViolations")):
            match = _PLACE.search(str(violation.get("field", "")))
            if match and int(match[1]) < members:
                places.setdefault(int(match[1]), code(violation.get("reason")))
            else:
                is_something_else = True
    return places, is_something_else


_OTHER_CODE = "OTHER"


def code(value: object) -> str:
    """A code of Google's, or OTHER for what does not look like one.

    >>> code("INVALID_HEX_ENCODING"), code("jane@example.com")
    ('INVALID_HEX_ENCODING', 'OTHER')
    """
    return value if isinstance(value, str) and _CODE.fullmatch(value) else _OTHER_CODE


def _retry_after(details: list[Mapping[str, Any]]) -> float | None:
    """Seconds of google.rpc.RetryInfo, a duration such as "12s"."""
    return next(filter(None, (_seconds(detail.get("retryDelay")) for detail in details)), None)


def _retry_after_header(headers: Mapping[str, str]) -> float | None:
    return _seconds({name.lower(): value for name, value in headers.items()}.get("retry-after"))


def _seconds(value: object) -> float | None:
    match = _SECONDS.fullmatch(value) if isinstance(value, str) else None
    return float(match[1]) if match else None


# What the outside sends is never trusted to have a shape: a failed conversion would quote the value.
def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def items(body: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    """The objects of a list in a body; whatever else is there is passed over."""
    yield from _list(body.get(name))
