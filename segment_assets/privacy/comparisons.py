"""Comparison controls and identity columns: which columns a query may hold against literals and against columns.

Belongs here: finding every comparison, also those in CASE, IN, NULLIF, joins, grouping and windows. Not here: what may
be shown; expressions that compare without saying so (`mixtures`). A column is followed to the tables that it is made
from, so a CTE or an alias hides nothing.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from sqlglot import exp

from segment_assets.privacy.mixtures import calculated_fields, mixed_fields
from segment_assets.privacy.redaction import reason
from segment_assets.privacy.refusals import Refusal
from segment_assets.privacy.relations import is_aggregate, own_nodes
from segment_assets.privacy.rules import CustomRule
from segment_assets.privacy.verdicts import Documented, Reason, Weight

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from segment_assets.privacy.lineage import Lineage
    from segment_assets.privacy.relations import Block, Field, Origin
    from segment_assets.privacy.situation import Table

_BINARY = (
    exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Like, exp.ILike,
    exp.RegexpLike, exp.Nullif, exp.ArrayContains, exp.StartsWith, exp.EndsWith, exp.Contains,
)  # fmt: skip
# They count or keep each value once.
_DISTINCT = (exp.Distinct, exp.ApproxDistinct, exp.ArrayUniqueAgg)
_CONDITIONS = (exp.Where, exp.Having, exp.And, exp.Or, exp.Not, exp.Paren, exp.If)


@dataclasses.dataclass(frozen=True, slots=True)
class _Side:
    """One side of a comparison: what it is made from, and whether its value may be a literal of the query."""

    fields: tuple[Field, ...]
    chosen: bool
    aggregated: bool

    @property
    def origins(self) -> frozenset[Origin]:
        return frozenset().union(*(field.carried for field in self.fields))

    @property
    def maybe_literal(self) -> bool:
        return self.chosen or any(field.constant for field in self.fields)


class Comparisons:
    """The reasons against the comparisons of a query."""

    def __init__(self, lineage: Lineage) -> None:
        self._lineage = lineage

    def check(self) -> Iterator[Reason]:
        """Every comparison of every SELECT, then what joins, keys and set operations compare by themselves."""
        for block in self._lineage.blocks:
            for part in _clauses(block.select):
                for node in own_nodes(part):
                    yield from self._check_node(node)
                    yield from self._check_mixture(node)
            yield from self._check_keys(block)
            yield from self._check_merged(block)
        for query, fields in self._lineage.combined:
            yield from self._check_distinct(fields, query)

    def _check_mixture(self, node: exp.Expression) -> Iterator[Reason]:
        """What tells whether a column is a literal without comparing them; no page says how AWS sees it."""
        if isinstance(node, _BINARY):
            return
        if fields := mixed_fields(node, self._lineage):
            yield from self._literal(_Side(fields, chosen=True, aggregated=False), node, Weight.DOUBTS)
        elif fields := calculated_fields(node, self._lineage):
            side = _Side(fields, chosen=True, aggregated=False)
            yield from self._literal(side, node, Weight.DOUBTS, identity_only=True)

    def _check_distinct(self, fields: Iterable[Field], node: exp.Expression) -> Iterator[Reason]:
        """Rows that are made distinct are compared with each other, also with those of literals."""
        known = tuple(fields)
        mixed = tuple(field for field in known if field.constant)
        yield from self._literal(_Side(mixed, chosen=True, aggregated=False), node, Weight.DOUBTS)
        yield from self._columns(frozenset().union(*(field.origins for field in known)), node, Weight.DOUBTS)

    def _check_node(self, node: exp.Expression) -> Iterator[Reason]:
        if isinstance(node, _BINARY):
            yield from self._compare(node, node.this, [node.expression])
        elif isinstance(node, exp.Between):
            yield from self._compare(node, node.this, [node.args["low"], node.args["high"]])
        elif isinstance(node, exp.In):
            query = node.args.get("query")
            yield from self._compare(node, node.this, [query] if query is not None else node.expressions)
        elif isinstance(node, exp.Case) and node.this is not None:
            yield from self._compare(node, node.this, [branch.this for branch in node.args["ifs"]])
        elif isinstance(node, exp.DecodeCase):
            first, *rest = node.expressions
            yield from self._compare(node, first, rest[: len(rest) // 2 * 2 : 2])
        elif isinstance(node, exp.Is):
            yield from self._literal(self._side(node.this), node, weight=Weight.DOUBTS)
        elif isinstance(node, exp.Column) and isinstance(node.parent, _CONDITIONS) and node.arg_key != "expressions":
            is_value = isinstance(node.parent, exp.If) and node.arg_key != "this"
            if not (is_value or (isinstance(node.parent, exp.Paren) and not _is_condition(node.parent))):
                yield from self._literal(self._side(node), node, weight=Weight.DOUBTS)

    def _side(self, *nodes: exp.Expression) -> _Side:
        fields = tuple(field for node in nodes for field in self._lineage.values_of(node, keys=False))
        parts = [part for node in nodes for part in own_nodes(node)]
        chosen = any(isinstance(part, (exp.Case, exp.If, exp.Coalesce, exp.DecodeCase)) for part in parts)
        aggregated = any(is_aggregate(part) for part in parts) or any(field.aggregated for field in fields)
        return _Side(fields, chosen, aggregated)

    def _compare(self, node: exp.Expression, left: exp.Expression, right: Iterable[exp.Expression]) -> Iterator[Reason]:
        """Each value on the right against the left: literals, columns, or both where a value may be either."""
        one = self._side(left)
        for value in right:
            other = self._side(value)
            constant = isinstance(value, (exp.Boolean, exp.Null))
            for this, that in ((one, other), (other, one)):
                if not that.origins:
                    # NULL and booleans are named as always allowed on one page only (the newer Japanese one).
                    doubtful = constant or this.aggregated
                    yield from self._literal(this, node, Weight.DOUBTS if doubtful else Weight.REFUSES)
                elif that.maybe_literal:
                    yield from self._literal(this, node, weight=Weight.DOUBTS)
            if one.origins and other.origins:
                doubtful = one.aggregated or other.aggregated
                weight = Weight.DOUBTS if doubtful else Weight.REFUSES
                yield from self._columns(one.origins | other.origins, node, weight=weight)

    def _literal(
        self, side: _Side, node: exp.Expression, weight: Weight, *, identity_only: bool = False
    ) -> Iterator[Reason]:
        for name, column in sorted(side.origins):
            table, rule = self._ruled(name)
            if rule is None:
                continue
            if rule.threshold and rule.threshold.identity == column:
                message = f"{column} is an identity column, which is never compared to a literal"
                message += _doubt(weight)
                yield reason(Refusal.IDENTITY_LITERAL, message, node, Documented.COMPARISONS, table, weight=weight)
            elif not identity_only and rule.literal_columns is not None and column not in rule.literal_columns:
                message = f"{column} is not in allowedLiteralComparisonColumns{_doubt(weight)}"
                yield reason(Refusal.LITERAL_COMPARISON, message, node, Documented.COMPARISONS, table, weight=weight)

    def _columns(self, origins: Iterable[Origin], node: exp.Expression, weight: Weight) -> Iterator[Reason]:
        for name, column in sorted(origins):
            table, rule = self._ruled(name)
            if rule and rule.compared_columns is not None and column not in rule.compared_columns:
                message = f"{column} is not in allowedColumnComparisonColumns{_doubt(weight)}"
                yield reason(Refusal.COLUMN_COMPARISON, message, node, Documented.COMPARISONS, table, weight=weight)

    def _ruled(self, name: str) -> tuple[Table, CustomRule | None]:
        table = self._lineage.tables[name]
        return table, table.policy if isinstance(table.policy, CustomRule) else None

    def _check_keys(self, block: Block) -> Iterator[Reason]:
        """GROUP BY and window keys compare rows by a column; that DISTINCT does too is not documented."""
        select = block.select
        group = select.args.get("group")
        for item in group.expressions if group else []:
            key = _by_position(item, select)
            yield from self._columns(self._side(key).origins, item, Weight.REFUSES)
            yield from self._check_merging(key, item)
        for part in [*select.expressions, *(select.args.get("windows") or [])]:
            for window in [node for node in own_nodes(part) if isinstance(node, exp.Window)]:
                order = window.args.get("order")
                for key in [*(window.args.get("partition_by") or []), *(order.expressions if order else [])]:
                    yield from self._columns(self._side(key).origins, key, Weight.REFUSES)
                    yield from self._check_merging(key, key)
        for part in _clauses(select):
            for node in own_nodes(part):
                if isinstance(node, _DISTINCT):
                    yield from self._check_merging(node, node)
        if select.args.get("distinct"):
            yield from self._check_distinct(self._lineage.results[id(select)].fields, select)

    def _check_merging(self, key: exp.Expression, node: exp.Expression) -> Iterator[Reason]:
        """A key or a set of values in which a literal of the query and a column fall together where they are equal."""
        fields = tuple(field for field in self._lineage.values_of(key, keys=False) if field.constant)
        yield from self._literal(_Side(fields, chosen=True, aggregated=False), node, Weight.DOUBTS)

    def _check_merged(self, block: Block) -> Iterator[Reason]:
        """JOIN … USING and NATURAL JOIN compare columns without an expression."""
        for name in sorted(block.merged):
            fields = [field for relation in block.relations.values() if (field := relation.field(name)) is not None]
            origins = frozenset().union(*(field.origins for field in fields))
            yield from self._columns(origins, block.select, Weight.REFUSES)
            if any(field.constant or not field.origins for field in fields):
                yield from self._literal(
                    _Side(tuple(fields), chosen=False, aggregated=False), block.select, Weight.REFUSES
                )


def _doubt(weight: Weight) -> str:
    return "; whether this counts as a comparison is not documented" if weight is Weight.DOUBTS else ""


def _clauses(select: exp.Select) -> Iterator[exp.Expression]:
    """What belongs to a SELECT itself; its CTEs and what stands in FROM are SELECTs of their own."""
    for name, value in select.args.items():
        if name in ("with_", "from_"):
            continue
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, exp.Join):
                yield from [part.args["on"]] if part.args.get("on") is not None else []
            elif isinstance(part, exp.Expression):
                yield part


def _is_condition(paren: exp.Paren) -> bool:
    return isinstance(paren.parent, (exp.Where, exp.Having, exp.And, exp.Or, exp.Not))


def _by_position(item: exp.Expression, select: exp.Select) -> exp.Expression:
    if isinstance(item, exp.Literal) and item.is_int and 1 <= int(item.this) <= len(select.expressions):
        found: exp.Expression = select.expressions[int(item.this) - 1]
        return found
    return item
