"""Segments themselves: find, create, show, delete.

Our readings where LinkedIn says nothing: two segments may have one source id; what is shown of a size appears a day
after the change; a deletion answers 204. A fresh segment is in the list at once, before calls on it find it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.kit import audiences, people
from segment_assets.sandbox.platforms.kit.exchange import Answer
from segment_assets.sandbox.platforms.linkedin import errors
from segment_assets.sandbox.platforms.linkedin.visit import PLATFORM, Visit

if TYPE_CHECKING:
    import sqlite3

_FIRST_ID = 10_804_001
_TYPES = ("USER", "COMPANY")
_DAY = 86_400.0
"""Seconds that LinkedIn needs to match people, the shorter of the published 24 to 48 hours."""
_SHOWN_FROM = 300
_PAGE = 10
_MOST_OF_A_PAGE = 100


def find(visit: Visit) -> Answer:
    """Finder `account`: the account's segments, narrowed by source id and platform."""
    query = visit.call.query
    if visit.method() not in {"FINDER", "GET"} or query.get("q") != "account":
        errors.invalid("the finders here are: account")
    account = visit.reach(query.get("account"))
    start, count = _whole(query.get("start"), 0), _whole(query.get("count"), _PAGE)
    if not 1 <= count <= _MOST_OF_A_PAGE:
        errors.invalid(f"count must be from 1 to {_MOST_OF_A_PAGE}")
    rows = [row for row in audiences.of_account(visit.db, PLATFORM, account) if _is_asked_for(row, query)]
    elements = [show(row, visit.now) for row in rows[start : start + count]]
    paging = {"start": start, "count": count, "total": len(rows), "links": []}
    return Answer(200, {"elements": elements, "paging": paging})


def create(visit: Visit) -> Answer:
    """201 without a body: the id is in the headers."""
    values = visit.body()
    if visit.method() != "CREATE":
        errors.invalid("a segment is made by CREATE")
    account = visit.reach(values.get("account"))
    for name in ("name", "sourcePlatform", "sourceSegmentId"):
        if not isinstance(values.get(name), str) or not values[name].strip():
            errors.invalid(f"{name} is required")
    if values.get("type") not in _TYPES:
        errors.invalid(f"type must be one of {', '.join(_TYPES)}")
    if values.get("accessPolicy") not in {"PRIVATE", "PUBLIC"}:
        errors.invalid("accessPolicy must be PRIVATE or PUBLIC")
    if values.get("destinations") != [{"destination": "LINKEDIN"}]:
        errors.invalid("destinations must name LINKEDIN")
    detail = {name: values[name] for name in ("type", "sourcePlatform", "sourceSegmentId", "accessPolicy")}
    number = audiences.create(visit.db, PLATFORM, account, name=values["name"], detail=detail, now=visit.now)
    visit.audience = str(_FIRST_ID + number)
    audiences.set_id(visit.db, number, visit.audience)
    return Answer(201, None, {"x-restli-id": visit.audience, "x-linkedin-id": visit.audience})


def get(visit: Visit) -> Answer:
    """One segment."""
    return Answer(200, show(visit.segment(), visit.now))


def delete(visit: Visit) -> Answer:
    """The segment and everybody in it."""
    row = visit.segment()
    people.clear(visit.db, row["number"])
    audiences.delete(visit.db, row)
    return Answer(204, None)


def show(row: sqlite3.Row, now: float) -> dict[str, Any]:
    """A segment as LinkedIn shows it."""
    status = state(row, now)
    size = row["people"] if status == "READY" and row["people"] >= _SHOWN_FROM else 0
    own = audiences.detail(row)
    return {
        "id": int(row["id"]),
        "name": row["name"],
        "account": f"urn:li:sponsoredAccount:{row['account']}",
        **{name: own[name] for name in ("type", "sourcePlatform", "sourceSegmentId", "accessPolicy")},
        "destinations": [{"destination": "LINKEDIN", "status": status, "audienceSize": size, "matchedCount": size}],
        "inputCount": row["people"],
    }


def state(row: sqlite3.Row, now: float) -> str:
    """BUILDING for a day, UPDATING for a day after a change, then READY; or what a switch of the segment says."""
    told = audiences.detail(row).get("status")
    if told:
        return str(told)
    if now < row["created"] + _DAY:
        return "BUILDING"
    return "UPDATING" if now < row["content_updated"] + _DAY else "READY"


def _is_asked_for(row: sqlite3.Row, query: Any) -> bool:
    own = audiences.detail(row)
    return all(query.get(name) in (None, own[name]) for name in ("sourceSegmentId", "sourcePlatform"))


def _whole(text: str | None, default: int) -> int:
    if text is None:
        return default
    if not text.isascii() or not text.isdecimal():
        errors.invalid("start and count must be whole numbers")
    return int(text)
