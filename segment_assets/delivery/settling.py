"""After a delivery ended, however it ended: what the platform now holds, and how the people add up.

Belongs here: the state that the next delivery starts from, the accounting, and the rows of the ledger's tables.
The same code settles a delivery that ran to its end and one that was killed in the middle of a call.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from segment_assets import engine
from segment_assets.contracts import PermanentError
from segment_assets.delivery.ledger import utc
from segment_assets.delivery.wanted import FORMS
from segment_assets.tables import ACKNOWLEDGED, DELIVERIES, RECEIPTS, REJECTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import duckdb

    from segment_assets.contracts import Lake, Snapshot
    from segment_assets.delivery.ledger import AudienceLedger, DeliveryLog


@dataclasses.dataclass(frozen=True, slots=True)
class Settled:
    """A closed delivery: the state it left, and its row of the deliveries table."""

    state: Snapshot
    row: Mapping[str, Any]


def acknowledged_state(lake: Lake, ledger: AudienceLedger) -> Snapshot | None:
    """What the last closed delivery left on the platform, None before the first."""
    last = ledger.last()
    if last is None:
        return None
    if last.closed is None:
        raise PermanentError(f"{ledger.pair}: delivery {last.number} is still open; settle it before reading its state")
    return lake.snapshot(ACKNOWLEDGED.name, ledger.pair.partition, last.closed.body["state"])


def settle(lake: Lake, ledger: AudienceLedger, log: DeliveryLog, outcome: str, workdir: Path) -> Settled:
    """Close a delivery: write the new state and the tables' rows, then the closing entry.

    `outcome`: done, empty, interrupted or failed. Everything before the closing entry can be repeated, so a crash in
    here costs nothing. Raises FencedError when another run settled first.
    """
    header = log.header
    with engine.connect(workdir) as db:
        _load(db, lake, ledger, log)
        state = _write_state(db, lake, ledger)
        people = _people(db, log)
        leaving = engine.number(db, "SELECT count(*) FROM leaving")
    row = _delivery_row(ledger, log, outcome, people)
    partition = f"{ledger.pair.partition}/{log.number:06d}"
    _publish(lake, DELIVERIES.name, partition, [row])
    _publish(lake, RECEIPTS.name, partition, list(_receipt_rows(header["delivery_id"], log)))
    _publish(lake, REJECTIONS.name, partition, list(_rejection_rows(header["delivery_id"], log)))
    body = {"outcome": outcome, "state": state.id, "accounting": people, "leaving": leaving}
    log.chain.append("closed", body)
    return Settled(state, row)


def balanced(row: Mapping[str, Any]) -> list[str]:
    """The accounting equations that a delivery's row breaks; empty when every person is accounted for."""
    sums = {
        "wanted = unchanged + known_refused + changed + adds": (
            "wanted", ("unchanged", "known_refused", "changed", "adds")),
        "audience = held_out + suppressed + no_consent + no_usable_key + wanted": (
            "audience", ("held_out", "suppressed", "no_consent", "no_usable_key", "wanted")),
        "last_known = unchanged + changed + removes": ("last_known", ("unchanged", "changed", "removes")),
        "adds + changed = accepted + rejected + unproven + unsent": (
            "sent", ("accepted", "rejected", "unproven", "unsent")),
        "removes = acknowledged + refused + unproven + unsent": (
            "removes", ("removes_acknowledged", "removes_refused", "removes_unproven", "removes_unsent")),
    }  # fmt: skip
    values = {**row, "sent": row["adds"] + row["changed"]}
    if row["lane"] == "opt_out":
        # This lane only takes people out: it has no audience of its own.
        sums = {name: parts for name, parts in sums.items() if parts[0] in {"last_known", "removes"}}
    return [name for name, (whole, parts) in sums.items() if values[whole] != sum(values[part] for part in parts)]


def _load(db: duckdb.DuckDBPyConnection, lake: Lake, ledger: AudienceLedger, log: DeliveryLog) -> None:
    import pyarrow as pa

    header, partition = log.header, ledger.pair.partition
    db.register("changes", lake.dataset(lake.snapshot("changes", partition, header["changes"])))
    if header["from_state"]:
        db.register("before", lake.dataset(lake.snapshot(ACKNOWLEDGED.name, partition, header["from_state"])))
    else:
        db.register("before", ACKNOWLEDGED.arrow_schema().empty_table())
    # A job that is still open may or may not be done: its people are in doubt like those without an answer.
    standings = [
        {"phase": p, "batch": b, "standing": "in_doubt" if s == "submitted" else s}
        for (p, b), s in log.batch_standings().items()
    ]
    columns: list[pa.Field[Any]] = [
        pa.field("phase", pa.string()),
        pa.field("batch", pa.int64()),
        pa.field("standing", pa.string()),
    ]
    db.register("answers", pa.Table.from_pylist(standings, pa.schema(columns)))
    refused = [{"phase": phase, "member_id": bytes.fromhex(member)} for phase, member in _rejected_members(log)]
    named: list[pa.Field[Any]] = [pa.field("phase", pa.string()), pa.field("member_id", pa.binary(32))]
    db.register("refused", pa.Table.from_pylist(refused, pa.schema(named)))
    _load_given_up(db, log)
    db.execute("""
        CREATE TEMP TABLE outcome AS
        WITH answered AS (
            SELECT c.*, CASE WHEN c.phase = 'none' THEN 'acknowledged' ELSE coalesce(a.standing, 'unsent') END AS said,
                   EXISTS (SELECT 1 FROM refused r WHERE r.member_id = c.member_id AND r.phase = c.phase)
                   AS refused_by_name
            FROM changes c LEFT JOIN answers a USING (phase, batch)
        )
        SELECT * EXCLUDE (said),
               CASE WHEN EXISTS (SELECT 1 FROM given_up g WHERE g.phase = answered.phase
                                 AND g.member_id = answered.member_id AND g.record_id = answered.record_id)
                    THEN 'in_doubt'
                    WHEN refused_by_name AND phase <> 'add' AND said = 'acknowledged' THEN 'refused'
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
        for entry in log.final_answers()
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


def _write_state(db: duckdb.DuckDBPyConnection, lake: Lake, ledger: AudienceLedger) -> Snapshot:
    """Old records that were not taken out, and new ones that were taken in or may have been."""
    forms = ", ".join(FORMS)
    db.execute(f"""
        CREATE TEMP TABLE after AS
        WITH kept AS (
            SELECT b.member_id, b.record_id,
                   CASE WHEN bool_or(o.phase IN ('retire', 'remove') AND o.answer = 'in_doubt')
                             OR (bool_or(o.phase = 'reaffirm') AND b.member_id IN (SELECT member_id FROM doubtful))
                        THEN 'in_doubt'
                        WHEN bool_or(o.phase IN ('retire', 'remove') AND o.answer = 'acknowledged') THEN 'leaving'
                        ELSE any_value(b.standing) END AS standing,
                   {", ".join(f"any_value(b.{form}) AS {form}" for form in FORMS)}
            FROM before b LEFT JOIN outcome o ON o.member_id = b.member_id AND o.record_id = b.record_id
            GROUP BY b.member_id, b.record_id
            HAVING NOT coalesce(bool_or(o.phase = 'none' OR (
                o.phase IN ('retire', 'remove') AND o.answer = 'acknowledged' AND b.standing <> 'in_doubt')), false)
        ), taken AS (
            SELECT a.member_id, a.record_id,
                   CASE WHEN a.refused_by_name THEN 'rejected'
                        WHEN a.answer = 'in_doubt' OR a.member_id IN (SELECT member_id FROM doubtful) THEN 'in_doubt'
                        ELSE 'acknowledged' END AS standing,
                   {", ".join(f"a.{form}" for form in FORMS)}
            FROM outcome a
            WHERE a.phase = 'add' AND a.answer IN ('acknowledged', 'in_doubt')
        )
        SELECT member_id, record_id, standing, {forms} FROM taken
        UNION ALL
        SELECT member_id, record_id, standing, {forms} FROM kept
        WHERE NOT EXISTS (SELECT 1 FROM taken t WHERE t.member_id = kept.member_id AND t.record_id = kept.record_id)
    """)
    db.execute("CREATE TEMP VIEW leaving AS SELECT * FROM after WHERE standing = 'leaving'")
    sql = "SELECT * FROM after ORDER BY member_id, record_id"
    writer = lake.writer(ACKNOWLEDGED.name, ledger.pair.partition)
    for batch in engine.batches(db, sql, ACKNOWLEDGED.arrow_schema()):
        writer.write(batch)
    return writer.publish({})


def _people(db: duckdb.DuckDBPyConnection, log: DeliveryLog) -> dict[str, int]:
    """The right side of the accounting, in people."""
    sizes = dict(
        db.execute("""
            SELECT CASE WHEN refused_by_name AND answer = 'in_doubt' THEN 'named' ELSE answer END, count(*)
            FROM outcome WHERE phase = 'add' GROUP BY 1
        """).fetchall()
    )
    gone = dict(
        db.execute("""
            SELECT answer, count(*) FROM (
                SELECT member_id, CASE WHEN bool_and(answer = 'acknowledged') THEN 'acknowledged'
                                       WHEN bool_or(answer = 'refused') THEN 'refused'
                                       WHEN bool_or(answer = 'in_doubt') THEN 'in_doubt' ELSE 'unsent' END AS answer
                FROM outcome WHERE kind = 'gone' GROUP BY 1)
            GROUP BY 1
        """).fetchall()
    )
    told = {name: _told(log, "add", name) for name in ("accepted", "rejected", "unproven")}
    doubted = min(_told(log, "remove", "unproven"), gone.get("acknowledged", 0))
    return {
        "accepted": told["accepted"],
        "rejected": told["rejected"] + sizes.get("refused", 0) + sizes.get("named", 0),
        "unproven": told["unproven"] + sizes.get("in_doubt", 0),
        "unsent": sizes.get("unsent", 0),
        "removes_acknowledged": gone.get("acknowledged", 0) - doubted,
        "removes_refused": gone.get("refused", 0),
        "removes_unproven": gone.get("in_doubt", 0) + doubted,
        "removes_unsent": gone.get("unsent", 0),
        "requests": len(log.answered("receipt")) + len(log.answered("refused")),
    }


def _told(log: DeliveryLog, phase: str, name: str) -> int:
    """A number of the last word on every acknowledged batch of a phase."""
    standings = log.batch_standings()
    return sum(
        entry.body[name]
        for entry in log.final_answers()
        if entry.body["phase"] == phase and standings[(phase, entry.body["batch"])] == "acknowledged"
    )


def _delivery_row(ledger: AudienceLedger, log: DeliveryLog, outcome: str, people: Mapping[str, int]) -> dict[str, Any]:
    header, pair = log.header, ledger.pair
    return {
        "delivery_id": header["delivery_id"],
        "destination": pair.destination,
        "account": pair.account,
        "segment": pair.segment,
        "number": log.number,
        "lane": header["lane"],
        "outcome": outcome,
        "to_snapshot": header["to_snapshot"],
        "opened_at": utc(log.chain.entries[0].at),
        "closed_at": utc(ledger.clock()),
        **header["counts"],
        **people,
    }


def _receipt_rows(delivery_id: str, log: DeliveryLog) -> Iterator[dict[str, Any]]:
    for entry in log.chain.entries:
        if entry.kind in {"receipt", "refused"}:
            body = entry.body
            yield {
                "delivery_id": delivery_id,
                "entry": entry.number,
                "phase": body["phase"],
                "batch": body["batch"],
                "sent": body["sent"],
                "received": body.get("received", 0),
                "accepted": body.get("accepted", 0),
                "rejected": body.get("rejected", body["sent"] if entry.kind == "refused" else 0),
                "unproven": body.get("unproven", 0) + len(body.get("given_up", ())),
                "request_digest": body["request_digest"],
                "platform_code": body["code"],
                "chain": entry.digest,
            }


def _rejection_rows(delivery_id: str, log: DeliveryLog) -> Iterator[dict[str, Any]]:
    for entry in log.answered("receipt"):
        yield from (
            {"delivery_id": delivery_id, "member_id": bytes.fromhex(member), "code": code}
            for member, code in entry.body["rejected_members"].items()
        )


def _rejected_members(log: DeliveryLog) -> Iterator[tuple[str, str]]:
    """Phase and member: an addition that was refused says nothing about a later removal, nor the other way round."""
    for entry in log.answered("receipt"):
        yield from ((entry.body["phase"], member) for member in entry.body["rejected_members"])


def _publish(lake: Lake, table: str, partition: str, rows: list[dict[str, Any]]) -> None:
    import pyarrow as pa

    from segment_assets.tables import TABLES

    writer = lake.writer(table, partition)
    writer.write(pa.Table.from_pylist(rows, TABLES[table].arrow_schema()))
    writer.publish({})
