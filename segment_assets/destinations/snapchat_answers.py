"""What Snap's Marketing API answers: an envelope around each thing that was asked, sizes of segments, and refusals.

Belongs here: reading. Not here: what is sent (`snapchat`), how long to wait and what to try again (`delivery`).
Source: "Customer Lists" and "API patterns" (a 200 may hold parts that failed); what the codes mean is told by other
vendors' connectors: E1 and E2 a bad request, E3 a missing permission. As of autumn 2026.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import (
    NeedsHumanError,
    PermanentError,
    RefusedBatchError,
    SegmentAssetsError,
    TransientError,
)
from segment_assets.contracts.sizes import SizeReport, SizeState
from segment_assets.destinations.numbers import whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from segment_assets.contracts import Response

_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
_PERMISSION = (
    "permission is missing; give the app's user the role of a data manager of the ad account in Snap's Business Manager"
)
_FOR_A_PERSON: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "the access token is not accepted; renew it in the secret store. It lives half an hour, "
    "so the store should hold a refresh token too",
    HTTPStatus.FORBIDDEN: _PERMISSION,
    HTTPStatus.NOT_FOUND: "nothing is there; look at the ad account and the segment in Snap's Ads Manager. Correct the "
    "account in the plan, or, where the segment was deleted, end the activation with on_removal: delete and begin anew",
}
_REFUSED = "the request is refused; it must be changed before it is sent again"
# Snap's codes. Nothing else that comes back is repeated: it may quote what was sent.
_CODE = re.compile(r"\bE([0-9])[0-9]{3}\b")
_OF_THE_REQUEST, _OF_PERMISSION = frozenset({"", "1", "2"}), "3"
_SUCCESS, _ERROR = "success", "error"
_WORD = re.compile(r"[A-Z]{2,20}(?:_[A-Z]{1,20}){0,4}")
_STATES = {"READY": SizeState.READY, "TOO_FEW_USERS": SizeState.TOO_SMALL, "NOT_READY": SizeState.UPDATING}


def entities(
    response: Response, account: str, collection: str, entity: str, *, has_people: bool = False
) -> Sequence[Mapping[str, Any]]:
    """What a successful answer holds under `collection`, each `entity` without its envelope.

    `has_people`: of a request that holds a batch, parts of which may be taken where the whole is refused.
    Raises TransientError, PermanentError, RefusedBatchError or NeedsHumanError for a refusal, of a part too.
    """
    body = response.json if isinstance(response.json, dict) else {}
    said = f"snapchat account {account}"
    if response.status >= HTTPStatus.BAD_REQUEST:
        raise _refusal(response.status, _code(body), said, has_people=has_people)
    parts = _objects(body.get(collection))
    told = [(_word(part.get("sub_request_status")), part) for part in parts]
    told.append((_word(body.get("request_status")), body))
    failed = [one for outcome, one in told if outcome == _ERROR]
    if failed:
        raise _refusal(HTTPStatus.BAD_REQUEST, _code(failed[0]), said, has_people=has_people)
    if {outcome for outcome, _ in told if outcome} != {_SUCCESS}:
        raise TransientError(f"{said}: answer {response.status} is not understood; it is asked again")
    return [_object(part.get(entity)) for part in parts]


def uploaded_users(response: Response, account: str) -> int:
    """How many identifiers of a batch Snap says it took, 0 where it does not say. Raises as `entities` does."""
    counts = [
        user.get("number_uploaded_users") for user in entities(response, account, "users", "user", has_people=True)
    ]
    return sum(whole_number(one) or 0 for one in counts)


def next_page(response: Response) -> object:
    """The address of the next page, None on the last."""
    return _object(_object(response.json).get("paging")).get("next_link")


def size_report(segment: Mapping[str, Any]) -> SizeReport:
    """How large a segment is. Snap rounds the number, and gives none that can be relied on while it is at work.

    >>> size_report({"targetable_status": "TOO_FEW_USERS", "approximate_number_users": 400}).state.value
    'too_small'
    """
    told, users = segment.get("targetable_status"), whole_number(segment.get("approximate_number_users"))
    said = told if isinstance(told, str) and _WORD.fullmatch(told) else ""
    return SizeReport(_STATES.get(said, SizeState.UNKNOWN), users, users, said)


def _refusal(status: int, code: str, said: str, *, has_people: bool) -> SegmentAssetsError:
    told = "/".join(filter(None, (str(status), code)))
    refusal = _by_status(status, code, f"{said}: answer {told}", has_people=has_people)
    refusal.code = told
    return refusal


def _by_status(status: int, code: str, said: str, *, has_people: bool) -> SegmentAssetsError:
    if status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        # Snap documents no Retry-After; where one comes, the courier reads it.
        return TransientError(f"{said}: throttled or not available now; it is asked again")
    if status in _FOR_A_PERSON:
        return NeedsHumanError(f"{said}: {_FOR_A_PERSON[status]}")
    if status == HTTPStatus.BAD_REQUEST:
        return _by_code(code, said, has_people=has_people)
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return PermanentError(f"{said}: the request is too large; lower batch_members of the contract")
    return PermanentError(f"{said}: {_REFUSED}")


def _by_code(code: str, said: str, *, has_people: bool) -> SegmentAssetsError:
    """Of a request or a part of one that Snap refuses by a code, or without any."""
    family = code[1:2]
    if family == _OF_PERMISSION:
        return NeedsHumanError(f"{said}: {_PERMISSION}")
    if family not in _OF_THE_REQUEST:
        return TransientError(f"{said}: a code of no known family; it is asked again")
    if has_people:
        return RefusedBatchError(f"{said}: something in the request is refused; a half of it may be taken")
    return PermanentError(f"{said}: {_REFUSED}")


def _code(body: Mapping[str, Any]) -> str:
    """Snap's code: in a field of its own, or, of a part, somewhere in its reason."""
    told = (body.get(name) for name in ("error_code", "sub_request_error_reason"))
    found = (_CODE.search(one) for one in told if isinstance(one, str))
    return next((match[0] for match in found if match), "")


# What the outside sends is never trusted to have a shape: a failed conversion would quote the value.
def _word(value: object) -> str:
    return value.lower() if isinstance(value, str) else ""


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
