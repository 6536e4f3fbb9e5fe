"""What readers see of a week gives away no small withheld group: an attacker with pencil and paper tries."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from segment_assets.privacy.complementary import Groups, complementary, overlapping, with_totals
from segment_assets.privacy.complementary_rows import MINIMUM

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


def test_a_group_that_a_later_total_withholds_is_looked_at_again_in_an_earlier_one() -> None:
    """50 people of all are missing, so `b` goes; then it is what `a` leaves of the country, and `a` goes as well."""
    country = Groups("viewers", "region", {"a": 500, "b": 150}, 650, disjoint=True)
    everything = Groups("viewers", "region", {"a": 500, "b": 150, "c": 3000}, 3700, disjoint=True)
    assert [w.cell for w in complementary([country, everything], MINIMUM)] == ["b", "a"]


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
