"""Whom of some people a platform account was ever sent, in whatever audience: what the ledger's changes still tell.

Belongs here: finding their records, and whether any audience may hold them still. Not here: what is done about them
(`erasing`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import PermanentError
from segment_assets.delivery.ledger import AudienceLedger, Pair
from segment_assets.delivery.naming import named_members
from segment_assets.delivery.wanted import SILENT
from segment_assets.tables import ACKNOWLEDGED, CHANGES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa
    import pyarrow.dataset as pads

    from segment_assets.contracts import Clock, Lake
    from segment_assets.delivery.ledger import DeliveryLog

_THERE = ("acknowledged", "in_doubt", "leaving")


@dataclasses.dataclass(frozen=True, slots=True)
class EverSent:
    """`records` as in CHANGES, one row for each time that one was asked of the platform; `members` are whose they are.

    What an audience holds of them is among the records too, as an addition.
    `still_there`: people whom an audience of the account holds, or may hold, now. `not_retained`: deliveries whose
    changes were deleted for their age, so that nobody knows whether they named anybody.
    """

    records: pa.Table
    members: frozenset[bytes]
    still_there: int
    not_retained: int


def ever_sent(
    lake: Lake, account: tuple[str, str, str], named: pads.Dataset, *, workdir: Path, clock: Clock
) -> EverSent:
    """Look through every delivery of an account (tenant, destination, account) for people whom `named` names.

    `named` has rows as in SUPPRESSIONS. Memory is that of the found.
    """
    found, not_retained, members = [], 0, set[bytes]()
    ledgers = [AudienceLedger(lake, pair, clock) for pair in _pairs(lake, *account)]
    for ledger, log in _deliveries(ledgers):
        changes = _changes(lake, ledger, log)
        not_retained += changes is None
        if changes is not None:
            found.append((log, changes))
            members |= _members(changes, named, workdir)
    for ledger in ledgers:
        state = _state(ledger)
        if state is not None:
            members |= _members(state, named, workdir)
    there = {one for ledger in ledgers for one in _held(ledger, members)}
    records = _records(found, ledgers, members)
    # Whoever is in changes of which nothing was sent is nobody that the account knows.
    return EverSent(records, frozenset(_ids(records) | there), len(there), not_retained)


def _pairs(lake: Lake, tenant: str, destination: str, account: str) -> list[Pair]:
    keys = (key.split("/") for key in lake.keys(f"ledger/{destination}/{account}"))
    segments = sorted({key[3] for key in keys if key[2] == account and "deliveries" in key[4:]})
    return [Pair(tenant, destination, account, segment) for segment in segments]


def _deliveries(ledgers: list[AudienceLedger]) -> Iterator[tuple[AudienceLedger, DeliveryLog]]:
    for ledger in ledgers:
        for log in ledger.deliveries():
            yield ledger, log


def _changes(lake: Lake, ledger: AudienceLedger, log: DeliveryLog) -> pads.Dataset | None:
    try:
        return lake.dataset(lake.snapshot(CHANGES.name, ledger.pair.partition, log.header["changes"]))
    except PermanentError:
        return None


def _members(rows: pads.Dataset, named: pads.Dataset, workdir: Path) -> set[bytes]:
    return _ids(named_members(rows, named, workdir))


def _ids(rows: pa.Table | pa.RecordBatch) -> set[bytes]:
    found: list[Any] = rows.column("member_id").to_pylist()
    return set(found)


def _records(
    found: list[tuple[DeliveryLog, pads.Dataset]], ledgers: list[AudienceLedger], members: set[bytes]
) -> pa.Table:
    """What was asked of the platform about these members. Of a batch without an intent it was asked nothing."""
    import pyarrow as pa

    kept = [CHANGES.arrow_schema().empty_table()]
    for state in (_state(ledger) for ledger in ledgers) if members else ():
        if state is not None:
            # Their addition may be older than the changes that are retained.
            held = _of(state, members).drop_columns(["standing", "answered_at"]).to_pylist()
            added = [{**row, "phase": "add", "batch": 0, "kind": "new"} for row in held]
            kept.append(pa.Table.from_pylist(added, kept[0].schema))
    for log, changes in found if members else ():
        asked = {place for place in log.batch_standings() if place[0] not in SILENT}
        rows = _of(changes, members)
        places = zip(rows.column("phase").to_pylist(), rows.column("batch").to_pylist(), strict=True)
        mask = pa.array([place in asked for place in places], pa.bool_())
        kept.append(rows.filter(mask).cast(kept[0].schema))
    return pa.concat_tables(kept)


def _of(rows: pads.Dataset, members: set[bytes]) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    ids = pa.array(sorted(members), pa.binary(32))
    # Any: the stubs know no filter on a dataset.
    dataset: Any = rows
    table: pa.Table = dataset.to_table(filter=pc.field("member_id").isin(ids))
    return table


def _state(ledger: AudienceLedger) -> pads.Dataset | None:
    """What the audience held after the last delivery that is closed."""
    for log in ledger.newest_first():
        if log.closed is not None:
            return ledger.lake.dataset(
                ledger.lake.snapshot(ACKNOWLEDGED.name, ledger.pair.partition, log.closed.body["state"])
            )
    return None


def _held(ledger: AudienceLedger, members: set[bytes]) -> set[bytes]:
    """Who of the members is, or may be, in an audience; an open delivery may still bring or leave anybody it names."""
    if not members:
        return set()
    state, log, there = _state(ledger), ledger.last(), set[bytes]()
    if state is not None:
        rows = _of(state, members)
        told = rows.select(["member_id", "standing"]).to_pylist()
        there |= {row["member_id"] for row in told if row["standing"] in _THERE}
    if log is not None and log.closed is None:
        coming = _changes(ledger.lake, ledger, log)
        there |= _ids(_of(coming, members)) if coming is not None else set()
    return there
