"""What all rules say about joins: INNER, equal join columns, and overlap with the runner's own data.

Belongs here: JOIN … ON and who is linked to whom. Not here: WHERE.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from segment_assets.privacy.mapping import is_on_the_inner_side
from segment_assets.privacy.redaction import reason
from segment_assets.privacy.refusals import Refusal
from segment_assets.privacy.rules import AggregationRule, IdMappingRule, ListRule
from segment_assets.privacy.scope import kind_of
from segment_assets.privacy.verdicts import Documented, Reason, Weight

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from segment_assets.privacy.scope import Scope
    from segment_assets.privacy.situation import Table

Pair = frozenset[str]


def check_joins(select: exp.Select, scope: Scope) -> list[Reason]:
    """The reasons against the joins of a query."""
    seen = {next(iter(scope.tables))}
    reasons: list[Reason] = []
    for join in select.args.get("joins") or []:
        alias = join.this.alias_or_name.lower()
        seen.add(alias)
        reasons += _check_join(join, alias, seen, scope)
    return reasons


def _check_join(join: exp.Join, alias: str, seen: set[str], scope: Scope) -> Iterator[Reason]:
    page = kind_of(scope).documented
    condition = join.args.get("on")
    if join.side and is_on_the_inner_side(join, alias, seen, scope):
        message = "the page on ID mapping tables allows this join and the rule's own page does not; write INNER JOIN"
        yield reason(Refusal.NOT_DOCUMENTED, message, join, Documented.ID_MAPPING_TABLE, weight=Weight.DOUBTS)
    elif join.side:
        message = "only INNER JOIN … ON is supported, without outer sides"
        yield reason(Refusal.JOIN_NOT_INNER, message, join, page)
        return
    if condition is None or isinstance(condition, exp.Boolean) or (join.kind or "INNER") != "INNER":
        message = "only INNER JOIN … ON is supported, no comma, no CROSS JOIN"
        yield reason(Refusal.JOIN_NOT_INNER, message, join, page)
        return
    leaves = list(_leaves(condition))
    for leaf in leaves:
        yield from _check_equality(leaf, seen, scope)
    yield from _check_operators(condition, scope)
    if all(_is_column_pair(leaf) for leaf in leaves) and not _touches(condition, alias):
        message = f"the condition must compare a column of {alias}, in each of its alternatives"
        yield reason(Refusal.JOIN_CONDITION, message, condition, page, scope.tables[alias])


def _leaves(node: exp.Expression) -> Iterator[exp.Expression]:
    """The conditions between AND, OR and parentheses.

    >>> [str(leaf) for leaf in _leaves(sqlglot.parse_one("a.x = b.x AND (a.y = b.y OR a.z = b.z)"))]
    ['a.x = b.x', 'a.y = b.y', 'a.z = b.z']
    """
    if isinstance(node, (exp.And, exp.Or)):
        yield from _leaves(node.this)
        yield from _leaves(node.expression)
    elif isinstance(node, exp.Paren):
        yield from _leaves(node.this)
    else:
        yield node


def _is_column_pair(leaf: exp.Expression) -> bool:
    return (
        isinstance(leaf, exp.EQ)
        and isinstance(leaf.this, exp.Column)
        and isinstance(leaf.expression, exp.Column)
        and leaf.this.table != leaf.expression.table
    )


def _check_equality(leaf: exp.Expression, seen: set[str], scope: Scope) -> Iterator[Reason]:
    page = kind_of(scope).documented
    if not _is_column_pair(leaf):
        message = "a join condition is an equality of two columns, one of each table"
        yield reason(Refusal.JOIN_CONDITION, message, leaf, page)
        return
    for column in (leaf.this, leaf.expression):
        table = scope.table_of(column)
        if column.table not in seen:
            message = "the table is joined further below; move the condition there"
            yield reason(Refusal.JOIN_CONDITION, message, column, page, table)
        if column.name not in _join_columns(table):
            message = f"{column.name} is not in joinColumns"
            yield reason(Refusal.JOIN_COLUMN, message, column, page, table)


def _join_columns(table: Table) -> set[str]:
    if isinstance(table.policy, IdMappingRule):
        return table.policy.joins
    return set(table.policy.join_columns) if isinstance(table.policy, (AggregationRule, ListRule)) else set()


def _check_operators(condition: exp.Expression, scope: Scope) -> Iterator[Reason]:
    """The strictest list counts: an operator must be allowed by every table of the query."""
    for node in condition.find_all(exp.And, exp.Or):
        word = "AND" if isinstance(node, exp.And) else "OR"
        for table in scope.tables.values():
            rule = table.policy if isinstance(table.policy, (AggregationRule, ListRule)) else None
            if rule and word not in rule.allowed_join_operators:
                message = f"{word} is not in allowedJoinOperators"
                yield reason(Refusal.JOIN_OPERATOR, message, node, kind_of(scope).documented, table)


def _touches(node: exp.Expression, alias: str) -> bool:
    """Whether each way to satisfy the condition compares a column of the alias."""
    if isinstance(node, exp.And):
        return _touches(node.this, alias) or _touches(node.expression, alias)
    if isinstance(node, exp.Or):
        return _touches(node.this, alias) and _touches(node.expression, alias)
    if isinstance(node, exp.Paren):
        return _touches(node.this, alias)
    return alias in {column.table for column in node.find_all(exp.Column)}


def _certain_pairs(node: exp.Expression) -> set[Pair]:
    """The pairs of aliases that are equal on something in every row, whichever alternative of an OR holds.

    >>> _certain_pairs(sqlglot.parse_one("a.x = c.x OR (b.y = c.y AND a.y = c.y)"))
    {frozenset({'a', 'c'})}
    """
    if isinstance(node, exp.And):
        return _certain_pairs(node.this) | _certain_pairs(node.expression)
    if isinstance(node, exp.Or):
        return _certain_pairs(node.this) & _certain_pairs(node.expression)
    if isinstance(node, exp.Paren):
        return _certain_pairs(node.this)
    return {frozenset({node.this.table, node.expression.table})}


def unlinked(select: exp.Select, scope: Scope, wanted: Callable[[Table, Table], bool]) -> list[str]:
    """The aliases from which no chain of joins leads to another table that `wanted(table, other)` accepts.

    Call it only when `check_joins` refused nothing.
    """
    pairs = {pair for join in select.args.get("joins") or [] for pair in _certain_pairs(join.args["on"])}
    return [
        alias
        for alias, table in scope.tables.items()
        if not any(wanted(table, scope.tables[other]) for other in _reachable(alias, pairs) - {alias})
    ]


def _reachable(alias: str, pairs: set[Pair]) -> set[str]:
    reached = {alias}
    while more := {other for pair in pairs if pair & reached for other in pair} - reached:
        reached |= more
    return reached
