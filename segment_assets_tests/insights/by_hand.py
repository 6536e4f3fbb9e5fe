"""Weekly tables made of rows that a test writes down: no clean room, no lake, no run."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as pads

from segment_assets import queries
from segment_assets.assets.insights import WEEKLY
from segment_assets.assets.weekly_rows import computed_rows
from segment_assets.resources.ports import Source
from segment_assets.resources.warehouse import LocalWarehouse
from segment_assets.tables import Table

MONDAY = dt.date(2026, 10, 5)
BY_TABLE = {insight.table.name: insight for insight in WEEKLY}
Given = Mapping[str, Sequence[Mapping[str, Any]]]


def answered(tmp_path: Path, table: str, given: Given) -> list[dict[str, Any]]:
    """The rows of a weekly table; a source that is not given is empty."""
    return made(tmp_path, table, given).to_pylist()


def made(tmp_path: Path, table: str, given: Given) -> pa.Table:
    """The same as Arrow, for its invariants."""
    insight = BY_TABLE[table]
    sources = {source.name: _rows(source, given) for source in (*insight.room, *insight.own, *insight.measured)}
    if not insight.table.query:
        results = {name: rows.to_pylist() for name, rows in sources.items()}
        return pa.Table.from_pylist(computed_rows(table, MONDAY, results), insight.table.arrow_schema())
    sql = queries.render(queries.read("/".join(insight.key)), {"reporting_week": MONDAY})
    named = {name: Source(name, pads.dataset(rows)) for name, rows in sources.items()}
    return LocalWarehouse(tmp_path).select(sql, named, insight.table.arrow_schema())


def _rows(source: Table, given: Given) -> pa.Table:
    schema = source.arrow_schema()
    rows = [dict.fromkeys(schema.names) | dict(row) for row in given.get(source.name, ())]
    return pa.Table.from_pylist(rows, pa.schema([field.with_nullable(nullable=True) for field in schema]))
