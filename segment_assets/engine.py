"""DuckDB with a lid on it: one in-memory engine per job, which spills instead of growing.

Belongs here: connections and how their results become Arrow, for every room that thinks in SQL. Not here: any query.
"""

from __future__ import annotations

import contextlib
import os
from collections import defaultdict
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import duckdb
    import pyarrow as pa

# Leaves room for Python and Arrow below the 700 MB that a run may take.
MEMORY_LIMIT = "350MB"
THREADS = 2
RESULT_ROWS = 20_000
MOST_WAITING = 2
USUAL: Mapping[str, str] = MappingProxyType(
    {"memory_limit": MEMORY_LIMIT, "threads": str(THREADS), "preserve_insertion_order": "false"}
)

# Engines by how they are set up. Whoever takes one from here has it alone.
_waiting: defaultdict[tuple[tuple[str, str], ...], list[duckdb.DuckDBPyConnection]] = defaultdict(list)


@contextlib.contextmanager
def connect(spill: Path, options: Mapping[str, str] = USUAL) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory connection that spills below `spill` and speaks UTC. Its TEMP tables and views are nobody else's.

    `options` are DuckDB's, of the whole engine. One that has spilled or failed is closed; any other one waits for the
    next job, since to open one takes 30 ms of a processor, more than most jobs.
    """
    spill.mkdir(parents=True, exist_ok=True)
    folder = spill / "duckdb"
    waiting = _waiting[tuple(sorted(options.items()))]
    database = _waiting_or_new(waiting, options)
    is_sound = False
    try:
        with contextlib.closing(database.cursor()) as connection:
            connection.execute("SET temp_directory = " + _text(str(folder)))
            connection.execute("SET TimeZone = 'UTC'")
            yield connection
        # The place for spilling cannot be changed once it has been used.
        is_sound = not folder.exists()
    finally:
        if is_sound and len(waiting) < MOST_WAITING:
            waiting.append(database)
        else:
            database.close()


def _waiting_or_new(waiting: list[duckdb.DuckDBPyConnection], options: Mapping[str, str]) -> duckdb.DuckDBPyConnection:
    import duckdb

    with contextlib.suppress(IndexError):
        return waiting.pop()
    return duckdb.connect(":memory:", config=dict(options))


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _close_waiting() -> None:
    for waiting in list(_waiting.values()):
        while waiting:
            waiting.pop().close()


# The threads of an engine do not live on in a forked process, which would wait for them for ever.
os.register_at_fork(before=_close_waiting)


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
