"""The people of a user list, in the kit's store: one member of a request is one person with all its identifiers.

Belongs here: how a member's identifiers become a record, removal by any one of them, removal by age. Not here: judging
them (`members`). Our readings: two members that share an identifier stay two people, and removing the shared one
removes both; an address counts as one identifier, matched as a whole; adding the same member again renews its age.
"""

from __future__ import annotations

import json
from itertools import repeat
from typing import TYPE_CHECKING

from segment_assets.sandbox.platforms.kit import audiences, people
from segment_assets.sandbox.platforms.kit.people import Shape

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

IDENTIFIERS_PER_MEMBER = 10

Identifiers = dict[str, list[str]]
"""A member's identifiers by kind (`EMAIL`, `PHONE`, `ADDRESS`, `IP_ADDRESS`, `MOBILE_ID`, `USER_ID`), sorted."""

_KINDS = ("EMAIL", "PHONE", "ADDRESS", "IP_ADDRESS", "MOBILE_ID", "USER_ID")


def _slot(kind: str, number: int) -> str:
    return kind if number == 0 else f"{kind}_{number + 1}"


_SLOTS = tuple(_slot(kind, number) for kind in _KINDS for number in range(IDENTIFIERS_PER_MEMBER))
_NO_COMBINATION = "NO_COMBINATION"
"""Never filled: Google finds nobody by a combination, and the kit wants one to be named."""

SHAPE = Shape(keys=(*_SLOTS, _NO_COMBINATION), strong=_SLOTS, combination=(_NO_COMBINATION,))


def add(db: sqlite3.Connection, audience: sqlite3.Row, rows: Sequence[Identifiers], added: float) -> None:
    """Add one person per row. `added` is the time of the request, in seconds since the epoch."""
    if not rows:
        return
    widest = {kind: width for kind in _KINDS if (width := max(len(row.get(kind, ())) for row in rows))}
    columns: people.Columns = {
        _slot(kind, number): [cells[number] if len(cells := row.get(kind, [])) > number else "" for row in rows]
        for kind, width in widest.items()
        for number in range(width)
    }
    people.add(db, audience["number"], SHAPE, columns, list(repeat(json.dumps(added), len(rows))))
    known = audiences.detail(audience)
    merged = {kind: max(widest.get(kind, 0), known["widest"].get(kind, 0)) for kind in _KINDS}
    oldest = min(added, known["oldest"] or added)
    audiences.update(db, audience, {"widest": merged, "oldest": oldest})


def remove(db: sqlite3.Connection, audience: sqlite3.Row, rows: Sequence[Identifiers]) -> None:
    """Remove every person who holds any one of the rows' identifiers."""
    # An identifier may sit in any slot of its kind, so each slot in use is searched for all of them.
    columns: people.Columns = {}
    for kind, width in audiences.detail(audience)["widest"].items():
        sought = sorted({cell for row in rows for cell in row.get(kind, ())})
        columns |= {_slot(kind, number): sought for number in range(width) if sought}
    if columns:
        people.remove(db, audience["number"], SHAPE, columns)


def remove_added_before(db: sqlite3.Connection, number: int, moment: float) -> int:
    """Remove every person who was last added before the moment; return how many went."""
    old = "SELECT id FROM person WHERE audience = ? AND CAST(extras AS REAL) < ?"
    db.execute(f"DELETE FROM handle WHERE audience = ? AND person IN ({old})", (number, number, moment))
    went = db.execute(f"DELETE FROM person WHERE id IN ({old}) AND audience = ?", (number, moment, number)).rowcount
    db.execute("UPDATE audience SET people = people - ? WHERE number = ?", (went, number))
    return went


def expire(db: sqlite3.Connection, audience: sqlite3.Row, now: float) -> None:
    """Remove those whose membership has run out."""
    detail = audiences.detail(audience)
    if detail["oldest"] is None or detail["oldest"] + detail["membership_seconds"] > now:
        return
    remove_added_before(db, audience["number"], now - detail["membership_seconds"])
    oldest = db.execute("SELECT min(CAST(extras AS REAL)) FROM person WHERE audience = ?", (audience["number"],))
    audiences.update(db, audience, {"oldest": oldest.fetchone()[0]})
