"""One insight query as one Athena statement: exactly the rows that it may read, and an answer that proves itself whole.

Belongs here: SQL trees, no service. Not here: who runs a statement (`athena_execution`), whether what it reads is still
the published version (`athena_sources`).

What Athena documents, and the statement answers to (https://docs.aws.amazon.com/athena/latest/ug/unload.html):
- UNLOAD writes several files, each sorted and not one after the other: so rows carry their number and are sorted here.
- A failed or repeated attempt leaves its files behind: so rows carry how many there are, and a row too many or too few
  is seen. An answer without rows is one row of NULLs, so that a folder without files is never taken for it.
What stands in UNLOAD's brackets begins with SELECT, as in the documentation; WITH is in a subquery.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp

from segment_assets.contracts import PermanentError
from segment_assets.resources.aws.athena_answer import ROW, ROWS
from segment_assets.tables import Type

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from segment_assets.tables import Table

DIALECT = "athena"
# https://docs.aws.amazon.com/athena/latest/ug/service-limits.html: not adjustable, in UTF-8.
MOST_BYTES = 262_144
_ANSWER, _NUMBERED, _ALWAYS, _ONE = (f"segment_assets_{name}" for name in ("answer", "numbered", "always", "one"))
_TYPES = {Type.STRING: "varchar", Type.DIGEST: "varbinary"}


@dataclasses.dataclass(frozen=True, slots=True)
class Relation:
    """What a name of a query stands for: rows of `database`.`table`.

    `key` is the partition key and `only` the partitions to be read: None is all of them, an empty list is no row.
    """

    database: str
    table: Table
    key: str = ""
    only: Sequence[str] | None = None


def parsed(sql: str) -> exp.Query:
    """One SELECT in Athena's dialect. Raises PermanentError for anything else; the text is not repeated."""
    try:
        statements = sqlglot.parse(sql, read=DIALECT)
    except sqlglot.errors.SqlglotError:
        raise PermanentError("insight SQL is not understood as Athena's; correct it") from None
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise PermanentError("insight SQL must be a single SELECT; split it or correct it")
    return statements[0]


def numbered(sql: str, relations: Mapping[str, Relation], columns: Sequence[str]) -> str:
    """The query over its relations, with `columns` in this order and every row's number and the number of rows.

    Only columns that the query names are asked of a table, so a role needs no right to the others.
    """
    query = parsed(sql)
    _only_of(query, relations)
    if {ROW, ROWS} & set(columns):
        raise PermanentError(f"{ROW} and {ROWS} are names of the warehouse; call the column something else")
    named = {column.name.lower() for column in query.find_all(exp.Column)}
    order = _taken_order(query)
    inner = exp.select(
        *(exp.column(name, quoted=True) for name in columns),
        exp.alias_(exp.Window(this=exp.RowNumber(), order=order), ROW, quoted=True),
        exp.alias_(exp.Window(this=exp.Count(this=exp.Star())), ROWS, quoted=True),
        exp.alias_(exp.Literal.number(1), _ONE, quoted=True),
    ).from_(exp.table_(_ANSWER, quoted=True))
    for name, relation in relations.items():
        inner = inner.with_(exp.to_identifier(name, quoted=True), as_=_rows_of(relation, named), copy=False)
    inner = inner.with_(exp.to_identifier(_ANSWER, quoted=True), as_=query, copy=False)
    # The left side has one row, so a query without rows still gives one: of NULLs. Joined on equality, which every
    # version of Trino takes of an outer join.
    is_joined = exp.column(_ONE, table=_ALWAYS, quoted=True).eq(exp.column(_ONE, table=_NUMBERED, quoted=True))
    whole = (
        exp.select(*(exp.column(name, table=_NUMBERED, quoted=True) for name in (*columns, ROW, ROWS)))
        .from_(_one_row())
        .join(inner.subquery(_NUMBERED), on=is_joined, join_type="left")
    )
    return str(whole.sql(dialect=DIALECT, comments=False))


def unload(select: str, folder: str) -> str:
    """The statement that writes a SELECT's rows as Parquet into an empty S3 folder (`s3://bucket/prefix/`).

    Raises PermanentError where Athena would refuse its length.
    """
    target = exp.Literal.string(folder).sql(dialect=DIALECT)
    statement = f"UNLOAD ({select}) TO {target} WITH (format = 'PARQUET', compression = 'SNAPPY')"
    if len(statement.encode()) > MOST_BYTES:
        raise PermanentError(
            f"the statement is longer than the {MOST_BYTES} bytes that Athena takes; read fewer partitions at once"
        )
    return statement


def _only_of(query: exp.Query, relations: Mapping[str, Relation]) -> None:
    """A name that is no source would be looked up in the catalogue, and all partitions of that table would be read."""
    local = {cte.alias for cte in query.find_all(exp.CTE)}
    stored = [table for table in query.find_all(exp.Table) if isinstance(table.this, exp.Identifier)]
    strange = {table.name for table in stored if table.db or table.name not in {*relations, *local}}
    if strange:
        raise PermanentError(
            f"insight SQL reads {', '.join(sorted(strange))}, which is none of its sources; declare it"
        )


def _rows_of(relation: Relation, named: set[str]) -> exp.Select:
    columns = [column for column in relation.table.columns if column.name in named] or relation.table.columns[:1]
    if relation.only is not None and not relation.only:
        empty = (exp.cast(exp.null(), _TYPES.get(c.type, c.type.value), dialect=DIALECT).as_(c.name, quoted=True)
                 for c in columns)  # fmt: skip
        return exp.select(*empty).from_(_one_row()).where(exp.false())
    table = exp.table_(relation.table.name, db=relation.database, quoted=True)
    select = exp.select(*(exp.column(column.name, quoted=True) for column in columns)).from_(table)
    if relation.only is None:
        return select
    return select.where(exp.column(relation.key, quoted=True).isin(*relation.only))


def _one_row() -> exp.Values:
    return exp.values([(1,)], alias=_ALWAYS, columns=[_ONE])


def _taken_order(query: exp.Query) -> exp.Order | None:
    """The order of a query, for its rows' numbers. Inside a WITH it would mean nothing, but a LIMIT needs it."""
    order = query.args.get("order")
    if order is None:
        return None
    keys = [_key(query, ordered, f"order_{place}") for place, ordered in enumerate(order.expressions, 1)]
    if not (query.args.get("limit") or query.args.get("offset")):
        query.set("order", None)
    return exp.Order(expressions=keys)


def _key(query: exp.Query, ordered: exp.Ordered, name: str) -> exp.Ordered:
    """A key of an order as a column of the answer; one that is not shown is added under `name`."""
    key, shown = ordered.this, query.named_selects
    if not isinstance(key, exp.Column):
        raise PermanentError("insight SQL may order by columns only; give the expression a name and order by that")
    if not key.table and key.name in shown:
        name = key.name
    elif isinstance(query, exp.Select) and not query.args.get("distinct"):
        query.select(exp.alias_(key.copy(), name, quoted=True), copy=False)
    else:
        raise PermanentError("insight SQL with DISTINCT or UNION may order only by columns that it shows")
    return exp.Ordered(
        this=exp.column(name, quoted=True), desc=ordered.args.get("desc"), nulls_first=ordered.args.get("nulls_first")
    )
