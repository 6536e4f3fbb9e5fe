"""Tables on viewers, inventory and publishers made by hand, and invariants that fail when a number is wrong."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from segment_assets.assets.invariants import broken_invariants
from segment_assets.measurement.reach import fit_reach_curve
from segment_assets.tables import TABLES
from segment_assets_tests.insights.by_hand import MONDAY, Given, answered, made

Row = dict[str, Any]


def journey(kind: str, *parts: str | None, people: int, conversions: int = 30) -> Row:
    named = {f"part_{n}": part for n, part in enumerate([*parts, *[None] * 5][:5], 1)}
    return {"kind": kind, **named, "people": people, "conversions": conversions}


def viewers(kind: str, *parts: str | None, people: int, known: int = 0, **counted: int) -> Row:
    named = {f"part_{n}": part for n, part in enumerate([*parts, None, None][:2], 1)}
    row = {"impressions": 2 * people, "converters": 30, "buyers": 0, "earlier_buyers": 0}
    return {"kind": kind, **named, "people": people, "known_people": known, **row, **counted}


def inventory(channel: str, *newly: int | None, impressions: int = 1000) -> list[Row]:
    days = [MONDAY + dt.timedelta(days=n) for n in range(len(newly))]
    counted = {"impressions": impressions + 100, "addressable_impressions": impressions, "matched_impressions": 400}
    return [
        {"channel": channel, "day": day, **counted, "people": 500, "newly_reached": new}
        for day, new in zip(days, newly, strict=True)
    ]


DAYS = [journey("days", str(day), people=people, conversions=won) for day, people, won in (
    (0, 100, 40), (1, 110, 30), (2, 120, 20), (3, 130, 30), (4, 140, 30), (5, 150, 30), (6, 250, 25),
)]  # fmt: skip
GIVEN: Given = {
    "journey_groups": [
        journey("all", people=1000, conversions=205),
        journey("path", "ctv", people=500, conversions=100),
        journey("path", "ctv", "olv", "ctv", "olv", "(more)", people=200, conversions=45),
        journey("path", "(other)", people=300, conversions=60),
        *DAYS,
    ],
    "viewer_groups": [
        viewers("all", people=1000, known=400, buyers=500, earlier_buyers=250),
        viewers("channel", "ctv", people=700, known=650, buyers=180, earlier_buyers=100),
        viewers("channel", "display", people=800, known=300, buyers=250, earlier_buyers=110),
        viewers("channel", "olv", people=300, known=99, buyers=99, earlier_buyers=0),
        viewers("country", "DE", people=600),
        viewers("region", "DE", None, people=200),
        viewers("hour", "20", people=400),
        viewers("device", "ctv", people=650),
        viewers("publisher", "courier", people=600),
        viewers("publisher", "puzzle", people=500),
        viewers("publisher", "stream", people=400),
        viewers("publishers", "courier", "puzzle", people=250),
        viewers("publishers", "courier", "stream", people=200),
    ],
    "inventory_days": [
        *inventory("(all)", 600, 400, 300, 200, 150, 120, 110),
        *inventory("ctv", 600, 400, 300, None, 150, 120, 110),
        *inventory("olv", 600, 400, None, 200, 150, 120, 110),
    ],
}
COMPUTED = ("path_to_conversion", "time_to_conversion", "net_new_reach", "new_to_brand", "marginals", "reach_forecast",
            "cross_publisher_reach", "inventory_match_rate")  # fmt: skip


def hidden(source: str, kind: str, cell: str) -> dict[str, list[Row]]:
    row = {"reporting_week": MONDAY, "source": source, "kind": kind, "cell": cell, "reason": "remainder"}
    return {"complementary_cells": [row]}


def by(rows: list[Row], *names: str) -> dict[Any, Row]:
    return {tuple(row[name] for name in names) if names[1:] else row[names[0]]: row for row in rows}


@pytest.mark.parametrize("table", COMPUTED)
def test_a_table_keeps_its_invariants_with_results_and_without_any(tmp_path: Path, table: str) -> None:
    for given in (GIVEN, {}):
        rows = made(tmp_path, table, given)
        assert broken_invariants(TABLES[table], rows, tmp_path) == {}
    assert all(row["below_threshold"] for row in rows.to_pylist())
    assert rows.num_rows or table == "path_to_conversion"


BROKEN = [
    ("path_to_conversion", {"converters": 501}, "converters <= people"),
    ("path_to_conversion", {"people": 0}, "people <> 0"),
    ("path_to_conversion", {"share_of_converters": 0.9}, "(SELECT sum(share_of_converters)"),
    ("path_to_conversion", {"path": "nowhere"}, "(SELECT count(*) FROM this_table WHERE path = '(other)') = 1"),
    ("path_to_conversion", {"below_threshold": True}, "below_threshold = (people IS NULL)"),
    ("time_to_conversion", {"converters": 2000}, "converters <= at_risk"),
    ("time_to_conversion", {"converted_share": 0.9}, "converted_share BETWEEN"),
    ("time_to_conversion", {"at_risk": 5000}, "at_risk <= coalesce"),
    ("net_new_reach", {"people": 100_000}, "people <= (SELECT max(people)"),
    ("net_new_reach", {"new_people": 0}, "new_people <> 0"),
    ("net_new_reach", {"new_share": 1.5}, "new_share BETWEEN"),
    ("new_to_brand", {"new_buyers": 5000}, "new_buyers < buyers"),
    ("marginals", {"impressions": 1}, "people <= impressions"),
    ("marginals", {"average_frequency": 0.5}, "average_frequency >= 1"),
    ("reach_forecast", {"expected_people": 1e9}, "expected_people <= impressions"),
    ("cross_publisher_reach", {"people_low": 10**6}, "people_low <= people_high"),
    ("cross_publisher_reach", {"basis": "bounds"}, "(basis = 'exact')"),
    ("cross_publisher_reach", {"duplicated_share": -0.1}, "duplicated_share BETWEEN"),
    ("inventory_match_rate", {"matched_impressions": 10**6}, "matched_impressions <= addressable_impressions"),
    ("inventory_match_rate", {"addressable_impressions": 10**6}, "addressable_impressions <= impressions"),
]


@pytest.mark.parametrize(("table", "wrong", "condition"), BROKEN)
def test_a_wrong_number_breaks_an_invariant(tmp_path: Path, table: str, wrong: Row, condition: str) -> None:
    rows = made(tmp_path, table, GIVEN).to_pylist()
    told = [row for row in rows if not row["below_threshold"] and row.get("channel") != "(all)"]
    victim = next((row for row in told if row.get("path") == "(other)"), told[-1])
    victim.update(wrong)
    spoilt = pa.Table.from_pylist(rows, TABLES[table].arrow_schema())
    assert [name for name in broken_invariants(TABLES[table], spoilt, tmp_path) if name.startswith(condition)]


def test_paths_are_written_in_order_and_the_other_ones_stand_together(tmp_path: Path) -> None:
    rows = by(answered(tmp_path, "path_to_conversion", GIVEN), "path")
    assert [(path, row["steps"], row["people"], row["converters"]) for path, row in rows.items()] == [
        ("ctv", 1, 500, 100), ("(other)", None, 300, 60), ("ctv > olv > ctv > olv > (more)", 5, 200, 45),
    ]  # fmt: skip
    assert rows["ctv"]["share_of_converters"] == pytest.approx(100 / 205)
    # Wilson, by statsmodels 0.14: proportion_confint(100, 500, method="wilson").
    assert (rows["ctv"]["rate_low"], rows["ctv"]["rate_high"]) == pytest.approx((0.1672778, 0.2373009), abs=2e-5)


def test_the_other_paths_have_a_row_also_where_they_were_withheld(tmp_path: Path) -> None:
    rows = by(answered(tmp_path, "path_to_conversion", {}), "path")
    assert {path: (row["people"], row["below_threshold"]) for path, row in rows.items()} == {"(other)": (None, True)}


def test_a_path_that_would_give_another_one_away_keeps_its_name_and_loses_its_numbers(tmp_path: Path) -> None:
    given = {**GIVEN, **hidden("journey_groups", "path", "ctv////")}
    rows = by(answered(tmp_path, "path_to_conversion", given), "path")
    assert (rows["ctv"]["people"], rows["ctv"]["converters"], rows["ctv"]["below_threshold"]) == (None, None, True)
    assert rows["(other)"]["people"] == 300


def test_the_share_who_converted_counts_everybody_for_as_long_as_they_were_watched(tmp_path: Path) -> None:
    """By hand: 1 - 960/1000, then times 1 - 30/900 and so on; people whose week ended are at risk on their last day."""
    rows = answered(tmp_path, "time_to_conversion", GIVEN)
    assert [row["at_risk"] for row in rows] == [1000, 900, 790, 670, 540, 400, 250]
    staying = [0.96, 0.928, 0.9045063, 0.8640060, 0.8160057, 0.7548053, 0.6793247]
    assert [1 - row["converted_share"] for row in rows] == pytest.approx(staying, abs=1e-6)


def test_days_after_a_withheld_one_are_withheld_since_nobody_knows_who_was_left(tmp_path: Path) -> None:
    left = [row for row in GIVEN["journey_groups"] if (row["kind"], row["part_1"]) != ("days", "3")]
    rows = answered(tmp_path, "time_to_conversion", {"journey_groups": left})
    assert [row["at_risk"] for row in rows] == [1000, 900, 790, None, None, None, None]
    # Whoever is in a withheld day was watched longer than the days that are told.
    whole = answered(tmp_path, "time_to_conversion", GIVEN)
    assert [row["converted_share"] for row in rows[:3]] == [row["converted_share"] for row in whole[:3]]
    besides = answered(tmp_path, "time_to_conversion", {**GIVEN, **hidden("journey_groups", "days", "2////")})
    assert [row["below_threshold"] for row in besides] == [False, False, *[True] * 5]


def test_without_a_total_the_days_tell_it_only_together(tmp_path: Path) -> None:
    assert answered(tmp_path, "time_to_conversion", {"journey_groups": DAYS})[0]["at_risk"] == 1000
    assert answered(tmp_path, "time_to_conversion", {"journey_groups": DAYS[:-1]})[0]["at_risk"] is None


def test_new_people_are_told_where_they_and_the_others_are_a_hundred(tmp_path: Path) -> None:
    rows = by(answered(tmp_path, "net_new_reach", GIVEN), "channel")
    assert {channel: (row["people"], row["new_people"]) for channel, row in rows.items()} == {
        "(all)": (1000, 600), "audio": (None, None), "ctv": (700, None), "display": (800, 500), "olv": (300, None),
        "social": (None, None),
    }  # fmt: skip
    rows = by(answered(tmp_path, "new_to_brand", GIVEN), "channel")
    assert {channel: (row["buyers"], row["new_buyers"]) for channel, row in rows.items() if row["buyers"]} == {
        "(all)": (500, 250), "ctv": (180, None), "display": (250, 140),
    }  # fmt: skip
    assert rows["(all)"]["new_share"] == pytest.approx(0.5)


@pytest.mark.parametrize(("known", "new_people"), [(300, 500), (301, None), (299, None), (400, 400), (250, None)])
def test_new_people_of_a_channel_are_withheld_where_few_are_left_for_the_others(
    tmp_path: Path, known: int, new_people: int | None
) -> None:
    """Of everybody 400 are known and 600 new: 300 of 800 leave 100 and 100, one more or less leaves 99 of one kind."""
    shown = [viewers("all", people=1000, known=400), viewers("channel", "ctv", people=800, known=known)]
    rows = by(answered(tmp_path, "net_new_reach", {"viewer_groups": shown}), "channel")
    assert (rows["ctv"]["people"], rows["ctv"]["new_people"]) == (800, new_people)


@pytest.mark.parametrize(("buyers", "told"), [(400, 400), (401, None), (499, None), (500, 500), (99, None)])
def test_buyers_of_a_channel_are_withheld_where_few_bought_without_it(
    tmp_path: Path, buyers: int, told: int | None
) -> None:
    shown = [viewers("all", people=1000, buyers=500), viewers("channel", "ctv", people=700, buyers=buyers)]
    assert by(answered(tmp_path, "new_to_brand", {"viewer_groups": shown}), "channel")["ctv"]["buyers"] == told


def test_a_marginal_that_tells_about_few_others_is_withheld_and_every_hour_has_a_row(tmp_path: Path) -> None:
    given = {**GIVEN, **hidden("viewer_groups", "device", "ctv/")}
    rows = by(answered(tmp_path, "marginals", given), "dimension", "dimension_value")
    assert sum(dimension == "hour" for dimension, _ in rows) == 24
    assert rows["device", "ctv"]["below_threshold"]
    assert rows["region", "DE-(none)"]["people"] == 200
    assert (rows["hour", "20"]["average_frequency"], rows["hour", "3"]["people"]) == (2, None)


def test_the_forecast_is_the_curve_through_the_days_and_says_where_it_leaves_what_was_seen(tmp_path: Path) -> None:
    rows = by(answered(tmp_path, "reach_forecast", GIVEN), "channel", "impressions_factor")
    curve = fit_reach_curve([1000 * n for n in range(1, 8)], [600, 1000, 1300, 1500, 1650, 1770, 1880])
    twice = rows["(all)", 2.0]
    assert twice["impressions"] == 14_000
    assert twice["expected_people"] == pytest.approx(curve.at(14_000).value)
    assert (twice["people_low"], twice["people_high"]) == pytest.approx((curve.at(14_000).low, curve.at(14_000).high))
    assert [rows["(all)", factor]["is_extrapolated"] for factor in (0.5, 1.0, 1.5)] == [False, False, True]


def test_days_without_a_number_of_new_people_end_the_points_of_a_curve(tmp_path: Path) -> None:
    rows = by(answered(tmp_path, "reach_forecast", GIVEN), "channel", "impressions_factor")
    assert {channel: rows[channel, 1.0]["points"] for channel in ("(all)", "ctv", "olv", "audio")} == {
        "(all)": 7, "ctv": 3, "olv": 2, "audio": 0,
    }  # fmt: skip
    assert not rows["ctv", 1.0]["below_threshold"]
    assert rows["olv", 1.0]["below_threshold"]
    short = {"inventory_days": inventory("(all)", 600, 400, 300, 200, 150, 120)}
    assert all(row["below_threshold"] for row in answered(tmp_path, "reach_forecast", short))


def test_publishers_together_are_exact_for_pairs_that_were_told_and_bounds_otherwise(tmp_path: Path) -> None:
    rows = by(answered(tmp_path, "cross_publisher_reach", GIVEN), "publishers")
    ends = {names: (row["people_low"], row["people_high"], row["basis"]) for names, row in rows.items()}
    assert ends["courier"] == (600, 600, "exact")
    assert ends["courier + puzzle"] == (850, 850, "exact")
    # Frechet: at least the larger one, at most everybody there is.
    assert ends["puzzle + stream"] == (500, 900, "bounds")
    # The third pair was withheld: Hunter's bound takes off the two that were told.
    assert ends["courier + puzzle + stream"] == (850, 1000, "bounds")
    assert ends["(all)"] == (1000, 1000, "exact")
    assert rows["courier + puzzle"]["duplicated_share"] == pytest.approx(1 - 850 / 1100)


def test_many_publishers_are_told_one_by_one_in_pairs_and_together(tmp_path: Path) -> None:
    names = [f"p{n}" for n in range(6)]
    given = {"viewer_groups": [viewers("publisher", name, people=200) for name in names]}
    rows = answered(tmp_path, "cross_publisher_reach", given)
    assert sorted({row["publisher_count"] for row in rows if row["publishers"] != "(all)"}) == [1, 2]
    assert len(rows) == 1 + 6 + 15


@pytest.mark.parametrize(("impressions", "told"), [(1000, (2, pytest.approx(0.2))), (1100, (None, None))])
def test_how_many_publishers_there_are_is_told_only_where_none_is_withheld(
    tmp_path: Path, impressions: int, told: tuple[Any, Any]
) -> None:
    """600 and 400 impressions are all there were; of 1,100 another publisher showed the rest to too few people."""
    shown = [
        viewers("all", people=400, impressions=impressions),
        viewers("publisher", "courier", people=300, impressions=600),
        viewers("publisher", "puzzle", people=200, impressions=400),
    ]
    rows = by(answered(tmp_path, "cross_publisher_reach", {"viewer_groups": shown}), "publishers")
    assert rows["(all)"]["people"] == 400
    assert (rows["(all)"]["publisher_count"], rows["(all)"]["duplicated_share"]) == told
    hiding = {"viewer_groups": shown, **hidden("viewer_groups", "publisher", "puzzle/")}
    rows = by(answered(tmp_path, "cross_publisher_reach", hiding), "publishers")
    assert (rows["(all)"]["publisher_count"], rows["(all)"]["duplicated_share"]) == (None, None)


def test_every_channel_and_day_of_the_inventory_has_a_row(tmp_path: Path) -> None:
    rows = by(answered(tmp_path, "inventory_match_rate", GIVEN), "channel", "day")
    assert len(rows) == 6 * 7
    row = rows["ctv", MONDAY + dt.timedelta(days=6)]
    assert (row["impressions"], row["addressable_rate"], row["match_rate"]) == (1100, 1000 / 1100, 0.4)
    assert rows["audio", MONDAY]["below_threshold"]


def test_a_day_that_would_give_another_channels_away_is_withheld_and_so_is_that_channels_forecast(
    tmp_path: Path,
) -> None:
    given = {**GIVEN, **hidden("inventory_days", "", "(all)/2")}
    rows = answered(tmp_path, "inventory_match_rate", given)
    withheld = [row["day"] for row in rows if row["channel"] == "(all)" and row["below_threshold"]]
    assert withheld == [MONDAY + dt.timedelta(days=2)]
    assert by(answered(tmp_path, "reach_forecast", GIVEN), "channel", "impressions_factor")["(all)", 1.0]["impressions"]
    forecast = by(answered(tmp_path, "reach_forecast", given), "channel", "impressions_factor")
    assert forecast["(all)", 1.0]["below_threshold"]


def test_a_channel_whose_reach_is_withheld_has_no_forecast_that_ends_at_it(tmp_path: Path) -> None:
    """2950 of 3000 viewers saw ctv: its new people of all days are the reach that net_new_reach withholds."""
    given = {
        "viewer_groups": [viewers("all", people=3000), viewers("channel", "ctv", people=2950)],
        "inventory_days": [
            *inventory("(all)", 900, 600, 500, 400, 300, 200, 100),
            *inventory("ctv", 850, 600, 500, 400, 300, 200, 100),
            *inventory("olv", 400, 300, 200, 200, 150, 150, 100),
        ],
    }
    told = {**given, "complementary_cells": answered(tmp_path, "complementary_cells", given)}
    rows = by(answered(tmp_path, "reach_forecast", told), "channel", "impressions_factor")
    assert [rows[channel, 1.0]["below_threshold"] for channel in ("ctv", "olv", "(all)")] == [True, False, False]
    assert all(row["expected_people"] is None for (channel, _), row in rows.items() if channel == "ctv")


def test_a_day_of_few_who_did_not_convert_ends_the_time_to_conversion(tmp_path: Path) -> None:
    """Of 110 people of the second day 100 converted: at risk on the third would be ten fewer than its converters."""
    days = [journey("days", str(day), people=110, conversions=100 if day == 1 else 40) for day in range(7)]
    given = {"journey_groups": [journey("all", people=770, conversions=340), *days]}
    told = {**given, "complementary_cells": answered(tmp_path, "complementary_cells", given)}
    at_risk = [row["at_risk"] for row in answered(tmp_path, "time_to_conversion", told)]
    assert at_risk[1:] == [None] * 6
