"""The SQL engine that jobs take one after the other: nothing of one job is there in the next."""

from __future__ import annotations

import os

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from segment_assets import engine


def test_a_job_sees_no_table_view_or_setting_of_the_one_before(tmp_path):
    with engine.connect(tmp_path / "a") as db:
        db.execute("CREATE TEMP TABLE mine AS SELECT 1 AS n")
        db.register("shown", pa.table({"n": [1]}))
        db.execute("SET TimeZone = 'America/New_York'")
    with engine.connect(tmp_path / "b") as db:
        for name in ("mine", "shown"):
            with pytest.raises(duckdb.CatalogException):
                db.execute(f"SELECT * FROM {name}")
        assert db.execute("SELECT current_setting('TimeZone')").fetchall() == [("UTC",)]


def test_two_jobs_at_once_have_an_engine_each(tmp_path):
    with engine.connect(tmp_path / "a") as one, engine.connect(tmp_path / "b") as other:
        for db, folder in ((one, "a"), (other, "b")):
            place = db.execute("SELECT current_setting('temp_directory')").fetchall()
            assert place == [(str(tmp_path / folder / "duckdb"),)]


def test_a_job_has_an_engine_that_is_set_up_as_it_asks_whichever_was_used_last(tmp_path):
    other = {"memory_limit": "64MB", "threads": "1", "error_on_division_by_zero": "false"}
    for options in (other, engine.USUAL, other, engine.USUAL):
        with engine.connect(tmp_path, options) as db:
            (told,) = db.execute("SELECT current_setting('threads'), current_setting('memory_limit')").fetchall()
            assert told == ((1, "61.0 MiB") if options is other else (engine.THREADS, "333.7 MiB"))


def test_a_file_that_was_written_again_is_read_again(tmp_path):
    file = tmp_path / "rows.parquet"
    for number in (1, 2):
        pq.write_table(pa.table({"n": [number]}), file)
        with engine.connect(tmp_path / "job") as db:
            assert db.execute(f"SELECT n FROM read_parquet('{file}')").fetchall() == [(number,)]


def test_what_is_too_large_is_spilled_below_the_job_s_own_folder_and_leaves_nothing(tmp_path):
    for name in ("a's", "b"):
        with engine.connect(tmp_path / name) as db:
            db.execute("SET memory_limit = '40MB'")
            db.execute("CREATE TEMP TABLE large AS SELECT hash(n) AS a, hash(n + 1) AS b FROM range(3_000_000) t(n)")
            spilled = [file for file in (tmp_path / name / "duckdb").iterdir() if "storage" in file.name]
            assert spilled
        assert not any(file.stat().st_size for file in tmp_path.rglob("*storage*"))
    with engine.connect(tmp_path / "c") as db:
        assert db.execute("SELECT current_setting('memory_limit')").fetchall() != [("38.1 MiB",)]


def test_a_forked_process_has_an_engine_of_its_own(tmp_path):
    with engine.connect(tmp_path / "parent") as db:
        db.execute("SELECT 1").fetchall()
    child = os.fork()
    if not child:
        with engine.connect(tmp_path / "child") as db:
            os._exit(0 if engine.number(db, "SELECT sum(n) FROM range(1_000_000) t(n)") == 499_999_500_000 else 1)
    assert os.waitpid(child, 0)[1] == 0
