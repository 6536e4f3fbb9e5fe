"""What platforms made of our audiences: ranges, minimums, the last answer of a day, and nothing invented."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from segment_assets.assets.activation_tables import (
    audience_flow,
    match_rate_trend,
    optout_latency,
    segment_size_by_destination,
    size_row,
)
from segment_assets.assets.experiments import hold_outs
from segment_assets.assets.insights import delivery_summary
from segment_assets.assets.invariants import broken_invariants
from segment_assets.delivery.errands import Errand
from segment_assets.delivery.guards import GuardRails
from segment_assets.delivery.ledger import Pair
from segment_assets.delivery.run import DeliveryRoom
from segment_assets.delivery.wanted import Wanted
from segment_assets.plan import load_plan
from segment_assets.resources.lake import LocalLake
from segment_assets.resources.metrics import Dimension, Metric, NoMetrics, checked
from segment_assets.resources.query_usage import Usage, carrying
from segment_assets.resources.warehouse import LocalWarehouse
from segment_assets.tables import (
    AUDIENCE_FLOW,
    AUDIENCE_SIZES,
    DELIVERY_SUMMARY,
    MATCH_RATE_TREND,
    OPTOUT_LATENCY,
    SEGMENT_SIZE_BY_DESTINATION,
)
from segment_assets_tests.fakes import (
    CONTRACT,
    FakeDestination,
    FakePlatform,
    digest,
    person,
    publish_audience,
    publish_suppressions,
)
from segment_assets_tests.insights.conftest import delivered


def answer(day: int, hour: int, low: int | None, high: int | None, **more: Any) -> dict[str, Any]:
    told = {"destination": "meta", "account": "1001", "segment": "list", "state": "ready", "acknowledged": 2000}
    return (
        told
        | {"asked_at": dt.datetime(2026, 11, day, hour, tzinfo=dt.UTC), "size_lower": low, "size_upper": high}
        | more
    )


@pytest.fixture
def lake(tmp_path: Path) -> LocalLake:
    made = LocalLake(tmp_path / "lake")
    delivered(made, [{"wanted": 2000, "unchanged": 1500, "accepted": 500, "audience": 2000}])
    answers = [
        answer(3, 6, 900, 1000), answer(3, 18, 1000, 1100), answer(5, 6, 800, 900),
        answer(5, 6, None, None, segment="small", acknowledged=50, state="too_small"),
    ]  # fmt: skip
    schema = AUDIENCE_SIZES.arrow_schema()
    writer = made.writer(AUDIENCE_SIZES.name, "meta")
    writer.write(pa.Table.from_pylist([dict.fromkeys(schema.names) | row for row in answers], schema))
    writer.publish({})
    return made


def made(lake: LocalLake, folder: Path, asset: dg.AssetsDefinition, name: str) -> list[dict[str, Any]]:
    resources = {
        "lake": lake,
        "workdir": folder,
        "warehouse": LocalWarehouse(folder),
        "plan": load_plan(),
        "metrics": NoMetrics(),
    }
    result = dg.materialize([asset], resources=resources)
    assert all(check.passed for check in result.get_asset_check_evaluations())
    snapshot = lake.current(name, "all")
    assert snapshot is not None
    return lake.dataset(snapshot).to_table().to_pylist()


def test_the_last_answer_of_a_day_counts_and_is_compared_with_the_day_before(lake: LocalLake, tmp_path: Path) -> None:
    rows = made(lake, tmp_path / "work", match_rate_trend, MATCH_RATE_TREND.name)
    told = [(row["asked_on"].day, row["match_rate_low"], row["match_rate_high"], row["change_low"]) for row in rows]
    assert told == [(3, 0.5, 0.55, None), (5, 0.4, 0.45, pytest.approx(-0.1)), (5, None, None, None)]


def test_everybody_of_an_audience_is_at_one_door(lake: LocalLake, tmp_path: Path) -> None:
    [summary] = made(lake, tmp_path / "work", delivery_summary, DELIVERY_SUMMARY.name)
    rows = made(lake, tmp_path / "work", audience_flow, AUDIENCE_FLOW.name)
    assert [row["place"] for row in rows] == list(range(1, 10))
    assert {row["door"]: row["people"] for row in rows} == {row["door"]: summary[row["door"]] for row in rows}
    assert sum(row["people"] for row in rows) == summary["audience"] > 0


@pytest.mark.parametrize(
    ("later", "acknowledged", "unproven", "taken_out"),
    [
        ([("opt_out", 3, 0)], 47, 10, 3),
        ([("opt_out", 3, 0), ("opt_out", 0, 2)], 45, 10, 5),
        ([("opt_out", 55, 0)], 0, 5, 55),
        ([("opt_out", 3, 0), ("withdrawal", 60, 0)], 0, 0, 60),
    ],
)
def test_who_was_taken_out_since_the_last_delivery_is_not_on_the_platform(
    later: list[tuple[str, int, int]], acknowledged: int, unproven: int, taken_out: int, tmp_path: Path
) -> None:
    lake = LocalLake(tmp_path / "lake")
    sent = {"audience": 60, "wanted": 60, "accepted": 50, "unproven": 10}
    earlier = {"lane": "opt_out", "removes": 9, "removes_acknowledged": 9}
    leaving = [
        {"lane": lane, "removes": known + open_, "removes_acknowledged": known, "removes_unproven": open_}
        for lane, known, open_ in later
    ]
    delivered(lake, [earlier, sent, *leaving])
    delivered(lake, [{"account": "2002", **sent}], "meta/2002/list")
    [summary, other] = made(lake, tmp_path / "work", delivery_summary, DELIVERY_SUMMARY.name)
    rows = made(lake, tmp_path / "work", audience_flow, AUDIENCE_FLOW.name)
    told = {row["door"]: row["people"] for row in rows if row["account"] == "1001"}
    assert (told["acknowledged"], told["unproven"], told["taken_out"]) == (acknowledged, unproven, taken_out)
    assert (summary["acknowledged"], summary["removed_in_total"]) == (acknowledged, 9 + sum(row[1] for row in later))
    assert (other["acknowledged"], other["unproven"], other["taken_out"]) == (50, 10, 0)


def test_an_error_in_one_audience_is_not_made_good_by_anothers(tmp_path: Path) -> None:
    def audience(account: str, people: int) -> dict[str, Any]:
        return {"destination": "meta", "account": account, "segment": "list", "place": 1, "door": "unsent",
                "people": people, "audience": 10}  # fmt: skip

    for counted, broken in (((9, 11), 1), ((10, 10), 0)):
        rows = [audience(str(number), people) for number, people in enumerate(counted)]
        table = pa.Table.from_pylist(rows, AUDIENCE_FLOW.arrow_schema())
        assert len(broken_invariants(AUDIENCE_FLOW, table, tmp_path)) == broken


class Paid(LocalWarehouse):
    """Answers as a warehouse that asks money for it."""

    is_reused = False

    def select(self, sql: str, sources: Any, schema: pa.Schema) -> pa.Table:
        usage = Usage("query-1", 7_000, 0.5, 2.0, self.is_reused, None)
        return carrying(LocalWarehouse.select(self, sql, sources, schema), usage)


class Again(Paid):
    is_reused = True


@pytest.mark.parametrize("asset", [match_rate_trend, segment_size_by_destination, delivery_summary, hold_outs])
@pytest.mark.parametrize(("warehouse", "paid"), [(Paid, [7_000]), (Again, [])])
def test_what_a_query_read_is_a_metric_once_and_stands_with_the_table(lake, tmp_path, asset, warehouse, paid) -> None:
    told = []

    class Metrics:
        def put(self, values: Any, dimensions: Any) -> None:
            checked(values, dimensions)
            told.append((values[Metric.BYTES_SCANNED], dimensions[Dimension.QUERY]))

    folder = tmp_path / "work"
    resources = {"lake": lake, "workdir": folder, "warehouse": warehouse(folder), "metrics": Metrics()}
    [event] = dg.materialize([asset], resources=resources).get_asset_materialization_events()
    assert event.materialization.metadata["query_scanned_bytes"].value == 7_000
    assert told == [(number, asset.key.path[-1]) for number in paid]


def test_a_segment_stands_beside_the_minimum_of_its_platform(lake: LocalLake, tmp_path: Path) -> None:
    [row] = made(lake, tmp_path / "work", segment_size_by_destination, SEGMENT_SIZE_BY_DESTINATION.name)
    assert (row["wanted"], row["acknowledged"], row["size_low"], row["size_high"]) == (2000, 2000, 800, 900)
    assert row["asked_at"] == dt.datetime(2026, 11, 5, 6, tzinfo=dt.UTC)
    assert row["verdict"] == "served"


@pytest.mark.parametrize(
    ("low", "high", "acknowledged", "verdict", "missing"),
    [
        (1000, 1100, 2000, "served", None),
        (999, 1000, 2000, "perhaps", None),
        (900, 999, 2000, "too_small", 1),
        (None, None, 999, "too_small", 1),
        (None, None, 1000, "not_told", None),
    ],
)
def test_a_range_around_the_minimum_decides_only_what_it_can(low, high, acknowledged, verdict, missing) -> None:
    row = {"destination": "x", "account": "1", "segment": "s", "wanted": 2000, "acknowledged": acknowledged}
    found = size_row(row, {"size_lower": low, "size_upper": high}, 1000)
    assert (found["verdict"], found["missing"]) == (verdict, missing)


def test_an_opt_out_counts_from_its_request_to_the_end_of_the_delivery_that_took_the_person_out(tmp_path: Path) -> None:
    lake, platform, work = LocalLake(tmp_path / "lake"), FakePlatform(), tmp_path / "work"
    pair = Pair(load_plan().tenant, "fake", "one", "list")

    def deliver(suppressions: Any) -> None:
        audience = publish_audience(lake, "list", [person("a", email="a@x"), person("b", email="b@x")])
        errand = Errand(pair, Wanted(CONTRACT, CONTRACT.forms()), "seg", {}, GuardRails(1.0), b"key")
        DeliveryRoom(lake, FakeDestination(), platform, workdir=work, clock=time.time).run(
            errand, audience, suppressions
        )

    deliver(None)
    said_no = publish_suppressions(lake, [("email", digest("a@x"))])
    [waiting] = made(lake, work, optout_latency, OPTOUT_LATENCY.name)
    deliver(said_no)
    [done] = made(lake, work, optout_latency, OPTOUT_LATENCY.name)
    assert (waiting["waiting"], waiting["taken_out"], waiting["in_time_share"]) == (1, 0, None)
    assert (done["waiting"], done["taken_out"], done["in_time"]) == (0, 1, 0)
    requested = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    assert done["slowest_hours"] == pytest.approx((dt.datetime.now(dt.UTC) - requested).total_seconds() / 3600, abs=0.1)
