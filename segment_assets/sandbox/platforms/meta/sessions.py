"""Upload sessions: what ties the batches of one upload together, and the two phases of a replace.

Source: Customer File Custom Audiences guide and usersreplace reference (docs/destinations/meta.md 3.2 and 3.4).
Our readings where Meta says nothing: a gap in `batch_seq` is refused (100); a batch that comes again is counted once;
a session id belongs to one audience and one operation for ever; batch 1 of a replace sent again is refused (1870145),
as is any other edit while a replace is open.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, TypeGuard

from segment_assets.sandbox.platforms.meta import errors

if TYPE_CHECKING:
    import sqlite3

    from segment_assets.sandbox.platforms.meta.payload import Upload

WINDOW_SECONDS = 90 * 60
_INT64 = 2**63

TABLES = """
CREATE TABLE IF NOT EXISTS meta_session (
  account TEXT, id INTEGER, target TEXT NOT NULL, operation TEXT NOT NULL, schema TEXT NOT NULL,
  started REAL NOT NULL, last_batch INTEGER NOT NULL, received INTEGER NOT NULL, finished INTEGER NOT NULL,
  PRIMARY KEY (account, id)
) WITHOUT ROWID;
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Batch:
    """The `session` object of one request, checked."""

    session: int
    number: int
    is_last: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """What a session is bound to: an ad account, an audience of it (or the account itself) and an operation."""

    account: str
    place: str
    operation: str


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """What the sessions say of a batch: whether its rows count, and the session's total so far."""

    is_dropped: bool
    received: int


def read_batch(session: object) -> Batch | None:
    """The checked session, None where the caller sent none. Refuses (100) what is not one."""
    if session is None:
        return None
    if not isinstance(session, dict):
        errors.invalid("param session must be a JSON object")
    number, sequence, is_last = (
        session.get("session_id"),
        session.get("batch_seq"),
        session.get("last_batch_flag", False),
    )
    if not _is_whole(number) or not 0 < number < _INT64:
        errors.invalid("session.session_id must be a positive 64-bit integer")
    if not _is_whole(sequence) or sequence < 1:
        errors.invalid("session.batch_seq must be an integer from 1")
    if not isinstance(is_last, bool):
        errors.invalid("session.last_batch_flag must be true or false")
    return Batch(number, sequence, is_last)


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def place(db: sqlite3.Connection, target: Target, batch: Batch, upload: Upload, now: float) -> Place:
    """Put a batch of an addition or removal into its session.

    Batches after the last one or after 90 minutes are dropped: answered like any other, but nothing is done.
    """
    row = _find(db, target, batch)
    if row is None:
        if batch.number != 1:
            errors.invalid("session.batch_seq must start at 1")
        return _open(db, target, batch, upload, now)
    _same_session(row, target, upload)
    if row["finished"] or now > row["started"] + WINDOW_SECONDS:
        return Place(is_dropped=True, received=row["received"])
    if batch.number > row["last_batch"] + 1:
        errors.invalid(f"session.batch_seq {batch.number} is out of sequence, expected {row['last_batch'] + 1}")
    return _advance(db, row, batch, upload)


def place_replace(db: sqlite3.Connection, target: Target, batch: Batch, upload: Upload, now: float) -> Place:
    """Put a batch of a replace into its session, or refuse it with one of the 2650 subcodes."""
    row = _find(db, target, batch)
    if row is None:
        if batch.number != 1:
            errors.replace_refused(errors.REPLACE_FIRST_BATCH_MISSING)
        if open_replace(db, target.account, target.place, now) is not None:
            errors.replace_refused(errors.REPLACE_UPDATE_IN_PROGRESS)
        return _open(db, target, batch, upload, now)
    _same_session(row, target, upload)
    if row["finished"]:
        errors.replace_refused(errors.REPLACE_ALREADY_FINISHED)
    if now > row["started"] + WINDOW_SECONDS:
        errors.replace_refused(errors.REPLACE_TIMED_OUT)
    if batch.number == 1:
        errors.replace_refused(errors.REPLACE_UPDATE_IN_PROGRESS)
    return _advance(db, row, batch, upload)


def open_replace(db: sqlite3.Connection, account: str, target: str, now: float) -> int | None:
    """The session of the replace that is going on in an audience, if one is."""
    row = db.execute(
        "SELECT id FROM meta_session WHERE account = ? AND target = ? AND operation = 'replace' "
        "AND NOT finished AND started >= ?",
        (account, target, now - WINDOW_SECONDS),
    ).fetchone()
    return None if row is None else row["id"]


def newest_replace_failed(db: sqlite3.Connection, account: str, target: str, now: float) -> bool:
    """Whether the last replace of an audience ran out of its 90 minutes."""
    row = db.execute(
        "SELECT finished, started FROM meta_session WHERE account = ? AND target = ? AND operation = 'replace' "
        "ORDER BY started DESC LIMIT 1",
        (account, target),
    ).fetchone()
    return row is not None and not row["finished"] and now > row["started"] + WINDOW_SECONDS


def _find(db: sqlite3.Connection, target: Target, batch: Batch) -> sqlite3.Row | None:
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM meta_session WHERE account = ? AND id = ?", (target.account, batch.session)
    ).fetchone()
    return row


def _same_session(row: sqlite3.Row, target: Target, upload: Upload) -> None:
    if (row["target"], row["operation"]) != (target.place, target.operation):
        errors.invalid("session.session_id has been used for another upload of this ad account")
    if json.loads(row["schema"]) != list(upload.schema):
        errors.invalid("payload.schema differs from the one that this session started with")


def _open(db: sqlite3.Connection, target: Target, batch: Batch, upload: Upload, now: float) -> Place:
    bound_to = (target.account, batch.session, target.place, target.operation, json.dumps(upload.schema))
    db.execute(
        "INSERT INTO meta_session (account, id, target, operation, schema, started, last_batch, received, finished) "
        "VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?)",
        (*bound_to, now, upload.received, batch.is_last),
    )
    return Place(is_dropped=False, received=upload.received)


def _advance(db: sqlite3.Connection, row: sqlite3.Row, batch: Batch, upload: Upload) -> Place:
    """A replace may number its later batches freely (all but 1), so each of those counts as new."""
    is_new = batch.number > row["last_batch"] or row["operation"] == "replace"
    received = row["received"] + (upload.received if is_new else 0)
    db.execute(
        "UPDATE meta_session SET last_batch = max(last_batch, ?), received = ?, finished = ? "
        "WHERE account = ? AND id = ?",
        (batch.number, received, batch.is_last, row["account"], row["id"]),
    )
    return Place(is_dropped=False, received=received)
