"""Rows of data sets, and who is in one.

Source: the guides "Prepare data" (CSV in UTF-8 with a header; types; identifiers that are not hashed are refused) and
"Consent management" (a record whose consent is denied is rejected).
Our readings: a row with another number of cells, a column that the data set has not, and a cell that is not of its type
fail the upload; a data set with the columns `member`, `is_member` and `changed` holds whom the query for the newest row
of each member finds, any other everybody; the first of equally new rows stays but for a later upload.
"""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.kit import people

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterator, Mapping, Sequence

KINDS = {"EMAIL": "email", "PHONE": "phone", "MAID": "mobile_ad_id"}
"""Amazon's kinds of identity that the sandbox shows."""
SHAPE = people.Shape(keys=("member", *KINDS.values()), strong=("member", *KINDS.values()), combination=())
TABLES = """
CREATE TABLE IF NOT EXISTS amc_data_row (
  number INTEGER, member TEXT, changed INTEGER NOT NULL, is_member INTEGER NOT NULL, email TEXT NOT NULL,
  phone TEXT NOT NULL, mobile_ad_id TEXT NOT NULL, PRIMARY KEY (number, member)
) WITHOUT ROWID;
"""
_DIGEST, _NUMBER = re.compile(r"[0-9a-fA-F]{64}"), re.compile(r"-?[0-9]{1,19}")
_NUMBERS = ("INTEGER", "LONG")
_BITS_OF_INTEGER = 31


class BadFileError(Exception):
    """A file by which an upload fails. The message is what Amazon tells of the upload."""


def read(text: str, columns: Sequence[Mapping[str, Any]], delimiter: str) -> Iterator[dict[str, str]]:
    """The rows of a file that fits the columns."""
    known = {column["name"]: column for column in columns}
    try:
        table = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
        header = next(table, [])
        if not header or not set(header) <= set(known):
            raise BadFileError("The file has a column that the data set has not")
        for cells in table:
            if len(cells) != len(header):
                raise BadFileError("A row has not as many cells as the header")
            if not all(map(_fits, cells, [known[name] for name in header])):
                raise BadFileError("A cell is not of the type of its column")
            yield dict(zip(header, cells, strict=True))
    except csv.Error:
        raise BadFileError("The file cannot be read as CSV") from None


def load(
    db: sqlite3.Connection,
    dataset: sqlite3.Row,
    columns: Sequence[Mapping[str, Any]],
    found: Sequence[Mapping[str, str]],
    poisoned: Collection[str],
) -> int:
    """Add rows; return how many were loaded. Whoever denied consent, and whoever is `poisoned`, is left out."""
    consents = [column["name"] for column in columns if str(column.get("consentType", "")).startswith("AMZN_")]
    fields = {identity(column): column["name"] for column in columns if identity(column) in KINDS}
    names = {column["name"] for column in columns}
    has_members = {"member", "is_member", "changed"} <= names
    loaded = 0
    for place, row in enumerate(found):
        cells = {KINDS[kind]: row.get(name, "").lower() for kind, name in fields.items()}
        if any(row.get(name) == "DENIED" for name in consents) or not poisoned.isdisjoint(cells.values()):
            continue
        loaded += 1
        newest = (row["member"], int(row["changed"]), int(row["is_member"])) if has_members else (str(place), 0, 1)
        _keep(db, dataset["number"], newest, cells)
    return loaded


def forget(db: sqlite3.Connection, dataset: sqlite3.Row, kind: str, value: str) -> None:
    """Delete every row with an identifier."""
    if kind not in KINDS:
        return
    column, number = KINDS[kind], dataset["number"]
    db.execute(f"DELETE FROM amc_data_row WHERE number = ? AND {column} = ?", (number, value.lower()))
    people.remove(db, number, SHAPE, {column: [value.lower()]})


def clear(db: sqlite3.Connection, dataset: sqlite3.Row) -> None:
    """Delete every row."""
    db.execute("DELETE FROM amc_data_row WHERE number = ?", (dataset["number"],))
    people.clear(db, dataset["number"])


def identity(column: Mapping[str, Any]) -> str:
    """The kind of identity of a column, empty where it has none."""
    told = column.get("externalUserIdType", {})
    return str(told.get("hashedPii") or told.get("externalIdentity") or "")


def _keep(db: sqlite3.Connection, number: int, newest: tuple[str, int, int], cells: Mapping[str, str]) -> None:
    member, changed, is_member = newest
    known = db.execute("SELECT changed FROM amc_data_row WHERE number = ? AND member = ?", (number, member)).fetchone()
    if known is not None and known["changed"] > changed:
        return
    values = (number, member, changed, is_member, *(cells.get(key, "") for key in KINDS.values()))
    db.execute("INSERT OR REPLACE INTO amc_data_row VALUES (?, ?, ?, ?, ?, ?, ?)", values)
    if known is not None:
        people.remove(db, number, SHAPE, {"member": [member]})
    if is_member:
        people.add(db, number, SHAPE, {"member": [member], **{key: [cell] for key, cell in cells.items()}})


def _fits(cell: str, column: Mapping[str, Any]) -> bool:
    if not cell:
        return column.get("nullable", True) is True
    if "hashedPii" in column.get("externalUserIdType", {}):
        return _DIGEST.fullmatch(cell) is not None
    if column["dataType"] not in _NUMBERS:
        return True
    return _NUMBER.fullmatch(cell) is not None and (
        column["dataType"] == "LONG" or int(cell).bit_length() <= _BITS_OF_INTEGER
    )
