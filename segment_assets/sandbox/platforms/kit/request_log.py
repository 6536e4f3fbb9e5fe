"""What was asked and how it was answered: method, path template, counts and status. Never a body, query or header.

Path templates instead of paths, because a careless caller may put an identifier into a path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3

    from segment_assets.sandbox.platforms.kit.exchange import Answer, Call

NO_ANSWER = 0
"""Logged as status where the connection was closed without an answer."""


def write(  # one column each
    db: sqlite3.Connection, *, at: float, platform: str, call: Call, answer: Answer, fault: str | None
) -> None:
    """Append one line, in the transaction of the request that it tells about."""
    db.execute(
        "INSERT INTO request (at, platform, method, path, account, audience, records, status, fault) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            at,
            platform,
            call.method,
            call.template,
            answer.account,
            answer.audience,
            answer.records,
            answer.status,
            fault,
        ),
    )


def read(db: sqlite3.Connection, *, after: int = 0, limit: int = 1000) -> list[dict[str, Any]]:
    """Lines with a sequence above `after`, oldest first."""
    rows = db.execute("SELECT * FROM request WHERE sequence > ? ORDER BY sequence LIMIT ?", (after, limit))
    return [dict(row) for row in rows]


def latest(db: sqlite3.Connection, limit: int) -> list[dict[str, Any]]:
    """The newest lines, newest first."""
    rows = db.execute("SELECT * FROM request ORDER BY sequence DESC LIMIT ?", (limit,))
    return [dict(row) for row in rows]
