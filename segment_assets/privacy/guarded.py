"""Aggregation thresholds of the custom rule: what may be aggregated, what must stand beside it, what is withheld.

Belongs here: aggregationThresholds. Not here: comparisons (`comparisons`), the SQL surface (`surface`), withholding
(`identities`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from segment_assets.privacy.redaction import reason
from segment_assets.privacy.refusals import Refusal
from segment_assets.privacy.relations import own_nodes
from segment_assets.privacy.rules import CustomRule
from segment_assets.privacy.verdicts import Documented, Reason, Threshold, Weight

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from segment_assets.privacy.lineage import Lineage
    from segment_assets.privacy.relations import Block, Field, Relation
    from segment_assets.privacy.rules import AggregationThreshold
    from segment_assets.privacy.situation import Table

_NEEDS_COMPANION = (
    exp.Min, exp.Max, exp.Quantile, exp.PercentileCont, exp.PercentileDisc, exp.ApproxQuantile, exp.Median,
    exp.ArrayAgg, exp.ArrayUniqueAgg, exp.Lag, exp.Lead,
)  # fmt: skip
_COMPANIONS = (exp.Avg, exp.Count, exp.Sum)
_ONLY_COUNTED = (exp.Count, exp.ApproxDistinct)


def threshold_of(table: Table) -> AggregationThreshold | None:
    """The aggregation threshold of a table, if it has one."""
    return table.policy.threshold if isinstance(table.policy, CustomRule) else None


def check_thresholds(lineage: Lineage, result: Relation) -> Iterator[Reason]:
    """The reasons against a query that reads tables with an aggregation threshold."""
    guarded = {name: table for name, table in lineage.tables.items() if threshold_of(table)}
    if not guarded:
        return
    for block in lineage.blocks:
        yield from _check_arguments(block, lineage, guarded)
        if block.final and block.tables & set(guarded):
            yield from _check_companions(block, guarded)
    if not result.grouped and result.tables & set(guarded):
        table = next(guarded[name] for name in sorted(result.tables & set(guarded)))
        message = "rows that no aggregate makes stand for one person each; whether they are refused or all withheld"
        message += " is not documented; group them"
        select = next(block.select for block in lineage.blocks if block.final)
        yield reason(
            Refusal.ROWS_WITHOUT_AGGREGATE, message, select, Documented.THRESHOLDS, table, weight=Weight.DOUBTS
        )


def _check_arguments(block: Block, lineage: Lineage, guarded: dict[str, Table]) -> Iterator[Reason]:
    """COLUMNS_ONLY: an aggregate or window function takes a bare column or a constant."""
    strict = [t for t in guarded.values() if _only_columns(t)]
    for part in _aggregating_parts(block.select):
        for node in own_nodes(part):
            for argument in _arguments(node):
                yield from _check_argument(argument, lineage, strict)


def _only_columns(table: Table) -> bool:
    threshold = threshold_of(table)
    return threshold is not None and threshold.allowed_aggregate_expression_type == "COLUMNS_ONLY"


def _aggregating_parts(select: exp.Select) -> list[exp.Expression]:
    parts = [select.args.get(name) for name in ("having", "order")]
    return [*select.expressions, *(select.args.get("windows") or []), *(part for part in parts if part is not None)]


def _arguments(node: exp.Expression) -> list[exp.Expression]:
    """The values that an aggregate or a window function works on."""
    if isinstance(node, exp.Window):
        function = node.this
        while isinstance(function, (exp.IgnoreNulls, exp.RespectNulls, exp.Filter)):
            function = function.this
        values = list(function.iter_expressions()) if isinstance(function, exp.Expression) else []
        return [] if isinstance(function, exp.AggFunc) else values
    if not isinstance(node, exp.AggFunc):
        return []
    values = list(node.iter_expressions())
    return [inner for value in values for inner in (value.expressions if isinstance(value, exp.Distinct) else [value])]


def _check_argument(argument: exp.Expression, lineage: Lineage, strict: Sequence[Table]) -> Iterator[Reason]:
    if not strict or isinstance(argument, exp.Star):
        return
    fields = lineage.values_of(argument)
    origins = frozenset().union(*(field.origins for field in fields))
    concerned = [table for table in strict if any(name == table.name for name, _ in origins)]
    if isinstance(argument, exp.Column):
        if all(field.direct or not field.origins for field in fields) or not concerned:
            return
        message = "the column is computed further inside; whether COLUMNS_ONLY refuses that is not documented"
        weight = Weight.DOUBTS
    elif not origins:
        return
    else:
        message = "allowedAggregateExpressionType is COLUMNS_ONLY: aggregate a bare column"
        weight = Weight.REFUSES if concerned else Weight.DOUBTS
    table = (concerned or strict)[0]
    yield reason(Refusal.AGGREGATE_EXPRESSION, message, argument, Documented.THRESHOLDS, table, weight=weight)


def _check_companions(block: Block, guarded: dict[str, Table]) -> Iterator[Reason]:
    """MIN, MAX, percentiles, COLLECT_* and LAG/LEAD show single values, so an AVG, COUNT or SUM stands beside them."""
    nodes = [node for item in block.select.expressions for node in own_nodes(item)]
    lonely = [node for node in nodes if isinstance(node, _NEEDS_COMPANION)]
    if lonely and not any(isinstance(node, _COMPANIONS) for node in nodes):
        table = next(guarded[name] for name in sorted(block.tables & set(guarded)))
        message = "with an aggregation threshold it needs an AVG, COUNT or SUM beside it in the final SELECT; add one"
        yield reason(Refusal.COMPANION_AGGREGATE, message, lonely[0], Documented.CAPABILITIES, table)


def all_thresholds(lineage: Lineage, result: Relation) -> Iterator[Threshold]:
    """The minimum of every table below the result, with the overrides of the columns that are shown.

    How overrides combine is not documented: the highest minimum of the columns shown is taken, and a column that is not
    shown as it is counts with the table's own minimum.
    """
    for name in sorted(result.tables):
        table = lineage.tables[name]
        threshold = threshold_of(table)
        if threshold is None:
            continue
        overrides = {e.output_column_name: e.minimum_identity_count for e in threshold.output_column_thresholds}
        minimums = list(_minimums(table, threshold.minimum_identity_count, overrides, result.fields))
        minimum = max(minimums, default=threshold.minimum_identity_count)
        if minimum:
            yield Threshold(table.name, table.owner, table.name, threshold.identity, minimum)


def _minimums(table: Table, base: int, overrides: dict[str, int], fields: Iterable[Field]) -> Iterator[int]:
    for field in fields:
        columns = {column for name, column in field.origins if name == table.name}
        if columns:
            column = next(iter(columns))
            yield overrides.get(column, base) if field.direct and len(columns) == 1 else base


def documented_hole(lineage: Lineage) -> bool:
    """Whether AWS withholds nothing: the COUNTs and APPROX_COUNT_DISTINCT over one table, without join and grouping."""
    if len(lineage.blocks) != 1:
        return False
    block = lineage.blocks[0]
    relations = list(block.relations.values())
    counts = all(isinstance(item.unalias(), _ONLY_COUNTED) for item in block.select.expressions)
    return counts and len(relations) == 1 and relations[0].base is not None and not block.select.args.get("group")
