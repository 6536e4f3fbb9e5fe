"""Weekly tables that code fills: from the results of the clean room to what the estimates take.

Belongs here: which function fills which table, and passing it only groups that readers may be shown. Not here: any
estimate (`measurement`), any rule (`privacy`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_assets.measurement.attribution_rows import attribution_rows
from segment_assets.measurement.viewer_rows import cross_publisher_rows, reach_forecast_rows, time_to_conversion_rows
from segment_assets.privacy.complementary_rows import complementary_rows, everybody, shown, shown_days
from segment_assets.tables import (
    ATTRIBUTION,
    CHANNELS,
    COMPLEMENTARY_CELLS,
    CROSS_PUBLISHER_REACH,
    INVENTORY_DAYS,
    JOURNEY_GROUPS,
    REACH_FORECAST,
    TIME_TO_CONVERSION,
    VIEWER_GROUPS,
)

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping, Sequence

    Results = Mapping[str, Sequence[Mapping[str, Any]]]
    Rows = list[dict[str, Any]]


def computed_rows(table: str, week: dt.date, results: Results) -> Rows:
    """The rows of one of these tables. `results` are the rows of what it reads, by table name."""
    return _FILLED[table](week, results)


def _attribution(week: dt.date, results: Results) -> Rows:
    return attribution_rows(week, results, CHANNELS)


def _time_to_conversion(week: dt.date, results: Results) -> Rows:
    journeys = results[JOURNEY_GROUPS.name]
    # Of a day whose converters are not told nothing is: the next day's people at risk leave those who did not convert.
    hidden = results[COMPLEMENTARY_CELLS.name]
    days = shown(journeys, JOURNEY_GROUPS.name, "days", hidden, with_converters=True)
    return time_to_conversion_rows(week, days, everybody(journeys))


def _reach_forecast(week: dt.date, results: Results) -> Rows:
    hidden = results[COMPLEMENTARY_CELLS.name]
    # A curve ends at the people that its channel reached.
    channels = {row["cell"] for row in hidden if (row["source"], row["kind"]) == (VIEWER_GROUPS.name, "channel")}
    days = shown_days(week, results[INVENTORY_DAYS.name], hidden)
    days = [row for row in days if f"{row['channel']}/" not in channels]
    return reach_forecast_rows(week, days, CHANNELS)


def _cross_publisher_reach(week: dt.date, results: Results) -> Rows:
    viewers, hidden = results[VIEWER_GROUPS.name], results[COMPLEMENTARY_CELLS.name]
    single = shown(viewers, VIEWER_GROUPS.name, "publisher", hidden)
    pairs = shown(viewers, VIEWER_GROUPS.name, "publishers", hidden)
    return cross_publisher_rows(
        week,
        {row["part_1"] or "(none)": row["people"] for row in single},
        {frozenset((row["part_1"], row["part_2"])): row["people"] for row in pairs},
        everybody(viewers),
        # An impression has one publisher: all of them are told where theirs are all that there were.
        complete=sum(row["impressions"] for row in single) == _all_impressions(viewers),
    )


def _all_impressions(viewers: Sequence[Mapping[str, Any]]) -> int | None:
    return next((row["impressions"] for row in viewers if row["kind"] == "all"), None)


_FILLED: Mapping[str, Callable[[dt.date, Results], Rows]] = {
    ATTRIBUTION.name: _attribution,
    COMPLEMENTARY_CELLS.name: complementary_rows,
    CROSS_PUBLISHER_REACH.name: _cross_publisher_reach,
    REACH_FORECAST.name: _reach_forecast,
    TIME_TO_CONVERSION.name: _time_to_conversion,
}
