"""Which process something belongs to, so that what a killed one leaves behind is told from what a living one needs.

Belongs here: the mark of a process and what is on disk under it. Not here: Dagster runs (`road`).
A process that is killed with SIGKILL removes nothing: spilled joins, half-written snapshots, unfinished query results.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import re
import shutil
import uuid
from multiprocessing.util import Finalize
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Hidden names of files and folders that are written aside and then moved into place (`aside`).
_ASIDE = re.compile(r"\.[a-z]+-(\d+-\d*)-[0-9a-f]{32}")


def process_mark() -> str:
    """Process id and its start time, so that a reused id is not taken for the old process."""
    return f"{os.getpid()}-{_started(os.getpid())}"


def is_alive(mark: str | None) -> bool:
    """Whether the process with this mark still runs on this machine."""
    pid, _, started = (mark or "").partition("-")
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return _started(int(pid)) == started


def workdir(home: Path) -> Path:
    """This process's own scratch folder below a home: made by whoever uses it, removed when the process ends.

    Two processes must not spill into one folder: DuckDB gives its files the same names in both.
    """
    return _own_folder(home / "work" / process_mark())


@functools.cache
def _own_folder(folder: Path) -> Path:
    # Not `atexit`, which the processes of Dagster's run launcher never reach.
    Finalize(None, shutil.rmtree, args=(folder,), kwargs={"ignore_errors": True}, exitpriority=0)
    return folder


def aside(kind: str) -> str:
    """A new hidden name for what this process writes aside: `.<kind>-<mark>-<uuid>`."""
    return f".{kind}-{process_mark()}-{uuid.uuid4().hex}"


@contextlib.contextmanager
def only_one(file: Path) -> Iterator[IO[str] | None]:
    """Hold a lock file for as long as the block, or a child that is given the file, runs. None when it is held."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield handle


def clear_leftovers(home: Path) -> int:
    """Remove what processes that are gone left below a home, and say how many files and folders that were."""
    written = (home / "lake", home / "clean_room_results", home / "dashboards")
    found = [*_dead_workdirs(home / "work"), *(path for folder in written for path in _dead_asides(folder))]
    for path in found:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return len(found)


def _dead_workdirs(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        # Names without a mark are of a version that had one scratch folder for all.
        yield from (path for path in folder.iterdir() if not is_alive(path.name))


def _dead_asides(folder: Path) -> Iterator[Path]:
    for base, folders, files in os.walk(folder):
        for name in (*folders, *files):
            found = _ASIDE.fullmatch(name)
            if found and not is_alive(found[1]):
                yield folder.__class__(base) / name
        folders[:] = [name for name in folders if not name.startswith(".")]


def _started(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:  # noqa: PTH123 - a kernel file
            return stat.read().rsplit(")", 1)[1].split()[19]
    except (OSError, IndexError):
        return ""
