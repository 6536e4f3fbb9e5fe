"""How LinkedIn tells the size of a segment and whether campaigns can use it.

Source: "Create and manage segments" and the matched audiences FAQ (states: BUILDING, UPDATING, READY and ARCHIVED can
be targeted, EXPIRED, FAILED and ERROR cannot; counts are of the matched), as of autumn 2026. No page says what is told
below the minimum: a smaller number, zero among them, is taken as a bound.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_assets.contracts.sizes import SizeReport, SizeState
from segment_assets.destinations.numbers import whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping

_OWN = "LINKEDIN"
_STATES = {
    "READY": SizeState.READY,
    # No campaign has used it for a while: the next one that does brings it back.
    "ARCHIVED": SizeState.READY,
    "BUILDING": SizeState.UPDATING,
    "UPDATING": SizeState.UPDATING,
    "EXPIRED": SizeState.CLOSED,
    "FAILED": SizeState.CLOSED,
    "ERROR": SizeState.CLOSED,
}


def size_report(segment: Mapping[str, Any], minimum: int) -> SizeReport:
    """From a segment, of whose destinations LinkedIn's own is looked at.

    >>> ready = {"destination": "LINKEDIN", "status": "READY", "audienceSize": 0}
    >>> size_report({"destinations": [ready]}, 300)
    SizeReport(state=<SizeState.TOO_SMALL: 'too_small'>, lower=0, upper=299, said='READY')
    """
    listed = segment.get("destinations")
    found = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    own = next((one for one in found if one.get("destination") == _OWN), {})
    said, people = own.get("status"), whole_number(own.get("audienceSize"))
    state = _STATES.get(said, SizeState.UNKNOWN) if isinstance(said, str) else SizeState.UNKNOWN
    word = str(said) if state is not SizeState.UNKNOWN else ""
    if people is None:
        # A state without a number is no proof that anybody is matched.
        return SizeReport(SizeState.UNKNOWN if state is SizeState.READY else state, None, None, word)
    if state is SizeState.READY and people < minimum:
        return SizeReport(SizeState.TOO_SMALL, 0, minimum - 1, word)
    # While it is built the number is of those who were matched before.
    return SizeReport(state, people, people, word) if people >= minimum else SizeReport(state, None, None, word)
