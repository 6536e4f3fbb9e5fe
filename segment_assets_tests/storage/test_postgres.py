"""The instance on PostgreSQL, as production has it: our own definitions deliver a pair, and another process sees it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.scheduler.instigation import InstigatorType, TickData, TickStatus

from segment_assets import sensors
from segment_assets.assets.activations import resource_name, wanted_version
from segment_assets.checks import policy_version
from segment_assets.definitions import build_definitions
from segment_assets.deployment import Deployment, Kind
from segment_assets.resources.lake import LocalLake
from segment_assets.road import Road
from segment_assets_tests import fakes
from segment_assets_tests.orchestration.accounts import MetaAccount
from segment_assets_tests.orchestration.local_world import ACCOUNT, ACTIVATION, NEWSLETTER, write_plan
from segment_assets_tests.storage import SERVER

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

SENSOR = sensors.activation_reconciler.name
# dagster-postgres ships psycopg2, and SQLAlchemy 2.1 reads a bare `postgresql://` as psycopg 3: the scheme is needed.
CONFIG = """
storage:
  postgres:
    postgres_db:
      username: dagster
      password: ""
      hostname: 127.0.0.1
      db_name: postgres
      port: {port}
      scheme: postgresql+psycopg2
concurrency:
  pools:
    granularity: op
    default_limit: 1
telemetry:
  enabled: false
"""


def _as_postgres(*command: str) -> list[str]:
    """PostgreSQL refuses to run as root."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else list(command)


@pytest.fixture
def port(tmp_path_factory):
    folder = Path(f"/tmp/segment-assets-pg-{os.getpid()}")
    folder.mkdir()
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    subprocess.run(
        _as_postgres(f"{SERVER}/initdb", "-D", f"{folder}/db", "-A", "trust", "-U", "dagster", "--no-sync"),
        check=True, capture_output=True, cwd="/tmp",
    )  # fmt: skip
    server = subprocess.Popen(
        _as_postgres(
            f"{SERVER}/postgres", "-D", f"{folder}/db", "-p", str(number), "-k", str(folder),
            "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off",
        ),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/tmp",
    )  # fmt: skip
    try:
        _wait_for(number)
        yield number
    finally:
        server.terminate()
        server.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(number: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", number)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("PostgreSQL did not start")


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")
def test_a_pair_is_delivered_by_our_own_definitions_with_everything_dagster_keeps_in_postgres(port, tmp_path):
    """Pool slot, partitions, run, events and a sensor's tick, read back by a second process's instance."""
    (tmp_path / "dagster.yaml").write_text(CONFIG.format(port=port))
    deployment = Deployment(Kind.LOCAL, tmp_path, write_plan(tmp_path / "plan.yaml"))
    plan, lake, account = deployment.plan(), LocalLake(tmp_path / "lake"), MetaAccount("1001")
    people = [fakes.person(str(n), email=f"{n}@example.com") for n in range(12)]
    counts = {"rows_in": 12, "members": 12, "eligible": 12, "policy": policy_version(plan, NEWSLETTER)}
    fakes.publish_audience(lake, NEWSLETTER, people, counts)
    definitions = build_definitions(deployment, {resource_name(ACCOUNT): account})
    key = dg.AssetKey(list(ACTIVATION))
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        stores = (instance.run_storage, instance.event_log_storage, instance.schedule_storage)
        assert all("Postgres" in type(store).__name__ for store in stores)
        road = Road(deployment, instance, definitions)
        road.sync_partitions(plan, [])
        asked = sensors.reconcile(instance, None, plan, lake)
        assert [request.partition_key for request in asked.run_requests] == [NEWSLETTER]
        instance.create_tick(ticked(asked))
        outcome = road.run(ACTIVATION, partition=NEWSLETTER)
        assert (outcome.success, list(outcome.problems)) == (True, [])
    assert len(account.people[NEWSLETTER]) == 12
    with dg.DagsterInstance.from_config(str(tmp_path)) as again:
        [run] = again.get_runs(dg.RunsFilter(tags={"dagster/partition": NEWSLETTER}))
        assert run.status is dg.DagsterRunStatus.SUCCESS
        assert NEWSLETTER in again.get_dynamic_partitions(f"activated_{ACCOUNT}")
        assert again.get_materialized_partitions(key) == {NEWSLETTER}
        version = wanted_version(plan, ACCOUNT, NEWSLETTER, lake)
        record = again.get_latest_data_version_record(key, partition_key=NEWSLETTER)
        assert record.asset_materialization.tags["dagster/data_version"] == version
        pool = again.event_log_storage.get_concurrency_info(f"meta_{ACCOUNT}")
        assert (pool.slot_count, pool.active_slot_count, pool.pending_step_count) == (1, 0, 0)
        [tick] = again.get_ticks(SENSOR, SENSOR)
        assert list(tick.run_keys) == [request.run_key for request in asked.run_requests]
        assert sensors.reconcile(again, tick.cursor, plan, lake).run_requests == []


def ticked(result: dg.SensorResult) -> TickData:
    """A tick of the reconciler as the sensor daemon keeps it."""
    return TickData(
        instigator_origin_id=SENSOR,
        instigator_name=SENSOR,
        instigator_type=InstigatorType.SENSOR,
        status=TickStatus.SUCCESS,
        timestamp=time.time(),
        run_ids=[],
        run_keys=[str(request.run_key) for request in result.run_requests],
        cursor=result.cursor,
        selector_id=SENSOR,
    )
