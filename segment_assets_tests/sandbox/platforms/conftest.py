"""A running sandbox per worker, and a caller that finds it as on a first start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from segment_assets.sandbox import process
from segment_assets_tests.sandbox.platforms.caller import Caller

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def running_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[process.SandboxProcess]:
    home: Path = tmp_path_factory.mktemp("sandbox")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGMENT_ASSETS_SANDBOX_LATENCY_MS", "0")
        started = process.start(home)
    yield started
    process.stop(home)


@pytest.fixture
def meta(running_sandbox: process.SandboxProcess) -> Iterator[Caller]:
    caller = Caller(running_sandbox.url)
    with caller.http:
        caller.admin("reset", {})
        yield caller
