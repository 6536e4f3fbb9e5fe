"""Who leaves although the audience did not say so: opt-outs, and everybody with an audience that is deleted.

Belongs here: those changes, and whether an open delivery must be stopped for a no.
Not here: the audience's own changes (`changes`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from segment_assets import engine
from segment_assets.delivery.records import (
    columns,
    counted,
    is_suppressed,
    load_state,
    load_suppressions,
    sent_to_remove,
    take_out_leaving,
    write_batches,
)
from segment_assets.delivery.wanted import FORMS, ChangeCounts, Wanted
from segment_assets.tables import ACKNOWLEDGED

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow.dataset as pads

    from segment_assets.contracts import SnapshotWriter


def opt_out_changes(
    acknowledged: pads.Dataset,
    suppressions: pads.Dataset,
    wanted: Wanted,
    *,
    write: SnapshotWriter,
    workdir: Path,
    late: bool = False,
) -> ChangeCounts:
    """Write removals for everybody in `acknowledged` that `suppressions` names, by any identifier.

    Unlike other removals these send every identifying key, also one that a remaining person holds: a shared
    identifier would otherwise keep the person who said no in the audience.
    """
    with engine.connect(workdir) as db:
        load_suppressions(db, suppressions)
        load_state(db, acknowledged)
        db.execute(f"CREATE TEMP TABLE wanted AS SELECT {columns()} FROM state WHERE false")
        db.execute("CREATE TEMP TABLE audience AS SELECT NULL::VARCHAR AS eligibility WHERE false")
        db.execute(f"""
            CREATE TEMP TABLE records AS
            SELECT 'remove' AS phase, 'gone' AS kind, {columns("a", keep=sent_to_remove(wanted, "a"))}
            FROM state a
            WHERE a.standing <> 'rejected'
              AND ({is_suppressed("a")})
        """)
        if late:
            take_out_leaving(db, wanted)
        write_batches(db, wanted.contract.batch_members, write)
        counts = counted(db, wanted)
    return dataclasses.replace(counts, unchanged=counts.last_known - counts.removes)


def deletion_changes(
    acknowledged: pads.Dataset, wanted: Wanted, *, write: SnapshotWriter, workdir: Path
) -> ChangeCounts:
    """Everybody leaves with the audience itself, which needs no request for any of them."""
    with engine.connect(workdir) as db:
        db.execute("CREATE TEMP TABLE audience AS SELECT NULL::VARCHAR AS eligibility WHERE false")
        load_state(db, acknowledged)
        db.execute(f"CREATE TEMP TABLE wanted AS SELECT {columns()} FROM state WHERE false")
        db.execute(f"CREATE TEMP TABLE records AS SELECT 'none' AS phase, 'gone' AS kind, {columns()} FROM state")
        write_batches(db, wanted.contract.batch_members, write)
        return counted(db, wanted)


def anybody_named(held: pads.Dataset | None, changes: pads.Dataset, suppressions: pads.Dataset, workdir: Path) -> bool:
    """Whether `suppressions` names anybody who would be in the audience once `changes` are done."""
    with engine.connect(workdir) as db:
        load_suppressions(db, suppressions)
        db.register("held", held if held is not None else ACKNOWLEDGED.arrow_schema().empty_table())
        db.register("changes", changes)
        forms = ", ".join(FORMS)
        return bool(
            engine.number(
                db,
                f"""
                SELECT count(*) FROM (
                    SELECT member_id, {forms} FROM held h WHERE NOT EXISTS (
                        SELECT 1 FROM changes c WHERE c.phase IN ('remove', 'retire')
                        AND c.member_id = h.member_id AND c.record_id = h.record_id)
                    UNION ALL SELECT member_id, {forms} FROM changes WHERE phase = 'add'
                ) a WHERE {is_suppressed("a")}
                """,
            )
        )
