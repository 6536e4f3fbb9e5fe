"""Building blocks of changes, in SQL over tables `audience`, `state`, `leaving`, `wanted` and `records`.

Belongs here: loading what is known, cells of a removal, batches, counts. Not here: which records change (`changes`,
`leaving`). Names of columns come from the declared tables and contracts, never from data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_assets import engine
from segment_assets.contracts import ATTRIBUTE_COLUMNS
from segment_assets.delivery.lanes import lanes_told, place_records
from segment_assets.delivery.merging import in_one_order
from segment_assets.delivery.wanted import FORMS, ChangeCounts, absent
from segment_assets.tables import ACKNOWLEDGED, CHANGES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import duckdb
    import pyarrow as pa
    import pyarrow.dataset as pads

    from segment_assets.contracts import SnapshotWriter
    from segment_assets.delivery.plain import Plain
    from segment_assets.delivery.wanted import Wanted


def load_state(db: duckdb.DuckDBPyConnection, acknowledged: pads.Dataset | None, wanted: Wanted) -> None:
    """Tables `state` (what the platform may hold) and `leaving` (to be taken out once more)."""
    db.register("acknowledged", acknowledged if acknowledged is not None else ACKNOWLEDGED.arrow_schema().empty_table())
    cells = f"standing, answered_at, {columns(wanted)}"
    db.execute(f"CREATE TEMP TABLE state AS SELECT {cells} FROM acknowledged WHERE standing <> 'leaving'")
    db.execute(f"CREATE TEMP TABLE leaving AS SELECT {cells} FROM acknowledged WHERE standing = 'leaving'")


def take_out_leaving(db: duckdb.DuckDBPyConnection, wanted: Wanted, holders: str = "wanted") -> None:
    """Take out once more those whose addition was in doubt when they were taken out (see LATE_SECONDS).

    `holders` is the table of the records whose identifiers stay.
    """
    for form in wanted.identifying():
        db.execute(
            f"CREATE TEMP TABLE kept_{form} AS SELECT DISTINCT {form} AS v FROM {holders} WHERE {form} IS NOT NULL"
        )
    by_id = wanted.contract.known_by_member
    sent = {
        form: f"l.{form}" if by_id else f"CASE WHEN l.{form} NOT IN (SELECT v FROM kept_{form}) THEN l.{form} END"
        for form in wanted.identifying()
    }
    anything = " OR ".join(f"{cell} IS NOT NULL" for cell in sent.values())
    db.execute(f"""
        INSERT INTO records SELECT 'retire', 'old_identifiers', {columns(wanted, "l", keep=sent)}
        FROM leaving l WHERE ({anything or "false"})
    """)


def load_suppressions(db: duckdb.DuckDBPyConnection, suppressions: pads.Dataset | None) -> None:
    """Table `suppressed` (kind, digest), empty without suppressions."""
    import pyarrow as pa

    nobody = pa.table({"kind": pa.array([], pa.string()), "digest": pa.array([], pa.binary(32))})
    db.register("suppressed_rows", nobody if suppressions is None else suppressions)
    db.execute("CREATE TEMP TABLE suppressed AS SELECT kind, digest FROM suppressed_rows")


def is_suppressed(alias: str) -> str:
    """Whether a record's person, or any identifier of the record, is among those who said no."""
    named = [
        f"{cell} IN (SELECT digest FROM suppressed WHERE kind IN ({kinds}))" for cell, kinds in named_by(alias).items()
    ]
    return " OR ".join(f"coalesce({test}, false)" for test in named)


def named_by(alias: str) -> dict[str, str]:
    """SQL of everything that names a record's person -> the kinds of suppressions that may name it."""
    emails, phones = "'email', 'email_gmail_folded'", "'phone_digits', 'phone_e164'"
    # A digest that a source brought may be of either normal form of a mailbox or phone.
    return {
        f"{alias}.member_id": "'member'",
        **dict.fromkeys((f"{alias}.email", f"{alias}.email_gmail_folded"), emails),
        **dict.fromkeys((f"{alias}.phone_digits", f"{alias}.phone_e164"), phones),
        # Mobile ad ids are plain in our tables and digests among the suppressions.
        f"unhex(sha256({alias}.mobile_ad_id))": "'mobile_ad_id'",
    }


def sent_to_remove(wanted: Wanted, alias: str, *, unless_held: bool = False) -> dict[str, str]:
    """Cells of a removal: identifying keys, and the weaker ones only for a record that has no identifying key.

    `unless_held`: without those that a remaining person holds. Where the platform goes by our id of the person
    (`Contract.known_by_member`) a removal of nothing but such keys is sent with them: it concerns nobody else.
    """
    strong = wanted.identifying()
    none_strong = " AND ".join(f"{alias}.{form} IS NULL" for form in strong) or "true"
    none_strong += " AND held_rest.v IS NULL" if unless_held else ""
    all_held = " AND ".join(f"({alias}.{form} IS NULL OR held_{form}.v IS NOT NULL)" for form in strong)
    or_all = f" OR ({all_held})" if wanted.contract.known_by_member else ""
    cells = {}
    for form in dict.fromkeys(form for form in (*strong, *wanted.forms) if form not in ATTRIBUTE_COLUMNS):
        cell = f"{alias}.{form}"
        if form not in strong:
            cells[form] = f"CASE WHEN {none_strong} THEN {cell} END"
        else:
            cells[form] = f"CASE WHEN held_{form}.v IS NULL{or_all} THEN {cell} END" if unless_held else cell
    return cells


def weaker_keys(wanted: Wanted, alias: str) -> str:
    """One value for all the keys that identify only together (name, place, birth date)."""
    weaker = [form for form in wanted.forms if form not in wanted.identifying() and form not in ATTRIBUTE_COLUMNS]
    cells = [f"{alias}.{form}" for form in weaker]
    return f"concat_ws('|', {', '.join(f'hex({cell})' for cell in cells)})" if cells else "NULL::VARCHAR"


def columns(wanted: Wanted, alias: str | None = None, keep: Mapping[str, str] | None = None) -> str:
    """SQL for the columns of a record; `keep` replaces cells, and empties those that it does not name."""
    dot = f"{alias}." if alias else ""
    cells = [
        f"{dot}{form}" if keep is None else f"{keep.get(form) or absent(form)} AS {form}" for form in wanted.columns
    ]
    return f"{dot}member_id, {dot}record_id, {', '.join(cells)}"


def write_batches(
    db: duckdb.DuckDBPyConnection, wanted: Wanted, write: SnapshotWriter, plain: Plain | None = None
) -> None:
    """Write table `records` in the order of sending: by phase and lane, as many members to a batch as one may have.

    With them the `plain` ones, of members who have no record of the same phase in the table.
    """
    import numpy as np
    import pyarrow as pa

    schema = _written(db, wanted, plain.forms if plain else ())
    there, place = schema.names, schema.get_field_index("batch")
    placed = place_records(db, wanted, plain.records if plain else None)
    decided = {(phase, lane) for phase, lane in db.execute("SELECT DISTINCT phase, lane FROM placed").fetchall()}
    sql = f"SELECT {', '.join(there)} FROM (SELECT *, 0::BIGINT AS batch FROM placed)"
    for of in placed:
        mine = f"WHERE phase = '{of.phase}' AND lane = {of.lane} ORDER BY member_id, record_id"
        rows = engine.batches(db, f"{sql} {mine}", schema) if (of.phase, of.lane) in decided else iter(())
        if plain and (of.phase, of.lane) in plain.records:
            rows = in_one_order(rows, plain.rows(of.phase, of.lane, schema), schema, "member_id")
        row = 0
        # Numbered here: a window over the sorted records took DuckDB three times as long as all that comes before.
        for batch in rows:
            numbers = of.first + np.arange(row, row + batch.num_rows) // wanted.contract.batch_members
            write.write(batch.set_column(place, schema.field("batch"), pa.array(numbers)))
            row += batch.num_rows


def _written(db: duckdb.DuckDBPyConnection, wanted: Wanted, more: Collection[str]) -> pa.Schema:
    """The columns of CHANGES that a record has: digests that are absent take as much memory as those that are there."""
    counts = db.execute(f"SELECT {', '.join(f'count({form})' for form in wanted.columns)} FROM records").fetchall()[0]
    found = {form for form, count in zip(wanted.columns, counts, strict=True) if count}
    return CHANGES.arrow_schema([n for n in CHANGES.column_names() if n not in FORMS or n in found or n in more])


def counted(
    db: duckdb.DuckDBPyConnection, wanted: Wanted, more: Mapping[tuple[str, int], int] | None = None
) -> ChangeCounts:
    """Count people at every door, and records and batches of every phase.

    `more`: see `place_records`; their people are counted by whoever made them.
    """

    def one(sql: str) -> int:
        return engine.number(db, sql)

    doors = dict(db.execute("SELECT eligibility, count(*) FROM audience GROUP BY 1").fetchall())
    placed = place_records(db, wanted, more)
    phases = dict.fromkeys(stretch.phase for stretch in placed)
    people = one("SELECT count(DISTINCT member_id) FROM wanted")
    # Nothing is added for them: either the platform holds them, or it refused all that there is to send.
    settled = "(SELECT DISTINCT member_id FROM wanted ANTI JOIN (FROM records WHERE phase = 'add') USING (member_id))"
    known = "(SELECT member_id FROM state WHERE standing <> 'rejected')"
    audience = sum(doors.values())
    closed = {door: doors.get(door, 0) for door in ("held_out", "suppressed", "no_consent")}
    blocked = {door: 0 if door in wanted.doors() else number for door, number in closed.items()}
    return ChangeCounts(
        audience=audience,
        **blocked,
        no_usable_key=audience - sum(blocked.values()) - people,
        wanted=people,
        last_known=one("SELECT count(DISTINCT member_id) FROM state WHERE standing <> 'rejected'"),
        unchanged=one(f"SELECT count(*) FROM {settled} WHERE member_id IN {known}"),
        known_refused=one(f"SELECT count(*) FROM {settled} WHERE member_id NOT IN {known}"),
        changed=one("SELECT count(DISTINCT member_id) FROM records WHERE phase = 'add' AND kind = 'changed'"),
        adds=one("SELECT count(DISTINCT member_id) FROM records WHERE phase = 'add' AND kind = 'new'"),
        removes=one("SELECT count(DISTINCT member_id) FROM records WHERE kind = 'gone'"),
        batches={stretch.phase: stretch.last for stretch in placed},
        records={phase: sum(stretch.records for stretch in placed if stretch.phase == phase) for phase in phases},
        lanes=lanes_told(placed, wanted),
    )
