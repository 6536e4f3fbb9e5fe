"""Expressions that hold a column against a literal without a comparison: GREATEST(c, 'a'), POSITION('a' IN c).

Belongs here: which columns of an expression meet a literal of the query, so that its value may tell whether they are
equal. Not here: comparisons that are written as such, and what a rule says of a column (`comparisons`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segment_assets.privacy.lineage import Lineage
    from segment_assets.privacy.relations import Field

_LITERALS = (exp.Literal, exp.Placeholder, exp.Parameter)
# Functions whose further arguments only say how: of those, the first is looked at.
_FORMS = (
    exp.Cast, exp.Substring, exp.Round, exp.Trunc, exp.Extract, exp.DateTrunc, exp.TimestampTrunc, exp.Left, exp.Right,
    exp.SHA2, exp.Window,
)  # fmt: skip
# Numbers about many rows; whether they may be compared is asked where they are.
_TOTALS = (exp.Count, exp.Sum, exp.Avg)
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.DPipe)
_DIVISIONS = (exp.Div, exp.IntDiv, exp.Mod)
_CHOICES = (exp.Case, exp.If, exp.Coalesce)


def mixed_fields(node: exp.Expression, lineage: Lineage) -> tuple[Field, ...]:
    """The fields that a function, or the divisor of a division, holds against a literal; none where it does not."""
    if isinstance(node, _DIVISIONS):
        return _met([node.expression], lineage)
    if isinstance(node, (exp.Lag, exp.Lead)):
        default = node.args.get("default")
        return _met([node.this, default], lineage) if default is not None else ()
    skipped = (*_FORMS, exp.AggFunc, exp.Connector, exp.SubqueryPredicate)
    if not isinstance(node, exp.Func) or isinstance(node, skipped) or _is_summed_choice(node):
        return ()
    return _met(list(_arguments(node)), lineage)


def calculated_fields(node: exp.Expression, lineage: Lineage) -> tuple[Field, ...]:
    """The fields of a calculation with a literal. For an amount it is harmless; an identity has no arithmetic."""
    return _met([node.this, node.expression], lineage) if isinstance(node, _ARITHMETIC) else ()


def _is_summed_choice(node: exp.Expression) -> bool:
    """SUM(CASE WHEN … THEN a ELSE 0 END) leaves rows out and compares nothing."""
    return isinstance(node, _CHOICES) and isinstance(node.parent, exp.Sum)


def _met(nodes: list[exp.Expression], lineage: Lineage) -> tuple[Field, ...]:
    parts = [part for node in nodes for part in _values(node, lineage)]
    fields = [field for part in parts for field in lineage.values_of(part, keys=False)]
    literal = any(isinstance(part, _LITERALS) for part in parts)
    literal = literal or any(field.constant and not field.origins for field in fields)
    return tuple(field for field in fields if field.carried) if literal else ()


def _values(node: exp.Expression, lineage: Lineage) -> Iterator[exp.Expression]:
    """The literals, columns and subqueries whose values can go into an expression's value."""
    if isinstance(node, (*_LITERALS, exp.Column, exp.Star)) or id(node) in lineage.results:
        yield node
    elif not isinstance(node, (*_TOTALS, exp.DataType, exp.Predicate)):
        for argument in _arguments(node):
            yield from _values(argument, lineage)


def _arguments(node: exp.Expression) -> Iterator[exp.Expression]:
    """The parts of an expression that go into its value; what only decides is compared by itself."""
    if isinstance(node, exp.Case):
        yield from (branch.args["true"] for branch in node.args["ifs"])
        yield from [node.args["default"]] if node.args.get("default") is not None else []
    elif isinstance(node, exp.If):
        yield from (part for name in ("true", "false") if (part := node.args.get(name)) is not None)
    elif isinstance(node, exp.DecodeCase):
        _, *rest = node.expressions
        yield from [*rest[1::2], *(rest[-1:] if len(rest) % 2 else [])]
    elif isinstance(node, exp.Extract):
        yield node.expression
    elif isinstance(node, (*_FORMS, exp.AggFunc)):
        yield from [node.this] if isinstance(node.this, exp.Expression) else []
    else:
        yield from node.iter_expressions()
