"""Reach: how it grows with impressions, how often people are reached, and what is known about several publishers.

Belongs here: curves and bounds. Reach is distinct people, so it never adds up.
Sources: Sainsbury (independence), Frechet and Bonferroni (bounds), negative binomial exposure (Ehrenberg),
reach = ceiling * x / (x + half) as in Michaelis and Menten; quasi-likelihood (Wedderburn 1974), robust errors (White).
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING

import numpy as np

from segment_assets.contracts import PermanentError
from segment_assets.measurement.intervals import LEVEL, Interval, t_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

_PARAMETERS = 2
# `half` is searched between e^-7 of the fewest and e^7 of the most impressions.
_FAR = 7
_ROUNDS, _POINTS = 8, 61
_TOO_LITTLE = "a reach curve needs three points or more, with ever more impressions and some people reached"


@dataclasses.dataclass(frozen=True, slots=True)
class ReachCurve:
    """`ceiling` people at most; half of them at `half` impressions. `covariance` is of (ceiling, half), row by row.

    `freedom` is the number of days beyond the two parameters.
    """

    ceiling: float
    half: float
    covariance: tuple[tuple[float, float], tuple[float, float]]
    freedom: int

    def at(self, impressions: float, level: float = LEVEL) -> Interval:
        """Expected reach with the interval (Student's t) of the fitted mean, never below 0."""
        value = self.ceiling * impressions / (impressions + self.half)
        slope = np.array([impressions / (impressions + self.half), -value / (impressions + self.half)])
        error = t_of(self.freedom, level) * float(np.sqrt(max(slope @ np.array(self.covariance) @ slope, 0.0)))
        return Interval(value, max(value - error, 0.0), value + error)


def fit_reach_curve(impressions: Sequence[float], reached: Sequence[float]) -> ReachCurve:
    """The curve through a period's (impressions, people) so far, by the end of at least three days with impressions.

    What days add is fitted, not their sums: sums of one period share their errors, and an interval that takes them for
    independent holds the truth far too rarely. Counts of new people are taken as Poisson, so the curve ends where the
    last day ended; the interval lets days scatter in proportion to what they add (sandwich), as days differ by more
    than chance. Raises PermanentError for points that no curve can be told from.
    """
    x, y = np.asarray(impressions, dtype=np.float64), np.asarray(reached, dtype=np.float64)
    if len(x) != len(y) or not len(x):
        raise PermanentError(_TOO_LITTLE)
    more, new = np.diff(x, prepend=0.0), np.diff(y, prepend=0.0)
    days = more > 0
    x, new = x[days], new[days]
    if more.min() < 0 or len(x) <= _PARAMETERS or new.min() < 0 or not new.any():
        raise PermanentError(_TOO_LITTLE)

    def shares(half: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        before = np.concatenate([[0.0], x[:-1]])
        # x / (x + half) of a day less that of the day before, without the loss of digits.
        return np.asarray((x - before) * half / ((x + half) * (before + half)))

    def unlikely(log_half: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        share = shares(np.exp(log_half)[:, None])
        return np.asarray(new.sum() * np.log(share.sum(axis=1)) - np.log(share) @ new)

    half = float(np.exp(_smallest(unlikely, np.log(x.min()) - _FAR, np.log(x.max()) + _FAR)))
    share = shares(np.array(half))
    ceiling = float(new.sum() / share.sum())
    expected = ceiling * share
    # By the logarithms of both parameters, which are of one size.
    slopes = np.column_stack([expected, np.diff(-ceiling * x * half / (x + half) ** 2, prepend=0.0)])
    freedom = len(x) - _PARAMETERS
    scatter = float(np.sum((new / expected - 1) ** 2)) / freedom
    bread = np.linalg.pinv(slopes.T @ (slopes / expected[:, None])) @ slopes.T
    covariance = scatter * bread @ bread.T * np.outer([ceiling, half], [ceiling, half])
    (a, b), (c, d) = covariance.tolist()
    return ReachCurve(ceiling, half, ((a, b), (c, d)), freedom)


def negative_binomial_reach(mean: float, shape: float, at_least: int = 1) -> float:
    """Share of people with `at_least` exposures, when these average `mean` and vary by `shape` (small: unequal).

    >>> round(negative_binomial_reach(3, 0.8), 7), round(negative_binomial_reach(3, 0.8, at_least=3), 7)
    (0.7124952, 0.4018944)
    """
    if mean <= 0 or shape <= 0 or at_least < 0:
        raise PermanentError("exposures need a mean and a shape above 0")
    probability, below = (shape / (shape + mean)) ** shape, 0.0
    for exposures in range(at_least):
        below += probability
        probability *= (shape + exposures) / (exposures + 1) * mean / (shape + mean)
    return 1 - below


def independent_reach(shares: Sequence[float]) -> float:
    """Share reached by any publisher if seeing one had nothing to do with seeing another.

    >>> round(independent_reach([0.4, 0.3, 0.2]), 3)
    0.664
    """
    return float(1 - np.prod([1 - share for share in shares]))


def union_bounds(
    reached: Mapping[str, float], pairs: Mapping[frozenset[str], float], *, population: float
) -> tuple[float, float]:
    """Fewest and most people reached by at least one publisher, from single reaches and, where told, of pairs.

    Without pairs these are Frechet's bounds, with all of them Bonferroni's (Dawson and Sankoff below, Hunter and
    Worsley above). A pair that was withheld is left out: the bounds only get wider. With one publisher both are exact.
    """
    names, total = sorted(reached), sum(reached.values())
    lowest, highest = max(reached.values(), default=0.0), min(total, population)
    told = {pair: both for pair, both in pairs.items() if pair <= set(names)}
    for pair, both in told.items():
        lowest = max(lowest, sum(reached[name] for name in pair) - both)
    if len(told) == len(names) * (len(names) - 1) // 2 and total:
        shared = sum(told.values())
        k = 1 + int(2 * shared // total)
        lowest = max(lowest, 2 * total / (k + 1) - 2 * shared / (k * (k + 1)))
    return lowest, max(min(highest, total - _heaviest_tree(names, told)), lowest)


def _heaviest_tree(names: Sequence[str], pairs: Mapping[frozenset[str], float]) -> float:
    """Largest sum of pairs that no two ways connect: what can safely be taken off the sum (Kruskal)."""
    group = {name: name for name in names}
    weight = 0.0
    for one, other in sorted(itertools.combinations(names, 2), key=lambda p: -pairs.get(frozenset(p), 0.0)):
        if group[one] != group[other]:
            weight += pairs.get(frozenset((one, other)), 0.0)
            old, new = group[one], group[other]
            group = {name: new if of == old else of for name, of in group.items()}
    return weight


def _smallest(value: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]], low: float, high: float) -> float:
    """Where a function is smallest: the best point of a grid, then of ever finer grids around it."""
    for _ in range(_ROUNDS):
        grid = np.linspace(low, high, _POINTS)
        best = int(np.argmin(value(grid)))
        low, high = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, _POINTS - 1)])
    return (low + high) / 2
