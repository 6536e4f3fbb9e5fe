"""The assets around the tables: what the last table tells of deliveries, the page that is written, and when."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

import dagster as dg
import pytest

from segment_assets.assets.dashboards import DASHBOARD, DELIVERIES_SHOWN, tables_of
from segment_assets.dashboard import PAGES
from segment_assets.definitions import build_definitions
from segment_assets.road import Road
from segment_assets_tests.insights.conftest import Insights, delivered

pytestmark = pytest.mark.slow

FIRST = {
    "audience": 100, "held_out": 10, "suppressed": 5, "no_consent": 20, "no_usable_key": 5, "wanted": 60, "adds": 60,
    "accepted": 50, "rejected": 4, "unproven": 6, "requests": 2,
}  # fmt: skip
SECOND = {
    "audience": 110, "held_out": 10, "suppressed": 6, "no_consent": 20, "no_usable_key": 5, "wanted": 69,
    "unchanged": 49, "known_refused": 4, "adds": 16, "accepted": 15, "unsent": 1, "requests": 1,
}  # fmt: skip
OPT_OUT = {"lane": "opt_out", "removes": 1, "removes_acknowledged": 1, "requests": 1}


@pytest.fixture(scope="module")
def summary(insights: Insights, road: Road) -> dict[str, Any]:
    delivered(insights.lake, [FIRST, SECOND, OPT_OUT])
    outcome = road.run(DELIVERIES_SHOWN.path)
    assert outcome.success, outcome.problems
    (row,) = insights.rows("delivery_summary", "all")
    return row


@pytest.fixture(scope="module")
def shown(summary: dict[str, Any], road: Road) -> dg.AssetMaterialization:
    outcome = road.run(DASHBOARD.path)
    assert outcome.success, outcome.problems
    return newest(road.instance)


def newest(instance: dg.DagsterInstance) -> dg.AssetMaterialization:
    return instance.get_latest_materialization_event(DASHBOARD).asset_materialization


def test_the_summary_accounts_for_everybody_of_the_last_audience(summary: dict[str, Any]) -> None:
    doors = ("held_out", "suppressed", "no_consent", "no_usable_key", "wanted")
    assert summary["audience"] == sum(summary[door] for door in doors) == 110
    parts = ("acknowledged", "refused", "unproven", "unsent", "taken_out")
    assert summary["wanted"] == sum(summary[name] for name in parts) == 69
    assert (summary["acknowledged"], summary["refused"], summary["taken_out"]) == (49 + 15 - 1, 4, 1)


def test_the_summary_sums_over_all_deliveries_of_both_lanes(summary: dict[str, Any]) -> None:
    assert (summary["deliveries"], summary["accepted_in_total"], summary["unproven_in_total"]) == (3, 65, 6)
    assert (summary["removed_in_total"], summary["requests_in_total"]) == (1, 4)
    assert summary["deliverable_share"] == pytest.approx(69 / 110)


def test_the_page_is_written_where_the_deployment_says(shown: dg.AssetMaterialization, road: Road) -> None:
    file = road.deployment.home / "dashboards" / "index.html"
    assert shown.metadata["file"].value == str(file)
    assert shown.metadata["page"].value == file.as_uri()
    text = file.read_text(encoding="utf-8")
    assert shown.tags["dagster/data_version"] == hashlib.sha256(text.encode()).hexdigest()
    assert "57 % of audience members are on their platform" in text
    assert {path.suffix for path in file.parent.iterdir()} == {".html"}


def test_the_previews_are_two_small_pictures(shown: dg.AssetMaterialization) -> None:
    pictures = re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]+)\)", shown.metadata["preview"].value)
    assert len(pictures) == 2
    for picture in map(base64.b64decode, pictures):
        assert picture.startswith(b"\x89PNG")
        assert 2_000 < len(picture) < 60_000


def test_planning_activation_and_measurement_are_pages_of_their_own_beside_it(
    shown: dg.AssetMaterialization, road: Road
) -> None:
    pages = [page for page in PAGES.values() if page.name != "road"]
    assert road.run(*(("dashboards", page.name) for page in pages)).success
    for page in pages:
        made = road.instance.get_latest_materialization_event(dg.AssetKey(["dashboards", page.name]))
        metadata = made.asset_materialization.metadata
        file = road.deployment.home / "dashboards" / page.file
        assert metadata["file"].value == str(file)
        text = file.read_text(encoding="utf-8")
        assert all(f'<section id="{part}"' in text for part in page.previews)
        assert 1 <= metadata["preview"].value.count("data:image/png;base64,") <= 2 or page.name == "measurement"


def test_a_page_is_made_from_exactly_the_assets_that_hold_what_it_shows(road: Road) -> None:
    graph = build_definitions(road.deployment).resolve_asset_graph()
    for page in PAGES.values():
        above = graph.get(dg.AssetKey(["dashboards", page.name])).parent_keys
        held = {graph.get(key).metadata["dagster/table_name"] for key in above}
        shown = {table.name for table in tables_of(page)} | ({"hashed_audience"} if page.deliveries else set())
        assert held == shown


def test_made_again_from_the_same_tables_the_page_is_the_same(shown: dg.AssetMaterialization, road: Road) -> None:
    assert road.run(DASHBOARD.path).success
    again = newest(road.instance)
    assert again.tags["dagster/data_version"] == shown.tags["dagster/data_version"]


def test_the_page_is_made_for_new_numbers_although_the_calendar_has_weeks_that_nobody_asked_for(road: Road) -> None:
    definitions = build_definitions(road.deployment)
    overlap = dg.AssetKey(["planning", "audience_overlap"])
    with dg.DagsterInstance.ephemeral() as instance:

        def asked(cursor=None):
            return dg.evaluate_automation_conditions(
                definitions, instance, dg.AssetSelection.assets(DASHBOARD), cursor=cursor
            )

        def made(key: dg.AssetKey, version: str, partition: str | None = None) -> None:
            tags = {"dagster/data_version": version}
            instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=partition, tags=tags))

        first = asked()
        assert first.total_requested == 0, "nothing was ever delivered"
        made(overlap, "1", "2026-10-05")
        made(DELIVERIES_SHOWN, "1")
        second = asked(first.cursor)
        assert second.total_requested == 1
        made(DASHBOARD, "1")
        third = asked(second.cursor)
        assert third.total_requested == 0
        made(overlap, "1", "2026-10-05")
        fourth = asked(third.cursor)
        assert fourth.total_requested == 0, "the same numbers again"
        made(overlap, "2", "2026-10-05")
        assert asked(fourth.cursor).total_requested == 1


def test_a_page_about_the_clean_room_waits_for_no_delivery_but_for_a_first_table(road: Road) -> None:
    definitions = build_definitions(road.deployment)
    page, overlap = dg.AssetKey(["dashboards", "planning"]), dg.AssetKey(["planning", "audience_overlap"])
    with dg.DagsterInstance.ephemeral() as instance:
        nothing = dg.evaluate_automation_conditions(definitions, instance, dg.AssetSelection.assets(page))
        assert nothing.total_requested == 0, "none of its tables was ever made"
        instance.report_runless_asset_event(
            dg.AssetMaterialization(overlap, partition="2026-10-05", tags={"dagster/data_version": "1"})
        )
        one = dg.evaluate_automation_conditions(
            definitions, instance, dg.AssetSelection.assets(page), cursor=nothing.cursor
        )
        assert one.total_requested == 1
