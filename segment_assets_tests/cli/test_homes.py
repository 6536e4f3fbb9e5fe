"""Homes and ports that cannot be used, are empty or were moved: one sentence each, and nothing is made by asking."""

from __future__ import annotations

import shutil
import socket

import pytest
from click.testing import CliRunner

from segment_assets.cli import main
from segment_assets.road import open_instance

READING = [["status"], ["why", "--customer", "5"], ["verify"]]


def typed(home, *words):
    return CliRunner().invoke(main, list(words), env={"SEGMENT_ASSETS_HOME": str(home)})


@pytest.mark.parametrize("words", [["sandbox"], ["dev"], ["preview", "--destination", "meta", "--segment", "x"]])
def test_a_home_that_is_no_folder_is_named_with_what_to_do(words, tmp_path):
    (tmp_path / "home").write_text("a file")
    out = ["--out", str(tmp_path / "out")] if words[0] == "preview" else []
    done = typed(tmp_path / "home", *words, *out)
    assert (done.exit_code, "set SEGMENT_ASSETS_HOME" in done.output) == (1, True), done.output
    assert str(tmp_path / "home") in done.output


@pytest.mark.parametrize("words", READING, ids=lambda words: words[0])
def test_of_a_home_in_which_nothing_was_made_nothing_is_told_and_nothing_is_made_in_it(words, tmp_path):
    done = typed(tmp_path / "home", *words)
    assert (done.exit_code, "nothing was ever made here" in done.output) == (1, True), done.output
    assert not (tmp_path / "home").exists()


def test_a_port_that_somebody_else_listens_on_is_refused_before_anything_starts(tmp_path):
    with socket.socket() as theirs:
        theirs.bind(("127.0.0.1", 0))
        theirs.listen()
        port = theirs.getsockname()[1]
        done = typed(tmp_path, "dev", "--port", str(port))
    assert (done.exit_code, f"port {port} is in use; give another one" in done.output) == (1, True), done.output
    assert not (tmp_path / "sandbox").exists()


def test_a_home_that_was_moved_is_opened_though_the_link_in_it_leads_nowhere(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", "")
    (tmp_path / "a" / "home").mkdir(parents=True)
    with open_instance(tmp_path / "a" / "home"):
        pass
    shutil.move(tmp_path / "a" / "home", tmp_path / "home")
    link = tmp_path / "home" / "dagster" / "dagster.yaml"
    assert link.is_symlink()
    link.unlink()
    link.symlink_to("../gone/dagster.yaml")
    with open_instance(tmp_path / "home"):
        assert link.exists()
