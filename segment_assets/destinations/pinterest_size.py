"""How Pinterest tells the size of an audience and whether it is served; of a bare list it tells the state only.

Source: Pinterest's OpenAPI description 5.23.0 (Audience: READY, INITIALIZING, TOO_SMALL and a size; CustomerList:
READY, PROCESSING, UPLOADING, TOO_SMALL, and counters that count what was sent). As of autumn 2026.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_assets.contracts.sizes import SizeReport, SizeState
from segment_assets.destinations.numbers import whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping

_LIST = "customerlist"
_TO_DO = (
    "the list is ready, and Pinterest shows ads to nobody in it before an audience is made of it; make one in Ads "
    "Manager"
)
_STATES = {
    "READY": SizeState.READY,
    "INITIALIZING": SizeState.UPDATING,
    "PROCESSING": SizeState.UPDATING,
    "UPLOADING": SizeState.UPDATING,
    "TOO_SMALL": SizeState.TOO_SMALL,
}


def size_report(body: Mapping[str, Any], *, is_left_to_a_person: bool) -> SizeReport:
    """From an audience, or from a list of which no audience is made: that one is never served, however ready it is.

    `is_left_to_a_person`: the plan says that somebody makes the audience, who need not be told.

    >>> size_report({"type": "customerlist", "status": "READY"}, is_left_to_a_person=False).said
    'READY, and no audience is made of the list'
    """
    said = body.get("status")
    state = _STATES.get(said, SizeState.UNKNOWN) if isinstance(said, str) else SizeState.UNKNOWN
    word = said if state is not SizeState.UNKNOWN else ""
    people = whole_number(body.get("size"))
    if body.get("type") == _LIST and state is SizeState.READY:
        told = f"{word}, and no audience is made of the list"
        return SizeReport(SizeState.UNKNOWN, None, None, told, "" if is_left_to_a_person else _TO_DO)
    return SizeReport(state, people, people, str(word))
