"""Regions of an experiment: which rows make one, which orders are theirs, and the table that comes of it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest

from segment_assets.assets.geo_lift import geo_lift as geo_lift_asset
from segment_assets.assets.invariants import broken_invariants
from segment_assets.measurement.geo import Region, geo_lift
from segment_assets.measurement.geo_regions import GeoExperiment, geo_lift_rows, place_of, read_experiments
from segment_assets.resources.account_tables import LocalAccountTables
from segment_assets.resources.lake import LocalLake
from segment_assets.resources.landing import LocalLanding
from segment_assets.tables import CONVERSIONS, CUSTOMERS, GEO_LIFT

HEADER = "experiment,country,region,arm,before_from,first_day,last_day"
DAYS = (dt.date(2026, 10, 5), dt.date(2026, 10, 12), dt.date(2026, 10, 18))
TREATED, CONTROL = ("by", "be", "hh", "nw"), ("sn", "he", "ni", "bw")
# Purchases before and during the campaign.
BOUGHT = {"by": (20, 30), "be": (10, 14), "hh": (12, 19), "nw": (30, 44), "sn": (18, 18), "he": (11, 12), "ni": (25, 24),
          "bw": (16, 17)}  # fmt: skip
EXPERIMENT = GeoExperiment(
    "autumn", frozenset(("de", r) for r in TREATED), frozenset(("de", r) for r in CONTROL), *DAYS
)


def dataset(table: Any, rows: list[dict[str, Any]]) -> pa.Table:
    schema = pa.schema([field.with_nullable(nullable=True) for field in table.arrow_schema()])
    return pa.Table.from_pylist([dict.fromkeys(schema.names) | row for row in rows], schema)


def customers() -> pa.Table:
    typed = {"by": ("Germany", "Bavaria"), "sn": ("de", "Sachsen")}
    rows = []
    for region in BOUGHT:
        country, state = typed.get(region, ("DE", region.upper()))
        rows.append({"customer_id": region, "country": country, "state": state})
    return dataset(CUSTOMERS, [*rows, {"customer_id": "us", "country": "US", "state": "CA"}])


def orders(*, last: dt.date = DAYS[2], currency: str = "EUR") -> pa.Table:
    rows = []
    for region, (before, during) in {**BOUGHT, "us": (500, 9)}.items():
        days = [DAYS[0]] * before + [DAYS[1]] * (during - 1) + [last] if during else []
        rows += [{"customer_id": region, "date": day, "event_type": "purchase", "price": 10.0, "currency": currency} for day in days]  # fmt: skip
    rows += [{"customer_id": "by", "date": DAYS[1], "event_type": "lead"}] * 50
    return dataset(CONVERSIONS, rows)


def rows_of(tmp_path: Path, bought: pa.Table, experiment: GeoExperiment = EXPERIMENT) -> dict[str, dict[str, Any]]:
    found = geo_lift_rows(experiment, pads.dataset(customers()), pads.dataset(bought), {"EUR": 1.0}, tmp_path)
    assert broken_invariants(GEO_LIFT, pa.Table.from_pylist(found, GEO_LIFT.arrow_schema()), tmp_path) == {}
    return {row["metric"]: row for row in found}


def test_purchases_are_compared_by_region_however_it_was_typed(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, orders())
    expected = geo_lift([Region(*BOUGHT[region], treated=region in TREATED) for region in sorted(BOUGHT)])
    found = rows["purchases"]
    assert (found["treated_before"], found["treated_during"]) == (72, 107)
    assert (found["control_before"], found["control_during"]) == (70, 71)
    assert (found["relative_lift"], found["relative_lift_low"]) == pytest.approx(
        (expected.relative.value, expected.relative.low)
    )
    assert (found["state"], found["p_value"]) == ("measured", pytest.approx(2 / 70))
    assert rows["revenue_eur"]["treated_during"] == 1070


def test_an_order_without_a_rate_somewhere_else_hinders_no_experiment(tmp_path: Path) -> None:
    abroad = {"customer_id": "us", "date": DAYS[1], "event_type": "purchase", "price": 10.0, "currency": "USD"}
    rows = rows_of(tmp_path, pa.concat_tables([orders(), dataset(CONVERSIONS, [abroad])]))
    assert rows["revenue_eur"]["state"] == "measured"


def test_a_campaign_that_is_not_over_is_measured_by_the_days_that_are(tmp_path: Path) -> None:
    found = rows_of(tmp_path, orders(last=DAYS[1]))["purchases"]
    assert (found["state"], found["last_day"]) == ("running", DAYS[1])


@pytest.mark.parametrize(
    ("experiment", "bought", "states"),
    [
        (EXPERIMENT, dataset(CONVERSIONS, []), ("not_begun", "not_begun")),
        (EXPERIMENT, orders(currency="USD"), ("measured", "no_rate")),
        (GeoExperiment("small", frozenset([("de", "by")]), frozenset([("de", "sn")]), *DAYS), orders(), ("too_few_regions",) * 2),
        (GeoExperiment("empty", frozenset([("de", "by")]), frozenset([("fr", "")]), *DAYS), orders(), ("empty_region",) * 2),
    ],
)  # fmt: skip
def test_an_experiment_without_a_result_says_why(
    tmp_path: Path, experiment: GeoExperiment, bought: pa.Table, states: tuple[str, str]
) -> None:
    rows = rows_of(tmp_path, bought, experiment)
    assert (rows["purchases"]["state"], rows["revenue_eur"]["state"]) == states
    assert [row.get("relative_lift") is None for row in rows.values()] == [state != "measured" for state in states]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("e,de,by,treatment,2026-10-05,2026-10-12,soon", "not_a_day"),
        ("e,de,by,treatment,2026-10-12,2026-10-12,2026-10-18", "days_out_of_order"),
        ("e,de,by,test,2026-10-05,2026-10-12,2026-10-18", "not_an_arm"),
        ("e,de,Atlantis,treatment,2026-10-05,2026-10-12,2026-10-18", "not_a_region"),
        ("e,Germany,Saxony,treatment,2026-10-05,2026-10-12,2026-10-18", "region_twice"),
        ("e,de,by,treatment,2026-10-05,2026-10-12,2026-10-19", "other_days"),
        ("e,de,by,treatment,2026-10-05", "columns"),
    ],
)
def test_one_row_that_cannot_be_used_refuses_its_experiment_and_no_other(tmp_path: Path, row: str, reason: str) -> None:
    good = "2026-10-05,2026-10-12,2026-10-18"
    text = [HEADER, f"e,de,sn,control,{good}", row, f"other,fr,,treatment,{good}"]
    (tmp_path / "geo.csv").write_text("\n".join(text), encoding="utf-8")
    found = read_experiments([tmp_path / "geo.csv"])
    assert list(found.refused) == [f"geo.csv:3 {reason}"]
    assert {one.name for one in found.experiments} == {"other"}


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (f"{HEADER}\ne,de,by,treatment,2026-10-05,2026-10-12,2026-10-18\n\xff".encode("latin-1"), "b.csv:1 not_utf8"),
        (b"experiment,country,region,arm\ne,de,by,treatment", "b.csv:1 columns"),
        (f"{HEADER}\n,de,by,treatment,2026-10-05,2026-10-12,2026-10-18".encode(), "b.csv:2 empty"),
    ],
)
def test_a_region_that_may_belong_to_any_experiment_refuses_all_of_them(
    tmp_path: Path, other: bytes, reason: str
) -> None:
    good = "2026-10-05,2026-10-12,2026-10-18"
    rows = [HEADER, f"e,de,sn,control,{good}", f"e,de,be,treatment,{good}", f"f,fr,,control,{good}"]
    (tmp_path / "a.csv").write_text("\n".join(rows), encoding="utf-8")
    (tmp_path / "b.csv").write_bytes(other)
    found = read_experiments([tmp_path / "a.csv", tmp_path / "b.csv"])
    assert list(found.experiments) == []
    assert list(found.refused) == [reason, "a.csv:2 region_unread", "a.csv:4 region_unread"]


def test_an_empty_line_is_no_row(tmp_path: Path) -> None:
    row = "e,de,sn,control,2026-10-05,2026-10-12,2026-10-18"
    (tmp_path / "geo.csv").write_text(f"{HEADER}\n{row}\n\n,,,,,,\n", encoding="utf-8")
    found = read_experiments([tmp_path / "geo.csv"])
    assert ([one.name for one in found.experiments], list(found.refused)) == (["e"], [])


def test_a_file_of_another_kind_is_refused_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("day,amount\n1,2\n", encoding="utf-8")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe")
    found = read_experiments([tmp_path / "b.csv", tmp_path / "a.csv"])
    assert (list(found.experiments), list(found.refused)) == ([], ["a.csv:1 columns", "b.csv:1 not_utf8"])


def test_a_country_without_a_region_is_a_place_and_nonsense_is_none() -> None:
    assert place_of("France", "") == ("fr", "")
    assert place_of(None, "by") is None
    assert place_of("nowhere at all", "") is None


def test_the_asset_publishes_what_the_landed_files_ask(tmp_path: Path) -> None:
    folder = tmp_path / "landing" / "geo_experiments"
    folder.mkdir(parents=True)
    arms = [(region, "treatment" if region in TREATED else "control") for region in BOUGHT]
    lines = [f"autumn,DE,{region},{arm},2026-10-05,2026-10-12,2026-10-18" for region, arm in arms]
    (folder / "geo.csv").write_text("\n".join([HEADER, *lines, "bad,DE,by,none,1,2,3"]), encoding="utf-8")
    for name, rows in (("customers", customers()), ("conversions", orders())):
        place = tmp_path / "accounts" / "a" / name
        place.mkdir(parents=True)
        pq.write_table(rows, place / "part.parquet")
    lake = LocalLake(tmp_path / "lake")
    resources = {
        "lake": lake,
        "landing": LocalLanding(tmp_path / "landing" / "segments"),
        "accounts": LocalAccountTables(tmp_path / "accounts"),
        "workdir": tmp_path / "work",
    }
    with dg.DagsterInstance.ephemeral() as instance:
        run = dg.materialize([geo_lift_asset], instance=instance, resources=resources)
    assert all(check.passed for check in run.get_asset_check_evaluations())
    snapshot = lake.current("geo_lift", "all")
    assert [row["state"] for row in lake.dataset(snapshot).to_table().to_pylist()] == ["measured"] * 2
    assert snapshot.stats == {"refused_rows": 1}
