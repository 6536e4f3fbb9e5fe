"""Whom a delivery does not touch, or simply adds or takes out: most people, found while both tables are read once.

Belongs here: when nothing has to be decided about a person, and what is still needed of them (counts, the next refresh,
identifiers that somebody who leaves shares). Not here: what happens to all others (`changes`, `modes`, `refreshing`),
the records of those who come and go (`plain`).

Nobody is set apart on a guess. Whoever may be named by a suppression, has more than their records, is due, in doubt or
shares what they may lose is left to the SQL. Where the two disagree on what a record is, everybody is left to it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import Mode
from segment_assets.delivery.cells import validity
from segment_assets.delivery.comparing import (
    counted_values,
    due_dates,
    is_value,
    owners,
    same_records,
    twins,
    usable,
)
from segment_assets.delivery.lanes import lanes_of
from segment_assets.delivery.mapped import ahead
from segment_assets.delivery.naming import NAMED_BY, marks_of, may_be_named
from segment_assets.delivery.people import People
from segment_assets.delivery.plain import Plain
from segment_assets.delivery.ranges import Kept, UnsortedError, filled, side_by_side, stream
from segment_assets.delivery.record_ids import record_ids
from segment_assets.delivery.sharing import Bits, Holders, Shared
from segment_assets.tables import ACKNOWLEDGED, HASHED_AUDIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pyarrow as pa
    import pyarrow.dataset as pads

    from segment_assets.delivery.lanes import Lane
    from segment_assets.delivery.marks import Marks
    from segment_assets.delivery.refreshing import Refresh
    from segment_assets.delivery.wanted import Wanted
    from segment_assets.tables import Table

    _Side = tuple[pads.Dataset, Sequence[str]]


@dataclasses.dataclass(frozen=True, slots=True)
class Apart:
    """The rows that SQL has to look at. `holders` are records of others who may share an identifier with a leaver.

    `plain`: what is sent beside that, None where everybody is left to the SQL.
    """

    audience: pads.Dataset
    acknowledged: pads.Dataset | None
    holders: pads.Dataset | None
    people: People
    plain: Plain | None = None


@contextlib.contextmanager
def set_apart(
    audience: pads.Dataset,
    acknowledged: pads.Dataset | None,
    suppressions: pads.Dataset | None,
    wanted: Wanted,
    *,
    refresh: Refresh | None,
    workdir: Path,
) -> Iterator[Apart]:
    """Divide people. What is kept of the affected lies below `workdir` until the context ends."""
    import pyarrow as pa

    everybody = Apart(audience, acknowledged, None, People())
    # A replace sends everybody or nobody.
    if acknowledged is None or wanted.mode is Mode.REPLACE:
        yield everybody
        return
    workdir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=workdir, prefix="changes-") as folder:
        try:
            # Not held by a name: the marks of a divider are 32 MB, and the SQL comes after it.
            apart = _Divider((audience, acknowledged), marks_of(suppressions), wanted, refresh, Path(folder)).divided()
        except UnsortedError:
            apart = None
        pa.default_memory_pool().release_unused()
        yield apart or everybody


@dataclasses.dataclass(frozen=True, slots=True)
class _Judged:
    """Masks of people who are unaffected or new, and of old records that are known or go. SQL decides about others."""

    unaffected: Any
    comes: Any
    known: Any
    goes: Any


class _Divider:
    def __init__(
        self,
        tables: tuple[pads.Dataset, pads.Dataset],
        suppressed: Marks,
        wanted: Wanted,
        refresh: Refresh | None,
        folder: Path,
    ) -> None:
        self._tables = tables
        self._wanted, self._refresh, self._folder = wanted, refresh, folder
        self._lanes = lanes_of(wanted)
        self._suppressed = suppressed
        self._people = People()
        self._is_plain_possible = Plain.is_possible(wanted)
        self._leaving, self._staying = Shared(wanted), Bits()
        self._witnesses: list[tuple[Lane, pa.RecordBatch]] = []

    def divided(self) -> Apart | None:
        """None where a record is not what its cells say: made under another choice of keys, or by another version."""
        import pyarrow as pa

        audience, acknowledged = self._tables
        named_by = frozenset() if self._suppressed.is_empty else NAMED_BY
        ours = filled(audience, {"member_id", "eligibility", *self._wanted.forms, *named_by})
        theirs = filled(acknowledged, set(acknowledged.schema.names))
        people, comers = (self._kept(name, HASHED_AUDIENCE, ours) for name in ("audience", "comers"))
        tell = self._leaving.add
        records, leavers = (self._kept(name, ACKNOWLEDGED, theirs, tell) for name in ("acknowledged", "leavers"))
        # Judged by another thread: numpy and Arrow let go of the interpreter while they work on a column.
        for rows, old, judged in ahead(self._judged_ranges((audience, ours), (acknowledged, theirs))):
            people.add(rows, ~(judged.unaffected | judged.comes))
            comers.add(rows, judged.comes)
            records.add(old, ~(judged.known | judged.goes))
            leavers.add(old, judged.goes)
            self._staying.add(judged.known)
        records.flush()
        leavers.flush()
        if not self._records_are_what_they_say():
            return None
        plain = Plain(self._wanted, self._folder)
        holders = self._holders(theirs, plain, comers, people)
        for old in leavers.batches(leavers.columns):
            may_share = holders.by.found(old)
            records.add(old, may_share)
            plain.add_leavers(old.filter(pa.array(~may_share)))
            self._people.removes += int((~may_share).sum())
        return Apart(people.dataset(), records.dataset(), holders.dataset(), self._people, plain)

    def _kept(
        self, name: str, table: Table, columns: Sequence[str], tell: Callable[[pa.RecordBatch], None] | None = None
    ) -> Kept:
        return Kept(self._folder / f"{name}.arrow", table.arrow_schema(), columns, tell=tell)

    def _judged_ranges(self, left: _Side, right: _Side) -> Iterator[tuple[Any, Any, _Judged]]:
        for rows, keys, old, old_keys in side_by_side(left, right, "member_id", coded=("eligibility", "standing")):
            yield rows, old, self._judged(rows, keys, old, old_keys)

    def _judged(self, rows: Any, keys: Any, old: Any, old_keys: Any) -> _Judged:
        import numpy as np

        count, doors = len(keys), self._doors(rows)
        standing = old.column("standing")
        is_acknowledged, is_rejected = is_value(standing, "acknowledged"), is_value(standing, "rejected")
        if not count:
            nobody = np.zeros(0, np.bool_)
            goes = self._goes(old, old_keys, np.flatnonzero(is_acknowledged))
            return _Judged(nobody, nobody, np.zeros(len(old_keys), np.bool_), goes)
        wants = [doors & usable(rows, lane, count) for lane in self._lanes]
        owner, is_owned = owners(rows, keys, old, old_keys)
        is_quiet = is_owned & (is_acknowledged | is_rejected) & ~self._is_due(old, is_acknowledged)
        same = np.zeros(len(old_keys), np.bool_)
        for lane, wanted in zip(self._lanes, wants, strict=True):
            equal = is_quiet & np.take(wanted, owner) & same_records(rows, old, owner, lane)
            self._note_witness(lane, old, equal)
            same |= equal
        due = sum(wanted.astype(np.int64) for wanted in wants)
        has = np.bincount(owner[is_owned], minlength=count)
        has_other = np.bincount(owner[is_owned & ~same], minlength=count)
        refused = np.bincount(owner[same & is_rejected], minlength=count)
        is_alike = (refused == 0) | (refused == has)
        is_one = ~twins(keys) & ~may_be_named(rows, self._suppressed)
        unaffected = (has == due) & (has_other == 0) & is_alike & is_one
        comes = (has == 0) & (due > 0) & is_one & self._is_plain_possible
        known = is_owned & np.take(unaffected, owner)
        alone = np.flatnonzero(is_acknowledged & ~is_owned)
        # Somebody else's pseudonym may begin as theirs.
        goes = self._goes(old, old_keys, alone[keys[owner[alone]] != old_keys[alone]])
        self._count(rows, unaffected, comes, due > 0, refused > 0)
        self._note_due(old, known & is_acknowledged)
        return _Judged(unaffected, comes, known, goes)

    def _goes(self, old: Any, old_keys: Any, gone: Any) -> Any:
        """A numpy mask: of the records at some places, those of who has no other, with an identifying key."""
        import numpy as np

        goes = np.zeros(len(old_keys), np.bool_)
        if self._is_plain_possible and len(gone):
            goes[gone] = True
            has_key = np.zeros(len(old_keys), np.bool_)
            for form in self._wanted.identifying():
                if form in old.schema.names:
                    has_key |= validity(old.column(form))
            goes &= has_key & ~twins(old_keys)
        return goes

    def _doors(self, rows: Any) -> Any:
        import numpy as np

        doors = np.zeros(rows.num_rows, np.bool_)
        for door in self._wanted.doors():
            doors |= is_value(rows.column("eligibility"), door)
        return doors

    def _is_due(self, old: Any, is_acknowledged: Any) -> Any:
        import numpy as np

        if self._refresh is None:
            return np.zeros(old.num_rows, np.bool_)
        answered = self._answered(old)
        due = due_dates(old.column("member_id"), answered, self._wanted.contract)
        return (answered < self._refresh.resync_from) | (is_acknowledged & (due <= self._refresh.now))

    def _answered(self, old: Any) -> Any:
        import numpy as np
        import pyarrow as pa

        undated = self._refresh.undated if self._refresh else 0.0
        if "answered_at" not in old.schema.names:
            return np.full(old.num_rows, undated)
        answered = old.column("answered_at")
        micros = answered.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
        return np.where(validity(answered), micros / 1e6, undated)

    def _count(self, rows: Any, unaffected: Any, comes: Any, is_wanted: Any, is_refused: Any) -> None:
        import numpy as np
        import pyarrow as pa

        people = self._people
        people.doors.update(counted_values(rows.column("eligibility"), unaffected | comes))
        stays, refused = unaffected & is_wanted, unaffected & is_refused
        adds = int(np.count_nonzero(comes))
        people.adds += adds
        people.wanted += int(np.count_nonzero(stays)) + adds
        people.known_refused += int(np.count_nonzero(refused))
        people.unchanged += int(np.count_nonzero(stays & ~refused))
        if self._refresh is not None and adds:
            members = rows.column("member_id").filter(pa.array(comes))
            self._people.due_at(due_dates(members, self._refresh.now, self._wanted.contract).min())

    def _note_due(self, old: Any, chosen: Any) -> None:
        if self._refresh is not None and chosen.any():
            due = due_dates(old.column("member_id"), self._answered(old), self._wanted.contract)
            self._people.due_at(due[chosen].min())

    def _note_witness(self, lane: Lane, old: Any, equal: Any) -> None:
        if equal.any():
            asked = old.select(["record_id", *(form for form in lane.forms if form in old.schema.names)])
            # Taken, not sliced: a slice would keep its whole range in memory.
            self._witnesses.append((lane, asked.take([int(equal.argmax())])))

    def _records_are_what_they_say(self) -> bool:
        """Whether ids of records are made as ours are: asked of one record of every range and lane."""
        import pyarrow as pa

        arrow: Any = pa
        for lane in self._lanes:
            asked = [row for of, row in self._witnesses if of is lane]
            if asked and not (rows := arrow.concat_batches(asked)).column("record_id").equals(
                record_ids(rows, lane.forms)
            ):
                return False
        return True

    def _holders(self, columns: Sequence[str], plain: Plain, comers: Kept, people: Kept) -> Holders:
        """Who may share an identifier with one that somebody may lose. The newcomers' records are made on the way."""
        import pyarrow as pa

        acknowledged = self._tables[1]
        asked = self._leaving.columns(columns)
        holders = Holders(self._kept("holders", ACKNOWLEDGED, asked) if asked else None, self._wanted)
        staying = self._staying.read()
        for rows in stream(acknowledged, asked) if asked else ():
            holders.add(rows, self._leaving.found(rows) & staying.next(rows.num_rows))
        for rows in comers.batches(comers.columns):
            for records in plain.add_newcomers(rows):
                holders.add(records, self._leaving.found(records))
        for rows in people.batches(people.columns):
            # Not kept: the SQL knows what they have.
            holders.by.add(rows.filter(pa.array(self._leaving.found(rows))))
        return holders
