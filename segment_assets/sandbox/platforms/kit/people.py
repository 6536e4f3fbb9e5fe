"""People as a platform keeps them: a person is one record of identifiers, an audience is a set of persons.

Belongs here: adding, removing and listing persons, by set-based SQL. Not here: which identifiers a platform knows,
which are strong and how a cell is judged; the platform hands that in as a `Shape` and as columns.

A person's id is a 56-bit hash of the whole record, so an equal record is the same person and adding it again changes
nothing; two different records of one audience share an id once in about 140,000 audiences of a million people.
A handle is a short hash of one strong identifier. It only finds candidates: a removal compares the real value.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from itertools import repeat
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_SEPARATOR = "\x1f"
"""Between the cells of a record. Platforms refuse control characters in cells, so it cannot occur in one."""

_HANDLE_HEX_DIGITS = 15
_HEX_LENGTHS = (64, 36)


@dataclasses.dataclass(frozen=True, slots=True)
class Shape:
    """A platform's identifiers in the fixed order in which records hold them.

    `strong` keys each find a person alone. The `combination` finds one only as a whole, and only for a removal
    row that has no strong identifier.
    """

    keys: tuple[str, ...]
    strong: tuple[str, ...]
    combination: tuple[str, ...]

    def cells(self, record: str) -> dict[str, str]:
        """The identifiers of a stored person, blank ones left out."""
        return {key: cell for key, cell in zip(self.keys, record.split(_SEPARATOR), strict=True) if cell}


Columns = dict[str, "Sequence[str]"]
"""Identifier columns of equal length, by key. A blank cell is an empty string."""


def add(
    db: sqlite3.Connection, audience: int, shape: Shape, columns: Columns, extras: Sequence[str | None] | None = None
) -> int:
    """Add one person per row; return how many were new. `extras` is JSON kept beside the identifiers, latest wins."""
    records = _records(shape, columns)
    ids = [_person_id(record) for record in records]
    before = db.total_changes
    db.executemany(
        "INSERT OR IGNORE INTO person (audience, id, record) VALUES (?, ?, ?)",
        zip(repeat(audience), ids, records, strict=False),
    )
    new = db.total_changes - before
    if new:
        for key in shape.strong:
            cells = columns.get(key, ())
            handles = [(audience, _handle(cell), person) for cell, person in zip(cells, ids, strict=False) if cell]
            db.executemany("INSERT OR IGNORE INTO handle (audience, handle, person) VALUES (?, ?, ?)", handles)
    if extras is not None:
        db.executemany(
            "UPDATE person SET extras = ? WHERE audience = ? AND id = ?",
            zip(extras, repeat(audience), ids, strict=False),
        )
    _count(db, audience, new)
    return new


def remove(db: sqlite3.Connection, audience: int, shape: Shape, columns: Columns) -> int:
    """Remove every person who holds any one of the rows' strong identifiers; return how many went.

    A row without a strong identifier removes the persons with the same whole combination, if it has all of it.
    """
    found = _found_by_strong(db, audience, shape, columns)
    found.update(_found_by_combination(db, audience, shape, columns))
    db.executemany("DELETE FROM person WHERE audience = ? AND id = ?", zip(repeat(audience), found, strict=False))
    db.executemany(
        "DELETE FROM handle WHERE audience = ? AND handle = ? AND person = ?",
        (
            (audience, _handle(cells[key]), person)
            for person, cells in found.items()
            for key in shape.strong
            if key in cells
        ),
    )
    _count(db, audience, -len(found))
    return len(found)


def clear(db: sqlite3.Connection, audience: int) -> None:
    """Remove everybody."""
    db.execute("DELETE FROM person WHERE audience = ?", (audience,))
    db.execute("DELETE FROM handle WHERE audience = ?", (audience,))
    db.execute("UPDATE audience SET people = 0 WHERE number = ?", (audience,))


def members(db: sqlite3.Connection, audience: int, shape: Shape, limit: int, offset: int) -> list[dict[str, str]]:
    """A page of the persons, in the order of their records."""
    return [shape.cells(row["record"]) for row in _page(db, audience, limit, offset)]


def extras(db: sqlite3.Connection, audience: int, limit: int, offset: int) -> list[Any]:
    """What was said of each person beside the identifiers, in the order of `members`; null where nothing was."""
    return [None if row["extras"] is None else json.loads(row["extras"]) for row in _page(db, audience, limit, offset)]


def _page(db: sqlite3.Connection, audience: int, limit: int, offset: int) -> Iterable[sqlite3.Row]:
    return db.execute(
        "SELECT record, extras FROM person WHERE audience = ? ORDER BY record LIMIT ? OFFSET ?",
        (audience, limit, offset),
    )


def strong_identifiers(
    db: sqlite3.Connection, audience: int, shape: Shape, after: int, limit: int
) -> tuple[list[str], int | None]:
    """Up to `limit` distinct strong identifiers, and the `after` to go on from (None: that was all). Start at -1.

    They come in the order of their handles, under which equal values are neighbours: distinct without a set in memory.
    """
    rows = db.execute(
        "SELECT one.handle, person.record FROM (SELECT handle, min(person) AS holder FROM handle "
        "WHERE audience = ? AND handle > ? GROUP BY handle ORDER BY handle LIMIT ?) AS one "
        "JOIN person ON person.audience = ? AND person.id = one.holder ORDER BY one.handle",
        (audience, after, limit, audience),
    ).fetchall()
    values = [_strong_cell(shape.cells(row["record"]), shape, row["handle"]) for row in rows]
    return values, rows[-1]["handle"] if len(rows) == limit else None


def _strong_cell(cells: Mapping[str, str], shape: Shape, handle: int) -> str:
    return next(cells[key] for key in shape.strong if key in cells and _handle(cells[key]) == handle)


def _records(shape: Shape, columns: Mapping[str, Sequence[str]]) -> list[str]:
    rows = len(next(iter(columns.values())))
    cells = zip(*(columns.get(key) or repeat("", rows) for key in shape.keys), strict=True)
    return list(map(_SEPARATOR.join, cells))


def _person_id(record: str) -> int:
    return int.from_bytes(hashlib.blake2b(record.encode(), digest_size=7).digest())


def _handle(cell: str) -> int:
    """The first 60 bits: of the cell itself where it is a digest or a UUID, else of a hash of it."""
    if len(cell) in _HEX_LENGTHS:
        try:
            return int(cell.replace("-", "")[:_HANDLE_HEX_DIGITS], 16)
        except ValueError:
            pass
    return int(hashlib.sha256(cell.encode()).hexdigest()[:_HANDLE_HEX_DIGITS], 16)


def _found_by_strong(
    db: sqlite3.Connection, audience: int, shape: Shape, columns: Columns
) -> dict[int, dict[str, str]]:
    wanted = {key: {cell for cell in columns[key] if cell} for key in shape.strong if key in columns}
    db.execute("CREATE TEMP TABLE IF NOT EXISTS sought (handle INTEGER PRIMARY KEY)")
    db.execute("DELETE FROM sought")
    db.executemany(
        "INSERT OR IGNORE INTO sought (handle) VALUES (?)",
        ((_handle(cell),) for cells in wanted.values() for cell in cells),
    )
    # CROSS JOIN fixes the order: from the few sought handles to the people, never through the whole audience.
    rows = db.execute(
        "SELECT DISTINCT person.id, person.record FROM sought "
        "CROSS JOIN handle ON handle.audience = ? AND handle.handle = sought.handle "
        "CROSS JOIN person ON person.audience = handle.audience AND person.id = handle.person",
        (audience,),
    )
    candidates = ((row["id"], shape.cells(row["record"])) for row in rows)
    return {
        person: cells
        for person, cells in candidates
        if any(cells.get(key) in sought for key, sought in wanted.items() if key in cells)
    }


def _found_by_combination(
    db: sqlite3.Connection, audience: int, shape: Shape, columns: Columns
) -> Iterator[tuple[int, dict[str, str]]]:
    """Looks at every person: such removals are rare, and an index for them would slow each addition down."""
    if not shape.combination or not all(key in columns for key in shape.combination):
        return
    rows = len(next(iter(columns.values())))
    strong = zip(*(columns.get(key) or repeat("", rows) for key in shape.strong), strict=True)
    combinations = zip(*(columns[key] for key in shape.combination), strict=True)
    wanted = {whole for alone, whole in zip(strong, combinations, strict=True) if all(whole) and not any(alone)}
    if not wanted:
        return
    for row in db.execute("SELECT id, record FROM person WHERE audience = ?", (audience,)):
        cells = shape.cells(row["record"])
        if tuple(cells.get(key) for key in shape.combination) in wanted:
            yield row["id"], cells


def _count(db: sqlite3.Connection, audience: int, difference: int) -> None:
    if difference:
        db.execute("UPDATE audience SET people = people + ? WHERE number = ?", (difference, audience))
