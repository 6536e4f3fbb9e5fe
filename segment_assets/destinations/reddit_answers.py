"""What Reddit's Ads API answers: data, pages, size ranges, budgets of calls, and refusals.

Belongs here: reading. Not here: what is sent (`reddit`), how long to wait and what to try again (`delivery`).
Source: Reddit Ads API v3, its OpenAPI description (errors, statuses, RateLimit headers of a 429), as of autumn 2026.
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

_FOR_A_PERSON: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "the access token is not accepted; renew it in the secret store. It lives about a day, so "
    "the store should hold a refresh token too (with client_auth: basic)",
    HTTPStatus.FORBIDDEN: "permission is missing; the app needs the scopes adsread and adsedit, its user a role in the "
    "ad account, and some accounts Reddit's leave to use custom audiences",
    HTTPStatus.NOT_FOUND: "nothing is there; look at the ad account and the audience in Reddit's Ads Manager. Correct "
    "the account in the plan, or, where the audience was deleted, end the activation with on_removal: delete and begin "
    "anew",
}
_FOR_US: Mapping[int, str] = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "the request is too large; lower batch_members of the contract",
    HTTPStatus.GONE: "this version of the API is gone; the connector has to learn the next one",
}
_STATES = {
    "VALID": SizeState.READY,
    "PENDING": SizeState.UPDATING,
    "NOT_ENOUGH_MATCHES_ERROR": SizeState.TOO_SMALL,
    "EXPIRED": SizeState.CLOSED,
    "DELETED": SizeState.CLOSED,
}
_WORD = re.compile(r"[A-Z]{2,20}(?:_[A-Z]{1,20}){0,4}")
# Fields of our requests. Nothing else that comes back is repeated: it may quote what was sent.
_FIELDS = frozenset({"data", "name", "type", "action_type", "column_order", "user_data"})
_PARAMETER = re.compile(r";\s*([rt])\s*=\s*([0-9]{1,6})(?![0-9.])")


def accepted(response: Response, account: str, *, has_people: bool = False) -> Mapping[str, Any]:
    """The body of a successful answer, empty where it has none (204).

    `has_people`: of a request that holds a batch, parts of which may be taken where the whole is refused.
    Raises TransientError, PermanentError, RefusedBatchError or NeedsHumanError for a refusal.
    """
    if response.status >= HTTPStatus.BAD_REQUEST:
        refusal = _refusal(response, account, has_people=has_people)
        refusal.code = _code(response)
        raise refusal
    if response.status == HTTPStatus.NO_CONTENT:
        return {}
    if not isinstance(response.json, dict) or "error" in response.json:
        raise TransientError(f"reddit account {account}: answer {response.status} is not understood; it is asked again")
    return response.json


def data(response: Response, account: str) -> Mapping[str, Any]:
    """The one thing that was asked for or made. Raises as `accepted` does."""
    found = accepted(response, account).get("data")
    return found if isinstance(found, dict) else {}


def data_list(response: Response, account: str) -> Sequence[Mapping[str, Any]]:
    """One page of a list. Raises as `accepted` does, and TransientError where there is no list."""
    found = accepted(response, account).get("data")
    if not isinstance(found, list):
        raise TransientError(f"reddit account {account}: a list came without its data; it is asked again")
    return [item for item in found if isinstance(item, dict)]


def next_page(response: Response) -> object:
    """The address of the next page, None on the last."""
    return _object(_object(response.json).get("pagination")).get("next_url")


def size_report(audience: Mapping[str, Any]) -> SizeReport:
    """How large an audience is, as the range that Reddit shows. What SUCCESSFUL means it does not tell.

    >>> size_report({"status": "VALID", "size_range_lower": 1000, "size_range_upper": 1500}).upper
    1500
    """
    told = audience.get("status")
    said = told if isinstance(told, str) and _WORD.fullmatch(told) else ""
    lower, upper = whole_number(audience.get("size_range_lower")), whole_number(audience.get("size_range_upper"))
    is_range = lower is not None and upper is not None and lower <= upper
    return SizeReport(_STATES.get(said, SizeState.UNKNOWN), *((lower, upper) if is_range else (None, None)), said)


def _refusal(response: Response, account: str, *, has_people: bool) -> SegmentAssetsError:
    status, said = response.status, f"reddit account {account}: answer {_code(response)}"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return TransientError(f"{said}: throttled", retry_after=_wait(response) or None)
    if status == HTTPStatus.REQUEST_TIMEOUT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return TransientError(f"{said}: not available now; it is asked again")
    if status in _FOR_A_PERSON:
        return NeedsHumanError(f"{said}: {_FOR_A_PERSON[status]}")
    if status == HTTPStatus.BAD_REQUEST and has_people:
        return RefusedBatchError(f"{said}: something in the request is refused; a half of it may be taken")
    action = _FOR_US.get(status, "the request is refused; it must be changed before it is sent again")
    return PermanentError(f"{said}: {action}")


def _wait(response: Response) -> float:
    """Seconds until a spent budget is filled again, 0 where nothing is said: `"burst";r=0;t=42, "window";r=12;t=600`.

    The courier reads this header of what was taken, and of a refusal Retry-After alone, which Reddit does not send.
    """
    told = {name.lower(): value for name, value in response.headers.items()}.get("ratelimit", "")
    budgets = [dict(_PARAMETER.findall(item)) for item in told.split(",")]
    spent = [float(one["t"]) for one in budgets if "t" in one and not int(one.get("r", "0"))]
    return max(spent, default=0.0)


def _code(response: Response) -> str:
    """The status, and the field that Reddit names first where it is one of ours: `400/data.user_data`."""
    fields = _object(_object(response.json).get("error")).get("fields")
    named = [one.get("field") for one in fields if isinstance(one, dict)] if isinstance(fields, list) else []
    ours = [one for one in named if isinstance(one, str) and _FIELDS.issuperset(one.split("."))]
    return "/".join([str(response.status), *ours[:1]])


# What the outside sends is never trusted to have a shape: a failed conversion would quote the value.
def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
