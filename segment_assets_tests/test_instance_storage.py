"""Our way to open Dagster's SQLite: the same files, which Dagster's own classes read and write beside it."""

from __future__ import annotations

import contextlib
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage

from segment_assets.instance_storage import LocalStorage
from segment_assets.road import open_instance
from segment_assets_tests.quick_storage import keep_engines

if TYPE_CHECKING:
    from collections.abc import Iterator

# Spares a second of Alembic's reading; what is written where is not touched by it.
keep_engines()


@dg.asset
def printing() -> None:
    sys.stdout.write("what it prints\n")
    sys.stderr.write("what it complains of\n")


@pytest.fixture(autouse=True)
def _nobody_is_at_home_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "")


@contextlib.contextmanager
def opened_by_dagster(home: Path) -> Iterator[dg.DagsterInstance]:
    """As the UI and the daemons open a home: by its `dagster.yaml`."""
    with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
        assert type(instance.event_log_storage) is SqliteEventLogStorage
        yield instance


def made(instance: dg.DagsterInstance) -> str:
    """The run that makes the asset."""
    result = dg.materialize([printing], instance=instance)
    assert result.success
    return result.run_id


def seen(instance: dg.DagsterInstance) -> dict[str, tuple[str, list[str]]]:
    """Run -> its state and the kinds of its events; the run that the index names last is among them."""
    runs = {run.run_id: run for run in instance.get_runs()}
    last = instance.get_latest_materialization_event(printing.key)
    assert last is None or last.run_id in runs
    return {
        name: (run.status.value, [str(entry.dagster_event_type) for entry in instance.all_logs(name)])
        for name, run in runs.items()
    }


def databases_open_below(home: Path) -> set[str]:
    """Names of what this process has open."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # that of looking at the folder is closed by now
            found.add(link.readlink())
    return {path.stem for path in found if path.suffix == ".db" and path.is_relative_to(home)}


def test_what_either_writes_the_other_reads_while_both_have_the_home_open(tmp_path: Path):
    with open_instance(tmp_path) as ours, opened_by_dagster(tmp_path) as dagsters:
        runs = [made(ours), made(dagsters), made(ours)]
        assert set(seen(ours)) == set(runs)
        assert seen(ours) == seen(dagsters)
        assert all(state == "SUCCESS" and len(kinds) > 5 for state, kinds in seen(ours).values())
        ours.add_dynamic_partitions("weeks", ["one"])
        assert dagsters.get_dynamic_partitions("weeks") == ["one"]
        assert type(ours.event_log_storage) is not SqliteEventLogStorage


def test_a_home_that_dagster_made_is_taken_as_it_is(tmp_path: Path):
    folder = tmp_path / "dagster"
    theirs = DagsterSqliteStorage.from_local(str(folder))
    before = {name: (folder / name).read_bytes() for name in ("history/runs.db", "schedules/schedules.db")}
    theirs.run_storage.dispose()
    ours = LocalStorage.from_local(str(folder))
    assert {name: (folder / name).read_bytes() for name in before} == before
    assert ours.run_storage.get_runs() == []
    ours.event_log_storage.dispose()
    ours.run_storage.dispose()


def test_every_database_has_the_revision_that_dagster_would_have_given_it(tmp_path: Path):
    with open_instance(tmp_path) as ours:
        run = made(ours)
    theirs = SqliteEventLogStorage(str(tmp_path / "dagster" / "history" / "runs"))
    with theirs.run_connection(run) as connection:
        stamped = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one()
        tables = {name for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_master")}
    assert theirs.alembic_version() == (stamped, stamped)
    with theirs.run_connection("of-dagster") as connection:
        assert tables == {name for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_master")}


def test_several_who_make_the_database_of_one_run_at_once_all_get_it(tmp_path: Path):
    storages = [kind.from_local(str(tmp_path)) for kind in (LocalStorage, LocalStorage, DagsterSqliteStorage)]
    start, failed = threading.Barrier(len(storages)), []

    def touch(storage: DagsterSqliteStorage) -> None:
        start.wait()
        try:
            for number in range(4):
                storage.event_log_storage.get_logs_for_run(f"run-{number}")
        except Exception as error:  # noqa: BLE001 - told by the assertion below
            failed.append(error)

    threads = [threading.Thread(target=touch, args=[storage]) for storage in storages]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failed == []
    for storage in storages:
        storage.event_log_storage.dispose()
        storage.run_storage.dispose()


def test_nothing_is_open_when_the_instance_is_closed(tmp_path: Path):
    with open_instance(tmp_path) as ours:
        runs = [made(ours) for _ in range(3)]
        assert databases_open_below(tmp_path) == {"runs", "index", runs[-1]}
    assert databases_open_below(tmp_path) == set()


def test_a_home_that_says_where_its_events_are_is_listened_to(tmp_path: Path):
    folder = tmp_path / "dagster"
    folder.mkdir()
    elsewhere = tmp_path / "elsewhere"
    (folder / "dagster.yaml").write_text(
        f"storage: {{sqlite: {{base_dir: {elsewhere}}}}}\ntelemetry: {{enabled: false}}\n"
        "compute_logs:\n  module: dagster._core.storage.noop_compute_log_manager\n  class: NoOpComputeLogManager\n"
    )
    with open_instance(tmp_path) as instance:
        assert type(instance.event_log_storage) is SqliteEventLogStorage
        assert type(instance.compute_log_manager).__name__ == "NoOpComputeLogManager"
        run = made(instance)
    assert (elsewhere / "history" / "runs" / f"{run}.db").exists()


def test_what_a_run_prints_is_where_the_ui_looks_and_not_on_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    with open_instance(tmp_path) as ours:
        run = made(ours)
    said = capfd.readouterr()
    with opened_by_dagster(tmp_path) as dagsters:
        logs = dagsters.compute_log_manager
        (key,) = (
            [run, "compute_logs", entry.dagster_event.logs_captured_data.file_key]
            for entry in dagsters.all_logs(run)
            if entry.dagster_event_type is dg.DagsterEventType.LOGS_CAPTURED
        )
        shown = logs.get_log_data(key)
        assert logs.is_capture_complete(key)
    assert shown.stdout == b"what it prints\n"
    assert b"what it complains of\n" in shown.stderr
    assert "what" not in said.out + said.err
