"""Audiences themselves: created, listed, shown, deleted.

Our readings where Reddit says nothing: names may repeat; a change is worked on for a day; a size is shown as the five
hundreds that it lies between; a token of a page is the place in the list, oldest first; a page has 100 by itself. Sizes
are of identifiers, since the sandbox does not know which of them are one user's.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.kit import audiences, people
from segment_assets.sandbox.platforms.kit.exchange import Answer
from segment_assets.sandbox.platforms.reddit import errors
from segment_assets.sandbox.platforms.reddit.visit import PLATFORM, Visit

if TYPE_CHECKING:
    import sqlite3

_FIRST_ID = 129_482_487_242_828
_KINDS = ("CUSTOMER_LIST", "LOOKALIKE", "ENGAGEMENT_RETARGETING", "PIXEL_RETARGETING")
_NAME = range(3, 501)
_DAY = 86_400.0
_VALID_FROM = 1_000
_STEP = 500
_PAGE, _MOST_OF_A_PAGE = 100, 2_000
_HOST = "https://ads-api.reddit.com"


def create(visit: Visit) -> Answer:
    """A customer list; the other kinds are known and not made here."""
    account = visit.reach()
    values = visit.data({"name", "type"}, {"name", "type", "customer_list_config"})
    name = values["name"]
    if not isinstance(name, str) or len(name) not in _NAME:
        errors.invalid("data.name", f"must be a text of {_NAME.start} to {_NAME.stop - 1} characters")
    if values["type"] not in _KINDS:
        errors.invalid("data.type", f"must be one of {', '.join(_KINDS)}")
    number = audiences.create(visit.db, PLATFORM, account, name=name, detail={"type": values["type"]}, now=visit.now)
    visit.audience = f"ca.{_FIRST_ID + number}"
    audiences.set_id(visit.db, number, visit.audience)
    row = audiences.find(visit.db, visit.audience, PLATFORM)
    assert row is not None
    return Answer(200, {"data": show(row, visit.now)})


def listed(visit: Visit) -> Answer:
    """A page of an ad account's audiences, narrowed by name."""
    account, query = visit.reach(), visit.call.query
    size, start = _whole(query.get("page.size"), _PAGE), _whole(query.get("page.token"), 0)
    if not 1 <= size <= _MOST_OF_A_PAGE:
        errors.invalid("page.size", f"must be from 1 to {_MOST_OF_A_PAGE}")
    every = audiences.of_account(visit.db, PLATFORM, account)
    rows = [row for row in every if query.get("name", row["name"]) == row["name"]]
    path = f"/api/v3/ad_accounts/{account}/custom_audiences"
    more = f"{_HOST}{path}?page.size={size}&page.token={start + size}" if start + size < len(rows) else None
    page = [show(row, visit.now) for row in rows[start : start + size]]
    return Answer(200, {"data": page, "pagination": {"next_url": more, "previous_url": None}})


def get(visit: Visit) -> Answer:
    """One audience."""
    return Answer(200, {"data": show(visit.find(), visit.now)})


def delete(visit: Visit) -> Answer:
    """The audience and everybody in it."""
    row = visit.find()
    people.clear(visit.db, row["number"])
    audiences.delete(visit.db, row)
    return Answer(204, None)


def show(row: sqlite3.Row, now: float) -> dict[str, Any]:
    """An audience as Reddit shows it."""
    lower = 0 if state(row, now) == "PENDING" else row["people"] // _STEP * _STEP
    return {
        "id": row["id"],
        "ad_account_id": row["account"],
        "business_id": None,
        "name": row["name"],
        "type": audiences.detail(row)["type"],
        "status": state(row, now),
        "size_range_lower": lower,
        "size_range_upper": lower if lower == row["people"] or state(row, now) == "PENDING" else lower + _STEP,
        "created_at": _moment(row["created"]),
        "modified_at": _moment(row["content_updated"]),
    }


def state(row: sqlite3.Row, now: float) -> str:
    """PENDING for a day after a change; then by size, or what a switch of the audience says."""
    told = audiences.detail(row).get("status")
    if told:
        return str(told)
    if now < row["content_updated"] + _DAY:
        return "PENDING"
    return "VALID" if row["people"] >= _VALID_FROM else "NOT_ENOUGH_MATCHES_ERROR"


def _moment(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _whole(text: str | None, default: int) -> int:
    if text is None:
        return default
    if not text.isascii() or not text.isdecimal():
        errors.invalid("page", "page.size and page.token must be whole numbers")
    return int(text)
