"""What readers see of a week gives away no small withheld group: an attacker with pencil and paper tries."""

from __future__ import annotations

import datetime as dt
import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from segment_assets.privacy.complementary import Groups, complementary, overlapping, with_totals
from segment_assets.privacy.complementary_rows import MINIMUM, complementary_rows, shown

MONDAY = dt.date(2026, 10, 5)
NO_RESULTS = ("journey_groups", "viewer_groups", "exposure_sets", "exposure_frequency", "customer_reach")
NAMES = ("a", "b", "c")
PAIRS = list(itertools.combinations(NAMES, 2))


def disjoint(people: dict[str, int], total: int | None) -> Groups:
    return Groups("sets", "", people, total, disjoint=True)


@pytest.mark.parametrize(
    ("people", "total", "withheld"),
    [
        # Nobody is left: nothing to find.
        ({"a": 500, "b": 300}, 800, []),
        # 40 people are in withheld groups: with the smallest told one they are 340.
        ({"a": 500, "b": 300, "c": 400}, 1240, ["b"]),
        # One group might hold the rest, however many these are: it was withheld for another reason.
        ({"a": 500, "b": 300}, 1300, ["b"]),
        # With 110 told people 60 others are 170: a told group has a hundred at least, so these are 70 at most.
        ({"a": 500, "b": 300, "c": 110}, 970, ["c", "b"]),
        ({"a": 500, "b": 300, "c": 110}, 1000, ["c"]),
        # The room did not tell the total, and no other kind did.
        ({"a": 500, "b": 300}, None, []),
        ({"a": 50}, 60, ["a"]),
    ],
)
def test_the_smallest_told_groups_go_until_the_rest_is_many_people_in_several_groups(
    people: dict[str, int], total: int | None, withheld: list[str]
) -> None:
    assert [w.cell for w in complementary([disjoint(people, total)], MINIMUM)] == withheld


@settings(max_examples=60, deadline=None)
@given(
    groups=st.lists(st.tuples(st.integers(1, 600), st.integers(0, 100)), min_size=2, max_size=8),
)
@example(groups=[(120, 50), (130, 50), (50, 50)])
@example(groups=[(3000, 7), (2000, 7), (400, 2)])
def test_neither_people_nor_converters_of_a_withheld_group_are_the_remainder_of_a_total(
    groups: list[tuple[int, int]],
) -> None:
    """The attacker knows both totals, the told groups, and which groups there are at all."""
    truth = {f"g{n}": (people, people * percent // 100) for n, (people, percent) in enumerate(groups)}
    # The room asks for 25 people with an order, at any time: converters may be fewer.
    told = {name: people for name, (people, won) in truth.items() if people >= MINIMUM and won >= 5}
    won = {name: truth[name][1] for name in told}
    total, converters = (sum(numbers) for numbers in zip(*truth.values(), strict=True))
    asked = Groups("sets", "", told, total, disjoint=True, converters=won, every_converter=converters)
    found = complementary([asked], MINIMUM)
    spoken = set(told) - {w.cell for w in found}
    left = set(told) - {w.cell for w in found if w.reason != "converters"}
    assert {w.cell for w in found} <= set(told)
    assert all(25 <= won[name] <= told[name] - 25 for name in spoken)
    hidden = [truth[name][0] for name in truth if name not in left]
    assert not hidden or not left or (len(hidden) > 1 and sum(hidden) >= 2 * MINIMUM)
    bought = [truth[name][1] for name in truth if name not in spoken]
    assert not bought or not spoken or sum(bought) == 0 or (len(bought) > 1 and sum(bought) >= 25)


def test_a_group_that_all_but_a_few_are_in_tells_about_those_few() -> None:
    placed = Groups("viewers", "device", {"mobile": 950, "ctv": 700, "tablet": 1000}, 1000, disjoint=False)
    assert [(w.cell, w.reason) for w in complementary([placed], MINIMUM)] == [("mobile", "complement")]


def test_disjoint_kinds_of_one_population_tell_its_total_to_each_other() -> None:
    days, paths = disjoint({"0": 700, "1": 500}, None), disjoint({"ctv": 600, "olv": 550}, None)
    assert complementary([paths], MINIMUM) == []
    found = complementary(with_totals([days, paths]), MINIMUM)
    assert [w.cell for w in found] == ["olv"]


def viewers(kind: str, *parts: str | None, people: int, **counted: int) -> dict[str, object]:
    named = {f"part_{n}": part for n, part in enumerate([*parts, None, None][:2], 1)}
    return {"kind": kind, **named, "people": people, "impressions": 2 * people, "converters": people // 2, **counted}


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
    assert withheld_of("exposure_frequency", **given, audience_overlap=[{"customers": 2003}]) == {("", "1")}


def test_a_withheld_channel_of_a_day_is_not_what_the_other_channels_leave() -> None:
    day = [
        {"channel": channel, "day": MONDAY, "impressions": n, "addressable_impressions": n, "matched_impressions": n}
        for channel, n in (("(all)", 1000), ("ctv", 500), ("olv", 200), ("display", 150), ("social", 120))
    ]
    assert withheld_of("inventory_days", inventory_days=day) == {("", "social/0"), ("", "display/0")}
    day[0]["impressions"] = 970
    assert withheld_of("inventory_days", inventory_days=day) == set()


ATOMS = [frozenset(atom) for size in (1, 2, 3) for atom in itertools.combinations(NAMES, size)]


def determined(rows: list[list[int]], wanted: list[int]) -> bool:
    """Whether a sum of atoms follows from sums that are known."""
    matrix = np.array(rows, dtype=float)
    return bool(np.linalg.matrix_rank(np.vstack([matrix, wanted])) == np.linalg.matrix_rank(matrix))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 400), min_size=7, max_size=7))
@example([500, 500, 500, 500, 500, 500, 30])
@example([30, 500, 500, 500, 500, 500, 500])
def test_no_few_people_of_three_overlapping_groups_follow_from_what_is_told(sizes: list[int]) -> None:
    """Seven disjoint atoms, of which single reaches, pairs and the whole are sums; linear algebra is the attacker."""
    size = dict(zip(ATOMS, sizes, strict=True))
    single = {name: sum(n for atom, n in size.items() if name in atom) for name in NAMES}
    both = {pair: sum(n for atom, n in size.items() if set(pair) <= atom) for pair in PAIRS}
    told = {pair: people for pair, people in both.items() if people >= MINIMUM}
    groups = Groups("viewers", "publisher", single, sum(sizes), disjoint=False)
    gone = {w.cell for w in overlapping(groups, told, MINIMUM)}
    left = [pair for pair in told if "/".join(pair) not in gone]
    known = [[1] * 7, *([int(name in atom) for atom in ATOMS] for name in NAMES)]
    singles_only = len(known)
    known += [[int(set(pair) <= atom) for atom in ATOMS] for pair in left]
    for atom, people in size.items():
        wanted = [int(other == atom) for other in ATOMS]
        # What single reaches and the whole give away by themselves is the complement's business, not that of pairs.
        if 0 < people < MINIMUM and not determined(known[:singles_only], wanted):
            assert not determined(known, wanted), (atom, people)


def journey(kind: str, *parts: str | None, people: int) -> dict[str, object]:
    named = {f"part_{n}": part for n, part in enumerate([*parts, *[None] * 5][:5], 1)}
    return {"kind": kind, **named, "people": people, "conversions": 30}


def test_pairs_stay_where_nobody_few_follows_from_them() -> None:
    groups = Groups("viewers", "publisher", dict.fromkeys(NAMES, 2000), 4300, disjoint=False)
    assert overlapping(groups, dict.fromkeys(PAIRS, 700), MINIMUM) == []


def test_who_is_in_one_group_and_not_in_the_other_is_not_told_where_they_are_few() -> None:
    groups = Groups("viewers", "publisher", {"a": 520, "b": 900}, None, disjoint=False)
    assert [w.cell for w in overlapping(groups, {("a", "b"): 450}, MINIMUM)] == ["a/b"]
    assert overlapping(groups, {("a", "b"): 420}, MINIMUM) == []


@pytest.mark.parametrize(("total", "withheld"), [(750, []), (751, ["a/b"]), (849, ["a/b"]), (850, [])])
def test_who_is_in_neither_of_two_groups_is_not_told_where_they_are_few(total: int, withheld: list[str]) -> None:
    groups = Groups("viewers", "publisher", {"a": 500, "b": 500}, total, disjoint=False)
    assert [w.cell for w in overlapping(groups, {("a", "b"): 250}, MINIMUM)] == withheld


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
