"""Segments themselves: made, searched, deleted, in lists of which each element is answered for itself.

Source: the reference of audience segments: a creation answers 200 with the segments that were made, and an error for
each that was not; names are unique per advertiser (`name-must-be-unique`).
Our readings where Criteo says nothing: a deletion of what is not there is an error `segment-not-found` under HTTP 200;
a search shows a segment as soon as it is made, oldest first.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.criteo import errors
from segment_assets.sandbox.platforms.criteo.visit import PLATFORM, Visit
from segment_assets.sandbox.platforms.kit import audiences, people
from segment_assets.sandbox.platforms.kit.exchange import Answer, Refusal

if TYPE_CHECKING:
    import sqlite3

_FIRST_ID = 900_123
_TYPE = "AudienceSegment"
_KINDS = ("contactList", "inMarket", "location", "lookalike", "prospecting", "retargeting", "behavioral")
_TYPES = ("Unknown", "InMarket", "Prospecting", "ContactList", "Location", "Behavioral", "Retargeting", "Lookalike")
_MOST_OF_A_PAGE = 100


def create(visit: Visit) -> Answer:
    """200, with what was made and an error for whatever was not."""
    made, problems = [], []
    for element in _elements(visit):
        try:
            made.append(_show(_create(visit, element)))
        except Refusal as refusal:
            problems.append(refusal.answer.body["errors"][0])  # type: ignore[index]
    return _told(made, problems)


def delete(visit: Visit) -> Answer:
    """200, with the ids that were deleted and an error for whatever was not."""
    gone, problems = [], []
    for element in _elements(visit):
        if element.get("type", _TYPE) != _TYPE:
            errors.invalid(f"type must be {_TYPE}")
        row = audiences.find(visit.db, str(element.get("id")), PLATFORM)
        if row is None:
            problems.append(errors.problem("validation", "segment-not-found", "Segment is not found"))
            continue
        visit.account, visit.audience = row["account"], row["id"]
        people.clear(visit.db, row["number"])
        audiences.delete(visit.db, row)
        gone.append({"id": row["id"], "type": _TYPE})
    return _told(gone, problems)


def search(visit: Visit) -> Answer:
    """A page of the segments that have all that is asked for."""
    data, query = visit.data(), visit.call.query
    wanted = data.get("attributes") if isinstance(data, dict) else None
    if not isinstance(wanted, dict):
        errors.invalid("data must have attributes")
    limit, offset = query.get("limit", "50"), query.get("offset", "0")
    if not limit.isdecimal() or not offset.isdecimal() or int(limit) > _MOST_OF_A_PAGE:
        errors.invalid(f"limit must be from 0 to {_MOST_OF_A_PAGE}")
    types = wanted.get("audienceSegmentTypes", _TYPES)
    if not set(types) <= set(_TYPES):
        errors.invalid(f"audienceSegmentTypes must be out of {', '.join(_TYPES)}")
    for advertiser in wanted.get("advertiserIds", ()):
        visit.reach(advertiser)
    rows = [row for row in audiences.every(visit.db) if row["platform"] == PLATFORM and _is_asked_for(row, wanted)]
    rows = rows if "ContactList" in types else []
    page = [_show(row) for row in rows[int(offset) : int(offset) + int(limit)]]
    meta = {"totalItems": len(rows), "limit": int(limit), "offset": int(offset)}
    return Answer(200, {"data": page, "meta": meta, "errors": [], "warnings": []})


def _create(visit: Visit, element: dict[str, Any]) -> sqlite3.Row:
    wanted = element.get("attributes")
    if not isinstance(wanted, dict):
        errors.invalid("An element must have attributes")
    advertiser, name = visit.reach(wanted.get("advertiserId")), wanted.get("name")
    if not isinstance(name, str) or not name.strip():
        errors.refuse(400, "name-must-not-be-empty", "Segment name property must not be empty")
    if [kind for kind in _KINDS if kind in wanted] != ["contactList"] or not isinstance(wanted["contactList"], dict):
        errors.refuse(400, "segment-type-invalid", "The sandbox has contact lists only, and a segment has one kind")
    if any(row["name"] == name for row in audiences.of_account(visit.db, PLATFORM, advertiser)):
        errors.refuse(400, "name-must-be-unique", "Segment name must be unique")
    detail = {"description": wanted.get("description")}
    number = audiences.create(visit.db, PLATFORM, advertiser, name=name, detail=detail, now=visit.now)
    visit.audience = str(_FIRST_ID + number)
    audiences.set_id(visit.db, number, visit.audience)
    row = audiences.find(visit.db, visit.audience, PLATFORM)
    assert row is not None
    return row


def _elements(visit: Visit) -> list[dict[str, Any]]:
    data = visit.data()
    if not isinstance(data, list) or not data or not all(isinstance(element, dict) for element in data):
        errors.invalid("data must be a list of elements")
    return data


def _told(done: list[dict[str, Any]], problems: list[dict[str, Any]]) -> Answer:
    return Answer(200, {"data": done, "errors": problems, "warnings": []})


def _is_asked_for(row: sqlite3.Row, wanted: dict[str, Any]) -> bool:
    return row["account"] in wanted.get("advertiserIds", [row["account"]]) and row["id"] in wanted.get(
        "audienceSegmentIds", [row["id"]]
    )


def _show(row: sqlite3.Row) -> dict[str, Any]:
    attributes = {
        "advertiserId": row["account"],
        "name": row["name"],
        "description": audiences.detail(row)["description"],
        "type": "ContactList",
        "createdAt": _moment(row["created"]),
        "updatedAt": _moment(row["content_updated"]),
        "contactList": {"isReadOnly": False},
    }
    return {"id": row["id"], "type": _TYPE, "attributes": attributes}


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
