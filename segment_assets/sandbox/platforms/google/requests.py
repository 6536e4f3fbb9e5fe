"""Requests that were accepted and wait to be processed, and what became of them.

Belongs here: keeping them, processing them when the sandbox's clock says so, telling their status. Not here: judging
them (`uploads`, `members`). Source: docs/destinations/google.md 2.4. Our readings where Google says nothing: requests
are processed in the order in which they fall due; a list deleted in the meantime fails the request; a closed list takes
no new members and says so nowhere; a member counts as added at the time of its request.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.google import errors, membership
from segment_assets.sandbox.platforms.google.visit import PLATFORM
from segment_assets.sandbox.platforms.kit import audiences

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from segment_assets.sandbox.platforms.google.members import Judged
    from segment_assets.sandbox.platforms.google.visit import Visit

DEFAULT_PROCESSING_SECONDS = 40 * 60
DEFAULT_MATCH_RATE = 0.62
INTERNAL_ERROR = "PROCESSING_ERROR_REASON_INTERNAL_ERROR"
_KEPT_SECONDS = 50 * 86_400

TABLES = (
    """CREATE TABLE IF NOT EXISTS google_request (
  number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, kind TEXT NOT NULL, data TEXT NOT NULL,
  accepted REAL NOT NULL, due REAL NOT NULL, as_of REAL, fails TEXT, members TEXT, processed INTEGER NOT NULL DEFAULT 0
)""",
    "CREATE INDEX IF NOT EXISTS google_request_due ON google_request (due) WHERE processed = 0",
    """CREATE TABLE IF NOT EXISTS google_outcome (
  request INTEGER, place INTEGER, destination TEXT NOT NULL, account TEXT NOT NULL, audience TEXT NOT NULL,
  records INTEGER NOT NULL DEFAULT 0, counts TEXT NOT NULL DEFAULT '{}', errors TEXT NOT NULL DEFAULT '{}',
  match_rate REAL NOT NULL, PRIMARY KEY (request, place)
) WITHOUT ROWID""",
)


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """One destination of a request: as the caller named it, and what it means."""

    destination: dict[str, Any]
    account: str
    audience: str

    @property
    def reference(self) -> str | None:
        """The caller's own name of the destination."""
        return self.destination.get("reference")


@dataclasses.dataclass(frozen=True, slots=True)
class Accepted:
    """A request without a fault. `kind` is ingest, remove or remove_all; `data` the data type of its members."""

    kind: str
    data: str
    targets: Sequence[Target]
    members: Sequence[Judged] = ()
    as_of: float | None = None


def keep(visit: Visit, request: Accepted) -> str:
    """Keep a request until it is due; return its id."""
    db = visit.db
    delay = visit.switch("processing_seconds", DEFAULT_PROCESSING_SECONDS)
    members = [[one.identifiers, one.references, one.refused] for one in request.members]
    cursor = db.execute(
        "INSERT INTO google_request (kind, data, accepted, due, as_of, fails, members) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (request.kind, request.data, visit.now, visit.now + delay, request.as_of, _fails(visit), json.dumps(members)),
    )
    number = cursor.lastrowid
    request_id = (
        base64.urlsafe_b64encode(hashlib.sha256(f"request {number}".encode()).digest()[:16]).decode().strip("=")
    )
    db.execute("UPDATE google_request SET id = ? WHERE number = ?", (request_id, number))
    db.executemany(
        "INSERT INTO google_outcome (request, place, destination, account, audience, match_rate) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        [
            (number, place, json.dumps(one.destination), one.account, one.audience, _match_rate(visit, one.account))
            for place, one in enumerate(request.targets)
        ],
    )
    return request_id


def _match_rate(visit: Visit, account: str) -> float:
    return float(visit.account_switch(account, "match_rate", DEFAULT_MATCH_RATE))


def _fails(visit: Visit) -> str | None:
    """Take one from the number of requests that shall fail."""
    left = visit.switch("fail_next", 0)
    if not left:
        return None
    visit.set_switch("fail_next", left - 1)
    reason: str = visit.switch("fail_reason", INTERNAL_ERROR)
    return reason


# ── processing ──


def catch_up(db: sqlite3.Connection, now: float) -> None:
    """Process what has fallen due, then let memberships run out."""
    due = db.execute("SELECT number FROM google_request WHERE processed = 0 AND due <= ? ORDER BY due, number", (now,))
    for (number,) in due.fetchall():  # one at a time: a request of 10,000 members is megabytes of text
        _process(db, db.execute("SELECT * FROM google_request WHERE number = ?", (number,)).fetchone())
    for audience in audiences.every(db):
        if audience["platform"] == PLATFORM:
            membership.expire(db, audience, now)


def _process(db: sqlite3.Connection, request: sqlite3.Row) -> None:
    members = json.loads(request["members"])
    outcomes = db.execute("SELECT * FROM google_outcome WHERE request = ? ORDER BY place", (request["number"],))
    for outcome in outcomes.fetchall():
        reference = json.loads(outcome["destination"]).get("reference")
        meant = [member for member in members if not member[1] or reference in member[1]]
        refused = _apply(db, request, outcome["audience"], meant)
        counts = Counter(kind for identifiers, *_ in meant for kind in identifiers for _ in identifiers[kind])
        db.execute(
            "UPDATE google_outcome SET records = ?, counts = ?, errors = ? WHERE request = ? AND place = ?",
            (len(meant), json.dumps(counts), json.dumps(refused), request["number"], outcome["place"]),
        )
    db.execute("UPDATE google_request SET processed = 1, members = NULL WHERE number = ?", (request["number"],))


def _apply(db: sqlite3.Connection, request: sqlite3.Row, audience_id: str, members: list[Any]) -> dict[str, int]:
    """Change the people of one list; return how many members were refused, by reason."""
    audience = audiences.find(db, audience_id, PLATFORM)
    if request["fails"] or audience is None:
        return {request["fails"] or INTERNAL_ERROR: max(1, len(members))}
    good = [identifiers for identifiers, _, refused in members if refused is None]
    if request["kind"] == "remove":
        membership.remove(db, audience, [identifiers for identifiers, *_ in members])
    elif request["kind"] == "remove_all":
        membership.remove_added_before(db, audience["number"], request["as_of"])
    elif not audiences.detail(audience).get("closed"):
        membership.add(db, audience, good, request["accepted"])
    db.execute("UPDATE audience SET content_updated = ? WHERE number = ?", (request["due"], audience["number"]))
    if request["kind"] != "ingest":
        return {}
    return dict(Counter(refused for *_, refused in members if refused is not None))


def processing(db: sqlite3.Connection, audience_id: str) -> int:
    """How many requests for a list wait to be processed."""
    row = db.execute(
        "SELECT count(DISTINCT number) AS waiting FROM google_request JOIN google_outcome ON request = number "
        "WHERE processed = 0 AND audience = ?",
        (audience_id,),
    ).fetchone()
    return int(row["waiting"])


# ── status ──


def find(visit: Visit, request_id: str) -> tuple[sqlite3.Row, list[sqlite3.Row]]:
    """A request and its destinations. Refuses an id that was never given out, or too long ago."""
    columns = "number, kind, data, accepted, fails, processed"
    request = visit.db.execute(f"SELECT {columns} FROM google_request WHERE id = ?", (request_id,)).fetchone()
    if request is None:
        errors.invalid_field("request_id", "The request ID is not valid.", "INVALID_REQUEST_ID")
    if visit.now - request["accepted"] > _KEPT_SECONDS:
        errors.invalid_field("request_id", "The request is too old.", "REQUEST_TOO_OLD")
    outcomes = visit.db.execute("SELECT * FROM google_outcome WHERE request = ? ORDER BY place", (request["number"],))
    return request, outcomes.fetchall()
