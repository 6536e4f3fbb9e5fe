"""A table of marks, which finds a few digests among many without holding any of them.

Belongs here: bits. Not here: whose digests they are (`naming`, `sharing`).
"""

from __future__ import annotations

from typing import Any

from segment_assets.delivery.cells import first_bytes, validity

_BITS = 27
# Two marks a digest: of ten million others then a hundredth as many are taken for it as with one.
_SHIFTS = (64 - _BITS, 64 - 2 * _BITS)


class Marks:
    """A table of some bits of digests. It may take a digest for another, and never overlooks one.

    >>> marks = Marks()
    >>> marks.add(pa.array([bytes(32)], pa.binary(32)))
    >>> marks.found(pa.array([bytes(32), b"x" * 32, None], pa.binary(32))).tolist()
    [True, False, False]
    """

    def __init__(self) -> None:
        self._table: Any = None
        self.is_empty = True

    def add(self, cells: Any) -> None:
        """Mark the digests of an Arrow array; of texts, the digests of their own."""
        if cells.null_count < len(cells):
            self.add_hashes(first_bytes(cells.drop_null()))

    def add_hashes(self, hashes: Any) -> None:
        """Mark numbers of 64 bits."""
        import numpy as np

        if len(hashes):
            if self._table is None:
                self._table = np.zeros(1 << (_BITS - 3), np.uint8)
            for shift in _SHIFTS:
                places, bits = _places(hashes, shift)
                np.bitwise_or.at(self._table, places, np.left_shift(1, bits).astype(np.uint8))
            self.is_empty = False

    def found(self, cells: Any) -> Any:
        """A numpy mask of the cells that may be marked; of an absent one, False."""
        import numpy as np

        if self.is_empty or cells.null_count == len(cells):
            return np.zeros(len(cells), np.bool_)
        mask = self.has_hashes(first_bytes(cells))
        return mask & validity(cells) if cells.null_count else mask

    def has_hashes(self, hashes: Any) -> Any:
        """The same for numbers of 64 bits."""
        import numpy as np

        mask = np.zeros(len(hashes), np.bool_)
        if self.is_empty:
            return mask
        first, second = _SHIFTS
        some = self._marked(hashes, first)
        mask[some[self._marked(hashes[some], second)]] = True
        return mask

    def _marked(self, hashes: Any, shift: int) -> Any:
        import numpy as np

        places, bits = _places(hashes, shift)
        found = np.take(self._table, places, mode="clip")
        # Most bytes have no mark at all.
        some = np.flatnonzero(found)
        return some[((found[some] >> bits[some].astype(np.uint8)) & 1).astype(np.bool_)]


def _places(hashes: Any, shift: int) -> tuple[Any, Any]:
    """Byte and bit of the table: its bits, not its bytes, are the marks."""
    import numpy as np

    chosen = ((hashes >> np.uint64(shift)) & np.uint64((1 << _BITS) - 1)).view(np.int64)
    return chosen >> 3, chosen & 7
