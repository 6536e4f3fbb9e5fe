"""Requests to be forgotten to everything that names the people behind them, kept for as long as a no has to be.

Belongs here: reading landed requests, and adding them to those of before. Not here: which customers a request means
(`matching`), what is asked of platforms (`delivery.erasing`).

A request is kept as digests, so its file may go once it was read: that is how somebody stays forgotten who would come
again with the next segment.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from segment_assets import engine
from segment_assets.audience.reading import read_files
from segment_assets.audience.suppressing import build_suppressions
from segment_assets.tables import ERASURES, OPT_OUTS, SUPPRESSIONS

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pyarrow as pa
    import pyarrow.dataset as pads

_SAID = {"customer_id": "customer_id", "email": "email_address", "phone": "phone_number", "country": "country"}


@dataclasses.dataclass(frozen=True, slots=True)
class ErasureCounts:
    """`unreadable` rows and requests `naming_nobody` need a person's look; nobody is forgotten by them."""

    requests: int
    unreadable: int
    naming_nobody: int
    customers: int
    rows: int


def build_erasures(
    files: Sequence[Path],
    customers: pads.Dataset,
    before: pads.Dataset | None,
    key: bytes,
    write: Callable[[pa.RecordBatch], None],
    *,
    now: dt.datetime,
    workdir: Path,
) -> ErasureCounts:
    """Turn landed requests into rows of ERASURES, with those of `before`, sorted by (kind, digest).

    A file has a column of customer numbers, e-mails or phones (with `country`, where these are national), in any format
    and spelling that segments may have. `now` is when they were read, which counts for those that are new. Memory is
    that of the requests. Raises as `read_files` does.
    """
    import pyarrow as pa
    import pyarrow.dataset as pads

    requests, unreadable = _requests(files, now)
    found: list[pa.RecordBatch] = []
    counts = build_suppressions(pads.dataset(requests), customers, key, found.append, workdir=workdir)
    named = pa.Table.from_batches(found, SUPPRESSIONS.arrow_schema())
    with engine.connect(workdir) as db:
        db.register("now_named", named)
        db.register("named_before", ERASURES.arrow_schema().empty_table() if before is None else before)
        sql = """
            SELECT kind, digest, min(opted_out_at) AS opted_out_at
            FROM (SELECT * FROM now_named UNION ALL BY NAME SELECT * FROM named_before)
            GROUP BY kind, digest ORDER BY kind, digest
        """
        rows = 0
        for batch in engine.batches(db, sql, ERASURES.arrow_schema()):
            rows += batch.num_rows
            write(batch)
    return ErasureCounts(requests.num_rows, unreadable, counts.naming_nobody, counts.customers, rows)


def _requests(files: Sequence[Path], now: dt.datetime) -> tuple[pa.Table, int]:
    """Rows of OPT_OUTS, and how many more could not be read."""
    import pyarrow as pa

    schema = OPT_OUTS.arrow_schema()
    if not files:
        return schema.empty_table(), 0
    reading, rows = read_files(list(files), {}), list[dict[str, Any]]()
    for batch in reading:
        for cells in batch.select([*_SAID]).to_pylist():
            said = {column: cells[name] for name, column in _SAID.items()}
            rows.append({**said, "opt_out_id": str(len(rows)), "opted_out_at": now, "source": "erasure"})
    return pa.Table.from_pylist(rows, schema), reading.report.rows - len(rows)
