"""Durable switches: (scope, name) → JSON value. A scope is a platform, an account of one, or `clock`.

Not here: what a switch means; each platform reads its own.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3


def read(db: sqlite3.Connection, scope: str, name: str, default: object) -> Any:
    """The stored value, or `default` where nobody has set it."""
    row = db.execute("SELECT value FROM setting WHERE scope = ? AND name = ?", (scope, name)).fetchone()
    return default if row is None else json.loads(row["value"])


def read_all(db: sqlite3.Connection, scope: str) -> dict[str, Any]:
    """Every switch of a scope that somebody has set."""
    rows = db.execute("SELECT name, value FROM setting WHERE scope = ? ORDER BY name", (scope,))
    return {row["name"]: json.loads(row["value"]) for row in rows}


def write(db: sqlite3.Connection, scope: str, name: str, value: object) -> None:
    """Set a switch, within the running transaction."""
    db.execute(
        "INSERT INTO setting (scope, name, value) VALUES (?, ?, ?) "
        "ON CONFLICT (scope, name) DO UPDATE SET value = excluded.value",
        (scope, name, json.dumps(value)),
    )
