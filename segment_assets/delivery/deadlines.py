"""How soon people who opted out are out: from the date of their request to the end of the delivery that took them out.

Belongs here: these times, for one pair, from the ledger and the suppressions. Counts and hours, never who.
Not here: the deadline itself (the plan), who is told that it was missed (`compliance`).

Whoever was forgotten since is in no state any more, so they have no time either: how many deliveries that concerns is
told beside the times.

A consent that was taken back has no date in any source of ours, so it has no time either; it leaves in the same
delivery as the opt-outs.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from segment_assets import engine
from segment_assets.delivery.ledger import utc
from segment_assets.delivery.records import named_by
from segment_assets.tables import ACKNOWLEDGED

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from segment_assets.contracts import Snapshot
    from segment_assets.delivery.ledger import AudienceLedger, DeliveryLog

_HOUR = 3_600.0


@dataclasses.dataclass(frozen=True, slots=True)
class OptOutTimes:
    """`taken_out` of a pair within the window, `in_time` of them; `waiting` are there still, `overdue` of them.

    Hours are from the request. `oldest_waiting_hours` and `slowest_hours` are None where there is nobody.
    `redacted` are deliveries of the window that took people out, and of whose people some were forgotten since: those
    count for nothing here any more.
    """

    taken_out: int
    in_time: int
    waiting: int
    overdue: int
    oldest_waiting_hours: float | None
    slowest_hours: float | None
    redacted: int = 0


def opt_out_times(
    ledger: AudienceLedger, suppressions: Snapshot | None, *, deadline_hours: float, window_hours: float, workdir: Path
) -> OptOutTimes:
    """The times of one pair. `window_hours` is how far back removals are looked at, from the ledger's clock.

    A delivery that is open counts for nothing yet: whoever it takes out is waiting.
    """
    now, lake = ledger.clock(), ledger.lake
    if suppressions is None or not suppressions.rows:
        return OptOutTimes(0, 0, 0, 0, None, None)
    with engine.connect(workdir) as db:
        db.register("suppression_rows", lake.dataset(suppressions))
        db.execute("CREATE TEMP TABLE suppressed AS SELECT kind, digest, opted_out_at FROM suppression_rows")
        db.execute("CREATE TEMP TABLE times (hours DOUBLE)")
        waiting: list[float] = []
        newest, redacted = True, 0
        for log in ledger.newest_first():
            if log.closed is None:
                continue
            if newest:
                waiting, newest = _waiting(db, ledger, log, now), False
            if log.closed.at < now - window_hours * _HOUR:
                break
            if log.header["counts"]["removes"]:
                redacted += _note_removals(db, ledger, log)
        taken_out, in_time, slowest = db.execute(
            f"SELECT count(*), count(*) FILTER (hours <= {deadline_hours}), max(hours) FROM times"
        ).fetchall()[0]
    overdue = sum(hours > deadline_hours for hours in waiting)
    return OptOutTimes(taken_out, in_time, len(waiting), overdue, max(waiting, default=None), slowest, redacted)


def _waiting(db: duckdb.DuckDBPyConnection, ledger: AudienceLedger, log: DeliveryLog, now: float) -> list[float]:
    """Hours since the request of everybody who is, or may be, there still."""
    _load_state(db, "held", ledger, log.closed.body["state"] if log.closed else "")
    sql = _hours("SELECT * FROM held WHERE standing NOT IN ('rejected', 'leaving')", now)
    return [hours for (hours,) in db.execute(sql).fetchall()]


def _note_removals(db: duckdb.DuckDBPyConnection, ledger: AudienceLedger, log: DeliveryLog) -> bool:
    """Who was there before a delivery and is not after it. Its end counts as their acknowledgement.

    What was sent of them may be less than what was held (not what others hold too), so it is not looked at.
    Returns whether anybody of them was forgotten since.
    """
    if log.closed is None or not log.header["from_state"]:
        return False
    before = _load_state(db, "before", ledger, log.header["from_state"])
    _load_state(db, "after", ledger, log.closed.body["state"])
    gone = """
        SELECT * FROM before WHERE standing <> 'rejected'
        AND member_id NOT IN (SELECT member_id FROM after WHERE standing <> 'leaving')
    """
    # Whoever said no after they had left for another reason was not late.
    db.execute(f"INSERT INTO times SELECT hours FROM ({_hours(gone, log.closed.at)}) WHERE hours >= 0")
    return bool(before.redacted)


def _load_state(db: duckdb.DuckDBPyConnection, name: str, ledger: AudienceLedger, state: str) -> Snapshot:
    snapshot = ledger.lake.snapshot(ACKNOWLEDGED.name, ledger.pair.partition, state)
    db.register(name, ledger.lake.dataset(snapshot))
    return snapshot


def _hours(records: str, moment: float) -> str:
    """SQL for the hours between the earliest request that names a person and a moment, a row for each person named."""
    named = " UNION ALL ".join(
        f"SELECT r.member_id, s.opted_out_at FROM ({records}) r JOIN suppressed s "
        f"ON s.digest = {cell} AND s.kind IN ({kinds})"
        for cell, kinds in named_by("r").items()
    )
    return f"""
        SELECT (epoch(TIMESTAMPTZ '{utc(moment).isoformat()}') - epoch(min(opted_out_at))) / {_HOUR} AS hours
        FROM ({named}) GROUP BY member_id
    """
