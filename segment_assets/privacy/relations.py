"""Relations, columns and SELECTs of a query, as `lineage` follows them.

Belongs here: plain values about origins. Not here: following names (`lineage`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, TypeAlias

from sqlglot import exp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from segment_assets.privacy.situation import Table

Origin = tuple[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """A column of a relation: the (table, column) pairs it is made from, and how.

    `carried` are the origins whose values go into its value: a rank is made from the keys of its window and does not
    carry them. `direct` says that its value is one column's value unchanged, `constant` that it may be a literal of the
    query, `aggregated` that an aggregate went into it.
    """

    name: str
    origins: frozenset[Origin] = frozenset()
    carried: frozenset[Origin] = frozenset()
    direct: bool = False
    constant: bool = False
    aggregated: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Relation:
    """What stands in FROM: its columns, the configured tables below it, and the table itself where it is one.

    `steps` are the SELECTs that its rows come through, and the set operations that keep equal rows once.
    """

    fields: tuple[Field, ...]
    tables: frozenset[str] = frozenset()
    base: Table | None = None
    grouped: bool = False
    steps: tuple[Step, ...] = dataclasses.field(default=(), compare=False, repr=False)

    def field(self, name: str) -> Field | None:
        """A column by name."""
        return next((field for field in self.fields if field.name.lower() == name.lower()), None)


@dataclasses.dataclass(slots=True)
class Block:
    """One SELECT of the query: the relations in its FROM by alias, and whether it gives rows of the result."""

    select: exp.Select
    relations: dict[str, Relation]
    final: bool
    outer: Block | None = None
    merged: frozenset[str] = frozenset()
    in_expression: bool = False

    @property
    def tables(self) -> frozenset[str]:
        """Every configured table below this SELECT."""
        return frozenset().union(*(relation.tables for relation in self.relations.values()))

    @property
    def grouped(self) -> bool:
        """Whether a row stands for a group: by GROUP BY, aggregates or DISTINCT, here or below for all tables."""
        own = any(self.select.args.get(part) for part in ("group", "distinct"))
        aggregates = any(is_aggregate(node) for item in self.select.expressions for node in own_nodes(item))
        return own or aggregates or all(relation.grouped for relation in self.relations.values() if relation.tables)

    @property
    def steps(self) -> tuple[Step, ...]:
        """What the rows of this SELECT come through, itself not."""
        return once(step for relation in self.relations.values() for step in relation.steps)


Step: TypeAlias = Block | exp.SetOperation


def once(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Each step once, in order: a CTE can be named many times."""
    return tuple({id(step): step for step in steps}.values())


def own_nodes(node: exp.Expression) -> Iterator[exp.Expression]:
    """The parts of an expression without those of subqueries in it."""
    waiting = [node]
    while waiting:
        part = waiting.pop()
        yield part
        if part is node or not isinstance(part, exp.Query):
            waiting += part.iter_expressions()


def is_aggregate(node: exp.Expression) -> bool:
    """Whether the node makes one value of a group's rows; the same functions over a window do not."""
    window = node.parent
    while isinstance(window, (exp.IgnoreNulls, exp.RespectNulls, exp.Filter, exp.WithinGroup)):
        window = window.parent
    return isinstance(node, exp.AggFunc) and not isinstance(window, exp.Window)


def made_of(name: str, fields: Iterable[Field]) -> Field:
    """A column that is computed from others."""
    known = list(fields)
    return Field(
        name,
        frozenset().union(*(field.origins for field in known)),
        frozenset().union(*(field.carried for field in known)),
        constant=any(field.constant for field in known),
        aggregated=any(field.aggregated for field in known),
    )


def merged(one: Field, other: Field) -> Field:
    """A column of a set operation, which is one side's or the other's."""
    return dataclasses.replace(
        made_of(one.name, (one, other)), direct=one.direct and other.direct and one.origins == other.origins
    )
