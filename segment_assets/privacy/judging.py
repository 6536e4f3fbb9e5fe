"""The judge: from a query's text to a verdict, door by door.

Belongs here: the order of the doors. Not here: what each of them knows.
Each door relies on the ones before it, so the reasons of the first door that refuses are the ones told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_assets.privacy.aggregation import check_aggregation, thresholds
from segment_assets.privacy.listing import check_list
from segment_assets.privacy.scope import kind_of, name_outputs, qualify, read_scope
from segment_assets.privacy.syntax import read_select
from segment_assets.privacy.verdicts import Documented, Reason, Refusal, RuleKind, Verdict

if TYPE_CHECKING:
    from segment_assets.privacy.collaboration import Collaboration


def judge(sql: str, collaboration: Collaboration, runner: str) -> Verdict:
    """Whether `runner` (account id) may run a Spark SQL query, why not, and which thresholds will apply.

    Never raises for a bad query: whatever is not known to be allowed is a reason of a refused verdict.
    """
    try:
        return _judge(sql, collaboration, runner)
    except RecursionError:
        message = "the query is nested too deeply; shorten its conditions, for instance with IN"
        return Verdict(sql, (Reason(Refusal.SYNTAX, message, Documented.LOCAL),))


def _judge(sql: str, collaboration: Collaboration, runner: str) -> Verdict:
    select, reasons = read_select(sql)
    if select is None:
        return Verdict(sql, tuple(reasons))
    scope, reasons = read_scope(select, collaboration, runner)
    if reasons:
        return Verdict(sql, tuple(reasons), tables=tuple(table.name for table in scope.tables.values()))
    kind = kind_of(scope)
    tables = tuple(dict.fromkeys(table.name for table in scope.tables.values()))
    outputs, reasons = name_outputs(select)
    tree, unresolved = qualify(select, scope)
    if reasons or unresolved:
        return Verdict(sql, (*reasons, *unresolved), kind, tables)
    check = check_aggregation if kind is RuleKind.AGGREGATION else check_list
    if reasons := check(tree, scope):
        return Verdict(sql, tuple(dict.fromkeys(reasons)), kind, tables)
    applied = thresholds(scope) if kind is RuleKind.AGGREGATION else ()
    return Verdict(sql, (), kind, tables, outputs, applied, tree)
