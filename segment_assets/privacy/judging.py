"""The judge: from a query's text to a verdict, door by door.

Belongs here: the order of the doors. Not here: what each of them knows.
Each door relies on the ones before it, so the reasons of the first door that refuses are the ones told.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from sqlglot import exp

from segment_assets.privacy.aggregation import check_aggregation, thresholds
from segment_assets.privacy.calls import calls
from segment_assets.privacy.custom import judge_custom
from segment_assets.privacy.listing import check_list
from segment_assets.privacy.permissions import check_permissions
from segment_assets.privacy.refusals import Refusal
from segment_assets.privacy.scope import kind_of, mixed, name_outputs, qualify, read_scope
from segment_assets.privacy.statements import Text, quiet, read_text
from segment_assets.privacy.syntax import one_select
from segment_assets.privacy.verdicts import Documented, Reason, RuleKind, Verdict, Weight

if TYPE_CHECKING:
    from collections.abc import Iterable

    from segment_assets.privacy.collaboration import Collaboration
    from segment_assets.privacy.scope import Scope
    from segment_assets.privacy.situation import Situation, Table


def judge(sql: str, collaboration: Collaboration, runner: str) -> Verdict:
    """Whether `runner` (account id) may run a Spark SQL query, why not, and which thresholds will apply.

    Never raises for a bad query: whatever is not known to be allowed is a reason of a refused or uncertain verdict.
    """
    return judge_in(sql, collaboration.situation(runner))


def judge_in(sql: str, situation: Situation) -> Verdict:
    """The same for a situation that was read from anywhere."""
    try:
        with quiet():
            verdict = _judge(sql, situation)
    except RecursionError:
        return _unread(
            sql, "the query is nested too deeply to be read here; shorten its conditions, for instance with IN"
        )
    except Exception as problem:  # noqa: BLE001 - the parser has bugs of many kinds, and one query must not end a batch
        # Its message may quote the query.
        message = f"the query cannot be read here ({type(problem).__name__}); look at the arguments of its functions"
        return _unread(sql, message)
    used = [table for name in verdict.tables if (table := situation.table(name)) is not None]
    return _sorted(dataclasses.replace(verdict, reasons=(*verdict.reasons, *check_permissions(situation, used))))


def _unread(sql: str, message: str) -> Verdict:
    return Verdict(sql, (Reason(Refusal.SYNTAX, message, Documented.LOCAL, weight=Weight.DOUBTS),))


def _judge(sql: str, situation: Situation) -> Verdict:
    text = read_text(sql)
    if isinstance(text, Reason):
        return Verdict(sql, (text,))
    used = _tables_named(text, situation)
    names = tuple(table.name for table in used)
    if any(table.kind is RuleKind.CUSTOM for table in used) and not list(mixed(used, text.trees[0])):
        return judge_custom(sql, text, situation, names)
    select, reasons = one_select(text)
    if select is None:
        return Verdict(sql, tuple(reasons), tables=names)
    called = frozenset(call.name for call in calls(text.tokens))
    scope, reasons = read_scope(select, situation, called)
    refused = Verdict(sql, tuple(reasons), tables=names)
    return refused if _refuses(reasons) else _judge_select(sql, select, scope, reasons)


def _judge_select(sql: str, select: exp.Select, scope: Scope, before: list[Reason]) -> Verdict:
    """The verdict on one SELECT whose tables all have AGGREGATION, or all LIST."""
    kind = kind_of(scope)
    tables = tuple(dict.fromkeys(table.name for table in scope.tables.values()))
    outputs, naming = name_outputs(select)
    tree, unresolved = qualify(select, scope)
    reasons = [*before, *naming, *unresolved]
    if not _refuses(reasons):
        reasons += check_aggregation(tree, scope) if kind is RuleKind.AGGREGATION else check_list(tree, scope)
    applied = thresholds(scope) if kind is RuleKind.AGGREGATION else ()
    return Verdict(sql, tuple(reasons), kind, tables, outputs, applied, tree)


def _refuses(reasons: Iterable[Reason]) -> bool:
    return any(reason.weight is Weight.REFUSES for reason in reasons)


def _sorted(verdict: Verdict) -> Verdict:
    """Reasons that are about this machine only stand apart; what is not accepted promises nothing."""
    reasons = tuple(dict.fromkeys(found for found in verdict.reasons if found.weight is not Weight.LOCAL))
    limits = tuple(dict.fromkeys(found for found in verdict.reasons if found.weight is Weight.LOCAL))
    if _refuses(reasons):
        return Verdict(verdict.sql, reasons, verdict.kind, verdict.tables)
    return dataclasses.replace(verdict, reasons=reasons, limits=limits)


def _tables_named(text: Text, situation: Situation) -> list[Table]:
    """The known tables that a text names anywhere, in order."""
    names = [node.name.lower() for tree in text.trees for node in tree.find_all(exp.Table)]
    found = [situation.table(name) for name in dict.fromkeys(names)]
    return [table for table in found if table is not None]
