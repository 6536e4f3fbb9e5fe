"""The AGGREGATION rule: statistics over groups, never rows.

Belongs here: what each clause may hold under this rule. Not here: withholding small groups (`enforcement`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from segment_assets.privacy.conditions import COMPARISONS, Opened, check_condition, check_scalar
from segment_assets.privacy.joins import check_joins, unlinked
from segment_assets.privacy.mapping import check_mapping_columns, check_overlap_columns
from segment_assets.privacy.redaction import reason
from segment_assets.privacy.refusals import Refusal
from segment_assets.privacy.rules import AggregationRule
from segment_assets.privacy.scalars import SAME, SYNONYMS, check_literal, is_literal, names_of, scalar_name
from segment_assets.privacy.scope import OUTPUT_NAME
from segment_assets.privacy.verdicts import Documented, Reason, Threshold, Weight

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segment_assets.privacy.scope import Scope
    from segment_assets.privacy.situation import Table

_PAGE = Documented.AGGREGATION
_AGGREGATES = (exp.Count, exp.Sum, exp.Avg)
_AGGREGATE_NAMES = frozenset({"COUNT", "SUM", "AVG"})


def check_aggregation(select: exp.Select, scope: Scope) -> list[Reason]:
    """The reasons against a qualified query whose tables all have an AGGREGATION rule."""
    reasons = [*_check_outputs(select, scope), *_check_where(select, scope), *_check_group_by(select, scope)]
    reasons += [*_check_having(select, scope), *_check_order_by(select, scope), *_check_clauses(select)]
    reasons += check_mapping_columns(select, scope)
    reasons += [] if reasons else _check_called(select, scope)
    joins = check_joins(select, scope)
    if any(found.weight is Weight.REFUSES for found in joins):
        return reasons + joins
    return [*reasons, *joins, *_check_overlap(select, scope), *check_overlap_columns(select, scope)]


def thresholds(scope: Scope) -> tuple[Threshold, ...]:
    """Every constraint of every table, once per occurrence of the table."""
    return tuple(
        # An alias of another form may hold what somebody typed, so it is not repeated.
        Threshold(
            table.name,
            table.owner,
            alias if OUTPUT_NAME.fullmatch(alias) else table.name,
            constraint.column_name,
            constraint.minimum,
        )
        for alias, table in scope.ruled.items()
        for constraint in _rule(table).output_constraints
    )


def _rule(table: Table) -> AggregationRule:
    policy = table.policy
    assert isinstance(policy, AggregationRule), "read_scope refuses mixed rules"
    return policy


def _opened(scope: Scope) -> Opened:
    def column(node: exp.Column) -> Iterator[Reason]:
        table = scope.table_of(node)
        if not table.is_mapping and node.name not in _rule(table).dimension_columns:
            message = f"{node.name} is not in dimensionColumns, so it is used in joins and aggregates only"
            yield reason(Refusal.NOT_A_DIMENSION, message, node, _PAGE, table)

    def scalar(node: exp.Expression, _: str) -> Iterator[Reason]:
        # A function of literals alone belongs to no table, so all tables must allow it (the strictest reading).
        named = [scope.table_of(found) for found in node.find_all(exp.Column)]
        for table in named or scope.tables.values():
            for name in [] if table.is_mapping else names_of(node, scope.called):
                yield from _check_scalar_function(node, name, table)

    return Opened(_PAGE, column, scalar)


def _check_called(select: exp.Select, scope: Scope) -> Iterator[Reason]:
    """Every function that is written is an aggregate, or some table allows it: TO_TIMESTAMP('…') reads as a literal."""
    allowed = {name for table in scope.ruled.values() for name in _rule(table).scalar_functions}
    for name in sorted(scope.called - _AGGREGATE_NAMES):
        written = SAME.get(name, SYNONYMS.get(name, name))
        if written not in allowed:
            message = f"{name} is not in scalarFunctions"
            yield reason(Refusal.FUNCTION_NOT_ALLOWED, message, select, _PAGE)


def _check_scalar_function(node: exp.Expression, name: str, table: Table) -> Iterator[Reason]:
    allowed = _rule(table).scalar_functions
    if name in allowed:
        return
    if SYNONYMS.get(name) in allowed:
        message = f"whether {SYNONYMS[name]} in scalarFunctions allows {name} is not documented; write {SYNONYMS[name]}"
        yield reason(Refusal.NOT_DOCUMENTED, message, node, _PAGE, table, weight=Weight.DOUBTS)
    else:
        message = f"{name} is not in scalarFunctions"
        yield reason(Refusal.FUNCTION_NOT_ALLOWED, message, node, _PAGE, table)


def _check_clauses(select: exp.Select) -> Iterator[Reason]:
    if limit := select.args.get("limit"):
        yield reason(Refusal.LIMIT, "LIMIT is not supported by this rule; take it out", limit, _PAGE)
    if select.args.get("distinct"):
        yield reason(Refusal.DISTINCT, "SELECT DISTINCT is not supported by this rule; use GROUP BY", select, _PAGE)


def _check_outputs(select: exp.Select, scope: Scope) -> Iterator[Reason]:
    items = [item.unalias() for item in select.expressions]
    if not any(isinstance(item, _AGGREGATES) for item in items):
        yield reason(Refusal.NO_AGGREGATE, "SELECT needs at least one aggregate", select, _PAGE)
    for item in items:
        if isinstance(item, _AGGREGATES):
            yield from _check_aggregate(item, scope)
        else:
            yield from _check_plain(item, scope)
            yield from _check_grouped(item, select)


def _check_aggregate(node: exp.Expression, scope: Scope) -> Iterator[Reason]:
    """COUNT(DISTINCT i.user_id) needs {columnNames: [user_id], function: COUNT_DISTINCT}."""
    name, column = _read_aggregate(node)
    if column is None:
        message = "an aggregate takes one bare column"
        yield reason(Refusal.AGGREGATE_ARGUMENT, message, node, _PAGE)
        return
    table = scope.table_of(column)
    if not table.is_mapping and name not in _rule(table).functions_of(column.name):
        message = f"{name} of {column.name} is not in aggregateColumns"
        yield reason(Refusal.AGGREGATE_NOT_ALLOWED, message, node, _PAGE, table)


def _read_aggregate(node: exp.Expression) -> tuple[str, exp.Column | None]:
    """The API's name of an aggregate and its column.

    >>> _read_aggregate(sqlglot.parse_one("COUNT(DISTINCT i.u)"))
    ('COUNT_DISTINCT', Column(this=u, table=i))
    """
    name, inner = type(node).__name__.upper(), node.this
    if isinstance(inner, exp.Distinct):
        name = f"{name}_DISTINCT"
        inner = inner.expressions[0] if len(inner.expressions) == 1 else None
    return name, inner if isinstance(inner, exp.Column) else None


def _check_plain(node: exp.Expression, scope: Scope) -> Iterator[Reason]:
    """Outside aggregates: a dimension, one function of dimensions and literals, or a literal."""
    opened = _opened(scope)
    name = scalar_name(node)
    if isinstance(node, exp.Column):
        yield from opened.column(node)
    elif is_literal(node):
        yield from check_literal(node)
    elif name is not None:
        yield from check_scalar(node, name, opened)
    else:
        message = "only dimensions, aggregates, literals and functions of the rule are supported here"
        yield reason(Refusal.AGGREGATE_ARGUMENT, message, node, _PAGE)


def _check_grouped(node: exp.Expression, select: exp.Select) -> Iterator[Reason]:
    group = select.args.get("group")
    grouped = list(group.expressions) if group else []
    if node not in grouped and any(column not in grouped for column in node.find_all(exp.Column)):
        message = "what is not aggregated must be in GROUP BY"
        yield reason(Refusal.NOT_GROUPED, message, node, _PAGE)


def _check_where(select: exp.Select, scope: Scope) -> Iterator[Reason]:
    if where := select.args.get("where"):
        yield from check_condition(where.this, _opened(scope))


def _check_group_by(select: exp.Select, scope: Scope) -> Iterator[Reason]:
    group = select.args.get("group")
    for item in group.expressions if group else []:
        if not item.find(exp.Column):
            message = "GROUP BY takes dimensions by name, not by position"
            yield reason(Refusal.GROUP_BY, message, item, _PAGE)
        elif isinstance(item, _AGGREGATES):
            message = "aggregates stand in SELECT, HAVING and ORDER BY only"
            yield reason(Refusal.AGGREGATE_PLACE, message, item, _PAGE)
        else:
            yield from _check_plain(item, scope)


def _check_having(select: exp.Select, scope: Scope) -> Iterator[Reason]:
    waiting = [having.this] if (having := select.args.get("having")) else []
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, (exp.And, exp.Or)):
            waiting += [node.this, node.expression]
        elif isinstance(node, exp.Paren):
            waiting.append(node.this)
        elif isinstance(node, COMPARISONS) and isinstance(node.this, _AGGREGATES) and _is_number(node.expression):
            yield from _check_aggregate(node.this, scope)
        else:
            message = "HAVING compares one aggregate with a number, joined by AND and OR"
            yield reason(Refusal.HAVING, message, node, _PAGE)


def _is_number(node: exp.Expression) -> bool:
    return is_literal(node) and not node.find(exp.Cast) and not node.is_string


def _check_order_by(select: exp.Select, scope: Scope) -> Iterator[Reason]:
    order = select.args.get("order")
    for ordered in order.expressions if order else []:
        item = ordered.this
        if isinstance(item, _AGGREGATES):
            yield from _check_aggregate(item, scope)
        elif not item.find(exp.Column):
            message = "ORDER BY takes an output, an aggregate or a dimension by name, not by position"
            yield reason(Refusal.ORDER_BY, message, ordered, _PAGE)
        else:
            yield from _check_plain(item, scope)
            yield from _check_grouped(item, select)


def _check_overlap(select: exp.Select, scope: Scope) -> Iterator[Reason]:
    """joinRequired: a chain of joins leads to a table of the runner; from the runner's own, to any other table."""

    def overlaps(table: Table, other: Table) -> bool:
        return other.name != table.name if table.owner == scope.runner else other.owner == scope.runner

    for alias in unlinked(select, scope, overlaps):
        table = scope.tables[alias]
        if not table.is_mapping and _rule(table).join_required:
            message = f"an inner join to a table of the query runner is required for {table.name}"
            yield reason(Refusal.RUNNER_JOIN_REQUIRED, message, select.args["from_"], _PAGE, table)
