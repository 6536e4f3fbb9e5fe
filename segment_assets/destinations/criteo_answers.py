"""What Criteo's API answers: data, errors beside it (also under HTTP 200), counts of identifiers, matches.

Belongs here: reading. Not here: what is sent (`criteo`), how long to wait and what to try again (`delivery`).
Source: developers.criteo.com (types of errors, rate limits) and criteo-api-marketingsolutions-sdk 2027.1.0.261026
(CommonProblem, ContactlistOperation, ContactListStatistics); what passes by itself is inferred. As of autumn 2026.
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

# Seconds. The window of the quota; when it began is told as a moment, on Criteo's clock.
_AFTER_A_THROTTLE = 60.0
_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.LOCKED})
_FOR_A_PERSON: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "the access token is not accepted; it lives for 15 minutes, so look whether the secret "
    "store has the app's client id and secret",
    HTTPStatus.FORBIDDEN: "permission is missing; the app needs consent of the advertiser to manage audiences",
}
_FOR_THE_PLAN: Mapping[int, str] = {
    HTTPStatus.NOT_FOUND: "nothing is there; correct the account or api_version of this account in the plan",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "the request is too large; lower batch_members of the contract",
}
_SEGMENT_GONE = (
    "the segment is not to be seen. If it was deleted at Criteo, end the activation in the plan with on_removal: "
    "delete, and name it again; if the API version is retired, raise api_version of this account"
)
_NAME_TAKEN = "name-must-be-unique"
# Criteo's codes are words of small letters. Nothing else that comes back is repeated: it may quote what was sent.
_CODE = re.compile(r"[a-z]{2,32}(?:-[a-z0-9]{1,32}){0,8}")
_NOT_THERE = re.compile(r"(?:audience|segment)[a-z-]*-(?:not-found|invalid)")


def accepted(response: Response, account: str, *, has_people: bool = False) -> Mapping[str, Any]:
    """The body of a successful answer: one with data, or without errors.

    `has_people`: of a request that holds a batch, parts of which may be taken where the whole is refused.
    Raises TransientError, PermanentError, RefusedBatchError or NeedsHumanError for a refusal.
    """
    body = response.json
    if response.status < HTTPStatus.BAD_REQUEST:
        if not isinstance(body, dict):
            raise _not_understood(account)
        if body.get("data") or not _codes(body):
            return body
    code = "/".join([str(response.status), *_codes(body)[:1]])
    refusal = _refusal(response, f"criteo account {account}: answer {code}", has_people=has_people)
    refusal.code = code
    raise refusal


def is_gone(response: Response) -> bool:
    """Whether a deletion was refused because there is nothing to delete."""
    codes = _codes(response.json)
    return bool(codes) and all(_NOT_THERE.fullmatch(code) for code in codes)


def listed(body: Mapping[str, Any], account: str) -> tuple[Sequence[Mapping[str, Any]], int | None]:
    """Segments of a body, and how many there are in all where Criteo says so."""
    data, meta = body.get("data"), body.get("meta")
    if not isinstance(data, list):
        raise _not_understood(account)
    total = whole_number(meta.get("totalItems")) if isinstance(meta, dict) else None
    return [segment for segment in data if isinstance(segment, dict)], total


def counted(body: Mapping[str, Any], account: str) -> tuple[int, int, frozenset[str]]:
    """Of the identifiers of a request: how many are valid, how many invalid, and some of the invalid."""
    attributes = _attributes(body)
    valid = whole_number(attributes.get("nbValidIdentifiers"))
    invalid = whole_number(attributes.get("nbInvalidIdentifiers"))
    if valid is None or invalid is None:
        raise _not_understood(account)
    sample = attributes.get("sampleInvalidIdentifiers")
    shown = [one for one in sample if isinstance(one, str)] if isinstance(sample, list) else []
    return valid, invalid, frozenset(shown)


def size_report(body: Mapping[str, Any], minimum: int) -> SizeReport:
    """From a list's statistics. Criteo tells no state: `minimum` matches are taken for enough.

    >>> size_report({"data": {"attributes": {"numberOfMatches": 7}}}, 10)
    SizeReport(state=<SizeState.TOO_SMALL: 'too_small'>, lower=7, upper=7, said='')
    """
    matches = whole_number(_attributes(body).get("numberOfMatches"))
    if matches is None:
        return SizeReport(SizeState.UNKNOWN, None, None)
    return SizeReport(SizeState.READY if matches >= minimum else SizeState.TOO_SMALL, matches, matches)


def _refusal(response: Response, said: str, *, has_people: bool) -> SegmentAssetsError:
    # A refusal under a status of success is of the kind that has its own status elsewhere.
    status = max(response.status, HTTPStatus.BAD_REQUEST)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return TransientError(f"{said}: throttled", retry_after=_wait(response))
    if status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return TransientError(f"{said}: not available now; it is asked again")
    if status in _FOR_A_PERSON:
        return NeedsHumanError(f"{said}: {_FOR_A_PERSON[status]}")
    if _NAME_TAKEN in _codes(response.json):
        return NeedsHumanError(
            f"{said}: the advertiser has a segment of this name that is not ours, or not to be seen yet; rename one of "
            "the two, or run again later"
        )
    return _of_the_request(status, said, has_people=has_people)


def _of_the_request(status: int, said: str, *, has_people: bool) -> SegmentAssetsError:
    if has_people and status == HTTPStatus.BAD_REQUEST:
        return RefusedBatchError(f"{said}: something in the request is refused; a half of it may be taken")
    if has_people and status == HTTPStatus.NOT_FOUND:
        return NeedsHumanError(f"{said}: {_SEGMENT_GONE}")
    action = _FOR_THE_PLAN.get(status, "the request is refused; it must be changed before it is sent again")
    return PermanentError(f"{said}: {action}")


def _not_understood(account: str) -> TransientError:
    return TransientError(f"criteo account {account}: the answer is not understood; it is asked again")


def _codes(body: object) -> list[str]:
    """The codes of what Criteo calls errors; `unknown` for one without a code that can be repeated."""
    errors = body.get("errors") if isinstance(body, dict) else None
    found = [error.get("code") for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    return [code if isinstance(code, str) and _CODE.fullmatch(code) else "unknown" for code in found]


def _attributes(body: Mapping[str, Any]) -> Mapping[str, Any]:
    data = body.get("data")
    attributes = data.get("attributes") if isinstance(data, dict) else None
    return attributes if isinstance(attributes, dict) else {}


def _wait(response: Response) -> float | None:
    """Where a Retry-After comes all the same, the courier reads it."""
    return None if "retry-after" in {name.lower() for name in response.headers} else _AFTER_A_THROTTLE
