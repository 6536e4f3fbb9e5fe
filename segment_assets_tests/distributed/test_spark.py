"""The job on real Spark, started by the local engine. One Java machine serves the file; the last test kills it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from segment_assets.assets.audiences import hashed_audience
from segment_assets.contracts import ColumnState, PermanentError, TransientError
from segment_assets.partitions import SEGMENTS
from segment_assets.plan import Engine, load_plan
from segment_assets.resources.identity_engine import LocalSpark
from segment_assets.resources.lake import LocalLake
from segment_assets.resources.secrets import LocalSecrets
from segment_assets.sandbox import world
from segment_assets_tests import fakes
from segment_assets_tests.distributed import room_templates
from segment_assets_tests.distributed.conftest import SCRIPT, SEGMENT

pytestmark = [pytest.mark.spark, pytest.mark.slow]


def engine_of(bench, environment):
    return LocalSpark(SCRIPT, bench.home / "work", environment)


def audience(bench, folder: Path, engine, limit: int):
    """Materialise the audience in a lake of its own; its snapshot, the quarantine's, and what Dagster noted."""
    lake = LocalLake(folder / "lake")
    writer = lake.writer("segment_members", SEGMENT)
    writer.write(bench.rows)
    writer.publish({})
    fakes.publish_suppressions(lake, [("email", fakes.digest("nobody@example.com"))])
    resources = {
        "plan": load_plan().model_copy(update={"engine": Engine(in_process_up_to_rows=limit)}),
        "lake": lake,
        "secrets": LocalSecrets(bench.home / "secrets"),
        "workdir": folder / "work",
        "identity_engine": engine,
    }
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(SEGMENTS.name, [SEGMENT])
        run = dg.materialize([hashed_audience], instance=instance, partition_key=SEGMENT, resources=resources)
        said = "\n".join(str(entry) for entry in instance.all_logs(run.run_id))
    made = run.asset_materializations_for_node(hashed_audience.node_def.name)[0].metadata["digested_on"].value
    return lake.current("hashed_audience", SEGMENT), lake.current("quarantine", f"{SEGMENT}/building"), said, made


def test_spark_and_this_process_make_the_same_audience_and_quarantine_byte_for_byte(bench, java, tmp_path):
    here, refused_here, _, made_here = audience(bench, tmp_path / "here", None, limit=bench.rows.num_rows)
    engine = engine_of(bench, java.environment)
    there, refused_there, said, made_there = audience(bench, tmp_path / "there", engine, limit=bench.rows.num_rows - 1)

    assert (made_here, made_there) == ("this process", "spark")
    assert here.rows > 300
    assert refused_here.rows > 100
    assert (there.id, refused_there.id) == (here.id, refused_here.id)
    assert {**there.stats} == {**here.stats}
    assert list((bench.home / "work").iterdir()) == []
    # What arrived over Pipes: counts, and no value of any kind.
    refused = here.stats["refused_cells"]["phone:not_a_phone"]
    assert f'"rows_in": {bench.rows.num_rows}, "rows_out": {bench.rows.num_rows}' in said
    assert f'"not_a_phone": {refused}' in said
    assert not [value for value in identifiers(bench.rows) | digests(tmp_path / "there") if value in said]


def identifiers(rows: pa.Table) -> set[str]:
    """Raw values that are too long to be found by chance."""
    cells = {cell for column in ("email", "phone", "mobile_ad_id") for cell in rows[column].to_pylist()}
    return {cell for cell in cells if cell and len(cell.strip()) > 8}


def digests(folder: Path) -> set[str]:
    lake = LocalLake(folder / "lake")
    rows = lake.dataset(lake.current("hashed_audience", SEGMENT)).to_table(["email", "phone_digits"])
    return {cell.hex() for column in rows.columns for cell in column.to_pylist() if cell}


def test_every_template_of_the_clean_room_gives_the_same_rows_on_spark_and_translated_on_duckdb(java, tmp_path):
    week = world.create(tmp_path, seed=7, people=1_500).weeks[-1]
    command = [sys.executable, "-m", room_templates.__name__, str(tmp_path / "accounts"), week]
    done = subprocess.run(command, env=java.environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    on_spark, here = json.loads(done.stdout.splitlines()[-1]), room_templates.on_duckdb(tmp_path / "accounts", week)
    assert set(on_spark) == set(here) == set(room_templates.NAMES)
    for name, rows in here.items():
        assert rows, name
        assert [len(row) for row in on_spark[name]] == [len(row) for row in rows], name
        for there, row in zip(on_spark[name], rows, strict=True):
            assert there == [pytest.approx(v, rel=1e-5) if isinstance(v, float) else v for v in row], name


def test_a_job_that_fails_on_sparks_workers_says_why_and_what_to_do(bench, java):
    with pytest.raises(PermanentError, match="column states name surname, which is no identifier column: use email"):
        bench.digest(engine_of(bench, java.environment), bench.order(surname=ColumnState.RAW))

    assert list((bench.home / "work").iterdir()) == []


def test_a_machine_on_which_java_does_not_start_says_what_to_install(bench, tmp_path):
    with pytest.raises(
        PermanentError, match=r"Spark does not start .*: install Java 17, or raise engine\.in_process_up_to"
    ):
        bench.digest(engine_of(bench, {"JAVA_HOME": str(tmp_path)}))


def test_a_killed_job_leaves_no_half_table_and_may_be_tried_again(bench, java):
    with (
        killing_the_job_as_it_writes(bench.home / "work", java),
        pytest.raises(TransientError, match="make the audience again"),
    ):
        bench.digest(engine_of(bench, java.environment))

    assert list((bench.home / "work").iterdir()) == []


@contextlib.contextmanager
def killing_the_job_as_it_writes(work: Path, java):
    """SIGKILL to the job and to its Java machine once the first part is being written; fails when that never is."""
    killed = []

    def kill() -> None:
        end = time.monotonic() + 200
        while time.monotonic() < end and not killed:
            if any(work.glob("identity-*/digested/_temporary/*/_temporary")):
                os.kill(int(java.environment["JAVA_PID"]), signal.SIGKILL)
                killed.extend(_end(pid) for pid in _jobs())
            time.sleep(0.01)

    thread = threading.Thread(target=kill)
    thread.start()
    yield
    thread.join()
    assert killed, "the job was never seen writing"


def _jobs() -> list[int]:
    """Processes of this one that run the script."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = int(status.read_text().rsplit(")", 1)[1].split()[1])
            if parent == os.getpid() and str(SCRIPT).encode() in status.with_name("cmdline").read_bytes():
                found.append(int(status.parent.name))
    return found


def _end(pid: int) -> int:
    os.kill(pid, signal.SIGKILL)
    return pid
