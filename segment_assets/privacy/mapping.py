"""ID mapping tables under AGGREGATION and LIST: joined on both sides, never shown.

Belongs here: what the mapping table's own rule adds to the rule of the tables around it. Not here: the same under
CUSTOM, where columns are followed through subqueries (`custom`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from segment_assets.privacy.redaction import reason
from segment_assets.privacy.refusals import Refusal
from segment_assets.privacy.rules import IdMappingRule
from segment_assets.privacy.verdicts import Documented, Reason

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from segment_assets.privacy.scope import Scope

_PAGE = Documented.ID_MAPPING_TABLE
_CLAUSES = ("expressions", "where", "group", "having", "order")
HIDDEN = "a column of an ID mapping table stands in JOIN … ON only, unless it is in dimensionColumns"


def check_mapping_columns(select: exp.Select, scope: Scope) -> Iterator[Reason]:
    """Its columns may not stand in SELECT, WHERE, HAVING, GROUP BY or ORDER BY unless they are dimensions."""
    for clause in _CLAUSES:
        parts = select.args.get(clause) or []
        for part in parts if isinstance(parts, list) else [parts]:
            for column in part.find_all(exp.Column):
                table = scope.table_of(column)
                if isinstance(table.policy, IdMappingRule) and column.name not in table.policy.dimensions:
                    yield reason(Refusal.MAPPING_COLUMN, HIDDEN, column, _PAGE, table)


def is_on_the_inner_side(join: exp.Join, alias: str, before: Collection[str], scope: Scope) -> bool:
    """Whether an outer join keeps the other side's rows and not those of a mapping table.

    `t LEFT JOIN mapping` and `mapping RIGHT JOIN t` do; the other way round would show identifiers without a match.
    """
    joined_is_mapping = scope.tables[alias].is_mapping
    before_are_mappings = [scope.tables[name].is_mapping for name in before if name != alias]
    if join.side == "LEFT":
        return joined_is_mapping and not any(before_are_mappings)
    return join.side == "RIGHT" and all(before_are_mappings) and not joined_is_mapping


def check_overlap_columns(select: exp.Select, scope: Scope) -> Iterator[Reason]:
    """requireOverlap: each of its columns is equal to a column of another table in every row."""
    joins = select.args.get("joins") or []
    equalities = [pair for join in joins for pair in certain_equalities(join.args["on"])]
    for alias, table in scope.tables.items():
        if not isinstance(table.policy, IdMappingRule):
            continue
        for name in table.policy.overlap:
            if not any(_links(pair, alias, name) for pair in equalities):
                message = f"the query must join {table.name} to a table on {name} (requireOverlap)"
                yield reason(Refusal.MAPPING_OVERLAP, message, select.args["from_"], _PAGE, table)


def _links(pair: tuple[exp.Column, exp.Column], alias: str, name: str) -> bool:
    one, other = pair if pair[0].table == alias else pair[::-1]
    return bool(one.table == alias and one.name == name and other.table != alias)


def certain_equalities(node: exp.Expression) -> Iterator[tuple[exp.Column, exp.Column]]:
    """The pairs of columns that are equal wherever the condition holds; an alternative of an OR is not certain.

    >>> [f"{a} = {b}" for a, b in certain_equalities(sqlglot.parse_one("a.x = b.x AND (a.y = b.y OR a.z = b.z)"))]
    ['a.x = b.x']
    """
    if isinstance(node, exp.And):
        yield from certain_equalities(node.this)
        yield from certain_equalities(node.expression)
    elif isinstance(node, exp.Paren):
        yield from certain_equalities(node.this)
    elif isinstance(node, exp.EQ) and isinstance(node.this, exp.Column) and isinstance(node.expression, exp.Column):
        yield node.this, node.expression
