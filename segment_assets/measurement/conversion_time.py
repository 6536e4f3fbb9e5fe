"""Time to conversion where observation ends before everybody has converted (right-censoring).

Belongs here: the share who have converted by a time. Not here: from which touch the time runs.
Averages over converters alone are too short: who converts late is missing from them.
Sources: Kaplan and Meier 1958; Greenwood 1926; log-log interval as in Kalbfleisch and Prentice.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from segment_assets.contracts import PermanentError
from segment_assets.measurement.intervals import LEVEL, Interval, z_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclasses.dataclass(frozen=True, slots=True)
class Aged:
    """People with one age: `converted` at it, `censored` seen without a conversion until it and not after."""

    age: float
    converted: int
    censored: int


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """From `age` on, the share of all people who have converted; `at_risk` were still observed just before."""

    age: float
    at_risk: int
    converted: Interval


def converted_by(people: Iterable[Aged], level: float = LEVEL) -> list[Step]:
    """One step per age at which somebody converted, in order. Censored at an age counts as at risk at that age.

    >>> [round(step.converted.value, 3) for step in converted_by([Aged(1, 1, 1), Aged(2, 1, 1)])]
    [0.25, 0.625]
    """
    rows = sorted(people, key=lambda row: row.age)
    if any(row.age < 0 or min(row.converted, row.censored) < 0 for row in rows):
        raise PermanentError("ages and counts are 0 or more; a conversion before the touch belongs to no journey")
    at_risk, staying, greenwood, steps = sum(row.converted + row.censored for row in rows), 1.0, 0.0, []
    for age in sorted({row.age for row in rows}):
        here = [row for row in rows if row.age == age]
        converted, gone = sum(row.converted for row in here), sum(row.converted + row.censored for row in here)
        if converted:
            staying *= 1 - converted / at_risk
            if at_risk > converted:
                greenwood += converted / (at_risk * (at_risk - converted))
            steps.append(Step(age, at_risk, _interval(staying, greenwood, level)))
        at_risk -= gone
    return steps


def time_until(steps: Sequence[Step], share: float) -> float | None:
    """The age by which `share` of all people have converted; None where observation ended before."""
    return next((step.age for step in steps if step.converted.value >= share - 1e-12), None)


def _interval(staying: float, greenwood: float, level: float) -> Interval:
    if staying <= 0:
        return Interval(1.0, 1.0, 1.0)
    reach = z_of(level) * math.sqrt(greenwood) / abs(math.log(staying))
    return Interval(1 - staying, 1 - staying ** math.exp(-reach), 1 - staying ** math.exp(reach))
