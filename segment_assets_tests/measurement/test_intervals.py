"""Intervals and lift against scipy 1.17 and statsmodels 0.15, whose results stand here as numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.contracts import PermanentError
from segment_assets.measurement.covariates import Sums, adjusted_difference, mean_difference, variance_kept
from segment_assets.measurement.intervals import Interval, Proportion, log_ratio, newcombe, t_of, wilson, z_of
from segment_assets.measurement.lift import (
    cost_per_incremental_customer,
    incremental_revenue,
    iroas,
    lift,
    minimum_detectable_effect,
)
from segment_assets.measurement.sample_ratio import sample_ratio

# By proportion_confint of statsmodels, method "wilson".
WILSON = [
    (0, 10, 0.0, 0.27753279986288926),
    (1, 10, 0.017876213095072924, 0.40415002679523854),
    (5, 10, 0.23659309051256394, 0.7634069094874361),
    (10, 10, 0.7224672001371106, 1.0),
    (37, 1234, 0.021830557376379046, 0.04105427998789423),
]
# Of statsmodels: confint_proportions_2indep with "newcomb" for the difference and "log" for the ratio, proportions_ztest.
TWO_ARMS = [
    ((250, 10_000), (200, 10_000), (0.0008870475992941457, 0.009138266721419232), (1.040064397676184, 1.5023108218020862), 0.01712582887219501),
    ((4800, 100_000), (3900, 100_000), (0.007213178872934707, 0.01078878499302875), (1.1809341674907183, 1.2827073185857245), 5.845856339858978e-23),
    ((1200, 90_000), (100, 10_000), (0.0010660116837976539, 0.00526432985962921), (1.0884246774104038, 1.6333493852854324), 0.0052430900960781),
    ((7, 12), (2, 15), (0.08963119187024443, 0.6931481803270488), (1.1051019774442996, 17.32023414188918), 0.013710830078133205),
]  # fmt: skip
ARMS = st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(("successes", "trials", "low", "high"), WILSON)
def test_a_proportion_has_wilsons_interval(successes: int, trials: int, low: float, high: float) -> None:
    found = wilson(Proportion(successes, trials))
    assert (found.value, found.low, found.high) == pytest.approx((successes / trials, low, high), abs=1e-12)


@pytest.mark.parametrize(("treatment", "control", "difference", "ratio", "p_value"), TWO_ARMS)
def test_two_arms_are_compared_as_statsmodels_compares_them(treatment, control, difference, ratio, p_value) -> None:
    one, other = Proportion(*treatment), Proportion(*control)
    found = lift(one, other)
    assert (found.effect.low, found.effect.high) == pytest.approx(difference, rel=1e-9)
    assert found.relative is not None
    assert (found.relative.low + 1, found.relative.high + 1) == pytest.approx(ratio, rel=1e-9)
    assert found.p_value == pytest.approx(p_value, rel=1e-6)


def test_the_published_worked_example_of_a_ten_percent_hold_out_gives_three_hundred_customers() -> None:
    """90/10 arms, 1200 of 90,000 against 100 of 10,000: the control is scaled up to the treatment."""
    found = lift(Proportion(1200, 90_000), Proportion(100, 10_000))
    assert found.incremental.value == pytest.approx(300)
    assert found.relative is not None
    assert found.relative.value == pytest.approx(1 / 3)


def test_a_difference_without_any_converter_in_control_has_ends_and_the_ratio_has_none() -> None:
    found = newcombe(Proportion(3, 40), Proportion(0, 35))
    assert (found.low, found.high) == pytest.approx((-0.03544683175351293, 0.1986423352431055), rel=1e-9)
    assert log_ratio(Proportion(3, 40), Proportion(0, 35)) is None


@settings(max_examples=60, deadline=None)
@given(ARMS, ARMS)
def test_swapping_the_arms_turns_the_interval_round_and_no_end_leaves_what_is_possible(one, other) -> None:
    forth, back = newcombe(Proportion(*one), Proportion(*other)), newcombe(Proportion(*other), Proportion(*one))
    assert (forth.low, forth.high) == pytest.approx((-back.high, -back.low), abs=1e-12)
    assert -1 - 1e-12 <= forth.low <= forth.value + 1e-12
    assert forth.value - 1e-12 <= forth.high <= 1 + 1e-12


@pytest.mark.parametrize(("successes", "trials"), [(-1, 5), (6, 5), (0, 0)])
def test_what_is_no_proportion_is_refused(successes: int, trials: int) -> None:
    with pytest.raises(PermanentError, match="no proportion"):
        Proportion(successes, trials)


def test_a_level_outside_of_nought_and_one_is_refused() -> None:
    assert z_of(0.95) == pytest.approx(1.959963984540054)
    with pytest.raises(PermanentError, match=r"0\.95"):
        z_of(95)


# power_proportions_2indep(effect, base, treatment, ratio=control / treatment) of statsmodels 0.15.0, solved for a power
# of 0.8 by scipy.optimize.brentq (1.17.1). It counts the 2.5 % of the other tail too, of which nothing is left here.
DETECTABLE = [
    (0.02, 90_000, 10_000, 0.0044156008222877826),
    (0.05, 5000, 5000, 0.01293164428795334),
    (0.02, 9000, 1000, 0.015979963167435017),
    (0.01, 45_000, 5000, 0.004742138553902308),
    (0.1, 180, 20, 0.28551541848963463),
]


@pytest.mark.parametrize(("base", "treatment", "control", "effect"), DETECTABLE)
def test_the_detectable_effect_is_that_of_statsmodels(base, treatment, control, effect) -> None:
    assert minimum_detectable_effect(base, treatment, control) == pytest.approx(effect, rel=1e-5)


@pytest.mark.parametrize(("base", "treatment", "control"), [(0.02, 9000, 1000), (0.05, 5000, 5000)])
def test_a_true_effect_of_that_size_is_significant_in_eighty_of_a_hundred_trials(base, treatment, control) -> None:
    """Hold-outs of a tenth once had 67 %: their p-value is pooled, and the effect was computed as if it were not."""
    draw, trials = np.random.default_rng(20261122), 800
    effect = minimum_detectable_effect(base, treatment, control)
    arms = zip(draw.binomial(treatment, base + effect, trials), draw.binomial(control, base, trials), strict=True)
    found = [lift(Proportion(int(one), treatment), Proportion(int(other), control)) for one, other in arms]
    assert 0.76 < sum(each.p_value < 0.05 for each in found) / trials < 0.86


def test_a_hold_out_without_converters_still_says_what_could_have_been_seen() -> None:
    assert 0 < minimum_detectable_effect(0.0, 9000, 1000) < 0.01


# Two arms drawn with numpy: sums of y, y², x, x², xy. Differences by statsmodels CompareMeans (z, unequal) and OLS on x.
TREATED = Sums(300, 4586.3, 93051.47, 6021.1, 173713.93, 121267.71)
HELD = Sums(100, 1368.0, 27680.6, 2143.8, 66620.7, 41102.21)


def test_means_are_compared_as_by_statsmodels() -> None:
    found = mean_difference(TREATED, HELD)
    assert (found.low, found.high) == pytest.approx((-0.5045599106983141, 3.7198932440316512), rel=1e-9)


def test_the_covariate_adjustment_is_the_regression_on_it() -> None:
    """OLS gives 2.37015924 with a standard error of 0.55181465 (one residual variance for both arms, ours has two)."""
    found = adjusted_difference(TREATED, HELD)
    assert found.value == pytest.approx(2.37015924, rel=1e-8)
    assert (found.high - found.low) / 2 == pytest.approx(1.959964 * 0.55181465, rel=0.05)
    assert variance_kept(TREATED, HELD) < 0.35


def test_a_covariate_that_does_not_vary_changes_nothing() -> None:
    bare = [Sums(arm.people, arm.y, arm.yy) for arm in (TREATED, HELD)]
    assert adjusted_difference(*bare) == mean_difference(*bare)
    assert variance_kept(*bare) == 1.0


def test_one_person_has_no_variance() -> None:
    with pytest.raises(PermanentError, match="1 people"):
        Sums(1, 5.0, 25.0)


def test_money_is_that_of_the_whole_treatment_arm() -> None:
    extra = incremental_revenue(TREATED, HELD)
    assert extra.value == pytest.approx(300 * 2.37015924)
    returned = iroas(extra, 500.0)
    assert returned is not None
    assert returned.value == pytest.approx(300 * 2.37015924 / 500)
    assert iroas(extra, 0.0) is None


def test_the_cost_of_a_customer_has_no_upper_end_where_perhaps_nobody_came_for_the_money() -> None:
    sure = cost_per_incremental_customer(Interval(300, 100, 500), 1000)
    assert (sure.value, sure.low, sure.high) == pytest.approx((1000 / 300, 2, 10))
    unsure = cost_per_incremental_customer(Interval(300, -100, 500), 1000)
    assert (unsure.low, unsure.high) == (2, None)
    harmful = cost_per_incremental_customer(Interval(-5, -10, -1), 1000)
    assert (harmful.value, harmful.low, harmful.high) == (None, None, None)


def test_arms_that_chance_alone_does_not_give_are_a_mismatch() -> None:
    """scipy.stats.chisquare([1100, 8900], [1000, 9000]): p 0.00085812066639."""
    found = sample_ratio(1100, 8900, planned=0.1)
    assert found.p_value == pytest.approx(0.0008581206663936758, rel=1e-9)
    assert found.mismatch
    assert not sample_ratio(1080, 8920, planned=0.1).mismatch


def test_families_in_one_arm_make_unequal_arms_less_suspicious() -> None:
    assert not sample_ratio(1100, 8900, planned=0.1, design_effect=1.5).mismatch
    with pytest.raises(PermanentError):
        sample_ratio(0, 0, planned=0.1)
    assert math.isclose(sample_ratio(1000, 9000, planned=0.1).p_value, 1.0)


# scipy.stats.t.ppf(0.975, freedom).
@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [(1, 12.706204736), (2, 4.3026527299), (3, 3.1824463053), (4, 2.7764451052), (6, 2.4469118511), (38, 2.0243941639)],
)
def test_few_points_need_the_wider_quantile_of_student(freedom: int, quantile: float) -> None:
    assert t_of(freedom) == pytest.approx(quantile, rel=1e-9)


def test_no_quantile_exists_without_a_degree_of_freedom() -> None:
    with pytest.raises(PermanentError, match="degree of freedom"):
        t_of(0)


def test_couples_who_always_do_the_same_are_half_as_many_people() -> None:
    """Everybody counted twice with a design effect of 2 knows as much as everybody counted once."""
    once = lift(Proportion(2500, 100_000), Proportion(2000, 100_000))
    twice = lift(Proportion(5000, 200_000), Proportion(4000, 200_000), design_effect=2.0)
    assert (twice.effect.value, twice.effect.low, twice.effect.high) == pytest.approx(
        (once.effect.value, once.effect.low, once.effect.high), rel=1e-3
    )
    assert once.relative is not None
    assert twice.relative is not None
    assert (twice.relative.low, twice.relative.high) == pytest.approx((once.relative.low, once.relative.high), rel=1e-9)
    assert twice.p_value == pytest.approx(once.p_value, rel=1e-9)
    assert twice.minimum_detectable_effect == pytest.approx(once.minimum_detectable_effect, rel=1e-9)


def test_no_widened_effect_leaves_what_is_possible_and_no_design_effect_narrows() -> None:
    found = lift(Proportion(9, 10), Proportion(1, 10), design_effect=100.0)
    assert (found.effect.low, found.effect.high) == (-1.0, 1.0)
    with pytest.raises(PermanentError, match="design effect"):
        Interval(1.0, 0.0, 2.0).widened(0.5)
