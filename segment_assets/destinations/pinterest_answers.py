"""What Pinterest's API v5 answers: bodies of a success, pages, and refusals, which it decides by the HTTP status.

Belongs here: reading. Not here: what is sent (`pinterest`), how long to wait and what to try again (`delivery`).
Source: Pinterest's OpenAPI description 5.23.0 (an error is a code and a message) and pinterest-api-sdk 0.2.7; which
statuses pass by themselves is inferred. As of autumn 2026.
"""

from __future__ import annotations

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

# Seconds. The window of the published per-minute quotas; Pinterest documents no Retry-After.
_AFTER_A_THROTTLE = 60.0
_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.LOCKED})
_FOR_A_PERSON: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "the access token is not accepted; renew it in the secret store. A refresh token lives "
    "for 60 days, and each renewal gives a new one; after that somebody has to authorise the app again",
    HTTPStatus.FORBIDDEN: "permission is missing; the token needs the scopes ads:read and ads:write, and its user a "
    "role for audiences in the ad account",
}
_GONE = (
    "the list is not to be seen; it was deleted on Pinterest, or is another account's: end the activation in the plan "
    "with on_removal: delete, and name it again"
)
_FOR_THE_PLAN: Mapping[int, str] = {
    HTTPStatus.NOT_FOUND: "nothing is there; correct the account in the plan",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "the request is too large; lower batch_members of the contract",
}


def accepted(response: Response, account: str, *, has_people: bool = False) -> Mapping[str, Any]:
    """The body of a successful answer.

    `has_people`: of a request that holds a batch, parts of which may be taken where the whole is refused.
    Raises TransientError, PermanentError, RefusedBatchError or NeedsHumanError for a refusal.
    """
    if response.status < HTTPStatus.BAD_REQUEST:
        if isinstance(response.json, dict):
            return response.json
        raise TransientError(
            f"pinterest account {account}: answer {response.status} is not understood; it is asked again"
        )
    code = "/".join(filter(None, [str(response.status), code_of(response.json)]))
    refusal = _refusal(response, f"pinterest account {account}: answer {code}", has_people=has_people)
    refusal.code = code
    raise refusal


def page_of(body: Mapping[str, Any], account: str) -> tuple[Sequence[Mapping[str, Any]], str]:
    """One page of a collection, and the bookmark of the next, empty after the last."""
    items, bookmark = body.get("items"), body.get("bookmark")
    if not isinstance(items, list):
        raise TransientError(f"pinterest account {account}: a list came without its items; it is asked again")
    return [item for item in items if isinstance(item, dict)], bookmark if isinstance(bookmark, str) else ""


def code_of(body: object) -> str:
    """Pinterest's own number for an error, empty where there is none: its message may quote what was sent.

    >>> code_of({"code": 29, "message": "not permitted"}), code_of({}), code_of({"code": "jane@example.com"})
    ('29', '', '')
    """
    code = whole_number(body.get("code"), CODE_DIGITS) if isinstance(body, dict) else None
    return "" if code is None else str(code)


def _refusal(response: Response, said: str, *, has_people: bool) -> SegmentAssetsError:
    status = response.status
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return TransientError(f"{said}: throttled", retry_after=_wait(response))
    if status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return TransientError(f"{said}: not available now; it is asked again")
    if status in _FOR_A_PERSON:
        return NeedsHumanError(f"{said}: {_FOR_A_PERSON[status]}")
    if has_people and status == HTTPStatus.BAD_REQUEST:
        return RefusedBatchError(f"{said}: something in the request is refused; a half of it may be taken")
    if has_people and status == HTTPStatus.NOT_FOUND:
        return NeedsHumanError(f"{said}: {_GONE}")
    action = _FOR_THE_PLAN.get(status, "the request is refused; it must be changed before it is sent again")
    return PermanentError(f"{said}: {action}")


def _wait(response: Response) -> float | None:
    """Where a Retry-After comes all the same, the courier reads it."""
    return None if "retry-after" in {name.lower() for name in response.headers} else _AFTER_A_THROTTLE
