"""The LIST rule: chosen columns of the overlap, row by row, without a threshold.

Belongs here: what each clause may hold under this rule. Not here: joins, shared with other rules (`joins`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from segment_assets.privacy.conditions import Opened, check_condition
from segment_assets.privacy.joins import check_joins, unlinked
from segment_assets.privacy.mapping import check_mapping_columns, check_overlap_columns
from segment_assets.privacy.redaction import reason
from segment_assets.privacy.refusals import Refusal
from segment_assets.privacy.rules import ListRule
from segment_assets.privacy.verdicts import Documented, Reason, Weight

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segment_assets.privacy.scope import Scope
    from segment_assets.privacy.situation import Table

_PAGE = Documented.LIST
_CLAUSES = {
    "group": (Refusal.GROUP_BY, "GROUP BY is not supported by this rule; take it out"),
    "having": (Refusal.HAVING, "HAVING is not supported by this rule; take it out"),
    "order": (Refusal.ORDER_BY, "ORDER BY is not supported by this rule; sort the result"),
}


def check_list(select: exp.Select, scope: Scope) -> list[Reason]:
    """The reasons against a qualified query whose tables all have a LIST rule."""
    reasons = [*_check_clauses(select), *_check_outputs(select, scope)]
    if where := select.args.get("where"):
        reasons += check_condition(where.this, _opened(scope))
    reasons += check_mapping_columns(select, scope)
    for name in [] if reasons else sorted(scope.called):
        reasons.append(reason(Refusal.FUNCTION_NOT_ALLOWED, f"{name}: this rule allows no function", select, _PAGE))
    joins = check_joins(select, scope)
    if any(found.weight is Weight.REFUSES for found in joins):
        return reasons + joins
    return [*reasons, *joins, *_check_overlap(select, scope), *check_overlap_columns(select, scope)]


def _opened(scope: Scope) -> Opened:
    def column(node: exp.Column) -> Iterator[Reason]:
        table = scope.table_of(node)
        if table.is_mapping:
            return
        assert isinstance(table.policy, ListRule), "read_scope refuses mixed rules"
        if node.name not in table.policy.list_columns:
            message = f"{node.name} is not in listColumns, so it is used in joins only, if at all"
            yield reason(Refusal.NOT_A_LIST_COLUMN, message, node, _PAGE, table)

    def scalar(node: exp.Expression, name: str) -> Iterator[Reason]:
        yield reason(Refusal.FUNCTION_NOT_ALLOWED, f"{name}: this rule allows no function", node, _PAGE)

    return Opened(_PAGE, column, scalar)


def _check_clauses(select: exp.Select) -> Iterator[Reason]:
    if not select.args.get("distinct"):
        yield reason(Refusal.DISTINCT_MISSING, "write SELECT DISTINCT", select, _PAGE)
    for clause, (code, message) in _CLAUSES.items():
        if node := select.args.get(clause):
            yield reason(code, message, node, _PAGE)
    limit = select.args.get("limit")
    number = limit.expression.this if limit and isinstance(limit.expression, exp.Literal) else ""
    if limit and not (number.isdigit() and int(number)):
        yield reason(Refusal.LIMIT, "LIMIT takes a positive whole number", limit, _PAGE)


def _check_outputs(select: exp.Select, scope: Scope) -> Iterator[Reason]:
    opened = _opened(scope)
    for item in (item.unalias() for item in select.expressions):
        if isinstance(item, exp.Column):
            yield from opened.column(item)
        else:
            message = "this rule selects columns only, no function, aggregate, calculation or literal"
            yield reason(Refusal.FUNCTION_NOT_ALLOWED, message, item, _PAGE)


def _check_overlap(select: exp.Select, scope: Scope) -> Iterator[Reason]:
    """Each table needs a chain of joins to a table of the runner, other than itself."""

    def overlaps(_: Table, other: Table) -> bool:
        return other.owner == scope.runner

    for alias in unlinked(select, scope, overlaps):
        table = scope.tables[alias]
        # The runner's only table of the query is itself the overlap that the others are joined to.
        if not table.is_mapping and (table.owner != scope.runner or len(scope.tables) == 1):
            message = f"an inner join to a table of the query runner is required for {table.name}"
            yield reason(Refusal.RUNNER_JOIN_REQUIRED, message, select.args["from_"], _PAGE, table)
