"""Who sees how many ads in a week and who converts: potential outcomes, with and without an audience.

Belongs here: frequencies and responses of people. Not here: the single impressions and orders.

Every draw is made for everybody and before anything is known about audiences, so the same person in the same week
differs between two worlds only by what was delivered: y1 - y0 is the true effect.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.sandbox.world.cells import flags
from segment_assets.sandbox.world.randomness import Purpose

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from segment_assets.sandbox.world.randomness import Turn

# Impressions that an audience adds in a week for a person with a platform account: 2 + Poisson(4).
_EXTRA_AT_LEAST, _EXTRA_MEAN = 2, 4.0
_PLATFORM_DIGESTS = (
    "platform_email_sha256",
    "platform_email_folded_sha256",
    "platform_phone_sha256",
    "platform_phone_plus_sha256",
)


@dataclasses.dataclass(frozen=True, slots=True)
class Week:
    """What happens to the people of a chunk in one week, one entry per person.

    `frequency0` is the number of impressions when no audience names the person, `frequency1` when one does;
    `unexposed`, `y0` and `y1` say whether they would convert without any impression and in those two worlds.
    """

    frequency0: npt.NDArray[np.int64]
    frequency1: npt.NDArray[np.int64]
    unexposed: npt.NDArray[np.bool_]
    y0: npt.NDArray[np.bool_]
    y1: npt.NDArray[np.bool_]
    audiences: pa.Array
    targeted: npt.NDArray[np.bool_]

    @property
    def frequency(self) -> npt.NDArray[np.int64]:
        """Impressions that really happen."""
        return np.where(self.targeted, self.frequency1, self.frequency0)

    @property
    def converted(self) -> npt.NDArray[np.bool_]:
        """Conversions that really happen."""
        return np.where(self.targeted, self.y1, self.y0)


def chance(people: pa.Table, frequency: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Probability to convert in a week: base + ceiling · (1 - exp(-frequency / saturation)).

    Grows with every impression and flattens: the second ad adds less than the first.
    """
    saturation = people["response_saturation"].to_numpy()
    gain = people["response_ceiling"].to_numpy() * (1.0 - np.exp(-frequency / saturation))
    return np.asarray(np.minimum(people["base_probability"].to_numpy() + gain, 1.0))


def make_week(turn: Turn, people: pa.Table, audiences: Mapping[str, pa.Array]) -> Week:
    """Play one week for a chunk. `audiences` maps names to 32-byte digests."""
    rng = turn.stream(Purpose.OUTCOMES)
    size = len(people)
    frequency0 = rng.poisson(people["publisher_visits"].to_numpy())
    extra = _EXTRA_AT_LEAST + rng.poisson(_EXTRA_MEAN, size)
    frequency1 = frequency0 + np.where(flags(people["platform_account"]), extra, 0)
    luck = rng.random(size)
    customer = flags(people["is_customer"])
    named = membership(people, audiences)
    return Week(
        frequency0=frequency0,
        frequency1=frequency1,
        unexposed=customer & (luck < chance(people, np.zeros(size, dtype=np.int64))),
        y0=customer & (luck < chance(people, frequency0)),
        y1=customer & (luck < chance(people, frequency1)),
        audiences=named,
        targeted=flags(named.is_valid()),
    )


def membership(people: pa.Table, audiences: Mapping[str, pa.Array]) -> pa.Array:
    """The names of the audiences that hold each person, joined by commas; null for those in none.

    A platform knows a person by its own identifiers: an audience that names them by others does not reach them.
    """
    result = pa.nulls(len(people), pa.string())
    for name in sorted(audiences):
        holds = np.zeros(len(people), dtype=np.bool_)
        for column in _PLATFORM_DIGESTS:
            holds |= flags(pc.is_in(people[column], audiences[name], skip_nulls=True))
        longer = pc.binary_join_element_wise(result, name, ",", null_handling="skip")
        result = pc.if_else(pa.array(holds), longer, result)
    return result


def outcome_table(people: pa.Table, week: Week) -> pa.Table:
    """The hidden truth of the week, one row per customer."""
    table = pa.table(
        {
            "person": people["person"],
            "audiences": week.audiences,
            "targeted": week.targeted,
            "frequency0": week.frequency0,
            "frequency1": week.frequency1,
            "frequency": week.frequency,
            "y_unexposed": week.unexposed,
            "y0": week.y0,
            "y1": week.y1,
            "converted": week.converted,
        }
    )
    return table.filter(people["is_customer"])
