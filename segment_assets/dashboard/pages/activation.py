"""The page for activation: where people stand, whom platforms recognise, which audience is too small, who is late."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from segment_assets.dashboard import flow
from segment_assets.dashboard.pages.model import Page
from segment_assets.dashboard.panels import Also, Number, Panel, Shape
from segment_assets.dashboard.units import Unit

if TYPE_CHECKING:
    from segment_assets.dashboard.figures import Figures
    from segment_assets.dashboard.parts import Section

_PAIR = ("segment", "destination", "account")
_PAIR_NUMBERS = (Number("segment", Unit.WORD), Number("destination", Unit.WORD), Number("account", Unit.WORD))
NOTHING_DELIVERED = "Nothing was delivered yet: this fills itself after the first delivery to a platform."


def _pair(segment: str, destination: str, account: str) -> str:
    """The account first: on a phone the end of a long name is cut."""
    return f"{destination}/{account} ← {segment}"


def doors(of: Figures) -> Section:
    """The audience flow, door by door and by destination."""
    return _asked(flow.flow(of), "Of the people we wanted on a platform, how many are there?")


def answers(of: Figures) -> Section:
    """What the platforms said to what was sent."""
    return _asked(flow.deliveries(of), "What did the platforms answer to what we sent?")


def _asked(section: Section, question: str) -> Section:
    """The same section under its question; what its title found is the first sentence."""
    return dataclasses.replace(section, title=question, lead=f"{section.title}. {section.lead}")


MATCH_RATE = Panel(
    id="match_rate",
    table="match_rate_trend",
    title="How many of our people does each platform recognise?",
    shape=Shape.INTERVALS,
    names=_PAIR,
    called=_pair,
    interval=("match_rate_low", "match_rate_high"),
    unit=Unit.SHARE,
    axis="matched of those acknowledged (%)",
    definition=(
        "What the platform says it matched / people it had acknowledged, on the last day it was asked, as the range "
        "that it gives. The points are the change since the day before. Above 100 % where it counts accounts and "
        "people have several."
    ),
    numbers=(
        *_PAIR_NUMBERS,
        Number("asked_on", Unit.DAY),
        Number("state", Unit.WORD),
        Number("acknowledged", Unit.PEOPLE),
        Number("size_low", Unit.PEOPLE),
        Number("size_high", Unit.PEOPLE),
        Number("match_rate_low", Unit.SHARE),
        Number("match_rate_high", Unit.SHARE),
        Number("change_low", Unit.POINTS),
    ),
    also=(Also("change_low", Unit.POINTS, "{}"),),
    newest="asked_on",
    once_per=_PAIR,
    unknown="not told",
    nothing_told="No platform has said yet how many people it matched.",
    empty="No platform was asked yet how large an audience is; that happens after each delivery and four times a day.",
)
SIZES = Panel(
    id="sizes",
    table="segment_size_by_destination",
    title="Where is a segment too small to be served, and how many people are missing?",
    shape=Shape.INTERVALS,
    names=_PAIR,
    called=_pair,
    value="acknowledged",
    interval=("size_low", "size_high"),
    tick="minimum",
    unit=Unit.PEOPLE,
    axis="people, on a logarithmic scale",
    definition=(
        "The point is who the platform has acknowledged, the range how many it says it matched, where it says so. "
        "Left of the red line it serves no ads to the segment."
    ),
    numbers=(
        *_PAIR_NUMBERS,
        Number("verdict", Unit.WORD),
        Number("wanted", Unit.PEOPLE),
        Number("acknowledged", Unit.PEOPLE),
        Number("size_low", Unit.PEOPLE),
        Number("size_high", Unit.PEOPLE),
        Number("minimum", Unit.PEOPLE),
        Number("missing", Unit.PEOPLE),
    ),
    also=(Also("missing", Unit.PEOPLE, "{} missing"),),
    logarithmic=True,
    wide=True,
    unknown="not told",
    empty=NOTHING_DELIVERED,
)
OPT_OUTS = Panel(
    id="opt_outs",
    table="optout_latency",
    title="Is everybody who said no out within the deadline, on every platform?",
    shape=Shape.INTERVALS,
    names=_PAIR,
    called=_pair,
    value="slowest_hours",
    tick="deadline_hours",
    unit=Unit.HOURS,
    axis="hours until the slowest person was out",
    definition=(
        "From the request to the platform's acknowledgement of the removal, for the slowest person of the last "
        "weeks; the red line is the deadline. Who opted out and is there still waits; who waits longer is late."
    ),
    numbers=(
        *_PAIR_NUMBERS,
        Number("deadline_hours", Unit.HOURS),
        Number("taken_out", Unit.PEOPLE),
        Number("in_time", Unit.PEOPLE),
        Number("in_time_share", Unit.SHARE),
        Number("slowest_hours", Unit.HOURS),
        Number("waiting", Unit.PEOPLE),
        Number("overdue", Unit.PEOPLE),
        Number("oldest_waiting_hours", Unit.HOURS),
    ),
    also=(
        Also("waiting", Unit.PEOPLE, "{} wait"),
        Also("overdue", Unit.PEOPLE, "{} late"),
    ),
    unknown="nobody lately",
    nothing_told="Nobody who was delivered has opted out in the last weeks, so there is no time to show.",
    empty=NOTHING_DELIVERED,
)

ACTIVATION = Page(
    name="activation",
    file="activation.html",
    menu="Activation",
    title="where our audiences stand on the platforms",
    sections=(doors, SIZES, MATCH_RATE, OPT_OUTS, answers),
    previews=("flow", "sizes"),
    deliveries=True,
)
