"""Who is in an advertiser's segments: items with one id each go in and out, and leave when their time is over.

Source: ttd-data 0.3.2 (fields, codes of lines), the Data API's description (times to live, names, bids; a time to live
of 0 takes somebody out; nothing but the published fields).
Our readings where The Trade Desk says nothing: an item with several ids cannot be read; a line that fails leaves the
others of its item; each id is a person of its own; a segment can be bought four hours after its last change; the seeded
`not_mapped_share` of ids is known to nobody; a request may have 4 MB.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.kit import audiences, people
from segment_assets.sandbox.platforms.kit.exchange import Answer
from segment_assets.sandbox.platforms.the_trade_desk import errors

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from segment_assets.sandbox.platforms.the_trade_desk.visit import Visit

TABLES = """
CREATE TABLE IF NOT EXISTS the_trade_desk_member (
  audience INTEGER, kind TEXT, cell TEXT, until REAL NOT NULL, PRIMARY KEY (audience, kind, cell)
) WITHOUT ROWID;
"""
_IDS = (
    *("TDID", "DAID", "UID2", "UID2Token", "EUID", "EUIDToken", "RampID", "CoreID"),
    *("ID5", "NetID", "FirstID", "UtiqID", "MerkuryID", "RealID", "IqviaPPID"),
)
SHAPE = people.Shape(keys=_IDS, strong=_IDS, combination=())
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_REQUEST = {"AdvertiserId", "DataProviderId", "Items", "DataLoadTraceId", "DataOrigins"}
_ERASURE = {"AdvertiserId", "DataProviderId", "Items", "DataLoadTraceId", "RequestType"}
_ORIGINS = ("Advertiser", "DataProvider", "Integration", "Onboarder")
# The casing of older pages is taken too.
_DATA = {"Name", "TtlInMinutes", "TTLInMinutes", "TimestampUtc", "BaseBidCPM", "BaseBidCPMMetadata", "BidFactor"}
_LONGEST_NAME = 256
_DEFAULT_TTL, _LONGEST_TTL = 129_600, 259_200
_BIDS = (0.5, 100)
HOURS_UNTIL_BOUGHT = 4
_KEY_BYTES = 32

Moves = dict[tuple[str, str], dict[str, float]]
"""(segment, kind of id) -> id -> until when it is in, now for whoever goes."""


def ingest(visit: Visit, poisoned: AbstractSet[str] = frozenset()) -> Answer:
    """Items in and out. `poisoned` are ids whose items cannot be read."""
    body, failed, moves = visit.body(_REQUEST), [], Moves()
    visit.reach(body.get("AdvertiserId"))
    for origin in body.get("DataOrigins") or []:
        if not isinstance(origin, dict) or set(origin) != {"Type", "Id"} or origin["Type"] not in _ORIGINS:
            errors.refuse(400, "SerializationFailed", "DataOrigins cannot be read")
    for place, item in enumerate(visit.items(body)):
        code, kind, cell = _id_of(item, visit)
        if code or cell in poisoned:
            failed.append(errors.line(code or "ItemDeserializationError", place))
            continue
        for number, data in enumerate(item.get("Data") or [None]):
            wrong = _wrong(data)
            if wrong:
                name = data.get("Name") if isinstance(data, dict) else None
                failed.append(errors.line(wrong, place, number, name if isinstance(name, str) else ""))
                continue
            minutes = data.get("TtlInMinutes", data.get("TTLInMinutes", _DEFAULT_TTL))
            moves.setdefault((data["Name"], kind), {})[cell] = visit.now + minutes * 60
    for (name, kind), cells in moves.items():
        _move(visit, name, kind, cells)
    return Answer(200, {"FailedLines": failed})


def erase(visit: Visit) -> Answer:
    """Let people go from every segment of the advertiser."""
    body, failed = visit.body(_ERASURE), []
    advertiser = visit.reach(body.get("AdvertiserId"))
    if body.get("RequestType") not in {"OptOut", "Deletion"}:
        errors.refuse(400, "SerializationFailed", "RequestType is not one of OptOut, Deletion")
    names = [row["name"] for row in audiences.of_account(visit.db, visit.platform, advertiser)]
    for place, item in enumerate(visit.items(body)):
        code, kind, cell = _id_of(item, visit)
        if code or "Data" in item:
            failed.append(errors.line("InvalidUserId" if code else "ItemDeserializationError", place))
            continue
        for name in names:
            _move(visit, name, kind, {cell: visit.now})
    return Answer(200, {"FailedLines": failed})


def let_expire(db: sqlite3.Connection, now: float) -> None:
    """Take out everybody whose time is over."""
    due = db.execute("SELECT audience, kind, cell FROM the_trade_desk_member WHERE until <= ?", (now,)).fetchall()
    for audience in {row["audience"] for row in due}:
        for kind in {row["kind"] for row in due}:
            cells = [row["cell"] for row in due if (row["audience"], row["kind"]) == (audience, kind)]
            if cells:
                people.remove(db, audience, SHAPE, {kind: cells})
    db.execute("DELETE FROM the_trade_desk_member WHERE until <= ?", (now,))


def _id_of(item: object, visit: Visit) -> tuple[str, str, str]:
    """What is wrong with an item's id, its kind, and the id."""
    if not isinstance(item, dict) or not set(item) <= {*_IDS, "Data", "CookieMappingPartnerId"}:
        return "ItemDeserializationError", "", ""
    ids = [(kind, item[kind]) for kind in _IDS if item.get(kind) is not None]
    if not ids:
        return "MissingUserId", "", ""
    kind, cell = ids[0]
    if len(ids) > 1 or not isinstance(cell, str):
        return "ItemDeserializationError", "", ""
    if kind in {"UID2", "EUID"} and not _is_raw_id(cell):
        return "Uid2Error", kind, cell
    if not cell or (kind in {"TDID", "DAID"} and not _GUID.fullmatch(cell)):
        return "InvalidParameterFormat", kind, cell
    return "UserNotMapped" if visit.is_drawn(cell, "not_mapped_share") else "", kind, cell


def _is_raw_id(cell: str) -> bool:
    try:
        return len(base64.b64decode(cell, validate=True)) == _KEY_BYTES
    except binascii.Error:
        return False


def _wrong(data: Any) -> str:
    """What is wrong with one of an item's data, empty for nothing."""
    if (
        not isinstance(data, dict)
        or not set(data) <= _DATA
        or not isinstance(data.get("Name"), str)
        or not data["Name"]
    ):
        return "ItemDeserializationError"
    return next((code for code, is_wrong in _faults(data) if is_wrong), "")


def _faults(data: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    minutes = data.get("TtlInMinutes", data.get("TTLInMinutes", _DEFAULT_TTL))
    bid = data.get("BidFactor", 1)
    yield "DataNameTooLong", len(data["Name"]) > _LONGEST_NAME
    yield "InvalidTtlInMinutes", type(minutes) is not int or not 0 <= minutes <= _LONGEST_TTL
    yield "InvalidBidFactor", not isinstance(bid, int | float) or not _BIDS[0] <= bid <= _BIDS[1]


def _move(visit: Visit, name: str, kind: str, cells: dict[str, float]) -> None:
    db, platform, account = visit.db, visit.platform, visit.account
    assert account is not None
    into = [cell for cell, until in cells.items() if until > visit.now]
    out = [cell for cell, until in cells.items() if until <= visit.now]
    row = next((one for one in audiences.of_account(db, platform, account) if one["name"] == name), None)
    if row is None:
        if not into:
            return
        number = audiences.create(db, platform, account, name=name, detail={}, now=visit.now)
        audience_id = name if audiences.find(db, name, platform) is None else f"{name} of {account}"
        audiences.set_id(db, number, audience_id)
        row = audiences.find(db, audience_id, platform)
    assert row is not None
    number = row["number"]
    if into:
        people.add(db, number, SHAPE, {kind: into})
    if out:
        people.remove(db, number, SHAPE, {kind: out})
    statement = "INSERT OR REPLACE INTO the_trade_desk_member (audience, kind, cell, until) VALUES (?, ?, ?, ?)"
    db.executemany(statement, [(number, kind, cell, cells[cell]) for cell in into])
    statement = "DELETE FROM the_trade_desk_member WHERE audience = ? AND kind = ? AND cell = ?"
    db.executemany(statement, [(number, kind, cell) for cell in out])
    db.execute("UPDATE audience SET content_updated = ? WHERE number = ?", (visit.now, number))
    visit.audience = row["id"]
