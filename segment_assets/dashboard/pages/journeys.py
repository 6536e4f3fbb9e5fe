"""The descriptive charts of the measurement page: how people were shown ads before they converted, and what models say.

None of them shows an effect. Not here: what an activation caused (`measurement`).
"""

from __future__ import annotations

from segment_assets.dashboard.pages.planning import NO_WEEK
from segment_assets.dashboard.panels import Also, Number, Panel, Shape
from segment_assets.dashboard.units import Unit

_OFTEN = 10
_RATE = (Number("conversion_rate", Unit.SHARE, "rate_low", "rate_high"),)
_WILSON = "Converters / people, with its 95 % interval (Wilson)"


def _path(path: str) -> str:
    return "All other paths together" if path == "(other)" else path


def _times(frequency: int) -> str:
    if frequency >= _OFTEN:
        return f"{frequency} or more"
    return "1 impression" if frequency == 1 else f"{frequency} impressions"


PATHS = Panel(
    id="paths",
    table="path_to_conversion",
    title="Which way do people go before they convert?",
    shape=Shape.BARS,
    names=("path",),
    called=_path,
    value="converters",
    unit=Unit.PEOPLE,
    axis="converters who went this way (distinct people)",
    definition="Channels in the order seen, repeats collapsed; paths of too few people are together in one.",
    numbers=(
        Number("path", Unit.WORD),
        Number("people", Unit.PEOPLE),
        Number("converters", Unit.PEOPLE),
        Number("share_of_converters", Unit.SHARE),
    ),
    also=(Also("share_of_converters", Unit.SHARE),),
    order="converters",
    empty=NO_WEEK,
)
PATH_RATES = Panel(
    id="path_rates",
    table="path_to_conversion",
    title="How many of the people on each path convert?",
    shape=Shape.INTERVALS,
    names=("path",),
    called=_path,
    value="conversion_rate",
    interval=("rate_low", "rate_high"),
    unit=Unit.SHARE,
    axis="share of people who converted (%)",
    definition=f"{_WILSON}. The largest paths, by people.",
    numbers=(Number("path", Unit.WORD), Number("people", Unit.PEOPLE), Number("converters", Unit.PEOPLE), *_RATE),
    order="people",
    descriptive=True,
    empty=NO_WEEK,
)
ATTRIBUTION = Panel(
    id="attribution",
    table="attribution",
    title="How much do the answers depend on the model of attribution that is asked?",
    shape=Shape.STACK,
    names=("model",),
    called=lambda model: str(model).replace("_", " "),
    part="channel",
    value="share",
    unit=Unit.SHARE,
    axis="share of the model's credit (%)",
    definition=(
        "Each model shares out the conversions of the same journeys by a rule of its own. Cells withheld are groups "
        "that the clean room did not tell; the credit is then of the told part only. A model of which a channel's "
        "credit is withheld has no shares: those of different channels do not compare."
    ),
    numbers=(
        Number("model", Unit.WORD),
        Number("channel", Unit.WORD),
        Number("share", Unit.SHARE),
        Number("credit", Unit.RATIO),
        Number("unit", Unit.WORD),
        Number("withheld_cells", Unit.COUNT),
    ),
    also=(Also("withheld_cells", Unit.COUNT, "{} cells withheld"),),
    unknown="no shares, a credit is negative",
    descriptive=True,
    empty=NO_WEEK,
    wide=True,
)
FREQUENCY = Panel(
    id="frequency",
    table="conversion_by_frequency",
    title="Do people who see more impressions convert more often?",
    shape=Shape.INTERVALS,
    names=("frequency",),
    called=_times,
    value="conversion_rate",
    interval=("rate_low", "rate_high"),
    unit=Unit.SHARE,
    axis="share of people who converted (%)",
    definition=f"{_WILSON}, by the impressions that a person saw in the week.",
    numbers=(
        Number("frequency", Unit.COUNT),
        Number("people", Unit.PEOPLE),
        Number("converters", Unit.PEOPLE),
        *_RATE,
    ),
    descriptive=True,
    empty=NO_WEEK,
)
SPREAD = Panel(
    id="spread",
    table="reach_frequency",
    title="How is frequency spread over the people we reach, and is anybody shown far too much?",
    shape=Shape.BARS,
    names=("frequency",),
    called=_times,
    value="people",
    unit=Unit.PEOPLE,
    axis="customers (distinct people)",
    definition="Customers by the impressions that they saw in the week; everybody is in one group.",
    numbers=(Number("frequency", Unit.COUNT), Number("people", Unit.PEOPLE), Number("reach_share", Unit.SHARE)),
    also=(Also("reach_share", Unit.SHARE),),
    empty=NO_WEEK,
)
WAITING = Panel(
    id="waiting",
    table="time_to_conversion",
    title="How long does it take people to convert, and is a week long enough to see it?",
    shape=Shape.CURVE,
    names=("reporting_week",),
    along="days",
    along_axis="days since the first ad of the week",
    value="converted_share",
    interval=("share_low", "share_high"),
    unit=Unit.SHARE,
    axis="share of viewers who have converted (%)",
    definition=(
        "Kaplan and Meier, with a 95 % interval: who was watched for fewer days, because the week ended, counts for "
        "as long as they were watched."
    ),
    numbers=(
        Number("days", Unit.COUNT),
        Number("at_risk", Unit.PEOPLE),
        Number("converters", Unit.PEOPLE),
        Number("converted_share", Unit.SHARE, "share_low", "share_high"),
    ),
    descriptive=True,
    empty=NO_WEEK,
)
_SPLIT = (Number("people", Unit.PEOPLE), Number("impressions", Unit.COUNT), Number("average_frequency", Unit.RATIO))
DEVICES = Panel(
    id="devices",
    table="marginals",
    title="On which device do people see our ads, and do they convert?",
    shape=Shape.INTERVALS,
    names=("dimension_value",),
    only=("dimension", "device"),
    value="conversion_rate",
    interval=("rate_low", "rate_high"),
    unit=Unit.SHARE,
    axis="share of viewers who converted (%)",
    definition=f"{_WILSON}. A person is at every device that they used: never add up.",
    numbers=(Number("dimension_value", Unit.WORD), *_SPLIT, Number("converters", Unit.PEOPLE), *_RATE),
    also=(Also("people", Unit.PEOPLE, "{} people"),),
    order="people",
    descriptive=True,
    empty=NO_WEEK,
)
HOURS = Panel(
    id="hours",
    table="marginals",
    title="At what time of the day do people see our ads, and do they convert?",
    shape=Shape.CURVE,
    names=("dimension",),
    only=("dimension", "hour"),
    along="dimension_value",
    along_axis="hour of the day where the viewer was",
    value="conversion_rate",
    interval=("rate_low", "rate_high"),
    unit=Unit.SHARE,
    axis="share of viewers who converted (%)",
    definition=f"{_WILSON}. A person is at every hour of an ad that they saw: never add up.",
    numbers=(Number("dimension_value", Unit.WORD), *_SPLIT, Number("converters", Unit.PEOPLE), *_RATE),
    descriptive=True,
    empty=NO_WEEK,
)
