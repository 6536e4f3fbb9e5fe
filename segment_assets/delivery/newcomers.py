"""The first delivery of an audience: everybody is new, so rows go straight through and nothing has to be compared.

Belongs here: the records of an account that holds nobody, in bounded memory. Not here: every later delivery, and a
first one whose rows are out of order or name somebody twice (`changes`, whose SQL gives the same rows and counts).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import Mode
from segment_assets.delivery.comparing import due_dates, is_value, owners, usable
from segment_assets.delivery.lanes import lanes_of
from segment_assets.delivery.mapped import ahead
from segment_assets.delivery.naming import named_members
from segment_assets.delivery.ranges import filled, first_bytes, stream
from segment_assets.delivery.record_ids import record_ids
from segment_assets.delivery.wanted import ChangeCounts
from segment_assets.tables import CHANGES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa
    import pyarrow.dataset as pads

    from segment_assets.contracts import SnapshotWriter
    from segment_assets.delivery.lanes import Lane
    from segment_assets.delivery.refreshing import Refresh
    from segment_assets.delivery.wanted import Wanted

_PHASES = {Mode.MIRROR: "add", Mode.ADD_ONLY: "add", Mode.REPLACE: "replace"}
_DAY = 86_400.0


def first_changes(
    audience: pads.Dataset,
    suppressions: pads.Dataset | None,
    wanted: Wanted,
    *,
    write: SnapshotWriter,
    workdir: Path,
    refresh: Refresh | None,
) -> ChangeCounts | None:
    """Write the records of everybody who is wanted, in the order of sending. None where SQL has to, nothing written."""
    if wanted.mode not in _PHASES or not _is_one_row_each(audience):
        return None
    newcomers = _Newcomers(audience, named_members(audience, suppressions, workdir), wanted, refresh)
    newcomers.write(write)
    return newcomers.counts()


def _is_one_row_each(audience: pads.Dataset) -> bool:
    """Whether members are in order, each once, as far as the first bits of their pseudonyms tell."""
    last = -1
    for rows in stream(audience, ["member_id"]):
        keys = first_bytes(rows.column("member_id"))
        if len(keys):
            if int(keys[0]) <= last or (keys[1:] <= keys[:-1]).any():
                return False
            last = int(keys[-1])
    return True


class _Newcomers:
    def __init__(
        self, audience: pads.Dataset, said_no: pa.RecordBatch, wanted: Wanted, refresh: Refresh | None
    ) -> None:
        self._audience, self._wanted, self._refresh = audience, wanted, refresh
        self._columns = filled(audience, {"member_id", "eligibility", *wanted.forms})
        self._said_no, self._said_no_keys = said_no, first_bytes(said_no.column("member_id"))
        self._lanes, self._phase = lanes_of(wanted), _PHASES[wanted.mode]
        self._doors: Counter[str] = Counter()
        self._people = 0
        self._due: float | None = None
        self._stretches: list[tuple[Lane, int, int]] = []

    def write(self, write: SnapshotWriter) -> None:
        """Write lane by lane, each in the order of members, and count."""
        for lane in self._lanes:
            before, records = sum(batches for _, batches, _ in self._stretches), 0
            # Made by another thread while those before are written: hashing lets go of the interpreter.
            for made in ahead(self._made(lane, before)):
                write.write(made)
                records += made.num_rows
            if records:
                self._stretches.append((lane, (records - 1) // self._wanted.contract.batch_members + 1, records))

    def _made(self, lane: Lane, before: int) -> Iterator[pa.RecordBatch]:
        """The records of a lane that comes behind so many batches."""
        records = 0
        for rows, wanted in self._judged(lane):
            made = self._records(rows, wanted, lane, before, records)
            records += made.num_rows
            if made.num_rows:
                yield made

    def _judged(self, lane: Lane) -> Iterator[tuple[Any, Any]]:
        """Rows, and a numpy mask of those who have a record in a lane. Everybody is counted with the first lane."""
        import numpy as np

        for rows in stream(self._audience, self._columns):
            doors = self._doors_of(rows)
            is_open = np.zeros(rows.num_rows, np.bool_)
            for door in self._wanted.doors():
                is_open |= is_value(doors, door)
            if lane is self._lanes[0]:
                anyhow = np.logical_or.reduce([usable(rows, way, rows.num_rows) for way in self._lanes])
                self._count(rows, doors, is_open & anyhow)
            yield rows, is_open & usable(rows, lane, rows.num_rows)

    def _doors_of(self, rows: Any) -> Any:
        """Eligibilities, with those who said no since."""
        import pyarrow as pa
        import pyarrow.compute as pc

        doors = rows.column("eligibility")
        if not self._said_no.num_rows or not rows.num_rows:
            return doors
        _, has_said_no = owners(self._said_no, self._said_no_keys, rows, first_bytes(rows.column("member_id")))
        may_be_sent = is_value(doors, "eligible") | is_value(doors, "held_out")
        kernels: Any = pc
        return kernels.if_else(pa.array(has_said_no & may_be_sent), "suppressed", doors)

    def _count(self, rows: Any, doors: Any, wanted: Any) -> None:
        self._doors.update({door["values"]: door["counts"] for door in doors.value_counts().to_pylist()})
        self._people += int(wanted.sum())
        if self._refresh is not None and self._wanted.contract.expiry_days is not None and wanted.any():
            due = float(due_dates(rows.column("member_id"), self._refresh.now, self._wanted.contract)[wanted].min())
            self._due = due if self._due is None else min(due, self._due)

    def _records(self, rows: Any, wanted: Any, lane: Lane, before: int, records: int) -> pa.RecordBatch:
        import numpy as np
        import pyarrow as pa

        chosen = rows if wanted.all() else rows.filter(pa.array(wanted))
        numbers = np.arange(records, records + chosen.num_rows) // self._wanted.contract.batch_members + 1 + before
        made: dict[str, Any] = {
            "phase": _repeated(self._phase, chosen.num_rows),
            "batch": pa.array(numbers.astype(np.int64)),
            "member_id": chosen.column("member_id"),
            "record_id": record_ids(chosen, lane.forms),
            "kind": _repeated("new", chosen.num_rows),
            **{form: chosen.column(form) for form in lane.forms if form in chosen.schema.names},
        }
        schema = CHANGES.arrow_schema(made)
        return pa.RecordBatch.from_arrays([made[field.name] for field in schema], schema=schema)

    def counts(self) -> ChangeCounts:
        """What was written, in people and records."""
        wanted, contract = self._wanted, self._wanted.contract
        blocked = ("held_out", "suppressed", "no_consent")
        closed = {door: 0 if door in wanted.doors() else self._doors[door] for door in blocked}
        is_in_lanes = len(self._lanes) > 1 and self._stretches
        told = [[[key.value for key in lane.keys], batches, records] for lane, batches, records in self._stretches]
        due = None
        if self._refresh is not None and contract.expiry_days is not None:
            due = self._refresh.now + contract.expiry_days * _DAY if self._due is None else self._due
        return ChangeCounts(
            audience=self._doors.total(),
            **closed,
            no_usable_key=self._doors.total() - sum(closed.values()) - self._people,
            wanted=self._people,
            last_known=0,
            unchanged=0,
            known_refused=0,
            changed=0,
            adds=self._people,
            removes=0,
            batches={self._phase: sum(batches for _, batches, _ in self._stretches)} if self._stretches else {},
            records={self._phase: sum(records for _, _, records in self._stretches)} if self._stretches else {},
            lanes={self._phase: told} if is_in_lanes else {},
            refresh_due=due,
        )


def _repeated(text: str, times: int) -> Any:
    import pyarrow as pa

    return pa.repeat(text, times)
