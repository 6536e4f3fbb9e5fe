"""The rows of `time_to_conversion`, `reach_forecast` and `cross_publisher_reach`, from results of the clean room.

Belongs here: turning groups into what the estimates take, and estimates into rows. Not here: the estimates
(`conversion_time`, `reach`), and which groups may be shown: callers pass only those.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import PermanentError
from segment_assets.measurement.conversion_time import Aged, converted_by
from segment_assets.measurement.reach import fit_reach_curve, union_bounds

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from segment_assets.measurement.intervals import Interval
    from segment_assets.measurement.reach import ReachCurve

    Rows = Sequence[Mapping[str, Any]]

DAYS = 7
FACTORS = (0.5, 1.0, 1.5, 2.0, 3.0)
ALL = "(all)"
# Sets double with every publisher; above this only singles, pairs and all of them are told.
MOST_PUBLISHERS = 5


def time_to_conversion_rows(week: dt.date, days: Rows, everybody: int | None) -> list[dict[str, Any]]:
    """One row per day. `days` are groups of kind `days` that may be shown, `everybody` all viewers.

    A day is told as long as all days before it are: how many were still watched is what those leave.
    """
    told = {int(row["part_1"]): row for row in days}
    if everybody is None and len(told) == DAYS:
        everybody = sum(row["people"] for row in told.values())
    known = [] if everybody is None else list(itertools.takewhile(told.__contains__, range(DAYS)))
    people = [Aged(day, row["conversions"], row["people"] - row["conversions"]) for day in known for row in [told[day]]]
    rest = (everybody or 0) - sum(told[day]["people"] for day in known)
    steps = {step.age: step.converted for step in converted_by([*people, Aged(DAYS, 0, max(rest, 0))])}
    rows: list[dict[str, Any]] = []
    at_risk, share = everybody or 0, None
    for day in range(DAYS):
        below = day not in known
        share = steps.get(day, share)
        rows.append(
            {
                "reporting_week": week,
                "days": day,
                "at_risk": None if below else at_risk,
                "converters": None if below else told[day]["conversions"],
                "converted_share": None if below or share is None else share.value,
                "share_low": None if below or share is None else share.low,
                "share_high": None if below or share is None else share.high,
                "below_threshold": below,
            }
        )
        at_risk -= 0 if below else told[day]["people"]
    return rows


def reach_forecast_rows(week: dt.date, inventory: Rows, channels: Sequence[str]) -> list[dict[str, Any]]:
    """One row per channel and amount of impressions. `inventory` are rows of `inventory_days`.

    Points end with the day before the first one whose new people are withheld; the amount of the week is only known
    where no day is missing.
    """
    rows = []
    for channel in (ALL, *channels):
        days = sorted((row for row in inventory if row["channel"] == channel), key=lambda row: row["day"])
        points = list(_points(days))
        curve = _curve(points) if len(days) == DAYS else None
        bought = sum(row["addressable_impressions"] for row in days)
        for factor in FACTORS:
            expected = None if curve is None else _at(curve, factor * bought)
            rows.append(
                {
                    "reporting_week": week,
                    "channel": channel,
                    "impressions_factor": factor,
                    "impressions": None if expected is None else factor * bought,
                    "expected_people": expected and expected[0],
                    "people_low": expected and expected[1],
                    "people_high": expected and expected[2],
                    "expected_frequency": expected and factor * bought / expected[0],
                    "is_extrapolated": factor > 1,
                    "points": len(points),
                    "below_threshold": expected is None,
                }
            )
    return rows


def cross_publisher_rows(
    week: dt.date,
    single: Mapping[str, int],
    pairs: Mapping[frozenset[str], int],
    everybody: int | None,
    *,
    complete: bool,
) -> list[dict[str, Any]]:
    """One row per set of publishers that were told, and one over all there are.

    `single` and `pairs` are viewers of each, and of both of two; what is withheld is missing, and widens the bounds.
    Unless `single` is `complete`, nobody knows how many publishers all of them are, or what their reaches add up to.
    """
    population = everybody if everybody is not None else sum(single.values())
    at_least = max(single.values(), default=None)
    all_of_them = _publishers(ALL, everybody, (at_least, None), single.values())
    rows = [all_of_them if complete else all_of_them | {"publisher_count": None, "duplicated_share": None}]
    for chosen in _sets(sorted(single)):
        mine = {name: single[name] for name in chosen}
        low, high = union_bounds(mine, pairs, population=population)
        ends = (math.ceil(low - 1e-9), math.floor(high + 1e-9))
        rows.append(_publishers(" + ".join(chosen), _together(mine, pairs), ends, mine.values()))
    return [{"reporting_week": week, **row} for row in rows]


def _sets(names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    largest = len(names) if len(names) <= MOST_PUBLISHERS else 2
    for size in range(1, largest + 1):
        yield from itertools.combinations(names, size)


def _together(mine: Mapping[str, int], pairs: Mapping[frozenset[str], int]) -> int | None:
    """Everybody whom these reach, where that is known: of one, and of two with those whom both reach."""
    names = frozenset(mine)
    if len(names) == 1:
        return sum(mine.values())
    return sum(mine.values()) - pairs[names] if names in pairs else None


def _duplicated(people: int | None, single: Iterable[int]) -> float | None:
    """The share of single reaches that count somebody again, None where people are not known."""
    total = sum(single)
    return 1 - people / total if people is not None and 0 < people <= total else None


def _publishers(
    names: str, people: int | None, ends: tuple[int | None, int | None], single: Collection[int]
) -> dict[str, Any]:
    low, high = (people, people) if people is not None else ends
    return {
        "publishers": names,
        "publisher_count": len(single),
        "people": people,
        "people_low": low,
        "people_high": high,
        "duplicated_share": _duplicated(people, single),
        "basis": "bounds" if people is None else "exact",
        "below_threshold": people is None,
    }


def _points(days: Rows) -> Iterator[tuple[int, int]]:
    """Impressions and people reached by the end of each day."""
    impressions = people = 0
    for row in days:
        if row["newly_reached"] is None:
            return
        impressions, people = impressions + row["addressable_impressions"], people + row["newly_reached"]
        yield impressions, people


def _curve(points: Sequence[tuple[int, int]]) -> ReachCurve | None:
    try:
        return fit_reach_curve(*zip(*points, strict=True)) if points else None
    except PermanentError:
        return None


def _at(curve: ReachCurve, impressions: float) -> tuple[float, float, float]:
    """Value and ends; nobody is reached without an impression."""
    found: Interval = curve.at(impressions)
    return min(found.value, impressions), min(found.low, impressions), min(found.high, impressions)
