"""Which channel is given the credit for a conversion, by fixed rules over the touches before it.

Belongs here: first, last, linear, position and time decay. Not here: models that learn from paths without a conversion
(`markov`, `shapley`). Every rule shares out exactly the conversions that there are; none of them says what a channel
caused (that is `lift`).
"""

from __future__ import annotations

import collections
import dataclasses
from typing import TYPE_CHECKING

from segment_assets.contracts import PermanentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

HALF_LIFE_DAYS = 7.0
_ENDS = 0.4


@dataclasses.dataclass(frozen=True, slots=True)
class Journey:
    """One path and everybody who went it: `channels` in order of time, at least one.

    `conversions` and `nulls` count journeys that ended with and without one. `ages_days` says how long before the
    conversion each touch was; only time decay needs it. Raises PermanentError for a path that cannot be.
    """

    channels: Sequence[str]
    conversions: float = 0.0
    nulls: float = 0.0
    ages_days: Sequence[float] | None = None

    def __post_init__(self) -> None:
        if not self.channels or min(self.conversions, self.nulls) < 0:
            raise PermanentError("a journey needs a touch and counts of 0 or more; leave out people without touches")
        if self.ages_days is not None and (len(self.ages_days) != len(self.channels) or min(self.ages_days) < 0):
            raise PermanentError("ages_days needs one age of 0 or more for every touch of the journey")


def first_touch(journeys: Iterable[Journey]) -> dict[str, float]:
    """All credit to the first touch."""
    return _shared_out(journeys, lambda journey: [1.0] + [0.0] * (len(journey.channels) - 1))


def last_touch(journeys: Iterable[Journey]) -> dict[str, float]:
    """All credit to the last touch."""
    return _shared_out(journeys, lambda journey: [0.0] * (len(journey.channels) - 1) + [1.0])


def linear(journeys: Iterable[Journey]) -> dict[str, float]:
    """Equal credit to every touch: a channel that is there twice gets twice.

    >>> linear([Journey(("tv", "web", "web"), conversions=3)])
    {'tv': 1.0, 'web': 2.0}
    """
    return _shared_out(journeys, lambda journey: [1.0] * len(journey.channels))


def position(journeys: Iterable[Journey]) -> dict[str, float]:
    """40 % to the first touch, 40 % to the last, 20 % to those between; two touches share equally."""
    return _shared_out(journeys, lambda journey: position_weights(len(journey.channels)))


def position_weights(touches: int) -> list[float]:
    """What each of so many touches gets of a conversion.

    >>> position_weights(3)
    [0.4, 0.2, 0.4]
    """
    if touches <= 2:  # noqa: PLR2004 - nothing lies between
        return [1 / touches] * touches
    between = (1 - 2 * _ENDS) / (touches - 2)
    return [_ENDS, *[round(between, 15)] * (touches - 2), _ENDS]


def time_decay(journeys: Iterable[Journey], *, half_life_days: float = HALF_LIFE_DAYS) -> dict[str, float]:
    """Credit halves with every `half_life_days` between touch and conversion.

    Raises PermanentError for a journey whose touches have no age.
    """

    def weights(journey: Journey) -> list[float]:
        if journey.ages_days is None:
            raise PermanentError("time decay needs the age of every touch; give ages_days")
        youngest = min(journey.ages_days)
        return [2 ** -((age - youngest) / half_life_days) for age in journey.ages_days]

    return _shared_out(journeys, weights)


RULES: Mapping[str, Callable[[Iterable[Journey]], dict[str, float]]] = {
    "first_touch": first_touch,
    "last_touch": last_touch,
    "linear": linear,
    "position": position,
    "time_decay": time_decay,
}


def _shared_out(journeys: Iterable[Journey], weigh: Callable[[Journey], list[float]]) -> dict[str, float]:
    """Conversions by channel, sorted by name; channels that never get credit stand there with 0."""
    credit: collections.defaultdict[str, float] = collections.defaultdict(float)
    for journey in journeys:
        weights = weigh(journey)
        unit = journey.conversions / sum(weights)
        for channel, weight in zip(journey.channels, weights, strict=True):
            credit[channel] += unit * weight
    return dict(sorted(credit.items()))
