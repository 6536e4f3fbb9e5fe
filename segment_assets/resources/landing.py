"""The landing area: files that somebody drops for a segment, below `landing/segments/<segment>/`.

Belongs here: what has landed, page by page, and a version of it. Not here: reading the files (`audience.reading`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from segment_assets.resources.ports import LandedFile

_HALF_COPIED = frozenset({".tmp", ".part"})


def is_complete(name: str) -> bool:
    """Whether a file of this name counts: `.name`, `name.tmp` and `name.part` are still being copied."""
    return not name.startswith(".") and PurePath(name).suffix not in _HALF_COPIED


@dataclasses.dataclass(frozen=True, slots=True)
class LocalLanding:
    """Folders of files on a local disk."""

    root: Path

    def segments(self, *, after: str = "", limit: int = 1000) -> list[str]:
        """Names of segments that have files, in order, beginning after a name; at most `limit`."""
        folders = sorted(path.name for path in self.root.glob("*") if path.name > after)
        return [name for name in folders if self.files(name)][:limit]

    def files(self, segment: str) -> list[Path]:
        """Complete files of a segment, sorted by name; hidden and half-copied ones (.name, name.tmp) do not count."""
        found = (path for path in (self.root / segment).glob("*") if path.is_file())
        return sorted(path for path in found if is_complete(path.name))

    @contextlib.contextmanager
    def fetched(self, segment: str) -> Iterator[list[Path]]:
        """The files themselves: they are on this machine's disk already."""
        yield self.files(segment)

    @contextlib.contextmanager
    def beside(self, folder: str) -> Iterator[list[Path]]:
        """The same for a folder beside `segments`."""
        yield LocalLanding(self.root.parent).files(folder)

    @contextlib.contextmanager
    def each(self, folder: str) -> Iterator[list[LandedFile]]:
        """Files of a folder beside `segments`, at every depth, each opened on its own."""
        base = self.root.parent / folder
        names = (path.relative_to(base) for path in base.rglob("*") if path.is_file())
        found = sorted(name.as_posix() for name in names if all(is_complete(part) for part in name.parts))
        yield [(name, functools.partial((base / name).open, "rb")) for name in found]

    def changed(self) -> None:
        """Nobody says it of a folder."""
        return

    def version(self, segment: str) -> str:
        """Changes when a file appears, vanishes or is written again; cheap enough for every tick of a sensor."""
        marks = []
        for path in self.files(segment):
            # A file may be taken away between the listing and the look at it.
            with contextlib.suppress(FileNotFoundError):
                found = path.stat()
                marks.append((path.name, found.st_size, found.st_mtime_ns))
        return hashlib.sha256(repr(marks).encode()).hexdigest()
