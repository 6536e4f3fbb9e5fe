"""What may stand in WHERE: comparisons of columns, literals and calculations with them.

Belongs here: the shape of conditions, the same for all rules. Not here: which columns a rule opens (`Opened`).
BETWEEN is not in the documented list but in AWS's own example, so it is accepted.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from sqlglot import exp

from segment_assets.privacy.redaction import reason
from segment_assets.privacy.refusals import Refusal
from segment_assets.privacy.scalars import check_arguments, check_literal, is_literal, scalar_name
from segment_assets.privacy.verdicts import Documented, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
_CALCULATIONS = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod)


@dataclasses.dataclass(frozen=True, slots=True)
class Opened:
    """What a rule opens for conditions: a reason against a column, and against a function, or none."""

    page: Documented
    column: Callable[[exp.Column], Iterator[Reason]]
    scalar: Callable[[exp.Expression, str], Iterator[Reason]]


def check_condition(node: exp.Expression, opened: Opened) -> Iterator[Reason]:
    """The reasons against a condition, wherever they are in it."""
    if isinstance(node, (exp.And, exp.Or)):
        yield from check_condition(node.this, opened)
        yield from check_condition(node.expression, opened)
    elif isinstance(node, (exp.Not, exp.Paren)):
        yield from check_condition(node.this, opened)
    elif isinstance(node, COMPARISONS):
        yield from _check_operands((node.this, node.expression), opened)
    elif isinstance(node, exp.Between):
        yield from _check_operands((node.this, node.args["low"], node.args["high"]), opened)
    elif isinstance(node, exp.In):
        yield from _check_operands((node.this,), opened)
        yield from _check_list(node, opened)
    elif isinstance(node, exp.Like):
        yield from _check_operands((node.this,), opened)
        yield from _check_pattern(node, opened)
    elif isinstance(node, exp.Is):
        yield from _check_operands((node.this,), opened)
        if not isinstance(node.expression, exp.Null):
            yield reason(Refusal.CONDITION, "IS is followed by NULL or NOT NULL", node, opened.page)
    else:
        message = "a condition compares with = > < <= >= <> IN LIKE BETWEEN or IS NULL"
        yield reason(Refusal.CONDITION, message, node, opened.page)


def _check_operands(nodes: tuple[exp.Expression, ...], opened: Opened) -> Iterator[Reason]:
    for node in nodes:
        yield from check_operand(node, opened)


def check_operand(node: exp.Expression, opened: Opened) -> Iterator[Reason]:
    """The reasons against a value: column, literal, calculation or permitted function."""
    name = scalar_name(node)
    if is_literal(node):
        yield from check_literal(node)
    elif isinstance(node, exp.Column):
        yield from opened.column(node)
    elif isinstance(node, (exp.Paren, exp.Neg)):
        yield from check_operand(node.this, opened)
    elif isinstance(node, _CALCULATIONS):
        yield from _check_operands((node.this, node.expression), opened)
    elif name is not None:
        yield from check_scalar(node, name, opened)
    elif isinstance(node, exp.AggFunc):
        message = "aggregates stand in SELECT, HAVING and ORDER BY only"
        yield reason(Refusal.AGGREGATE_PLACE, message, node, opened.page)
    else:
        message = "a value is a column, a literal, a calculation or a function of the rule"
        yield reason(Refusal.CONDITION, message, node, opened.page)


def check_scalar(node: exp.Expression, name: str, opened: Opened) -> Iterator[Reason]:
    """The reasons against a function: itself, its arguments, the columns in it."""
    yield from opened.scalar(node, name)
    yield from check_arguments(node)
    for column in node.find_all(exp.Column):
        yield from opened.column(column)


def _check_list(node: exp.In, opened: Opened) -> Iterator[Reason]:
    for item in node.expressions:
        yield from check_literal(item)
        if not is_literal(item):
            yield reason(Refusal.CONDITION, "IN takes a list of literals", item, opened.page)
    if not node.expressions:
        yield reason(Refusal.CONDITION, "IN takes a list of literals", node, opened.page)


def _check_pattern(node: exp.Like, opened: Opened) -> Iterator[Reason]:
    pattern = node.expression
    if not (isinstance(pattern, exp.Literal) and pattern.is_string):
        yield reason(Refusal.CONDITION, "LIKE takes one string literal", node, opened.page)
    elif "\\" in pattern.this:
        message = "a backslash in a pattern escapes in Spark but not in DuckDB; write the pattern without"
        yield reason(Refusal.LITERAL, message, node, Documented.LOCAL)
