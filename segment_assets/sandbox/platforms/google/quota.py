"""The request quota of a Cloud project: so many a minute and so many a day, on the sandbox's clock.

Source: docs/destinations/google.md 3 (300 a minute, 100,000 a day). Our reading: windows start on whole minutes and
days in UTC; `x-goog-user-project` names the project; a call that the quota refuses is not counted, any other is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_assets.sandbox.platforms.kit import settings

if TYPE_CHECKING:
    import sqlite3

DEFAULTS = {"requests_per_minute": 300, "requests_per_day": 100_000}
_SECONDS = {"requests_per_minute": 60, "requests_per_day": 86_400}

TABLES = """
CREATE TABLE IF NOT EXISTS google_usage (
  project TEXT, quota TEXT, start REAL NOT NULL, used INTEGER NOT NULL, PRIMARY KEY (project, quota)
) WITHOUT ROWID;
"""


def spend(db: sqlite3.Connection, project: str, now: float) -> float | None:
    """Take one call from the project's quota: None if it fits, else the seconds until it would."""
    waits = [wait for name in DEFAULTS if (wait := _wait(db, project, name, now)) is not None]
    if waits:
        return max(waits)
    for name, seconds in _SECONDS.items():
        db.execute(
            "INSERT INTO google_usage (project, quota, start, used) VALUES (?, ?, ?, 1) "
            "ON CONFLICT (project, quota) DO UPDATE "
            "SET used = CASE WHEN start = excluded.start THEN used + 1 ELSE 1 END, start = excluded.start",
            (project, name, now // seconds * seconds),
        )
    return None


def _wait(db: sqlite3.Connection, project: str, name: str, now: float) -> float | None:
    seconds = _SECONDS[name]
    start = now // seconds * seconds
    row = db.execute(
        "SELECT used FROM google_usage WHERE project = ? AND quota = ? AND start = ?", (project, name, start)
    ).fetchone()
    fits = (0 if row is None else row["used"]) < settings.read(db, "google", name, DEFAULTS[name])
    return None if fits else start + seconds - now
