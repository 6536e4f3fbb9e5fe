"""DuckDB with a lid on it: one in-memory connection per job, which spills instead of growing.

Belongs here: connections and how their results become Arrow, for every room that thinks in SQL. Not here: any query.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb
    import pyarrow as pa

# Leaves room for Python and Arrow below the 700 MB that a run may take.
MEMORY_LIMIT = "350MB"
THREADS = 2
RESULT_ROWS = 20_000


@contextlib.contextmanager
def connect(spill: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory connection that spills below `spill` and speaks UTC."""
    import duckdb

    spill.mkdir(parents=True, exist_ok=True)
    config = {
        "memory_limit": MEMORY_LIMIT,
        "threads": str(THREADS),
        "temp_directory": str(spill / "duckdb"),
        "preserve_insertion_order": "false",
    }
    connection = duckdb.connect(":memory:", config=config)
    try:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection
    finally:
        connection.close()


def batches(connection: duckdb.DuckDBPyConnection, sql: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Run a query and yield its rows in a declared schema, column by name."""
    import pyarrow as pa

    reader = connection.sql(sql).to_arrow_reader(RESULT_ROWS)
    for batch in reader:
        arrays = [batch.column(field.name).cast(field.type) for field in schema]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def number(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    """The single whole number that a query gives; 0 for NULL."""
    # fetchone would leave the result open, and DuckDB 2.0 refuses the next query while one is.
    rows = connection.execute(sql).fetchall()
    return int(rows[0][0] or 0) if rows else 0
