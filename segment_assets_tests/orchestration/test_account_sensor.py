"""Account A's customers and opt-outs: read again when they change, so that a no leaves without a hand on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg
import pyarrow.parquet as pq
import pytest

from segment_assets import sensors
from segment_assets.assets.who_said_no import version_read
from segment_assets.jobs import accounts_job
from segment_assets.resources.account_tables import LocalAccountTables, catalogue
from segment_assets.tables import CUSTOMERS, OPT_OUTS
from segment_assets_tests.orchestration.local_world import opt_out

if TYPE_CHECKING:
    from pathlib import Path


class Watched:
    """The sensor with its cursor, two tables, and a time that the test moves."""

    def __init__(self, instance: dg.DagsterInstance, home: Path) -> None:
        self.instance, self.home, self.accounts = instance, home, LocalAccountTables(home / "accounts")
        self.cursor: str | None = None
        self.now = 1_000_000.0
        self.keys: list[str | None] = []
        self.selections: list[Any] = []

    def contribute(self) -> None:
        for table in (CUSTOMERS, OPT_OUTS):
            file = self.home / "accounts" / "a" / table.name / "part-00000.parquet"
            file.parent.mkdir(parents=True)
            pq.write_table(table.arrow_schema().empty_table(), file)

    def tick(self, **clock: Any) -> int:
        result = sensors.look_at_accounts(self.instance, self.cursor, self.accounts, now=lambda: self.now, **clock)
        self.cursor = result.cursor
        self.keys += [request.run_key for request in result.run_requests]
        self.selections = [request.asset_selection for request in result.run_requests]
        return len(result.run_requests)

    def versions(self) -> dict[str, str]:
        tables = (CUSTOMERS.name, OPT_OUTS.name)
        return {table: catalogue(table, self.accounts.files(table)).version for table in tables}

    def read(self, *, suppressed: bool = True) -> None:
        """Report what a successful run of the job would have reported."""
        for table, version in self.versions().items():
            told = {"dagster/data_version": version}
            self.instance.report_runless_asset_event(dg.AssetMaterialization(["account_a", table], tags=told))
        if suppressed:
            self.suppress(self.versions())

    def suppress(self, versions: dict[str, str]) -> None:
        read = {version_read(table): version for table, version in versions.items()}
        self.instance.report_runless_asset_event(dg.AssetMaterialization(["audiences", "suppressions"], metadata=read))


@pytest.fixture
def watched(instance: dg.DagsterInstance, tmp_path: Path) -> Watched:
    return Watched(instance, tmp_path)


def test_nothing_is_asked_for_before_both_tables_are_there(watched: Watched):
    assert watched.tick() == 0
    watched.contribute()
    assert watched.tick() == 1


def test_tables_that_were_read_are_not_read_again_also_when_a_run_by_hand_did_it(watched: Watched):
    watched.contribute()
    watched.read()
    assert [watched.tick() for _ in range(2)] == [0, 0]


def test_an_opt_out_that_arrives_is_asked_for_once(watched: Watched):
    watched.contribute()
    watched.read()
    assert watched.tick() == 0
    opt_out(watched.home, email="one.more@x.example")
    assert watched.tick() == 1
    watched.read()
    watched.now += 10_000
    assert [watched.tick() for _ in range(2)] == [0, 0]


def test_tables_that_were_read_without_new_suppressions_are_asked_for_again(watched: Watched):
    watched.contribute()
    watched.read(suppressed=False)
    assert watched.tick() == 1
    watched.now += 60
    watched.read()
    assert watched.tick() == 0


def test_suppressions_of_older_tables_that_were_made_last_are_made_again(watched: Watched):
    watched.contribute()
    older = watched.versions()
    opt_out(watched.home, email="one.more@x.example")
    watched.read()
    assert watched.tick() == 0
    watched.suppress(older)
    assert watched.tick() == 1


def test_a_table_that_is_gone_is_asked_for_so_that_its_run_says_so(watched: Watched):
    watched.contribute()
    watched.read()
    (file,) = (watched.home / "accounts" / "a" / "opt_outs").iterdir()
    file.unlink()
    assert watched.tick() == 1


@pytest.mark.parametrize(
    ("table", "made"),
    [(OPT_OUTS.name, {"customers", "erasures", "suppressions"}), (CUSTOMERS.name, {"opt_outs", "suppressions"})],
)
def test_a_file_that_cannot_be_read_starts_a_run_without_the_steps_that_would_keep_it_from_hearing(
    watched: Watched, table: str, made: set[str]
):
    watched.contribute()
    watched.read()
    assert watched.tick() == 0
    (watched.home / "accounts" / "a" / table / "part-00001.parquet").write_bytes(b"PAR1 of a writer that was killed")
    assert [watched.tick() for _ in range(2)] == [1, 0]
    watched.now += 61
    assert watched.tick() == 1, "it is told again and again"
    [selection] = watched.selections
    assert {key.path[-1] for key in selection} == made


def test_a_file_written_again_with_the_same_content_is_nothing_new(watched: Watched):
    watched.contribute()
    watched.read()
    watched.tick()
    (file,) = (watched.home / "accounts" / "a" / "opt_outs").iterdir()
    pq.write_table(pq.read_table(file), file)
    assert watched.tick() == 0


def test_a_run_that_is_going_is_waited_for(watched: Watched):
    watched.contribute()
    watched.instance.create_run_for_job(
        dg.job(name=accounts_job.name)(lambda: None), status=dg.DagsterRunStatus.STARTED
    )
    assert watched.tick() == 0


def test_a_run_that_failed_is_asked_for_again_after_a_growing_pause(watched: Watched):
    watched.contribute()
    asked = []
    for _ in range(40):
        asked.append(watched.tick())
        watched.now += 15
    moments = [n * 15 for n, requests in enumerate(asked) if requests]
    assert moments == [0, 60, 180, 420]
    assert len(set(watched.keys)) == len(moments), "a run key is remembered for ever"


def test_the_sensor_starts_the_job_that_renews_the_suppressions(watched: Watched):
    assert sensors.account_tables_sensor.job_name == accounts_job.name
    assert sensors.account_tables_sensor.default_status is dg.DefaultSensorStatus.RUNNING
