"""Lift where whole regions were randomised: some see the campaign, the others do not.

Belongs here: difference in differences over regions, judged by the randomisation itself. Regions are few and unequal,
so no normal curve is assumed: p-values and ends come from all the ways in which the arms could have been drawn.
Source: Fisher's randomisation test and its inversion.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import TYPE_CHECKING

import numpy as np

from segment_assets.contracts import PermanentError
from segment_assets.measurement.intervals import LEVEL, Interval

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

_MOST_DRAWS = 20_000
_SEED = 20261122
# Contrasts of the same draw may differ by rounding.
_EXACT = 1e-12
_FURTHEST = 100


@dataclasses.dataclass(frozen=True, slots=True)
class Region:
    """One region: what it brought before and during the campaign (any additive number), and its arm."""

    before: float
    during: float
    treated: bool


@dataclasses.dataclass(frozen=True, slots=True)
class GeoLift:
    """`relative` is the growth of treated regions over that of the others (0.1 is 10 % more); `incremental` its worth.

    `incremental` is in the unit of the regions' numbers. `smallest_p` is the lowest p-value that so few regions allow.
    """

    relative: Interval
    incremental: Interval
    p_value: float
    smallest_p: float


def geo_lift(regions: Sequence[Region], level: float = LEVEL) -> GeoLift:
    """Compare log growth of treated regions with the others. Every region needs numbers above 0.

    Raises PermanentError where the draws are too few for an interval at this level: add regions.
    """
    if any(min(region.before, region.during) <= 0 for region in regions):
        raise PermanentError("geo lift needs every region above 0 before and during; merge small regions")
    growth = np.array([math.log(region.during / region.before) for region in regions])
    treated = np.array([region.treated for region in regions])
    draws = _draws(treated)
    # With arms of one size every draw has its mirror image, which is as far from 0.
    smallest = (2 if 2 * treated.sum() == len(treated) else 1) / len(draws)
    if smallest > 1 - level:
        raise PermanentError(f"{len(regions)} regions allow {len(draws)} draws, too few for {level:.0%}; add regions")
    drawn, of_effect = _contrasts(growth, draws), _contrasts(treated.astype(np.float64), draws)
    value = _contrast(growth, treated)

    def rejected(effect: float) -> bool:
        # Without the effect the arms are exchangeable, and a contrast is linear in what is taken away.
        far = np.abs(drawn - effect * of_effect) >= abs(value - effect) - _EXACT
        return int(np.count_nonzero(far)) <= (1 - level) * len(draws) + _EXACT

    spread = drawn - value * of_effect
    low, high = (_last_accepted(rejected, value, side * max(float(spread.std()), _EXACT)) for side in (-1, 1))
    p = float(np.mean(np.abs(drawn) >= abs(value) - _EXACT))
    during = sum(region.during for region in regions if region.treated)
    relative = Interval(*(math.expm1(end) for end in (value, low, high)))
    incremental = Interval(*(during * -math.expm1(-end) for end in (value, low, high)))
    return GeoLift(relative, incremental, p, smallest)


def _contrast(growth: npt.NDArray[np.float64], treated: npt.NDArray[np.bool_]) -> float:
    return float(growth[treated].mean() - growth[~treated].mean())


def _contrasts(growth: npt.NDArray[np.float64], draws: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    size = draws[0].sum()
    inside = draws @ growth
    return np.asarray(inside / size - (growth.sum() - inside) / (len(growth) - size))


def _draws(treated: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Every way to draw as many treated regions; where these are too many, the real one and a fixed random sample."""
    size, count = len(treated), int(treated.sum())
    if not 0 < count < size:
        raise PermanentError("geo lift needs regions with the campaign and regions without")
    if math.comb(size, count) <= _MOST_DRAWS:
        rows = np.zeros((math.comb(size, count), size), dtype=np.bool_)
        for row, chosen in enumerate(itertools.combinations(range(size), count)):
            rows[row, list(chosen)] = True
        return rows
    rng = np.random.default_rng(_SEED)
    shuffled = rng.permuted(np.tile(treated, (_MOST_DRAWS - 1, 1)), axis=1)
    return np.vstack([treated, shuffled])


def _last_accepted(rejected: Callable[[float], bool], value: float, step: float) -> float:
    """The effect furthest from `value` in the direction of `step` that the test does not reject, by bisection."""
    near, far = value, value + step
    while not rejected(far) and abs(far - value) < _FURTHEST * abs(step):
        far = value + 2 * (far - value)
    for _ in range(40):
        middle = (near + far) / 2
        near, far = (near, middle) if rejected(middle) else (middle, far)
    return near
