"""Reach curves and bounds, censored times and geo lift, against scipy 1.17, lifelines 0.30 and plain counting."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.contracts import PermanentError
from segment_assets.measurement.conversion_time import Aged, converted_by, time_until
from segment_assets.measurement.geo import Region, geo_lift
from segment_assets.measurement.reach import (
    fit_reach_curve,
    independent_reach,
    negative_binomial_reach,
    union_bounds,
)

IMPRESSIONS, PEOPLE = [10, 20, 40, 80, 160, 320], [11.0, 16.5, 27.2, 36.1, 46.3, 51.9]


def test_a_reach_curve_is_the_likeliest_one_by_scipy() -> None:
    """Counts of new people are Poisson: scipy.optimize.brentq on the score of `half`.

    The covariance is that of scipy's roots under scatter in proportion, by central differences in each day's people;
    the error at 200 is 3.64969758. Four degrees of freedom are left: scipy.stats.t.ppf(0.975, 4) is 2.7764451052.
    """
    curve = fit_reach_curve(IMPRESSIONS, PEOPLE)
    assert (curve.ceiling, curve.half) == pytest.approx((59.90473796, 49.35483907), rel=1e-6)
    assert [cell for row in curve.covariance for cell in row] == pytest.approx(
        [20.70474399, 6.36368448, 6.36368448, 52.99407563], rel=1e-5
    )
    at = curve.at(200)
    assert (at.value, at.high - at.value) == pytest.approx((48.04778458, 10.133184982), rel=1e-6)


@pytest.mark.parametrize(("half", "noise"), [(60_000, 0.0), (60_000, 0.1), (20_000, 0.1)])
def test_the_interval_of_a_reach_curve_holds_the_truth_although_days_add_up(half: float, noise: float) -> None:
    """Sums of a week share their errors: an interval that took them for independent held 34 to 62 of 100."""
    rng = np.random.default_rng(1)
    held, weeks = dict.fromkeys((1, 2, 3), 0), 200
    for _ in range(weeks):
        impressions = np.cumsum(10_000 * np.exp(rng.normal(0, noise, 7)))
        new = np.diff(40_000 * impressions / (impressions + half), prepend=0.0) * np.exp(rng.normal(0, noise, 7))
        curve = fit_reach_curve(impressions.tolist(), np.cumsum(rng.poisson(new)).tolist())
        for factor in held:
            bought = factor * float(impressions[-1])
            held[factor] += curve.at(bought).holds(40_000 * bought / (bought + half))
    assert min(held.values()) >= 0.9 * weeks, held


def test_a_day_without_impressions_tells_nothing_of_a_reach_curve() -> None:
    idle = fit_reach_curve([*IMPRESSIONS[:3], IMPRESSIONS[2], *IMPRESSIONS[3:]], [*PEOPLE[:3], PEOPLE[2], *PEOPLE[3:]])
    assert idle == fit_reach_curve(IMPRESSIONS, PEOPLE)


def test_points_on_a_curve_give_back_the_curve() -> None:
    """The published points of 60 x / (x + 50)."""
    curve = fit_reach_curve([10, 20, 40, 80, 160], [10, 17.142857, 26.666667, 36.923077, 45.714286])
    assert (curve.ceiling, curve.half) == pytest.approx((60, 50), rel=1e-6)


@pytest.mark.parametrize(
    "points",
    [
        ([10, 20], [1, 2]),
        ([0, 1, 2], [1, 2, 3]),
        ([1, 2, 3], [0, 0, 0]),
        ([3, 2, 1], [1, 2, 3]),
        ([1, 2, 3], [3, 2, 4]),
    ],
)
def test_no_curve_is_drawn_through_too_little(points) -> None:
    with pytest.raises(PermanentError, match="three points"):
        fit_reach_curve(*points)


def test_negative_binomial_exposures_are_those_of_scipy() -> None:
    """scipy.stats.nbinom(0.8, 0.8 / 3.8): 1 - cdf(0) and 1 - cdf(2)."""
    assert negative_binomial_reach(3, 0.8) == pytest.approx(0.7124951917213886)
    assert negative_binomial_reach(3, 0.8, at_least=3) == pytest.approx(0.40189442931513275)
    assert negative_binomial_reach(3, 0.8, at_least=0) == 1


PEOPLE_OF = st.lists(st.sets(st.integers(0, 30), max_size=20), min_size=1, max_size=5)


@settings(max_examples=80, deadline=None)
@given(PEOPLE_OF, st.randoms(use_true_random=False))
def test_the_bounds_always_hold_the_true_reach_and_pairs_only_narrow_them(reached, random) -> None:
    names = [f"p{n}" for n in range(len(reached))]
    single = {name: float(len(who)) for name, who in zip(names, reached, strict=True)}
    pairs = {
        frozenset((names[a], names[b])): float(len(reached[a] & reached[b]))
        for a, b in itertools.combinations(range(len(reached)), 2)
    }
    some = {pair: both for pair, both in pairs.items() if random.random() < 0.5}
    truth = len(set().union(*reached))
    widest, middle, closest = (union_bounds(single, told, population=31) for told in ({}, some, pairs))
    for low, high in (widest, middle, closest):
        assert low - 1e-9 <= truth <= high + 1e-9
    assert widest[0] - 1e-9 <= middle[0] <= closest[0] + 1e-9
    assert closest[1] - 1e-9 <= middle[1] <= widest[1] + 1e-9


def test_two_publishers_with_their_overlap_are_known_exactly() -> None:
    assert union_bounds({"a": 60, "b": 50}, {frozenset("ab"): 20}, population=1000) == (90, 90)
    assert union_bounds({"a": 60, "b": 50}, {}, population=100) == (60, 100)
    assert independent_reach([0.4, 0.3, 0.2]) == pytest.approx(0.664)


# lifelines.datasets.load_waltons(): (age, converted, censored). Open data of the package, counted.
WALTONS = [
    (6, 1, 0), (7, 1, 1), (9, 3, 0), (13, 3, 0), (15, 2, 0), (17, 1, 0), (19, 3, 0), (22, 4, 0), (26, 5, 0), (29, 5, 0),
    (32, 1, 0), (33, 3, 0), (36, 2, 0), (38, 2, 0), (41, 7, 0), (43, 1, 0), (45, 9, 1), (47, 1, 0), (48, 8, 0),
    (51, 3, 0), (53, 7, 0), (54, 2, 0), (56, 18, 0), (58, 4, 0), (60, 15, 1), (61, 9, 2), (62, 2, 0), (63, 9, 0),
    (66, 3, 0), (68, 9, 1), (69, 12, 1), (75, 1, 0),
]  # fmt: skip
# KaplanMeierFitter: survival with its 95 % interval.
LIFELINES = {
    6: (0.9938650306748462, 0.9572536591090658, 0.9991335232818397),
    26: (0.8580904907975462, 0.794213194951949, 0.9033358984288105),
    56: (0.4299026499659169, 0.35268900481936244, 0.5046796092328875),
    66: (0.16061370194402164, 0.10792857552264644, 0.22263862396419273),
}


def test_the_share_that_has_converted_by_an_age_is_that_of_lifelines() -> None:
    steps = {step.age: step for step in converted_by(Aged(*row) for row in WALTONS)}
    for age, (staying, low, high) in LIFELINES.items():
        found = steps[age].converted
        assert (found.value, found.low, found.high) == pytest.approx((1 - staying, 1 - high, 1 - low), abs=1e-9)
    assert time_until(list(steps.values()), 0.5) == 56
    assert steps[6].at_risk == 163


def test_people_still_waiting_make_the_typical_time_longer_than_among_converters() -> None:
    people = [Aged(1, 50, 0), Aged(5, 30, 0), Aged(7, 0, 120)]
    assert time_until(converted_by(people), 0.5) is None
    assert time_until(converted_by(people[:2]), 0.5) == 1


def test_a_conversion_before_its_touch_is_refused() -> None:
    with pytest.raises(PermanentError, match="before the touch"):
        converted_by([Aged(-1, 1, 0)])


def regions(effect: float, arms: str) -> list[Region]:
    """Ten regions of very different size whose growth differs a little, and the treated ones by `effect` more."""
    wobble = [0.02, -0.03, 0.01, 0.04, -0.02, 0.03, -0.01, 0.0, -0.04, 0.015]
    return [
        Region(100.0 * 2**n, 100.0 * 2**n * math.exp(0.1 + w) * (1 + effect * (arm == "t")), arm == "t")
        for n, (w, arm) in enumerate(zip(wobble, arms, strict=True))
    ]


def test_regions_with_the_campaign_show_its_effect_beyond_common_growth() -> None:
    found = geo_lift(regions(0.2, "tctctctctc"))
    assert found.relative.holds(0.2)
    assert 0.1 < found.relative.low < found.relative.high < 0.3
    assert found.p_value == pytest.approx(2 / 252)
    assert found.smallest_p == found.p_value
    during = sum(region.during for region in regions(0.2, "tctctctctc") if region.treated)
    truth = during * (1 - 1 / 1.2)
    assert found.incremental.holds(truth)
    nothing = geo_lift(regions(0.0, "tctctctctc"))
    assert nothing.relative.holds(0.0)
    assert nothing.p_value > 0.05


def test_too_few_regions_are_refused() -> None:
    with pytest.raises(PermanentError, match="add regions"):
        geo_lift(regions(0.2, "tctctctctc")[:6])
    with pytest.raises(PermanentError, match="merge"):
        geo_lift([Region(0, 5, treated=True), Region(3, 5, treated=False)])
