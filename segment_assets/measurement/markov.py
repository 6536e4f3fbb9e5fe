"""Attribution by removal effect in a first-order Markov chain, solved exactly.

Belongs here: transitions, removal effects, credits. A table of transitions is all that has to leave a clean room.
Source: Anderl, Becker, von Wangenheim and Schumann, IJRM 2016. Packages that simulate the chain are a few percent off.
"""

from __future__ import annotations

import collections
import itertools
from typing import TYPE_CHECKING

import numpy as np

from segment_assets.contracts import PermanentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from segment_assets.measurement.attribution import Journey

START, CONVERSION, NULL = "(start)", "(conversion)", "(null)"
Transitions = dict[tuple[str, str], float]


def transitions(journeys: Iterable[Journey]) -> Transitions:
    """How often journeys went from one state to the next, from START to CONVERSION or NULL."""
    counted: collections.defaultdict[tuple[str, str], float] = collections.defaultdict(float)
    for journey in journeys:
        went = journey.conversions + journey.nulls
        steps = [START, *journey.channels]
        for step in itertools.pairwise(steps):
            counted[step] += went
        for end, count in ((CONVERSION, journey.conversions), (NULL, journey.nulls)):
            if count:
                counted[journey.channels[-1], end] += count
    return dict(counted)


def conversion_probability(counted: Mapping[tuple[str, str], float], *, without: str | None = None) -> float:
    """Probability that a journey from START ends in CONVERSION; steps to the channel `without` end in NULL instead.

    Raises PermanentError for a channel that no step leaves: its journeys would have no end.
    """
    states = sorted({START, *(name for step in counted for name in step)} - {CONVERSION, NULL, without})
    number = {name: position for position, name in enumerate(states)}
    leaving: collections.Counter[str] = collections.Counter()
    for (origin, _), count in counted.items():
        leaving[origin] += count  # type: ignore[assignment]  # counts may be weighted
    endless = [name for name in states if not leaving[name]]
    if endless:
        raise PermanentError(f"no step leaves {', '.join(endless)}; count also how journeys end there")
    matrix, ends = np.eye(len(states)), np.zeros(len(states))
    for (origin, target), count in counted.items():
        if origin not in number:
            continue
        share = count / leaving[origin]
        if target in number:
            matrix[number[origin], number[target]] -= share
        elif target == CONVERSION:
            ends[number[origin]] += share
    return float(np.linalg.solve(matrix, ends)[number[START]])


def removal_effects(counted: Mapping[tuple[str, str], float]) -> dict[str, float]:
    """Channel -> share of conversions that the chain loses without it, between 0 and 1, sorted by name."""
    channels = sorted({name for step in counted for name in step} - {START, CONVERSION, NULL})
    everything = conversion_probability(counted)
    if everything <= 0:
        return dict.fromkeys(channels, 0.0)
    return {name: 1 - conversion_probability(counted, without=name) / everything for name in channels}


def markov(counted: Mapping[tuple[str, str], float]) -> dict[str, float]:
    """All conversions, shared out in proportion to the removal effects.

    >>> paths = {(START, "tv"): 2, ("tv", "web"): 1, ("tv", NULL): 1, ("web", CONVERSION): 1}
    >>> markov(paths)
    {'tv': 0.5, 'web': 0.5}
    """
    conversions = sum(count for (_, target), count in counted.items() if target == CONVERSION)
    effects = removal_effects(counted)
    total = sum(effects.values())
    return {name: conversions * effect / total if total else 0.0 for name, effect in effects.items()}
