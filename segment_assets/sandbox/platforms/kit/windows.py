"""Calls that a platform allows in a window of time, on the sandbox's clock.

Our reading where platforms say nothing: windows start on whole multiples of their length, and a call that the budget
refuses is not counted. Not here: how much a platform allows, and what it answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

TABLES = """
CREATE TABLE IF NOT EXISTS window_usage (
  name TEXT PRIMARY KEY, start REAL NOT NULL, used INTEGER NOT NULL
) WITHOUT ROWID;
"""


def spend(db: sqlite3.Connection, name: str, *, budget: int, seconds: float, now: float) -> float | None:
    """Take one call from the budget of that name: None if it fits, else the seconds until it would."""
    start = now // seconds * seconds
    row = db.execute("SELECT start, used FROM window_usage WHERE name = ?", (name,)).fetchone()
    used = row["used"] if row is not None and row["start"] == start else 0
    if used >= budget:
        return start + seconds - now
    db.execute(
        "INSERT INTO window_usage (name, start, used) VALUES (?, ?, ?) "
        "ON CONFLICT (name) DO UPDATE SET start = excluded.start, used = excluded.used",
        (name, start, used + 1),
    )
    return None
