"""Files: an address for each, the file itself, and the segment that it becomes some time later.

Source: Segment's connector: a mode (Replace, and another for adding), an address signed for an hour, one base64 digest
a line without a header, at least 1,500 rows. Our readings: files are worked on in the order in which they came,
`processing_seconds` after it; a file of too few rows is left alone and nobody is told; so is a line that is no digest;
both words for adding are taken.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from segment_assets.sandbox.platforms.kit import audiences, people, settings
from segment_assets.sandbox.platforms.kit.exchange import Answer

if TYPE_CHECKING:
    import sqlite3

    from segment_assets.sandbox.platforms.kit.exchange import Call

PLATFORM = "the_trade_desk_crm"
MODES = ("Replace", "Add", "Append")
PII_TYPE = "EmailHashedUnifiedId2"
ROWS = 1_500
SIGNED_FOR = 3_600.0
DROP = "/drop/{segment}"
TABLES = """
CREATE TABLE IF NOT EXISTS ttd_crm_file (
  reference TEXT PRIMARY KEY, segment TEXT NOT NULL, mode TEXT NOT NULL, made REAL NOT NULL, put_at REAL, body TEXT,
  status TEXT NOT NULL DEFAULT ''
);
"""
SHAPE = people.Shape(keys=("email",), strong=("email",), combination=())
_LINE = re.compile(r"[A-Za-z0-9+/]{43}=")


def address(db: sqlite3.Connection, call: Call, segment: str, mode: str, now: float) -> Answer:
    """An address of its own for a file."""
    (count,) = db.execute("SELECT count(*) FROM ttd_crm_file").fetchone()
    reference = f"{count + 1:08d}"
    db.execute(
        "INSERT INTO ttd_crm_file (reference, segment, mode, made) VALUES (?, ?, ?, ?)", (reference, segment, mode, now)
    )
    host = call.headers.get("host", "127.0.0.1")
    signed = f"reference={reference}&X-Amz-Expires=3600&X-Amz-Signature=sandbox"
    url = f"http://{host}/{PLATFORM}{DROP.format(segment=segment)}?{signed}"
    return Answer(200, {"ReferenceId": reference, "Url": url})


def put(call: Call, db: sqlite3.Connection, now: float) -> Answer:
    """Keep a file, as S3 does: the signature in the address is all that lets somebody in."""
    named = (call.query.get("reference", ""), call.path["segment"])
    row = db.execute("SELECT made FROM ttd_crm_file WHERE reference = ? AND segment = ?", named).fetchone()
    is_signed = call.query.get("X-Amz-Signature") == "sandbox" and "ttd-auth" not in call.headers
    if call.method != "PUT" or row is None or not is_signed or now > row["made"] + SIGNED_FOR:
        return s3_error("AccessDenied", 403)
    text = call.body.decode("utf-8", "replace")
    db.execute(
        "UPDATE ttd_crm_file SET body = ?, put_at = ?, status = '' WHERE reference = ?",
        (text, now, named[0]),
    )
    return Answer(200, b"", {"etag": '"sandbox"', "content-type": "application/xml"})


def s3_error(code: str, status: int) -> Answer:
    """A file that was not kept."""
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code></Error>'
    return Answer(status, body.encode(), {"content-type": "application/xml"})


def work_off(db: sqlite3.Connection, now: float) -> None:
    """Do what has fallen due."""
    due = now - settings.read(db, PLATFORM, "processing_seconds", 0.0)
    waiting = "SELECT * FROM ttd_crm_file WHERE body IS NOT NULL AND status = '' AND put_at <= ? ORDER BY put_at, rowid"
    for row in db.execute(waiting, (due,)).fetchall():
        audience = audiences.find(db, row["segment"], PLATFORM)
        status = "the segment is gone" if audience is None else _taken_in(db, audience, row)
        db.execute("UPDATE ttd_crm_file SET status = ?, body = NULL WHERE reference = ?", (status, row["reference"]))


def state_of(db: sqlite3.Connection, segment: str) -> str:
    """What became of the newest file."""
    row = db.execute(
        "SELECT status FROM ttd_crm_file WHERE segment = ? AND put_at IS NOT NULL ORDER BY put_at DESC, rowid DESC",
        (segment,),
    ).fetchone()
    return "no file" if row is None else row["status"] or "processing"


def _taken_in(db: sqlite3.Connection, audience: sqlite3.Row, row: sqlite3.Row) -> str:
    lines = row["body"].splitlines()
    if len(lines) < settings.read(db, PLATFORM, "minimum_rows", ROWS):
        return "too few rows"
    poisoned = set(settings.read(db, PLATFORM, "poisoned", []))
    digests = [line for line in lines if _LINE.fullmatch(line) and line not in poisoned]
    if row["mode"] == "Replace":
        people.clear(db, audience["number"])
    people.add(db, audience["number"], SHAPE, {"email": digests})
    db.execute("UPDATE audience SET content_updated = ? WHERE number = ?", (row["put_at"], audience["number"]))
    return "taken in"
