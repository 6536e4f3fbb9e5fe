"""The sandbox process of a home folder: start it, find it, stop it.

Whoever serves a home holds a lock on `server.lock` in it and has written its pid there: the kernel drops the lock with
the process, so a stale file or a pid that somebody else has by now deceives nobody. Not here: what is served.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import functools
import json
import os
import signal
import ssl
import sys
import time
from typing import IO, TYPE_CHECKING, Any

from segment_assets.contracts import PermanentError, TransientError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_START_SECONDS = 20.0
_TERM_SECONDS = 5.0
_LOCK_SECONDS = 2.0
_POLL_SECONDS = 0.05
_HEALTH_SECONDS = 5.0
_LAST_LINES = 10


@dataclasses.dataclass(frozen=True, slots=True)
class SandboxProcess:
    """A healthy sandbox: where it listens (`http://127.0.0.1:port`) and which process it is."""

    url: str
    pid: int


def start(home: Path, *, port: int = 0) -> SandboxProcess:
    """The sandbox of this home: the running one, or a new process that outlives this one.

    With port 0 it listens where it did last time, if that port is free. Two callers at once get the same process.
    Raises TransientError when another caller takes too long to start it, PermanentError when it does not come up.
    """
    home = home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    with _lock(home / "start.lock", wait_seconds=_START_SECONDS + _TERM_SECONDS) as is_mine:
        if not is_mine:
            message = f"Another start of the sandbox in {home} does not end. See {_log(home)} and try again."
            raise TransientError(message)
        found = running(home)
        if found is not None:
            return found
        _end(home)  # one that holds the lock but does not answer
        return _wait_until_healthy(home, _spawn(home, port))


def running(home: Path) -> SandboxProcess | None:
    """The healthy sandbox of this home, if there is one."""
    import httpx

    home = home.resolve()
    told = _read(home)
    if told is None or _holder(home) is None:
        return None
    try:
        answer = httpx.get(f"{told['url']}/_sandbox/health", timeout=_HEALTH_SECONDS, **_plainly()).json()
    except (httpx.HTTPError, ValueError):
        return None
    if (answer.get("ok"), answer.get("home"), answer.get("pid")) != (True, str(home), told["pid"]):
        return None
    return SandboxProcess(told["url"], told["pid"])


def drop(home: Path, platform: str) -> dict[str, str]:
    """Where a platform of this sandbox takes files by SFTP: `address`, `user`, `password`, and its `host_key`.

    Raises PermanentError for a platform that has no such place, TransientError when no sandbox runs.
    """
    import httpx

    found = running(home)
    if found is None:
        raise TransientError("The platform sandbox is not running; start it with `segment-assets sandbox`.")
    told = httpx.get(f"{found.url}/_sandbox/drops/{platform}", timeout=_START_SECONDS, **_plainly())
    if told.is_error:
        raise PermanentError(f"The sandbox's {platform} takes no files by SFTP; correct the account in the plan.")
    return dict(told.json())


def stop(home: Path) -> None:
    """End the process that serves this home: politely, after five seconds by force. No process, no effect.

    Raises TransientError if even that does not end it.
    """
    home = home.resolve()
    if not home.exists():
        return
    # Not while somebody starts it: between taking the lock and writing its pid, a server has the last one's pid there.
    with _lock(home / "start.lock", wait_seconds=_START_SECONDS + _TERM_SECONDS):
        _end(home)


# ── for the served side (`platforms/__main__.py`) ──


@contextlib.contextmanager
def serving(home: Path) -> Iterator[bool]:
    """Own the home for as long as the block runs. False where another process does."""
    # Waits a little, because `_holder` takes the lock for an instant to look whether it is free.
    with _lock(home / "server.lock", wait_seconds=_LOCK_SECONDS) as is_mine:
        if is_mine:
            (home / "server.lock").write_text(str(os.getpid()))
        yield is_mine
        if is_mine:
            (home / "server.lock").write_text("")


def announce(home: Path, *, port: int, started: float) -> None:
    """Write `sandbox.json` (url, pid, started in seconds since the epoch) in one move, and remember the port."""
    told = {"url": f"http://127.0.0.1:{port}", "pid": os.getpid(), "started": started}
    draft = home / "sandbox.json.new"
    draft.write_text(json.dumps(told, indent=2))
    draft.replace(home / "sandbox.json")
    (home / "sandbox.port").write_text(str(port))


def withdraw(home: Path) -> None:
    """Take `sandbox.json` back at an orderly end."""
    (home / "sandbox.json").unlink(missing_ok=True)


def remembered_port(home: Path) -> int:
    """The port of the last process of this home, 0 where there was none."""
    try:
        return int((home / "sandbox.port").read_text())
    except (FileNotFoundError, ValueError):
        return 0


# ── inside ──


@functools.cache
def _plainly() -> dict[str, Any]:
    """How httpx is asked on loopback. By itself it reads all authorities' certificates first, in 30 ms."""
    return {"trust_env": False, "verify": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)}


def _end(home: Path) -> None:
    pid = _holder(home)
    if pid is None:
        return
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal_number)
        if _wait_until_free(home, pid):
            (home / "sandbox.json").unlink(missing_ok=True)
            return
    message = f"The sandbox process {pid} of {home} does not end. Look what it waits for and stop it by hand."
    raise TransientError(message)


def _log(home: Path) -> Path:
    return home / "sandbox.log"


def _read(home: Path) -> dict[str, Any] | None:
    try:
        told = json.loads((home / "sandbox.json").read_text())
    except (FileNotFoundError, ValueError):
        return None
    return told if isinstance(told, dict) and {"url", "pid"} <= set(told) else None


@contextlib.contextmanager
def _lock(file: Path, *, wait_seconds: float) -> Iterator[bool]:
    deadline = time.monotonic() + wait_seconds
    with file.open("a") as handle:
        while not (is_mine := _try_lock(handle)) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        yield is_mine


def _try_lock(handle: IO[str]) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(home: Path) -> int | None:
    """The pid of the process that serves this home, None where nobody does."""
    file = home / "server.lock"
    if not file.exists():
        return None
    with file.open("r+") as handle:
        if _try_lock(handle):
            return None
        written = handle.read()
    return int(written) if written.isdecimal() else None


def _spawn(home: Path, port: int) -> int:
    """Start the process in a session of its own, with nothing of ours but the environment. Returns its pid."""
    command = [sys.executable, "-m", "segment_assets.sandbox.platforms", "--home", str(home), "--port", str(port)]
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    file_actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(_log(home)), append, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    return os.posix_spawn(sys.executable, command, os.environ, file_actions=file_actions, setsid=True)


def _wait_until_healthy(home: Path, pid: int) -> SandboxProcess:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        found = running(home)
        if found is not None:
            return found
        if _has_ended(pid):
            break
        time.sleep(_POLL_SECONDS)
    else:
        os.kill(pid, signal.SIGKILL)
        _has_ended(pid)
    lines = _log(home).read_text(errors="replace").splitlines()[-_LAST_LINES:] if _log(home).exists() else []
    message = f"The sandbox in {home} did not come up. Its log ends with:\n" + "\n".join(lines)
    raise PermanentError(message)


def _has_ended(pid: int) -> bool:
    """Whether a child of ours has ended; also takes its exit status, so that it does not stay as a zombie."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return False


def _wait_until_free(home: Path, pid: int) -> bool:
    deadline = time.monotonic() + _TERM_SECONDS
    while time.monotonic() < deadline:
        # It lets go of its home an instant before it is gone.
        if not _is_running_child(pid) and _holder(home) is None:
            return True
        time.sleep(_POLL_SECONDS)
    return False


def _is_running_child(pid: int) -> bool:
    """Whether it is a child of ours that runs. One that has ended is taken off the system's list."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] != pid
    except ChildProcessError:
        return False
