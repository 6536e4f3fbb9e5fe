"""Engines that are kept between statements: each home has its own rows, also one that was removed and made again."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from segment_assets.road import open_instance
from segment_assets_tests.quick_storage import keep_engines

if TYPE_CHECKING:
    from pathlib import Path

keep_engines()
ASSET = dg.AssetKey("made")


@pytest.fixture(autouse=True)
def _nobody_is_at_home_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "")


def versions(home: Path) -> list[str | None]:
    with open_instance(home) as instance:
        found = instance.fetch_materializations(ASSET, limit=10).records
        return [record.asset_materialization.tags["version"] for record in found]


def make(home: Path, version: str) -> None:
    with open_instance(home) as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization(ASSET, tags={"version": version}))


def test_two_homes_of_one_process_hold_what_was_written_to_each(tmp_path: Path):
    make(tmp_path / "one", "1")
    make(tmp_path / "two", "2")
    make(tmp_path / "one", "3")
    assert versions(tmp_path / "one") == ["3", "1"]
    assert versions(tmp_path / "two") == ["2"]


def test_a_home_that_is_removed_and_made_again_begins_empty(tmp_path: Path):
    make(tmp_path / "home", "1")
    shutil.rmtree(tmp_path / "home")
    assert versions(tmp_path / "home") == []
    make(tmp_path / "home", "2")
    assert versions(tmp_path / "home") == ["2"]


def test_a_storage_keeps_its_engine_from_one_statement_to_the_next(tmp_path: Path):
    with open_instance(tmp_path / "home") as instance:
        engines = []
        for _ in range(2):
            with instance.event_log_storage.index_connection() as connection:
                engines.append(connection.engine)
    assert engines[0] is engines[1]
