"""One world per session whose reporting weeks are asked and made into insight tables; nothing is delivered."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from segment_assets.assets.insights import WEEKLY
from segment_assets.definitions import build_definitions
from segment_assets.deployment import Deployment, Kind
from segment_assets.jobs import weekly_job
from segment_assets.resources.lake import LocalLake
from segment_assets.road import Road
from segment_assets.sandbox import world
from segment_assets.tables import DELIVERIES
from segment_assets_tests.insights.truth import Truth

# Large enough for numbers to be told, small enough for others to be withheld (the strictest minimum is 100 people).
PEOPLE, SEED = 25_000, 7


class Insights:
    """What the tables say, and what the files of the world say."""

    def __init__(self, home: Path, weeks: Sequence[str]) -> None:
        self.deployment = Deployment(Kind.LOCAL, home)
        self.lake = LocalLake(home / "lake")
        self.weeks = weeks
        self.truth = {week: Truth.read(home / "accounts", week) for week in weeks}

    def rows(self, table: str, partition: str) -> list[dict[str, Any]]:
        return self.lake.dataset(self.lake.current(table, partition)).to_table().to_pylist()


@pytest.fixture(scope="session")
def instance():
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture(scope="session")
def road(tmp_path_factory: pytest.TempPathFactory, instance: dg.DagsterInstance) -> Road:
    home = tmp_path_factory.mktemp("insights") / "home"
    world.create(home, seed=SEED, people=PEOPLE)
    deployment = Deployment(Kind.LOCAL, home)
    return Road(deployment, instance, build_definitions(deployment))


@pytest.fixture(scope="session")
def insights(road: Road) -> Insights:
    """Every week, made by exactly the assets of the job `weekly`."""
    made = Insights(road.deployment.home, world.read_facts(road.deployment.home).weeks)
    graph = build_definitions(road.deployment).resolve_asset_graph()
    keys = [key.path for key in weekly_job.selection.resolve(graph)]
    assert {insight.key for insight in WEEKLY} <= {tuple(key) for key in keys}
    for week in made.weeks:
        outcome = road.run(*keys, partition=week)
        assert outcome.success, outcome.problems
    return made


def delivered(lake: LocalLake, rows: Sequence[dict[str, Any]], partition: str = "meta/1001/list") -> None:
    """Let the ledger hold deliveries. A row names what is not 0."""
    numbers = {column.name: 0 for column in DELIVERIES.columns if column.type.value == "bigint"}
    moment = dt.datetime(2026, 10, 20, 12, 0, tzinfo=dt.UTC)
    standard = {
        "destination": "meta", "account": "1001", "segment": "list", "lane": "audience", "outcome": "done",
        "to_snapshot": "v", "opened_at": moment, "closed_at": moment,
    }  # fmt: skip
    full = [{**numbers, **standard, "delivery_id": f"d{n}", "number": n, **row} for n, row in enumerate(rows, 1)]
    writer = lake.writer(DELIVERIES.name, partition)
    writer.write(pa.Table.from_pylist(full, DELIVERIES.arrow_schema()))
    writer.publish({})
