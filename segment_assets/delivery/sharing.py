"""Identifiers that people share: which records may hold one that somebody else is about to lose.

Belongs here: finding candidates among millions in bounded memory. Not here: what is removed (`changes`), which decides
by the identifiers themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_assets.contracts import ATTRIBUTE_COLUMNS
from segment_assets.delivery.cells import first_bytes, validity
from segment_assets.delivery.marks import Marks
from segment_assets.delivery.ranges import in_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow.dataset as pads

    from segment_assets.delivery.ranges import Kept
    from segment_assets.delivery.wanted import Wanted


class Shared:
    """What of some people's records another person might hold too."""

    def __init__(self, wanted: Wanted) -> None:
        self._strong = tuple(wanted.identifying())
        weaker = (form for form in wanted.forms if form not in self._strong and form not in ATTRIBUTE_COLUMNS)
        self._weak = tuple(weaker)
        self._alone, self._together = Marks(), Marks()

    def add(self, records: Any) -> None:
        """Mark the records' identifying keys, and of those that have none all others together."""
        import numpy as np

        if not records.num_rows:
            return
        has_strong = np.zeros(records.num_rows, np.bool_)
        for name in self._filled(self._strong, records):
            self._alone.add(records.column(name))
            has_strong |= validity(records.column(name))
        if not has_strong.all():
            self._together.add_hashes(_sums(records, self._filled(self._weak, records))[~has_strong])

    def columns(self, filled_ones: Sequence[str]) -> list[str]:
        """Columns that `found` needs; none where nobody can share anything."""
        alone = () if self._alone.is_empty else self._strong
        together = () if self._together.is_empty else self._weak
        return [name for name in (*alone, *together) if name in filled_ones]

    def found(self, records: Any) -> Any:
        """A numpy mask of the records that may share one."""
        import numpy as np

        mask = np.zeros(records.num_rows, np.bool_)
        for name in self._filled(self._strong, records):
            mask |= self._alone.found(records.column(name))
        if not self._together.is_empty:
            mask |= self._together.has_hashes(_sums(records, self._filled(self._weak, records)))
        return mask

    @staticmethod
    def _filled(forms: Sequence[str], records: Any) -> list[str]:
        return [form for form in forms if form in records.schema.names]


class Holders:
    """Records of people who stay or come, that may share something with one who leaves, in `kept`.

    `by` tells, of what leavers have, what none of these and of the people that were added to it can hold.
    """

    def __init__(self, kept: Kept | None, wanted: Wanted) -> None:
        self.by = Shared(wanted)
        self._kept = kept

    def add(self, records: Any, mask: Any) -> None:
        """Keep the records of a numpy mask."""
        if self._kept is not None:
            self.by.add(self._kept.add(in_columns(records, self._kept.schema), mask))

    def dataset(self) -> pads.Dataset | None:
        """All of them; None where nobody has anything that somebody else could hold."""
        return None if self._kept is None else self._kept.dataset()


class Bits:
    """A long mask, one bit a row, that is read again in the order in which it was added."""

    def __init__(self) -> None:
        import numpy as np

        self._packed: list[Any] = []
        self._rest: Any = np.zeros(0, np.bool_)

    def add(self, mask: Any) -> None:
        """Append a numpy mask."""
        import numpy as np

        rest = np.concatenate([self._rest, mask])
        whole = len(rest) // 8 * 8
        self._packed.append(np.packbits(rest[:whole]))
        # A copy: a slice would keep the whole mask in memory.
        self._rest = rest[whole:].copy()

    def read(self) -> BitReader:
        """Read them from the first."""
        import numpy as np

        return BitReader(np.concatenate([*self._packed, np.packbits(self._rest)]))


class BitReader:
    """Reads `Bits`."""

    def __init__(self, packed: Any) -> None:
        self._packed, self._row = packed, 0

    def next(self, count: int) -> Any:
        """The next so many as a numpy mask."""
        import numpy as np

        first, self._row = self._row, self._row + count
        bits = np.unpackbits(self._packed[first // 8 : (self._row + 7) // 8])
        return bits[first % 8 : first % 8 + count].astype(np.bool_)


def _sums(records: Any, forms: Sequence[str]) -> Any:
    """One number for the cells of each record, the same for the same cells in whatever columns."""
    import numpy as np

    total = np.zeros(records.num_rows, np.uint64)
    for form in forms:
        cells = records.column(form)
        if cells.null_count < len(cells):
            total += np.where(validity(cells), first_bytes(cells), np.uint64(0))
    return total
