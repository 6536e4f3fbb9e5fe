"""The lift of a randomised hold-out: what the campaign caused, compared by the arm that people were assigned to.

Belongs here: effect, incremental people and money, what could have been seen at all. Not here: comparing exposed with
unexposed people, who differ before any ad is shown (the benchmark `bench_truth` shows by how much that misleads).
"""

from __future__ import annotations

import dataclasses
import math

from segment_assets.contracts import PermanentError
from segment_assets.measurement.covariates import Sums, adjusted_difference
from segment_assets.measurement.intervals import (
    LEVEL,
    Interval,
    Proportion,
    log_ratio,
    newcombe,
    pooled_z,
    two_sided,
    z_of,
)

POWER = 0.8


@dataclasses.dataclass(frozen=True, slots=True)
class Lift:
    """Intention-to-treat effect on the share of converters.

    `effect` and `minimum_detectable_effect` are differences of shares, `relative` is effect / control's share (None
    where an arm has no converter), `incremental` counts people of the treatment arm who would not have converted.
    """

    effect: Interval
    relative: Interval | None
    incremental: Interval
    p_value: float
    minimum_detectable_effect: float


@dataclasses.dataclass(frozen=True, slots=True)
class Bounds:
    """Like an Interval whose value or ends may not exist: None is "no finite number"."""

    value: float | None
    low: float | None
    high: float | None


def lift(treatment: Proportion, control: Proportion, level: float = LEVEL, *, design_effect: float = 1.0) -> Lift:
    """Compare the arms as assigned, whatever anybody was sent.

    `design_effect` is that of `sample_ratio`, where arms are drawn by clusters: intervals, p-value and detectable
    effect then hold even if all of a cluster always do the same, and are too careful where they do not.

    >>> found = lift(Proportion(250, 10_000), Proportion(200, 10_000))
    >>> round(found.incremental.value), round(found.p_value, 7)
    (50, 0.0171258)
    """
    wide = newcombe(treatment, control, level).widened(design_effect)
    effect = Interval(wide.value, max(wide.low, -1.0), min(wide.high, 1.0))
    ratio = log_ratio(treatment, control, level, design_effect=design_effect)
    return Lift(
        effect,
        None if ratio is None else Interval(ratio.value - 1, ratio.low - 1, ratio.high - 1),
        effect.times(treatment.trials),
        two_sided(pooled_z(treatment, control) / math.sqrt(design_effect)),
        minimum_detectable_effect(
            control.share, treatment.trials, control.trials, level=level, design_effect=design_effect
        ),
    )


def minimum_detectable_effect(
    base: float,
    treatment: int,
    control: int,
    *,
    level: float = LEVEL,
    power: float = POWER,
    design_effect: float = 1.0,
) -> float:
    """The smallest true rise of the share `base` that arms of this size find significant in `power` of all cases.

    Significant is what the pooled p-value of `lift` says; the variance of the estimate is not pooled (Fleiss, Levin and
    Paik, Statistical Methods for Rates and Proportions, chapter 4). Without that, effects on 9,000 people beside a
    hold-out of 1,000 were told a sixth too small. A share of 0 is known no better than one converter among the control
    people, so that is what is assumed then.
    """
    if not 0 <= base <= 1 or min(treatment, control) < 1:
        raise PermanentError("a detectable effect needs a share between 0 and 1 and people in both arms")
    assumed = max(base, 1 / control)
    significant, detected = z_of(level), z_of(2 * power - 1)
    found = 0.0
    # The treated share varies more than the base it is compared with: a few rounds settle both.
    for _ in range(9):
        treated = min(assumed + found, 1.0)
        pooled = (treatment * treated + control * assumed) / (treatment + control)
        tested = _error(pooled, pooled, treatment, control)
        found = significant * tested + detected * _error(treated, assumed, treatment, control)
        found *= math.sqrt(design_effect)
    return found


def incremental_revenue(treatment: Sums, control: Sums, level: float = LEVEL) -> Interval:
    """Revenue that the treatment arm as a whole would not have brought, adjusted by its own earlier revenue."""
    return adjusted_difference(treatment, control, level).times(treatment.people)


def iroas(incremental: Interval, spend: float) -> Interval | None:
    """Incremental revenue per unit of spend, both in one currency; None without spend."""
    return incremental.times(1 / spend) if spend > 0 else None


def cost_per_incremental_customer(incremental: Interval, spend: float) -> Bounds:
    """Spend per customer who would not have come otherwise.

    Where the interval of `incremental` reaches 0 there is no upper end: perhaps nobody came for the money.
    """
    if spend <= 0:
        return Bounds(None, None, None)
    return Bounds(
        *(spend / people if people > 0 else None for people in (incremental.value, incremental.high, incremental.low))
    )


def _error(treated: float, base: float, treatment: int, control: int) -> float:
    return math.sqrt(treated * (1 - treated) / treatment + base * (1 - base) / control)
