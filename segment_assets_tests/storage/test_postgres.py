"""The instance on PostgreSQL, as production has it: a run of ours is recorded there and can be asked for again."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import dagster as dg
import pytest

from segment_assets_tests.storage import SERVER

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

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
        _as_postgres(f"{SERVER}/initdb", "-D", f"{folder}/db", "-A", "trust", "-U", "dagster"),
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
def test_a_partitioned_run_is_recorded_in_postgres_with_its_data_version(port, tmp_path):
    (tmp_path / "dagster.yaml").write_text(CONFIG.format(port=port))
    parts = dg.DynamicPartitionsDefinition(name="segments")

    @dg.asset(partitions_def=parts)
    def audience() -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata={"dagster/row_count": 3}, data_version=dg.DataVersion("v1"))

    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert "Postgres" in type(instance.event_log_storage).__name__
        instance.add_dynamic_partitions("segments", ["vip"])
        assert dg.materialize([audience], partition_key="vip", instance=instance).success
    with dg.DagsterInstance.from_config(str(tmp_path)) as again:
        assert again.get_materialized_partitions(dg.AssetKey("audience")) == {"vip"}
        record = again.get_latest_data_version_record(dg.AssetKey("audience"), partition_key="vip")
        assert record.asset_materialization.tags["dagster/data_version"] == "v1"
        assert [run.status for run in again.get_runs()] == [dg.DagsterRunStatus.SUCCESS]
