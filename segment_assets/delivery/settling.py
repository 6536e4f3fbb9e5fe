"""After a delivery ended, however it ended: what the platform now holds, and how the people add up.

Belongs here: the state that the next delivery starts from, and the accounting. Not here: the rows of the ledger's
tables (`ledger_rows`).
The same code settles a delivery that ran to its end and one that was killed in the middle of a call.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from segment_assets import engine
from segment_assets.contracts import ATTRIBUTE_COLUMNS, PermanentError
from segment_assets.delivery import accounting
from segment_assets.delivery.ledger import utc
from segment_assets.delivery.ledger_rows import delivery_row, receipt_rows, rejection_rows
from segment_assets.delivery.left_jobs import state_after
from segment_assets.delivery.passing import set_settled_apart
from segment_assets.tables import ACKNOWLEDGED, CHANGES, DELIVERIES, RECEIPTS, REJECTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import duckdb
    import pyarrow.dataset as pads

    from segment_assets.contracts import Lake, Snapshot, SnapshotWriter
    from segment_assets.delivery.ledger import AudienceLedger, DeliveryLog
    from segment_assets.delivery.passing import Apart

_OF_A_CHANGE = ("phase", "batch", "member_id", "record_id", "kind")


@dataclasses.dataclass(frozen=True, slots=True)
class Settled:
    """A closed delivery: the state it left, and its row of the deliveries table."""

    state: Snapshot
    row: Mapping[str, Any]


def acknowledged_state(lake: Lake, ledger: AudienceLedger) -> Snapshot | None:
    """What the last closed delivery left on the platform, and its jobs did since; None before the first."""
    last = ledger.last()
    if last is None:
        return None
    if last.closed is None:
        raise PermanentError(f"{ledger.pair}: delivery {last.number} is still open; settle it before reading its state")
    return lake.snapshot(ACKNOWLEDGED.name, ledger.pair.partition, state_after(ledger, last))


def settle(lake: Lake, ledger: AudienceLedger, log: DeliveryLog, outcome: str, workdir: Path) -> Settled:
    """Close a delivery: write the new state and the tables' rows, then the closing entry.

    `outcome`: done, empty, interrupted or failed. Everything before the closing entry can be repeated, so a crash in
    here costs nothing. Raises FencedError when another run settled first.
    """
    header = log.header
    undated = utc(header["state_date"]) if "state_date" in header else None
    with set_settled_apart(*_tables(lake, ledger, log), log, workdir, undated=undated) as apart:
        writer = lake.writer(ACKNOWLEDGED.name, ledger.pair.partition)
        if apart.is_decided:
            apart.write_state(iter(()), writer)
            people, leaving = accounting.nobody(log), 0
        else:
            people, leaving = _decided(apart, log, writer, workdir)
    state = writer.publish({})
    people |= {"accepted": people["accepted"] + apart.accepted, "unproven": people["unproven"] + apart.unproven}
    leaving += apart.leaving
    row = delivery_row(ledger, log, outcome, people)
    partition = f"{ledger.pair.partition}/{log.number:06d}"
    _publish(lake, DELIVERIES.name, partition, [row])
    _publish(lake, RECEIPTS.name, partition, list(receipt_rows(header["delivery_id"], log)))
    _publish(lake, REJECTIONS.name, partition, list(rejection_rows(header["delivery_id"], log)))
    body = {"outcome": outcome, "state": state.id, "accounting": people, "leaving": leaving}
    log.chain.append("closed", body)
    return Settled(state, row)


def _decided(apart: Apart, log: DeliveryLog, writer: SnapshotWriter, workdir: Path) -> tuple[dict[str, int], int]:
    """Write the state with what SQL decides. Its part of the accounting, and how many records are leaving."""
    with engine.connect(workdir) as db:
        _load(db, apart, log)
        _write_state(db, writer, log.header, apart)
        return accounting.people(db, log), engine.number(db, "SELECT count(*) FROM leaving")


def balanced(row: Mapping[str, Any]) -> list[str]:
    """The accounting equations that a delivery's row breaks; empty when every person is accounted for."""
    sums = {
        "wanted = unchanged + refreshed + known_refused + changed + adds + not_added": (
            "wanted", ("unchanged", "refreshed", "known_refused", "changed", "adds", "not_added")),
        "audience = held_out + suppressed + no_consent + no_usable_key + wanted": (
            "audience", ("held_out", "suppressed", "no_consent", "no_usable_key", "wanted")),
        "last_known = unchanged + refreshed + changed + removes + kept": (
            "last_known", ("unchanged", "refreshed", "changed", "removes", "kept")),
        "adds + changed + refreshed = accepted + rejected + unproven + unsent": (
            "sent", ("accepted", "rejected", "unproven", "unsent")),
        "removes = acknowledged + refused + unproven + unsent": (
            "removes", ("removes_acknowledged", "removes_refused", "removes_unproven", "removes_unsent")),
    }  # fmt: skip
    # Rows from before there were modes have nothing in these.
    values = {**row, **{name: row.get(name) or 0 for name in ("refreshed", "not_added", "kept")}}
    values["sent"] = row["adds"] + row["changed"] + values["refreshed"]
    if row["lane"] == "opt_out":
        # This lane only takes people out: it has no audience of its own.
        sums = {name: parts for name, parts in sums.items() if parts[0] in {"last_known", "removes"}}
    return [name for name, (whole, parts) in sums.items() if values[whole] != sum(values[part] for part in parts)]


def _tables(lake: Lake, ledger: AudienceLedger, log: DeliveryLog) -> tuple[pads.Dataset, pads.Dataset]:
    """The changes of a delivery, and the state before it."""
    import pyarrow.dataset as pads

    header, partition = log.header, ledger.pair.partition
    changes = lake.dataset(lake.snapshot(CHANGES.name, partition, header["changes"]))
    if header["from_state"]:
        return changes, lake.dataset(lake.snapshot(ACKNOWLEDGED.name, partition, header["from_state"]))
    return changes, pads.dataset(ACKNOWLEDGED.arrow_schema().empty_table())


def _load(db: duckdb.DuckDBPyConnection, apart: Apart, log: DeliveryLog) -> None:
    import pyarrow as pa

    db.register("changes", apart.changes)
    db.register("before", apart.before)
    # Most columns are null in every row of a pair, and those cost as much as others.
    columns_of_changes = ", ".join(f"c.{name}" for name in (*_OF_A_CHANGE, *apart.forms))
    # Where there are jobs a platform counts from the request, not from their end.
    asked = {(e.body["phase"], e.body["batch"]): utc(e.at) for e in log.answered("receipt")}
    # A job that is still open may or may not be done: its people are in doubt like those without an answer.
    standings = [
        {"phase": p, "batch": b, "standing": "in_doubt" if s == "submitted" else s, "at": asked.get((p, b))}
        for (p, b), s in log.batch_standings().items()
    ]
    columns: list[pa.Field[Any]] = [
        pa.field("phase", pa.string()),
        pa.field("batch", pa.int64()),
        pa.field("standing", pa.string()),
        pa.field("at", pa.timestamp("us", tz="UTC")),
    ]
    db.register("answers", pa.Table.from_pylist(standings, pa.schema(columns)))
    refused = [
        {"phase": entry.body["phase"], "batch": entry.body["batch"], "member_id": bytes.fromhex(member)}
        for entry in log.answered("receipt")
        for member in entry.body["rejected_members"]
    ]
    named: list[pa.Field[Any]] = [
        pa.field("phase", pa.string()),
        pa.field("batch", pa.int64()),
        pa.field("member_id", pa.binary(32)),
    ]
    db.register("refused", pa.Table.from_pylist(refused, pa.schema(named)))
    _load_given_up(db, log)
    db.execute(f"""
        CREATE TEMP TABLE outcome AS
        WITH answered AS (
            SELECT {columns_of_changes}, a.at,
                   CASE WHEN c.phase = 'none' THEN 'acknowledged'
                        WHEN c.phase = 'swept' THEN coalesce((SELECT standing FROM answers f
                                                              WHERE f.phase = 'replace' AND f.batch = 1), 'unsent')
                        ELSE coalesce(a.standing, 'unsent') END AS said,
                   -- An addition that was refused says nothing about a later removal, nor one lane about another.
                   EXISTS (SELECT 1 FROM refused r WHERE r.member_id = c.member_id AND r.phase = c.phase
                           AND r.batch = c.batch) AS refused_by_name
            FROM changes c LEFT JOIN answers a USING (phase, batch)
        )
        SELECT * EXCLUDE (said, phase),
               phase AS asked_as,
               CASE phase WHEN 'replace' THEN 'add' WHEN 'swept' THEN 'remove' ELSE phase END AS phase,
               CASE WHEN EXISTS (SELECT 1 FROM given_up g WHERE g.phase = answered.phase
                                 AND g.member_id = answered.member_id AND g.record_id = answered.record_id)
                    THEN 'in_doubt'
                    WHEN refused_by_name AND answered.phase NOT IN ('add', 'replace') AND said = 'acknowledged'
                    THEN 'refused'
                    ELSE said END AS answer
        FROM answered
    """)
    # Whoever lost an old identifier may have been taken out as a person: known again only once affirmed.
    db.execute("""
        CREATE TEMP TABLE doubtful AS
        SELECT member_id FROM outcome GROUP BY member_id
        HAVING bool_or(phase = 'retire' AND answer <> 'unsent')
           AND bool_or(phase = 'reaffirm' AND answer <> 'acknowledged')
    """)


def _load_given_up(db: duckdb.DuckDBPyConnection, log: DeliveryLog) -> None:
    """Table `given_up`: records of answered batches that nobody narrowed down to (see `narrowing`)."""
    import pyarrow as pa

    places = [
        {"phase": entry.body["phase"], "batch": entry.body["batch"], "place": place}
        for entry in (*log.final_answers(), *log.staged().values())
        for place in entry.body.get("given_up", ())
    ]
    columns: list[pa.Field[Any]] = [
        pa.field("phase", pa.string()),
        pa.field("batch", pa.int64()),
        pa.field("place", pa.int64()),
    ]
    db.register("given_up_places", pa.Table.from_pylist(places, pa.schema(columns)))
    # A place counts from 0 in the order in which the batch was written (`records.write_batches`).
    db.execute("""
        CREATE TEMP TABLE given_up AS
        SELECT phase, member_id, record_id
        FROM (SELECT phase, batch, member_id, record_id,
                     row_number() OVER (PARTITION BY phase, batch ORDER BY member_id, record_id) - 1 AS place
              FROM changes WHERE (phase, batch) IN (SELECT (phase, batch) FROM given_up_places))
        JOIN given_up_places USING (phase, batch, place)
    """)


def _write_state(
    db: duckdb.DuckDBPyConnection, writer: SnapshotWriter, header: Mapping[str, Any], apart: Apart
) -> None:
    """Old records that were not taken out, and new ones that were taken in or may have been."""
    columns = ", ".join(apart.columns)
    # A delivery that was opened before dates were kept leaves a state without them, now and when it is proven again.
    has_dates = "state_date" in header
    before = f"coalesce(b.answered_at, to_timestamp({header['state_date']!r}))" if has_dates else "b.answered_at"
    # The same identifiers with another answer or value: what was said last is what the platform goes by.
    identifiers = [form for form in apart.forms if form not in ATTRIBUTE_COLUMNS]
    same_person = " AND ".join(f"t.{form} IS NOT DISTINCT FROM kept.{form}" for form in identifiers) or "true"
    db.execute(f"""
        CREATE TEMP TABLE after AS
        WITH kept AS (
            SELECT b.member_id, b.record_id,
                   CASE WHEN bool_or(o.phase = 'shaken' OR (o.phase IN ('retire', 'remove') AND o.answer = 'in_doubt'))
                             OR (bool_or(o.phase = 'reaffirm') AND b.member_id IN (SELECT member_id FROM doubtful))
                        THEN 'in_doubt'
                        WHEN bool_or(o.phase IN ('retire', 'remove') AND o.answer = 'acknowledged') THEN 'leaving'
                        ELSE any_value(b.standing) END AS standing,
                   any_value({before}) AS answered_at,
                   {", ".join(f"any_value(b.{form}) AS {form}" for form in apart.forms)}
            FROM before b LEFT JOIN outcome o ON o.member_id = b.member_id AND o.record_id = b.record_id
            GROUP BY b.member_id, b.record_id
            HAVING NOT coalesce(bool_or(o.phase = 'none' OR (
                o.phase IN ('retire', 'remove') AND o.answer = 'acknowledged' AND b.standing <> 'in_doubt')), false)
        ), taken AS (
            SELECT a.member_id, a.record_id,
                   -- Who is refused when sent again was taken once, and is there until they expire.
                   CASE WHEN a.refused_by_name AND a.kind = 'refreshed' AND a.asked_as = 'add' THEN 'acknowledged'
                        WHEN a.refused_by_name THEN 'rejected'
                        WHEN a.answer = 'in_doubt' OR a.member_id IN (SELECT member_id FROM doubtful) THEN 'in_doubt'
                        ELSE 'acknowledged' END AS standing,
                   {"a.at" if has_dates else "NULL::TIMESTAMPTZ"} AS answered_at,
                   {", ".join(f"a.{form}" for form in apart.forms)}
            FROM outcome a
            WHERE a.phase = 'add' AND a.answer IN ('acknowledged', 'in_doubt')
        )
        SELECT {columns} FROM taken
        UNION ALL
        SELECT {columns} FROM kept
        WHERE NOT EXISTS (SELECT 1 FROM taken t WHERE t.member_id = kept.member_id
                          AND (t.record_id = kept.record_id OR (t.standing <> 'rejected' AND {same_person})))
    """)
    db.execute("CREATE TEMP VIEW leaving AS SELECT * FROM after WHERE standing = 'leaving'")
    sql = "SELECT * FROM after ORDER BY member_id, record_id"
    apart.write_state(engine.batches(db, sql, apart.schema()), writer)


def _publish(lake: Lake, table: str, partition: str, rows: list[dict[str, Any]]) -> None:
    import pyarrow as pa

    from segment_assets.tables import TABLES

    writer = lake.writer(table, partition)
    writer.write(pa.Table.from_pylist(rows, TABLES[table].arrow_schema()))
    writer.publish({})
