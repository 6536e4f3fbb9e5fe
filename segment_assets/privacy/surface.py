"""The SQL that AWS documents for the custom rule: constructs and functions, with and without its controls.

Belongs here: what is supported, unsupported, or not mentioned. Not here: what a control says of a column.
Three surfaces: PLAIN (a custom rule without controls: most of Spark SQL), GUARDED (aggregation thresholds or comparison
controls), PRIVATE (differential privacy). What a page does not mention is a doubt, never a yes.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import importlib.resources
import json
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from segment_assets.privacy.redaction import reason
from segment_assets.privacy.refusals import Refusal
from segment_assets.privacy.verdicts import Documented, Reason, Weight

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from segment_assets.privacy.calls import Call


class Surface(enum.Enum):
    """Which page says what is supported."""

    PLAIN = Documented.CUSTOM
    GUARDED = Documented.CAPABILITIES
    PRIVATE = Documented.DP_CAPABILITIES


@dataclasses.dataclass(frozen=True, slots=True)
class _Construct:
    """Words for people, and what PLAIN, GUARDED and PRIVATE say in this order: + yes, - no, ? nothing."""

    words: str
    said: str

    def on(self, surface: Surface) -> str:
        return self.said[list(Surface).index(surface)]


_THIS = frozenset({"this"})
_TWO = frozenset({"this", "expression", "negate", "typed", "safe"})
_LISTED = frozenset({"expressions"})
_MODIFIERS = frozenset({"with_", "order", "limit", "offset"})
# Node type → the parts that have a meaning in Spark's SELECT. sqlglot keeps foreign syntax (DISTINCT ON, time travel,
# UNION BY NAME …) in parts of known nodes as often as in nodes of its own, so both are listed.
_FINE: dict[type[exp.Expression], frozenset[str]] = {
    exp.Select: _MODIFIERS
    | {"expressions", "from_", "joins", "where", "group", "having", "distinct", "hint", "laterals", "windows"}
    | {"cluster", "distribute", "sort"},
    exp.From: _THIS,
    exp.Table: frozenset({"this", "alias", "sample", "pivots"}),
    exp.TableAlias: frozenset({"this", "columns"}),
    exp.Join: frozenset({"this", "on", "kind", "side", "method", "using", "pivots"}),
    exp.Group: frozenset({"expressions", "cube", "rollup", "grouping_sets", "all", "totals"}),
    exp.Order: _LISTED,
    exp.Ordered: frozenset({"this", "desc", "nulls_first"}),
    exp.Limit: frozenset({"expression"}),
    exp.Distinct: _LISTED,
    exp.Alias: frozenset({"this", "alias"}),
    exp.Identifier: frozenset({"this", "quoted"}),
    exp.Column: frozenset({"this", "table"}),
    exp.Literal: frozenset({"this", "is_string"}),
    exp.DataType: frozenset({"this", "expressions", "nested"}),
    exp.With: frozenset({"expressions", "recursive"}),
    exp.CTE: frozenset({"this", "alias"}),
    exp.Subquery: _MODIFIERS | {"this", "alias", "pivots"},
    exp.Union: _MODIFIERS | {"this", "expression", "distinct"},
    exp.Except: _MODIFIERS | {"this", "expression", "distinct"},
    exp.Intersect: _MODIFIERS | {"this", "expression", "distinct"},
    exp.Values: frozenset({"expressions", "alias"}),
    exp.Tuple: _LISTED,
    exp.Star: frozenset({"except_"}),
    exp.Window: frozenset({"this", "partition_by", "order", "spec", "alias", "over"}),
    exp.WindowSpec: frozenset({"kind", "start", "start_side", "end", "end_side"}),
    exp.Interval: frozenset({"this", "unit"}),
    exp.In: frozenset({"this", "expressions", "query", "negate"}),
    exp.Between: frozenset({"this", "low", "high", "negate"}),
    exp.Hint: _LISTED,
    exp.JoinHint: frozenset({"this", "expressions"}),
    exp.Cache: frozenset({"this", "lazy", "expression"}),
    **dict.fromkeys(
        (exp.Where, exp.Having, exp.Boolean, exp.Var, exp.DataTypeParam, exp.Paren, exp.Neg, exp.Not), _THIS
    ),
    **dict.fromkeys((exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Like, exp.Is, exp.NullSafeNEQ), _TWO),
    **dict.fromkeys((exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.PropertyEQ), _TWO),
    **dict.fromkeys((exp.Placeholder, exp.Parameter), _THIS),
    exp.Null: frozenset(),
}
_NO_CUBE = ("extended GROUP BY", "+--")
_NODES: dict[type[exp.Expression], _Construct] = {
    exp.Cube: _Construct(*_NO_CUBE),
    exp.Rollup: _Construct(*_NO_CUBE),
    exp.GroupingSets: _Construct(*_NO_CUBE),
    exp.Exists: _Construct("EXISTS", "+-?"),
    exp.Cluster: _Construct("CLUSTER BY", "?-?"),
    exp.Distribute: _Construct("DISTRIBUTE BY", "?-?"),
    exp.Sort: _Construct("SORT BY", "?-?"),
    exp.Pivot: _Construct("PIVOT and UNPIVOT", "+-?"),
    exp.Lateral: _Construct("LATERAL", "+??"),
    exp.Except: _Construct("EXCEPT", "+-+"),
    exp.Intersect: _Construct("INTERSECT", "+-+"),
    exp.Offset: _Construct("OFFSET", "+-+"),
    exp.NullSafeEQ: _Construct("<=>", "+-?"),
    exp.TableSample: _Construct("TABLESAMPLE", "???"),
    exp.Filter: _Construct("FILTER", "+??"),
    exp.WithinGroup: _Construct("WITHIN GROUP", "???"),
    exp.IgnoreNulls: _Construct("IGNORE NULLS", "???"),
    exp.RespectNulls: _Construct("RESPECT NULLS", "???"),
    exp.DPipe: _Construct("||", "+?+"),
    exp.Bracket: _Construct("[ ] access", "+??"),
    exp.Dot: _Construct("access to a field", "+??"),
    exp.ILike: _Construct("ILIKE", "???"),
}
# Parts of known nodes that are constructs of their own.
_PARTS: dict[tuple[type[exp.Expression], str], _Construct] = {
    (exp.With, "recursive"): _Construct("WITH RECURSIVE", "?-?"),
    (exp.Join, "using"): _Construct("JOIN … USING", "+?-"),
    (exp.In, "query"): _Construct("IN with a subquery", "+??"),
    (exp.Select, "laterals"): _Construct("LATERAL VIEW", "+??"),
    (exp.Select, "windows"): _Construct("the WINDOW clause", "+??"),
    (exp.Group, "cube"): _Construct(*_NO_CUBE),
    (exp.Group, "rollup"): _Construct(*_NO_CUBE),
    (exp.Group, "grouping_sets"): _Construct(*_NO_CUBE),
    (exp.Group, "all"): _Construct("GROUP BY ALL", "???"),
    (exp.Group, "totals"): _Construct("WITH TOTALS", "???"),
}
_LATERAL_JOIN = _Construct("a LATERAL join", "+-?")
_SEMI = _Construct("SEMI and ANTI joins", "+-+")
_NATURAL = _Construct("NATURAL JOIN", "++-")
_SCALAR = _Construct("a subquery as a value", "+??")
_CACHE = _Construct("CACHE TABLE", "++?")


def check_constructs(trees: Iterable[exp.Expression], surface: Surface) -> Iterator[Reason]:
    """A reason for each construct that the surface does not support or mention."""
    for tree in trees:
        for node in tree.walk():
            if construct := _construct(node):
                yield from _say(construct, surface, node)
            for (kind, part), construct in _PARTS.items():
                if type(node) is kind and node.args.get(part):
                    yield from _say(construct, surface, node)
            if isinstance(node, exp.SetOperation):
                yield from _check_sides(node)
            yield from _check_parts(node, surface)


def _check_parts(node: exp.Expression, surface: Surface) -> Iterator[Reason]:
    known = _FINE.get(type(node))
    for part, value in node.args.items():
        if known is not None and part not in known and value not in (None, False, []):
            words = part.strip("_").replace("_", " ").upper()
            yield from _say(_Construct(f"{words} in {type(node).__name__.upper()}", "???"), surface, node)


def _check_sides(node: exp.SetOperation) -> Iterator[Reason]:
    """Our parser reads `SELECT … ORDER BY a UNION SELECT …`, which Spark does not."""
    for side in (node.this, node.expression):
        if isinstance(side, exp.Select) and (side.args.get("order") or side.args.get("limit")):
            message = "ORDER BY and LIMIT of one side of a set operation need parentheses around that side"
            yield reason(Refusal.SYNTAX, message, side, Documented.CUSTOM)


def _construct(node: exp.Expression) -> _Construct | None:
    """The construct that a node is by itself, or None where every surface has it."""
    if isinstance(node, exp.Join):
        lateral = _LATERAL_JOIN if isinstance(node.this, exp.Lateral) else None
        return _SEMI if node.kind in ("SEMI", "ANTI") else lateral or (_NATURAL if node.method else None)
    if isinstance(node, exp.Cache):
        return _CACHE
    if isinstance(node, exp.Subquery):
        return _SCALAR if node.parent is not None and not _holds_queries(node.parent) else None
    known = type(node) in _FINE or isinstance(node, (exp.Func, exp.Connector))
    return _NODES.get(type(node)) or (None if known else _Construct(f"{type(node).__name__} syntax", "???"))


def _holds_queries(node: exp.Expression) -> bool:
    places = (exp.From, exp.Join, exp.SetOperation, exp.In, exp.Subquery, exp.CTE, exp.Lateral, exp.Cache)
    return isinstance(node, places)


def _say(construct: _Construct, surface: Surface, node: exp.Expression) -> Iterator[Reason]:
    said = construct.on(surface)
    if said == "-":
        message = f"{construct.words} is not supported with the controls of these tables; rewrite the query without it"
        yield reason(Refusal.CONSTRUCT_NOT_SUPPORTED, message, node, surface.value)
    elif said == "?":
        message = f"whether {construct.words} is supported here is not documented; rewrite the query without it"
        yield reason(Refusal.NOT_DOCUMENTED, message, node, surface.value, weight=Weight.DOUBTS)


def check_functions(called: Iterable[Call], surface: Surface) -> Iterator[Reason]:
    """A reason for each function that the surface does not support or mention, or that Spark does not have."""
    lists = _lists()
    mentioned = lists["guarded"] | lists["guarded no"] | lists["private"] | lists["private no"]
    yes = {Surface.PLAIN: mentioned, Surface.GUARDED: lists["guarded"], Surface.PRIVATE: lists["private"]}[surface]
    no: frozenset[str] = {Surface.GUARDED: lists["guarded no"], Surface.PRIVATE: lists["private no"]}.get(
        surface, frozenset()
    )
    for call in called:
        if call.name in yes:
            continue
        if call.name in no:
            message = f"{call.name} is not supported with the controls of these tables; use another function"
            yield _about(call, Refusal.FUNCTION_NOT_ALLOWED, message, surface.value, Weight.REFUSES)
        elif call.name in lists["spark"] | mentioned:
            message = f"whether {call.name} is supported here is not documented; use another function"
            yield _about(call, Refusal.NOT_DOCUMENTED, message, surface.value, weight=Weight.DOUBTS)
        else:
            message = "Spark has no function of this name; look for a typing error"
            yield _about(call, Refusal.UNKNOWN_FUNCTION, message, surface.value, Weight.REFUSES)


def _about(call: Call, code: Refusal, message: str, page: Documented, weight: Weight) -> Reason:
    snippet = f"{call.name}(…)" if code is not Refusal.UNKNOWN_FUNCTION else ""
    return Reason(code, message, page, snippet, call.line, call.column, weight=weight)


@functools.cache
def _lists() -> dict[str, frozenset[str]]:
    """The functions by page, from `functions.json`."""
    text = importlib.resources.files(__package__).joinpath("functions.json").read_text(encoding="utf-8")
    data: dict[str, dict[str, Any]] = json.loads(text)
    return {
        "guarded": frozenset(data["guarded"]["supported"]),
        "guarded no": frozenset(data["guarded"]["unsupported"]),
        "private": frozenset(data["differential_privacy"]["supported"]),
        "private no": frozenset(data["differential_privacy"]["unsupported"]),
        "spark": frozenset(data["spark"]["names"]),
    }
