"""From a tree to one of known shape: what AGGREGATION and LIST allow to be written at all.

Belongs here: the whitelist of node types and of their parts. Whatever is not on it is refused by name.
Not here: what a rule says about a well-shaped query (`aggregation`, `listing`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from segment_assets.privacy.redaction import reason
from segment_assets.privacy.refusals import Refusal
from segment_assets.privacy.statements import ONLY_SELECT
from segment_assets.privacy.verdicts import Documented, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segment_assets.privacy.statements import Text

_BINARY = frozenset({"this", "expression"})
_ONE = frozenset({"this"})
_NEGATABLE = frozenset({"this", "expression", "negate"})

# Node type → the parts it may have. sqlglot keeps foreign syntax (TABLESAMPLE, FILTER, QUALIFY, CUBE …) in parts
# of known nodes as often as in nodes of its own, so both are listed.
_SHAPES: dict[type[exp.Expression], frozenset[str]] = {
    exp.Select: frozenset({"expressions", "from_", "joins", "where", "group", "having", "order", "distinct", "limit"}),
    exp.From: _ONE,
    exp.Table: frozenset({"this", "alias"}),
    exp.TableAlias: _ONE,
    exp.Join: frozenset({"this", "on", "kind", "side"}),  # a side is for ID mapping tables; `joins` decides
    exp.Where: _ONE,
    exp.Having: _ONE,
    exp.Group: frozenset({"expressions"}),
    exp.Order: frozenset({"expressions"}),
    exp.Ordered: frozenset({"this", "desc", "nulls_first"}),
    exp.Limit: frozenset({"expression"}),
    exp.Distinct: frozenset({"expressions"}),
    exp.Alias: frozenset({"this", "alias"}),
    exp.Identifier: frozenset({"this", "quoted"}),
    exp.Column: frozenset({"this", "table"}),
    exp.Literal: frozenset({"this", "is_string"}),
    exp.Null: frozenset(),
    exp.Boolean: _ONE,  # what the parser puts into a JOIN without ON; no door lets it pass
    exp.Var: _ONE,
    exp.DataType: _ONE,
    exp.Paren: _ONE,
    exp.Neg: _ONE,
    exp.Not: _ONE,
    **dict.fromkeys((exp.And, exp.Or, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE), _BINARY),
    **dict.fromkeys((exp.Add, exp.Sub, exp.Mul, exp.Mod), _BINARY),
    exp.Div: _BINARY | {"safe", "typed"},
    exp.Like: _NEGATABLE,
    exp.Is: _NEGATABLE,
    exp.In: frozenset({"this", "expressions", "negate"}),
    exp.Between: frozenset({"this", "low", "high", "negate"}),
    exp.Count: frozenset({"this", "big_int"}),
    exp.Sum: _ONE,
    exp.Avg: _ONE,
    **dict.fromkeys((exp.Abs, exp.Ceil, exp.Floor, exp.Lower, exp.Upper), _ONE),
    exp.Cast: frozenset({"this", "to"}),
    exp.TryCast: frozenset({"this", "to", "safe"}),
    exp.Coalesce: frozenset({"this", "expressions"}),
    exp.Extract: _BINARY,
    exp.Round: frozenset({"this", "decimals"}),
    exp.Trim: frozenset({"this", "position"}),
    exp.Substring: frozenset({"this", "start", "length"}),
    exp.CurrentDate: frozenset(),
    exp.DateTrunc: frozenset({"unit", "this"}),
    exp.Ln: _ONE,
    exp.Log: _BINARY,
    exp.Sqrt: _ONE,
    exp.StrToTime: frozenset({"this", "format"}),
    exp.TimestampAdd: _BINARY | {"unit"},
    exp.ToChar: frozenset({"this", "format"}),
    exp.ToNumber: frozenset({"this", "format"}),
    exp.TsOrDsAdd: _BINARY | {"unit"},
    exp.TsOrDsToDate: frozenset({"this", "format", "safe"}),
}

_FAMILIAR: dict[type[exp.Expression], tuple[Refusal, str]] = {
    exp.Subquery: (Refusal.SUBQUERY, "subqueries are not supported; join the tables instead"),
    exp.Select: (Refusal.SUBQUERY, "subqueries are not supported; join the tables instead"),
    exp.Exists: (Refusal.SUBQUERY, "EXISTS is not supported; join the tables instead"),
    exp.With: (Refusal.COMMON_TABLE_EXPRESSION, "WITH is not supported; write one SELECT"),
    exp.Star: (Refusal.STAR, "* is not supported; name the columns"),
    exp.Window: (Refusal.WINDOW_FUNCTION, "window functions are not supported; take OVER out"),
    exp.Hint: (Refusal.HINT, "hints are not supported; take the hint out"),
    exp.Offset: (Refusal.OFFSET, "OFFSET is not supported; take it out"),
    exp.Placeholder: (Refusal.UNRENDERED_PARAMETER, "a direct query has no parameters; render them to literals first"),
    exp.Parameter: (Refusal.UNRENDERED_PARAMETER, "a direct query has no parameters; render them to literals first"),
}


def one_select(text: Text) -> tuple[exp.Select | None, list[Reason]]:
    """The one SELECT statement of a text, or the reasons why it is not one of known shape.

    >>> one_select(read_text("SELECT a FROM t UNION SELECT b FROM u"))[1][0].code
    <Refusal.SET_OPERATION: 'set_operation'>
    """
    if len(text.trees) != 1:
        message = "one statement is needed, not several"
        return None, [Reason(Refusal.SEVERAL_STATEMENTS, message, Documented.RULES)]
    tree = text.trees[0]
    if isinstance(tree, exp.SetOperation):
        message = "UNION, INTERSECT and EXCEPT are not supported; run one query each"
        return None, [reason(Refusal.SET_OPERATION, message, tree, Documented.RULES)]
    if not isinstance(tree, exp.Select):
        return None, [reason(Refusal.NOT_A_SELECT, ONLY_SELECT, tree, Documented.RULES)]
    reasons = list(_unknown_syntax(tree))
    return (None if reasons else tree), reasons


def _unknown_syntax(tree: exp.Select) -> Iterator[Reason]:
    """A reason for each part that is not whitelisted; what is inside a refused part is not looked at."""
    waiting: list[exp.Expression] = [tree]
    while waiting:
        node = waiting.pop(0)
        shape = _SHAPES.get(type(node))
        if isinstance(node, exp.Anonymous) and node.name.upper() == "GETDATE":
            shape = _ONE
        if shape is None or (isinstance(node, exp.Select) and node is not tree):
            yield _refused(node)
            continue
        for part, value in node.args.items():
            if value in (None, False, []):
                continue
            if part not in shape:
                yield _refused_part(node, part)
                continue
            waiting += [child for child in (value if isinstance(value, list) else [value]) if _is_node(child)]


def _is_node(value: object) -> bool:
    return isinstance(value, exp.Expression)


def _refused(node: exp.Expression) -> Reason:
    familiar = next((value for kind, value in _FAMILIAR.items() if isinstance(node, kind)), None)
    if familiar:
        return reason(familiar[0], familiar[1], node, Documented.RULES)
    if isinstance(node, exp.Func) and not isinstance(node, exp.AggFunc):
        return reason(Refusal.FUNCTION_NOT_ALLOWED, "this function is in no analysis rule", node, Documented.RULES)
    if isinstance(node, exp.AggFunc):
        message = "the only aggregates are SUM, COUNT and AVG"
        return reason(Refusal.AGGREGATE_NOT_ALLOWED, message, node, Documented.AGGREGATION)
    message = f"{type(node).__name__} is not part of the SQL that analysis rules allow"
    return reason(Refusal.UNKNOWN_SYNTAX, message, node, Documented.RULES)


def _refused_part(node: exp.Expression, part: str) -> Reason:
    value = node.args[part]
    first = value[0] if isinstance(value, list) else value
    if isinstance(node, exp.Join):
        message = "only INNER JOIN … ON is supported, without outer sides, NATURAL, USING, SEMI or ANTI"
        return reason(Refusal.JOIN_NOT_INNER, message, node, Documented.RULES)
    if isinstance(node, exp.In) and part == "query":
        return reason(Refusal.SUBQUERY, "subqueries are not supported; join the tables instead", node, Documented.RULES)
    if isinstance(first, tuple(_FAMILIAR)):
        return _refused(first)
    if isinstance(node, exp.Count):
        message = "COUNT takes one column"
        return reason(Refusal.AGGREGATE_ARGUMENT, message, node, Documented.AGGREGATION)
    message = f"the part {part.strip('_')} of {type(node).__name__} is not part of the SQL that analysis rules allow"
    return reason(Refusal.UNKNOWN_SYNTAX, message, node, Documented.RULES)
