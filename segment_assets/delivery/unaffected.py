"""Whom a delivery does not touch: most people, found while both tables are read once, so that SQL sees the others only.

Belongs here: when nothing has to be decided about a person, and what is still needed of them (counts, the next refresh,
identifiers that somebody who leaves shares). Not here: what happens to all others (`changes`, `modes`, `refreshing`).

Nobody is called unaffected on a guess. Whoever may be named by a suppression, has more than their records, is due or in
doubt is left to the SQL, which alone decides. Where the two disagree on what a record is, everybody is left to it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segment_assets import engine
from segment_assets.contracts import Mode
from segment_assets.delivery.comparing import due_dates, is_value, owners, same_records, twins, usable
from segment_assets.delivery.lanes import lanes_of, record_id
from segment_assets.delivery.naming import NAMED_BY, marks_of, may_be_named
from segment_assets.delivery.ranges import Kept, UnsortedError, filled, side_by_side, stream, validity
from segment_assets.delivery.sharing import Shared
from segment_assets.tables import ACKNOWLEDGED, HASHED_AUDIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa
    import pyarrow.dataset as pads

    from segment_assets.delivery.lanes import Lane
    from segment_assets.delivery.ranges import Marks
    from segment_assets.delivery.refreshing import Refresh
    from segment_assets.delivery.wanted import ChangeCounts, Wanted


@dataclasses.dataclass(slots=True)
class Unaffected:
    """People, not records. `doors` counts by eligibility."""

    doors: Counter[str] = dataclasses.field(default_factory=Counter)
    wanted: int = 0
    unchanged: int = 0
    known_refused: int = 0
    refresh_due: float | None = None

    def added_to(self, counts: ChangeCounts, wanted: Wanted) -> ChangeCounts:
        """The counts of all others and of these."""
        closed = {door: 0 if door in wanted.doors() else self.doors[door] for door in self.doors}
        dues = [due for due in (counts.refresh_due, self.refresh_due) if due is not None]
        return dataclasses.replace(
            counts,
            audience=counts.audience + self.doors.total(),
            held_out=counts.held_out + closed.get("held_out", 0),
            suppressed=counts.suppressed + closed.get("suppressed", 0),
            no_consent=counts.no_consent + closed.get("no_consent", 0),
            no_usable_key=counts.no_usable_key + self.doors.total() - sum(closed.values()) - self.wanted,
            wanted=counts.wanted + self.wanted,
            last_known=counts.last_known + self.unchanged,
            unchanged=counts.unchanged + self.unchanged,
            known_refused=counts.known_refused + self.known_refused,
            refresh_due=min(dues, default=None),
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Apart:
    """The rows that SQL has to look at. `holders` are records, among them those that share an identifier with a leaver.

    Of the holders only those who are not in `acknowledged` are unaffected people.
    """

    audience: pads.Dataset
    acknowledged: pads.Dataset | None
    holders: pads.Dataset | None
    people: Unaffected


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
    everybody = Apart(audience, acknowledged, None, Unaffected())
    # A replace sends everybody or nobody.
    if acknowledged is None or wanted.mode is Mode.REPLACE:
        yield everybody
        return
    workdir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=workdir, prefix="changes-") as folder:
        said_no = marks_of(suppressions)
        divider = _Divider((audience, acknowledged), said_no, wanted, refresh, Path(folder))
        try:
            apart = divider.divided()
        except UnsortedError:
            apart = None
        yield apart or everybody


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
        self._people = Unaffected()
        self._leaving = Shared(wanted)
        self._witnesses: list[tuple[Lane, pa.RecordBatch]] = []

    def divided(self) -> Apart | None:
        """None where a record is not what its cells say: made under another choice of keys, or by another version."""
        audience, acknowledged = self._tables
        named_by = frozenset() if self._suppressed.is_empty else NAMED_BY
        ours = filled(audience, {"member_id", "eligibility", *self._wanted.forms, *named_by})
        theirs = filled(acknowledged, set(acknowledged.schema.names))
        schemas = HASHED_AUDIENCE.arrow_schema(), ACKNOWLEDGED.arrow_schema()
        people = Kept(self._folder / "audience.arrow", schemas[0], ours)
        records = Kept(self._folder / "acknowledged.arrow", schemas[1], theirs)
        for rows, keys, old, old_keys in side_by_side((audience, ours), (acknowledged, theirs), "member_id"):
            unaffected, known = self._judged(rows, keys, old, old_keys)
            people.add(rows, ~unaffected)
            self._leaving.add(records.add(old, ~known))
        if not self._records_are_what_they_say():
            return None
        return Apart(people.dataset(), records.dataset(), self._holders(acknowledged, theirs), self._people)

    def _judged(self, rows: Any, keys: Any, old: Any, old_keys: Any) -> tuple[Any, Any]:
        """Masks of the people, and of the old records, of whom nothing has to be decided."""
        import numpy as np

        count, doors = len(keys), self._doors(rows)
        if not count:
            return np.zeros(0, np.bool_), np.zeros(len(old_keys), np.bool_)
        wants = [doors & usable(rows, lane, count) for lane in self._lanes]
        owner, is_owned = owners(rows, keys, old, old_keys)
        standing = old.column("standing")
        is_acknowledged, is_rejected = is_value(standing, "acknowledged"), is_value(standing, "rejected")
        is_quiet = is_owned & (is_acknowledged | is_rejected) & ~self._is_due(old, is_acknowledged)
        same = np.zeros(len(old_keys), np.bool_)
        for lane, wanted in zip(self._lanes, wants, strict=True):
            equal = is_quiet & wanted[owner] & same_records(rows, old, owner, lane)
            self._note_witness(lane, old, equal)
            same |= equal
        due = sum(wanted.astype(np.int64) for wanted in wants)
        has = np.bincount(owner[is_owned], minlength=count)
        has_same = np.bincount(owner[same], minlength=count)
        refused = np.bincount(owner[same & is_rejected], minlength=count)
        is_alike = (refused == 0) | (refused == has)
        unaffected = (has == due) & (has_same == due) & is_alike & ~twins(keys) & ~may_be_named(rows, self._suppressed)
        known = is_owned & unaffected[owner]
        self._count(rows, unaffected, due > 0, refused > 0)
        self._note_due(old, known & is_acknowledged)
        return unaffected, known

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

    def _count(self, rows: Any, unaffected: Any, is_wanted: Any, is_refused: Any) -> None:
        import pyarrow as pa

        people = self._people
        doors = rows.column("eligibility").filter(pa.array(unaffected)).value_counts().to_pylist()
        people.doors.update({door["values"]: door["counts"] for door in doors})
        people.wanted += int((unaffected & is_wanted).sum())
        people.known_refused += int((unaffected & is_refused).sum())
        people.unchanged += int((unaffected & is_wanted & ~is_refused).sum())

    def _note_due(self, old: Any, chosen: Any) -> None:
        if self._refresh is None or self._wanted.contract.expiry_days is None or not chosen.any():
            return
        due = due_dates(old.column("member_id"), self._answered(old), self._wanted.contract)[chosen].min()
        self._people.refresh_due = min(float(due), self._people.refresh_due or float(due))

    def _note_witness(self, lane: Lane, old: Any, equal: Any) -> None:
        if equal.any():
            # Taken, not sliced: a slice would keep its whole range in memory.
            self._witnesses.append((lane, old.take([int(equal.argmax())])))

    def _records_are_what_they_say(self) -> bool:
        """Whether ids of records are made as ours are: asked of one record of every range and lane."""
        import pyarrow as pa

        with engine.connect(self._folder) as db:
            for lane in self._lanes:
                rows = [row for of, row in self._witnesses if of is lane]
                if not rows:
                    continue
                absent = "".join(f", NULL AS {form}" for form in lane.forms if form not in rows[0].schema.names)
                db.register("witness", pa.Table.from_batches(rows))
                made = f"SELECT record_id AS noted, {record_id(lane.forms)} AS made"
                sql = f"SELECT count(*) FROM ({made} FROM (SELECT *{absent} FROM witness)) WHERE noted <> made"
                if engine.number(db, sql):
                    return False
        return True

    def _holders(self, acknowledged: pads.Dataset, columns: Sequence[str]) -> pads.Dataset | None:
        """Records that may share an identifier with one that somebody may lose."""
        wanted = self._leaving.columns(columns)
        if not wanted:
            return None
        holders = Kept(self._folder / "holders.arrow", ACKNOWLEDGED.arrow_schema(), ["member_id", *wanted])
        for rows in stream(acknowledged, holders.columns):
            holders.add(rows, self._leaving.found(rows))
        return holders.dataset()
