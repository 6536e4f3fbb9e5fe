"""Whom of some people a platform account was ever sent, in whatever audience: what the ledger's changes still tell.

Belongs here: finding their records, and whether any audience may hold them still. Not here: what is done about them
(`erasing`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from segment_assets import engine
from segment_assets.contracts import PermanentError
from segment_assets.delivery.ledger import AudienceLedger, Pair
from segment_assets.delivery.naming import named_members
from segment_assets.delivery.records import named_by
from segment_assets.delivery.wanted import FORMS, PHASES, SILENT
from segment_assets.tables import ACKNOWLEDGED, CHANGES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import pyarrow as pa
    import pyarrow.dataset as pads

    from segment_assets.contracts import Clock, Lake
    from segment_assets.delivery.ledger import DeliveryLog

_BRINGING = frozenset({"add", "reaffirm"})
_THERE = ("acknowledged", "in_doubt", "leaving")
_PHONES = ("phone_digits", "phone_e164")
# A phone or a device may be a household's: by these the others of it would be erased, who did not ask.
_NAMES_ONE = ("member", "email", "email_gmail_folded")


@dataclasses.dataclass(frozen=True, slots=True)
class EverSent:
    """`records` as in CHANGES, one row for each time that one was asked of the platform; `members` are whose they are.

    What an audience holds of them is among the records too, as an addition.
    `there`: people whom an audience of the account holds, or may hold, now, and when they were first named, in seconds
    since the epoch; `newest` is when the last request of all was. `not_retained`: deliveries that took people out and
    of which neither the changes nor the state before is retained, so that nobody knows whom they named. `by_phone`:
    people of whom nothing is named but a phone with which a request said nothing else, and which may be another's.
    """

    records: pa.Table
    members: frozenset[bytes]
    there: Mapping[bytes, float]
    newest: float
    not_retained: int
    by_phone: int = 0

    @property
    def still_there(self) -> int:
        """How many people are in an audience, or may be."""
        return len(self.there)


def ever_sent(
    lake: Lake, account: tuple[str, str, str], named: pads.Dataset, *, workdir: Path, clock: Clock
) -> EverSent:
    """Look through every delivery of an account (tenant, destination, account) for people whom `named` names.

    `named` has rows as in SUPPRESSIONS. It means those whom it names by our id of them or by their e-mail. Who only
    shares a phone or a device with them is not meant: an audience loses what is shared as it does for every no, a
    platform is asked to forget it as the asking person's, and nothing else of the other is looked for. So somebody
    whom a request names by a phone alone is found only where it leads to a customer, or is all that they are known by;
    others are counted.
    Memory is that of the found and of those named.
    """
    import pyarrow.dataset as pads

    newest, phones, named = _newest(named), _asked_phones(named), naming_one(named)
    found, not_retained, members = [], 0, set[bytes]()
    ledgers = [AudienceLedger(lake, pair, clock) for pair in _pairs(lake, *account)]
    tables = [state for ledger in ledgers if (state := _state(ledger)) is not None]
    for ledger, log in _deliveries(ledgers):
        changes = _changes(lake, ledger, log)
        if changes is not None:
            found.append((log, changes))
        elif _takes_anything_out(log):
            before = _state_before(lake, ledger, log)
            not_retained += before is None
            tables += [] if before is None else [before]
    seen = [*tables, *(changes for _, changes in found)]
    for rows in seen:
        members |= _members(rows, named, workdir)
    by_phone = pads.dataset(phones)
    maybe = {one for rows in seen if phones.num_rows for one in _members(rows, by_phone, workdir)} - members
    there = {one for ledger in ledgers for one in _held(ledger, members)}
    records = _records(found, tables, members)
    first_named = _first_named(seen, there, named, workdir)
    # Whoever is in changes of which nothing was sent is nobody that the account knows.
    return EverSent(records, frozenset(_ids(records) | there), first_named, newest, not_retained, len(maybe))


def _newest(named: pads.Dataset) -> float:
    import pyarrow.compute as pc

    # Any: the stubs know no maximum of a column, and no columns of a dataset.
    compute: Any = pc
    dataset: Any = named
    moment = compute.max(dataset.to_table(columns=["opted_out_at"]).column(0)).as_py()
    return float(moment.timestamp()) if moment else 0.0


def _asked_phones(named: pads.Dataset) -> pa.Table:
    import pyarrow.compute as pc

    # Any: the stubs know no filter on a dataset.
    dataset: Any = named
    found: pa.Table = dataset.to_table(filter=pc.field("kind").isin(_PHONES) & pc.field("asked"))
    return found


def naming_one(named: pads.Dataset) -> pads.Dataset:
    """The rows that name one person, and nobody who only lives with them."""
    import pyarrow.compute as pc
    import pyarrow.dataset as pads

    # Any: the stubs know no filter on a dataset.
    dataset: Any = named
    naming_one: pads.Dataset = pads.dataset(dataset.to_table(filter=pc.field("kind").isin(_NAMES_ONE)))
    return naming_one


def _first_named(
    tables: list[pads.Dataset], members: set[bytes], named: pads.Dataset, workdir: Path
) -> dict[bytes, float]:
    """When each of the members was first named by any row of theirs, in seconds since the epoch."""
    import pyarrow as pa

    if not members:
        return {}
    cells = ["member_id", *FORMS]
    rows = pa.concat_tables([_of(table, members, cells) for table in tables])
    by_each = " UNION ALL ".join(
        f"SELECT r.member_id, n.opted_out_at FROM rows_ r JOIN named n ON n.digest = {cell} AND n.kind IN ({kinds})"
        for cell, kinds in named_by("r").items()
    )
    sql = f"SELECT member_id, epoch(min(opted_out_at)) FROM ({by_each}) GROUP BY member_id"
    with engine.connect(workdir) as db:
        db.register("named_rows", named)
        db.execute("CREATE TEMP TABLE named AS SELECT * FROM named_rows")
        db.register("rows_", rows)
        return dict(db.execute(sql).fetchall())


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


def _takes_anything_out(log: DeliveryLog) -> bool:
    """Whether anybody left with a delivery. Whoever only came is in the state, or in what took them out later."""
    return bool(log.header["from_state"]) and any(
        log.header["records"].get(phase) for phase in PHASES if phase not in _BRINGING
    )


def _state_before(lake: Lake, ledger: AudienceLedger, log: DeliveryLog) -> pads.Dataset | None:
    """What the audience held before a delivery, which outlives its changes by years."""
    try:
        return lake.dataset(lake.snapshot(ACKNOWLEDGED.name, ledger.pair.partition, log.header["from_state"]))
    except PermanentError:
        return None


def _members(rows: pads.Dataset, named: pads.Dataset, workdir: Path) -> set[bytes]:
    return _ids(named_members(rows, named, workdir))


def _ids(rows: pa.Table | pa.RecordBatch) -> set[bytes]:
    found: list[Any] = rows.column("member_id").to_pylist()
    return set(found)


def _records(
    found: list[tuple[DeliveryLog, pads.Dataset]], states: list[pads.Dataset], members: set[bytes]
) -> pa.Table:
    """What was asked of the platform about these members. Of a batch without an intent it was asked nothing."""
    import pyarrow as pa

    kept = [CHANGES.arrow_schema().empty_table()]
    for state in states if members else ():
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


def _of(rows: pads.Dataset, members: set[bytes], columns: list[str] | None = None) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    ids = pa.array(sorted(members), pa.binary(32))
    # Any: the stubs know no filter on a dataset.
    dataset: Any = rows
    table: pa.Table = dataset.to_table(columns=columns, filter=pc.field("member_id").isin(ids))
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
