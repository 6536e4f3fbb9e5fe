"""From an accepted verdict to SQL for DuckDB that withholds small groups.

Belongs here: rewriting. Not here: running. The query's own HAVING is left alone; thresholds are applied to the
finished groups, from counts taken over the same joined input as the visible aggregates.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from sqlglot import ErrorLevel, exp

from segment_assets.contracts import PermanentError
from segment_assets.privacy.identities import withhold
from segment_assets.privacy.verdicts import RuleKind

if TYPE_CHECKING:
    from segment_assets.privacy.verdicts import Threshold, Verdict


@dataclasses.dataclass(frozen=True, slots=True)
class RunnableQuery:
    """DuckDB SQL over views named like `tables`, which must show the allowed columns. Its order is total.

    `sql` is kept out of the repr: it holds the literals of the query.
    """

    sql: str = dataclasses.field(repr=False)
    tables: tuple[str, ...]
    outputs: tuple[str, ...]
    thresholds: tuple[Threshold, ...]


def enforce(verdict: Verdict, *, uncertain_allowed: bool = False) -> RunnableQuery:
    """The query to run instead of the one that was written.

    Raises PermanentError for a refused verdict, for an uncertain one that nobody allowed, and when the dialect cannot
    be translated exactly.

    >>> SELECT i.channel, COUNT(DISTINCT c.u) AS n FROM i JOIN c ON i.u = c.u GROUP BY i.channel ORDER BY n DESC
    ... SELECT channel, n
    ... FROM (SELECT i.channel AS channel, COUNT(DISTINCT c.u) AS n, COUNT(DISTINCT i.u) AS __k_0,
    ...              COUNT(DISTINCT c.u) AS __o_0
    ...       FROM i JOIN c ON i.u = c.u GROUP BY i.channel)
    ... WHERE __k_0 >= 100 ORDER BY __o_0 DESC, channel, n
    """
    if not verdict.may_run(uncertain_allowed=uncertain_allowed) or verdict.tree is None:
        raise PermanentError(
            "Only what is accepted and runs here is enforced; correct the query.\n" + verdict.explain()
        )
    if verdict.kind is RuleKind.CUSTOM:
        whole = withhold(verdict.tree, verdict.outputs, verdict.enforced)
        return RunnableQuery(_duckdb(whole), verdict.tables, verdict.outputs, verdict.enforced)
    inner = verdict.tree.copy()
    assert isinstance(inner, exp.Select), "AGGREGATION and LIST accept one SELECT"
    order, limit = inner.args.get("order"), inner.args.get("limit")
    inner.set("order", None)
    inner.set("limit", None)
    keys = list(order.expressions) if order else []
    inner.set("expressions", _with_helpers(inner, verdict, keys))
    outer = exp.select(*map(_column, verdict.outputs)).from_(inner.subquery("__groups", copy=False))
    if verdict.thresholds:
        outer = _shown_to_enough(outer, verdict)
    outer.set("order", exp.Order(expressions=[*_visible_order(keys), *_tie_breakers(verdict)]))
    outer.set("limit", limit)
    return RunnableQuery(_duckdb(outer), verdict.tables, verdict.outputs, verdict.thresholds)


def people_by_group(verdict: Verdict) -> RunnableQuery:
    """The groups that a runnable AGGREGATION query shows, each with its distinct people per threshold.

    Outputs are the group's keys, then one count per threshold.
    """
    assert isinstance(verdict.tree, exp.Select), "AGGREGATION accepts one SELECT"
    inner = verdict.tree.copy()
    group = inner.args.get("group")
    keys = [exp.alias_(key.copy(), f"__g_{n}") for n, key in enumerate(group.expressions if group else [])]
    counts = [f"__k_{n}" for n in range(len(verdict.thresholds))]
    for part in ("order", "limit"):
        inner.set(part, None)
    helpers = _with_helpers(inner, verdict, [])[len(verdict.outputs) :]
    inner.set("expressions", [*keys, *helpers])
    names = (*(f"__g_{n}" for n in range(len(keys))), *counts)
    outer = exp.select(*map(_column, names)).from_(inner.subquery("__groups", copy=False))
    outer = _shown_to_enough(outer, verdict)
    return RunnableQuery(_duckdb(outer), verdict.tables, names, verdict.thresholds)


def _column(name: str) -> exp.Column:
    return exp.column(exp.to_identifier(name, quoted=True))


def _with_helpers(inner: exp.Select, verdict: Verdict, keys: list[exp.Ordered]) -> list[exp.Expression]:
    """The outputs under their names, a count per threshold (`__k_n`), a column per sort key (`__o_n`)."""
    items = [
        exp.alias_(item.unalias(), name, quoted=True)
        for item, name in zip(inner.expressions, verdict.outputs, strict=True)
    ]
    counts = [
        exp.alias_(exp.Count(this=exp.Distinct(expressions=[exp.column(t.column, table=t.alias)])), f"__k_{n}")
        for n, t in enumerate(verdict.thresholds)
    ]
    return items + counts + [exp.alias_(key.this.copy(), f"__o_{n}") for n, key in enumerate(keys)]


def _shown_to_enough(outer: exp.Select, verdict: Verdict) -> exp.Select:
    enough = (_enough(number, threshold) for number, threshold in enumerate(verdict.thresholds))
    return outer.where(exp.and_(*enough, copy=False), copy=False)


def _enough(number: int, threshold: Threshold) -> exp.Expression:
    """COUNT(DISTINCT …) ignores NULL, so a group whose identifiers are all NULL counts 0 and is withheld."""
    return exp.GTE(this=_column(f"__k_{number}"), expression=exp.Literal.number(threshold.minimum))


def _visible_order(keys: list[exp.Ordered]) -> list[exp.Ordered]:
    return [exp.Ordered(**{**key.args, "this": _column(f"__o_{n}")}) for n, key in enumerate(keys)]


def _tie_breakers(verdict: Verdict) -> list[exp.Ordered]:
    """Equal rows come out in equal order, so that the same data gives the same file."""
    return [exp.Ordered(this=_column(name), nulls_first=True) for name in verdict.outputs]


def _duckdb(tree: exp.Select) -> str:
    """The text of a tree that nobody needs any more: sqlglot's copies took three quarters of a rewriting."""
    tree = tree.transform(_as_spark_means_it, copy=False)
    sql: str = tree.sql("duckdb", identify=True, comments=False, unsupported_level=ErrorLevel.RAISE, copy=False)
    return sql


def _as_spark_means_it(node: exp.Expression) -> exp.Expression:
    """CEILING and FLOOR are whole numbers in Spark and doubles in DuckDB.

    >>> _as_spark_means_it(sqlglot.parse_one("FLOOR(a)")).sql()
    'CAST(FLOOR(a) AS BIGINT)'
    """
    if isinstance(node, (exp.Ceil, exp.Floor)) and not isinstance(node.parent, exp.TryCast):
        return exp.TryCast(this=node.copy(), to=exp.DataType.build("bigint"))
    return node
