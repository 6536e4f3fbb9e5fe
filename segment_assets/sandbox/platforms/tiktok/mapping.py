"""People in and out of audiences: `segment/mapping`, one answer for the whole request.

Source: the connectors of Segment, RudderStack and Tealium, which agree on the fields, and send at most 1,000 people or
1 MB. Our readings where TikTok says nothing: more than that is 40061; a digest of the wrong shape is 40062 for the
whole request; a person without any id is passed over in silence, as is the seeded `dropped_share` of people.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.kit import people
from segment_assets.sandbox.platforms.tiktok import envelope, segments

if TYPE_CHECKING:
    from segment_assets.sandbox.platforms.kit.exchange import Answer
    from segment_assets.sandbox.platforms.tiktok.visit import Visit

PEOPLE_PER_REQUEST, BYTES_PER_REQUEST = 1_000, 1_000_000

_SHA256, _MD5 = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{32}")
_SCHEMA = {
    "EMAIL_SHA256": _SHA256,
    "PHONE_SHA256": _SHA256,
    "IDFA_SHA256": _SHA256,
    "AAID_SHA256": _SHA256,
    "IDFA_MD5": _MD5,
    "AAID_MD5": _MD5,
}
SHAPE = people.Shape(keys=tuple(_SCHEMA), strong=tuple(_SCHEMA), combination=())
"""TikTok's identifiers: any of them finds a person."""
_ACTIONS = {"add", "delete"}


def edit(visit: Visit) -> Answer:
    """Map people to audiences, or out of them."""
    values = visit.body()
    advertisers = values.get("advertiser_ids")
    if not isinstance(advertisers, list) or not advertisers:
        envelope.invalid("advertiser_ids: a list is required")
    for advertiser in advertisers:
        visit.reach(advertiser)
    action, schema = values.get("action", "add"), _schema(values.get("id_schema"))
    if action not in _ACTIONS:
        envelope.invalid("action: must be add or delete")
    rows = values.get("batch_data")
    if not isinstance(rows, list) or not rows:
        envelope.invalid("batch_data: a list of people is required")
    if len(rows) > PEOPLE_PER_REQUEST or len(visit.call.body) > BYTES_PER_REQUEST:
        envelope.refuse(envelope.BATCH_SIZE, "The batch is too large")
    visit.records = len(rows)
    share = visit.switch("dropped_share", 0)
    for audience, found in _by_audience(rows, schema).items():
        target = segments.own(visit, advertisers[0], audience)
        visit.audience = target["id"]
        kept = [cells for cells in found if not _is_dropped(cells, share)]
        columns: people.Columns = {key: [cells.get(key, "") for cells in kept] for key in SHAPE.keys}
        change = people.add if action == "add" else people.remove
        change(visit.db, target["number"], SHAPE, columns)
        visit.db.execute("UPDATE audience SET content_updated = ? WHERE number = ?", (visit.now, target["number"]))
    return envelope.done()


def _schema(told: object) -> list[str]:
    if not isinstance(told, list) or not told or not all(isinstance(key, str) and key in _SCHEMA for key in told):
        envelope.invalid(f"id_schema: must be a list out of {', '.join(_SCHEMA)}")
    if len(set(told)) != len(told):
        envelope.invalid("id_schema: must not name an id twice")
    return told


def _by_audience(rows: list[Any], schema: list[str]) -> dict[str, list[dict[str, str]]]:
    """Audience -> the people mapped to it, each with the ids that are."""
    found: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        if not isinstance(row, list) or len(row) != len(schema):
            envelope.invalid("batch_data: each person has a cell for every id of id_schema")
        of_person: dict[str, dict[str, str]] = {}
        for key, cell in zip(schema, row, strict=True):
            for audience, value in _cell(key, cell):
                of_person.setdefault(audience, {})[key] = value
        for audience, cells in of_person.items():
            found.setdefault(audience, []).append(cells)
    return found


def _cell(key: str, cell: object) -> list[tuple[str, str]]:
    if cell == {}:
        return []
    if not isinstance(cell, dict) or set(cell) != {"id", "audience_ids"}:
        envelope.invalid("batch_data: a cell is empty or has id and audience_ids")
    value, ids = cell["id"], cell["audience_ids"]
    if not isinstance(ids, list) or not ids or not all(isinstance(one, str) for one in ids):
        envelope.invalid("audience_ids: a list of texts is required")
    if not isinstance(value, str) or not _SCHEMA[key].fullmatch(value):
        envelope.refuse(envelope.NOT_HASHED, "An id is not hashed as its schema says")
    return [(audience, value) for audience in ids]


def _is_dropped(cells: dict[str, str], share: float) -> bool:
    drawn = hashlib.blake2b("".join(cells.values()).encode(), digest_size=4).digest()
    return int.from_bytes(drawn) < share * 2**32
