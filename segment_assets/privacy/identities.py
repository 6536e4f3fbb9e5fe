"""Withholding under the CUSTOM rule: every row carries the identities that it is made from.

Belongs here: rewriting a query so that each row of it, through joins, CTEs, unions and grouping, knows its identities,
and keeping the rows of enough of them. Not here: which minimum applies (`guarded`), running.
AWS does not publish how it counts. Counting all identities that a row is made from never shows a row of fewer people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from segment_assets.privacy.redaction import reason
from segment_assets.privacy.refusals import Refusal
from segment_assets.privacy.relations import is_aggregate, own_nodes
from segment_assets.privacy.scope import OUTPUT_NAME
from segment_assets.privacy.verdicts import Documented, Reason
from segment_assets.privacy.windows import telling_windows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from segment_assets.privacy.lineage import Lineage
    from segment_assets.privacy.relations import Block, Relation
    from segment_assets.privacy.verdicts import Threshold

# Node types whose translation to DuckDB gives Spark's values; the others are judged and not run here.
_RUNS_HERE = (
    exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max, exp.Coalesce, exp.Upper, exp.Lower, exp.Abs, exp.Ceil, exp.Floor,
    exp.RowNumber, exp.Rank, exp.DenseRank, exp.Lag, exp.Lead, exp.Nullif, exp.Case, exp.If, exp.Year, exp.Month,
    exp.Day, exp.And, exp.Or,
)  # fmt: skip
_CASTS = frozenset({"TEXT", "DATE", "DOUBLE"})
_TEXTS = exp.DataType.build("text[]", dialect="duckdb")
_NOT_HERE: tuple[type[exp.Expression], ...] = (
    exp.Values, exp.Lateral, exp.Hint, exp.TableSample, exp.Exists, exp.Bracket, exp.Dot, exp.DPipe, exp.Filter,
    exp.Except, exp.Intersect, exp.Cube, exp.Rollup, exp.GroupingSets, exp.Pivot, exp.Offset, exp.NullSafeEQ,
    exp.NullSafeNEQ, exp.Placeholder, exp.Parameter, exp.WindowSpec, exp.Tuple, exp.ILike, exp.IgnoreNulls,
)  # fmt: skip


def local_limits(
    cached: Sequence[exp.Cache], query: exp.Query, lineage: Lineage, result: Relation, withheld: Sequence[Threshold]
) -> Iterator[Reason]:
    """Why a query that AWS runs is not run on this machine."""
    for statement in cached:
        yield _limit("CACHE TABLE is not run here; write it as a CTE", statement)
    names = [field.name.lower() for field in result.fields]
    if len(set(names)) < len(names) or not all(OUTPUT_NAME.fullmatch(name) for name in names):
        yield _limit("give each column of the result a name of its own, of letters, digits and underscores", query)
    for node in query.walk():
        if message := _limited(node):
            yield _limit(message, node)
    for block in lineage.blocks:
        yield from _ambiguous_names(block)
        if withheld and block.in_expression:
            yield _limit(
                "with an aggregation threshold, subqueries as values are not run here; join instead", block.select
            )
    for window in telling_windows(query, lineage, withheld) if withheld else []:
        message = (
            "with an aggregation threshold a window is run here with PARTITION BY the identity column, if no table"
        )
        message += " meets itself by another, or as SUM, COUNT or AVG without ORDER BY over rows of one person each"
        yield _limit(f"{message}; rewrite it", window)


def _limit(message: str, node: exp.Expression) -> Reason:
    return reason(Refusal.LOCAL_ENGINE, message, node, Documented.LOCAL)


def _limited(node: exp.Expression) -> str:
    if isinstance(node, exp.Star) and not isinstance(node.parent, exp.Count):
        return "* is not run here; name the columns"
    if isinstance(node, exp.Count) and isinstance(node.this, exp.Distinct) and len(node.this.expressions) > 1:
        return "COUNT(DISTINCT …) of several columns is not run here"
    if isinstance(node, exp.Subquery) and (node.args.get("order") or node.args.get("limit")):
        return "ORDER BY and LIMIT after parentheses are not run here; write them inside"
    if isinstance(node, exp.Join) and (node.args.get("using") or node.method or node.kind in ("SEMI", "ANTI")):
        return "this kind of join is not run here; write JOIN … ON"
    if isinstance(node, _NOT_HERE):
        return f"{type(node).__name__} is not run here; write it another way"
    return _untranslated(node)


def _untranslated(node: exp.Expression) -> str:
    if isinstance(node, exp.Cast):
        plain = node.to.this.name in _CASTS or (isinstance(node.this, exp.Literal) and type(node) is exp.Cast)
        return "" if plain else "CAST is run here to STRING, DATE and DOUBLE only"
    if isinstance(node, exp.Like) and isinstance(node.expression, exp.Literal) and "\\" in node.expression.this:
        return "a backslash in a pattern escapes in Spark but not in DuckDB; write the pattern without"
    foreign = isinstance(node, exp.Func) and not isinstance(node, _RUNS_HERE)
    return f"{node.sql_name()} is not run here; its translation is not proven" if foreign else ""


def _ambiguous_names(block: Block) -> Iterator[Reason]:
    """A bare name that is a column and an output: Spark and DuckDB choose differently."""
    outputs = {item.alias.lower(): item.this for item in block.select.expressions if isinstance(item, exp.Alias)}
    for clause in ("group", "having", "order"):
        part = block.select.args.get(clause)
        for node in own_nodes(part) if part is not None else []:
            if not isinstance(node, exp.Column) or node.table or node.name.lower() not in outputs:
                continue
            value = outputs[node.name.lower()]
            same = isinstance(value, exp.Column) and value.name.lower() == node.name.lower()
            if not same and any(relation.field(node.name) for relation in block.relations.values()):
                yield _limit("the name is a column and an output; give the output another name to run it here", node)


def withhold(query: exp.Query, outputs: Sequence[str], thresholds: Sequence[Threshold]) -> exp.Select:
    """The query over rows that know their identities, and of its result the rows of enough of them.

    >>> WITH x AS (SELECT u, c FROM t) SELECT c, COUNT(*) AS n FROM x GROUP BY c
    ... SELECT c, n FROM (WITH x AS (SELECT u, c, t.__id_0 AS __id_0 FROM (SELECT *, … AS __id_0 FROM t) AS t)
    ...                   SELECT c, COUNT(*) AS n, LIST_DISTINCT(FLATTEN(LIST(x.__id_0))) AS __id_0 FROM x GROUP BY c)
    ... WHERE LEN(__id_0) >= 100 ORDER BY c, n
    """
    inner = query.copy()
    while isinstance(inner, exp.Subquery):
        inner = inner.this
    order, limit = inner.args.get("order"), inner.args.get("limit")
    inner.set("order", None)
    inner.set("limit", None)
    keys = list(order.expressions) if order else []
    sorts = _sort_keys(inner, keys, outputs)
    inner, _ = _Identities(thresholds).carry(inner, {})
    outer = exp.select(*(_named(name) for name in outputs)).from_(inner.subquery("__rows", copy=False))
    for number, threshold in enumerate(thresholds):
        size = exp.func("LEN", _named(f"__id_{number}"))
        outer = outer.where(exp.GTE(this=size, expression=exp.Literal.number(threshold.minimum)), copy=False)
    ties = [exp.Ordered(this=_named(name), nulls_first=True) for name in outputs]
    outer.set("order", exp.Order(expressions=[*sorts, *ties]))
    outer.set("limit", limit)
    return outer


def _named(name: str) -> exp.Column:
    return exp.column(exp.to_identifier(name, quoted=True))


def _sort_keys(inner: exp.Query, keys: Sequence[exp.Ordered], outputs: Sequence[str]) -> list[exp.Ordered]:
    """The sort keys by output name; a key that is no output becomes a helper column of the query."""
    known = {name.lower(): name for name in outputs}
    found = []
    for number, key in enumerate(keys):
        value = key.this
        if isinstance(value, exp.Literal) and not value.is_string:
            name = outputs[int(value.this) - 1]
        elif isinstance(value, exp.Column) and value.name.lower() in known and not (value.table and _is_set(inner)):
            name = known[value.name.lower()]
        else:
            name = f"__o_{number}"
            inner.append("expressions", exp.alias_(value.copy(), name))
        found.append(exp.Ordered(**{**key.args, "this": _named(name)}))
    return found


def _is_set(query: exp.Query) -> bool:
    return isinstance(query, exp.SetOperation)


_Guards = frozenset[int]


class _Identities:
    """Rewrites every SELECT so that its last columns, `__id_n`, hold the identities below each row as lists.

    Where one guarded table stands several times below a joined row, only the identities that all of them have count:
    otherwise a join to a total of everybody would lend its people to every small group.
    """

    def __init__(self, thresholds: Sequence[Threshold]) -> None:
        self._thresholds = thresholds

    def carry(self, query: exp.Query, known: Mapping[str, _Guards]) -> tuple[exp.Query, _Guards]:
        """The query with `__id_n`, and which of them it can fill; `known` says the same of the CTEs."""
        clause = query.args.get("with_")
        for cte in clause.expressions if clause else []:
            inner, guards = self.carry(cte.this, known)
            cte.set("this", inner)
            known = {**known, cte.alias.lower(): guards}
        if isinstance(query, exp.Subquery):
            inner, guards = self.carry(query.this, known)
            query.set("this", inner)
            return query, guards
        if isinstance(query, exp.SetOperation):
            return self._carry_set(query, known)
        return self._carry_select(query, known)

    def _carry_set(self, query: exp.SetOperation, known: Mapping[str, _Guards]) -> tuple[exp.Query, _Guards]:
        names = query.named_selects
        one, guards = self.carry(query.this, known)
        other, more = self.carry(query.expression, known)
        query.set("this", one)
        query.set("expression", other)
        if not query.args.get("distinct"):
            return query, guards | more
        query.args["distinct"] = False
        return self._grouped(query, names), guards | more

    def _carry_select(self, select: exp.Select, known: Mapping[str, _Guards]) -> tuple[exp.Query, _Guards]:
        sources = self._sources(select, known)
        aggregates = select.args.get("group") or any(is_aggregate(n) for i in select.expressions for n in own_nodes(i))
        aggregates = aggregates or select.args.get("having")
        names = [item.alias_or_name or f"_c{number}" for number, item in enumerate(select.expressions)]
        items = [
            exp.alias_(item.unalias(), name, quoted=True) for item, name in zip(select.expressions, names, strict=True)
        ]
        for number in range(len(self._thresholds)):
            guarded = [alias for alias, guards in sources if number in guards]
            row = _shared([exp.column(f"__id_{number}", table=alias) for alias in guarded])
            items.append(exp.alias_(_union(row) if aggregates else row, f"__id_{number}"))
        select.set("expressions", items)
        guards = frozenset().union(*(guards for _, guards in sources))
        if not select.args.get("distinct"):
            return select, guards
        select.set("distinct", None)
        return self._grouped(select, names), guards

    def _sources(self, select: exp.Select, known: Mapping[str, _Guards]) -> list[tuple[str, _Guards]]:
        sources = []
        from_ = select.args.get("from_")
        for holder in [*([from_] if from_ else []), *(select.args.get("joins") or [])]:
            source, guards = holder.this, _Guards()
            alias = source.alias_or_name
            if isinstance(source, exp.Subquery):
                inner, guards = self.carry(source.this, known)
                source.set("this", inner)
            elif source.name.lower() in known:
                guards = known[source.name.lower()]
            else:
                guards = _Guards(n for n, t in enumerate(self._thresholds) if t.table == source.name.lower())
                holder.set("this", self._base(source).subquery(alias, copy=False))
            sources.append((alias, guards))
        return sources

    def _base(self, table: exp.Table) -> exp.Select:
        base = exp.select("*").from_(exp.to_table(table.name))
        for number, threshold in enumerate(self._thresholds):
            value: exp.Expression = _nobody()
            if threshold.table == table.name.lower():
                column = _named(threshold.column)
                value = exp.Case(
                    ifs=[exp.If(this=exp.Is(this=column, expression=exp.Null()), true=_nobody())],
                    default=exp.Array(expressions=[exp.cast(column.copy(), "text")]),
                )
            base = base.select(exp.alias_(value, f"__id_{number}", copy=False), copy=False)
        return base

    def _grouped(self, query: exp.Query, names: Sequence[str]) -> exp.Query:
        """DISTINCT as what it is, a grouping by all columns, so that equal rows share their identities."""
        order, limit = query.args.get("order"), query.args.get("limit")
        query.set("order", None)
        query.set("limit", None)
        clause = query.args.get("with_")
        query.set("with_", None)
        columns = [_named(name) for name in names]
        outer = exp.select(*columns).from_(query.subquery("__all", copy=False))
        for number in range(len(self._thresholds)):
            outer = outer.select(exp.alias_(_union(_named(f"__id_{number}")), f"__id_{number}", copy=False), copy=False)
        outer = outer.group_by(*(column.copy() for column in columns), copy=False)
        outer.set("with_", clause)
        outer.set("order", order)
        outer.set("limit", limit)
        return outer


def _nobody() -> exp.Expression:
    return exp.cast(exp.Array(expressions=[]), _TEXTS.copy(), copy=False)


def _shared(lists: Sequence[exp.Expression]) -> exp.Expression:
    """The identities that all guarded sides of a joined row have; the missing side of an outer join has none."""
    sides = [exp.func("COALESCE", part, _nobody(), copy=False) for part in lists]
    whole = sides[0] if sides else _nobody()
    for side in sides[1:]:
        whole = exp.Anonymous(this="list_intersect", expressions=[whole, side])
    return whole


def _union(lists: exp.Expression) -> exp.Expression:
    """The identities of a group; a group of no rows has none."""
    flat = exp.Anonymous(this="flatten", expressions=[exp.Anonymous(this="list", expressions=[lists])])
    return exp.func("COALESCE", exp.Anonymous(this="list_distinct", expressions=[flat]), _nobody(), copy=False)
