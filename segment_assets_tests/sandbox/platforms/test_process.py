"""The sandbox process: found, reused, stopped, and durable when it is killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest

from segment_assets.contracts import PermanentError
from segment_assets.sandbox import process
from segment_assets_tests.sandbox.platforms.caller import SCHEMA, Caller, digest, session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "home"
    process.stop(tmp_path / "home")


def alive(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_running_sandbox_is_reused_and_a_stopped_one_comes_back_at_the_same_address(home: Path):
    assert process.running(home) is None
    first = process.start(home)
    assert first.url.startswith("http://127.0.0.1:")
    assert process.start(home) == first == process.running(home)
    told = json.loads((home / "sandbox.json").read_text())
    assert (told["url"], told["pid"]) == (first.url, first.pid)
    assert told["started"] > 0
    process.stop(home)
    assert not alive(first.pid)
    assert process.running(home) is None
    again = process.start(home)
    assert again.pid != first.pid
    assert again.url == first.url


def test_callers_that_start_it_at_once_get_the_same_process(home: Path):
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: process.start(home), range(3)))
    assert len(set(found)) == 1


def test_a_stale_file_with_somebody_elses_pid_harms_nobody(home: Path):
    home.mkdir()
    stale = {"url": "http://127.0.0.1:9", "pid": os.getpid(), "started": 0}
    (home / "sandbox.json").write_text(json.dumps(stale))
    (home / "server.lock").write_text(str(os.getpid()))
    assert process.running(home) is None
    process.stop(home)
    assert process.start(home).pid != os.getpid()


@pytest.mark.slow
def test_a_process_that_does_not_answer_is_replaced(home: Path):
    stuck = process.start(home)
    os.kill(stuck.pid, signal.SIGSTOP)
    fresh = process.start(home)
    assert fresh.pid != stuck.pid
    assert not alive(stuck.pid)


def test_a_sandbox_that_cannot_start_says_why(home: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(PermanentError, match="Address already in use"):
            process.start(home, port=taken.getsockname()[1])
    assert process.running(home) is None


def test_kill_in_mid_traffic_loses_no_acknowledged_change(home: Path):
    first = process.start(home)
    caller = Caller(first.url)
    audience = caller.create()
    caller.admin("clock", {"offset": 3600})
    acknowledged: list[str] = []
    several = threading.Event()

    def send() -> None:
        for batch in range(1, 10_000):
            names = [f"{batch}-{number}" for number in range(200)]
            rows = [[digest(name), digest(name + "p"), ""] for name in names]
            try:
                caller.add(audience, rows, session=session(7, batch)).raise_for_status()
            except httpx.TransportError:
                return
            acknowledged.extend(names)
            if batch == 5:
                several.set()

    traffic = threading.Thread(target=send)
    traffic.start()
    assert several.wait(20)
    os.kill(first.pid, signal.SIGKILL)
    traffic.join()
    caller.http.close()

    second = Caller(process.start(home).url)
    with second.http:
        assert second.http.get("/_sandbox/clock").json()["offset"] == 3600
        kept = set(second.http.get(f"/_sandbox/audiences/{audience}/identifiers").text.split())
        assert {digest(name) for name in acknowledged} <= kept
        (described,) = second.http.get("/_sandbox/audiences").json()
        assert described["people"] % 200 == 0, "a batch is kept as a whole or not at all"
        logged = sum(line["records"] for line in second.log() if line["status"] == 200)
        assert logged == described["people"], "the log tells exactly what was kept"
        batch = described["people"] // 200 + 1
        more = second.add(audience, [[digest("more"), "", ""]], SCHEMA, session(7, batch))
        assert more.json()["num_received"] == described["people"] + 1
