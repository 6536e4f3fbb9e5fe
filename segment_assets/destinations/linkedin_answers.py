"""What LinkedIn's Rest.li API answers: accepted bodies, a status for each person, and refusals.

Belongs here: reading. Not here: what is sent (`linkedin`), how long to wait and what to try again (`delivery`).
Source: "Create and manage segment users", the matched audiences FAQ and Rest.li's protocol 2.0.0; which statuses pass
by themselves is told by other vendors' connectors. As of autumn 2026.
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
from segment_assets.destinations.numbers import CODE_DIGITS, whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from segment_assets.contracts import Response

# Seconds. LinkedIn publishes no wait: a minute is the window of its quota.
_AFTER_A_THROTTLE = 60.0
# Seconds. The pages ask for five at least, others saw one to two minutes: four more tries of a run reach that far.
_FOR_A_FRESH_SEGMENT = 30.0
# 409 is the answer to two writers at once.
_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.LOCKED, HTTPStatus.TOO_MANY_REQUESTS})
_FOR_A_PERSON: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "the access token is not accepted; renew it in the secret store. A refresh token ends 365 "
    "days after the consent, however often it was used; then a person has to consent again",
    HTTPStatus.FORBIDDEN: "permission is missing; the app needs the Audiences programme (rw_dmp_segments), and its "
    "member a role above viewer in the ad account",
}
_FOR_THE_PLAN: Mapping[int, str] = {
    HTTPStatus.UPGRADE_REQUIRED: "the API version is retired; raise api_version of this account in the plan",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "the request is too large; lower batch_members of the contract",
    HTTPStatus.NOT_FOUND: "nothing is there; correct the account in the plan",
}
_OF_A_BATCH = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND})
# LinkedIn's codes are words of capitals. Nothing else that comes back is repeated: it may quote what was sent.
_CODE = re.compile(r"[A-Z]{2,32}(?:_[A-Z]{1,32}){0,8}")


def accepted(response: Response, account: str, *, has_people: bool = False) -> Mapping[str, Any]:
    """The body of a successful answer, empty where it has none (201, 204).

    `has_people`: of a request that holds a batch, parts of which may be taken where the whole is refused.
    Raises TransientError, PermanentError, RefusedBatchError or NeedsHumanError for a refusal.
    """
    if response.status < HTTPStatus.BAD_REQUEST:
        return response.json if isinstance(response.json, dict) else {}
    refusal = _refusal(response, account, has_people=has_people)
    refusal.code = _code(response)
    raise refusal


def element_codes(body: Mapping[str, Any], people: int, account: str) -> list[str]:
    """For each person of a batch, in its order, the code of their refusal, empty for those who were taken.

    Raises TransientError where an answer is not for each person, or where one of them says that the trouble passes.
    """
    elements = body.get("elements")
    if not isinstance(elements, list) or len(elements) != people:
        raise TransientError(f"linkedin account {account}: the answer is not for each person; the batch is asked again")
    statuses = [_status(element) for element in elements]
    if None in statuses:
        raise TransientError(f"linkedin account {account}: a person's answer has no status; the batch is asked again")
    passing = sum(1 for status in statuses if status is not None and _passes(status))
    if passing:
        raise TransientError(
            f"linkedin account {account}: {passing} people of a batch met trouble that passes; the batch is asked again"
        )
    return ["" if _is_taken(element) else _element_code(element) for element in elements]


def listed(body: Mapping[str, Any], account: str) -> tuple[Sequence[Mapping[str, Any]], int | None]:
    """One page of a collection, and how many there are in all where LinkedIn says so."""
    elements = body.get("elements")
    if not isinstance(elements, list):
        raise TransientError(f"linkedin account {account}: a list came without its elements; it is asked again")
    paging = body.get("paging")
    total = whole_number(paging.get("total"), CODE_DIGITS) if isinstance(paging, dict) else None
    return [element for element in elements if isinstance(element, dict)], total


def _refusal(response: Response, account: str, *, has_people: bool) -> SegmentAssetsError:
    status, said = response.status, f"linkedin account {account}: answer {_code(response)}"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return TransientError(f"{said}: throttled", retry_after=_wait(response))
    if _passes(status):
        return TransientError(f"{said}: not available now; it is asked again")
    if status in _FOR_A_PERSON:
        return NeedsHumanError(f"{said}: {_FOR_A_PERSON[status]}")
    if has_people and status in _OF_A_BATCH:
        return _of_a_batch(status, said)
    action = _FOR_THE_PLAN.get(status, "the request is refused; it must be changed before it is sent again")
    return PermanentError(f"{said}: {action}")


def _of_a_batch(status: int, said: str) -> SegmentAssetsError:
    if status == HTTPStatus.BAD_REQUEST:
        return RefusedBatchError(f"{said}: something in the request is refused; a half of it may be taken")
    # An answer does not tell a fresh segment from a deleted one, and only a fresh one mends itself.
    return TransientError(
        f"{said}: the segment is not to be seen. A new one takes up to five minutes; if it is older, it was deleted on "
        "LinkedIn: end the activation in the plan with on_removal: delete, and name it again",
        retry_after=_FOR_A_FRESH_SEGMENT,
    )


def _wait(response: Response) -> float | None:
    """LinkedIn documents no Retry-After; where one comes, the courier reads it."""
    return None if "retry-after" in {name.lower() for name in response.headers} else _AFTER_A_THROTTLE


def _is_taken(element: object) -> bool:
    status = _status(element)
    return status is not None and HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def _passes(status: int) -> bool:
    return status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _status(element: object) -> int | None:
    return whole_number(element.get("status"), CODE_DIGITS) if isinstance(element, dict) else None


def _element_code(element: Mapping[str, Any]) -> str:
    error = element.get("error")
    return _joined(_status(element), error if isinstance(error, dict) else {})


def _code(response: Response) -> str:
    return _joined(response.status, response.json if isinstance(response.json, dict) else {})


def _joined(status: int | None, error: Mapping[str, Any]) -> str:
    """Status, LinkedIn's number and its word, as far as they are there: `400/100/ILLEGAL_ARGUMENT`."""
    number, word = whole_number(error.get("serviceErrorCode"), CODE_DIGITS), error.get("code")
    parts = [str(status), str(number) if number is not None else ""]
    return "/".join(part for part in (*parts, word if isinstance(word, str) and _CODE.fullmatch(word) else "") if part)
