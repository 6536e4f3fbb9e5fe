"""Tables on journeys: who saw which channels how often before they converted, and what models make of it.

All of them describe: people who are online more see more ads and buy more, whatever the ads do. What an activation
caused is in `audience_incrementality`. Not here: the SQL (`queries`), the models (`measurement`).
"""

from __future__ import annotations

from segment_assets.tables.model import Column, ComputedIn, Table, Type, text

_WEEK = Column("reporting_week", Type.DATE, "Monday of the reporting week", nullable=False)
_BELOW = Column(
    "below_threshold",
    Type.BOOLEAN,
    "True when the number is withheld (too few people, nobody, or it would tell of so few elsewhere); it is then "
    "empty, never 0",
    nullable=False,
)
_DESCRIPTIVE = "Descriptive, not an effect: people who see more ads differ from others before they see any"
_RATE = (
    Column("conversion_rate", Type.DOUBLE, f"converters / people. {_DESCRIPTIVE}"),
    Column("rate_low", Type.DOUBLE, "Lower end of the rate's 95 % interval (Wilson)"),
    Column("rate_high", Type.DOUBLE, "Upper end of the rate's 95 % interval (Wilson)"),
)
_RATE_HOLDS = ("converters <= people", "conversion_rate BETWEEN rate_low AND rate_high")
_WITHHELD = "below_threshold = (people IS NULL)"

REACH_FREQUENCY = Table(
    name="reach_frequency",
    description="How many customers saw how many impressions in the week, and how many of those converted afterwards.",
    question="How is frequency spread over the people we reach, and is anybody shown far too much?",
    computed_in=ComputedIn.ROOM,
    grain=("reporting_week", "frequency"),
    retention_days=400,
    query="measurement/reach_frequency",
    columns=(
        _WEEK,
        Column("frequency", Type.INTEGER, "Impressions per person in the week; 10 is ten and more", nullable=False),
        Column("people", Type.INTEGER, "Customers; groups are disjoint and add up, but never add up weeks"),
        Column("impressions", Type.INTEGER, "Impressions that they saw; additive"),
        Column(
            "reach_share",
            Type.DOUBLE,
            "people / all customers reached in the week; empty where fewer than 100 of these are in withheld groups, "
            "or where fewer than 100 customers were not reached",
        ),
        Column(
            "converters",
            Type.INTEGER,
            "Of people, converted after their first impression of the week; never add up weeks. Empty where fewer than "
            "25 converted, or fewer than 25 did not, here or in what the other groups leave",
        ),
        *_RATE,
        _BELOW,
    ),
    invariants=(
        "people <> 0",
        "CASE WHEN frequency < 10 THEN impressions = frequency * people ELSE impressions >= 10 * people END",
        "(SELECT sum(reach_share) FROM this_table) <= 1.000001",
        *_RATE_HOLDS,
        _WITHHELD,
    ),
)

CONVERSION_BY_FREQUENCY = Table(
    name="conversion_by_frequency",
    description=f"Customers by the impressions that they saw in the week, and how many converted. {_DESCRIPTIVE}.",
    question="Do people who see more impressions convert more often?",
    computed_in=ComputedIn.ROOM,
    grain=("reporting_week", "frequency"),
    retention_days=400,
    query="measurement/conversion_by_frequency",
    columns=(
        _WEEK,
        Column("frequency", Type.INTEGER, "Impressions per person in the week; 10 is ten and more", nullable=False),
        Column("people", Type.INTEGER, "Customers; groups are disjoint and add up, but never add up weeks"),
        Column("converters", Type.INTEGER, "Of people, as in reach_frequency; never add up weeks"),
        *_RATE,
        _BELOW,
    ),
    invariants=("people <> 0", *_RATE_HOLDS, "below_threshold = (converters IS NULL)"),
)

EXPOSURE_OVERLAP_GROUPS = Table(
    name="exposure_overlap_groups",
    description="Customers by exactly the channels that they saw in the week, and how many of those converted.",
    question="Which channels reach the same people, and how do people convert who saw several?",
    computed_in=ComputedIn.ROOM,
    grain=("reporting_week", "channels"),
    retention_days=400,
    query="measurement/exposure_overlap_groups",
    columns=(
        _WEEK,
        text("channels", "The channels seen, in alphabetical order, and no other", nullable=False),
        Column("channel_count", Type.INTEGER, "How many these are", nullable=False),
        Column("people", Type.INTEGER, "Customers; groups are disjoint and add up, but never add up weeks"),
        Column("impressions", Type.INTEGER, "Impressions that they saw; additive"),
        Column(
            "converters",
            Type.INTEGER,
            "Of people, converted after their first impression of the week; never add up weeks. Empty where fewer than "
            "25 converted, or fewer than 25 did not, here or in what the other groups leave",
        ),
        *_RATE,
        _BELOW,
    ),
    invariants=("people <> 0", "impressions >= channel_count * people", *_RATE_HOLDS, _WITHHELD),
)

INCREMENTAL_REACH = Table(
    name="incremental_reach",
    description="How many customers each channel reached in the week, and how many of these no other channel reached.",
    question="Whom would we not reach without this channel?",
    computed_in=ComputedIn.ROOM,
    grain=("reporting_week", "channel"),
    retention_days=400,
    query="measurement/incremental_reach",
    columns=(
        _WEEK,
        text("channel", "Channel", nullable=False),
        Column("reached_at_least", Type.INTEGER, "Customers in all groups that were told: never add up over channels"),
        Column(
            "reached_at_most",
            Type.INTEGER,
            "The same and everybody whose group was withheld, at least 100 where anybody was: never add up over "
            "channels. Equal where none was. Where fewer than 100 customers were not reached, these count too",
        ),
        Column(
            "incremental_people",
            Type.INTEGER,
            "Of them, reached by no other channel; channels add up, but never add up weeks",
        ),
        Column("incremental_share_low", Type.DOUBLE, "incremental_people / reached_at_most"),
        Column("incremental_share_high", Type.DOUBLE, "incremental_people / reached_at_least"),
        _BELOW,
    ),
    invariants=(
        "reached_at_least <= reached_at_most",
        "incremental_people <= reached_at_least",
        "incremental_share_low <= incremental_share_high",
        "incremental_share_high <= 1",
        "below_threshold = (incremental_people IS NULL)",
    ),
)

_CREDITS = tuple(
    f"touch_credits.{name}" for name in ("first_touch", "last_touch", "linear", "position_based", "time_decay")
)
_STEPS = tuple(f"channel_steps.{name}" for name in ("steps", "conversions", "ends_without"))
_SETS = ("journey_groups.people", "journey_groups.conversions")

ATTRIBUTION = Table(
    name="attribution",
    description=(
        "How eight models share out the conversions of the week among channels. All of them take the same journeys: "
        "everybody whom account B showed an ad in the week and knows by e-mail. Who orders after their first ad "
        "converts, and their journey ends at the last order; everybody else's ends with the week. Where nothing is "
        "withheld, all credits in conversions add up to one number."
    ),
    question="How much do the answers depend on the model of attribution that is asked?",
    computed_in=ComputedIn.ROOM,
    grain=("reporting_week", "model", "channel"),
    retention_days=400,
    columns=(
        _WEEK,
        text(
            "model",
            "first_touch, last_touch, linear, position_based (40/20/40), time_decay (half-life of seven days), "
            "markov_removal (first order, exact), shapley_conversions (a set is worth the conversions of all who saw "
            "nothing else) or shapley_rates (a set is worth the conversion rate of who saw exactly it; told only where "
            "no set is withheld)",
            nullable=False,
        ),
        text("channel", "Channel", nullable=False, of=("touch_credits.channel", "channel_steps.channel")),
        text("unit", "What `credit` counts: conversions (one per person), or conversion_rate", nullable=False),
        Column(
            "credit",
            Type.DOUBLE,
            "The channel's credit; additive within a model and a week, but never add up models or weeks. Where one "
            "channel is withheld the smallest other one is too: all conversions would give it away",
            of=(*_CREDITS, *_STEPS, *_SETS),
        ),
        Column(
            "share",
            Type.DOUBLE,
            "credit / the model's credit over all channels; empty for a model of which a channel's credit is withheld, "
            "or negative: rates may fall",
            of=(*_CREDITS, *_STEPS, *_SETS),
        ),
        Column(
            "withheld_cells",
            Type.INTEGER,
            "Rows of the model's source that are withheld or empty, of all there could be: channels of the five rules, "
            "steps of markov_removal, sets of both shapley. With some, credits are of the told part only. A channel "
            "that is withheld so that others do not tell it is no such row but of the five rules",
            nullable=False,
        ),
        _BELOW,
    ),
    invariants=(
        "below_threshold = (credit IS NULL)",
        "unit <> 'conversions' OR credit >= 0",
        "share BETWEEN 0 AND 1",
        "(SELECT max(abs(total - 1)) FROM (SELECT sum(share) AS total FROM this_table GROUP BY model)) < 0.000001",
    ),
)
