"""Ctrl-C and SIGTERM in the middle of a run, which Dagster ends and then forgets about."""

from __future__ import annotations

import os
import signal
import time
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from segment_assets.cli.demo import Progress, Walk
from segment_assets.cli.interrupts import interrupts
from segment_assets.road import QUIET, RunOutcome


def road(asked: list[int], *, retry: dg.RetryPolicy | None = None) -> Any:
    """A road whose runs are Dagster's; in the first of them somebody wants it all to end."""

    @dg.op(retry_policy=retry)
    def works() -> None:
        if asked:
            os.kill(os.getpid(), asked.pop())
            # Ends with the signal; a retry does not come here.
            time.sleep(10)

    @dg.job
    def job() -> None:
        works()

    def run(*_keys: object, **_more: object) -> RunOutcome:
        result = job.execute_in_process(run_config=QUIET, raise_on_error=False)
        return RunOutcome("works", result.success, [])

    return SimpleNamespace(run=run)


def walk(where: Any, stop_if_asked: Any) -> Walk:
    nothing: Any = None
    return Walk(where, nothing, nothing, Progress(time.monotonic()), stop_if_asked)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("retry", [None, dg.RetryPolicy()], ids=["once", "tried again"])
def test_a_signal_in_the_middle_of_a_run_ends_the_walk_with_that_run(number, retry):
    with interrupts() as stop_if_asked, pytest.raises(KeyboardInterrupt):
        walk(road([number], retry=retry), stop_if_asked).run(("a",))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_between_runs_is_raised_at_once(number):
    with interrupts(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)


def test_without_a_signal_the_walk_goes_on_and_handlers_are_as_before():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with interrupts() as stop_if_asked:
        going = walk(road([]), stop_if_asked)
        assert going.run(("a",))
        # Somebody else's, of a child that has ended for instance.
        os.kill(os.getpid(), signal.SIGCHLD)
        assert going.run(("a",))
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
