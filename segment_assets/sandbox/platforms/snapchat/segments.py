"""Segments themselves: created, listed, shown, changed, deleted.

Our readings where Snap says nothing: an upload is worked on for a day (the shorter of the 24 to 48 hours that others
tell); a segment is PENDING for a minute; a cursor is the place in the list, oldest first. Sizes are of identifiers,
since the sandbox does not know which of them are one user's: Snap's own numbers exceed those of people at first, too.
Of a retention only the number is kept: nobody leaves by themselves.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.kit import audiences, people
from segment_assets.sandbox.platforms.snapchat import envelope
from segment_assets.sandbox.platforms.snapchat.visit import PLATFORM, Visit

if TYPE_CHECKING:
    import sqlite3

    from segment_assets.sandbox.platforms.kit.exchange import Answer

_FIRST_ID = 5_677_923_948_298_240
_SOURCES = ("FIRST_PARTY", "ENGAGEMENT", "PIXEL", "MOBILE", "FOOT_TRAFFIC_INSIGHTS")
_LONGEST_NAME = 375
_LIFETIME_DAYS = 9999
_TARGETABLE_FROM = 1_000
_DAY, _PENDING = 86_400.0, 60.0
_LEAST_OF_A_PAGE, _MOST_OF_A_PAGE = 50, 1_000
_HOST = "https://adsapi.snapchat.com"


def create(visit: Visit) -> Answer:
    """One segment of an ad account."""
    account = visit.reach(visit.call.path["account"])
    values = visit.only("segments")
    reason = _reason_against(values, account)
    if reason:
        return envelope.part_refused("segments", reason)
    detail = {name: values[name] for name in ("source_type", "retention_in_days")}
    detail["description"] = values.get("description", "")
    number = audiences.create(visit.db, PLATFORM, account, name=values["name"], detail=detail, now=visit.now)
    visit.audience = str(_FIRST_ID + number)
    audiences.set_id(visit.db, number, visit.audience)
    row = audiences.find(visit.db, visit.audience, PLATFORM)
    assert row is not None
    return envelope.done("segments", "segment", [show(row, visit.now)])


def listed(visit: Visit) -> Answer:
    """A page of an ad account's segments; everything on one page without a `limit`."""
    account = visit.reach(visit.call.path["account"])
    rows, query = audiences.of_account(visit.db, PLATFORM, account), visit.call.query
    if "limit" not in query:
        return envelope.done("segments", "segment", [show(row, visit.now) for row in rows])
    limit, start = _whole(query["limit"]), _whole(query.get("cursor", "0"))
    if not _LEAST_OF_A_PAGE <= limit <= _MOST_OF_A_PAGE:
        envelope.invalid(f"limit must be from {_LEAST_OF_A_PAGE} to {_MOST_OF_A_PAGE}")
    page = [show(row, visit.now) for row in rows[start : start + limit]]
    path = f"/v1/adaccounts/{account}/segments"
    more = f"{_HOST}{path}?cursor={start + limit}&limit={limit}" if start + limit < len(rows) else None
    return envelope.done("segments", "segment", page, more)


def get(visit: Visit) -> Answer:
    """One segment."""
    return envelope.done("segments", "segment", [show(visit.segment(), visit.now)])


def rename(visit: Visit) -> Answer:
    """A segment's name, description or retention."""
    account = visit.reach(visit.call.path["account"])
    values = visit.only("segments")
    row = audiences.find(visit.db, str(values.get("id")), PLATFORM)
    if row is None or row["account"] != account:
        envelope.not_found()
    whole = {**audiences.detail(row), "name": row["name"], **values}
    reason = _reason_against({**whole, "ad_account_id": account}, account)
    if reason:
        return envelope.part_refused("segments", reason)
    changes = {name: whole[name] for name in ("description", "retention_in_days")}
    audiences.update(visit.db, row, changes, name=whole["name"])
    visit.audience = row["id"]
    return envelope.done("segments", "segment", [{"id": row["id"], "name": whole["name"], **changes}])


def delete(visit: Visit) -> Answer:
    """The segment and everybody in it."""
    row = visit.segment()
    people.clear(visit.db, row["number"])
    audiences.delete(visit.db, row)
    return envelope.done("segments", "segment", [])


def show(row: sqlite3.Row, now: float) -> dict[str, Any]:
    """A segment as Snap shows it."""
    own, is_empty = audiences.detail(row), row["content_updated"] == row["created"]
    return {
        "id": row["id"],
        "name": row["name"],
        "ad_account_id": row["account"],
        "description": own["description"],
        "status": "PENDING" if now < row["created"] + _PENDING else "ACTIVE",
        "upload_status": "NO_UPLOAD" if is_empty else "PROCESSING" if _is_at_work(row, now) else "COMPLETE",
        "targetable_status": state(row, now),
        "source_type": own["source_type"],
        "retention_in_days": own["retention_in_days"],
        "approximate_number_users": 0 if _is_at_work(row, now) else row["people"],
        "created_at": _moment(row["created"]),
        "updated_at": _moment(row["content_updated"]),
    }


def state(row: sqlite3.Row, now: float) -> str:
    """Whether the segment can be targeted."""
    if _is_at_work(row, now):
        return "NOT_READY"
    return "READY" if row["people"] >= _TARGETABLE_FROM else "TOO_FEW_USERS"


def _is_at_work(row: sqlite3.Row, now: float) -> bool:
    return bool(now < row["content_updated"] + _DAY)


def _reason_against(values: dict[str, Any], account: str) -> str:
    """What is wrong with a segment, empty where nothing is."""
    name, days = values.get("name"), values.get("retention_in_days")
    if not isinstance(name, str) or not name.strip() or len(name) > _LONGEST_NAME:
        return f"name must be a text of at most {_LONGEST_NAME} characters"
    if values.get("source_type") not in _SOURCES:
        return f"source_type must be one of {', '.join(_SOURCES)}"
    if not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= _LIFETIME_DAYS:
        return f"retention_in_days must be a number of days up to {_LIFETIME_DAYS}"
    if values.get("ad_account_id") != account:
        return "ad_account_id must be the ad account of the path"
    return "" if isinstance(values.get("description", ""), str) else "description must be a text"


def _moment(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        envelope.invalid("limit and cursor must be whole numbers")
    return int(text)
