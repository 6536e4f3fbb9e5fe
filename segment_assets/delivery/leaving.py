"""Who leaves whatever else is wanted: those who said no, and everybody with an audience that is deleted.

A no is an opt-out (`suppressions`) or a consent that was taken back, which the newest audience tells, also one that no
check let through. Belongs here: those changes, and whether an open delivery must be stopped for a no.
Not here: the audience's own changes (`changes`), what becomes of a removal that is refused (`refusing`).
"""

from __future__ import annotations

import dataclasses
import functools
import operator
from typing import TYPE_CHECKING, Any

from segment_assets import engine
from segment_assets.contracts import CONSENT_COLUMNS, Consent, Eligibility, GoneError, NeedsHumanError
from segment_assets.delivery.naming import kept_candidates, marks_of, set_unnamed_apart
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
from segment_assets.delivery.shaking import shake_others
from segment_assets.delivery.wanted import FORMS, ChangeCounts, Wanted
from segment_assets.tables import SUPPRESSIONS

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb
    import pyarrow.dataset as pads

    from segment_assets.contracts import Lake, Snapshot, SnapshotWriter
    from segment_assets.delivery.ledger import Pair


def withdrawn(lake: Lake, audience: Snapshot | None, workdir: Path) -> pads.Dataset | None:
    """Who took their consent back, by a version of hashed_audience: rows as in SUPPRESSIONS that name the member.

    None where nobody did. Silence where the law asks for a yes is no withdrawal: a source that lost its column of
    consents would empty the audience past every guard. None as well where its rows are past their retention: whoever
    said no in them has left while they were there, and no other no may wait for them.
    """
    import pyarrow.compute as pc
    import pyarrow.dataset as pads

    if audience is None or audience.stats.get("no_consent") == 0:
        return None
    folder = workdir / f"withdrawn-{audience.id}"
    if not folder.exists():
        try:
            # Any: the stubs know no expressions as columns.
            rows: Any = lake.dataset(audience)
        except GoneError:
            return None
        folder.mkdir(parents=True)
        said_no = functools.reduce(operator.or_, (pc.field(c) == Consent.DENIED.value for c in CONSENT_COLUMNS))
        kept = (pc.field("eligibility") == Eligibility.NO_CONSENT.value) & said_no
        # To a file and not into memory: there may be millions of them.
        columns = {"kind": pc.scalar("member"), "digest": pc.field("member_id")}
        pads.write_dataset(rows.scanner(columns=columns, filter=kept), folder, format="parquet")
    # A dataset without rows is written as no file at all.
    is_nobody = not any(folder.iterdir())
    return None if is_nobody else pads.dataset(folder, schema=SUPPRESSIONS.arrow_schema())


def said_no(suppressions: pads.Dataset | None, took_back: pads.Dataset | None) -> pads.Dataset | None:
    """Both kinds of a no as one."""
    import pyarrow.dataset as pads

    both = [dataset for dataset in (suppressions, took_back) if dataset is not None]
    return pads.dataset(both) if both else None


def opt_out_changes(
    acknowledged: pads.Dataset,
    suppressions: pads.Dataset | None,
    wanted: Wanted,
    *,
    write: SnapshotWriter,
    workdir: Path,
    took_back: pads.Dataset | None = None,
    late: bool = False,
) -> ChangeCounts:
    """Write removals for everybody in `acknowledged` who is named by `suppressions`, by any identifier, or `took_back`.

    Unlike other removals those of opt-outs send every identifying key, also one that a remaining person holds: a shared
    identifier would otherwise keep the person who said no in the audience. Whoever else holds it may be taken out with
    them, so from then on they are in doubt: the audience's own delivery sends those again whom it wants.
    Consent is each person's own, so what somebody else holds stays when it is taken back.
    """
    wanted = wanted.holding(acknowledged)
    with (
        set_unnamed_apart(acknowledged, suppressions, took_back, workdir) as (affected, others),
        engine.connect(workdir) as db,
    ):
        load_suppressions(db, suppressions)
        load_state(db, affected, wanted)
        db.execute(f"CREATE TEMP TABLE wanted AS SELECT {columns(wanted)} FROM state WHERE false")
        db.execute("CREATE TEMP TABLE audience AS SELECT NULL::VARCHAR AS eligibility WHERE false")
        db.execute(f"""
            CREATE TEMP TABLE records AS
            SELECT 'remove' AS phase, 'gone' AS kind, {columns(wanted, "a", keep=sent_to_remove(wanted, "a"))}
            FROM state a
            WHERE a.standing <> 'rejected'
              AND a.member_id IN (SELECT s.member_id FROM state s WHERE {is_suppressed("s")})
        """)
        if took_back is not None:
            _take_out_withdrawn(db, took_back, wanted)
        if late:
            take_out_leaving(db, wanted)
        shake_others(db, acknowledged, wanted, workdir)
        write_batches(db, wanted, write)
        counts = counted(db, wanted)
    last_known = counts.last_known + others
    return dataclasses.replace(counts, last_known=last_known, unchanged=last_known - counts.removes)


def _take_out_withdrawn(db: duckdb.DuckDBPyConnection, took_back: pads.Dataset, wanted: Wanted) -> None:
    db.register("took_back", took_back)
    db.execute("""
        CREATE TEMP TABLE staying AS
        SELECT * FROM state WHERE standing <> 'rejected' AND member_id NOT IN (SELECT digest FROM took_back)
          AND member_id NOT IN (SELECT member_id FROM records)
    """)
    for form in wanted.identifying():
        db.execute(
            f"CREATE TEMP TABLE held_{form} AS SELECT DISTINCT {form} AS v FROM staying WHERE {form} IS NOT NULL"
        )
    db.execute(f"CREATE TEMP TABLE held_rest AS SELECT DISTINCT {weaker_keys(wanted, 'staying')} AS v FROM staying")
    joins = " ".join(f"LEFT JOIN held_{form} ON held_{form}.v = a.{form}" for form in wanted.identifying())
    keep = sent_to_remove(wanted, "a", unless_held=True)
    anything = " OR ".join(f"{cell} IS NOT NULL" for cell in keep.values())
    db.execute(f"""
        INSERT INTO records
        SELECT CASE WHEN {anything} THEN 'remove' ELSE 'none' END, 'gone', {columns(wanted, "a", keep=keep)}
        FROM state a {joins} LEFT JOIN held_rest ON held_rest.v = {weaker_keys(wanted, "a")}
        WHERE a.standing <> 'rejected' AND a.member_id IN (SELECT digest FROM took_back)
          AND a.member_id NOT IN (SELECT member_id FROM records)
    """)


def deletion_changes(
    acknowledged: pads.Dataset, wanted: Wanted, *, write: SnapshotWriter, workdir: Path
) -> ChangeCounts:
    """Everybody leaves with the audience itself, which needs no request for any of them."""
    wanted = wanted.holding(acknowledged)
    with engine.connect(workdir) as db:
        db.execute("CREATE TEMP TABLE audience AS SELECT NULL::VARCHAR AS eligibility WHERE false")
        load_state(db, acknowledged, wanted)
        db.execute(f"CREATE TEMP TABLE wanted AS SELECT {columns(wanted)} FROM state WHERE false")
        db.execute(f"""
            CREATE TEMP TABLE records AS
            SELECT 'none' AS phase, CASE standing WHEN 'rejected' THEN 'old_identifiers' ELSE 'gone' END AS kind,
                   {columns(wanted)} FROM state
        """)
        write_batches(db, wanted, write)
        return counted(db, wanted)


def refused_removal(pair: Pair, people: int, *, is_deleted: bool, why: str = "") -> NeedsHumanError:
    """What a person is told when a platform does not let out `people` who said no, and `why` where it is known."""
    said = f"{pair}: the platform did not take out {people} people who said no"
    because = f" ({why})" if why else ""
    if is_deleted:
        return NeedsHumanError(
            f"{said}, so the audience was deleted there with everybody in it; the next run makes a new one without "
            f"them: give that to the campaigns which used the old one{because}"
        )
    return NeedsHumanError(
        f"{said}; take them out or delete the audience on the platform. Nothing else is sent to it, and their removal "
        f"is tried again with every run, or four times a day where the platform takes it and fails it later{because}"
    )


def anybody_named(
    held: pads.Dataset | None, changes: pads.Dataset, suppressions: pads.Dataset | None, workdir: Path
) -> bool:
    """Whether `suppressions` names anybody who would be in the audience once `changes` are done."""
    marks = marks_of(suppressions)
    if marks.is_empty:
        return False
    with kept_candidates(held, marks, workdir) as there, kept_candidates(changes, marks, workdir) as coming:
        if not there.rows and not coming.rows:
            return False
        with engine.connect(workdir) as db:
            load_suppressions(db, suppressions)
            db.register("held", there.dataset())
            db.register("coming", coming.dataset())
            db.register("changes", changes)
            forms = ", ".join(FORMS)
            return bool(
                engine.number(
                    db,
                    f"""
                    SELECT count(*) FROM (
                        SELECT member_id, {forms} FROM held h WHERE NOT EXISTS (
                            SELECT 1 FROM changes c WHERE c.phase IN ('remove', 'retire', 'swept', 'none')
                            AND c.member_id = h.member_id AND c.record_id = h.record_id)
                        UNION ALL SELECT member_id, {forms} FROM coming WHERE phase IN ('add', 'replace')
                    ) a WHERE {is_suppressed("a")}
                    """,
                )
            )
