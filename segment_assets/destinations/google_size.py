"""How Google tells the size of a user list: a count for each network that it serves on.

Source: Data Manager API v1, UserList (`sizeInfo`, `membershipStatus`), as of autumn 2026. Counts are rounded, and left
out for small lists and for lists that are still being matched: Google does not say which of the two it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_assets.contracts.sizes import SizeReport, SizeState
from segment_assets.destinations.numbers import written_number

if TYPE_CHECKING:
    from collections.abc import Mapping

_STATUSES = frozenset({"OPEN", "CLOSED"})


def size_report(user_list: Mapping[str, Any], minimum: int) -> SizeReport:
    """From a list: the smallest and the largest count of its networks. Ready is a list that is open and large enough.

    >>> size_report({"membershipStatus": "OPEN", "sizeInfo": {"displayNetworkMembersCount": "1300"}}, 1_000).upper
    1300
    """
    info = user_list.get("sizeInfo")
    counts = [count for value in (info.values() if isinstance(info, dict) else ()) if (count := written_number(value))]
    status = user_list.get("membershipStatus")
    said = status if isinstance(status, str) and status in _STATUSES else ""
    is_told = said == "OPEN" and counts
    is_served = is_told and max(counts) >= minimum
    state = SizeState.READY if is_served else SizeState.TOO_SMALL if is_told else SizeState.UNKNOWN
    return SizeReport(
        SizeState.CLOSED if said == "CLOSED" else state,
        min(counts) if counts else None,
        max(counts) if counts else None,
        said,
    )
