"""Differential privacy: the query structure that AWS asks for, and whether the budget is enough.

Belongs here: structure and budget. Not here: noise. AWS's mechanism is not public, so nothing here can give the numbers
that AWS would give, and a query on a table with differential privacy is not run on this machine.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sqlglot import exp

from segment_assets.privacy.mapping import certain_equalities
from segment_assets.privacy.redaction import reason
from segment_assets.privacy.refusals import Refusal
from segment_assets.privacy.relations import is_aggregate, own_nodes
from segment_assets.privacy.rules import CustomRule
from segment_assets.privacy.verdicts import Documented, Reason, Weight

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segment_assets.privacy.lineage import Lineage
    from segment_assets.privacy.relations import Block, Relation
    from segment_assets.privacy.situation import Situation, Table

_PAGE = Documented.DP_CAPABILITIES
_FINAL = (exp.Count, exp.Sum, exp.Avg, exp.Stddev, exp.StddevSamp, exp.StddevPop)
_IN_CTES = (
    ("limit", "LIMIT"),
    ("offset", "OFFSET"),
    ("order", "ORDER BY"),
)


def user_column(table: Table) -> str | None:
    """The user identifier column of a table with differential privacy; None without it."""
    rule = table.policy if isinstance(table.policy, CustomRule) else None
    return rule.differential_privacy.user_column if rule and rule.differential_privacy else None


def check_differential_privacy(query: exp.Expression, lineage: Lineage, situation: Situation) -> Iterator[Reason]:
    """The reasons against a query that reads tables with differential privacy."""
    private = {name: table for name, table in lineage.tables.items() if user_column(table)}
    if not private:
        return
    table = next(iter(private.values()))
    message = "AWS's noise is not public, so no local run gives its numbers; run it in AWS or on data without the rule"
    yield reason(Refusal.DP_NOT_LOCAL, message, None, Documented.LOCAL, table)
    if isinstance(query, exp.SetOperation):
        message = "the final SELECT cannot be a set operation; put it into a CTE"
        yield reason(Refusal.DP_SET_OPERATION, message, query, _PAGE, table)
    for block in lineage.blocks:
        concerned = block.tables & set(private)
        if concerned:
            yield from _check_block(block, lineage, {name: private[name] for name in sorted(concerned)})
    yield from _check_budget(lineage, situation, table)


def _check_block(block: Block, lineage: Lineage, private: dict[str, Table]) -> Iterator[Reason]:
    table = next(iter(private.values()))
    if block.in_expression:
        message = "a subquery on a table with differential privacy stands in FROM or JOIN only; move it there"
        yield reason(Refusal.DP_SUBQUERY, message, block.select, _PAGE, table)
        return
    yield from _check_joins(block, private)
    yield from _check_windows(block, lineage, private)
    if block.final:
        yield from _check_final(block, lineage, private)
    else:
        yield from _check_inner(block, lineage, private)


def _check_final(block: Block, lineage: Lineage, private: dict[str, Table]) -> Iterator[Reason]:
    """COUNT, COUNT DISTINCT, SUM, AVG and STDDEV of users' rows; nothing that is one user's."""
    table = next(iter(private.values()))
    nodes = [node for item in block.select.expressions for node in own_nodes(item)]
    aggregates = [node for node in nodes if is_aggregate(node)]
    parts = [part for name in ("having", "order") if (part := block.select.args.get(name)) is not None]
    elsewhere = [node for part in parts for node in own_nodes(part) if is_aggregate(node)]
    for node in [*aggregates, *elsewhere]:
        if not isinstance(node, _FINAL):
            message = "the final SELECT aggregates with COUNT, COUNT DISTINCT, SUM, AVG or STDDEV only"
            yield reason(Refusal.DP_AGGREGATE, message, node, _PAGE, table)
    if not aggregates:
        message = "the final SELECT must aggregate: COUNT, COUNT DISTINCT, SUM, AVG or STDDEV"
        yield reason(Refusal.DP_AGGREGATE, message, block.select, _PAGE, table)
    for item in block.select.expressions:
        shown = [node for node in own_nodes(item) if isinstance(node, exp.Column) and not _within_aggregate(node)]
        fields = [lineage.fields[id(node)] for node in shown if id(node) in lineage.fields]
        if any((name, user_column(found)) in field.origins for field in fields for name, found in private.items()):
            message = "whether the user identifier column may be shown or grouped by is not documented; leave it out"
            yield reason(Refusal.DP_USER_COLUMN, message, item, _PAGE, table, weight=Weight.DOUBTS)


def _within_aggregate(node: exp.Expression) -> bool:
    return node.find_ancestor(exp.AggFunc) is not None


def _check_inner(block: Block, lineage: Lineage, private: dict[str, Table]) -> Iterator[Reason]:
    """CTEs and subqueries give rows of users, with the user identifier column, unsorted and uncut."""
    result = lineage.results[id(block.select)]
    for table in private.values():
        if not any(field.direct and (table.name, user_column(table)) in field.origins for field in result.fields):
            message = f"a CTE or subquery on this table must select {user_column(table)}, so that its rows are users'"
            yield reason(Refusal.DP_USER_COLUMN, message, block.select, _PAGE, table)
    table = next(iter(private.values()))
    for part, words in _IN_CTES:
        if node := block.select.args.get(part):
            message = f"{words} is not supported in a CTE or subquery on a table with differential privacy"
            yield reason(Refusal.DP_ROW_ORDER, message, node, _PAGE, table)
    for part in [block.select.args.get("where"), block.select.args.get("having"), *block.select.expressions]:
        for node in own_nodes(part) if part is not None else []:
            if isinstance(node, exp.In) and not node.args.get("query"):
                message = "the page names IN as unusable in CTEs, for its subquery; of a list it says nothing; use OR"
                yield reason(Refusal.NOT_DOCUMENTED, message, node, _PAGE, table, weight=Weight.DOUBTS)


def _check_joins(block: Block, private: dict[str, Table]) -> Iterator[Reason]:
    """Relations of users are joined on the user identifier column, in every row."""
    select = block.select
    aliases = list(block.relations)
    first = 1 if select.args.get("from_") else 0
    keyed: list[str] = [alias for alias in aliases[:first] if block.relations[alias].tables & set(private)]
    for number, join in enumerate(select.args.get("joins") or [], start=first):
        alias = aliases[number] if number < len(aliases) else ""
        relation = block.relations.get(alias)
        if relation is None or not relation.tables & set(private):
            continue
        if keyed and not _joined_on_users(join, alias, keyed, block, private):
            message = "two relations with differential privacy need an ON with equal user identifier columns"
            yield reason(Refusal.DP_JOIN, message, join, _PAGE, next(iter(private.values())))
        keyed.append(alias)


def _joined_on_users(join: exp.Join, alias: str, keyed: list[str], block: Block, private: dict[str, Table]) -> bool:
    condition = join.args.get("on")
    if condition is None:
        return False
    for one, other in certain_equalities(condition):
        sides = {_alias_of(one, block): one, _alias_of(other, block): other}
        others = [name for name in sides if name in keyed]
        if (
            alias in sides
            and others
            and all(_is_user(sides[name], block, name, private) for name in (alias, others[0]))
        ):
            return True
    return False


def _alias_of(column: exp.Column, block: Block) -> str:
    if column.table:
        return str(column.table).lower()
    return next((alias for alias, relation in block.relations.items() if relation.field(column.name)), "")


def _is_user(column: exp.Column, block: Block, alias: str, private: dict[str, Table]) -> bool:
    relation: Relation = block.relations[alias]
    field = relation.field(column.name)
    return field is not None and any((name, user_column(t)) in field.origins for name, t in private.items())


def _check_windows(block: Block, lineage: Lineage, private: dict[str, Table]) -> Iterator[Reason]:
    table = next(iter(private.values()))
    named = {window.name: window for window in block.select.args.get("windows") or []}
    for item in block.select.expressions:
        for window in [node for node in own_nodes(item) if isinstance(node, exp.Window)]:
            if block.final:
                message = "window functions are not supported in the final SELECT; move them into a CTE"
                yield reason(Refusal.DP_WINDOW, message, window, _PAGE, table)
                continue
            keys = [*(window.args.get("partition_by") or [])]
            keys += (named[window.alias].args.get("partition_by") or []) if window.alias in named else []
            origins = frozenset().union(*(field.origins for key in keys for field in lineage.values_of(key)))
            if not any((name, user_column(t)) in origins for name, t in private.items()):
                message = f"the window needs {user_column(table)} in PARTITION BY"
                yield reason(Refusal.DP_WINDOW, message, window, _PAGE, table)


def _check_budget(lineage: Lineage, situation: Situation, table: Table) -> Iterator[Reason]:
    if situation.budget is None:
        return
    final = [block.select for block in lineage.blocks if block.final]
    nodes = [node for select in final for item in select.expressions for node in own_nodes(item)]
    wanted = Counter(_kind(node) for node in nodes if is_aggregate(node) and isinstance(node, _FINAL))
    if lacking := situation.budget.lacking(wanted):
        message = f"not enough aggregations remaining: the privacy budget does not cover another {lacking}"
        yield reason(Refusal.DP_BUDGET, message, final[0], Documented.DP_SETTINGS, table)


def _kind(node: exp.Expression) -> str:
    if isinstance(node, exp.Count):
        return "COUNT_DISTINCT" if isinstance(node.this, exp.Distinct) else "COUNT"
    return "STDDEV" if isinstance(node, (exp.Stddev, exp.StddevSamp, exp.StddevPop)) else type(node).__name__.upper()
