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
NAMES = ("a", "b", "c")
PAIRS = list(itertools.combinations(NAMES, 2))


def disjoint(people: dict[str, int], total: int | None, possible: int | None = None) -> Groups:
    return Groups("sets", "", people, total, disjoint=True, possible=possible)


@pytest.mark.parametrize(
    ("people", "total", "possible", "withheld"),
    [
        # Nobody is left: nothing to find.
        ({"a": 500, "b": 300}, 800, 4, []),
        # 40 people are in withheld groups: with the smallest told one they are 340.
        ({"a": 500, "b": 300, "c": 400}, 1240, 6, ["b"]),
        # 99 and 100 people in two groups.
        ({"a": 500, "b": 300}, 899, 4, ["b"]),
        ({"a": 500, "b": 300}, 900, 4, []),
        # One group only can hold the rest, however many these are: it was withheld for another reason.
        ({"a": 500, "b": 300}, 1300, 3, ["b"]),
        # Of how many there can be, nothing is known: there might be one.
        ({"a": 500, "b": 300}, 1300, None, ["b"]),
        # The room did not tell the total, and no other kind did.
        ({"a": 500, "b": 300}, None, 4, []),
        ({"a": 50}, 60, 4, ["a"]),
    ],
)
def test_the_smallest_told_groups_go_until_the_rest_is_many_people_in_several_groups(
    people: dict[str, int], total: int | None, possible: int | None, withheld: list[str]
) -> None:
    assert [w.cell for w in complementary([disjoint(people, total, possible)], MINIMUM)] == withheld


@settings(max_examples=60, deadline=None)
@given(sizes=st.lists(st.integers(1, 600), min_size=2, max_size=8), empty=st.integers(0, 8), counted=st.booleans())
@example(sizes=[120, 130, 50], empty=0, counted=True)
def test_a_withheld_group_is_never_the_remainder_of_a_total(sizes: list[int], empty: int, counted: bool) -> None:
    truth = {f"g{n}": people for n, people in enumerate(sizes)}
    told = {name: people for name, people in truth.items() if people >= MINIMUM}
    total, possible = sum(sizes), len(sizes) + empty
    gone = {w.cell for w in complementary([disjoint(told, total, possible if counted else None)], MINIMUM)}
    left = {name: people for name, people in told.items() if name not in gone}
    rest = total - sum(left.values())
    # The attacker knows total, told groups and how many there can be. Everything told away is the other safe end.
    may_hold_it = possible - len(left)
    assert rest == 0 or not left or (rest >= MINIMUM and may_hold_it > 1)
    assert gone <= set(told)


def test_a_group_that_all_but_a_few_are_in_tells_about_those_few() -> None:
    placed = Groups("viewers", "device", {"mobile": 950, "ctv": 700, "tablet": 1000}, 1000, disjoint=False)
    assert [(w.cell, w.reason) for w in complementary([placed], MINIMUM)] == [("mobile", "complement")]


def test_disjoint_kinds_of_one_population_tell_its_total_to_each_other() -> None:
    days, paths = disjoint({"0": 700, "1": 500}, None, 7), disjoint({"ctv": 600, "olv": 550}, None)
    assert complementary([paths], MINIMUM) == []
    found = complementary(with_totals([days, paths]), MINIMUM)
    assert [w.cell for w in found] == ["olv"]


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
    assert [(row["source"], row["kind"], row["cell"], row["reason"]) for row in rows] == [
        ("journey_groups", "path", "ctv/olv///", "remainder"),
        ("viewer_groups", "region", "US/", "complement"),
        ("exposure_frequency", "", "2", "remainder"),
    ]
    left = shown(results["journey_groups"], "journey_groups", "path", rows)
    assert [row["people"] for row in left] == [200, 600]


def test_a_week_of_which_the_room_told_nothing_withholds_nothing_besides() -> None:
    names = ("journey_groups", "viewer_groups", "exposure_sets", "exposure_frequency", "customer_reach")
    assert complementary_rows(MONDAY, {name: [] for name in names}) == []
