"""The log of analyses as a table: one row per record, in the shape of the log that AWS writes.

Belongs here: records to rows of the declared table. Not here: where records come from (`AnalysisLog` of the ports),
writing them on this machine (`query_log`).
"""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

from segment_assets.privacy import redact
from segment_assets.tables import ANALYSIS_LOG

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pyarrow as pa

# AWS's names of the record, by ours. Lists are JSON texts inside JSON there, and stay texts here.
_TEXTS = {
    "event_id": "eventId",
    "log_stage": "logStage",
    "status": "status",
    "analysis_type": "analysisType",
    "analysis_rule": "analysisRule",
    "query_runner_account_id": "queryRunnerAccountId",
    "result_receivers": "resultReceivers",
    "schema_names": "schemaNames",
    "query_validation_errors": "queryValidationErrors",
    "error_code": "errorCode",
}


def read(records: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Records (as JSON objects) as rows of ANALYSIS_LOG, oldest first, each record once.

    Whoever runs a query may have compared a column with somebody's identifier, so literals are masked here too.
    """
    import pyarrow as pa

    rows = {(row["event_id"], row["log_stage"]): row for row in map(_row, records)}
    ordered = sorted(rows.values(), key=lambda row: (row["logged_at"], row["event_id"], row["log_stage"]))
    return pa.Table.from_pylist(ordered, ANALYSIS_LOG.arrow_schema())


def _row(record: Mapping[str, Any]) -> dict[str, Any]:
    took = (record.get("statistics") or {}).get("totalDurationInMillis")
    return {
        **{name: _text(record.get(theirs)) for name, theirs in _TEXTS.items()},
        "logged_at": dt.datetime.fromtimestamp(int(record["eventTimestamp"]) / 1000, dt.UTC),
        "query_text": redact(text) if (text := record.get("queryText")) else None,
        "duration_ms": took,
    }


def _text(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
