"""A worker that dies in a run of the demo: what it held is free before the next run wants it."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from segment_assets.cli.demo import Progress, Walk
from segment_assets.processes import process_mark
from segment_assets.road import PID_TAG, RunOutcome
from segment_assets.workers import DIED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POOL, STEP = "meta_lumen_eu", "activation"
GONE = "999999999-1"


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """Pools are kept by an instance on disk only."""
    limits = {"concurrency": {"pools": {"default_limit": 1}}, "telemetry": {"enabled": False}}
    with dg.instance_for_test(temp_dir=str(tmp_path), overrides=limits) as instance:
        yield instance


def run_of(instance: dg.DagsterInstance, mark: str) -> str:
    """A run that a process with this mark began, and that holds the only slot of a pool."""

    @dg.job
    def job() -> None: ...

    run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags={PID_TAG: mark})
    instance.event_log_storage.set_concurrency_slots(POOL, 1)
    instance.event_log_storage.claim_concurrency_slot(POOL, run.run_id, STEP)
    return run.run_id


def walk(instance: dg.DagsterInstance, *problems: str) -> None:
    """A step of the demo whose run ends like this."""
    outcome = RunOutcome("activation/meta", success=not problems, problems=problems)
    road: Any = SimpleNamespace(instance=instance, run=lambda *_keys, **_more: outcome)
    nothing: Any = None
    Walk(road, nothing, nothing, Progress(time.monotonic())).run(("activation", "meta"))


def slots(instance: dg.DagsterInstance) -> int:
    return instance.event_log_storage.get_concurrency_info(POOL).active_slot_count


def test_the_run_of_a_dead_worker_is_ended_and_its_slot_is_free(kept: dg.DagsterInstance):
    run = run_of(kept, GONE)
    assert slots(kept) == 1
    walk(kept, DIED)
    assert slots(kept) == 0
    assert kept.get_run_by_id(run).status is dg.DagsterRunStatus.FAILURE


def test_a_run_that_only_failed_and_the_run_of_a_living_process_keep_what_they_hold(kept: dg.DagsterInstance):
    living = run_of(kept, process_mark())
    walk(kept, DIED)
    assert slots(kept) == 1
    assert kept.get_run_by_id(living).status is dg.DagsterRunStatus.STARTED
    kept.event_log_storage.free_concurrency_slots_for_run(living)
    run_of(kept, GONE)
    walk(kept, "check minimum_size: 3 people")
    assert slots(kept) == 1, "only a process that died leaves something to clear up"
