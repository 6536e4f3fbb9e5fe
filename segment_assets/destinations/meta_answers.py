"""What Meta answers: codes of refusals, counts, samples of invalid rows, budgets.

Belongs here: reading. Not here: what is sent (`meta`), how long to wait and what to try again (`delivery`).
Source: Meta's error reference and rate-limiting page, the Custom Audience Users reference, as of autumn 2026.
"""

from __future__ import annotations

import json
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
from segment_assets.destinations.numbers import CODE_DIGITS, written_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from segment_assets.contracts import Response

# Above this share of a budget Meta asks callers to slow down (rate-limiting page).
_BUSY_PERCENT = 80
THROTTLED = frozenset({4, 17, 32, 613, 80003, 80004})
# The last two are in no reference; a widely used connector tries again after them.
_SERVICE = frozenset({1, 2, 341, 368, 5000, 21009})
_AUTHORISATION = frozenset({102, 190})
_PERMISSION = frozenset({10, 200, 270, 294})
_UPDATE_IN_PROGRESS = (2650, 1870145)
NOT_VISIBLE = (100, 33)
_ABOUT_THE_AUDIENCE = {
    NOT_VISIBLE: "the account or audience is gone, or hidden from this token; look at both in Business Manager",
    (100, 1713230): "Meta flagged the audience; look at it in Business Manager",
    (100, 1487366): "the audience was deleted; look at it in Business Manager, and end the activation or adopt another",
    (100, 1487301): "the audience is not shared with this account; share it in Business Manager",
}
_RETIRED_VERSION = 2635
_TOO_LARGE = frozenset({HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.REQUEST_URI_TOO_LONG})


# Samples come as a map or a list, of cells, of rows, or of rows as text: digests and ids are found in all of these.
_IDENTIFIER = re.compile(r"[0-9a-f]{64}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def words(node: object) -> Iterator[str]:
    """Every text below a node, and every identifier in it."""
    if isinstance(node, str):
        yield node
        yield from _IDENTIFIER.findall(node)
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from words(str(key))
            yield from words(value)
    elif isinstance(node, list):
        for value in node:
            yield from words(value)


def pause(headers: Mapping[str, str]) -> float:
    """Seconds of rest that the usage header asks for: its own estimate is in minutes."""
    raw = {name.lower(): value for name, value in headers.items()}.get("x-business-use-case-usage")
    try:
        said = json_object(json.loads(raw)) if raw else {}
    except ValueError:
        return 0.0
    budgets = [usage for usages in said.values() for usage in json_objects(usages)]
    regain = 60 * max((_number(usage.get("estimated_time_to_regain_access")) for usage in budgets), default=0.0)
    # Meta names no pace between "busy" and "refused"; a second per percent above the mark is ours.
    above = (_number(usage.get(name)) - _BUSY_PERCENT for usage in budgets for name in _USAGES)
    return regain or max([0.0, *above])


_USAGES = ("call_count", "total_cputime", "total_time")


# What the outside sends is never trusted to have a shape: a failed conversion would quote the value.
def json_object(value: object) -> Mapping[str, Any]:
    """A JSON object, or an empty one in the place of anything else."""
    return value if isinstance(value, dict) else {}


def json_objects(value: object) -> list[Mapping[str, Any]]:
    """The objects of a JSON list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _number(value: object) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _ABSURD
    return float(value) if is_number else 0.0  # type: ignore[arg-type]


_ABSURD = 1e6


def accepted(response: Response, account: str, narrowed: frozenset[int] = frozenset()) -> dict[str, Any]:
    """The body of a successful answer, or the error that the answer means. Meta decides by code, not by status."""
    body = response.json
    if isinstance(body, dict) and isinstance(body.get("error"), dict):
        refusal = _refusal(body["error"], response, account, narrowed)
        numbers = (written_number(body["error"].get(name), CODE_DIGITS) for name in ("code", "error_subcode"))
        refusal.code = "/".join(str(number) for number in numbers if number)
        raise refusal
    if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise TransientError(f"meta account {account}: the service answered {response.status}; it is asked again")
    if response.status in _TOO_LARGE:
        raise PermanentError(
            f"meta account {account}: the request is too large for the web server ({response.status}); "
            "lower batch_members of the contract"
        )
    if response.status >= HTTPStatus.BAD_REQUEST or not isinstance(body, dict):
        raise not_understood(account, response)
    return body


def not_understood(account: str, response: Response) -> TransientError:
    """The error of an answer that makes no sense."""
    return TransientError(f"meta account {account}: answer {response.status} is not understood; it is asked again")


def _refusal(
    error: Mapping[str, Any], response: Response, account: str, narrowed: frozenset[int]
) -> SegmentAssetsError:
    code, subcode = (written_number(error.get(name), CODE_DIGITS) or 0 for name in ("code", "error_subcode"))
    # Codes only: Meta's message may quote what was sent.
    said = f"meta account {account}: code {code}" + (f" subcode {subcode}" if subcode else "")
    if code in THROTTLED:
        return TransientError(f"{said}: throttled", retry_after=pause(response.headers) or None)
    for_a_person = _for_a_person(code, subcode)
    if for_a_person:
        return NeedsHumanError(f"{said}: {for_a_person}")
    unavailable = code in _SERVICE or (code, subcode) == _UPDATE_IN_PROGRESS or error.get("is_transient")
    if unavailable or response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return TransientError(f"{said}: the service is not available now")
    if code == _RETIRED_VERSION:
        return PermanentError(f"{said}: the API version is retired; raise api_version of this destination")
    action = "the request is refused; it must be changed before it is sent again"
    return (
        RefusedBatchError(f"{said}: {action}")
        if code in narrowed and not subcode
        else PermanentError(f"{said}: {action}")
    )


def _for_a_person(code: int, subcode: int) -> str:
    """What somebody has to do in Business Manager or the secret store, empty when nobody has to."""
    if code in _AUTHORISATION:
        return "the access token is not accepted; renew the token in the secret store"
    if (code, subcode) in _ABOUT_THE_AUDIENCE:
        return _ABOUT_THE_AUDIENCE[code, subcode]
    return "permission or accepted terms are missing; grant them in Business Manager" if code in _PERMISSION else ""
