"""Files on their way into an audience's fields: fetched, read, and told about nowhere but on LiveRamp's pages.

Source: docs.liveramp.com. A file has one header row; known and pseudonymous identifiers are never in one; the header of
a hash names its algorithm; a hash with 0x in front makes the file fail; a field with 1 and 0 tells its members, and an
empty one means no member; an incremental update extends and modifies; a deletion file, in a place of its own, takes out
whoever has 1 there. Fewer than 25 rows fail (Segment's documentation).
Our readings: a field is an audience of the sandbox; a row without a whole identifier is passed over; files are fetched
in the order of their arrival, `processing_seconds` after it; with `waits_for_marker` a file is fetched once a name.done
lists it.
"""

from __future__ import annotations

import csv
import io
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

from segment_assets.sandbox.platforms.kit import audiences, people, settings
from segment_assets.sandbox.platforms.liveramp.bucket import PLATFORM

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

ACCOUNT = "lumen_onboarding"
UPLOADS, DELETIONS = f"segment-assets/{ACCOUNT}/", f"deletions/{ACCOUNT}/"
# What customers upload by SFTP: below the sandbox's home, and there the folder as the server shows it.
_FOLDER, BY_SFTP = "liveramp_sftp", f"uploads/{ACCOUNT}/"
MINIMUM_ROWS = 25
_KEY = "audience_key"
_HASHES = {"SHA-256": 64, "SHA-1": 40, "MD5": 32}
_KNOWN = re.compile(r"(?i)(?:email|phone)[0-9]*(?:_(SHA-256|SHA-1|MD5))?")
_PSEUDONYMOUS = re.compile(r"(?i)(?:maid|aaid|idfa|cookie|rampid)(?:_(SHA-1))?")
_EMAIL_COLUMNS = ("email1_SHA-256", "email1_SHA-1", "email1_MD5")
SHAPE = people.Shape(keys=_EMAIL_COLUMNS, strong=_EMAIL_COLUMNS, combination=())


class BadFileError(Exception):
    """A file that fails as a whole. The message is what LiveRamp's page says."""


def fetch(db: sqlite3.Connection, now: float) -> None:
    """Take in every file that is due."""
    _look_through_the_folder(db, now)
    waits = settings.read(db, PLATFORM, "waits_for_marker", 0)
    due = now - settings.read(db, PLATFORM, "processing_seconds", 0.0)
    rows = db.execute(
        "SELECT key, body FROM liveramp_object WHERE status = '' AND put_at <= ? AND substr(key, -4) = '.csv' "
        "ORDER BY put_at, key",
        (due,),
    ).fetchall()
    listed = set(_listed(db)) if rows and waits else set()
    for row in rows:
        if waits and row["key"] not in listed:
            continue
        try:
            _take_in(db, row["key"], bytes(row["body"]), now)
            status = "ingested"
        except BadFileError as bad:
            status = str(bad)
        db.execute("UPDATE liveramp_object SET status = ? WHERE key = ?", (status, row["key"]))


def state_of(db: sqlite3.Connection, field: str) -> str:
    """What LiveRamp's page says of the newest file of a field."""
    row = db.execute(
        "SELECT status FROM liveramp_object WHERE key LIKE ? ORDER BY put_at DESC LIMIT 1", (f"%/{field}_%.csv",)
    ).fetchone()
    return "no file" if row is None else row["status"] or "processing"


def folder_of(home: Path) -> Path:
    """What the SFTP server shows."""
    return home / _FOLDER


def begin_anew(db: sqlite3.Connection) -> None:
    """A first start has no file in the folder either."""
    folder = folder_of(_home(db))
    if folder.exists() and db.execute("SELECT count(*) FROM liveramp_object").fetchone()[0] == 0:
        for file in _uploaded(folder, hidden=True):
            file.unlink(missing_ok=True)


def _look_through_the_folder(db: sqlite3.Connection, now: float) -> None:
    """What lies there is taken as it is now, whole or not; one that was taken is not looked at again."""
    folder = folder_of(_home(db))
    known = {row["key"] for row in db.execute("SELECT key FROM liveramp_object")} if folder.exists() else set()
    for file in _uploaded(folder, hidden=False):
        key = str(file.relative_to(folder))
        if key not in known:
            # In the order in which they were written, on the sandbox's clock.
            put_at = now - max(time.time() - file.stat().st_mtime, 0.0)
            db.execute(
                "INSERT INTO liveramp_object (key, body, put_at) VALUES (?, ?, ?)", (key, file.read_bytes(), put_at)
            )


def _uploaded(folder: Path, *, hidden: bool) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file() and (hidden or not file.name.startswith("."))]


def _home(db: sqlite3.Connection) -> Path:
    return Path(db.execute("PRAGMA database_list").fetchone()["file"]).parent


def _listed(db: sqlite3.Connection) -> Iterator[str]:
    """Keys that completion markers name."""
    for row in db.execute("SELECT key, body FROM liveramp_object WHERE substr(key, -5) = '.done'"):
        folder = row["key"].rpartition("/")[0]
        yield from (f"{folder}/{name}" for name in bytes(row["body"]).decode("utf-8", "replace").splitlines())


def _take_in(db: sqlite3.Connection, key: str, body: bytes, now: float) -> None:
    is_deletion = key.startswith(DELETIONS)
    if not is_deletion and not key.startswith((UPLOADS, BY_SFTP)):
        raise BadFileError("not in a folder that is fetched")
    poisoned = set(settings.read(db, PLATFORM, "poisoned", []))
    column, fields, rows = _read(body, settings.read(db, PLATFORM, "minimum_rows", MINIMUM_ROWS))
    for place, field in enumerate(fields, start=2):
        audience = _audience(db, field, now)
        told = [(row[1].lower(), row[place]) for row in rows if row[1].lower() not in poisoned]
        into = [cell for cell, value in told if value == "1" and not is_deletion]
        out = [cell for cell, value in told if (value == "1" if is_deletion else value == "0")]
        if out:
            people.remove(db, audience, SHAPE, {column: out})
        if into:
            people.add(db, audience, SHAPE, {column: into})
        db.execute("UPDATE audience SET content_updated = ? WHERE number = ?", (now, audience))


def _read(body: bytes, minimum: int) -> tuple[str, list[str], list[list[str]]]:
    """The identifier's column, the fields, and the rows with a whole identifier."""
    try:
        table = list(csv.reader(io.StringIO(body.decode("utf-8")), strict=True))
    except (UnicodeDecodeError, csv.Error):
        raise BadFileError("the file cannot be read as UTF-8 CSV") from None
    header, rows = table[0] if table else [], table[1:]
    known = [name for name in header if _KNOWN.fullmatch(name)]
    pseudonymous = [name for name in header if _PSEUDONYMOUS.fullmatch(name)]
    if known and pseudonymous:
        raise BadFileError("known and pseudonymous identifiers are in one file")
    if header[:1] != [_KEY] or header[1:2] != known or known[0] not in SHAPE.keys:
        raise BadFileError("the header has no audience key and identifier that the sandbox knows")
    if any(len(row) != len(header) for row in rows):
        raise BadFileError("a row has not as many columns as the header")
    if len({row[0] for row in rows}) < minimum:
        raise BadFileError(f"the file has fewer than {minimum} unique rows")
    algorithm = _KNOWN.fullmatch(known[0])
    assert algorithm is not None
    length = _HASHES[algorithm[1]]
    if any(row[1].lower().startswith("0x") for row in rows):
        raise BadFileError("a hash begins with 0x")
    whole = [row for row in rows if re.fullmatch(rf"[0-9a-fA-F]{{{length}}}", row[1])]
    return known[0], header[2:], whole


def _audience(db: sqlite3.Connection, field: str, now: float) -> int:
    row = audiences.find(db, field, PLATFORM)
    if row is not None:
        return int(row["number"])
    number = audiences.create(db, PLATFORM, ACCOUNT, name=field, detail={}, now=now)
    audiences.set_id(db, number, field)
    return number
