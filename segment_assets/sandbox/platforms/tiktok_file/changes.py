"""Changes of lists, worked through a day after they were asked for, in their order.

Source: public clients that transcribe TikTok's reference (the history of a list, its `msg` on a partial success), the
help centre (24 to 48 hours; the shorter here). A change after which fewer than a thousand would be left fails and
changes nothing. Our readings: asking for a change takes the last error away; a list that was valid stays so when a
change fails; a digest that is in the seeded `unreadable_share` is one that TikTok could not read.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.kit import audiences, people, settings
from segment_assets.sandbox.platforms.tiktok_file import files

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from segment_assets.sandbox.platforms.tiktok.visit import Visit

TABLE = """
CREATE TABLE IF NOT EXISTS tiktok_file_change (
  number INTEGER PRIMARY KEY AUTOINCREMENT, audience INTEGER NOT NULL, action TEXT NOT NULL, paths TEXT NOT NULL,
  due REAL NOT NULL, entry INTEGER NOT NULL
)
"""
SHAPE = people.Shape(keys=("id",), strong=("id",), combination=())
"""A list holds identifiers of one kind."""
SMALLEST = 1_000
_SECONDS = 86_400.0


def ask(visit: Visit, row: sqlite3.Row, action: str, paths: Sequence[str]) -> None:
    """Note a change, in the history too."""
    history = audiences.detail(row)["history"]
    entry = {"action": action, "action_detail": "", "editor": "open_api", "msg": "", "opt_time": shown_time(visit.now)}
    audiences.update(visit.db, row, {"history": [*history, entry], "error_msg": ""})
    visit.db.execute("UPDATE audience SET content_updated = ? WHERE number = ?", (visit.now, row["number"]))
    due = visit.now + visit.switch("processing_seconds", _SECONDS)
    visit.db.execute(
        "INSERT INTO tiktok_file_change (audience, action, paths, due, entry) VALUES (?, ?, ?, ?, ?)",
        (row["number"], action, json.dumps(list(paths)), due, len(history)),
    )


def forget(db: sqlite3.Connection, row: sqlite3.Row) -> None:
    """Nothing is done any more to a list that goes."""
    db.execute("DELETE FROM tiktok_file_change WHERE audience = ?", (row["number"],))


def state(db: sqlite3.Connection, row: sqlite3.Row) -> str:
    """`computing` while there is something to do, `valid` once anything has succeeded, else `failed`."""
    waits = db.execute("SELECT 1 FROM tiktok_file_change WHERE audience = ?", (row["number"],)).fetchone()
    if waits is not None:
        return "computing"
    return "valid" if audiences.detail(row).get("has_succeeded") else "failed"


def catch_up(db: sqlite3.Connection, platform: str, now: float) -> None:
    """Work through what is due."""
    for change in db.execute("SELECT * FROM tiktok_file_change WHERE due <= ? ORDER BY number", (now,)).fetchall():
        row = db.execute("SELECT * FROM audience WHERE number = ?", (change["audience"],)).fetchone()
        audiences.update(db, row, _worked_through(db, platform, row, change))
        db.execute("DELETE FROM tiktok_file_change WHERE number = ?", (change["number"],))


def shown_time(at: float) -> str:
    """A time as TikTok writes it."""
    return dt.datetime.fromtimestamp(at, dt.UTC).strftime("%Y-%m-%d %H:%M:%S")


def _worked_through(db: sqlite3.Connection, platform: str, row: sqlite3.Row, change: sqlite3.Row) -> dict[str, Any]:
    """What is different about the list afterwards."""
    detail = audiences.detail(row)
    share = settings.read(db, platform, "unreadable_share", 0)
    identifiers, unreadable = list[str](), 0
    for path in json.loads(change["paths"]):
        good, bad = files.rows(db, path, detail["calculate_type"])
        kept = [one for one in good if not _is_unreadable(one, share)]
        identifiers += kept
        unreadable += bad + len(good) - len(kept)
    db.execute("SAVEPOINT change")
    _apply(db, row["number"], change["action"], identifiers)
    size = db.execute("SELECT people FROM audience WHERE number = ?", (row["number"],)).fetchone()["people"]
    if size < settings.read(db, platform, "smallest_audience", SMALLEST):
        db.execute("ROLLBACK TO change")
        db.execute("RELEASE change")
        return {"error_msg": "The audience size is too small after the operation."}
    db.execute("RELEASE change")
    history = detail["history"]
    if unreadable:
        history[change["entry"]]["msg"] = "Part of the data in the file failed to be parsed."
    return {"history": history, "error_msg": "", "has_succeeded": True}


def _apply(db: sqlite3.Connection, audience: int, action: str, identifiers: Sequence[str]) -> None:
    if action == "REPLACE":
        people.clear(db, audience)
    change = people.remove if action == "REMOVE" else people.add
    change(db, audience, SHAPE, {"id": list(dict.fromkeys(identifiers))})


def _is_unreadable(identifier: str, share: float) -> bool:
    return int.from_bytes(hashlib.blake2b(identifier.encode(), digest_size=4).digest()) < share * 2**32
