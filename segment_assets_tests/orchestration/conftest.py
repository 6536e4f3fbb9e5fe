"""One small world per session, walked once. Tests that change it take a copy."""

from __future__ import annotations

import dataclasses
import fcntl
import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from segment_assets.road import RunOutcome
from segment_assets.sandbox import world
from segment_assets_tests.orchestration import local_world
from segment_assets_tests.orchestration.local_world import LocalWorld
from segment_assets_tests.quick_storage import keep_engines

UNOPENED = "unopened"
# An ephemeral instance, too, begins with Alembic's revisions.
keep_engines()


@dataclasses.dataclass(frozen=True)
class Walked:
    """A world after one walk by hand, and what could be seen from outside."""

    world: LocalWorld
    outcomes: Sequence[RunOutcome]
    requests: Sequence[dict[str, Any]]
    members: dict[str, list[dict[str, str]]]
    said: str
    weeks: Sequence[str]


@pytest.fixture(scope="session")
def walked(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Walked:
    """Not to be changed; the sandbox is stopped again. Workers of one test session share it: a walk takes long."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "walked"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = folder / "walked.pickle"
        if not kept.exists():
            kept.write_bytes(pickle.dumps(_walk(folder / "home")))
            # Copies are taken of one that nobody opens: an open instance has files that come and go.
            LocalWorld(folder / "home").copy_to(folder / UNOPENED)
        return pickle.loads(kept.read_bytes())


def _walk(home: Path) -> Walked:
    made = local_world.create(home)
    weeks = world.read_facts(made.home).weeks
    with made.sandbox() as platforms, made.opened() as instance:
        with local_world.everything_said() as said:
            outcomes = local_world.walk(made, made.road(instance), weeks=weeks)
        members = {name: platforms.members(name) for name in platforms.audiences()}
        return Walked(made, outcomes, platforms.requests(), members, "".join(said), weeks)


@pytest.fixture
def copied(walked: Walked, tmp_path: Path) -> LocalWorld:
    """The walked world, to be changed."""
    return LocalWorld(walked.world.home.with_name(UNOPENED)).copy_to(tmp_path / "home")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """An instance that is gone after the test."""
    with dg.DagsterInstance.ephemeral() as made:
        yield made
