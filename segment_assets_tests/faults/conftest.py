"""One sandbox per worker, as on a first start for each test, and a delivery room in front of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from segment_assets.sandbox import process
from segment_assets_tests.faults.room import FAULTS, Room, Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("sandbox")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGMENT_ASSETS_SANDBOX_LATENCY_MS", "0")
        started = process.start(home)
    yield started.url
    process.stop(home)


@pytest.fixture
def sandbox(url: str) -> Iterator[Sandbox]:
    sandbox = Sandbox(url)
    sandbox.reset()
    yield sandbox
    sandbox.close()


@pytest.fixture
def room(tmp_path, sandbox: Sandbox) -> Iterator[Room]:
    room = Room(tmp_path, sandbox)
    yield room
    if room.is_impatient:
        # A call that nobody waits for any more is still processed, and must not reach the next test.
        time.sleep(FAULTS["slow"]["seconds"])
