"""What has to be sent: the difference between who is wanted and what the platform account last acknowledged.

Belongs here: wanted records, adds, changed, removes, shared identifiers, the order and the batches of sending.
Not here: sending (`courier`), what the result means for the next time (`settling`).

All of it is SQL over Arrow datasets on an embedded DuckDB that may spill to disk, so memory does not grow with the
audience. Names of columns come from the declared tables and contracts, never from data.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from segment_assets import engine
from segment_assets.contracts import Eligibility
from segment_assets.tables import ACKNOWLEDGED, CHANGES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import duckdb
    import pyarrow.dataset as pads

    from segment_assets.contracts import Contract, SnapshotWriter

# The order in which the phases of a delivery are sent; `none` needs no request. See docs/architecture.md, "Changed
# people": old identifiers go after the new are acknowledged, and then the person is affirmed once more, because a
# platform that recognises the person by an old identifier takes the whole person out.
PHASES = ("add", "retire", "remove", "reaffirm", "none")

FORMS = tuple(c.name for c in ACKNOWLEDGED.columns if c.name not in {"member_id", "record_id", "standing"})


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """Who of an audience should be on the platform: the plan's choices for one pair.

    `forms` are the columns that the plan lets this account have, a subset of the contract's.
    `keep_held_out` is for exclusion lists: a hold-out never protects anybody from being excluded.
    """

    contract: Contract
    forms: Sequence[str]
    keep_held_out: bool = False

    def doors(self) -> list[str]:
        """Eligibilities that are sent."""
        held = [Eligibility.HELD_OUT.value] if self.keep_held_out else []
        return [Eligibility.ELIGIBLE.value, *held]

    def groups(self) -> list[list[str]]:
        """Match groups as columns; groups with a column that may not be sent do not count."""
        keys = self.contract.match_keys
        groups = [[keys[key].form for key in group] for group in self.contract.match_groups]
        return [group for group in groups if all(form in self.forms for form in group)]

    def identifying(self) -> list[str]:
        """Columns of which any single one makes the platform act on a person."""
        return [
            self.contract.match_keys[key].form
            for key in self.contract.identifying
            if self.contract.match_keys[key].form in self.forms
        ]


@dataclasses.dataclass(frozen=True, slots=True)
class ChangeCounts:
    """People, not records: the left side of the accounting."""

    audience: int
    held_out: int
    suppressed: int
    no_consent: int
    no_usable_key: int
    wanted: int
    last_known: int
    unchanged: int
    known_refused: int
    changed: int
    adds: int
    removes: int
    batches: Mapping[str, int]
    records: Mapping[str, int]

    @property
    def nothing_to_send(self) -> bool:
        """True when no record is added, taken out or dropped from the ledger."""
        return not sum(self.records.values())


def audience_changes(
    audience: pads.Dataset,
    acknowledged: pads.Dataset | None,
    suppressions: pads.Dataset | None,
    wanted: Wanted,
    *,
    write: SnapshotWriter,
    workdir: Path,
) -> ChangeCounts:
    """Write the records that bring the platform from `acknowledged` to `audience`, and count people.

    Rows are written in the order of sending (see PHASES), batch by batch. People whom `suppressions` names are not
    wanted, also where the audience was built before they said no.
    """
    with engine.connect(workdir) as db:
        _load(db, audience, acknowledged, suppressions, wanted)
        _adds(db)
        _gone_and_old(db, wanted)
        _reaffirmed(db)
        _write_batches(db, wanted.contract.batch_members, write)
        return _counts(db, wanted)


def opt_out_changes(
    acknowledged: pads.Dataset,
    suppressions: pads.Dataset,
    wanted: Wanted,
    *,
    write: SnapshotWriter,
    workdir: Path,
) -> ChangeCounts:
    """Write removals for everybody in `acknowledged` that `suppressions` names, by any identifier.

    Unlike other removals these send every identifying key, also one that a remaining person holds: a shared
    identifier would otherwise keep the person who said no in the audience.
    """
    with engine.connect(workdir) as db:
        _load_suppressions(db, suppressions)
        db.register("acknowledged", acknowledged)
        db.execute("CREATE TEMP TABLE state AS SELECT * FROM acknowledged")
        db.execute(f"CREATE TEMP TABLE wanted AS SELECT {_columns()} FROM state WHERE false")
        db.execute("CREATE TEMP TABLE audience AS SELECT NULL::VARCHAR AS eligibility WHERE false")
        db.execute(f"""
            CREATE TEMP TABLE records AS
            SELECT 'remove' AS phase, 'gone' AS kind, {_columns("a", keep=_sent_to_remove(wanted, "a"))}
            FROM state a
            WHERE a.standing <> 'rejected'
              AND ({_is_suppressed("a")})
        """)
        _write_batches(db, wanted.contract.batch_members, write)
        counts = _counts(db, wanted)
    return dataclasses.replace(counts, unchanged=counts.last_known - counts.removes)


def anybody_named(held: pads.Dataset | None, changes: pads.Dataset, suppressions: pads.Dataset, workdir: Path) -> bool:
    """Whether `suppressions` names anybody who would be in the audience once `changes` are done."""
    with engine.connect(workdir) as db:
        _load_suppressions(db, suppressions)
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
                ) a WHERE {_is_suppressed("a")}
                """,
            )
        )


def _load(
    db: duckdb.DuckDBPyConnection,
    audience: pads.Dataset,
    acknowledged: pads.Dataset | None,
    suppressions: pads.Dataset | None,
    wanted: Wanted,
) -> None:
    db.register("audience_rows", audience)
    _load_suppressions(db, suppressions)
    db.execute(f"""
        CREATE TEMP TABLE audience AS
        SELECT * REPLACE (CASE WHEN eligibility IN ('eligible', 'held_out') AND ({_is_suppressed("a")})
                               THEN 'suppressed' ELSE eligibility END AS eligibility)
        FROM audience_rows a
    """)
    if acknowledged is None:
        db.register("acknowledged", ACKNOWLEDGED.arrow_schema().empty_table())
    else:
        db.register("acknowledged", acknowledged)
    db.execute("CREATE TEMP TABLE state AS SELECT * FROM acknowledged")
    usable = " OR ".join(f"({' AND '.join(f'{form} IS NOT NULL' for form in group)})" for group in wanted.groups())
    doors = ", ".join(f"'{door}'" for door in wanted.doors())
    sent = {form: form if form in wanted.forms else f"NULL AS {form}" for form in FORMS}
    db.execute(f"""
        CREATE TEMP TABLE wanted AS
        SELECT member_id, {_record_id(wanted.forms)} AS record_id, {", ".join(sent.values())}
        FROM audience WHERE eligibility IN ({doors}) AND ({usable or "false"})
    """)


def _load_suppressions(db: duckdb.DuckDBPyConnection, suppressions: pads.Dataset | None) -> None:
    import pyarrow as pa

    nobody = pa.table({"kind": pa.array([], pa.string()), "digest": pa.array([], pa.binary(32))})
    db.register("suppressed_rows", nobody if suppressions is None else suppressions)
    db.execute("CREATE TEMP TABLE suppressed AS SELECT kind, digest FROM suppressed_rows")


def _is_suppressed(alias: str) -> str:
    """Whether a record's person, or any identifier of the record, is among those who said no."""
    cells = {"member": "member_id", "email": "email", "phone_digits": "phone_digits"}
    named = [
        f"{alias}.{column} IN (SELECT digest FROM suppressed WHERE kind = '{kind}')" for kind, column in cells.items()
    ]
    # Mobile ad ids are plain in our tables and digests among the suppressions.
    ad_ids = "SELECT digest FROM suppressed WHERE kind = 'mobile_ad_id'"
    named.append(f"unhex(sha256({alias}.mobile_ad_id)) IN ({ad_ids})")
    return " OR ".join(f"coalesce({test}, false)" for test in named)


def _record_id(forms: Sequence[str]) -> str:
    cells = [f"'{form}:' || coalesce({'hex(' + form + ')' if form != 'mobile_ad_id' else form}, '')" for form in forms]
    return f"unhex(sha256(concat_ws('|', {', '.join(cells)})))"


def _adds(db: duckdb.DuckDBPyConnection) -> None:
    db.execute(f"""
        CREATE TEMP TABLE records AS
        SELECT 'add' AS phase,
               CASE WHEN w.member_id IN (SELECT member_id FROM state WHERE standing <> 'rejected')
                    THEN 'changed' ELSE 'new' END AS kind,
               {_columns("w")}
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
        db.execute(f"CREATE TEMP TABLE held_{form} AS SELECT DISTINCT {form} AS v FROM wanted WHERE {form} IS NOT NULL")
    db.execute(f"CREATE TEMP TABLE held_rest AS SELECT DISTINCT {_rest(wanted, 'wanted')} AS v FROM wanted")
    joins = " ".join(f"LEFT JOIN held_{form} ON held_{form}.v = s.{form}" for form in wanted.identifying())
    joins += f" LEFT JOIN held_rest ON held_rest.v = {_rest(wanted, 's')}"
    keep = _sent_to_remove(wanted, "s", unless_held=True)
    anything = " OR ".join(f"{cell} IS NOT NULL" for cell in keep.values())
    db.execute(f"""
        INSERT INTO records
        WITH unwanted AS (
            SELECT s.*, s.member_id IN (SELECT member_id FROM wanted) AS stays,
                   row_number() OVER (PARTITION BY s.member_id ORDER BY s.record_id) = 1 AS first
            FROM state s
            WHERE NOT EXISTS (SELECT 1 FROM wanted w WHERE w.member_id = s.member_id AND w.record_id = s.record_id)
        )
        SELECT CASE WHEN s.standing = 'rejected' OR NOT ({anything}) THEN 'none'
                    WHEN s.stays OR NOT s.first THEN 'retire' ELSE 'remove' END,
               CASE WHEN s.stays OR NOT s.first OR s.standing = 'rejected' THEN 'old_identifiers' ELSE 'gone' END,
               {_columns("s", keep=keep)}
        FROM unwanted s {joins}
        WHERE NOT s.stays OR s.standing = 'rejected' OR ({anything})
    """)


def _sent_to_remove(wanted: Wanted, alias: str, *, unless_held: bool = False) -> dict[str, str]:
    """Cells of a removal: identifying keys, and the weaker ones only for a record that has no identifying key."""
    strong = wanted.identifying()
    none_strong = " AND ".join(f"{alias}.{form} IS NULL" for form in strong) or "true"
    none_strong += " AND held_rest.v IS NULL" if unless_held else ""
    cells = {}
    for form in wanted.forms:
        cell = f"{alias}.{form}"
        if form not in strong:
            cells[form] = f"CASE WHEN {none_strong} THEN {cell} END"
        else:
            cells[form] = f"CASE WHEN held_{form}.v IS NULL THEN {cell} END" if unless_held else cell
    return cells


def _rest(wanted: Wanted, alias: str) -> str:
    """One value for all the keys that identify only together (name, place, birth date)."""
    cells = [f"{alias}.{form}" for form in wanted.forms if form not in wanted.identifying()]
    return f"concat_ws('|', {', '.join(f'hex({cell})' for cell in cells)})" if cells else "NULL::VARCHAR"


def _reaffirmed(db: duckdb.DuckDBPyConnection) -> None:
    db.execute(f"""
        INSERT INTO records
        SELECT 'reaffirm', 'changed', {_columns("w")}
        FROM wanted w
        WHERE w.member_id IN (SELECT member_id FROM records WHERE phase = 'retire')
    """)


def _columns(alias: str | None = None, keep: Mapping[str, str] | None = None) -> str:
    dot = f"{alias}." if alias else ""
    cells = [f"{dot}{form}" if keep is None else f"{keep.get(form, 'NULL')} AS {form}" for form in FORMS]
    return f"{dot}member_id, {dot}record_id, {', '.join(cells)}"


def _write_batches(db: duckdb.DuckDBPyConnection, size: int, write: SnapshotWriter) -> None:
    order = " ".join(f"WHEN '{phase}' THEN {place}" for place, phase in enumerate(PHASES))
    db.execute(f"""
        CREATE TEMP TABLE batched AS
        SELECT phase, kind, {_columns()}, CASE phase {order} END AS place,
               (row_number() OVER (PARTITION BY phase ORDER BY member_id, record_id) - 1) // {size} + 1 AS batch
        FROM records
    """)
    sql = f"""
        SELECT phase, batch, member_id, record_id, kind, {", ".join(FORMS)}
        FROM batched ORDER BY place, batch, member_id, record_id
    """
    for batch in engine.batches(db, sql, CHANGES.arrow_schema()):
        write.write(batch)


def _counts(db: duckdb.DuckDBPyConnection, wanted: Wanted) -> ChangeCounts:
    def one(sql: str) -> int:
        return engine.number(db, sql)

    doors = dict(db.execute("SELECT eligibility, count(*) FROM audience GROUP BY 1").fetchall())
    phases = db.execute("SELECT phase, max(batch), count(*) FROM batched GROUP BY 1").fetchall()
    people = one("SELECT count(*) FROM wanted")
    same = """FROM wanted w JOIN state s ON s.member_id = w.member_id AND s.record_id = w.record_id"""
    audience = sum(doors.values())
    closed = {door: doors.get(door, 0) for door in ("held_out", "suppressed", "no_consent")}
    blocked = {door: 0 if door in wanted.doors() else number for door, number in closed.items()}
    return ChangeCounts(
        audience=audience,
        **blocked,
        no_usable_key=audience - sum(blocked.values()) - people,
        wanted=people,
        last_known=one("SELECT count(DISTINCT member_id) FROM state WHERE standing <> 'rejected'"),
        unchanged=one(f"SELECT count(*) {same} WHERE s.standing = 'acknowledged'"),
        known_refused=one(f"SELECT count(*) {same} WHERE s.standing = 'rejected'"),
        changed=one("SELECT count(*) FROM records WHERE phase = 'add' AND kind = 'changed'"),
        adds=one("SELECT count(*) FROM records WHERE phase = 'add' AND kind = 'new'"),
        removes=one("SELECT count(DISTINCT member_id) FROM records WHERE kind = 'gone'"),
        batches={phase: int(number) for phase, number, _ in phases},
        records={phase: int(number) for phase, _, number in phases},
    )
