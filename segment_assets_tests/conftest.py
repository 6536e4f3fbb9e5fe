"""What all tests share: what a machine lacks deselects a test with its reason, and in CI that is a failure."""

from __future__ import annotations

import functools
import gc
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from segment_assets_tests.aws import emulators
from segment_assets_tests.storage import SERVER

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

HERE = Path(__file__).parent
ROAD, INSIGHTS = "the walked road", "the insights of one world"
# What a file says that looks at something which is made once for a worker -> the group of such files, for one worker.
SHARED = {re.compile(r"\bwalked[:,)]"): ROAD, re.compile(r"\binsights: Insights\b"): INSIGHTS}
# Reads the files of the walked road and opens no instance of it; with the other files a worker would be at it to the end.
APART = "aws/test_road"

# marker -> (what it needs, whether this machine has it)
NEEDS = {
    "aws": ("MiniStack and SeaweedFS (`make setup-aws`)", emulators.there()),
    "browser": ("Debian's chromium", shutil.which("chromium") is not None),
    "postgres": ("Debian's PostgreSQL server", SERVER is not None),
    "spark": ("Java", shutil.which("java") is not None),
}


# Start processes, make worlds or try thousands of cases: left out of `make test-fast`.
SLOW_PLACES = (
    "audience/test_building", "audience/test_properties", "audience/test_reading", "browser/", "conformance/", "delivery/", "faults/", "identity/test_batch",
    "identity/test_official_sdk", "identity/test_phone", "insights/", "orchestration/test_automation", "orchestration/test_demo",
    "orchestration/test_checks", "orchestration/test_daemons", "orchestration/test_followers", "orchestration/test_lineage",
    "orchestration/test_overnight", "orchestration/test_query", "orchestration/test_reconciler", "orchestration/test_road",
    "orchestration/test_silence", "orchestration/test_withdrawals", "distributed/",
    "privacy/test_threshold", "sandbox/", "storage/",
)  # fmt: skip


# Dagster's SQLite opens, writes and syncs a file for every event: in memory the tests' folders save a fifth of the time.
IN_MEMORY = Path("/dev/shm")
ENOUGH_BYTES = 4_000_000_000


def pytest_configure() -> None:
    if IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free > ENOUGH_BYTES:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(IN_MEMORY))


LONGEST = (
    APART, "orchestration/test_daemons", "orchestration/test_demo", "faults/test_kill", "distributed/test_spark",
    "orchestration/", "faults/", "insights/", "browser/", "conformance/kit", "delivery/",
    "sandbox/platforms", "identity/test_phone", "audience/", "sandbox/",
)  # fmt: skip


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    """Modules and tests are there to the end: Python's garbage collector looks at them neither now nor ever."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_unconfigure() -> None:
    # Extension modules complain of leaks where nobody takes them down.
    gc.unfreeze()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # Pytest puts an id together each time that it is asked for.
    files = {item: _file(item.nodeid) for item in items}
    for item, file in files.items():
        if _is_slow(file):
            item.add_marker(pytest.mark.slow)
    # The longest groups first, so that at the end all workers have something to do (with --no-loadscope-reorder).
    items.sort(key=lambda item: _place(files[item]))
    lacking = {marker: need for marker, (need, there) in NEEDS.items() if not there}
    left_out = {item for item in items if any(item.get_closest_marker(marker) for marker in lacking)}
    if not left_out:
        return
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=list(left_out))
    config.stash[_LEFT_OUT] = [
        f"{len(left_out)} tests left out, this machine lacks {need}" for need in lacking.values()
    ]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """A file is a group. (`--dist loadgroup` of xdist 3.8 has no effect with pytest 9.2, whose ids it cannot change.)"""
    from xdist.scheduler import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _group(_file(nodeid))

    return ByGroup(config, log)


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0]


@functools.cache
def _is_slow(file: str) -> bool:
    return any(place in file for place in SLOW_PLACES)


@functools.cache
def _group(file: str) -> str:
    """The file, or what several files look at."""
    if APART in file:
        return file
    text = (HERE.parent / file).read_text(encoding="utf-8")
    return next((group for said, group in SHARED.items() if said.search(text)), file)


@functools.cache
def _place(file: str) -> int:
    if _group(file) == ROAD:
        # By then it has been walked, for the file that stands apart; the others would wait for the same walk.
        return LONGEST.index("orchestration/")
    return next((n for n, place in enumerate(LONGEST) if place in file), len(LONGEST))


@pytest.fixture(autouse=True, scope="module")
def _nobody_is_at_home() -> Iterator[None]:
    """Opening an instance says so in the environment, which must not reach the processes that other modules start."""
    before = os.environ.get("DAGSTER_HOME")
    yield
    if before is None:
        os.environ.pop("DAGSTER_HOME", None)
    else:
        os.environ["DAGSTER_HOME"] = before


_LEFT_OUT = pytest.StashKey[list[str]]()


def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:
    for line in config.stash.get(_LEFT_OUT, []):
        terminalreporter.write_line(line, yellow=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if not os.environ.get("SEGMENT_ASSETS_NO_SKIPS"):
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter is not None and reporter.stats.get("skipped")
    if (session.config.stash.get(_LEFT_OUT, []) or skipped) and session.exitstatus == 0:
        session.exitstatus = 1
