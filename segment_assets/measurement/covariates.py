"""Differences of means between two arms, from sums only, with less variance where an earlier period explains some.

Belongs here: means, and their adjustment by a covariate measured before the experiment (CUPED). Not here: proportions
(`intervals`). Sources: Welch 1947; Deng, Xu, Kohavi and Walker, WSDM 2013.
"""

from __future__ import annotations

import dataclasses
import math

from segment_assets.contracts import PermanentError
from segment_assets.measurement.intervals import LEVEL, Interval, z_of

_FEWEST = 2


@dataclasses.dataclass(frozen=True, slots=True)
class Sums:
    """One arm in sums over its people: outcome `y`, covariate `x` (0 where there is none), squares and product.

    Raises PermanentError with fewer than two people: they have no variance.
    """

    people: int
    y: float
    yy: float
    x: float = 0.0
    xx: float = 0.0
    xy: float = 0.0

    def __post_init__(self) -> None:
        if self.people < _FEWEST:
            raise PermanentError(f"an arm of {self.people} people has no variance; wait until more are assigned")

    @property
    def mean(self) -> float:
        """Of the outcome, per person."""
        return self.y / self.people

    @property
    def covariate_mean(self) -> float:
        """Of the covariate, per person."""
        return self.x / self.people

    def spread(self) -> tuple[float, float, float]:
        """Sums of squares about the means: of y, of x, and of their product."""
        n = self.people
        return self.yy - self.y * self.y / n, self.xx - self.x * self.x / n, self.xy - self.x * self.y / n


def mean_difference(treatment: Sums, control: Sums, level: float = LEVEL) -> Interval:
    """Mean outcome per person, treatment minus control, with unequal variances and a normal quantile."""
    return _difference(treatment, control, 0.0, level)


def adjusted_difference(treatment: Sums, control: Sums, level: float = LEVEL) -> Interval:
    """The same, adjusted by the covariate: what people did before cannot be an effect, so it is taken out.

    The covariate must have been measured before assignment. One slope for both arms, pooled; where the covariate does
    not vary the result is `mean_difference`.
    """
    ours, theirs = treatment.spread(), control.spread()
    xx, xy = ours[1] + theirs[1], ours[2] + theirs[2]
    return _difference(treatment, control, xy / xx if xx > 0 else 0.0, level)


def variance_kept(treatment: Sums, control: Sums) -> float:
    """Share of the unadjusted variance that is left after the adjustment: below 1 where the covariate helps."""
    plain, adjusted = mean_difference(treatment, control), adjusted_difference(treatment, control)
    width = plain.high - plain.low
    return ((adjusted.high - adjusted.low) / width) ** 2 if width else 1.0


def _difference(treatment: Sums, control: Sums, slope: float, level: float) -> Interval:
    value = treatment.mean - control.mean - slope * (treatment.covariate_mean - control.covariate_mean)
    reach = z_of(level) * math.sqrt(_error(treatment, slope) + _error(control, slope))
    return Interval(value, value - reach, value + reach)


def _error(arm: Sums, slope: float) -> float:
    """Squared standard error of the arm's adjusted mean."""
    yy, xx, xy = arm.spread()
    residual = max(yy - 2 * slope * xy + slope * slope * xx, 0.0)
    return residual / (arm.people - 1) / arm.people
