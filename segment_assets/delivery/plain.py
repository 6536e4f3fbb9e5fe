"""The records of who comes or goes with nothing to decide about them: made from columns, past the SQL.

Belongs here: what these records are. Not here: who these people are (`unaffected`); the records of all others, and in
which order all are sent (`records`). The SQL would make the same of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_assets.contracts import Mode
from segment_assets.delivery.cells import validity
from segment_assets.delivery.comparing import usable
from segment_assets.delivery.lanes import lanes_of
from segment_assets.delivery.ranges import Kept, in_columns
from segment_assets.delivery.record_ids import record_ids
from segment_assets.delivery.wanted import FORMS
from segment_assets.tables import CHANGES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import pyarrow as pa

    from segment_assets.delivery.wanted import Wanted

_KINDS = {"add": "new", "remove": "gone"}


class Plain:
    """Records by phase and lane, each in the order of members, kept below a folder."""

    def __init__(self, wanted: Wanted, folder: Path) -> None:
        self._wanted, self._folder = wanted, folder
        self._lanes = lanes_of(wanted)
        self._kept: dict[tuple[str, int], Kept] = {}

    @staticmethod
    def is_possible(wanted: Wanted) -> bool:
        """Whether people come and go one by one, and a key says which lane a record is of."""
        own = [form for lane in lanes_of(wanted) for form in lane.own]
        return wanted.mode is Mode.MIRROR and len(own) == len(set(own))

    @property
    def forms(self) -> frozenset[str]:
        """The columns of identifiers and answers that any of them has."""
        return frozenset(form for kept in self._kept.values() for form in FORMS if form in kept.columns)

    @property
    def records(self) -> Mapping[tuple[str, int], int]:
        """How many there are, by phase and lane."""
        return {place: kept.rows for place, kept in self._kept.items()}

    def add_newcomers(self, rows: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """Keep the records of rows of an audience, a row a person, and give them back, lane by lane."""
        import pyarrow as pa

        for lane in self._lanes:
            chosen = rows.filter(pa.array(usable(rows, lane, rows.num_rows)))
            if chosen.num_rows:
                cells = {form: chosen.column(form) for form in lane.forms if form in chosen.schema.names}
                yield self._keep("add", chosen.column("member_id"), record_ids(chosen, lane.forms), cells)

    def add_leavers(self, old: pa.RecordBatch) -> None:
        """Keep the removals of records that have an identifying key, of which nobody else holds any."""
        if old.num_rows:
            # As `records.sent_to_remove`: the weaker keys are sent only for who has no identifying one.
            cells = {form: old.column(form) for form in self._wanted.identifying() if form in old.schema.names}
            self._keep("remove", old.column("member_id"), old.column("record_id"), cells)

    def rows(self, phase: str, lane: int, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """What was kept of a phase and lane, in the columns that are written; `batch` is for the writer to tell."""
        import pyarrow as pa

        kept = self._kept.get((phase, lane))
        for rows in kept.batches(kept.columns) if kept is not None else ():
            said: dict[str, Any] = {
                "phase": pa.scalar(phase),
                "kind": pa.scalar(_KINDS[phase]),
                "batch": pa.scalar(0, pa.int64()),
            }
            told = {name: pa.repeat(value, rows.num_rows) for name, value in said.items()}
            yield in_columns(rows, schema, told)

    def _keep(self, phase: str, members: Any, ids: Any, forms: Mapping[str, Any]) -> pa.RecordBatch:
        import numpy as np
        import pyarrow as pa

        cells = {"member_id": members, "record_id": ids, **forms}
        schema = CHANGES.arrow_schema(cells)
        rows = pa.RecordBatch.from_arrays([cells[name] for name in schema.names], schema=schema)
        numbers = self._lane_numbers(forms, rows.num_rows)
        for lane in np.unique(numbers).tolist():
            place = (phase, lane)
            if place not in self._kept:
                self._kept[place] = Kept(self._folder / f"{phase}-{lane}.arrow", schema, schema.names)
            self._kept[place].add(rows, numbers == lane)
        return rows

    def _lane_numbers(self, cells: Mapping[str, Any], count: int) -> Any:
        """As `lanes.place_records` tells them."""
        import numpy as np

        if len(self._lanes) == 1:
            return np.zeros(count, np.int64)
        numbers = np.full(count, len(self._lanes))
        for place in reversed(range(len(self._lanes))):
            for form in self._lanes[place].own.intersection(cells):
                numbers[validity(cells[form])] = place
        return numbers
