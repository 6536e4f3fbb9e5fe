"""Opening landed files: packed ones are unpacked, and one that changes while it is read is noticed.

Belongs here: what happens to a file between its name and its bytes. Not here: formats.
"""

from __future__ import annotations

import contextlib
import gzip
import os
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from segment_assets.contracts import TransientError

if TYPE_CHECKING:
    from collections.abc import Callable

    Opener = Callable[[], BinaryIO]


class Watched:
    """A file that is opened twice and read for minutes: what it is at every opening must be what it is at the end.

    Half of an old list and half of a new one would look like many people who left.
    """

    def __init__(self, name: str, opener: Opener) -> None:
        self._name, self._opener = name, opener
        self._marks: set[tuple[int, int, int]] = set()
        self._path: str | None = None

    def open(self) -> BinaryIO:
        """Open the file for reading bytes, and note what it is now."""
        opened = self._opener()
        with contextlib.suppress(OSError, AttributeError):
            self._marks.add(_mark(os.fstat(opened.fileno())))
            path = opened.name
            self._path = path if isinstance(path, str) else None
        return opened

    def require_unchanged(self) -> None:
        """Raise TransientError if the file is another one by now. Only files on disk can be asked."""
        if self._path is None:
            return
        with contextlib.suppress(FileNotFoundError):
            self._marks.add(_mark(Path(self._path).stat()))
        if len(self._marks) > 1:
            raise TransientError(f"{self._name}: changed while it was read; run it again when the file is complete")


def _mark(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_ino, found.st_size, found.st_mtime_ns


class Unpacked(gzip.GzipFile):
    """A gzip file that closes what it was opened on, which GzipFile leaves open."""

    def __init__(self, packed: BinaryIO) -> None:
        super().__init__(fileobj=packed, mode="rb")
        self._packed = packed

    def close(self) -> None:
        """Close both files."""
        super().close()
        self._packed.close()
