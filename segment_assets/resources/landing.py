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

from segment_assets.contracts import PermanentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from segment_assets.resources.ports import LandedFile

# `.filepart` is WinSCP's, `.crdownload` a browser's.
_HALF_COPIED = frozenset({".tmp", ".part", ".filepart", ".crdownload"})
_CHECKSUMS = frozenset({".md5", ".sha1", ".sha256", ".sha512", ".crc"})


def is_complete(name: str) -> bool:
    """Whether a file of this name counts: `.name`, `name.tmp`, `name.part` and the like are still being copied."""
    return not name.startswith(".") and PurePath(name).suffix.lower() not in _HALF_COPIED


def is_marker(name: str) -> bool:
    """Whether this is what tools put beside the files that they wrote: `_SUCCESS`, `_started_7`, `list.csv.md5`.

    A file with an extension may hold people, whatever its name begins with, so `_list.csv` is none.
    """
    suffix = PurePath(name).suffix.lower()
    return suffix in _CHECKSUMS or (name.startswith("_") and not suffix)


def refuse_folders(segment: str, folders: Iterable[str]) -> None:
    """Raise PermanentError where a segment's folder has folders: nobody can tell whether older ones still count."""
    found = sorted(folders)
    if found:
        named = ", ".join(found)
        raise PermanentError(
            f"landing folder {segment}: there are folders in it ({named}), and only files directly in it are read; put "
            "the files that count there, and take the folders away"
        )


@dataclasses.dataclass(frozen=True, slots=True)
class LocalLanding:
    """Folders of files on a local disk."""

    root: Path

    @property
    def appears_whole(self) -> bool:
        """No: a file is there with its first byte."""
        return False

    def segments(self, *, after: str = "", limit: int = 1000) -> list[str]:
        """Names of segments that have files, in order, beginning after a name; at most `limit`."""
        folders = sorted(path.name for path in self.root.glob("*") if path.name > after)
        return [name for name in folders if self.files(name) or self._folders(name)][:limit]

    def files(self, segment: str) -> list[Path]:
        """Complete files of a segment, sorted by name; hidden and half-copied ones (.name, name.tmp) do not count."""
        found = (path for path in (self.root / segment).glob("*") if path.is_file())
        return sorted(path for path in found if is_complete(path.name) and not is_marker(path.name))

    def _folders(self, segment: str) -> list[str]:
        """Folders in a segment's folder that have files; a tool's own (.name, _name) do not count."""
        found = (path for path in (self.root / segment).glob("[!._]*") if path.is_dir())
        return sorted(path.name for path in found if any(_complete(path)))

    @contextlib.contextmanager
    def fetched(self, segment: str) -> Iterator[list[Path]]:
        """The files themselves: they are on this machine's disk already.

        Raises PermanentError where the folder has folders with files.
        """
        refuse_folders(segment, self._folders(segment))
        yield self.files(segment)

    @contextlib.contextmanager
    def beside(self, folder: str) -> Iterator[list[Path]]:
        """The same for a folder beside `segments`."""
        yield LocalLanding(self.root.parent).files(folder)

    @contextlib.contextmanager
    def each(self, folder: str) -> Iterator[list[LandedFile]]:
        """Files of a folder beside `segments`, at every depth, each opened on its own."""
        base = self.root.parent / folder
        found = sorted(name.as_posix() for name in _complete(base))
        yield [(name, functools.partial((base / name).open, "rb")) for name in found]

    def changed(self) -> None:
        """Nobody says it of a folder."""
        return

    def version(self, segment: str) -> str:
        """Changes when a file or a folder appears, vanishes or is written again; cheap enough for every tick."""
        marks: list[tuple[object, ...]] = [(name,) for name in self._folders(segment)]
        for path in self.files(segment):
            # A file may be taken away between the listing and the look at it.
            with contextlib.suppress(FileNotFoundError):
                found = path.stat()
                marks.append((path.name, found.st_size, found.st_mtime_ns))
        return hashlib.sha256(repr(marks).encode()).hexdigest()


def _complete(base: Path) -> Iterator[PurePath]:
    """Complete files in a folder and in folders of it, by their paths from there."""
    names = (path.relative_to(base) for path in base.rglob("*") if path.is_file())
    return (name for name in names if all(is_complete(part) for part in name.parts))
