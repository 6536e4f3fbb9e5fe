"""The room's templates on real Spark and, translated, on DuckDB: the same rows of the same files.

`python -m segment_assets_tests.distributed.room_templates <accounts folder> <week>` prints a JSON object: template ->
its sorted rows on Spark. Nothing is withheld here: withholding is tested on its own, this is about the translation.
"""

# ruff: noqa: T201 -- a command line, whose output is its result
from __future__ import annotations

import datetime as dt
import decimal
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from segment_assets import collaboration, queries
from segment_assets.assets.clean_room import weekly_sql

NAMES = [name.removeprefix("clean_room/") for name in queries.names("clean_room")]
Rows = list[list[Any]]


def views() -> dict[str, tuple[str, list[str]]]:
    """Table of the collaboration -> the folder of its files and its allowed columns."""
    configured = collaboration.document()["configuredTables"]
    return {
        table["association"]["name"]: (
            "/".join(table["configuredTable"]["tableReference"]["glue"].values()).removeprefix("account_"),
            table["configuredTable"]["allowedColumns"],
        )
        for table in configured
    }


def on_spark(accounts: Path, week: str) -> dict[str, Rows]:
    """Every template as it is written."""
    from pyspark.sql import SparkSession

    # Hardly any rows: compiling code for them would take longer than reading them one by one.
    options = {
        "spark.sql.session.timeZone": "UTC", "spark.sql.shuffle.partitions": "1", "spark.ui.enabled": "false",
        "spark.sql.adaptive.enabled": "false", "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    }  # fmt: skip
    spark = SparkSession.builder.master("local[2]").config(map=options).getOrCreate()
    try:
        for name, (folder, columns) in views().items():
            files = spark.read.option("recursiveFileLookup", "true").parquet(str(accounts / folder))
            files.select(*columns).coalesce(1).cache().createOrReplaceTempView(name)
        return {name: in_order(spark.sql(weekly_sql(name, week)).collect()) for name in NAMES}
    finally:
        spark.stop()


def on_duckdb(accounts: Path, week: str) -> dict[str, Rows]:
    """Every template translated."""
    import duckdb
    import sqlglot

    with duckdb.connect() as db:
        db.execute("SET TimeZone = 'UTC'")
        for name, (folder, columns) in views().items():
            source = f"read_parquet('{accounts / folder}/**/*.parquet', hive_partitioning = false)"
            db.execute(f"CREATE VIEW {name} AS SELECT {', '.join(columns)} FROM {source}")
        return {name: in_order(db.execute(_translated(sqlglot, weekly_sql(name, week))).fetchall()) for name in NAMES}


def _translated(sqlglot: Any, sql: str) -> str:
    return str(sqlglot.transpile(sql, read="spark", write="duckdb")[0])


def in_order(rows: Iterable[Iterable[Any]]) -> Rows:
    """Rows of plain values in an order of their own, since a GROUP BY has none."""
    return sorted(([_plain(value) for value in row] for row in rows), key=_texts_first)


def _texts_first(row: list[Any]) -> str:
    # Fractions last: they may differ by rounding.
    return repr([value for value in row if not isinstance(value, float)])


def _plain(value: Any) -> Any:
    if isinstance(value, (dt.date, dt.datetime)):
        return value.isoformat()[:10]
    return float(value) if isinstance(value, decimal.Decimal) else value


if __name__ == "__main__":
    print(json.dumps(on_spark(Path(sys.argv[1]), sys.argv[2])))
