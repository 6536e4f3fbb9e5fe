"""The chart library is bundled once for all processes of a user, and a folder that cannot be written costs only time."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from segment_assets.dashboard.library import chart_library

if TYPE_CHECKING:
    from pathlib import Path


class Bundler:
    """Stands for vl_convert, whose bundling takes three seconds."""

    def __init__(self) -> None:
        self.asked = 0

    def javascript_bundle(self, _snippet: None) -> str:
        self.asked += 1
        return "let vega = 'ä'"


@pytest.fixture
def bundler(monkeypatch: pytest.MonkeyPatch) -> Bundler:
    one = Bundler()
    monkeypatch.setitem(sys.modules, "vl_convert", one)
    return one


def in_another_process() -> str:
    """What a process gets that has not drawn before."""
    chart_library.cache_clear()
    return chart_library()


@pytest.fixture(autouse=True)
def _nothing_is_remembered():
    yield
    chart_library.cache_clear()


def test_the_library_is_bundled_once_and_kept_for_the_next_process(bundler, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert {in_another_process() for _ in range(3)} == {"let vega = 'ä'"}
    assert bundler.asked == 1
    assert [file.name.startswith("vega-") for file in tmp_path.rglob("*") if file.is_file()] == [True]


def test_where_nothing_can_be_kept_every_process_bundles_for_itself(bundler, tmp_path: Path, monkeypatch):
    no_folder = tmp_path / "file"
    no_folder.write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(no_folder))
    assert {in_another_process() for _ in range(2)} == {"let vega = 'ä'"}
    assert bundler.asked == 2
