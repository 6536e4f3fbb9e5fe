"""What a killed process leaves is removed by the next start, and what a living one needs is not."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from segment_assets import processes

if TYPE_CHECKING:
    from pathlib import Path

# Writes aside in the lake and in the clean room's results, spills, says its mark, and is killed without a word.
VICTIM = """
import os, pathlib, signal, sys
from segment_assets import processes
from segment_assets.resources.lake import LocalLake
home = pathlib.Path(sys.argv[1])
LocalLake(home / "lake").writer("suppressions", "all")
(home / "clean_room_results" / processes.aside("unfinished")).mkdir(parents=True)
(processes.workdir(home) / "clean-room-x").mkdir(parents=True)
print(processes.process_mark(), flush=True)
os.kill(os.getpid(), signal.SIGKILL if sys.argv[2] == "killed" else 0)
"""


def ended(home: Path, how: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", VICTIM, str(home), how], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == (-9 if how == "killed" else 0), done.stderr
    return done.stdout.strip()


def everything(home: Path) -> set[str]:
    return {path.name for path in home.rglob("*") if path.name.startswith(".") or path.parent.name == "work"}


def test_what_a_killed_process_left_is_cleared_and_the_own_is_not(tmp_path: Path):
    mine = tmp_path / "lake" / "tables" / "suppressions" / "all" / processes.aside("staging")
    mine.mkdir(parents=True)
    processes.workdir(tmp_path).mkdir(parents=True)
    mark = ended(tmp_path, "killed")
    assert not processes.is_alive(mark)
    assert len(everything(tmp_path)) == 2 + 3

    assert processes.clear_leftovers(tmp_path) == 3
    assert everything(tmp_path) == {mine.name, processes.process_mark()}
    assert processes.clear_leftovers(tmp_path) == 0


def test_a_process_that_ends_by_itself_takes_its_scratch_folder_with_it(tmp_path: Path):
    ended(tmp_path, "by itself")
    assert not list((tmp_path / "work").iterdir())


def test_a_number_that_another_process_has_by_now_is_not_the_old_process():
    pid, _, started = processes.process_mark().partition("-")
    assert processes.is_alive(f"{pid}-{started}")
    assert not processes.is_alive(f"{pid}-{int(started) - 1}")


@pytest.mark.parametrize("mark", [None, "", "preview", "duckdb", "-5"])
def test_what_is_no_mark_belongs_to_nobody(mark: str | None):
    assert not processes.is_alive(mark)


def test_a_lock_that_is_held_is_refused_until_a_child_that_was_given_it_has_ended(tmp_path: Path):
    file = tmp_path / "folder" / "one.lock"
    with processes.only_one(file) as held:
        assert held is not None
        with processes.only_one(file) as second:
            assert second is None
        child = subprocess.Popen(["sleep", "60"], pass_fds=[held.fileno()])
    with processes.only_one(file) as second:
        assert second is None
    child.kill()
    child.wait()
    with processes.only_one(file) as again:
        assert again is not None


def test_nothing_to_clear_where_there_is_no_home(tmp_path: Path):
    assert processes.clear_leftovers(tmp_path / "nowhere") == 0
    assert not list(tmp_path.iterdir())
