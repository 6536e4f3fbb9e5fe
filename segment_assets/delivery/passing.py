"""Whom a settlement has nothing to decide about: untouched records, and new ones of batches that were taken whole.

Belongs here: setting them apart while changes and state are read once, and writing the new state with them in order.
Not here: everybody else (`settling`, whose SQL decides the same about these, only slower).
"""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segment_assets.delivery.comparing import is_value, twins
from segment_assets.delivery.merging import merged
from segment_assets.delivery.ranges import Kept, Marks, Rows, UnsortedError, filled, side_by_side, stream
from segment_assets.delivery.straight import Straight, in_state, new_records
from segment_assets.delivery.taken import ACCEPTED, PROOFS, UNPROVEN, Taken, moment
from segment_assets.delivery.wanted import FORMS
from segment_assets.tables import ACKNOWLEDGED, CHANGES

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Sequence

    import pyarrow as pa
    import pyarrow.dataset as pads

    from segment_assets.contracts import SnapshotWriter
    from segment_assets.delivery.ledger import DeliveryLog

    _Side = tuple[pads.Dataset, Sequence[str]]

_OF_A_RECORD = ("member_id", "record_id", "standing")
_NOT_OF_A_STATE = ("phase", "kind")


@dataclasses.dataclass(frozen=True, slots=True)
class Apart:
    """The rows that SQL has to look at, and those that pass. `accepted`, `unproven` and `leaving` count the latter.

    `forms` are the columns of identifiers that any row has.
    """

    changes: pads.Dataset
    before: pads.Dataset
    forms: Sequence[str]
    passing: Kept | Straight | None = None
    accepted: int = 0
    unproven: int = 0
    leaving: int = 0

    @property
    def is_decided(self) -> bool:
        """Whether nobody is left to the SQL."""
        return self.passing is not None and not self.changes.count_rows() and not self.before.count_rows()

    @property
    def columns(self) -> list[str]:
        """The columns of the state that are not null in every row."""
        return ["member_id", "record_id", "standing", "answered_at", *self.forms]

    def schema(self) -> pa.Schema:
        """That of `columns`."""
        import pyarrow as pa

        declared = ACKNOWLEDGED.arrow_schema()
        return pa.schema([declared.field(name).with_nullable(nullable=True) for name in self.columns])

    def write_state(self, decided: Iterator[pa.RecordBatch], write: SnapshotWriter) -> None:
        """Write the new state: what SQL decided (`columns`, in the order of members and records), and what passes."""
        if self.passing is None:
            for rows in decided:
                write.write(rows)
            return
        sides = Rows(self.schema(), self.passing.batches(self.columns)), Rows(self.schema(), decided)
        both = side_by_side((sides[0], self.columns), (sides[1], self.columns), "member_id")
        for rows, keys, others, other_keys in both:
            write.write(merged(rows, keys, others, other_keys))


@contextlib.contextmanager
def set_settled_apart(
    changes: pads.Dataset, before: pads.Dataset, log: DeliveryLog, workdir: Path, *, undated: dt.datetime | None
) -> Iterator[Apart]:
    """Divide the rows of a delivery that ends. What is kept of them lies below `workdir` until the context ends.

    `undated` is the date of records from before dates were kept; None where this delivery leaves a state without dates.
    """
    import pyarrow.dataset as pads

    # Of a table without rows it is not known that its columns are empty.
    is_first = not before.count_rows()
    held = [*_OF_A_RECORD] if is_first else filled(before, ACKNOWLEDGED.column_names())
    asked = filled(changes, CHANGES.column_names())
    forms = [form for form in FORMS if form in {*asked, *held}]
    taken = Taken(changes, log, is_first=is_first)
    of_a_state = [name for name in asked if name not in _NOT_OF_A_STATE]
    straight = Straight(changes, of_a_state, taken, is_dated=undated is not None)
    if taken.everybody and (people := straight.counted()) is not None:
        yield Apart(pads.dataset(CHANGES.arrow_schema().empty_table()), before, forms, straight, **people)
        return
    workdir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=workdir, prefix="settling-") as folder:
        divider = _Divider((changes, asked), (before, held), forms, Path(folder))
        try:
            apart = divider.divided(taken, undated)
        except UnsortedError:
            apart = Apart(changes, before, forms)
        yield apart


class _Divider:
    def __init__(self, changes: _Side, before: _Side, forms: Sequence[str], folder: Path) -> None:
        self._changes, self._before, self._forms = changes[0], before[0], forms
        self._asked = Kept(folder / "changes.arrow", CHANGES.arrow_schema(), changes[1])
        self._held = Kept(folder / "before.arrow", ACKNOWLEDGED.arrow_schema(), before[1])
        columns = ["member_id", "record_id", "standing", "answered_at", *forms]
        self._passing = Kept(folder / "passing.arrow", ACKNOWLEDGED.arrow_schema(), columns)
        self._touched = Marks()

    def divided(self, taken: Taken, undated: dt.datetime | None) -> Apart:
        """Read both once. Raises UnsortedError where rows are not in the order of members: then SQL has to do all."""
        import numpy as np
        import pyarrow as pa

        for rows in stream(self._changes, ["phase", "batch", "member_id"]):
            self._touched.add(rows.column("member_id").filter(pa.array(taken.proofs(rows) == 0)))
        sides = (self._before, self._held.columns), (Rows(self._changes.schema, self._new(taken)), self._asked.columns)
        proven, leaving = np.zeros(PROOFS, np.int64), 0
        for old, old_keys, new, new_keys in side_by_side(*sides, "member_id"):
            stay = ~self._is_touched(old_keys, new_keys)
            join = ~self._is_touched(new_keys, old_keys) & ~twins(new_keys)
            self._held.add(old, ~stay)
            self._asked.add(new, ~join)
            staying, joining = old.filter(pa.array(stay)), new.filter(pa.array(join))
            leaving += int(is_value(staying.column("standing"), "leaving").sum())
            proven += np.bincount(taken.proofs(joining), minlength=PROOFS)
            joined = new_records(joining, self._passing.columns, taken, is_dated=undated is not None)
            self._passing.add(merged(self._kept(staying, undated), old_keys[stay], joined, new_keys[join]))
        counts = {"accepted": int(proven[ACCEPTED]), "unproven": int(proven[UNPROVEN]), "leaving": leaving}
        return Apart(self._asked.dataset(), self._held.dataset(), self._forms, self._passing, **counts)

    def _new(self, taken: Taken) -> Iterator[pa.RecordBatch]:
        """The additions of batches that were taken whole; all other changes are kept for SQL on the way."""
        import pyarrow as pa

        for rows in stream(self._changes, self._asked.columns):
            mask = taken.proofs(rows) > 0
            self._asked.add(rows, ~mask)
            yield rows.filter(pa.array(mask))

    def _is_touched(self, keys: Any, others: Any) -> Any:
        """A numpy mask of the members who have rows on the other side, or changes that were not simply taken."""
        import numpy as np

        if not len(keys):
            return np.zeros(0, np.bool_)
        touched = np.isin(keys, others, kind="sort") if len(others) else np.zeros(len(keys), np.bool_)
        return touched if self._touched.is_empty else touched | self._touched.has_hashes(keys)

    def _kept(self, staying: pa.RecordBatch, undated: dt.datetime | None) -> pa.RecordBatch:
        """Records that stay as they are. Where dates are kept, one without has that of the state."""
        import pyarrow as pa

        dates = staying.column("answered_at") if "answered_at" in staying.schema.names else None
        if undated is not None:
            unsaid = _repeated(pa.scalar(undated, moment()), staying.num_rows)
            dates = unsaid if dates is None else dates.fill_null(pa.scalar(undated, moment()))
        return in_state(staying, self._passing.columns, {"answered_at": dates} if dates is not None else {})


def _repeated(value: Any, times: int) -> Any:
    import pyarrow as pa

    return pa.repeat(value, times)
