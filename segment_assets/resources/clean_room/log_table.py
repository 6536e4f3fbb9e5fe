"""The query log as a table: one row per analysis, in the shape of the log that AWS writes.

Belongs here: the columns, and reading the lines. Not here: writing them (`query_log`).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from pathlib import Path

# AWS's names. Lists are JSON strings inside JSON there, and stay strings here.
SCHEMA = pa.schema([
    pa.field("eventId", pa.string(), nullable=False),
    pa.field("eventTimestamp", pa.timestamp("ms", tz="UTC"), nullable=False),
    pa.field("logStage", pa.string(), nullable=False),
    pa.field("status", pa.string(), nullable=False),
    pa.field("analysisType", pa.string(), nullable=False),
    pa.field("analysisRule", pa.string()),
    pa.field("queryRunnerAccountId", pa.string(), nullable=False),
    pa.field("resultReceivers", pa.string(), nullable=False),
    pa.field("schemaNames", pa.string(), nullable=False),
    pa.field("queryText", pa.string(), nullable=False),
    pa.field("queryValidationErrors", pa.string(), nullable=False),
    pa.field("errorCode", pa.string()),
    pa.field("errorMessage", pa.string()),
    pa.field("totalDurationInMillis", pa.int64(), nullable=False),
])  # fmt: skip


def read(file: Path) -> pa.Table:
    """The log as a table, oldest first; no rows when nothing was asked yet."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    entries = [json.loads(line) for line in lines]
    rows = [{**entry, "totalDurationInMillis": entry["statistics"]["totalDurationInMillis"]} for entry in entries]
    return pa.Table.from_pylist([{name: row.get(name) for name in SCHEMA.names} for row in rows], schema=SCHEMA)
