"""A table of marks, which finds a few digests among many without holding any of them.

Belongs here: bits. Not here: whose digests they are (`naming`, `sharing`).
"""

from __future__ import annotations

from typing import Any

from segment_assets.delivery.cells import first_bytes, validity

_LEAST_WORDS, _FIRST_WORDS, _MOST_WORDS = 1 << 10, 1 << 19, 1 << 21
# Bits of a number by which a word's bits are chosen; its lowest ones choose the word. Four marks in one word: a digest
# that is not there costs one look into the table, and of a hundred thousand less than ten are taken for one that is.
_SHIFTS = (58, 52, 46, 40)


class Marks:
    """A table of some bits of digests. It may take a digest for another, and never overlooks one.

    A Bloom filter in blocks of a word.

    >>> marks = Marks()
    >>> marks.add(pa.array([bytes(32)], pa.binary(32)))
    >>> marks.found(pa.array([bytes(32), b"x" * 32, None], pa.binary(32))).tolist()
    [True, False, False]
    """

    def __init__(self) -> None:
        self._table: Any = None
        self._added = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing is marked."""
        return not self._added

    def add(self, cells: Any) -> None:
        """Mark the digests of an Arrow array; of texts, the digests of their own."""
        if cells.null_count < len(cells):
            self.add_hashes(first_bytes(cells.drop_null() if cells.null_count else cells))

    def add_hashes(self, hashes: Any) -> None:
        """Mark numbers of 64 bits."""
        import numpy as np

        if len(hashes):
            if self._table is None:
                self._table = np.zeros(_FIRST_WORDS, np.uint64)
            self._added += len(hashes)
            while len(self._table) < min(self._added, _MOST_WORDS):
                # What was marked is marked in both halves.
                self._table = np.concatenate([self._table, self._table])
            np.bitwise_or.at(self._table, self._places(hashes), _bits(hashes, _SHIFTS))

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
        self._fold()
        words = np.take(self._table, self._places(hashes), mode="clip")
        # Most words do not even have the first.
        some = np.flatnonzero((words & _bits(hashes, _SHIFTS[:1])) != 0)
        bits = _bits(hashes[some], _SHIFTS)
        mask[some[words[some] & bits == bits]] = True
        return mask

    def _fold(self) -> None:
        """Lay halves of the table on each other while each mark has a word: a small table stays in a cache."""
        while len(self._table) // 2 >= max(self._added, _LEAST_WORDS):
            half = len(self._table) // 2
            self._table = self._table[:half] | self._table[half:]

    def _places(self, hashes: Any) -> Any:
        import numpy as np

        return (hashes & np.uint64(len(self._table) - 1)).view(np.int64)


def _bits(hashes: Any, shifts: tuple[int, ...]) -> Any:
    import numpy as np

    one, six = np.uint64(1), np.uint64(63)
    # Of the highest six bits nothing has to be cut off.
    bits = one << (hashes >> np.uint64(shifts[0]))
    for shift in shifts[1:]:
        bits |= one << (hashes >> np.uint64(shift) & six)
    return bits
