"""Who may be taken out with somebody else: others who hold an identifier that a removal sends all the same.

Belongs here: finding them among millions. Not here: which removals do so (`leaving`), what follows (`settling`).
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from segment_assets import engine
from segment_assets.delivery.ranges import Kept, filled, stream
from segment_assets.delivery.records import columns, weaker_keys
from segment_assets.delivery.sharing import Shared
from segment_assets.tables import ACKNOWLEDGED

if TYPE_CHECKING:
    import duckdb
    import pyarrow.dataset as pads

    from segment_assets.delivery.wanted import Wanted

_TAKEN = "FROM records WHERE phase IN ('remove', 'retire')"


def shake_others(db: duckdb.DuckDBPyConnection, state: pads.Dataset, wanted: Wanted, workdir: Path) -> None:
    """Add a record in the phase `shaken` for everybody of the state who holds what `records` takes out."""
    shared = Shared(wanted)
    # In the declared types: marks take a column of another type for text.
    schema = ACKNOWLEDGED.arrow_schema(wanted.columns)
    for batch in engine.batches(db, f"SELECT {', '.join(wanted.columns)} {_TAKEN}", schema):
        shared.add(batch)
    held = filled(state, state.schema.names)
    asked = shared.columns(held)
    if not asked:
        return
    with tempfile.TemporaryDirectory(dir=workdir, prefix="shaken-") as folder:
        candidates = Kept(Path(folder) / "candidates.arrow", ACKNOWLEDGED.arrow_schema(), held)
        for rows in stream(state, held):
            candidates.add(rows, shared.found(rows))
        db.register("candidates", candidates.dataset())
        db.execute(f"""
            INSERT INTO records
            SELECT 'shaken', 'old_identifiers', {columns(wanted, "c")}
            FROM candidates c
            WHERE standing IN ('acknowledged', 'in_doubt') AND ({_holds_what_is_taken(wanted)})
              AND NOT EXISTS (SELECT 1 FROM records r WHERE r.member_id = c.member_id AND r.record_id = c.record_id)
        """)
        db.unregister("candidates")


def _holds_what_is_taken(wanted: Wanted) -> str:
    """SQL: whether a candidate holds an identifying key of a removal, or all the weaker ones of one without such."""
    strong = wanted.identifying()
    tests = [f"c.{form} IN (SELECT {form} {_TAKEN} AND {form} IS NOT NULL)" for form in strong]
    none_strong = " AND ".join(f"{form} IS NULL" for form in strong) or "true"
    tests.append(f"{weaker_keys(wanted, 'c')} IN (SELECT {weaker_keys(wanted, 'records')} {_TAKEN} AND {none_strong})")
    return " OR ".join(f"coalesce({test}, false)" for test in tests)
