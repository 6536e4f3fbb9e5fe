"""Jobs of a delivery that was stopped for a no: the platform goes on with them, and what they did counts.

Belongs here: asking about them until they end, the notes on that, and the state that follows from it. Not here: jobs of
an open delivery (`following`), what a delivery leaves when it is closed (`settling`).

Without this, noes that came in more often than the platform did its jobs left everybody in doubt: all people were sent
again after each, and nobody was ever acknowledged.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from segment_assets import engine
from segment_assets.contracts import JobState, SegmentAssetsError, TransientError
from segment_assets.delivery.following import how_it_ended
from segment_assets.delivery.ledger import Chain
from segment_assets.delivery.ranges import filled
from segment_assets.tables import ACKNOWLEDGED, CHANGES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import duckdb
    import pyarrow.dataset as pads

    from segment_assets.contracts import Contract, Destination, Follow, SnapshotWriter, Transport
    from segment_assets.delivery.ledger import AudienceLedger, DeliveryLog, Entry

# By a removal whose job was left a person stays in doubt, and is taken out again: that costs little.
_PHASE = "add"


def left_jobs(ledger: AudienceLedger) -> Chain:
    """The notes of a pair: `job` (how one ended) and `state` (what followed after the delivery of that number)."""
    return Chain(ledger.lake, f"{ledger.pair.prefix}/left_jobs", ledger.clock)


def state_after(ledger: AudienceLedger, last: DeliveryLog) -> str:
    """The id of the state that the next delivery starts from, after a closed one."""
    assert last.closed is not None
    noted = states_noted(ledger) if _stopped(ledger) is not None else {}
    return noted.get(last.number, str(last.closed.body["state"]))


def states_noted(ledger: AudienceLedger) -> dict[int, str]:
    """Number of a delivery -> the last state that followed after it from what left jobs did."""
    return {int(e.body["after"]): str(e.body["state"]) for e in left_jobs(ledger).entries if e.kind == "state"}


def is_still_adding(ledger: AudienceLedger, contract: Contract) -> bool:
    """Whether the platform works on additions of a delivery that was stopped."""
    return contract.follow is not None and bool(_still_worked_on(ledger, contract.follow.give_up))


def hear_of_left_jobs(ledger: AudienceLedger, destination: Destination, transport: Transport, workdir: Path) -> None:
    """Ask about the jobs that were left, and count what they did. Raises FencedError as `append` does."""
    if destination.contract.follow is not None:
        _ask(ledger, destination, transport, destination.contract.follow)
        _count(ledger, workdir)


def _still_worked_on(ledger: AudienceLedger, give_up: float) -> list[Entry]:
    """Receipts of additions whose job was left open and has not ended since, the given up aside."""
    log = _stopped(ledger)
    if log is None:
        return []
    left = [receipt for receipt in log.open_jobs() if receipt.body["phase"] == _PHASE]
    ended = {entry.body["job"] for entry in left_jobs(ledger).entries if entry.kind == "job"} if left else set()
    return [r for r in left if r.body["job"] not in ended and ledger.clock() - r.at <= give_up]


def _ask(ledger: AudienceLedger, destination: Destination, transport: Transport, advice: Follow) -> None:
    """Note the jobs that have ended. What the platform does not tell stays open."""
    log, now = _stopped(ledger), ledger.clock()
    if log is None:
        return
    chain = left_jobs(ledger)
    for receipt in _still_worked_on(ledger, advice.give_up):
        if now < receipt.at + advice.first:
            continue
        try:
            note = how_it_ended(receipt, destination, transport, now=now)
        except TransientError:
            return
        except SegmentAssetsError:
            # Whoever said no meanwhile does not wait for an answer about others.
            continue
        if note is not None:
            chain.append("job", {**note, "delivery": log.number})


def _count(ledger: AudienceLedger, workdir: Path) -> None:
    """Note a state in which those are acknowledged whom left jobs added; nothing where none has ended since."""
    log, last, lake = _stopped(ledger), ledger.last(), ledger.lake
    if log is None or last is None or last.closed is None:
        return
    chain = left_jobs(ledger)
    counted = max((entry.number for entry in chain.entries if entry.kind == "state"), default=0)
    if not any(_is_done(entry, log) for entry in chain.entries if entry.number > counted):
        return
    before = state_after(ledger, last)
    done = [entry for entry in chain.entries if _is_done(entry, log)]
    writer = lake.writer(ACKNOWLEDGED.name, ledger.pair.partition)
    with engine.connect(workdir) as db:
        _load_added(db, ledger, log, done)
        _write_state(db, lake.dataset(lake.snapshot(ACKNOWLEDGED.name, ledger.pair.partition, before)), writer)
    body = {"after": last.number, "delivery": log.number, "from_state": before, "state": writer.publish({}).id}
    chain.append("state", body)


def _stopped(ledger: AudienceLedger) -> DeliveryLog | None:
    """The newest delivery but for opt-outs, where it was closed while the platform worked on it."""
    for log in ledger.newest_first():
        if log.header["lane"] != "opt_out":
            return log if log.closed is not None and log.open_jobs() else None
    return None


def _is_done(entry: Entry, log: DeliveryLog) -> bool:
    """Whether a note says that a job of this delivery ended, and did anything."""
    is_ours = entry.kind == "job" and entry.body["delivery"] == log.number
    return is_ours and entry.body["state"] != JobState.FAILED.value


def _load_added(db: duckdb.DuckDBPyConnection, ledger: AudienceLedger, log: DeliveryLog, done: Sequence[Entry]) -> None:
    """Table `added`: the records that the jobs added, without whoever a later delivery was about."""
    import pyarrow as pa

    # Nobody says which records of such a batch the platform was never asked about to the end (see `narrowing`).
    asked = [entry.body for entry in log.answered("receipt") if entry.body["phase"] == _PHASE]
    open_ended = {body["batch"] for body in asked if "given_up" in body}
    batches = sorted({batch for entry in done for batch in log.covered(entry)} - open_ended)
    db.register("done", pa.table({"batch": pa.array(batches, pa.int64())}))
    db.execute("CREATE TEMP TABLE touched (member_id BLOB)")
    for delivery in itertools.takewhile(lambda one: one.number > log.number, ledger.newest_first()):
        # Whoever shares an identifier with somebody who was taken out is among these: they may be gone as well.
        db.register("later", _changes(ledger, delivery))
        db.execute("INSERT INTO touched SELECT member_id FROM later")
    db.register("asked", _changes(ledger, log))
    db.execute(f"""
        CREATE TEMP TABLE added AS
        SELECT DISTINCT member_id, record_id FROM asked JOIN done USING (batch)
        WHERE phase = '{_PHASE}' AND member_id NOT IN (SELECT member_id FROM touched)
    """)


def _changes(ledger: AudienceLedger, log: DeliveryLog) -> pads.Dataset:
    lake = ledger.lake
    return lake.dataset(lake.snapshot(CHANGES.name, ledger.pair.partition, log.header["changes"]))


def _write_state(db: duckdb.DuckDBPyConnection, before: pads.Dataset, writer: SnapshotWriter) -> None:
    import pyarrow as pa

    declared, there = ACKNOWLEDGED.arrow_schema(), set(filled(before, ACKNOWLEDGED.column_names()))
    schema = pa.schema([field.with_nullable(nullable=True) for field in declared if field.name in there])
    db.register("before", before)
    standing = "CASE WHEN a.member_id IS NOT NULL AND b.standing = 'in_doubt' THEN 'acknowledged' ELSE b.standing END"
    columns = ", ".join(f"{standing} AS standing" if name == "standing" else f"b.{name}" for name in schema.names)
    sql = f"""
        SELECT {columns} FROM before b LEFT JOIN added a ON a.member_id = b.member_id AND a.record_id = b.record_id
        ORDER BY b.member_id, b.record_id
    """
    for rows in engine.batches(db, sql, schema):
        writer.write(rows)
