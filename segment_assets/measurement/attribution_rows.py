"""The rows of the table `attribution`: eight models, from three results of the clean room over one population.

Belongs here: turning results into what the models take, and credits into rows. Not here: a model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_assets.measurement.markov import CONVERSION, NULL, START, markov
from segment_assets.measurement.shapley import of_conversions, of_rates

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from segment_assets.measurement.markov import Transitions
    from segment_assets.measurement.shapley import Coalition

_PARTS = tuple(f"part_{n}" for n in range(1, 6))
RULES = ("first_touch", "last_touch", "linear", "position_based", "time_decay")


def attribution_rows(
    week: dt.date, results: Mapping[str, Sequence[Mapping[str, Any]]], channels: Sequence[str]
) -> list[dict[str, Any]]:
    """One row per model and channel, also for channels about which nothing was told.

    `results` are rows of `touch_credits`, `channel_steps` and `journey_groups` by table name. What the room withheld is
    missing from them; a model then shares out the part that was told, and says how many cells are missing. Only
    `shapley_rates` says nothing then: a set that is missing is not one that converts at 0. Where a channel's credit is
    missing, no channel of the model has a share: of different channels, the shares of two models do not compare.

    All models share out the same conversions, and other tables tell how many these are. Where one channel alone is
    missing from a model, or some people from the told sets, the smallest told one is left out as well: otherwise what
    is missing is what the others leave.
    """
    credit, steps, sets = (results[name] for name in ("touch_credits", "channel_steps", "journey_groups"))
    rows: list[dict[str, Any]] = []
    known = {row["channel"]: row for row in credit if row["channel"] in channels}
    # One channel for all rules: with another one for each, they would tell each other's.
    kept = _not_all_but_one({channel: row["converters"] for channel, row in known.items()}, channels)
    for rule in RULES:
        found = {channel: float(known[channel][rule]) for channel in kept}
        rows += _rows(rule, found, channels, len(channels) - len(found))
    chain = {channel: credit for channel, credit in _markov(steps).items() if channel in channels}
    rows += _rows(
        "markov_removal", _not_all_but_one(chain, channels), channels, len(channels) * (len(channels) + 1) - len(steps)
    )
    told = _coalitions(sets, channels)
    missing = 2 ** len(channels) - 1 - len(told)
    if missing == 1 or (told and missing and sum(people for _, people in told.values()) < _everybody(sets)):
        del told[min(told, key=lambda seen: (told[seen][1], sorted(seen)))]
        missing += 1
    shared = _not_all_but_one(of_conversions(told), channels)
    rows += _rows("shapley_conversions", shared, channels, missing)
    rows += _rows("shapley_rates", {} if missing else of_rates(told), channels, missing)
    return [{"reporting_week": week, **row} for row in rows]


def _not_all_but_one(sizes: Mapping[str, float], channels: Sequence[str]) -> dict[str, float]:
    """Channels with their sizes; without the smallest one where exactly one of all channels is missing."""
    kept = dict(sizes)
    if len(channels) - len(kept) == 1 and kept:
        del kept[min(kept, key=lambda channel: (kept[channel], channel))]
    return kept


def _everybody(groups: Sequence[Mapping[str, Any]]) -> float:
    """The people of the journeys, as far as any kind of their groups tells them."""
    kinds = {row["kind"] for row in groups}
    return max((sum(row["people"] for row in groups if row["kind"] == kind) for kind in kinds), default=0)


def _markov(steps: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Credits of the channels on the way from START to CONVERSION over told steps.

    Of a channel that is not on it the room withheld how people come to it or go on from it: its credit is unknown, and
    the 0 that a chain without these steps gives it is not told. Journeys that are led off the way end without a
    conversion.
    """
    counted = _transitions(steps)
    reached = _led_to(START, counted)
    leading = _led_to(CONVERSION, [(target, origin) for origin, target in counted])
    if CONVERSION not in reached:
        return {}
    chain = {step: count for step, count in counted.items() if step[0] in reached & leading}
    lost = reached - leading - {NULL}
    credit = markov(chain | {(channel, NULL): 1.0 for channel in lost})
    return {channel: own for channel, own in credit.items() if channel not in lost}


def _transitions(steps: Sequence[Mapping[str, Any]]) -> Transitions:
    """How often each told step was taken."""
    counted: Transitions = {}

    def add(origin: str, target: str, count: float) -> None:
        if count:
            counted[origin, target] = counted.get((origin, target), 0.0) + count

    for step in steps:
        add(step["channel_before"] or START, step["channel"], step["steps"])
        add(step["channel"], CONVERSION, step["conversions"])
        add(step["channel"], NULL, step["ends_without"])
    return counted


def _led_to(origin: str, steps: Iterable[tuple[str, str]]) -> set[str]:
    """Every state that steps lead to from `origin`, and `origin` itself."""
    onward: dict[str, set[str]] = {}
    for before, after in steps:
        onward.setdefault(before, set()).add(after)
    found, waiting = {origin}, [origin]
    while waiting:
        new = onward.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


def _coalitions(sets: Sequence[Mapping[str, Any]], channels: Sequence[str]) -> dict[Coalition, tuple[float, float]]:
    """By the channels seen. People who saw only channels that are not asked about are in no set."""
    told = {
        frozenset(row[part] for part in _PARTS if row[part] in channels): (
            float(row["conversions"]),
            float(row["people"]),
        )
        for row in sets
        if row["kind"] == "channels"
    }
    told.pop(frozenset(), None)
    return told


def _rows(model: str, credit: Mapping[str, float], channels: Sequence[str], withheld: int) -> Iterator[dict[str, Any]]:
    # A rate may fall when a channel is added. Where a credit is negative the others exceed the whole, and where one is
    # withheld nobody knows the whole: no shares exist.
    whole = all(credit.get(channel, -1.0) >= 0 for channel in channels)
    total = sum(credit.values()) if whole else 0.0
    for channel in channels:
        own = credit.get(channel)
        yield {
            "model": model,
            "channel": channel,
            "unit": "conversion_rate" if model == "shapley_rates" else "conversions",
            "credit": own,
            "share": own / total if own is not None and total else None,
            "withheld_cells": max(withheld, 0),
            "below_threshold": own is None,
        }
