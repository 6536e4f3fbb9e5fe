"""A lint for SQL that runs on two engines: it refuses what they are known to read differently without an error.

A query runs on Athena (Trino) or in Clean Rooms (Spark) in production and on DuckDB locally, translated by sqlglot 30.
Belongs here: constructs, found in a query's tree and words. Not here: functions (`functions`), the rules of a clean
room (`privacy`), whether two engines did agree (tests).

What is refused was found by translating and running it (the project's notes on dialects), or follows from the engines'
documentation. What is not known to be the same is refused too, so the lint errs on one side only.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify

from segment_assets.queries.functions import ALIKE, WHY_NOT, called
from segment_assets.queries.lineage import schema_of_names

if TYPE_CHECKING:
    from collections.abc import Iterator

ATHENA = "athena"
# What all three engines convert alike: to a wider number, the day of a time in UTC.
_NUMBERS = frozenset({exp.DType.DOUBLE, exp.DType.BIGINT})
_TEXT = frozenset({exp.DType.VARCHAR, exp.DType.TEXT})
_WHOLE = frozenset({exp.DType.BIGINT, exp.DType.INT, exp.DType.NULL, *_TEXT})
_CAST_TARGETS = _NUMBERS | _TEXT | {exp.DType.DATE}
_JOINS = frozenset({"", "INNER", "CROSS", "OUTER"})
_FRAGMENT = 80
# Of Athena's reserved words in SELECT those that might pass for a name elsewhere.
# https://docs.aws.amazon.com/athena/latest/ug/reserved-words.html
_RESERVED = frozenset(
    {
        "alter", "by", "constraint", "cube", "current_path", "deallocate", "delete", "describe", "drop", "escape",
        "execute", "exists", "extract", "first", "grouping", "insert", "into", "is", "last", "natural", "normalize",
        "outer", "prepare", "recursive", "rollup", "table", "uescape", "unescape", "values",
    }
)  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One construct that is refused: the rule's name, a piece of the query, the reason and what to write instead."""

    rule: str
    where: str
    why: str


def findings(sql: str, dialect: str) -> list[Finding]:
    """Everything in a query that its engine and DuckDB may read differently. `dialect`: athena or spark.

    It may name declared tables only, since types decide what a division means.

    >>> [found.rule for found in findings("SELECT DATE_ADD('day', -14, event_time) AS t FROM impressions", "athena")]
    ['call']
    """
    found: list[Finding] = []
    try:
        found += [*_calls(sql, dialect), *_words(sql, dialect)]
        (tree,) = sqlglot.parse(sql, read=dialect)
    except (sqlglot.errors.SqlglotError, ValueError):
        return [*found, Finding("text", sql[:_FRAGMENT], f"it is not one statement of {dialect}")]
    if not isinstance(tree, exp.Query):
        return [*found, Finding("text", sql[:_FRAGMENT], "only a SELECT is read alike")]
    found += [*_shapes(tree), *_joins(tree), *_values(tree)]
    return found or list(_types(tree, dialect))


def _calls(sql: str, dialect: str) -> Iterator[Finding]:
    for name, line in called(sql, dialect):
        if name not in ALIKE[dialect]:
            unknown = "it is not on the list of functions that are read alike; compare the engines, then add it"
            yield Finding("call", f"{name} in line {line}", WHY_NOT.get(name, unknown))


def _words(sql: str, dialect: str) -> Iterator[Finding]:
    for token in sqlglot.tokenize(sql, read=dialect):
        where, kind = f"line {token.line}", token.token_type.name
        if kind == "STRING" and sql[token.start] == '"':
            yield Finding("quotes", where, "double quotes make a string in Spark and a name elsewhere; use single ones")
        elif kind == "STRING" and "\\" in sql[token.start : token.end + 1]:
            yield Finding("escape", where, "a backslash escapes in Spark and stands for itself elsewhere")
        elif kind == "IDENTIFIER":
            yield Finding("quotes", where, "a quoted name keeps its case in one engine and not in another")


def _shapes(tree: exp.Query) -> Iterator[Finding]:
    for select in tree.find_all(exp.Select):
        if any(one.is_star for one in select.expressions):
            yield _finding("star", select, "* also gives partition keys in Athena; name the columns")
        if select.args.get("qualify"):
            yield _finding("qualify", select, "neither Trino nor Spark 3.5 knows QUALIFY; filter in an outer SELECT")
        if (select.args.get("limit") or select.args.get("offset")) and not select.args.get("order"):
            yield _finding("limit", select, "without an order LIMIT takes any rows; add ORDER BY")
    for group in tree.find_all(exp.Group):
        if group.args.get("all") or any(isinstance(one, exp.Literal) for one in group.expressions):
            yield _finding(
                "group", group, "Trino knows no GROUP BY ALL, and places are lost in rewriting; name columns"
            )
    for ordered in tree.find_all(exp.Ordered):
        if isinstance(ordered.this, exp.Literal):
            yield _finding("order", ordered, "places are lost in rewriting; name columns")
    for sampled in tree.find_all(exp.TableSample, exp.Pivot, exp.Lateral, exp.Unnest):
        yield _finding("source", sampled, "engines read this kind of source differently; use joins and VALUES")


def _joins(tree: exp.Query) -> Iterator[Finding]:
    for join in tree.find_all(exp.Join):
        if join.kind not in _JOINS or join.method:
            yield _finding("join", join, "only inner, cross and outer joins are read alike; use EXISTS or ON")
        elif join.side == "FULL" and not list(join.find_all(exp.EQ)):
            yield _finding("join", join, "Trino joins FULL on equality only")
        elif not join.args.get("on") and join.kind != "CROSS":
            yield _finding("join", join, "a join without ON is one by accident; write CROSS JOIN or ON")


def _values(tree: exp.Query) -> Iterator[Finding]:
    for cast in tree.find_all(exp.Cast):
        if cast.to.this not in _CAST_TARGETS:
            yield _finding("cast", cast, "narrow and other types differ; cast to double, bigint, date or varchar")
    for count in tree.find_all(exp.Count):
        if isinstance(count.this, exp.Distinct) and len(count.this.expressions) > 1:
            yield _finding("count", count, "Trino counts one column; a NULL in any of several is counted differently")
    for interval in tree.find_all(exp.Interval):
        if str(interval.args.get("unit")).upper() not in {"DAY", "DAYS"}:
            yield _finding("interval", interval, "only days are compared between the engines; count in days")
    for name in tree.find_all(exp.Identifier):
        if name.name.lower() in _RESERVED:
            yield _finding("reserved", name, "Athena reserves the word; take another name")
    for division in tree.find_all(exp.IntDiv):
        yield _finding("division", division, "negative numbers are rounded towards zero or downwards")


def _types(tree: exp.Query, dialect: str) -> Iterator[Finding]:
    """Rules that need to know types: Trino divides whole numbers to a whole one, and 1.5 is a decimal there."""
    plain = tree.copy()
    for placeholder in list(plain.find_all(exp.Placeholder)):
        placeholder.replace(exp.cast(exp.Literal.string("2026-01-05"), "date"))
    schema = schema_of_names()
    try:
        typed = annotate_types(qualify(plain, schema=schema, dialect=dialect), schema=schema, dialect=dialect)
    except sqlglot.errors.SqlglotError:
        yield Finding("name", "", "it names a table or column that segment_assets/tables does not declare")
        return
    for cast in typed.find_all(exp.Cast):
        if cast.to.this in _TEXT and not (cast.this.type is not None and cast.this.type.this in _WHOLE):
            yield _finding("cast", cast, "only whole numbers have the same text everywhere; make the text by CASE")
        if cast.to.this is exp.DType.BIGINT and _is_double(cast.this):
            yield _finding("cast", cast, "a fraction is cut off or rounded; decide it with CASE")
    if dialect == ATHENA:
        yield from _arithmetic(typed)


def _arithmetic(typed: exp.Expr) -> Iterator[Finding]:
    for part in typed.find_all(exp.Div):
        if not (_is_double(part.left) or _is_double(part.right)):
            why = "Trino divides whole numbers to a whole one, DuckDB does not; cast to double"
            yield _finding("division", part, why)
    for literal in typed.find_all(exp.Literal):
        if not literal.is_string and "." in literal.name and not _becomes_double(literal):
            why = "1.5 is a decimal in Trino, as wide as it likes; write it beside a double, or cast it"
            yield _finding("decimal", literal.parent or literal, why)


def _becomes_double(literal: exp.Expr) -> bool:
    """Whether a decimal stands beside a double, which makes it one in every engine."""
    inner, outer = literal, literal.parent
    while isinstance(outer, (exp.Neg, exp.Paren)):
        inner, outer = outer, outer.parent
    if isinstance(outer, exp.Cast):
        return bool(outer.to.this is exp.DType.DOUBLE)
    return isinstance(outer, exp.Binary) and _is_double(outer.right if outer.left is inner else outer.left)


def _is_double(side: exp.Expr) -> bool:
    """Whether a value is a double for Trino too: sqlglot takes 1.5 for one."""
    inner = side.unnest()
    while isinstance(inner, exp.Neg):
        inner = inner.this.unnest()
    return bool(side.type is not None and side.is_type(exp.DType.DOUBLE)) and not isinstance(inner, exp.Literal)


def _finding(rule: str, node: exp.Expr, why: str) -> Finding:
    return Finding(rule, node.sql()[:_FRAGMENT], why)
