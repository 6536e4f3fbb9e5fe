"""The page for measurement: what activations caused first, then what can only be described (`journeys`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_assets.dashboard.pages.journeys import (
    ATTRIBUTION,
    DEVICES,
    FREQUENCY,
    HOURS,
    PATH_RATES,
    PATHS,
    SPREAD,
    WAITING,
)
from segment_assets.dashboard.pages.model import Page
from segment_assets.dashboard.pages.planning import NO_WEEK, channel_name
from segment_assets.dashboard.panels import Also, Number, Panel, Shape
from segment_assets.dashboard.units import Unit, between, written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segment_assets.dashboard.figures import Row


def _found(rows: Sequence[Row]) -> str:
    """What the trials say, in words that do not take an open question for a no."""
    said = []
    for row in rows:
        effect = written(row["effect"], Unit.POINTS)
        ends = between(row["effect_low"], row["effect_high"], Unit.POINTS, alone=False)
        verdict = "more than chance" if row["effect_low"] > 0 else "not told apart from chance"
        verdict = "a loss, more than chance" if row["effect_high"] < 0 else verdict
        said.append(f"{row['segment']}: {effect} ({ends}), {verdict}.")
    return " ".join(said)


def _experiment(experiment: str, metric: str, state: str) -> str:
    """A result that days to come will change says so beside its mark."""
    return f"{experiment} · {metric}" + (" · still running" if state == "running" else "")


LIFT = Panel(
    id="lift",
    table="audience_incrementality",
    title="How many customers would we not have had without this activation?",
    shape=Shape.INTERVALS,
    names=("segment", "experiment"),
    value="effect",
    interval=("effect_low", "effect_high"),
    tick="minimum_detectable_effect",
    tick_both_ways=True,
    usual=0.0,
    unit=Unit.POINTS,
    axis="effect on buyers (percentage points)",
    definition=(
        "Share of buyers among people assigned to treatment minus that among the randomised hold-out, whatever they "
        "were sent (intention to treat), with its 95 % interval. The red lines are the minimum detectable effect: a "
        "true effect between them would often go unseen (80 % power). Effect and customers are those of all accounts "
        "of the segment together. Return and cost are known once every day of the orders has its spend."
    ),
    numbers=(
        Number("segment", Unit.WORD),
        Number("experiment", Unit.WORD),
        Number("state", Unit.WORD),
        Number("treatment", Unit.PEOPLE),
        Number("held_out", Unit.PEOPLE),
        Number("contaminated_share", Unit.SHARE),
        Number("buyers_treatment", Unit.PEOPLE),
        Number("buyers_held_out", Unit.PEOPLE),
        Number("effect", Unit.POINTS, "effect_low", "effect_high"),
        Number("minimum_detectable_effect", Unit.POINTS),
        Number("incremental_customers", Unit.PEOPLE, "incremental_customers_low", "incremental_customers_high"),
        Number("incremental_revenue_eur", Unit.EUR, "incremental_revenue_eur_low", "incremental_revenue_eur_high"),
        Number("segment_spend_eur", Unit.EUR),
        Number("iroas", Unit.RATIO, "iroas_low", "iroas_high"),
        Number(
            "cost_per_incremental_customer_eur",
            Unit.EUR,
            "cost_per_incremental_customer_eur_low",
            "cost_per_incremental_customer_eur_high",
        ),
    ),
    state="state",
    states=("measured",),
    once_per=("experiment", "segment"),
    unknown="not known",
    nothing_told=(
        "No trial is measured yet: an effect needs a hold-out, and orders of a day after the first delivery. The "
        "numbers say how far each one is."
    ),
    empty="No segment of an experiment was delivered yet; the plan says which segments have a hold-out.",
    answer=_found,
    wide=True,
)
GEO = Panel(
    id="geo_lift",
    table="geo_lift",
    title="How much more is bought where the campaign runs, whoever sees it?",
    shape=Shape.INTERVALS,
    names=("experiment", "metric", "state"),
    called=_experiment,
    value="relative_lift",
    interval=("relative_lift_low", "relative_lift_high"),
    usual=0.0,
    unit=Unit.SHARE,
    axis="more bought than without the campaign (%)",
    definition=(
        "Growth of regions with the campaign over that of regions drawn by lot to go without it, less 1, with its 95 % "
        "interval (inverted randomisation test)."
    ),
    numbers=(
        Number("experiment", Unit.WORD),
        Number("metric", Unit.WORD),
        Number("state", Unit.WORD),
        Number("treated_regions", Unit.COUNT),
        Number("control_regions", Unit.COUNT),
        Number("relative_lift", Unit.SHARE, "relative_lift_low", "relative_lift_high"),
        Number("incremental", Unit.RATIO, "incremental_low", "incremental_high"),
        Number("p_value", Unit.P_VALUE),
    ),
    state="state",
    states=("measured", "running"),
    nothing_told="No experiment on regions is measured yet; the numbers say how far each one is.",
    empty="No experiment on regions has landed: its file goes to “landing/geo_experiments”.",
)
INCREMENTAL_REACH = Panel(
    id="incremental_reach",
    table="incremental_reach",
    title="Whom would we not reach without this channel?",
    shape=Shape.INTERVALS,
    names=("channel",),
    interval=("incremental_share_low", "incremental_share_high"),
    unit=Unit.SHARE,
    axis="reached by no other channel (%)",
    definition=(
        "The range holds the truth: its ends count everybody whose group was withheld as reached by the channel, or "
        "nobody of them. These are bounds, no interval of chance."
    ),
    numbers=(
        Number("channel", Unit.WORD),
        Number("reached_at_least", Unit.PEOPLE),
        Number("reached_at_most", Unit.PEOPLE),
        Number("incremental_people", Unit.PEOPLE),
        Number("incremental_share_low", Unit.SHARE),
        Number("incremental_share_high", Unit.SHARE),
    ),
    also=(Also("incremental_people", Unit.PEOPLE, "{} people"),),
    empty=NO_WEEK,
)
_NEW_SHARE = (Number("new_share", Unit.SHARE, "share_low", "share_high"),)
NEW_PEOPLE = Panel(
    id="new_people",
    table="net_new_reach",
    title="Do we reach new people, or those who know us already?",
    shape=Shape.INTERVALS,
    names=("channel",),
    called=channel_name,
    value="new_share",
    interval=("share_low", "share_high"),
    unit=Unit.SHARE,
    axis="viewers new to the brand (%)",
    definition=(
        "Viewers without any event of account A in the 182 days before their first ad of the week and without a "
        "customer record from before the week / viewers, with its 95 % interval (Wilson)."
    ),
    numbers=(
        Number("channel", Unit.WORD),
        Number("people", Unit.PEOPLE),
        Number("new_people", Unit.PEOPLE),
        *_NEW_SHARE,
    ),
    empty=NO_WEEK,
)
NEW_BUYERS = Panel(
    id="new_buyers",
    table="new_to_brand",
    title="Does the campaign bring new customers, or does it sell to those we have?",
    shape=Shape.INTERVALS,
    names=("channel",),
    called=channel_name,
    value="new_share",
    interval=("share_low", "share_high"),
    unit=Unit.SHARE,
    axis="buyers without an earlier purchase (%)",
    definition=(
        "Of viewers who bought after their first ad of the week, those without a purchase in the 365 days before it, "
        "with its 95 % interval (Wilson)."
    ),
    numbers=(
        Number("channel", Unit.WORD),
        Number("buyers", Unit.PEOPLE),
        Number("new_buyers", Unit.PEOPLE),
        *_NEW_SHARE,
    ),
    descriptive=True,
    empty=NO_WEEK,
)

MEASUREMENT = Page(
    name="measurement",
    file="measurement.html",
    menu="Measurement",
    title="what the activations caused, and what people did",
    sections=(
        LIFT,
        GEO,
        INCREMENTAL_REACH,
        NEW_PEOPLE,
        NEW_BUYERS,
        FREQUENCY,
        SPREAD,
        PATHS,
        PATH_RATES,
        ATTRIBUTION,
        WAITING,
        DEVICES,
        HOURS,
    ),
    previews=("lift", "attribution"),
)
