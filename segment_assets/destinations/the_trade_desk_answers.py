"""What The Trade Desk's Data API answers: refused lines under HTTP 200, and errors of a whole request.

Belongs here: reading. Not here: what is sent (`the_trade_desk`), how long to wait and what to try again (`delivery`).
Source: ttd-data 0.3.2 (AdvertiserDataServerResponse, its error codes and what it tries again) and the Data API's
description (the envelope ErrorCode, Message, FailedLines), as of autumn 2026. That only Unknown and Uid2Error may pass
by themselves is inferred.
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
    TransientError,
)
from segment_assets.destinations.the_trade_desk_items import item_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from segment_assets.contracts import Response, SegmentAssetsError

_PASSING_LINES = frozenset({"Unknown", "Uid2Error"})
# Segments of the advertiser, by their number and by how fast they are made; neither number is published.
_FULL_LINES = frozenset({"TargetingDataCountLimitExceeded", "TargetingDataCreationLimitExceeded"})
_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
_FOR_A_PERSON: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "the token is not accepted; make a new one on The Trade Desk's pages (API tokens) "
    "and put it into the secret store",
    HTTPStatus.FORBIDDEN: "permission is missing, the advertiser is not set up for its own data, or has as much as it "
    "may; look at the advertiser on The Trade Desk's pages, and at the role of the token's user",
}
_FOR_THE_PLAN: Mapping[int, str] = {
    HTTPStatus.NOT_FOUND: "nothing is there; correct the endpoint of this account",
    HTTPStatus.GONE: "this call is no more; a newer release of this connector is needed",
}
# The Trade Desk's codes are words, ours have a line below. Nothing else that comes back is repeated.
_CODE = re.compile(r"[A-Z][A-Za-z0-9]{2,39}|uid2_[a-z_]{3,20}")


def refused_items(response: Response, holders: Sequence[Sequence[int]], account: str) -> tuple[Mapping[int, str], bool]:
    """Place of each refused item -> its code, and whether that is everybody who was refused.

    `holders`: for each item of the request the places of its people.
    Raises TransientError, PermanentError, RefusedMembersError, RefusedBatchError or NeedsHumanError for a refusal.
    """
    if response.status >= HTTPStatus.BAD_REQUEST:
        raise _refusal(response, holders, account)
    lines = _failed_lines(response)
    if lines is None:
        raise TransientError(f"the_trade_desk advertiser {account}: the answer is not understood; it is asked again")
    codes = _codes(lines, len(holders))
    if len(codes) == len(holders) > 1 and _PASSING_LINES.issuperset(codes.values()):
        raise TransientError(f"the_trade_desk advertiser {account}: every line failed for now; it is asked again")
    if codes and len(codes) == len(holders) and _FULL_LINES.issuperset(codes.values()):
        raise _full(codes, account)
    return codes, all(item_number(line) in codes for line in lines)


def _full(codes: Mapping[int, str], account: str) -> NeedsHumanError:
    """Nobody of a request is to blame where the advertiser has no room, so nobody is noted as refused by name."""
    code = next(iter(codes.values()))
    full = NeedsHumanError(
        f"the_trade_desk advertiser {account}: code {code} for everybody: it has as many segments as it may have, or "
        "makes them too fast; ask The Trade Desk which, and end activations in the plan with on_removal: empty"
    )
    full.code = code
    return full


def is_passing(response: Response) -> bool:
    """Whether a line failed for a reason that may be gone in a second."""
    if response.status != HTTPStatus.OK:
        return False
    return any(told_code(line) in _PASSING_LINES for line in _failed_lines(response) or ())


def told_code(told: object) -> str:
    """The Trade Desk's word for what is wrong with a line or a request.

    >>> told_code({"ErrorCode": "UserNotMapped", "Message": "words"}), told_code({"ErrorCode": "words of a person"})
    ('UserNotMapped', 'unknown_code')
    """
    code = told.get("ErrorCode") if isinstance(told, dict) else None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else "unknown_code"


def _refusal(response: Response, holders: Sequence[Sequence[int]], account: str) -> SegmentAssetsError:
    is_told = isinstance(response.json, dict) and "ErrorCode" in response.json
    code = f"{response.status}/{told_code(response.json)}" if is_told else str(response.status)
    refusal = _classed(response, holders, f"the_trade_desk advertiser {account}: answer {code}")
    refusal.code = code
    return refusal


def _classed(response: Response, holders: Sequence[Sequence[int]], said: str) -> SegmentAssetsError:
    status = response.status
    if status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return TransientError(f"{said}: not available now; it is asked again")
    if status in _FOR_A_PERSON:
        return NeedsHumanError(f"{said}: {_FOR_A_PERSON[status]}")
    if status in _FOR_THE_PLAN:
        return PermanentError(f"{said}: {_FOR_THE_PLAN[status]}")
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return RefusedBatchError(f"{said}: the request is too large; its halves are sent")
    codes = _codes(_failed_lines(response) or (), len(holders))
    places = {place: code for item, code in codes.items() for place in holders[item]}
    if places:
        return RefusedMembersError(f"{said}: some members are refused", places)
    return RefusedBatchError(f"{said}: something in the request is refused; a half of it may be taken")


def _codes(lines: Sequence[object], items: int) -> dict[int, str]:
    places = [(item_number(line), told_code(line)) for line in lines]
    return {place: code for place, code in places if place is not None and place < items}


def _failed_lines(response: Response) -> Sequence[Any] | None:
    """The lines that were refused, none where the answer has none. None for something else than an answer."""
    if not isinstance(response.json, dict):
        return None
    lines = response.json.get("FailedLines")
    return [] if lines is None else lines if isinstance(lines, list) else None
