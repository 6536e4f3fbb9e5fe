"""Attribution by Shapley value over sets of channels, in the two definitions that go by that name.

`of_conversions`: the worth of a set is the conversions of everybody whose channels lie within it. It has a closed form
(a journey's conversions are shared equally among its distinct channels) and the credits add up to all conversions.
`of_rates`: the worth of a set is the conversion rate of those who saw exactly that set. The credits are rates: they add
up to the rate of the full set and are no conversions. Results differ; say which one is shown.
"""

from __future__ import annotations

import collections
import itertools
import math
from typing import TYPE_CHECKING

from segment_assets.contracts import PermanentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from segment_assets.measurement.attribution import Journey

Coalition = frozenset[str]
MOST_CHANNELS = 16


def coalitions(journeys: Iterable[Journey]) -> dict[Coalition, tuple[float, float]]:
    """Set of channels -> (conversions, journeys) of those who saw exactly these, in whatever order."""
    counted: collections.defaultdict[Coalition, list[float]] = collections.defaultdict(lambda: [0.0, 0.0])
    for journey in journeys:
        entry = counted[frozenset(journey.channels)]
        entry[0] += journey.conversions
        entry[1] += journey.conversions + journey.nulls
    return {channels: (conversions, people) for channels, (conversions, people) in counted.items()}


def of_conversions(counted: Mapping[Coalition, tuple[float, float]]) -> dict[str, float]:
    """Credits in conversions by channel, sorted by name.

    >>> of_conversions({frozenset(["tv"]): (4, 9), frozenset(["tv", "web"]): (2, 9)})
    {'tv': 5.0, 'web': 1.0}
    """
    credit: collections.defaultdict[str, float] = collections.defaultdict(float)
    for channels, (conversions, _) in counted.items():
        for channel in channels:
            credit[channel] += conversions / len(channels)
    return dict(sorted(credit.items()))


def of_rates(counted: Mapping[Coalition, tuple[float, float]]) -> dict[str, float]:
    """Credits as parts of the full set's conversion rate. Who saw exactly a set that nobody saw converts at 0."""
    return shapley_values({channels: won / seen for channels, (won, seen) in counted.items() if seen})


def shapley_values(worth: Mapping[Coalition, float]) -> dict[str, float]:
    """The exact Shapley value of every player; a set that is not named is worth 0.

    Raises PermanentError for more than 16 players: the number of sets doubles with each.
    """
    players = sorted(set().union(*worth))
    if len(players) > MOST_CHANNELS:
        raise PermanentError(f"{len(players)} channels have too many sets; merge them to {MOST_CHANNELS} or fewer")
    return {player: _value(player, [other for other in players if other != player], worth) for player in players}


def _value(player: str, others: list[str], worth: Mapping[Coalition, float]) -> float:
    """Mean of what a player adds, over all orders in which players can come."""
    orders = math.factorial(len(others) + 1)
    total = 0.0
    for size in range(len(others) + 1):
        weight = math.factorial(size) * math.factorial(len(others) - size) / orders
        for chosen in itertools.combinations(others, size):
            before = frozenset(chosen)
            total += weight * (worth.get(before | {player}, 0.0) - worth.get(before, 0.0))
    return total
