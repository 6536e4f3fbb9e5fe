"""Batches that are full: cut by the members and by the bytes that one request may have, whichever binds first.

Belongs here: where one batch ends and the next begins. Not here: the order of records (`lanes`), what goes into a
request (`destinations`), the check of every real request against the limit (`courier`).

A body is its envelope and its records, and records with the same columns differ in their texts only. So two small
requests for each such kind of record tell what all of them weigh, and no body is built just to be measured. What a
format does beyond that (a text that is written longer than it is) the courier sees when it builds the request, and
sends the batch in parts. The same records give the same batches, in whatever pieces they are written.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import SegmentAssetsError, Session
from segment_assets.delivery.outgoing import OPERATIONS, members
from segment_assets.delivery.wanted import FORMS
from segment_assets.tables import CHANGES

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import pyarrow as pa

    from segment_assets.contracts import Destination, Snapshot, SnapshotWriter
    from segment_assets.delivery.ledger import AudienceLedger
    from segment_assets.delivery.wanted import ChangeCounts

_TEXTS = [form for form in FORMS if CHANGES.arrow_schema().field(form).type == "string"]
# Longer than any number that a session has, so that the envelope is never weighed too light.
_SESSION = Session(
    1 << 60,
    999_999,
    last=False,
    members_in_total=999_999_999,
    received_before=999_999_999,
    batches=999,
    rank=1 << 56,
)


@dataclasses.dataclass(slots=True)
class _Stretch:
    """The batches of one lane of a phase, of which the last is still open."""

    batches: int = 0
    records: int = 0
    members: int = 0
    bytes: int = 0


class FilledBatches:
    """A writer of changes, whose records come in the order of sending, that says itself which batch each is in."""

    def __init__(self, write: SnapshotWriter, destination: Destination, audience_id: str) -> None:
        self._write, self._scales = write, _Scales(destination, audience_id)
        self._contract = destination.contract
        self._stretches: dict[str, dict[int, _Stretch]] = defaultdict(dict)

    def write(self, data: pa.RecordBatch | pa.Table) -> None:
        """Append rows with the numbers of their batches."""
        import numpy as np
        import pyarrow as pa

        table = pa.Table.from_batches([data]) if isinstance(data, pa.RecordBatch) else data.combine_chunks()
        if not table.num_rows:
            return
        phases, kinds = table.column("phase"), _kinds(table)
        codes = np.asarray(phases.combine_chunks().dictionary_encode().indices)
        numbers, lanes = np.zeros(len(kinds), dtype=np.int64), self._lanes(kinds)
        starts = np.flatnonzero(np.diff(codes) | np.diff(lanes)) + 1
        for first, last in itertools.pairwise((0, *map(int, starts), len(kinds))):
            phase, lane = phases[first].as_py(), int(lanes[first])
            weights = self._scales.weights(table.slice(first, last - first), phase, lane, kinds[first:last])
            numbers[first:last] = self._cut(phase, lane, weights)
        place = table.schema.get_field_index("batch")
        self._write.write(table.set_column(place, table.schema.field(place), pa.array(numbers)))

    def publish(self, stats: Mapping[str, object]) -> Snapshot:
        """Make what was written the current version."""
        return self._write.publish(stats)

    def counted(self, counts: ChangeCounts) -> ChangeCounts:
        """The counts with the batches as they were cut."""
        batches = {phase: sum(s.batches for s in of.values()) for phase, of in self._stretches.items()}
        lanes = {
            phase: [[[key.value for key in self._contract.lanes[lane]], s.batches, s.records] for lane, s in of.items()]
            for phase, of in self._stretches.items()
            if phase in counts.lanes
        }
        return dataclasses.replace(counts, batches=batches, lanes=lanes)

    def _lanes(self, kinds: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The lane of each record: that of the keys which it has."""
        import numpy as np

        found = np.zeros(len(kinds), dtype=np.int64)
        for lane, keys in enumerate(self._contract.lanes):
            own = sum(1 << FORMS.index(self._contract.match_keys[key].form) for key in keys)
            found[(kinds & own) != 0] = lane
        return found

    def _cut(self, phase: str, lane: int, weights: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Numbers of the batches, each as full as members and bytes allow. What is too large alone is alone."""
        import numpy as np

        of = self._stretches[phase]
        before = sum(stretch.batches for number, stretch in of.items() if number != lane)
        stretch = of.setdefault(lane, _Stretch())
        room = self._contract.batch_bytes - self._scales.envelope(phase, lane)
        ends = np.concatenate(([0], np.cumsum(weights)))
        numbers = np.zeros(len(weights), dtype=np.int64)

        def fits(place: int) -> int:
            by_bytes = int(np.searchsorted(ends, ends[place] + room - stretch.bytes, side="right")) - 1
            return min(by_bytes, place + self._contract.batch_members - stretch.members, len(weights))

        place = 0
        while place < len(weights):
            last = fits(place)
            if last <= place or not stretch.batches:
                stretch.batches, stretch.members, stretch.bytes = stretch.batches + 1, 0, 0
                last = max(fits(place), place + 1)
            numbers[place:last] = before + stretch.batches
            stretch.members += last - place
            stretch.records += last - place
            stretch.bytes += int(ends[last] - ends[place])
            place = last
        return numbers


def known_id(ledger: AudienceLedger) -> str:
    """The audience's id, which may be in every record; where there is none yet, one as long as such ids are."""
    ids = [str(entry.body["id"]) for entry in ledger.audience().entries if "id" in entry.body]
    return ids[-1] if ids else "9" * 20


class _Scales:
    """What records weigh in a request, in bytes."""

    def __init__(self, destination: Destination, audience_id: str) -> None:
        self._destination, self._audience_id = destination, audience_id
        self._fixed: dict[tuple[str, int], int] = {}
        self._envelopes: dict[tuple[str, int], int] = {}

    def envelope(self, phase: str, lane: int) -> int:
        """What a request weighs without records."""
        return self._envelopes.get((phase, lane), 0)

    def weights(self, rows: pa.Table, phase: str, lane: int, kinds: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """What each of some records of one phase and lane weighs; nothing where nothing is sent."""
        import numpy as np

        if phase not in OPERATIONS:
            return np.zeros(len(kinds), dtype=np.int64)
        weights = _lengths_of_texts(rows)
        fixed = np.zeros(len(kinds), dtype=np.int64)
        for first in _firsts(kinds):
            kind = int(kinds[first])
            if (phase, kind) not in self._fixed:
                envelope, record = self._measured(rows.slice(first, 1), phase, lane)
                self._envelopes.setdefault((phase, lane), envelope)
                self._fixed[phase, kind] = record - int(weights[first])
            fixed[kinds == kind] = self._fixed[phase, kind]
        return weights + fixed

    def _measured(self, row: pa.Table, phase: str, lane: int) -> tuple[int, int]:
        """Bytes of the envelope, and of a record such as this, by a request with it and one with two."""
        contract = self._destination.contract
        keys = contract.lanes[lane] if contract.lanes else ()
        noted = _Named(contract.workflow.placeholders if contract.workflow else {})
        session = dataclasses.replace(_SESSION, lane=keys, noted=noted)
        [(_, member)] = members(row.to_batches()[0])
        # Two that differ: a platform may not take the same identifier twice in a request.
        other = dataclasses.replace(member, keys={form: _another(value) for form, value in member.keys.items()})
        sizes = []
        for people in ([member], [member, other]):
            try:
                request = self._destination.request(self._audience_id, OPERATIONS[phase], people, session)
            except SegmentAssetsError:
                # What is wrong with it is told when it is to be sent; until then members are counted.
                return 0, 0
            sizes.append(len(request.body() or b""))
        one, two = sizes
        return 2 * one - two, two - one


class _Named(dict[str, str]):
    """What the opening of a session names, before there is one: also what the contract has no placeholder for."""

    def __missing__(self, name: str) -> str:
        return name


def _another(value: bytes | str) -> bytes | str:
    """Another value of the same kind, and as long in bytes of UTF-8."""
    if isinstance(value, bytes):
        return bytes(byte ^ 0xFF for byte in value)
    last = value[-1:]
    return value[:-1] + (("1" if last == "0" else "0") if last.isascii() else chr(ord(last) ^ 1))


def _kinds(rows: pa.Table) -> np.ndarray[Any, Any]:
    """Which columns each record has, one bit a column."""
    import numpy as np

    kinds = np.zeros(rows.num_rows, dtype=np.int64)
    for place, form in enumerate(FORMS):
        if form in rows.column_names and (column := rows.column(form)).null_count < rows.num_rows:
            kinds |= np.asarray(column.is_valid()).astype(np.int64) << place
    return kinds


def _firsts(kinds: np.ndarray[Any, Any]) -> list[int]:
    """The place of the first record of each kind, in their order."""
    import numpy as np

    # As a rule there is one, and looking for more takes sorting.
    if (kinds == kinds[0]).all():
        return [0]
    return sorted(map(int, np.unique(kinds, return_index=True)[1]))


def _lengths_of_texts(rows: pa.Table) -> np.ndarray[Any, Any]:
    """Bytes of all columns of text together, record by record."""
    import numpy as np
    import pyarrow.compute as pc

    total = np.zeros(rows.num_rows, dtype=np.int64)
    for form in _TEXTS:
        if form in rows.column_names and (column := rows.column(form)).null_count < rows.num_rows:
            total += np.asarray(pc.fill_null(pc.binary_length(column), 0)).astype(np.int64)
    return total
