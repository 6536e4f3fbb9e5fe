"""Confidence intervals of proportions, of their differences and ratios, and of means.

Belongs here: intervals. Not here: what is compared with what (`lift`).
Sources: Wilson 1927; Newcombe 1998 (method 10, for differences); Katz et al. 1978 (for ratios); Welch 1947;
Abramowitz and Stegun 26.7.3 and 26.7.4 (Student's t); Kish 1965 (design effect).
"""

from __future__ import annotations

import dataclasses
import math
import statistics

from segment_assets.contracts import PermanentError

LEVEL = 0.95
_NORMAL = statistics.NormalDist()


@dataclasses.dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with the ends of its confidence interval, in one unit."""

    value: float
    low: float
    high: float

    def times(self, factor: float) -> Interval:
        """The same in another unit.

        >>> Interval(0.1, 0.0, 0.2).times(-10)
        Interval(value=-1.0, low=-2.0, high=-0.0)
        """
        ends = sorted((self.low * factor, self.high * factor))
        return Interval(self.value * factor, *ends)

    def widened(self, design_effect: float) -> Interval:
        """The same estimate where people came in clusters: both ends sqrt(design_effect) times as far away.

        Raises PermanentError below 1. A ratio is widened in logarithms: see `log_ratio`.

        >>> Interval(0.5, 0.4, 0.7).widened(4.0).high
        0.8999999999999999
        """
        factor = _factor(design_effect)
        return Interval(
            self.value, self.value - (self.value - self.low) * factor, self.value + (self.high - self.value) * factor
        )

    def holds(self, truth: float) -> bool:
        """Whether a value lies within, the ends included."""
        return self.low <= truth <= self.high


@dataclasses.dataclass(frozen=True, slots=True)
class Proportion:
    """`successes` of `trials` people. Raises PermanentError where that cannot be."""

    successes: int
    trials: int

    def __post_init__(self) -> None:
        if not 0 <= self.successes <= self.trials or self.trials < 1:
            raise PermanentError(
                f"{self.successes} of {self.trials} is no proportion; count distinct people on both sides"
            )

    @property
    def share(self) -> float:
        """Between 0 and 1."""
        return self.successes / self.trials


def z_of(level: float = LEVEL) -> float:
    """Standard errors to either side of a normal estimate: 1.96 at 95 %."""
    if not 0 < level < 1:
        raise PermanentError(f"a confidence level lies between 0 and 1, {level} does not; give for instance 0.95")
    return _NORMAL.inv_cdf(0.5 + level / 2)


def t_of(freedom: int, level: float = LEVEL) -> float:
    """Standard errors to either side where the error itself is estimated with `freedom` degrees of freedom (Student).

    >>> round(t_of(6), 6)
    2.446912
    """
    if freedom < 1 or not 0 < level < 1:
        raise PermanentError("Student's t needs a degree of freedom and a level between 0 and 1")
    low, high = 0.0, math.pi / 2
    for _ in range(80):
        angle = (low + high) / 2
        low, high = (angle, high) if _within_t(angle, freedom) < level else (low, angle)
    return math.sqrt(freedom) * math.tan((low + high) / 2)


def _within_t(angle: float, freedom: int) -> float:
    """Probability that Student's t lies within sqrt(freedom) * tan(angle) of 0."""
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = freedom % 2
    term, total = (cosine if odd else 1.0), 0.0
    for step in range(1 + odd, freedom, 2):
        total += term
        term *= cosine * cosine * step / (step + 1)
    return 2 / math.pi * (angle + sine * total) if odd else sine * total


def two_sided(z: float) -> float:
    """Probability of a standard normal value at least as far from 0 as `z`."""
    return math.erfc(abs(z) / math.sqrt(2))


def wilson(counted: Proportion, level: float = LEVEL) -> Interval:
    """A proportion with Wilson's interval, which stays within 0 and 1 and is right for few successes too.

    >>> wilson(Proportion(0, 10)).low
    0.0
    """
    z, n, share = z_of(level), counted.trials, counted.share
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low = 0.0 if counted.successes == 0 else middle - reach
    high = 1.0 if counted.successes == n else middle + reach
    return Interval(share, low, high)


def newcombe(treatment: Proportion, control: Proportion, level: float = LEVEL) -> Interval:
    """Difference of two independent proportions, treatment minus control, made of their Wilson intervals.

    >>> round(newcombe(Proportion(250, 10_000), Proportion(200, 10_000)).low, 9)
    0.000887048
    """
    one, other = wilson(treatment, level), wilson(control, level)
    value = one.value - other.value
    down = math.hypot(one.value - one.low, other.high - other.value)
    up = math.hypot(one.high - one.value, other.value - other.low)
    return Interval(value, value - down, value + up)


def log_ratio(
    treatment: Proportion, control: Proportion, level: float = LEVEL, *, design_effect: float = 1.0
) -> Interval | None:
    """Ratio of two independent proportions, treatment / control. None where a side has no success: no bound exists.

    With a `design_effect` above 1 the error of its logarithm is sqrt(design_effect) times as large.
    """
    if not treatment.successes or not control.successes:
        return None
    value = treatment.share / control.share
    error = math.sqrt(
        1 / treatment.successes - 1 / treatment.trials + 1 / control.successes - 1 / control.trials
    )  # fmt: skip
    spread = math.exp(z_of(level) * error * _factor(design_effect))
    return Interval(value, value / spread, value * spread)


def pooled_z(treatment: Proportion, control: Proportion) -> float:
    """Test statistic of "both shares are equal"; 0 where nobody or everybody succeeded."""
    share = (treatment.successes + control.successes) / (treatment.trials + control.trials)
    error = math.sqrt(share * (1 - share) * (1 / treatment.trials + 1 / control.trials))
    return (treatment.share - control.share) / error if error else 0.0


def _factor(design_effect: float) -> float:
    if design_effect < 1:
        raise PermanentError(f"a design effect of {design_effect} is below 1: that of people drawn one by one")
    return math.sqrt(design_effect)
