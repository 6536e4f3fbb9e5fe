"""Whether an experiment has the arms that were drawn: a sample ratio mismatch makes every lift worthless.

Belongs here: comparing arm sizes with the planned share. Not here: who is in an arm.
Source: Fabijan et al., KDD 2019 (a threshold far below 5 %, since the check is made again and again).
"""

from __future__ import annotations

import dataclasses
import math

from segment_assets.contracts import PermanentError
from segment_assets.measurement.intervals import two_sided

SUSPICIOUS_BELOW = 0.001


@dataclasses.dataclass(frozen=True, slots=True)
class SampleRatio:
    """`p_value`: how often chance alone gives arms at least that far from the planned share."""

    share: float
    planned: float
    p_value: float

    @property
    def mismatch(self) -> bool:
        """True: look for what puts people into, or takes them out of, one arm more than the other."""
        return self.p_value < SUSPICIOUS_BELOW


def sample_ratio(held_out: int, treatment: int, *, planned: float, design_effect: float = 1.0) -> SampleRatio:
    """Compare arms with the planned share of the hold-out (between 0 and 1, both excluded).

    Arms are drawn by clusters of people who share an identifier; `design_effect` is the sum of squared cluster sizes
    over the sum of cluster sizes: 1 where everybody is alone. Raises PermanentError for other numbers.
    """
    people = held_out + treatment
    if people < 1 or min(held_out, treatment) < 0 or not 0 < planned < 1 or design_effect < 1:
        raise PermanentError("a sample ratio needs people, a share within 0 and 1 and a design effect of 1 or more")
    error = math.sqrt(planned * (1 - planned) * design_effect / people)
    share = held_out / people
    return SampleRatio(share, planned, two_sided((share - planned) / error))
