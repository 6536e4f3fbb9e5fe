"""Members whose cells are whole columns, and rows of text that are JSON already: what full batches are made of.

Belongs here: the words in which `delivery` offers columns and `destinations` takes them. Not here: Arrow, which both
bring; a destination that knows nothing of this gets the same members one by one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Protocol, overload, runtime_checkable


@runtime_checkable
class InColumns(Protocol):
    """Members of a batch that are columns until somebody looks at one of them."""

    def column(self, form: str) -> Any | None:
        """The cells of one match key as an Arrow array, in the order of members. None where nobody has one."""
        ...


class JsonRows(Sequence[list[str]]):
    """Rows of text, written as a JSON list. They are read only where somebody looks; never shown in a repr.

    >>> rows = JsonRows(b'[["a","b"]]', 1)
    >>> rows[0], rows == [["a", "b"]], rows
    (['a', 'b'], True, JsonRows(1))
    """

    __slots__ = ("_count", "_read", "written")

    def __init__(self, written: bytes, count: int) -> None:
        self.written, self._count = written, count
        self._read: list[list[str]] | None = None

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, place: int) -> list[str]: ...
    @overload
    def __getitem__(self, place: slice) -> list[list[str]]: ...
    def __getitem__(self, place: int | slice) -> list[str] | list[list[str]]:
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
