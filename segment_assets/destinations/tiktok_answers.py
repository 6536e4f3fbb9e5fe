"""What TikTok's API for Business answers: it decides by `code` in the body, and nearly always with HTTP 200.

Belongs here: reading. Not here: what is sent (`tiktok`), how long to wait and what to try again (`delivery`).
Source: the codes named in tiktok-business-api-sdk-official 1.1.3; what to do about each is told by public connectors
that quote the appendix "Return codes", so it is probable, not published to us. As of autumn 2026.
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

OK, PARTIAL, GONE = 0, 20001, 40007

# Requests of an app a second, of an app, of one value of a field, of an advertiser; and those behind a blacklist.
_THROTTLED = frozenset({40016, 40100, 40132, 40133, 61000})
# A task that is not ready, two writers at once, maintenance.
_PASSING = frozenset({40201, 40202, 60001})
_SERVICE = range(50000, 60000)
_TOKEN = frozenset({40102, 40104, 40105})
_PERMISSION = frozenset({40001, 40113, 40114, 40117, 40118, 40130, 40131})
_ADVERTISER = frozenset({40300, 40301, 40302})
# What a single person of a batch may be to blame for.
_PARAMETERS = frozenset({40000, 40002, 40062})
_TOO_MANY = 40061
_VERSION = frozenset({40006, 40051})
_ROUTE = 40400


def accepted(response: Response, account: str, *, has_people: bool = False) -> Mapping[str, Any]:
    """The `data` of a successful answer, empty where it has none.

    `has_people`: of a request that holds a batch, parts of which may be taken where the whole is refused.
    Raises TransientError, PermanentError, RefusedBatchError or NeedsHumanError for any other code.
    """
    code = told_code(response)
    if code in (OK, PARTIAL) and response.status < HTTPStatus.BAD_REQUEST:
        data = response.json.get("data") if isinstance(response.json, dict) else None
        return data if isinstance(data, dict) else {}
    refusal = _by_status(response, account) if code in (None, OK, PARTIAL) else _by_code(code, account, has_people)
    refusal.code = str(response.status if code is None else code)
    raise refusal


def is_throttle(response: Response) -> bool:
    """Whether TikTok asks for a slower pace, which it does with HTTP 200."""
    return told_code(response) in _THROTTLED


def told_code(response: Response) -> int | None:
    """The code in the body, None where the body is not TikTok's."""
    return whole_number(response.json.get("code"), CODE_DIGITS) if isinstance(response.json, dict) else None


def audience_list(body: Mapping[str, Any], account: str) -> tuple[Sequence[Mapping[str, Any]], int]:
    """One page of audiences, and how many pages there are."""
    audiences, info = body.get("list"), body.get("page_info")
    pages = info.get("total_page") if isinstance(info, dict) else None
    if not isinstance(audiences, list) or not isinstance(pages, int):
        raise TransientError(f"tiktok account {account}: a list came without its pages; it is asked again")
    return [audience for audience in audiences if isinstance(audience, dict)], pages


def _by_code(code: int | None, account: str, has_people: bool) -> SegmentAssetsError:
    """The code alone: TikTok's message may quote what was sent."""
    said = f"tiktok account {account}: code {code}"
    if code is not None and (code in _THROTTLED or code in _PASSING or code in _SERVICE):
        return TransientError(f"{said}: throttled or not available now; it is asked again")
    for_a_person = _for_a_person(code)
    if for_a_person:
        return NeedsHumanError(f"{said}: {for_a_person}")
    if code in _PARAMETERS and has_people:
        return RefusedBatchError(f"{said}: something in the request is refused; a half of it may be taken")
    if code == _TOO_MANY:
        return PermanentError(f"{said}: the batch is too large; lower batch_members of the contract")
    if code in _VERSION or code == _ROUTE:
        return PermanentError(f"{said}: this version of the API is gone; the connector has to learn the next one")
    return PermanentError(f"{said}: the request is refused; it must be changed before it is sent again")


def _for_a_person(code: int | None) -> str:
    """What somebody has to do in TikTok's business center or the secret store, empty when nobody has to."""
    if code in _TOKEN:
        return (
            "the access token is not accepted. It is never renewed by itself: have an owner authorise the app again, "
            "and put the new token into the secret store"
        )
    if code in _PERMISSION:
        return "permission is missing; the app needs the scope of creating and updating custom audiences"
    if code in _ADVERTISER:
        return "the advertiser is not to be seen with this token; look at it in the business center"
    if code == GONE:
        return "the audience is gone or belongs to another advertiser; look at it in the ads manager"
    return ""


def _by_status(response: Response, account: str) -> SegmentAssetsError:
    """For what a web server in front of TikTok answers."""
    said = f"tiktok account {account}: answer {response.status}"
    if response.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return PermanentError(f"{said}: the request is too large; lower batch_members of the contract")
    return TransientError(f"{said} is not understood; it is asked again")
