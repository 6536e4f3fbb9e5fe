"""Rows of `changes` as members: columns for a destination that takes them, and for all others one by one in Python.

Belongs here: the members of a batch, cells of Arrow columns as Python values, quickly. Not here: batches (`outgoing`).
Measured side by side: a fifth of what `to_pylist` of every column takes for two digests, two fifths for all forms.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

from segment_assets.contracts import ATTRIBUTE_COLUMNS, CONSENT_COLUMNS, VALUE_COLUMN, Member
from segment_assets.delivery.wanted import FORMS
from segment_assets.identity.hashing import DIGEST_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa


class Members(Sequence[Member]):
    """The members of some rows, none of whom is made before somebody looks at one (see `contracts.InColumns`)."""

    def __init__(self, rows: pa.RecordBatch) -> None:
        self._rows = rows
        self._made: list[Member] | None = None

    @property
    def are_columns(self) -> bool:
        """Whether nobody was looked at yet: members who were made take ten times the memory, and are kept."""
        return self._made is None

    def column(self, form: str) -> Any | None:
        """The cells of one match key as an Arrow array. None where nobody has one."""
        if form not in self._rows.schema.names or form in (*CONSENT_COLUMNS, VALUE_COLUMN):
            return None
        cells = self._rows.column(form)
        return cells if cells.null_count < len(cells) else None

    def kinds(self, most: int) -> list[tuple[Any, Member]] | None:
        """Members who differ in nothing but their digests (see `contracts.InColumns`), each kind by its first member.

        >>> import pyarrow as pa
        >>> rows = {"phase": ["add"] * 3, "batch": [1] * 3, "member_id": ["a", "b", "c"], "city": ["x", "y", "x"]}
        >>> [(places.tolist(), member.member_id) for places, member in Members(pa.record_batch(rows)).kinds(2)]
        [([0, 2], 'a'), ([1], 'b')]
        """
        import numpy as np

        codes = np.zeros(len(self), np.int64)
        for name in FORMS:
            if name in self._rows.schema.names and (column := self._rows.column(name)).null_count < len(column):
                mine = _codes(column)
                if mine is not None:
                    # Numbered anew, so that no two kinds of many columns ever get one number.
                    _, codes = np.unique(codes * (int(mine.max()) + 1) + mine, return_inverse=True)
                if len(codes) and codes.max() >= most:
                    return None
        if not codes.any():
            return [(np.arange(len(self)), self._first(0))] if len(self) else []
        groups = [np.flatnonzero(codes == code) for code in range(int(codes.max()) + 1)]
        return [(places, self._first(int(places[0]))) for places in sorted(groups, key=lambda places: int(places[0]))]

    def holders_once(self, form: str) -> Members:
        """Of the members who share a cell of a match key only the first, in their order."""
        import numpy as np
        import pyarrow as pa

        cells = self.column(form)
        if cells is None:
            return Members(self._rows.slice(0, 1))
        _, firsts = np.unique(np.asarray(cells.dictionary_encode().indices.fill_null(-1)), return_index=True)
        places: Any = pa.array(np.sort(firsts))
        return self if len(firsts) == len(self) else Members(self._rows.take(places))

    def _first(self, place: int) -> Member:
        [(_, member)] = members_of(self._rows.slice(place, 1))
        return member

    def __len__(self) -> int:
        return self._rows.num_rows

    @overload
    def __getitem__(self, place: int) -> Member: ...
    @overload
    def __getitem__(self, place: slice) -> list[Member]: ...
    def __getitem__(self, place: int | slice) -> Member | list[Member]:
        return self._all()[place]

    def __iter__(self) -> Iterator[Member]:
        return iter(self._all())

    def _all(self) -> list[Member]:
        if self._made is None:
            self._made = [member for _, member in members_of(self._rows)]
        return self._made

    def __repr__(self) -> str:
        return f"Members({len(self)})"


def _codes(column: Any) -> Any:
    """A number for each cell, the same where the cells are, digests among each other all alike. None for all alike."""
    import numpy as np
    import pyarrow as pa

    if column.type == pa.binary(DIGEST_BYTES):
        return np.asarray(column.is_valid()).astype(np.int64) if column.null_count else None
    return np.asarray(column.dictionary_encode().indices.fill_null(-1)).astype(np.int64) + 1


def members_of(rows: pa.RecordBatch) -> Iterator[tuple[tuple[str, int], Member]]:
    """Each row's phase and batch, and its member."""
    there = rows.schema.names
    filled = [name for name in FORMS if name in there and rows.column(name).null_count < rows.num_rows]
    keys = [name for name in filled if name not in ATTRIBUTE_COLUMNS]
    consents = [name for name in filled if name in CONSENT_COLUMNS]
    places = zip(cells(rows.column("phase")), cells(rows.column("batch")), strict=True)
    member_ids = cells(rows.column("member_id"))
    said = _known(rows, consents)
    if VALUE_COLUMN not in filled:
        for place, member_id, known, answers in zip(places, member_ids, _known(rows, keys), said, strict=True):
            yield place, Member(member_id, known, answers)
        return
    values = cells(rows.column(VALUE_COLUMN))
    for place, member_id, known, answers, value in zip(
        places, member_ids, _known(rows, keys), said, values, strict=True
    ):
        yield place, Member(member_id, known, answers, value or "")


def _known(rows: pa.RecordBatch, names: list[str]) -> Iterator[dict[str, Any]]:
    """For each row the cells that are not null, by column."""
    columns = [rows.column(name) for name in names]
    if not columns:
        return ({} for _ in range(rows.num_rows))
    values = zip(*map(cells, columns), strict=True)
    if not any(column.null_count for column in columns):
        return (dict(zip(names, row, strict=True)) for row in values)
    return ({name: cell for name, cell in zip(names, row, strict=True) if cell is not None} for row in values)


def cells(column: Any) -> list[Any]:
    """A column as Python values, None for null.

    >>> import pyarrow as pa
    >>> cells(pa.array([b"0" * 32, None], pa.binary(32)))
    [b'00000000000000000000000000000000', None]
    """
    import pyarrow as pa

    if column.type != pa.binary(DIGEST_BYTES):
        values: list[Any] = column.to_pylist()
        return values
    whole = column.buffers()[1].to_pybytes()
    first = DIGEST_BYTES * column.offset
    found: list[Any] = [
        whole[start : start + DIGEST_BYTES] for start in range(first, first + DIGEST_BYTES * len(column), DIGEST_BYTES)
    ]
    if column.null_count:
        nulls = column.is_null().to_numpy(zero_copy_only=False).nonzero()[0]
        for place in nulls.tolist():
            found[place] = None
    return found
