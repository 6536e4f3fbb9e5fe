"""Numbered objects of the lake, the newest of which says how something stands.

Belongs here: reading the newest, and creating the next after the one that was read. Not here: what is in them.

The lake creates objects conditionally and overwrites none; so to change a state is to create the next number, and of
two processes that change the same state one can.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segment_assets.contracts import Lake


class Numbered:
    """The objects below one prefix, from number 1. Every process has its own object and lists the prefix once."""

    def __init__(self, lake: Lake, prefix: str) -> None:
        self._lake, self._prefix = lake, prefix
        self._number: int | None = None
        self._newest: bytes | None = None

    def newest(self) -> bytes | None:
        """The newest object, None before the first."""
        if self._number is None:
            last = self._lake.keys(self._prefix)[-1:]
            self._number = int(last[0].rpartition("/")[2].removesuffix(".json")) - 1 if last else 0
        while (raw := self._lake.get(self._key(self._number + 1))) is not None:
            self._number, self._newest = self._number + 1, raw
        return self._newest

    def follow(self, raw: bytes) -> bool:
        """Create the next after the one that was read last. False when another process did."""
        assert self._number is not None, "a state is read before it is changed"
        if not self._lake.put_if_absent(self._key(self._number + 1), raw):
            return False
        self._number, self._newest = self._number + 1, raw
        return True

    def _key(self, number: int) -> str:
        return f"{self._prefix}/{number:09d}.json"
