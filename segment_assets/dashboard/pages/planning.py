"""The page for planning: whom the publisher reaches, what more would reach, who answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_assets.dashboard.figures import EVERYTHING, short_week
from segment_assets.dashboard.pages.model import Page
from segment_assets.dashboard.panels import Also, Number, Panel, Shape, Wilson
from segment_assets.dashboard.units import Unit, written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segment_assets.dashboard.figures import Row

NO_WEEK = "No week of this table was made yet. The job “weekly” makes it, and this page follows by itself."
_NOW, _DOUBLE = 1.0, 2.0
_CHANCE = (
    "The count is exact; its interval (95 %, Wilson) says how far chance alone moves such a share from one week to "
    "another."
)
_CURVE = (
    "Curve: ceiling * impressions / (impressions + half), fitted to the people whom each day reached first; the band "
    "is its 95 % interval. Impressions are those with the viewer's e-mail. Dashed: more of them than the week had, "
    "where the shape is assumed. Distinct people: channels and weeks never add up."
)


def _twice(rows: Sequence[Row]) -> str:
    """What twice the impressions of the week would reach."""
    known = {row["impressions_factor"]: row for row in rows}
    if _NOW not in known or _DOUBLE not in known:
        return ""
    now, then = known[_NOW], known[_DOUBLE]
    people, low, high = (written(then[name], Unit.PEOPLE) for name in ("expected_people", "people_low", "people_high"))
    return (
        f"With twice the impressions we expect {people} people ({low} to {high}) instead of "
        f"{written(now['expected_people'], Unit.PEOPLE)}."
    )


def channel_name(channel: str) -> str:
    """`(all)` is no channel."""
    return "All channels" if channel == EVERYTHING else channel


_FORECAST = (
    Number("channel", Unit.WORD),
    Number("impressions_factor", Unit.RATIO),
    Number("impressions", Unit.COUNT),
    Number("expected_people", Unit.PEOPLE, "people_low", "people_high"),
    Number("expected_frequency", Unit.RATIO),
)

REACH_CURVE = Panel(
    id="reach_curve",
    table="reach_forecast",
    title="How many more people would we reach if we bought more?",
    shape=Shape.CURVE,
    names=("channel",),
    only=("channel", EVERYTHING),
    along="impressions",
    along_axis="addressable impressions in the week (number)",
    value="expected_people",
    interval=("people_low", "people_high"),
    beyond="is_extrapolated",
    unit=Unit.PEOPLE,
    axis="expected viewers (distinct people)",
    definition=_CURVE,
    numbers=_FORECAST,
    empty=NO_WEEK,
    answer=_twice,
)
REACH_CURVES = Panel(
    id="reach_curves",
    table="reach_forecast",
    title="On which channel would more impressions reach most?",
    shape=Shape.CURVE,
    names=("channel",),
    called=channel_name,
    without=("channel", EVERYTHING),
    along="impressions",
    along_axis="addressable impressions in the week (number)",
    value="expected_people",
    interval=("people_low", "people_high"),
    beyond="is_extrapolated",
    unit=Unit.PEOPLE,
    axis="expected viewers (distinct people)",
    definition=_CURVE,
    numbers=_FORECAST,
    empty=NO_WEEK,
)
REACHED = Panel(
    id="overlap_reached",
    table="audience_overlap",
    title="How much of our customer base can we reach on this publisher?",
    shape=Shape.INTERVALS,
    names=("reporting_week",),
    called=short_week,
    value="overlap_rate",
    interval=Wilson("exposed_customers", "customers"),
    unit=Unit.SHARE,
    axis="share of account A's customers reached (%)",
    definition=f"Customers who saw an impression on account B / customers with a join key. {_CHANCE}",
    numbers=(
        Number("reporting_week", Unit.DAY),
        Number("customers", Unit.PEOPLE),
        Number("exposed_customers", Unit.PEOPLE),
        Number("overlap_rate", Unit.SHARE),
    ),
    weeks=8,
    empty=NO_WEEK,
)
CONVERTED = Panel(
    id="overlap_converted",
    table="audience_overlap",
    title="Do the customers whom we reach there buy?",
    shape=Shape.INTERVALS,
    names=("reporting_week",),
    called=short_week,
    value="conversion_rate",
    interval=Wilson("matched_converters", "exposed_customers"),
    unit=Unit.SHARE,
    axis="share of reached customers who converted (%)",
    definition=f"Reached customers who converted on the day of an impression or after / reached customers. {_CHANCE}",
    numbers=(
        Number("reporting_week", Unit.DAY),
        Number("exposed_customers", Unit.PEOPLE),
        Number("matched_converters", Unit.PEOPLE),
        Number("conversion_rate", Unit.SHARE),
    ),
    weeks=8,
    descriptive=True,
    empty=NO_WEEK,
)
PROFILE = Panel(
    id="profile",
    table="audience_profile_index",
    title="Who is more common among those who convert after an ad than in our own base?",
    shape=Shape.INTERVALS,
    names=("attribute_value",),
    value="affinity_index",
    interval=("index_low", "index_high"),
    usual=100.0,
    unit=Unit.INDEX,
    axis="index (100 = as common as in our base)",
    definition=(
        "By country of birth: share among matched converters / share among all customers * 100, with its 95 % interval."
    ),
    numbers=(
        Number("attribute_value", Unit.WORD),
        Number("base_people", Unit.PEOPLE),
        Number("base_share", Unit.SHARE),
        Number("matched_converters", Unit.PEOPLE),
        Number("matched_share", Unit.SHARE),
        Number("affinity_index", Unit.INDEX, "index_low", "index_high"),
    ),
    order="affinity_index",
    descriptive=True,
    empty=NO_WEEK,
)
CHANNEL_SETS = Panel(
    id="channel_sets",
    table="exposure_overlap_groups",
    title="Which channels reach the same people?",
    shape=Shape.BARS,
    names=("channels",),
    value="people",
    unit=Unit.PEOPLE,
    axis="customers who saw just these (people)",
    definition="Groups are disjoint: everybody is in the group of exactly the channels that they saw in the week.",
    numbers=(Number("channels", Unit.WORD), Number("people", Unit.PEOPLE), Number("impressions", Unit.COUNT)),
    order="people",
    empty=NO_WEEK,
)
PUBLISHERS = Panel(
    id="publishers",
    table="cross_publisher_reach",
    title="How many people do several publishers reach together, and does another one add anybody?",
    shape=Shape.INTERVALS,
    names=("publishers",),
    called=lambda names: "All publishers" if names == EVERYTHING else names,
    value="people",
    interval=("people_low", "people_high"),
    unit=Unit.PEOPLE,
    axis="viewers reached (distinct people)",
    definition=(
        "Viewers reached by any of them. A point is an exact count from the clean room; a range alone holds the truth "
        "(bounds of Frechet and Bonferroni). Overlap is 1 - people / sum of their single reaches; that of all of them "
        "is told only where none of them is withheld. Distinct people: never add up."
    ),
    numbers=(
        Number("publishers", Unit.WORD),
        Number("basis", Unit.WORD),
        Number("people", Unit.PEOPLE, "people_low", "people_high"),
        Number("duplicated_share", Unit.SHARE),
    ),
    also=(Also("duplicated_share", Unit.SHARE, "{} overlap"),),
    empty=NO_WEEK,
)
INVENTORY = Panel(
    id="inventory",
    table="inventory_match_rate",
    title="How much of the inventory can be addressed, and how much of it shows our own customers?",
    shape=Shape.BARS,
    names=("day",),
    called="{:%a %d %b}".format,
    only=("channel", EVERYTHING),
    value="addressable_rate",
    unit=Unit.SHARE,
    axis="impressions that name the viewer (%)",
    definition=(
        "Impressions with the viewer's e-mail / all impressions; “ours” is the share of these whose viewer is a "
        "customer."
    ),
    numbers=(
        Number("day", Unit.DAY),
        Number("impressions", Unit.COUNT),
        Number("addressable_impressions", Unit.COUNT),
        Number("matched_impressions", Unit.COUNT),
        Number("addressable_rate", Unit.SHARE),
        Number("match_rate", Unit.SHARE),
    ),
    also=(Also("match_rate", Unit.SHARE, "{} ours"),),
    empty=NO_WEEK,
)

PLANNING = Page(
    name="planning",
    file="planning.html",
    menu="Planning",
    title="whom we can reach, and what more would reach",
    sections=(REACH_CURVE, REACH_CURVES, REACHED, CONVERTED, PROFILE, CHANNEL_SETS, PUBLISHERS, INVENTORY),
    previews=("reach_curve", "profile"),
)
