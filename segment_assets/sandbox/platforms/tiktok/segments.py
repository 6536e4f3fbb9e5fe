"""Audiences themselves: made, deleted and listed.

Our readings where TikTok says nothing: audiences of the segment API are in the advertiser's list as soon as they are
made; one that is gone or another advertiser's is 40007, and one above the 400 that another vendor tells of is 40002. An
audience is valid a day after its last change (the shorter of the published 24 to 48 hours), and its size shows from a
thousand people on.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.kit import audiences, people
from segment_assets.sandbox.platforms.tiktok import envelope
from segment_assets.sandbox.platforms.tiktok.visit import PLATFORM, Visit

if TYPE_CHECKING:
    import sqlite3

    from segment_assets.sandbox.platforms.kit.exchange import Answer

_FIRST_ID = 7_038_000_000_000_000_003
"""Above 2**53 and odd, so that a caller who makes a float of an id reaches another audience."""
_AUDIENCES_PER_ADVERTISER = 400
_LONGEST_NAME = 70
_DAY = 86_400.0
_SHOWN_FROM = 1_000
_MOST_OF_A_PAGE, _MOST_IDS = 100, 100


def edit(visit: Visit) -> Answer:
    """Create (the default) or delete an audience."""
    values = visit.body()
    advertiser = visit.reach(values.get("advertiser_id"))
    action = values.get("action", "create")
    if action == "delete":
        _delete(visit, advertiser, values.get("delete_audience_id"))
        return envelope.done()
    if action != "create":
        envelope.invalid("action: must be create or delete")
    name = values.get("custom_audience_name")
    if not isinstance(name, str) or not name.strip():
        envelope.invalid("custom_audience_name: a text is required")
    if len(audiences.of_account(visit.db, PLATFORM, advertiser)) >= _AUDIENCES_PER_ADVERTISER:
        envelope.invalid("the advertiser has as many audiences as there can be")
    cut = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 3]}..."
    number = audiences.create(visit.db, PLATFORM, advertiser, name=cut, detail={}, now=visit.now)
    visit.audience = str(_FIRST_ID + 10 * number)
    audiences.set_id(visit.db, number, visit.audience)
    return envelope.done({"audience_id": visit.audience})


def delete_all(visit: Visit) -> Answer:
    """Delete audiences by their ids, as the custom audience API does."""
    values = visit.body()
    advertiser = visit.reach(values.get("advertiser_id"))
    ids = values.get("custom_audience_ids")
    if not isinstance(ids, list) or not 1 <= len(ids) <= _MOST_IDS:
        envelope.invalid(f"custom_audience_ids: 1 to {_MOST_IDS} are required")
    for audience in ids:
        _delete(visit, advertiser, audience)
    return envelope.done()


def listed(visit: Visit) -> Answer:
    """One page of the advertiser's audiences."""
    query = visit.call.query
    advertiser = visit.reach(query.get("advertiser_id"))
    page, size = whole(query.get("page"), 1, 10**6), whole(query.get("page_size"), 10, _MOST_OF_A_PAGE)
    asked = asked_ids(query.get("custom_audience_ids"))
    rows = [row for row in audiences.of_account(visit.db, PLATFORM, advertiser) if asked is None or row["id"] in asked]
    some = rows[(page - 1) * size : page * size]
    info = {"page": page, "page_size": size, "total_number": len(rows), "total_page": -(-len(rows) // size)}
    return envelope.done({"list": [_details(row, visit.now) for row in some], "page_info": info})


def got(visit: Visit) -> Answer:
    """Some audiences in detail. Those that are not there are left out."""
    query = visit.call.query
    advertiser = visit.reach(query.get("advertiser_id"))
    asked = asked_ids(query.get("custom_audience_ids"))
    if asked is None or not 1 <= len(asked) <= _MOST_IDS:
        envelope.invalid(f"custom_audience_ids: a JSON list of 1 to {_MOST_IDS} is required")
    rows = [row for row in audiences.of_account(visit.db, PLATFORM, advertiser) if row["id"] in asked]
    return envelope.done(
        {"list": [{"audience_details": _details(row, visit.now), "audience_history": []} for row in rows]}
    )


def own(visit: Visit, advertiser: str, audience: object) -> sqlite3.Row:
    """An audience of the advertiser. Refuses (40007) any other."""
    row = audiences.find(visit.db, audience, PLATFORM) if isinstance(audience, str) else None
    if row is None or row["account"] != advertiser:
        envelope.refuse(envelope.GONE, "The audience does not exist")
    return row


def is_valid(row: sqlite3.Row, now: float) -> bool:
    """Whether TikTok has worked through the last change."""
    return bool(now >= row["content_updated"] + _DAY)


def _delete(visit: Visit, advertiser: str, audience: object) -> None:
    row = own(visit, advertiser, audience)
    visit.audience = row["id"]
    people.clear(visit.db, row["number"])
    audiences.delete(visit.db, row)


def _details(row: sqlite3.Row, now: float) -> dict[str, Any]:
    valid = is_valid(row, now)
    return {
        "audience_id": row["id"],
        "name": row["name"],
        "audience_type": "Partner Audience",
        "cover_num": row["people"] if valid and row["people"] >= _SHOWN_FROM else 0,
        "is_valid": valid,
        "is_expiring": False,
        "is_creator": True,
        "shared": False,
        "msg": "",
        "error_msg": "",
    }


def asked_ids(text: str | None) -> list[str] | None:
    """The ids of a query, None where it has none. Refuses anything but a JSON list of texts."""
    if text is None:
        return None
    try:
        named = json.loads(text)
    except ValueError:
        named = None
    if not isinstance(named, list) or not all(isinstance(one, str) for one in named):
        envelope.invalid("custom_audience_ids: must be a JSON list of texts")
    return named


def whole(text: str | None, default: int, highest: int) -> int:
    """A number of a query. Refuses one that is not from 1 to `highest`."""
    if text is None:
        return default
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= highest:
        envelope.invalid(f"page and page_size: must be from 1 to {highest}")
    return int(text)
