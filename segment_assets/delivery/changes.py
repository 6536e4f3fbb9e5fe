"""What has to be sent: the difference between who is wanted and what the platform account last acknowledged.

Belongs here: adds, changed people, removals, shared identifiers. Not here: who leaves for another reason (`leaving`),
sending (`courier`), what the result means for the next time (`settling`).

All of it is SQL over Arrow datasets on an embedded DuckDB that may spill to disk, over those people of whom something
has to be decided (`unaffected` sets the others apart while it reads, `plain` makes records of those who simply come or
go), so memory does not grow with the audience.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from segment_assets import engine
from segment_assets.contracts import Mode
from segment_assets.delivery.lanes import load_wanted
from segment_assets.delivery.modes import (
    counted_in_mode,
    drop_what_the_mode_forbids,
    leave_alone,
    replace_everything,
)
from segment_assets.delivery.newcomers import first_changes
from segment_assets.delivery.records import (
    columns,
    counted,
    is_suppressed,
    load_state,
    load_suppressions,
    sent_to_remove,
    take_out_leaving,
    weaker_keys,
    write_batches,
)
from segment_assets.delivery.refreshing import add_refreshed, next_due
from segment_assets.delivery.unaffected import set_apart

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb
    import pyarrow.dataset as pads

    from segment_assets.contracts import SnapshotWriter
    from segment_assets.delivery.refreshing import Refresh
    from segment_assets.delivery.wanted import ChangeCounts, Wanted


def audience_changes(
    audience: pads.Dataset,
    acknowledged: pads.Dataset | None,
    suppressions: pads.Dataset | None,
    wanted: Wanted,
    *,
    write: SnapshotWriter,
    workdir: Path,
    late: bool = False,
    refresh: Refresh | None = None,
) -> ChangeCounts:
    """Write the records that bring the platform from `acknowledged` to `audience`, and count people.

    Rows are written in the order of sending (see PHASES), batch by batch. People whom `suppressions` names are not
    wanted, also where the audience was built before they said no. `late`: see LATE_SECONDS. `refresh`: who is sent
    again for their age or on request; nobody without it.
    """
    if not late and (acknowledged is None or not acknowledged.count_rows()):
        first = first_changes(audience, suppressions, wanted, write=write, workdir=workdir, refresh=refresh)
        if first is not None:
            return first
    wanted = wanted.holding(acknowledged)
    with (
        set_apart(audience, acknowledged, suppressions, wanted, refresh=refresh, workdir=workdir) as apart,
        engine.connect(workdir) as db,
    ):
        _load(db, apart.audience, apart.acknowledged, suppressions, wanted)
        leave_alone(db, wanted)
        _holders(db, apart.holders, wanted)
        _adds(db, wanted)
        if refresh is not None:
            add_refreshed(db, wanted, refresh)
        drop_what_the_mode_forbids(db, wanted.mode)
        due = next_due(db, wanted.contract, refresh) if refresh is not None else None
        _gone_and_old(db, wanted)
        if late:
            take_out_leaving(db, wanted, "holders")
        _reaffirmed(db, wanted)
        if wanted.mode is Mode.REPLACE:
            replace_everything(db, wanted)
        write_batches(db, wanted, write, apart.plain)
        counts = counted_in_mode(db, counted(db, wanted, apart.plain.records if apart.plain else None), wanted)
        return apart.people.added_to(dataclasses.replace(counts, refresh_due=due), wanted)


def _load(
    db: duckdb.DuckDBPyConnection,
    audience: pads.Dataset,
    acknowledged: pads.Dataset | None,
    suppressions: pads.Dataset | None,
    wanted: Wanted,
) -> None:
    db.register("audience_rows", audience)
    load_suppressions(db, suppressions)
    db.execute(f"""
        CREATE TEMP TABLE audience AS
        SELECT member_id, {", ".join(wanted.columns)},
               CASE WHEN eligibility IN ('eligible', 'held_out') AND ({is_suppressed("a")})
                    THEN 'suppressed' ELSE eligibility END AS eligibility
        FROM audience_rows a
    """)
    load_state(db, acknowledged, wanted)
    load_wanted(db, wanted)


def _holders(db: duckdb.DuckDBPyConnection, others: pads.Dataset | None, wanted: Wanted) -> None:
    """View `holders`: every record of whoever shall be there that may share an identifier with one who leaves."""
    forms = ", ".join(wanted.columns)
    db.execute(f"CREATE TEMP TABLE others AS SELECT {forms} FROM wanted WHERE false")
    if others is not None:
        db.register("other_records", others)
        db.execute(f"""
            INSERT INTO others
            SELECT {forms} FROM other_records
        """)
    db.execute(f"CREATE TEMP VIEW holders AS SELECT {forms} FROM wanted UNION ALL SELECT {forms} FROM others")


def _adds(db: duckdb.DuckDBPyConnection, wanted: Wanted) -> None:
    db.execute(f"""
        CREATE TEMP TABLE records AS
        SELECT 'add' AS phase,
               CASE WHEN w.member_id IN (SELECT member_id FROM state WHERE standing <> 'rejected')
                    THEN 'changed' ELSE 'new' END AS kind,
               {columns(wanted, "w")}
        FROM wanted w
        LEFT JOIN state s
          ON s.member_id = w.member_id AND s.record_id = w.record_id AND s.standing <> 'in_doubt'
        WHERE s.member_id IS NULL
    """)


def _gone_and_old(db: duckdb.DuckDBPyConnection, wanted: Wanted) -> None:
    """Records that are not wanted any more. Identifiers that a wanted record holds are left out of the removal.

    An old record of somebody who stays, of which nothing may be removed now, remains in the ledger: when the last
    other holder of its identifiers leaves, it is taken out and the person is affirmed again.
    """
    for form in wanted.identifying():
        db.execute(
            f"CREATE TEMP TABLE held_{form} AS SELECT DISTINCT {form} AS v FROM holders WHERE {form} IS NOT NULL"
        )
    db.execute(f"CREATE TEMP TABLE held_rest AS SELECT DISTINCT {weaker_keys(wanted, 'holders')} AS v FROM holders")
    joins = " ".join(f"LEFT JOIN held_{form} ON held_{form}.v = s.{form}" for form in wanted.identifying())
    joins += f" LEFT JOIN held_rest ON held_rest.v = {weaker_keys(wanted, 's')}"
    keep = sent_to_remove(wanted, "s", unless_held=True)
    anything = " OR ".join(f"{cell} IS NOT NULL" for cell in keep.values())
    db.execute(f"""
        INSERT INTO records
        WITH unwanted AS (
            SELECT s.*, s.member_id IN (SELECT member_id FROM wanted) AS stays
            FROM state s
            WHERE NOT EXISTS (SELECT 1 FROM wanted w WHERE w.member_id = s.member_id AND w.record_id = s.record_id)
        )
        SELECT CASE WHEN s.standing = 'rejected' OR NOT ({anything}) THEN 'none'
                    WHEN s.stays THEN 'retire' ELSE 'remove' END,
               CASE WHEN s.stays OR s.standing = 'rejected' THEN 'old_identifiers' ELSE 'gone' END,
               {columns(wanted, "s", keep=keep)}
        FROM unwanted s {joins}
        WHERE NOT s.stays OR s.standing = 'rejected' OR ({anything})
    """)


def _reaffirmed(db: duckdb.DuckDBPyConnection, wanted: Wanted) -> None:
    db.execute(f"""
        INSERT INTO records
        SELECT 'reaffirm', 'changed', {columns(wanted, "w")}
        FROM wanted w
        WHERE w.member_id IN (SELECT member_id FROM records WHERE phase = 'retire')
    """)
