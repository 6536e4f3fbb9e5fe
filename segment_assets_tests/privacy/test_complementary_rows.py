"""What the results of a week give away together: which groups readers' tables withhold, result by result."""

from __future__ import annotations

import datetime as dt

import pytest

from segment_assets.privacy.complementary_rows import complementary_rows, shown

MONDAY = dt.date(2026, 10, 5)
NO_RESULTS = ("journey_groups", "viewer_groups", "exposure_sets", "exposure_frequency", "customer_reach")


def viewers(kind: str, *parts: str | None, people: int, **counted: int) -> dict[str, object]:
    named = {f"part_{n}": part for n, part in enumerate([*parts, None, None][:2], 1)}
    return {"kind": kind, **named, "people": people, "impressions": 2 * people, "converters": people // 2, **counted}


def journey(kind: str, *parts: str | None, people: int) -> dict[str, object]:
    named = {f"part_{n}": part for n, part in enumerate([*parts, *[None] * 5][:5], 1)}
    return {"kind": kind, **named, "people": people, "conversions": 30}


def withheld_of(source: str, **results: list[dict[str, object]]) -> set[tuple[object, object]]:
    rows = complementary_rows(MONDAY, {name: [] for name in NO_RESULTS} | results)
    return {(row["kind"], row["cell"]) for row in rows if row["source"] == source and row["reason"] != "converters"}


PLACES = [
    viewers("all", people=8050),
    viewers("country", "DE", people=5000),
    viewers("country", "AT", people=3050),
    viewers("region", "DE", "BY", people=3000),
    viewers("region", "DE", "BE", people=1950),
    viewers("region", "AT", "9", people=2550),
    viewers("region", "AT", "5", people=500),
]


def test_a_withheld_region_is_not_what_the_told_ones_leave_of_their_country() -> None:
    """50 people of another German region: two regions of Germany go, none of Austria."""
    assert withheld_of("viewer_groups", viewer_groups=PLACES) == {("region", "DE/BE")}


def test_a_withheld_country_is_not_the_sum_of_its_regions() -> None:
    third = [row if row["kind"] != "all" else viewers("all", people=8110) for row in PLACES]
    hidden = withheld_of("viewer_groups", viewer_groups=third)
    assert {("country", "AT/"), ("region", "AT/5")} <= hidden


def test_a_withheld_hour_is_not_what_the_told_ones_leave_of_all_impressions() -> None:
    hours = [viewers("all", people=1000), *(viewers("hour", str(n), people=300 + n) for n in range(3))]
    assert withheld_of("viewer_groups", viewer_groups=hours) == {("hour", "0/")}
    hours[0] = viewers("all", people=1000, impressions=2 * 903)
    assert withheld_of("viewer_groups", viewer_groups=hours) == set()


def test_of_a_region_in_which_few_converted_people_are_told_and_converters_are_not() -> None:
    few = [*PLACES[:3], viewers("region", "DE", "BY", people=3000), viewers("region", "DE", "BE", people=1800)]
    few += [viewers("region", "DE", "HH", people=200, converters=3), *PLACES[5:]]
    rows = complementary_rows(MONDAY, {name: [] for name in NO_RESULTS} | {"viewer_groups": few})
    assert ("region", "DE/HH", "converters") in {(row["kind"], row["cell"], row["reason"]) for row in rows}


def silent(**results: list[dict[str, object]]) -> set[tuple[object, ...]]:
    """Of which groups the converters are not told."""
    rows = complementary_rows(MONDAY, {name: [] for name in NO_RESULTS} | results)
    return {(row["source"], row["kind"], row["cell"]) for row in rows if row["reason"] == "converters"}


def test_converters_of_a_silent_country_are_not_the_sum_of_its_regions() -> None:
    """AA has 10 converters, and BB is silent for its sake: 3010 less CC's 2000 and BB's regions would tell them."""
    given = [
        ("all", 15_000, 3010), ("country", "AA", 5000, 10), ("country", "BB", 5000, 1000), ("country", "CC", 5000, 2000),
        ("region", "AA", "1", 2500, 5), ("region", "AA", "2", 2500, 5), ("region", "BB", "1", 2500, 600),
        ("region", "BB", "2", 2500, 400), ("region", "CC", "1", 2500, 1750), ("region", "CC", "2", 2300, 200),
        ("region", "CC", "3", 200, 50),
    ]  # fmt: skip
    rows = [viewers(kind, *parts, people=people, converters=won) for kind, *parts, people, won in given]
    found = {(kind, cell) for _, kind, cell in silent(viewer_groups=rows)}
    assert {cell for kind, cell in found if kind == "country"} == {"AA/", "BB/"}
    assert {cell for kind, cell in found if kind == "region"} == {"AA/1", "AA/2", "BB/2"}


def test_a_silent_country_is_not_the_sum_of_its_regions_where_others_are_withheld_as_well() -> None:
    """All but ten of AA converted: both of its regions are silent, and those of BB would tell BB, and with it AA."""
    rows = [
        viewers("all", people=9000, converters=3290),
        viewers("country", "AA", people=1000, converters=990),
        viewers("country", "BB", people=3000, converters=300),
        viewers("country", "CC", people=5000, converters=2000),
        viewers("region", "AA", "1", people=500, converters=495),
        viewers("region", "AA", "2", people=500, converters=495),
        viewers("region", "BB", "1", people=2000, converters=200),
        viewers("region", "BB", "2", people=1000, converters=100),
        viewers("region", "CC", "1", people=5000, converters=2000),
    ]
    assert {cell for _, kind, cell in silent(viewer_groups=rows) if kind == "region"} == {"AA/1", "AA/2", "BB/2"}


def test_few_converters_are_not_what_the_told_regions_of_silent_countries_leave() -> None:
    """Of 1010 in AA and BB the regions of BB leave 13, for all of AA and a region of three; none of CC is told."""
    rows = [
        viewers("all", people=13_310, converters=4320),
        viewers("country", "AA", people=1000, converters=10),
        viewers("country", "BB", people=3000, converters=1000),
        viewers("country", "CC", people=5000, converters=2000),
        viewers("country", "DD", people=4310, converters=1310),
        viewers("region", "AA", "1", people=1000, converters=10),
        viewers("region", "BB", "1", people=1800, converters=600),
        viewers("region", "BB", "2", people=1000, converters=397),
        viewers("region", "BB", "3", people=200, converters=3),
        viewers("region", "DD", "1", people=150, converters=50),
        viewers("region", "DD", "2", people=160, converters=50),
        viewers("region", "DD", "3", people=4000, converters=1210),
    ]
    assert ("viewer_groups", "region", "BB/2") in silent(viewer_groups=rows)


def test_converters_of_a_country_that_the_room_withheld_are_not_what_the_told_ones_leave() -> None:
    """Ten converters in a country of which nothing was told: 710 less 400 and 300."""
    rows = [
        viewers("all", people=2000, converters=710),
        viewers("country", "DE", people=1200, converters=400),
        viewers("country", "AT", people=800, converters=300),
    ]
    assert silent(viewer_groups=rows) == {("viewer_groups", "country", "AT/")}
    assert silent(viewer_groups=[viewers("all", people=2000, converters=700), *rows[1:]]) == set()


def test_converters_of_one_result_do_not_tell_the_withheld_ones_of_another() -> None:
    """Sets tell that 700 converted; frequencies without one of ten converters would tell these ten."""
    seen = [row | {"converters": won} for row, won in zip(sets({"ctv": 1600, "olv": 1400}), (400, 300), strict=True)]
    often = [
        {"frequency": n, "people": people, "impressions": n * people, "converters": won}
        for n, people, won in ((1, 1500, 390), (2, 1500, 300))
    ]
    assert silent(exposure_sets=seen, exposure_frequency=often) == {("exposure_frequency", "", "2")}


def test_a_day_of_few_who_did_not_convert_tells_no_converters() -> None:
    """Of 110 watched 100 converted: those who were left on the next day would tell the other ten."""
    days = [journey("days", str(n), people=110) | {"conversions": won} for n, won in enumerate([100, *[40] * 6])]
    rows = [journey("all", people=770) | {"conversions": 340}, *days]
    assert ("journey_groups", "days", "0////") in silent(journey_groups=rows)


def test_sets_without_a_channel_do_not_tell_what_its_only_campaign_leaves() -> None:
    """60 of audio are withheld: 3060 of 6310 saw no ctv, of whom 3000 would be told."""
    told = sets({"ctv": 3000, "ctv social": 250, "olv": 2000, "display": 1000})
    campaign = {"campaign_id": "one", "channel": "ctv", "reached_customers": 3250, "impressions": 9000}
    given = {"exposure_sets": told, "customer_reach": [{"exposed_customers": 6310}]}
    assert ("", "0/0/1/0/0") not in withheld_of("exposure_sets", **given)
    assert ("", "0/0/1/0/0") in withheld_of("exposure_sets", **given, campaign_reach=[campaign])


def newly(channel: str, people: int) -> list[dict[str, object]]:
    counts = [people - 6 * 200, *[200] * 6]
    return [
        {"channel": channel, "day": MONDAY + dt.timedelta(days=n), "impressions": 1000, "newly_reached": count}
        for n, count in enumerate(counts)
    ]


def test_a_channel_that_only_the_days_tell_is_withheld_where_few_did_not_see_it() -> None:
    """The forecast ends at the new people of all days: 2950 of 3000."""
    days = [
        row for channel, people in (("(all)", 3000), ("ctv", 2950), ("olv", 2900)) for row in newly(channel, people)
    ]
    assert withheld_of("viewer_groups", inventory_days=days) == {("channel", "ctv/")}
    assert withheld_of("viewer_groups", inventory_days=[days[0] | {"newly_reached": None}, *days[1:]]) == set()


def sets(people: dict[str, int]) -> list[dict[str, object]]:
    flags = ("ctv", "olv", "display", "audio", "social")
    return [
        {**{flag: int(flag in seen.split()) for flag in flags}, "people": n, "impressions": n, "converters": n // 3}
        for seen, n in people.items()
    ]


def test_the_reach_of_a_channel_with_one_campaign_does_not_give_away_a_set_of_channels() -> None:
    """Two sets of 60 and 70 people are withheld; the only campaign on ctv reached the 3000 and those 60."""
    told = sets({"ctv": 3000, "olv": 2000, "display": 1000, "social": 900})
    reach = [{"exposed_customers": 7030}]
    campaigns = [{"campaign_id": "one", "channel": "ctv", "reached_customers": 3060, "impressions": 9000}]
    assert ("", "1/0/0/0/0") not in withheld_of("exposure_sets", exposure_sets=told, customer_reach=reach)
    hidden = withheld_of("exposure_sets", exposure_sets=told, customer_reach=reach, campaign_reach=campaigns)
    assert ("", "1/0/0/0/0") in hidden


def test_groups_of_customers_do_not_add_up_to_all_but_a_few_of_them() -> None:
    often = [{"frequency": n, "people": 1000, "impressions": n * 1000, "converters": 300} for n in (1, 2)]
    given = {"exposure_frequency": often, "customer_reach": [{"exposed_customers": 2000}]}
    assert withheld_of("exposure_frequency", **given, audience_overlap=[{"customers": 2100}]) == set()
    assert withheld_of("exposure_frequency", **given, audience_overlap=[{"customers": 2003}]) == {("", "1"), ("", "2")}


@pytest.mark.parametrize(("frequencies", "hidden"), [((8,), {"6", "7"}), ((7, 8), {"6"}), ((6, 7, 8), set())])
def test_three_frequencies_are_withheld_since_impressions_are_a_second_sum_of_them(
    frequencies: tuple[int, ...], hidden: set[str]
) -> None:
    """210 people and 1530 impressions of seven and eight are 150 and 60 people."""
    people = {1: 3000, 2: 2000, 3: 1000, 4: 800, 5: 600, 6: 300, 7: 150, 8: 60, 9: 700, 10: 900}
    told = [
        {"frequency": n, "people": count, "impressions": n * count, "converters": count // 3}
        for n, count in people.items()
        if n not in frequencies
    ]
    reach = [{"exposed_customers": sum(people.values())}]
    found = withheld_of("exposure_frequency", exposure_frequency=told, customer_reach=reach)
    assert len(found) + len(frequencies) >= 3
    assert {cell for _, cell in found} >= hidden


def test_a_withheld_channel_of_a_day_is_not_what_the_other_channels_leave() -> None:
    day = [
        {"channel": channel, "day": MONDAY, "impressions": n, "addressable_impressions": n, "matched_impressions": n}
        for channel, n in (("(all)", 1000), ("ctv", 500), ("olv", 200), ("display", 150), ("social", 120))
    ]
    assert withheld_of("inventory_days", inventory_days=day) == {("", "social/0"), ("", "display/0")}
    day[0]["impressions"] = 970
    assert withheld_of("inventory_days", inventory_days=day) == set()


def test_the_rows_of_a_week_name_groups_as_the_sql_of_the_tables_does() -> None:
    results = {
        "journey_groups": [
            journey("all", people=1000),
            journey("path", "ctv", people=200),
            journey("path", "ctv", "olv", people=150),
            journey("path", "(other)", people=600),
        ],
        "viewer_groups": [
            {"kind": "all", "part_1": None, "part_2": None, "people": 1000},
            {"kind": "region", "part_1": "US", "part_2": None, "people": 920},
        ],
        "exposure_sets": [{"ctv": 1, "olv": 0, "display": 0, "audio": 0, "social": 1, "people": 300}],
        "exposure_frequency": [{"frequency": 1, "people": 330}, {"frequency": 2, "people": 110}],
        "customer_reach": [{"exposed_customers": 450}],
    }
    rows = complementary_rows(MONDAY, results)
    assert {(row["source"], row["kind"], row["cell"], row["reason"]) for row in rows} == {
        ("journey_groups", "path", "ctv/olv///", "remainder"),
        # Its converters would tell those of the path that is withheld.
        ("journey_groups", "path", "(other)////", "converters"),
        ("viewer_groups", "region", "US/", "complement"),
        ("exposure_sets", "", "1/0/0/0/1", "remainder"),
        ("exposure_frequency", "", "2", "remainder"),
        ("exposure_frequency", "", "1", "remainder"),
    }
    left = shown(results["journey_groups"], "journey_groups", "path", rows)
    assert [row["people"] for row in left] == [200, 600]


def test_a_week_of_which_the_room_told_nothing_withholds_nothing_besides() -> None:
    assert complementary_rows(MONDAY, {name: [] for name in NO_RESULTS}) == []
