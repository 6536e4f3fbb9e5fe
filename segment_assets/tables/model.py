"""What a declaration of a table is made of: columns, types, PII classes, where a table is computed.

Belongs here: the shapes, and what follows from them (Arrow schema). Not here: any table.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    import pyarrow as pa


class Pii(enum.StrEnum):
    """What a column says about a person. Digests and pseudonyms are personal data too."""

    NONE = "none"
    PSEUDONYMOUS = "pseudonymous"
    DIGEST = "digest"
    RAW = "raw"


class ComputedIn(enum.StrEnum):
    """`room`: inside the collaboration; `own`: account A's data; `ledger`: from deliveries; `partner`: account B's."""

    ROOM = "room"
    OWN = "own"
    PARTNER = "partner"
    LEDGER = "ledger"


class Type(enum.StrEnum):
    """The few column types that every engine of ours has."""

    STRING = "string"
    INTEGER = "bigint"
    DOUBLE = "double"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"
    DIGEST = "binary(32)"


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """One column. `nullable` False is enforced by the schema check.

    `of` names what its values are made from, as `table.column`, where code of ours makes them. It is empty where the
    values come from outside, where a query makes them (`Table.query`) or a normal form (`identity`).
    """

    name: str
    type: Type
    description: str
    pii: Pii = Pii.NONE
    nullable: bool = True
    of: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """One table. `grain` names the columns that identify a row; `retention_days` is how long versions are kept.

    `query` is the SQL that fills it, in the form that `queries.read` takes; empty where code fills it. `question` is
    what a reader opens it for. `invariants` are SQL conditions that hold for every row of `this_table`; what is unknown
    (withheld) breaks none. `is_sparse`: most rows have few of the columns, so whoever writes may leave out the others.
    """

    name: str
    description: str
    computed_in: ComputedIn
    grain: tuple[str, ...]
    columns: tuple[Column, ...]
    retention_days: int
    query: str = ""
    question: str = ""
    invariants: tuple[str, ...] = ()
    is_sparse: bool = False

    def column_names(self) -> list[str]:
        """Names in declared order."""
        return [column.name for column in self.columns]

    def arrow_schema(self, only: Collection[str] | None = None) -> pa.Schema:
        """The Arrow schema, of some columns or of all: timestamps in UTC microseconds, digests as 32-byte binary."""
        import pyarrow as pa

        types = {
            Type.STRING: pa.string(),
            Type.INTEGER: pa.int64(),
            Type.DOUBLE: pa.float64(),
            Type.BOOLEAN: pa.bool_(),
            Type.DATE: pa.date32(),
            Type.TIMESTAMP: pa.timestamp("us", tz="UTC"),
            Type.DIGEST: pa.binary(32),
        }
        chosen = [c for c in self.columns if only is None or c.name in only]
        return pa.schema([pa.field(c.name, types[c.type], nullable=c.nullable) for c in chosen])


def text(
    name: str, description: str, pii: Pii = Pii.NONE, *, nullable: bool = True, of: tuple[str, ...] = ()
) -> Column:
    """A column of strings."""
    return Column(name, Type.STRING, description, pii, nullable, of)


RAW, PSEUDONYM, DIGEST = Pii.RAW, Pii.PSEUDONYMOUS, Pii.DIGEST
