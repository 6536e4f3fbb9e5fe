"""Running a statement: its tables fetched, its SELECT translated for DuckDB, its rows written where UNLOAD says.

As documented: the target of UNLOAD has to be empty; rows go to several files, without an order among these; no rows are
no file; a manifest in the place of results lists the files. Our reading: the words of a reason, beyond its code.
"""

from __future__ import annotations

import dataclasses
import uuid
from typing import TYPE_CHECKING, Any

import sqlglot
from sqlglot import exp
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify

from segment_assets import engine
from segment_assets.sandbox.aws.athena.errors import BAD_DATA, INTERNAL, SYNTAX, CutOff, QueryFailed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pyarrow as pa

    from segment_assets.sandbox.aws.athena.catalog import Catalog, Stored
    from segment_assets.sandbox.aws.athena.statements import Statement

_SQL_TYPES = {"string": "varchar", "binary": "varbinary"}


@dataclasses.dataclass(frozen=True, slots=True)
class _Mention:
    """A stored table in a statement, and partition key -> the values that a filter beside it asks for."""

    stored: Stored
    asked: Mapping[str, list[str]]


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """The rows of a SELECT in Athena's types, and the bytes that were scanned for them."""

    rows: pa.Table
    scanned: int


def answer(statement: Statement, database: str, catalog: Catalog, cutoff: int, spill: Path) -> Answer:
    """Run a SELECT. Raises QueryFailed, or CutOff where more would be scanned than the workgroup allows."""
    tree = statement.select.copy()
    mentions = _taken_out(tree, database, catalog)
    sql = _translated(tree, mentions)
    scanned = 0
    with engine.connect(spill) as db:
        for name, mention in mentions.items():
            rows, size = catalog.rows(mention.stored, mention.asked)
            scanned += size
            if 0 < cutoff < scanned:
                raise CutOff(scanned)
            db.register(name, rows)
        try:
            rows = db.sql(sql).to_arrow_table()
        except Exception:  # noqa: BLE001 - DuckDB's words quote values
            raise QueryFailed("GENERIC_USER_ERROR: the statement failed in DuckDB", BAD_DATA) from None
    return Answer(_in_trino_types(rows), scanned)


def write(rows: pa.Table, statement: Statement, catalog: Catalog, files: int) -> list[str]:
    """Write rows to UNLOAD's target in several files and return their names. Raises QueryFailed if it is not empty."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyarrow import fs as pafs

    filesystem, folder = catalog.session.filesystem(), statement.target.removeprefix("s3://").rstrip("/")
    there = filesystem.get_file_info(pafs.FileSelector(folder, recursive=True, allow_not_found=True))
    if any(one.is_file for one in there):
        raise QueryFailed(
            f"HIVE_PATH_ALREADY_EXISTS: Target directory for table 'unload' already exists: {statement.target}",
            BAD_DATA,
        )
    # The other way round, so that nobody relies on files or rows being in order.
    backwards = rows.take(pa.array(range(len(rows) - 1, -1, -1), pa.int64()))
    share = -(-len(rows) // files) or 1
    codec: dict[str, Any] = {"compression": statement.codec}
    names = []
    for start in range(0, len(rows), share):
        name = f"{folder}/{uuid.uuid4()}"
        pq.write_table(backwards.slice(start, share), name, filesystem=filesystem, **codec)
        names.append(f"s3://{name}")
    return names


def _taken_out(tree: exp.Query, database: str, catalog: Catalog) -> dict[str, _Mention]:
    """Every mention of a stored table under a name of its own, which takes its place in the tree."""
    local = {cte.alias for cte in tree.find_all(exp.CTE)}
    found: dict[str, _Mention] = {}
    for table in list(tree.find_all(exp.Table)):
        if not isinstance(table.this, exp.Identifier) or (not table.db and table.name in local):
            continue
        name, stored = f"stored_{len(found)}", catalog.table(table.db or database, table.name)
        asked = {key: values for key, values in _filters(table).items() if key in stored.keys}
        found[name] = _Mention(stored, asked)
        table.replace(exp.table_(name, alias=table.alias_or_name, quoted=True))
    return found


def _filters(table: exp.Table) -> dict[str, list[str]]:
    """Column -> the literals that a SELECT directly over the table asks for, of `=` and IN joined by AND."""
    select = table.find_ancestor(exp.Select)
    where = select.args.get("where") if select is not None else None
    if where is None:
        return {}
    asked: dict[str, list[str]] = {}
    for one in where.this.flatten() if isinstance(where.this, exp.And) else [where.this]:
        column = one.this
        if not isinstance(column, exp.Column) or column.table not in {"", table.alias_or_name}:
            continue
        if isinstance(one, exp.In):
            asked[column.name] = [literal.name for literal in one.expressions]
        elif isinstance(one, exp.EQ) and isinstance(one.expression, exp.Literal):
            asked[column.name] = [one.expression.name]
    return asked


def _translated(tree: exp.Query, mentions: Mapping[str, _Mention]) -> str:
    """DuckDB's text, with types known, so that integers are divided as Trino divides them."""
    schema = {
        name: {column: _SQL_TYPES.get(kind, kind) for column, kind in mention.stored.types.items()}
        for name, mention in mentions.items()
    }
    try:
        qualified = qualify(tree, schema=schema, dialect="athena")
        typed = annotate_types(qualified, schema=schema, dialect="athena")
    except sqlglot.errors.SqlglotError:
        raise QueryFailed("COLUMN_NOT_FOUND: line 1:1: Column cannot be resolved", SYNTAX) from None
    try:
        return str(typed.sql(dialect="duckdb", unsupported_level=sqlglot.ErrorLevel.RAISE))
    except sqlglot.errors.SqlglotError:
        raise QueryFailed("GENERIC_INTERNAL_ERROR: the stand-in cannot translate this", INTERNAL) from None


def _in_trino_types(rows: pa.Table) -> pa.Table:
    """DuckDB's sums are wider than Trino's, and its times finer."""
    import pyarrow as pa

    def narrowed(kind: pa.DataType) -> pa.DataType:
        if pa.types.is_decimal(kind) and kind.scale == 0:
            return pa.int64()
        return pa.timestamp("ms") if pa.types.is_timestamp(kind) else kind

    return rows.cast(pa.schema([(field.name, narrowed(field.type)) for field in rows.schema]), safe=False)
