"""The insight SQL on tables made by hand: boundaries, empty results, and a dialect that is translated faithfully."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from segment_assets import collaboration, queries
from segment_assets.assets.insights import WEEKLY, WeeklyInsight
from segment_assets.privacy.complementary_rows import MINIMUM
from segment_assets.sandbox.world.orders import BANDS
from segment_assets.tables import AUDIENCE_FLOW, DELIVERY_SUMMARY, HOLD_OUTS, MATCH_RATE_TREND, TABLES
from segment_assets_tests.insights.by_hand import BY_TABLE, MONDAY, answered

ATHENA = [name for folder in ("planning", "measurement", "activation") for name in queries.names(folder)]


def people(count: int, **columns: object) -> list[dict[str, object]]:
    name = "-".join(str(value) for value in columns.values())
    return [{"email_sha256": f"{name}-{n}", **columns} for n in range(count)]


def test_every_query_is_the_one_of_a_table() -> None:
    weekly = {insight.table.query for insight in WEEKLY} - {""}
    ledger = {table.query for table in (AUDIENCE_FLOW, DELIVERY_SUMMARY, HOLD_OUTS, MATCH_RATE_TREND)}
    assert set(ATHENA) == weekly | ledger
    assert weekly <= {"/".join(insight.key) for insight in WEEKLY}


@pytest.mark.parametrize("others", [0, 1, 99, 100, 101])
def test_a_band_is_withheld_where_it_would_tell_about_fewer_than_a_hundred_others(tmp_path: Path, others: int) -> None:
    rows = answered(
        tmp_path,
        "value_bands",
        {
            "conversions": people(150 + others, price_band="25-50"),
            "overlap_by_price_band": [{"price_band": "25-50", "matched_converters": 150}],
        },
    )
    (band,) = (row for row in rows if row["price_band"] == "25-50")
    assert band["converters"] == 150 + others
    assert band["matched_converters"] == (150 if others >= 100 else None)
    assert band["below_threshold"] == (others < 100)


@pytest.mark.parametrize("others", [0, 99, 100])
def test_the_reach_is_withheld_where_it_would_tell_about_few_who_were_not_reached(tmp_path: Path, others: int) -> None:
    given = {
        "customers": people(400 + others, country="DE"),
        "customer_reach": [{"exposed_customers": 400}],
        "matched_customers": [{"matched_customers": 150}],
    }
    told = others >= 100
    (row,) = answered(tmp_path, "audience_overlap", given)
    assert (row["exposed_customers"], row["matched_converters"]) == (400 if told else None, 150)
    assert row["conversion_rate"] == (pytest.approx(150 / 400) if told else None)
    assert row["overlap_rate"] == (pytest.approx(400 / (400 + others)) if told else None)
    assert row["below_threshold"] is not told
    (everybody,) = answered(tmp_path, "reach_by_campaign_channel", given)
    assert (everybody["reached_customers"], everybody["below_threshold"]) == (400 if told else None, not told)


@pytest.mark.parametrize(("hidden", "others"), [(0, 100), (1, 100), (99, 100), (100, 100), (0, 3), (100, 99)])
def test_no_share_tells_how_many_people_are_in_withheld_frequencies_or_were_not_reached(
    tmp_path: Path, hidden: int, others: int
) -> None:
    rows = answered(
        tmp_path,
        "reach_frequency",
        {
            "exposure_frequency": [{"frequency": 1, "people": 300, "impressions": 300, "converters": 30}],
            "customer_reach": [{"exposed_customers": 300 + hidden}],
            "customers": people(300 + hidden + others, country="DE"),
        },
    )
    assert len(rows) == 10
    assert rows[0]["people"] == 300
    expected = None if 0 < hidden < 100 or others < 100 else pytest.approx(300 / (300 + hidden))
    assert rows[0]["reach_share"] == expected


@pytest.mark.parametrize(("hidden", "bound"), [(0, 0), (1, 100), (99, 100), (100, 100), (250, 250)])
def test_the_bounds_of_reach_tell_no_number_of_a_small_withheld_group(tmp_path: Path, hidden: int, bound: int) -> None:
    only = dict.fromkeys(("audio", "ctv", "display", "olv", "social"), 0) | {"ctv": 1, "people": 300}
    rows = answered(
        tmp_path,
        "incremental_reach",
        {"exposure_sets": [only], "customer_reach": [{"exposed_customers": 300 + hidden}]},
    )
    ctv = next(row for row in rows if row["channel"] == "ctv")
    assert (ctv["reached_at_least"], ctv["reached_at_most"]) == (300, 300 + bound)
    assert ctv["incremental_share_low"] == pytest.approx(300 / (300 + bound))


def test_the_bounds_of_reach_tell_nobody_of_the_few_who_were_not_reached(tmp_path: Path) -> None:
    only = dict.fromkeys(("audio", "ctv", "display", "olv", "social"), 0) | {"ctv": 1, "people": 300}
    given = {"exposure_sets": [only], "customer_reach": [{"exposed_customers": 997}]}
    rows = answered(tmp_path, "incremental_reach", given | {"customers": people(1000, country="DE")})
    assert [row["reached_at_most"] for row in rows if row["channel"] == "ctv"] == [1000]


def test_a_campaign_that_reached_all_but_a_few_customers_is_withheld(tmp_path: Path) -> None:
    campaigns = {"brand": 9997, "sale": 9900}
    rows = answered(
        tmp_path,
        "reach_by_campaign_channel",
        {
            "customers": people(10_000, country="DE"),
            "campaign_reach": [
                {"campaign_id": name, "channel": "ctv", "reached_customers": reached, "impressions": 20_000}
                for name, reached in campaigns.items()
            ],
        },
    )
    told = {row["campaign_id"]: (row["reached_customers"], row["impressions"], row["below_threshold"]) for row in rows}
    assert (told["brand"], told["sale"]) == ((None, None, True), (9900, 20_000, False))


@pytest.mark.parametrize(("reached", "told"), [(2900, 2900), (2901, None), (2997, None), (3000, 3000), (3001, 3001)])
def test_a_campaign_that_all_but_a_few_of_the_reached_saw_is_withheld(
    tmp_path: Path, reached: int, told: int | None
) -> None:
    """3000 of 5000 customers were reached: 2997 by one campaign would tell of three who saw only others."""
    campaign = {"campaign_id": "brand", "channel": "ctv", "reached_customers": reached, "impressions": 9000}
    given = {
        "customers": people(5000, country="DE"),
        "customer_reach": [{"exposed_customers": 3000}],
        "campaign_reach": [campaign],
    }
    everybody, brand = answered(tmp_path, "reach_by_campaign_channel", given)
    assert (everybody["reached_customers"], brand["reached_customers"]) == (3000, told)
    assert brand["impressions"] == (None if told is None else 9000)


@pytest.mark.parametrize(
    ("converters", "seen", "told"),
    [
        (2000, 900, (900, 0.9)), (2000, 901, (None, None)), (2000, 999, (None, None)), (2000, 1000, (1000, 1.0)),
        # Of 1,099 converters the 99 who were not matched would follow from any share, and 1,000 from no number.
        (1099, 900, (900, None)), (1100, 900, (900, 0.9)), (1000, 950, (None, None)), (999, 900, (None, None)),
    ],
)  # fmt: skip
def test_a_creative_that_all_but_a_few_converters_saw_is_withheld(
    tmp_path: Path, converters: int, seen: int, told: tuple[int | None, float | None]
) -> None:
    given = {
        "conversions": people(converters, price_band="25-50"),
        "overlap": [{"matched_converters": 1000}],
        "overlap_by_creative": [{"creative_id": "cr1", "matched_converters": seen}],
    }
    (row,) = answered(tmp_path, "creative_overlap", given)
    assert (row["matched_converters"], row["share_of_matched"]) == told
    assert row["below_threshold"] is (told[0] is None)


def profile(tmp_path: Path, matched: dict[str, int], total: int | None, exposed: int = 5000) -> dict[str, tuple]:
    base = [{"email_sha256": f"{country}{n}", "birth_country": country} for country in matched for n in range(900)]
    rows = answered(
        tmp_path,
        "audience_profile_index",
        {
            "customers": [*base, *({"email_sha256": f"IT{n}", "birth_country": "IT"} for n in range(900))],
            "audience_by_birth_country": [
                {"birth_country": country, "matched_converters": people} for country, people in matched.items()
            ],
            "matched_customers": [{"matched_customers": total}] if total else [],
            "customer_reach": [{"exposed_customers": exposed}],
        },
    )
    return {row["attribute_value"]: (row["matched_converters"], row["matched_share"] is not None) for row in rows}


def test_a_withheld_country_is_not_what_the_others_leave_of_all_matched_converters(tmp_path: Path) -> None:
    told = {"DE": 400, "FR": 300, "SE": 120}
    nobody = (None, False)
    assert profile(tmp_path, told, 820) == {name: (n, True) for name, n in told.items()} | {"IT": nobody}
    # 90 Italians: 210 with the Swedes. 60: 180 with them, of whom 120 at least are Swedes.
    assert profile(tmp_path, told, 910) == {"DE": (400, True), "FR": (300, True), "SE": nobody, "IT": nobody}
    assert profile(tmp_path, told, 880) == {"DE": (400, True), "FR": nobody, "SE": nobody, "IT": nobody}


def test_no_share_of_converters_tells_a_total_that_is_withheld(tmp_path: Path) -> None:
    assert profile(tmp_path, {"DE": 400, "FR": 300}, 700, exposed=799)["DE"] == (400, False)
    assert profile(tmp_path, {"DE": 400, "FR": 300}, 700, exposed=800)["DE"] == (400, True)


@pytest.mark.parametrize("others", [0, 99, 100])
def test_a_profile_cell_is_withheld_where_it_would_tell_about_few_others(tmp_path: Path, others: int) -> None:
    (row,) = answered(
        tmp_path,
        "audience_profile_index",
        {
            "customers": people(120 + others, birth_country="SE"),
            "audience_by_birth_country": [{"birth_country": "SE", "matched_converters": 120}],
            "matched_customers": [{"matched_customers": 120}],
        },
    )
    assert row["below_threshold"] == (others < 100)
    assert row["affinity_index"] == (pytest.approx(100) if others >= 100 else None)


def test_the_smallest_group_of_the_queries_is_the_strictest_of_the_collaboration() -> None:
    minimums = re.findall(r'"minimum": (\d+)', json.dumps(collaboration.document()))
    guarded = (
        "value_bands",
        "audience_profile_index",
        "audience_overlap",
        "reach_by_campaign_channel",
        "reach_frequency",
        "net_new_reach",
        "new_to_brand",
    )
    strictest = max(int(number) for number in minimums)
    for table in guarded:
        said = re.findall(r">= (\d+)(?: THEN|\n)", queries.read("/".join(BY_TABLE[table].key)))
        assert {int(number) for number in said} == {strictest}, table
    assert strictest == MINIMUM
    assert f"BETWEEN 1 AND {strictest - 1} THEN {strictest}" in queries.read("measurement/incremental_reach")


def test_a_week_without_any_result_still_has_every_band_and_says_that_they_are_withheld(tmp_path: Path) -> None:
    rows = answered(tmp_path, "value_bands", {})
    assert [row["price_band"] for row in rows] == [*(band for band, _ in BANDS), "without price"]
    assert [(row["converters"], row["matched_converters"], row["below_threshold"]) for row in rows] == [
        (0, None, True)
    ] * len(rows)


def test_a_band_that_the_query_does_not_list_is_shown_after_the_others(tmp_path: Path) -> None:
    rows = answered(tmp_path, "value_bands", {"conversions": people(3, price_band="1000+")})
    assert (rows[-1]["price_band"], rows[-1]["converters"]) == ("1000+", 3)


def test_a_creative_that_only_the_shop_knows_is_shown_as_withheld(tmp_path: Path) -> None:
    rows = answered(
        tmp_path,
        "creative_overlap",
        {
            "conversions": people(2, creative_id="cr_new"),
            "overlap_by_creative": [{"creative_id": "cr_seen", "matched_converters": 150}],
            "overlap": [{"matched_converters": 600}],
        },
    )
    shown = {row["creative_id"]: (row["matched_converters"], row["share_of_matched"]) for row in rows}
    assert shown == {"cr_seen": (150, 0.25), "cr_new": (None, None)}


def test_reach_without_any_result_is_one_row_that_is_withheld(tmp_path: Path) -> None:
    (row,) = answered(tmp_path, "reach_by_campaign_channel", {"customers": people(5, country="DE")})
    assert (row["campaign_id"], row["reached_customers"], row["below_threshold"]) == ("(all)", None, True)


def test_two_customer_records_of_one_person_are_one_person_of_the_base(tmp_path: Path) -> None:
    twice = [*people(300, birth_country="SE"), *people(300, birth_country="SE")]
    (row,) = answered(tmp_path, "audience_profile_index", {"customers": twice})
    assert (row["base_people"], row["base_share"]) == (300, 1.0)


def test_people_without_an_email_are_no_journey() -> None:
    """All of them together would be one person who saw everything and never bought."""
    sql = queries.render(
        queries.read("clean_room/channel_steps"), {"week_start": MONDAY, "week_end": MONDAY + dt.timedelta(days=7)}
    )
    seen = [(None, "ctv"), (None, "olv"), ("a", "ctv"), ("b", "ctv"), ("b", "olv")]
    values = ", ".join(
        f"({email!r}, '{channel}', DATE '{MONDAY}', TIMESTAMP '{MONDAY} 10:00:0{n}', 'i{n}')".replace("None", "NULL")
        for n, (email, channel) in enumerate(seen)
    )
    with duckdb.connect() as db:
        columns = "email_sha256, channel, date, event_time, impression_id"
        db.execute(f"CREATE TABLE impressions_journeys AS SELECT * FROM (VALUES {values}) AS v ({columns})")
        bought = f"SELECT 'b' AS email_sha256, DATE '{MONDAY}' AS date, TIMESTAMP '{MONDAY} 12:00:00' AS event_time"
        db.execute(f"CREATE TABLE conversions_journeys AS {bought}")
        rows = db.execute(sqlglot.transpile(sql, read="spark", write="duckdb")[0]).fetchall()
    told = {row[:2]: row[2:] for row in rows if row[2]}
    assert told == {(None, "ctv"): (2, 2, 0, 1), ("ctv", "olv"): (1, 1, 1, 0)}
    assert all(not any(counts) for before, channel, *counts in rows if (before, channel) not in told)


@pytest.mark.parametrize("name", ATHENA)
def test_a_query_keeps_to_the_subset_that_both_engines_read_alike(name: str) -> None:
    """Trino divides integers to an integer and DuckDB does not; the other two are translated wrongly or not known."""
    tree = sqlglot.parse_one(queries.read(name).replace(":reporting_week", "DATE '2026-10-05'"), read="athena")
    assert not list(tree.find_all(exp.DayOfWeek, exp.DayOfWeekIso, exp.DateAdd, exp.AnyValue))
    assert not any(group.args.get("all") for group in tree.find_all(exp.Group))
    for division in tree.find_all(exp.Div):
        casts = [cast for cast in division.find_all(exp.Cast) if cast.to.this is exp.DataType.Type.DOUBLE]
        doubles = [column for column in division.find_all(exp.Column) if column.name.endswith("_share")]
        assert casts or doubles, division.sql()


@pytest.mark.parametrize("insight", WEEKLY, ids=lambda insight: insight.table.name)
def test_reach_and_people_are_marked_as_not_additive(insight: WeeklyInsight) -> None:
    counted = {"customers", "converters", "people", "reached_customers"}
    for column in insight.table.columns:
        if column.type.value == "bigint" and any(word in column.name for word in counted):
            assert "never add up" in column.description, column.name


@pytest.mark.parametrize("insight", WEEKLY, ids=lambda insight: insight.table.name)
def test_a_weekly_table_holds_nothing_that_says_something_about_a_person(insight: WeeklyInsight) -> None:
    assert TABLES[insight.table.name] is insight.table
    assert {column.pii.value for column in insight.table.columns} == {"none"}
