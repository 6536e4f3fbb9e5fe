"""What Microsoft Advertising answers: partial errors under HTTP 200, faults with lists of errors, sizes of lists.

Belongs here: reading. Not here: what is sent (`microsoft_ads`), how long to wait and what to try again (`delivery`).
Source: learn.microsoft.com (operation error codes, handling service errors, CustomerList) and msads 13.0.30.1
(BatchError, AdApiFaultDetail, ApiFaultDetail), as of autumn 2026. That an Index is a place in CustomerListItems, and
207, are told by others. Which codes a single item can have nobody publishes: an error whose word is about the list or
the caller is never taken for one on an item.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import (
    NeedsHumanError,
    PermanentError,
    RefusedBatchError,
    RefusedMembersError,
    SegmentAssetsError,
    TransientError,
)
from segment_assets.contracts.sizes import SizeReport, SizeState
from segment_assets.destinations.numbers import CODE_DIGITS, written_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from segment_assets.contracts import Response

    Error = Mapping[str, Any]

# Seconds. Calls are counted by the minute.
_AFTER_A_THROTTLE = 60.0
# InternalError; CallRateExceeded, ConcurrentRequestOverLimit.
_INTERNAL, _THROTTLES = 0, frozenset({117, 207})
_TERMS, _TERMS_WORD = 8003, "CustomerListTermsAndConditionsNotAccepted"
_TOKEN = frozenset({105, 109})
# RequestMissingHeaders (116): customer_id and developer_token can be missing.
_ACCESS = frozenset({106, 108, 116, 120, 122, 123, 124, 125})
_RENEW_SAID = (
    "the access token or the developer token is not accepted; renew them in the secret store, which should hold a "
    "refresh token too"
)
_ACCESS_SAID = (
    "permission is missing; look at the role of the user in Microsoft Advertising, at account and customer_id in the "
    "plan, and at developer_token in the secret store"
)
_TERMS_SAID = (
    "the customer match terms are not accepted; create one customer list on Microsoft's pages, or state "
    "customer_match_terms: ACCEPTED in the plan"
)
_NAME_TAKEN_SAID = (
    "there is a list of this name that is not to be seen; wait, or rename it on Microsoft's pages, then run again"
)
_ABOUT_THE_LIST = (
    "it is the list or the account that is refused, and no person; look at both in Microsoft Advertising. Where the "
    "list was deleted there, end the activation with on_removal: delete and begin anew"
)
_REFUSED = "the request is refused; it must be changed before it is sent again"
_DUPLICATE_NAME = re.compile(r"(?i)name.*(?:duplicate|exist)|duplicate.*name")
_NOT_AN_ITEM = re.compile(r"Audience|Account|Authori|Credential|NotSupported|NotEnabled|Exceed|Limit")
# Microsoft's codes are numbers with a word. Nothing else that comes back is repeated: it may quote what was sent.
_WORD = re.compile(r"[A-Z][A-Za-z]{2,79}")
_FAULTS = ("Errors", "OperationErrors", "BatchErrors")


def accepted(response: Response, account: str, *, holders: Sequence[Sequence[int]] | None = None) -> Mapping[str, Any]:
    """The body of an answer that is no fault.

    `holders`: of a request with people, for each item the places of its people; it may be taken in parts.
    Raises TransientError, PermanentError, RefusedMembersError, RefusedBatchError or NeedsHumanError for a fault.
    """
    errors = _faults(response.json)
    if response.status < HTTPStatus.BAD_REQUEST and not errors:
        if isinstance(response.json, dict):
            return response.json
        raise TransientError(f"microsoft_ads account {account}: the answer is not understood; it is asked again")
    code = "/".join([str(response.status), *map(told_code, errors[:1])])
    said = f"microsoft_ads account {account}: answer {code}"
    refusal = _by_codes(errors, said) or _by_status(response.status, said) or _of_the_request(response, said, holders)
    refusal.code = code
    raise refusal


def partial_errors(body: Mapping[str, Any]) -> Sequence[Error]:
    """What was refused under a status of success."""
    return _objects(body.get("PartialErrors"))


def refusal_of_part(error: Error, said: str) -> SegmentAssetsError:
    """The error for a list that was refused."""
    code = told_code(error)
    said = f"{said}: answer {code}"
    refusal = _by_codes([error], said)
    if refusal is None and _DUPLICATE_NAME.search(_word(error)):
        refusal = NeedsHumanError(f"{said}: {_NAME_TAKEN_SAID}")
    refusal = refusal or PermanentError(f"{said}: {_REFUSED}")
    refusal.code = code
    return refusal


def refused_items(body: Mapping[str, Any], items: int, said: str) -> tuple[Mapping[int, str], bool]:
    """Place of each refused item -> its code, and whether that is everything that was refused.

    Raises the refusal where it is the list or the caller that is refused, and no item.
    """
    errors, codes = partial_errors(body), dict[int, str]()
    for error in errors:
        place = written_number(error.get("Index"))
        if _by_codes([error], said):
            raise refusal_of_part(error, said)
        if _NOT_AN_ITEM.search(_word(error)):
            refusal = NeedsHumanError(f"{said}: answer {told_code(error)}: {_ABOUT_THE_LIST}")
            refusal.code = told_code(error)
            raise refusal
        if place is not None and place < items:
            codes.setdefault(place, told_code(error))
    named = sum(1 for error in errors if written_number(error.get("Index")) in codes)
    return codes, "PartialErrors" in body and named == len(errors)


def listed(response: Response, account: str) -> Sequence[Mapping[str, Any]]:
    """The audiences of an answer. Raises as `accepted` does, and TransientError where there is no list."""
    body = accepted(response, account)
    if not isinstance(body.get("Audiences"), list):
        raise TransientError(f"microsoft_ads account {account}: a list came without its audiences; it is asked again")
    return _objects(body["Audiences"])


def size_report(audiences: Sequence[Mapping[str, Any]], minimum: int) -> SizeReport:
    """From the answer on one list. A size is null for up to 48 hours; a state is told nowhere.

    >>> size_report([{"SearchSize": "1200"}], 300).lower
    1200
    """
    if not audiences:
        return SizeReport(SizeState.CLOSED, None, None)
    size = written_number(audiences[0].get("SearchSize"))
    if size is None:
        return SizeReport(SizeState.UPDATING, None, None)
    return SizeReport(SizeState.READY if size >= minimum else SizeState.TOO_SMALL, size, size)


def is_throttle(response: Response) -> bool:
    """Whether Microsoft asks for fewer calls, under whatever status."""
    throttled = any(written_number(error.get("Code")) in _THROTTLES for error in _faults(response.json))
    return throttled or response.status == HTTPStatus.TOO_MANY_REQUESTS


def told_code(error: Error) -> str:
    """Microsoft's number and word.

    >>> told_code({"Code": 117, "ErrorCode": "CallRateExceeded", "Message": "words"})
    '117 CallRateExceeded'
    """
    number = written_number(error.get("Code"), CODE_DIGITS)
    return " ".join(part for part in ("" if number is None else str(number), _word(error)) if part) or "unknown"


def _by_codes(errors: Sequence[Error], said: str) -> SegmentAssetsError | None:
    """What the codes alone decide, whatever the status. The one that matters may come last."""
    codes = {written_number(error.get("Code")) for error in errors}
    if codes & _THROTTLES:
        return TransientError(f"{said}: throttled", retry_after=_AFTER_A_THROTTLE)
    if codes & _TOKEN:
        return NeedsHumanError(f"{said}: {_RENEW_SAID}")
    if codes & _ACCESS:
        return NeedsHumanError(f"{said}: {_ACCESS_SAID}")
    if _TERMS in codes or any(_word(error) == _TERMS_WORD for error in errors):
        return NeedsHumanError(f"{said}: {_TERMS_SAID}")
    return TransientError(f"{said}: an error inside Microsoft's; it is asked again") if _INTERNAL in codes else None


def _by_status(status: int, said: str) -> SegmentAssetsError | None:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return TransientError(f"{said}: throttled", retry_after=_AFTER_A_THROTTLE)
    if status == HTTPStatus.REQUEST_TIMEOUT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return TransientError(f"{said}: not available now; it is asked again")
    if status == HTTPStatus.UNAUTHORIZED:
        return NeedsHumanError(f"{said}: {_RENEW_SAID}")
    return NeedsHumanError(f"{said}: {_ACCESS_SAID}") if status == HTTPStatus.FORBIDDEN else None


def _of_the_request(response: Response, said: str, holders: Sequence[Sequence[int]] | None) -> SegmentAssetsError:
    body = response.json if isinstance(response.json, dict) else {}
    if holders is None or response.status == HTTPStatus.NOT_FOUND:
        return PermanentError(f"{said}: {_REFUSED}")
    if any(_NOT_AN_ITEM.search(_word(error)) for error in _faults(body)):
        return NeedsHumanError(f"{said}: {_ABOUT_THE_LIST}")
    places = {
        place: told_code(error)
        for error in _objects(body.get("BatchErrors"))
        if (item := written_number(error.get("Index"))) is not None and item < len(holders)
        for place in holders[item]
    }
    if places:
        return RefusedMembersError(f"{said}: some members are refused", places)
    return RefusedBatchError(f"{said}: something in the request is refused; a half of it may be taken")


def _faults(body: object) -> Sequence[Error]:
    return [error for name in _FAULTS for error in _objects(body.get(name))] if isinstance(body, dict) else []


def _objects(value: object) -> Sequence[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _word(error: Error) -> str:
    told = error.get("ErrorCode")
    return told if isinstance(told, str) and _WORD.fullmatch(told) else ""
