"""What Ads Data Manager answers: bodies, members that are refused under HTTP 200, codes of refusals, matches.

Belongs here: reading. Not here: what is sent (`amazon_ads`), how long to wait and what to try again (`delivery`).
Source: advertising.amazon.com (Ads data manager, API reference 3.0: statuses), models generated from Amazon's OpenAPI
(amazon-ads-api-v1 0.11.0: fields). Which statuses pass by themselves is inferred. As of autumn 2026.
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

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from segment_assets.contracts import Response

_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.LOCKED, HTTPStatus.TOO_MANY_REQUESTS})
_FOR_A_PERSON: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "the access token is not accepted; it lives for an hour, so look whether the secret store "
    "has a refresh token, and the client id that it was given to",
    HTTPStatus.FORBIDDEN: "permission is missing; the login needs ads_data_manager_edit of a manager account, or "
    "audiences_edit of an advertiser's, and the account has to be in the region of the endpoint",
}
_FOR_THE_PLAN: Mapping[int, str] = {
    HTTPStatus.NOT_FOUND: "nothing is there; correct the account in the plan",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "the version of the API is refused; this connector has to be renewed",
}
_OF_A_BATCH = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY})
_DATASET_GONE = (
    "the dataset is not to be seen. If it was deleted at Amazon, end the activation in the plan with on_removal: "
    "delete, and name it again"
)
_DUPLICATE = "DuplicateDatasetName"
# Amazon's codes are words without digits. Nothing else that comes back is repeated: it may quote what was sent.
_CODE = re.compile(r"[A-Za-z]{2,40}(?:_[A-Za-z]{1,40}){0,6}")
_STATUS = re.compile(r"[1-5][0-9]{2}")
_MOST_DIGITS = 12


def accepted(response: Response, account: str, *, has_people: bool = False) -> Mapping[str, Any]:
    """The body of a successful answer, empty where it has none (204).

    `has_people`: of a request that holds a batch, parts of which may be taken where the whole is refused.
    Raises TransientError, PermanentError, RefusedBatchError or NeedsHumanError for a refusal.
    """
    if response.status == HTTPStatus.NO_CONTENT:
        return {}
    if response.status < HTTPStatus.BAD_REQUEST:
        if not isinstance(response.json, dict):
            raise TransientError(f"amazon_ads account {account}: the answer is not understood; it is asked again")
        return response.json
    refusal = _refusal(response, account, has_people=has_people)
    refusal.code = _code(response)
    raise refusal


def member_codes(body: Mapping[str, Any], people: int, account: str) -> tuple[dict[int, str], set[int], int]:
    """Place of a refused member -> the code of it, places whose trouble passes, and how many refusals name no place.

    Raises TransientError where the trouble of somebody passes who is not named, or of everybody in a batch of several.
    """
    found, passing = dict[int, str](), set[int]()
    of_whom_unknown = unnamed_passing = 0
    for error in listed(body, "errors"):
        place, status = _count(error.get("index")), _status(error)
        is_passing = status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR
        if place is None or place >= people:
            of_whom_unknown += 1
            unnamed_passing += is_passing
        elif is_passing:
            passing.add(place)
        else:
            found[place] = _joined(status, listed(error, "errors"))
    if unnamed_passing or 1 < people == len(passing):
        raise TransientError(
            f"amazon_ads account {account}: {unnamed_passing + len(passing)} people of a batch met trouble that "
            "passes; it is asked again"
        )
    return {place: code for place, code in found.items() if place not in passing}, passing, of_whom_unknown


def duplicate_of(response: Response) -> object | None:
    """What a refused creation says that the dataset of the name is, None where it was not refused for its name."""
    body = response.json
    if response.status != HTTPStatus.BAD_REQUEST or not isinstance(body, dict) or body.get("code") != _DUPLICATE:
        return None
    return body.get("datasetId") or body.get("dataSetId") or ""


def listed(body: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    """The objects that a body has under a name; none where there is no list."""
    found = body.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def size_report(body: Mapping[str, Any], minimum: int) -> SizeReport:
    """From a dataset's metrics. Amazon tells no state: `minimum` matches are taken for enough.

    >>> size_report({"recordsResolved": 7.0}, 10)
    SizeReport(state=<SizeState.TOO_SMALL: 'too_small'>, lower=7, upper=7, said='')
    """
    matches = _count(body.get("recordsResolved"))
    if matches is None:
        return SizeReport(SizeState.UNKNOWN, None, None)
    return SizeReport(SizeState.READY if matches >= minimum else SizeState.TOO_SMALL, matches, matches)


def _refusal(response: Response, account: str, *, has_people: bool) -> SegmentAssetsError:
    status, said = response.status, f"amazon_ads account {account}: answer {_code(response)}"
    if status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return TransientError(f"{said}: not available now, or throttled; it is asked again")
    if status in _FOR_A_PERSON:
        return NeedsHumanError(f"{said}: {_FOR_A_PERSON[status]}")
    if has_people and status in _OF_A_BATCH:
        return RefusedBatchError(f"{said}: something in the request is refused; a half of it may be taken")
    if has_people and status == HTTPStatus.NOT_FOUND:
        return NeedsHumanError(f"{said}: {_DATASET_GONE}")
    action = _FOR_THE_PLAN.get(status, "the request is refused; it must be changed before it is sent again")
    return PermanentError(f"{said}: {action}")


def _status(error: Mapping[str, Any]) -> int:
    """What Amazon calls a member's code: a status of HTTP, as a text. 400 where it says none."""
    told = str(error.get("code"))
    return int(told) if _STATUS.fullmatch(told) else HTTPStatus.BAD_REQUEST


def _code(response: Response) -> str:
    body = response.json if isinstance(response.json, dict) else {}
    word = body.get("code")
    return _joined(response.status, [{"errorType": word}] if word else listed(body, "errors"))


def _joined(status: int, errors: Sequence[Mapping[str, Any]]) -> str:
    """The status and the first of Amazon's words: `400/DuplicateDatasetName`."""
    words = [word for error in errors if isinstance(word := error.get("errorType"), str) and _CODE.fullmatch(word)]
    return "/".join([str(int(status)), *words[:1]])


def _count(value: object) -> int | None:
    """A whole number from 0 on. Amazon's JSON has numbers without a type, so 7.0 is one too."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 10**_MOST_DIGITS:
        return None
    return int(value) if value == int(value) else None
