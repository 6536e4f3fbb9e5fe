"""Members whose cells are whole columns, and rows that are JSON already: what full batches are made of.

Belongs here: the words in which `delivery` offers columns and `destinations` takes them. Not here: Arrow, which both
bring; a destination that knows nothing of this gets the same members one by one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, overload, runtime_checkable

if TYPE_CHECKING:
    from segment_assets.contracts.delivery import Member


@runtime_checkable
class InColumns(Protocol):
    """Members of a batch that are columns until somebody looks at one of them."""

    def column(self, form: str) -> Any | None:
        """The cells of one match key as an Arrow array, in the order of members. None where nobody has one.

        `member_id` is a column as well, which everybody has.
        """
        ...

    def kinds(self, most: int) -> list[tuple[Any, Member]] | None:
        """Members who differ in nothing but their digests: their places as a numpy array, and the first of them.

        None where there are more kinds than `most`.
        """
        ...

    def holders_once(self, form: str) -> Sequence[Member]:
        """Of the members who share a cell of a match key only the first, in their order; in columns as well."""
        ...


class JsonRows(Sequence[Any]):
    """Rows, written as a JSON list. They are read only where somebody looks; never shown in a repr.

    >>> rows = JsonRows(b'[["a","b"]]', 1)
    >>> rows[0], rows == [["a", "b"]], rows
    (['a', 'b'], True, JsonRows(1))
    """

    __slots__ = ("_count", "_read", "written")

    def __init__(self, written: bytes, count: int) -> None:
        self.written, self._count = written, count
        self._read: list[Any] | None = None

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, place: int) -> Any: ...
    @overload
    def __getitem__(self, place: slice) -> list[Any]: ...
    def __getitem__(self, place: int | slice) -> Any:
        if self._read is None:
            self._read = json.loads(self.written)
        return self._read[place]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, JsonRows):
            return self.written == other.written
        return isinstance(other, list) and list(self) == other

    __hash__ = None  # type: ignore[assignment] # as a list has none

    def __repr__(self) -> str:
        return f"JsonRows({self._count})"
