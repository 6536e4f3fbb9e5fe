"""Audiences and accounts as the sandbox keeps them, the same for every platform.

Not here: the people in them (`people`), nor what a platform shows of them (its own package).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping


def add_account(db: sqlite3.Connection, platform: str, account: str) -> None:
    """Make an account known. Doing it again changes nothing."""
    db.execute("INSERT OR IGNORE INTO account (platform, id) VALUES (?, ?)", (platform, account))


def account_exists(db: sqlite3.Connection, platform: str, account: str) -> bool:
    """Whether the platform knows the account."""
    found = db.execute("SELECT 1 FROM account WHERE platform = ? AND id = ?", (platform, account)).fetchone()
    return found is not None


def scope(platform: str, account: str) -> str:
    """Where the switches of an account are kept (see `settings`)."""
    return f"{platform}/{account}"


def create(
    db: sqlite3.Connection, platform: str, account: str, *, name: str, detail: Mapping[str, Any], now: float
) -> int:
    """Create an empty audience and return its number. The caller gives it the platform's id with `set_id`."""
    cursor = db.execute(
        "INSERT INTO audience (platform, account, name, created, content_updated, detail) VALUES (?, ?, ?, ?, ?, ?)",
        (platform, account, name, now, now, json.dumps(detail)),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def set_id(db: sqlite3.Connection, number: int, audience_id: str) -> None:
    """Give a new audience the id that the platform's callers know it by."""
    db.execute("UPDATE audience SET id = ? WHERE number = ?", (audience_id, number))


def find(db: sqlite3.Connection, audience_id: str, platform: str | None = None) -> sqlite3.Row | None:
    """An audience by its id on the platform (on any platform where none is named)."""
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM audience WHERE id = ? AND platform = coalesce(?, platform)", (audience_id, platform)
    ).fetchone()
    return row


def every(db: sqlite3.Connection) -> list[sqlite3.Row]:
    """All audiences, oldest first."""
    return db.execute("SELECT * FROM audience ORDER BY number").fetchall()


def of_account(db: sqlite3.Connection, platform: str, account: str) -> list[sqlite3.Row]:
    """The audiences of one account, oldest first."""
    return db.execute(
        "SELECT * FROM audience WHERE platform = ? AND account = ? ORDER BY number", (platform, account)
    ).fetchall()


def detail(audience: sqlite3.Row) -> dict[str, Any]:
    """What the platform keeps about the audience beside the common columns."""
    values: dict[str, Any] = json.loads(audience["detail"])
    return values


def update(db: sqlite3.Connection, audience: sqlite3.Row, changes: Mapping[str, Any], name: str | None = None) -> None:
    """Merge changes into the platform's own detail; rename where a name is given."""
    merged = {**detail(audience), **changes}
    db.execute(
        "UPDATE audience SET detail = ?, name = coalesce(?, name) WHERE number = ?",
        (json.dumps(merged), name, audience["number"]),
    )


def delete(db: sqlite3.Connection, audience: sqlite3.Row) -> None:
    """Forget the audience. Its people must be cleared first; its id is never given out again."""
    db.execute("DELETE FROM audience WHERE number = ?", (audience["number"],))
