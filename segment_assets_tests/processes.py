"""Processes of a test's own home: found by the environment that they inherited, whatever they are called."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from pathlib import Path


def of_home(home: Path) -> dict[int, str]:
    """Pid -> command line of every living process that was started for this home."""
    mark = f"SEGMENT_ASSETS_HOME={home}".encode()
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal() or int(folder.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):  # it has ended meanwhile, or is not ours
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return found


def ended(home: Path, *, within: float) -> dict[int, str]:
    """What is still alive after at most so many seconds."""
    deadline = time.monotonic() + within
    while (left := of_home(home)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def kill_all(home: Path) -> None:
    for pid in of_home(home):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
