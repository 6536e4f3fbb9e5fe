"""The warehouse: insight SQL, written for Athena, over the lake's tables.

Belongs here: running a SELECT in Athena's dialect. The local class transpiles it to DuckDB; Trino itself cannot be had
on this kind of machine, so nothing here claims that Athena ran. Not here: the SQL (`queries`), where results go.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

from segment_assets import engine
from segment_assets.contracts import PermanentError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pyarrow as pa

    from segment_assets.resources.ports import Source


@dataclasses.dataclass(frozen=True, slots=True)
class LocalWarehouse:
    """Runs Athena SQL on an embedded DuckDB that spills into `workdir`."""

    workdir: Path

    def select(self, sql: str, sources: Mapping[str, Source], schema: pa.Schema) -> pa.Table:
        """The rows of one SELECT over named sources, cast to `schema`. Raises PermanentError for other statements."""
        duckdb_sql = transpiled(sql)
        with engine.connect(self.workdir) as db:
            for name, source in sources.items():
                db.register(name, source.dataset)
            return db.sql(duckdb_sql).to_arrow_table().select(schema.names).cast(schema)


# The statements of the assets, each for some weeks: to translate one takes longer than to run it over a few rows.
@functools.lru_cache(256)
def transpiled(sql: str) -> str:
    """Athena SQL -> DuckDB SQL for a single SELECT; anything else is refused."""
    import sqlglot
    from sqlglot import exp

    statements = sqlglot.parse(sql, read="athena")
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise PermanentError("insight SQL must be a single SELECT; split it or correct it")
    return statements[0].sql(dialect="duckdb", unsupported_level=sqlglot.ErrorLevel.RAISE, copy=False)
