"""A first delivery that was taken whole: its changes are the new state, with nothing kept aside or asked of SQL.

Belongs here: reading changes, where lane stands behind lane, in the order of a state. Not here: whether a delivery is
of this kind (`taken`), and every other one (`passing`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_assets.delivery.ranges import Rows, first_bytes, in_columns, side_by_side, stream, words
from segment_assets.delivery.taken import ACCEPTED, UNPROVEN
from segment_assets.tables import ACKNOWLEDGED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa
    import pyarrow.dataset as pads

    from segment_assets.delivery.taken import Taken


class Straight:
    """The records of a delivery of which `taken.everybody` is true, by members and records; `columns` are read."""

    def __init__(self, changes: pads.Dataset, columns: Sequence[str], taken: Taken, *, is_dated: bool) -> None:
        self._changes, self._columns, self._taken, self._is_dated = changes, columns, taken, is_dated
        self.rows = int(taken.people.sum())

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The records in columns of a state."""
        for rows in self._in_order(self._columns):
            yield new_records(rows, columns, self._taken, is_dated=self._is_dated)

    def counted(self) -> dict[str, int] | None:
        """The people, by the names of the accounting. None where their first bits do not tell them apart."""
        records = self._taken.people
        if len(self._taken.runs) <= 1:
            return {"accepted": int(records[ACCEPTED]), "unproven": int(records[UNPROVEN])}
        people = 0
        for rows in self._in_order(["member_id"]):
            ids = words(rows.column("member_id"))
            is_same = ids[1:, 0] == ids[:-1, 0]
            if (is_same & (ids[1:] != ids[:-1]).any(axis=1)).any():
                return None
            people += len(ids) - int(is_same.sum())
        # Taken in one way in all of their lanes, as `everybody` says.
        return {"accepted": people if records[ACCEPTED] else 0, "unproven": people if records[UNPROVEN] else 0}

    def _in_order(self, columns: Sequence[str]) -> Iterator[Any]:
        lanes = [self._lane(first, end, columns) for first, end in self._taken.runs]
        merged = lanes[0] if lanes else iter(())
        for lane in lanes[1:]:
            merged = _merged(Rows(self._changes.schema, merged), Rows(self._changes.schema, lane), columns)
        return merged

    def _lane(self, first: int, end: int, columns: Sequence[str]) -> Iterator[Any]:
        before = 0
        for rows in stream(self._changes, columns):
            mine = rows.slice(max(0, first - before), max(0, min(end, before + rows.num_rows) - max(first, before)))
            before += rows.num_rows
            if mine.num_rows:
                yield mine
            if before >= end:
                return


def _merged(left: Rows, right: Rows, columns: Sequence[str]) -> Iterator[Any]:
    import numpy as np
    import pyarrow as pa

    arrow: Any = pa
    for rows, keys, others, other_keys in side_by_side((left, columns), (right, columns), "member_id"):
        if rows.num_rows and others.num_rows:
            both, member_keys = arrow.concat_batches([rows, others]), np.concatenate([keys, other_keys])
            by_record = (first_bytes(both.column("record_id")),) if "record_id" in columns else ()
            yield both.take(pa.array(np.lexsort((*by_record, member_keys))))
        elif rows.num_rows or others.num_rows:
            yield rows if rows.num_rows else others


def new_records(rows: pa.RecordBatch, columns: Sequence[str], taken: Taken, *, is_dated: bool) -> pa.RecordBatch:
    """Additions as records, which the platform may hold since it was asked."""
    import pyarrow as pa

    cells = {"standing": pa.repeat("acknowledged", rows.num_rows)}
    if is_dated:
        cells["answered_at"] = taken.moments(rows)
    return in_state(rows, columns, cells)


def in_state(rows: pa.RecordBatch, columns: Sequence[str], cells: Mapping[str, Any]) -> pa.RecordBatch:
    """Rows in columns of a state, of which `cells` are given."""
    import pyarrow as pa

    schema = ACKNOWLEDGED.arrow_schema()
    return in_columns(rows, pa.schema([schema.field(name).with_nullable(nullable=True) for name in columns]), cells)
