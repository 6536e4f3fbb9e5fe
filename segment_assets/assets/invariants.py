"""The blocking check `invariants` of a table for readers: what its declaration says holds for every row.

Belongs here: the check's declaration and its verdict. Not here: the conditions (`tables`). An asset reports it itself,
with what it published: a step of its own would cost as much as most of these tables.
"""

from __future__ import annotations

import contextlib
import warnings
from typing import TYPE_CHECKING

import dagster as dg

from segment_assets import engine

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from segment_assets.tables import Table

INVARIANTS = "invariants"


def invariant_specs(
    table: Table, key: dg.AssetKey, partitions: dg.PartitionsDefinition | None = None
) -> list[dg.AssetCheckSpec]:
    """The check of one asset, partitioned like it."""
    said = "; ".join([f"one row per {', '.join(table.grain) or 'table'}", *table.invariants])
    with _knowingly_partitioned():
        return [dg.AssetCheckSpec(INVARIANTS, asset=key, description=said, blocking=True, partitions_def=partitions)]


def checked(made: dg.MaterializeResult, table: Table, rows: pa.Table, workdir: Path) -> dg.MaterializeResult:
    """The same result with the verdict on its rows."""
    broken = broken_invariants(table, rows, workdir)
    said = "; ".join(f"{condition}: {count} rows" for condition, count in broken.items())
    verdict = dg.AssetCheckResult(
        check_name=INVARIANTS,
        passed=not broken,
        description=said and f"{table.name} contradicts its declaration, do not use it: {said}",
        metadata={"conditions": len(table.invariants) + 1, "broken": len(broken)},
    )
    return dg.MaterializeResult(metadata=made.metadata, data_version=made.data_version, check_results=[verdict])


def broken_invariants(table: Table, rows: pa.Table, workdir: Path) -> dict[str, int]:
    """Condition -> rows that break it. A condition that is unknown for a row, as of a withheld number, is kept."""
    grain = ", ".join(table.grain)
    counts = [f"count(*) FILTER (NOT ({condition}))" for condition in table.invariants]
    repeated = f"count(*) - count(DISTINCT ({grain}))" if grain else "greatest(count(*) - 1, 0)"
    with engine.connect(workdir) as db:
        db.register("this_table", rows)
        [found] = db.execute(f"SELECT {', '.join([repeated, *counts])} FROM this_table").fetchall()
    named = zip([f"one row per {grain or 'table'}", *table.invariants], found, strict=True)
    return {condition: int(count) for condition, count in named if count}


@contextlib.contextmanager
def _knowingly_partitioned():  # noqa: ANN202 - a context manager without a value
    """Partitioned checks are in preview: see `checks`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)
        yield
