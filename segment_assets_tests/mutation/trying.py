"""Trying mutants: each in a fork of a process in which every library is loaded, and our own package is not.

Belongs here: forks, time limits, the tests of a destination. Not here: what is broken (`mutants`).
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import functools
import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import select
import signal
import sys
import tempfile
import time
import types
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from segment_assets_tests.mutation.groups import ROOT, tests_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import CodeType

    from segment_assets_tests.mutation.mutants import Mutant

SECONDS_EACH = 90
GREEN, RED, NONE_SELECTED = 0, 1, 5
_NEVER: Mapping[str, float] = types.MappingProxyType({})


@dataclasses.dataclass(frozen=True)
class Trial:
    """How it went: `red` (a test failed, as it should), `green` (nothing noticed), `slow` (ended at the time limit)."""

    mutant: Mutant | None
    result: str
    seconds: float


class Broken(importlib.abc.MetaPathFinder):
    """Gives the mutant's source in the place of its module's."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(self, fullname: str, path: object, target: object = None) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._mutant.module:
            return None
        file = str(ROOT / (fullname.replace(".", "/") + ".py"))
        init = str(ROOT / fullname.replace(".", "/") / "__init__.py")
        place = file if Path(file).exists() else init
        loader = _Loader(fullname, place, self._mutant.source)
        return importlib.util.spec_from_file_location(fullname, place, loader=loader)


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._source, self.path, "exec", dont_inherit=True)


def run_tests(
    destination: str,
    mutant: Mutant | None,
    without: Sequence[str] = (),
    plugins: Sequence[object] = (),
    first: Sequence[str] = (),
) -> int:
    """pytest's exit code: 0 where everything is green. 1 and 2 (nothing could be imported) are red.

    `without` are tests that were red before, `first` are run before all others. Without a mutant no red test ends the
    run.
    """
    import hypothesis

    if mutant is not None:
        sys.meta_path.insert(0, Broken(mutant))
    # A counterexample needs no small form here.
    phases = [hypothesis.Phase.explicit, hypothesis.Phase.generate]
    hypothesis.settings.register_profile("mutation", phases=phases, database=None, deadline=None)
    hypothesis.settings.load_profile("mutation")
    # Nobody reads why an assertion failed: half the time of a fork went into rewriting and explaining them.
    quiet = [
        "-q",
        "--no-header",
        "--assert=plain",
        "--tb=native",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:unraisableexception",
    ]
    limits = ["--rootdir", str(ROOT), f"--timeout={SECONDS_EACH}", *(["-x"] if mutant else [])]
    left_out = [f"--deselect={name}" for name in without]
    rounds = [*([[*first]] if first else []), *tests_of(destination)]
    codes = (int(pytest.main([*quiet, *limits, *left_out, *places], [*plugins])) for places in rounds)
    return next((code for code in codes if code not in (GREEN, NONE_SELECTED)), GREEN) if mutant else max(codes)


def in_fork(work: Callable[[], int], told: Path | None = None) -> int:
    """The id of a process that does the work in silence, ends with its result and leaves no child behind."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        nowhere = os.open(str(told) if told else os.devnull, os.O_RDWR | os.O_CREAT)
        for stream in (1, 2):
            os.dup2(nowhere, stream)
        code = work()
    except BaseException:  # noqa: BLE001  whatever a mutant does, the fork must not go on as its parent
        code = RED
    os._exit(code)


class _QuickFirst:
    """Most mutants are noticed by a test that takes milliseconds; properties and rooms are tried on the others."""

    def __init__(self, took: Mapping[str, float]) -> None:
        self._took = took

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items.sort(key=lambda item: self._took.get(item.nodeid, 0.0))


class _First:
    """Notes the first red test where `Noticers` can read it: its name, and what it took."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed and not self._file.exists():
            self._file.write_text(json.dumps([report.nodeid, report.duration]), encoding="utf-8")


class Noticers:
    """Tests that have noticed mutants of a destination. Most of the next ones are noticed by one of them, in less time
    than all the others take.
    """

    MOST, QUICK_SECONDS = 12, 0.7

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._counts: collections.defaultdict[str, collections.Counter[str]] = collections.defaultdict(
            collections.Counter
        )

    def of(self, destination: str) -> list[str]:
        """The most successful ones."""
        return [name for name, _ in self._counts[destination].most_common(self.MOST)]

    def file_of(self, number: int) -> Path:
        """Where a trial says which test has noticed it."""
        return self._folder / str(number)

    def note(self, destination: str, number: int) -> None:
        """A trial has ended."""
        with contextlib.suppress(OSError, ValueError):
            name, seconds = json.loads(self.file_of(number).read_text(encoding="utf-8"))
            if seconds < self.QUICK_SECONDS:
                self._counts[destination][name] += 1


class _Red:
    """Looks on and notes which tests are red, and how long each took."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.took: collections.Counter[str] = collections.Counter()

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.took[report.nodeid] += report.duration
        if report.failed:
            self.names.append(report.nodeid)

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.names.append(report.nodeid)


def unbroken(destination: str) -> tuple[list[str], list[str], dict[str, float]]:
    """A run of a destination's tests with nothing broken: the libraries that they load, the tests that are red, and what
    each test took.
    """
    # Looked up before the forks, which would each do it again.
    tests_of(destination)
    read, write = os.pipe()

    def work() -> int:
        red = _Red()
        code = run_tests(destination, None, plugins=[red])
        os.write(write, json.dumps([_from_elsewhere(), sorted(set(red.names)), red.took]).encode())
        return code

    pid = in_fork(work)
    os.close(write)
    told = b""
    while chunk := os.read(read, 65_536):
        told += chunk
    os.close(read)
    os.waitpid(pid, 0)
    names, red, took = json.loads(told or b'[[], ["the whole run"], {}]')
    return names, red, took


def _from_elsewhere() -> list[str]:
    files = {name: str(getattr(module, "__file__", "") or "") for name, module in sys.modules.items()}
    return [name for name, file in files.items() if "site-packages" in file and "segment_assets" not in name]


def preload(names: Sequence[str]) -> None:
    """Load libraries once for all forks; what cannot be loaded alone is left to them."""
    for name in names:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    # What is here stays: the forks' collector need not look at it, and so need not copy it.
    gc.freeze()


def tried(
    mutants: Sequence[Mutant],
    jobs: int,
    seconds: float,
    without: Sequence[str] = (),
    took: Mapping[str, float] = _NEVER,
) -> Iterator[Trial]:
    """Each mutant's trial, as they end. Those for which there was no time are not among them."""
    waiting = list(reversed(list(enumerate(mutants))))
    running: dict[int, tuple[int, Mutant, float]] = {}
    ends = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        noticers = Noticers(Path(folder))
        while running or (waiting and time.monotonic() < ends):
            while waiting and len(running) < jobs and time.monotonic() < ends:
                number, mutant = waiting.pop()
                pid = in_fork(functools.partial(_try, mutant, (without, took), noticers, number))
                running[pid] = (number, mutant, time.monotonic())
            yield from _ended(running, noticers)
            select.select([], [], [], 0.02)


def _try(mutant: Mutant, known: tuple[Sequence[str], Mapping[str, float]], noticers: Noticers, number: int) -> int:
    without, took = known
    first = [name for name in noticers.of(mutant.destination) if name not in without]
    return run_tests(mutant.destination, mutant, without, [_QuickFirst(took), _First(noticers.file_of(number))], first)


def _ended(running: dict[int, tuple[int, Mutant, float]], noticers: Noticers) -> Iterator[Trial]:
    for pid, (number, mutant, began) in list(running.items()):
        spent = time.monotonic() - began
        done, status = os.waitpid(pid, os.WNOHANG)
        if not done and spent < SECONDS_EACH:
            continue
        if not done:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        del running[pid]
        noticers.note(mutant.destination, number)
        is_green = done and os.waitstatus_to_exitcode(status) == GREEN
        yield Trial(mutant, "green" if is_green else "red" if done else "slow", spent)
