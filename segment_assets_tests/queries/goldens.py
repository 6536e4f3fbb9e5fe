"""What every query becomes: DuckDB's text, and, of insight SQL, the statement that Athena is sent. Kept as files.

A change of sqlglot, or of a query, shows in the difference of a file. Renew them all with

    .venv/bin/python -m segment_assets_tests.queries.goldens
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import sqlglot
from sqlglot import exp

from segment_assets import queries
from segment_assets.queries.lineage import DIALECTS
from segment_assets.resources.aws.athena_statement import Relation, numbered, parsed
from segment_assets.tables import TABLES

FOLDER = Path(__file__).parent / "goldens"
NAMES = [name for folder in DIALECTS for name in queries.names(folder)]
WEEK = dt.date(2026, 10, 5)
# Account A's own tables; every other one is the lake's.
OWN = {"customers", "conversions"}


def dialect_of(name: str) -> str:
    return DIALECTS[name.partition("/")[0]]


def rendered(name: str) -> str:
    """A query with a date in the place of each of its placeholders."""
    sql = queries.read(name)
    tree = sqlglot.parse_one(sql, read=dialect_of(name))
    return queries.render(sql, {placeholder.name: WEEK for placeholder in tree.find_all(exp.Placeholder)})


def golden(name: str) -> str:
    """The text of a query's file."""
    sql, dialect = rendered(name), dialect_of(name)
    told = {"duckdb": sqlglot.transpile(sql, read=dialect, write="duckdb", comments=False)[0]}
    if dialect == "athena":
        told["athena, as it is sent"] = sent(name, sql)
    parts = [f"-- {title}\n{_readable(text, title.partition(',')[0])}\n" for title, text in told.items()]
    return "\n".join(parts)


def sent(name: str, sql: str) -> str:
    """The SELECT inside the UNLOAD, over one partition of each table."""
    (table,) = (table for table in TABLES.values() if table.query == name)
    named = {one.name for one in parsed(sql).find_all(exp.Table)} & set(TABLES)
    relations = {
        one: Relation("account_a", TABLES[one], "week", [WEEK.isoformat()] if one == "conversions" else None)
        if one in OWN
        else Relation("lake", TABLES[one], "partition", [WEEK.isoformat()])
        for one in sorted(named)
    }
    return numbered(sql, relations, table.column_names())


def _readable(text: str, dialect: str) -> str:
    return sqlglot.transpile(text, read=dialect, write=dialect, pretty=True)[0]


def path_of(name: str) -> Path:
    return FOLDER / f"{name}.sql"


def renew() -> None:
    for old in FOLDER.rglob("*.sql"):
        old.unlink()
    for name in NAMES:
        path_of(name).parent.mkdir(parents=True, exist_ok=True)
        path_of(name).write_text(golden(name), encoding="utf-8")


if __name__ == "__main__":
    renew()
