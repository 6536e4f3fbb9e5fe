"""The scalar functions of analysis rules, and which of them have a proven translation.

Belongs here: which function a node is, and which arguments it takes. Not here: which columns a rule opens.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from sqlglot import exp

from segment_assets.privacy.redaction import reason
from segment_assets.privacy.refusals import Refusal
from segment_assets.privacy.verdicts import Documented, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAMES: dict[type[exp.Expression], str] = {
    exp.Abs: "ABS",
    exp.Cast: "CAST",
    exp.TryCast: "CAST",
    exp.Ceil: "CEILING",
    exp.Coalesce: "COALESCE",
    exp.Extract: "EXTRACT",
    exp.Floor: "FLOOR",
    exp.Lower: "LOWER",
    exp.Round: "ROUND",
    exp.Substring: "SUBSTRING",
    exp.Upper: "UPPER",
    exp.Anonymous: "GETDATE",  # the only one that the door before lets through
    exp.CurrentDate: "CURRENT_DATE",
    exp.DateTrunc: "TRUNC",
    exp.Ln: "LN",
    exp.Log: "LOG",
    exp.Sqrt: "SQRT",
    exp.StrToTime: "TO_TIMESTAMP",
    exp.TimestampAdd: "DATEADD",
    exp.ToChar: "TO_CHAR",
    exp.ToNumber: "TO_NUMBER",
    exp.TsOrDsAdd: "DATEADD",
    exp.TsOrDsToDate: "TO_DATE",
}
# One node for several written functions: which of them it is, only the text tells.
_WRITTEN: dict[type[exp.Expression], frozenset[str]] = {
    exp.Cast: frozenset({"CAST", "TO_TIMESTAMP", "CONVERT", "TIMESTAMP", "DATE", "STRING", "INT", "DOUBLE"}),
    exp.TryCast: frozenset({"CAST", "TRY_CAST", "CONVERT", "INT", "STRING", "DOUBLE", "BIGINT"}),
    exp.Ceil: frozenset({"CEIL", "CEILING"}),
    exp.Coalesce: frozenset({"COALESCE", "NVL", "IFNULL"}),
    exp.DateTrunc: frozenset({"TRUNC", "DATE_TRUNC"}),
    exp.Extract: frozenset({"EXTRACT", "DATE_PART"}),
    exp.Ln: frozenset({"LN", "LOG"}),
    exp.Lower: frozenset({"LOWER", "LCASE"}),
    exp.Substring: frozenset({"SUBSTRING", "SUBSTR"}),
    exp.TsOrDsAdd: frozenset({"DATEADD", "DATE_ADD", "DATE_SUB"}),
    exp.TimestampAdd: frozenset({"DATEADD", "TIMESTAMPADD", "DATE_ADD"}),
    exp.Upper: frozenset({"UPPER", "UCASE"}),
}
# The guide names these as one function; of the others in SYNONYMS it does not say whether one allows the other.
SAME = {"CEIL": "CEILING", "SUBSTR": "SUBSTRING"}
SYNONYMS = {"NVL": "COALESCE", "IFNULL": "COALESCE", "DATE_ADD": "DATEADD", "DATE_PART": "EXTRACT", "TRY_CAST": "CAST"}
_TRANSLATED = frozenset(
    {"ABS", "CAST", "CEILING", "COALESCE", "EXTRACT", "FLOOR", "LOWER", "ROUND", "RTRIM", "SUBSTRING", "TRIM", "UPPER"}
)
# Spark truncates a double that is cast to an integer, DuckDB rounds it: those casts are left out.
_CAST_TARGETS = frozenset({"TEXT", "DATE", "DOUBLE"})
# The parts that count days of the week are translated wrongly without an error (facts, D1).
_EXTRACTED = frozenset({"YEAR", "QUARTER", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"})


def scalar_name(node: exp.Expression) -> str | None:
    """The name of a scalar function in the words of the API, or None when the node is no function.

    >>> scalar_name(sqlglot.parse_one("RTRIM(a)", read="spark"))
    'RTRIM'
    """
    if is_typed_literal(node):
        return None
    if isinstance(node, exp.Trim):
        return {"": "TRIM", "BOTH": "TRIM", "TRAILING": "RTRIM"}.get(node.args.get("position") or "", "LTRIM")
    return _NAMES.get(type(node))


def names_of(node: exp.Expression, called: frozenset[str]) -> frozenset[str]:
    """The names that a function may have been written with, as the API spells them; several where the text has both.

    >>> names_of(sqlglot.parse_one("TO_TIMESTAMP(a)", read="spark"), frozenset({"TO_TIMESTAMP"}))
    frozenset({'TO_TIMESTAMP'})
    """
    written = _WRITTEN.get(type(node), frozenset()) & called
    return frozenset(SAME.get(name, name) for name in written) or frozenset({scalar_name(node) or ""})


def is_typed_literal(node: exp.Expression) -> bool:
    """Whether the node is DATE '…' or TIMESTAMP '…'."""
    return type(node) is exp.Cast and isinstance(node.this, exp.Literal) and node.this.is_string


def is_literal(node: exp.Expression) -> bool:
    """A number, a string, a date or a timestamp, with or without a minus sign."""
    if isinstance(node, exp.Neg):
        return isinstance(node.this, exp.Literal) and not node.this.is_string
    return isinstance(node, exp.Literal) or is_typed_literal(node)


def check_literal(node: exp.Expression) -> Iterator[Reason]:
    """DATE and TIMESTAMP literals must be ISO 8601, or the two engines read them differently."""
    if not is_typed_literal(node):
        return
    read = dt.date.fromisoformat if node.to.this == exp.DType.DATE else dt.datetime.fromisoformat
    try:
        read(node.this.this)
    except ValueError:
        yield reason(Refusal.LITERAL, "write dates and times as in 2026-01-05", node, Documented.LOCAL)


def arguments(node: exp.Expression) -> list[exp.Expression]:
    """What a scalar function is applied to, without the parts that are not values (types, units, positions)."""
    if isinstance(node, exp.Extract):
        return [node.expression]
    if isinstance(node, exp.Anonymous):
        return list(node.expressions)
    names: tuple[str, ...] = ("this", "decimals", "start", "length", "format")
    if isinstance(node, (exp.Log, exp.TsOrDsAdd, exp.TimestampAdd)):
        names += ("expression",)
    return [node.args[name] for name in names if node.args.get(name) is not None] + list(node.expressions)


def check_arguments(node: exp.Expression) -> Iterator[Reason]:
    """Bare columns and literals only: a function can neither wrap another function nor arithmetic."""
    for argument in arguments(node):
        if not (isinstance(argument, exp.Column) or is_literal(argument)):
            message = "a function takes a column or a literal, not another function or a calculation"
            yield reason(Refusal.NESTED_FUNCTION, message, argument, Documented.AGGREGATION)
        yield from check_literal(argument)
    yield from _check_translation(node)


def _check_translation(node: exp.Expression) -> Iterator[Reason]:
    """Forms of a permitted function that mean something else in DuckDB."""
    problem = ""
    if scalar_name(node) not in _TRANSLATED:
        problem = f"{scalar_name(node)} gives other results on this machine; use another function to run it here"
    elif isinstance(node, (exp.Cast, exp.TryCast)) and node.to.this.name not in _CAST_TARGETS:
        problem = "CAST is supported to STRING, DATE and DOUBLE"
    elif isinstance(node, exp.Extract) and node.this.name.upper() not in _EXTRACTED:
        problem = f"EXTRACT is supported for {', '.join(sorted(_EXTRACTED))}"
    elif isinstance(node, exp.Substring) and not _starts_at_one_or_later(node):
        problem = "SUBSTRING is supported from a literal position of 1 or more"
    elif isinstance(node, exp.Round) and not isinstance(node.args.get("decimals"), (exp.Literal, type(None))):
        problem = "ROUND is supported with a literal number of decimals"
    if problem:
        yield reason(Refusal.FUNCTION_NOT_SUPPORTED_YET, problem, node, Documented.LOCAL)


def _starts_at_one_or_later(node: exp.Substring) -> bool:
    parts = [node.args.get("start"), node.args.get("length") or exp.Literal.number(1)]
    return all(isinstance(p, exp.Literal) and p.this.isdigit() for p in parts) and int(parts[0].this) >= 1
