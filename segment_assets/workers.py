"""Runs at the same time: processes that have imported everything and wait for runs. `make demo` has them.

Belongs here: these processes, handing them runs, and their end. Not here: what a run is (`road`), which runs there are.

Threads would not do: every Dagster run configures Python's logging anew (`logging.config.dictConfig`), which waits for
the handlers of other threads while these wait for it, and four runs in threads stood still within a second. A process
for each run would do and costs seconds of imports, so these are forked from one that has imported everything.
"""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import os
import signal
import threading
from collections import deque
from multiprocessing import connection, forkserver
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    from segment_assets.deployment import Deployment
    from segment_assets.road import RunOutcome

# Twice the cores of the machine that the demo is meant for: a run waits for platforms and for disks.
COUNT = 4
# What runs import when they need it, and each process would import for itself: 1.3 s before its first run instead of
# 0.5. The fork server passes over modules that a later version has not.
_PRELOADED = (
    "segment_assets.preloaded", "segment_assets.road", "segment_assets.audience.building",
    "segment_assets.audience.reading", "segment_assets.delivery.approvals", "segment_assets.delivery.gate",
    "segment_assets.delivery.run", "alembic.command", "dagster._core.execution.execute_in_process",
    "dagster._core.workspace.context", "duckdb", "httpcore", "httpx", "phonenumbers", "pyarrow.dataset",
    "pyarrow.parquet", "sqlalchemy.dialects.sqlite",
)  # fmt: skip
_STOPS_WITHIN = 10.0
DIED = "the process of this run has died; run it again, and look for a lack of memory if it happens again"


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """One run: assets that are made together, and their partition. `say` is what people are told it is."""

    keys: Sequence[Sequence[str]]
    partition: str | None = None
    say: str = ""


class Workers:
    """Processes that make runs for a deployment. They begin to import when this is made, and to work with `start`.

    Whatever ends this process ends them too, SIGKILL included: nothing is sent after a demo that was killed.
    """

    def __init__(self, deployment: Deployment, count: int = COUNT) -> None:
        self._deployment, self._count = deployment, count
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([*_PRELOADED])
        self._processes: dict[Connection, BaseProcess] = {}
        forkserver.ensure_running()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        for line, process in self._processes.items():
            if error is not None:
                # The run that is under way is cleared up by the next start, like that of a killed demo.
                process.kill()
            line.close()
        for process in self._processes.values():
            process.join(_STOPS_WITHIN)

    def start(self) -> None:
        """Have the processes ready soon. The home's instance must be there: two that create its tables may collide."""
        for _ in range(self._count):
            self._add()

    def run(self, lanes: Iterable[Sequence[Wanted]]) -> Iterator[tuple[Wanted, RunOutcome]]:
        """What came of each run, as they end. Runs of one lane are made one after the other: they share something."""
        waiting = deque(deque(lane) for lane in lanes if lane)
        free = deque(self._processes)
        busy: dict[Connection, deque[Wanted]] = {}
        while waiting or busy:
            while waiting and free:
                line, lane = free.popleft(), waiting.popleft()
                busy[line] = lane
                # One that has died is heard of when it is asked what came of the run.
                with contextlib.suppress(ConnectionError):
                    line.send(lane[0])
            for line in [line for line in connection.wait(list(busy)) if line in busy]:
                lane = busy.pop(line)
                wanted = lane.popleft()
                yield wanted, self._outcome(line, wanted)
                free.append(line if line in self._processes else self._add())
                if lane:
                    waiting.appendleft(lane)

    def _add(self) -> Connection:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_work, args=(self._deployment, theirs), daemon=True)
        process.start()
        theirs.close()
        self._processes[ours] = process
        return ours

    def _outcome(self, line: Connection, wanted: Wanted) -> RunOutcome:
        from segment_assets.road import RunOutcome, what_is_run

        try:
            outcome: RunOutcome = line.recv()
        except (EOFError, ConnectionError):
            self._processes.pop(line).join(_STOPS_WITHIN)
            return RunOutcome(what_is_run(wanted.keys, wanted.partition), success=False, problems=[DIED])
        return outcome


def _work(deployment: Deployment, line: Connection) -> None:
    """What each process does: run what comes over the line, until it is closed."""
    # Ctrl-C is for the process that hands out the runs, and that ends this one. (Dagster ends a run for it, too.)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from segment_assets.definitions import definitions_of
    from segment_assets.road import Road, open_instance

    with open_instance(deployment.home) as instance, contextlib.suppress(EOFError, ConnectionError):
        road = Road(deployment, instance, definitions_of(deployment))
        while True:
            wanted = line.recv()
            line.send(road.run(*wanted.keys, partition=wanted.partition))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    # At once, also in the middle of a run.
    os._exit(1)
