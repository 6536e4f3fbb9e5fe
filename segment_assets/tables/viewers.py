"""Tables on viewers: which way they went to a conversion, how long it took, whom the brand did not know before.

A viewer is whom account B showed an ad in the week and knows by e-mail, customer of account A or not. All of these
tables describe: people who see more ads differ from others before they see any. Not here: the SQL (`queries`).
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
_DAYS_BEFORE = "FROM this_table AS t WHERE t.days < this_table.days"
_CHANNEL = text("channel", "Channel, or `(all)`: whoever saw any", nullable=False)
_CONVERSION_RATE = (
    Column("conversion_rate", Type.DOUBLE, f"converters / people. {_DESCRIPTIVE}"),
    Column("rate_low", Type.DOUBLE, "Lower end of the rate's 95 % interval (Wilson)"),
    Column("rate_high", Type.DOUBLE, "Upper end of the rate's 95 % interval (Wilson)"),
)
_RATE_HOLDS = (
    "converters <= people",
    "conversion_rate BETWEEN rate_low - 0.000001 AND rate_high + 0.000001",
    "people <> 0",
    "below_threshold = (people IS NULL)",
)

PATH_TO_CONVERSION = Table(
    name="path_to_conversion",
    description="Viewers of the week by the channels they saw in order, and how many of them converted.",
    question="Which way do people go before they convert?",
    computed_in=ComputedIn.ROOM,
    grain=("reporting_week", "path"),
    retention_days=400,
    query="measurement/path_to_conversion",
    columns=(
        _WEEK,
        text(
            "path",
            "Channels in the order seen, repeats collapsed: of a converter until the last order, else of the week. "
            "`(more)` stands for everything after the fourth, `(other)` for all paths of too few people",
            nullable=False,
        ),
        Column("steps", Type.INTEGER, "Channels in the path, 5 for five and more; empty for `(other)`"),
        Column("people", Type.INTEGER, "Viewers; paths are disjoint and add up, but never add up weeks"),
        Column(
            "converters",
            Type.INTEGER,
            "Of people, ordered after their first ad; paths add up, but never add up weeks. Empty where fewer than "
            "25 converted, or fewer than 25 did not, here or in what the other paths leave",
        ),
        Column("share_of_converters", Type.DOUBLE, "converters / the converters of all paths"),
        *_CONVERSION_RATE,
        _BELOW,
    ),
    invariants=(
        *_RATE_HOLDS,
        "steps BETWEEN 1 AND 5",
        "share_of_converters BETWEEN 0 AND 1",
        "(SELECT sum(share_of_converters) FROM this_table) <= 1.000001",
        "(SELECT count(*) FROM this_table WHERE path = '(other)') = 1",
    ),
)

TIME_TO_CONVERSION = Table(
    name="time_to_conversion",
    description=(
        "How many viewers have converted by each day after their first ad of the week (Kaplan and Meier): who was "
        "watched for fewer days, because the week ended, counts for as long as they were watched."
    ),
    question="How long does it take people to convert, and is a week long enough to see it?",
    computed_in=ComputedIn.ROOM,
    grain=("reporting_week", "days"),
    retention_days=400,
    columns=(
        _WEEK,
        Column("days", Type.INTEGER, "Whole days (UTC) from the first ad to the first order after it", nullable=False),
        Column(
            "at_risk",
            Type.INTEGER,
            "Viewers who were watched on that day and had not converted before: never add up",
            of=("journey_groups.people",),
        ),
        Column(
            "converters",
            Type.INTEGER,
            "Of at_risk, converted on that day; days add up, but never add up weeks",
            of=("journey_groups.conversions",),
        ),
        Column(
            "converted_share",
            Type.DOUBLE,
            f"Share of viewers who have converted by then = 1 - product of (1 - converters / at_risk). {_DESCRIPTIVE}",
            of=("journey_groups.people", "journey_groups.conversions"),
        ),
        Column(
            "share_low",
            Type.DOUBLE,
            "Lower end of its 95 % interval (Greenwood, log-log)",
            of=("journey_groups.people", "journey_groups.conversions"),
        ),
        Column(
            "share_high",
            Type.DOUBLE,
            "Upper end of its 95 % interval",
            of=("journey_groups.people", "journey_groups.conversions"),
        ),
        _BELOW,
    ),
    invariants=(
        "converters <= at_risk",
        "converted_share BETWEEN share_low AND share_high",
        f"converted_share >= coalesce((SELECT max(t.converted_share) {_DAYS_BEFORE}), 0)",
        f"at_risk <= coalesce((SELECT min(t.at_risk) {_DAYS_BEFORE}), at_risk)",
        "below_threshold = (at_risk IS NULL)",
    ),
)

NET_NEW_REACH = Table(
    name="net_new_reach",
    description="Viewers by channel, and how many of them had nothing to do with the brand before.",
    question="Do we reach new people, or those who know us already?",
    computed_in=ComputedIn.ROOM,
    grain=("reporting_week", "channel"),
    retention_days=400,
    query="measurement/net_new_reach",
    columns=(
        _WEEK,
        _CHANNEL,
        Column("people", Type.INTEGER, "Viewers: never add up over channels or weeks"),
        Column(
            "new_people",
            Type.INTEGER,
            "Of people, without any event of account A in the 182 days before their first ad of the week and without a "
            "customer record from before the week, as far as account A's tables go back; never add up over channels or "
            "weeks. Empty where the new or the others are fewer than "
            "100, here or among those whom only other channels reached",
        ),
        Column("new_share", Type.DOUBLE, "new_people / people"),
        Column("share_low", Type.DOUBLE, "Lower end of its 95 % interval (Wilson)"),
        Column("share_high", Type.DOUBLE, "Upper end of its 95 % interval (Wilson)"),
        _BELOW,
    ),
    invariants=(
        "new_people < people",
        "new_people <> 0",
        "new_share BETWEEN share_low AND share_high",
        "people <= (SELECT max(people) FROM this_table WHERE channel = '(all)')",
        "new_people <= (SELECT max(new_people) FROM this_table WHERE channel = '(all)')",
        "below_threshold = (new_people IS NULL)",
    ),
)

NEW_TO_BRAND = Table(
    name="new_to_brand",
    description="Viewers who bought after their first ad of the week, by channel, and whose first purchase it was.",
    question="Does the campaign bring new customers, or does it sell to those we have?",
    computed_in=ComputedIn.ROOM,
    grain=("reporting_week", "channel"),
    retention_days=400,
    query="measurement/new_to_brand",
    columns=(
        _WEEK,
        _CHANNEL,
        Column(
            "buyers", Type.INTEGER, "People with a purchase after their first ad: never add up over channels or weeks"
        ),
        Column(
            "new_buyers",
            Type.INTEGER,
            "Of buyers, without a purchase in the 365 days before their first ad, as far as account A's orders go "
            "back; never add up over channels or weeks. Empty where the new or the others are fewer than "
            "100, here or among those whom only other channels reached",
        ),
        Column("new_share", Type.DOUBLE, "new_buyers / buyers"),
        Column("share_low", Type.DOUBLE, "Lower end of its 95 % interval (Wilson)"),
        Column("share_high", Type.DOUBLE, "Upper end of its 95 % interval (Wilson)"),
        _BELOW,
    ),
    invariants=(
        "new_buyers < buyers",
        "new_buyers <> 0",
        "new_share BETWEEN share_low AND share_high",
        "buyers <= (SELECT max(buyers) FROM this_table WHERE channel = '(all)')",
        "new_buyers <= (SELECT max(new_buyers) FROM this_table WHERE channel = '(all)')",
        "below_threshold = (new_buyers IS NULL)",
    ),
)

MARGINALS = Table(
    name="marginals",
    description="Viewers, impressions and conversions by country, region, hour of the day where they were, and device.",
    question="Where, when and on what do people see our ads, and do they convert?",
    computed_in=ComputedIn.ROOM,
    grain=("reporting_week", "dimension", "dimension_value"),
    retention_days=400,
    query="measurement/marginals",
    columns=(
        _WEEK,
        text("dimension", "country, region, hour or device: one at a time, since cells of several are too small"),
        text(
            "dimension_value",
            "Alpha-2 country; country-region, `(none)` where the region is not known; hour 0 to 23; ctv, desktop, "
            "mobile or tablet. Which countries and regions there are is only known from the result",
        ),
        Column("people", Type.INTEGER, "Viewers; they count in every group they were in: never add up"),
        Column(
            "impressions",
            Type.INTEGER,
            "Impressions that they saw there; additive within a dimension, but never add up dimensions",
        ),
        Column("average_frequency", Type.DOUBLE, "impressions / people"),
        Column(
            "converters",
            Type.INTEGER,
            "Of people, ordered after their first ad of the week: never add up. Empty where fewer than 25 "
            "converted, or fewer than 25 did not, here or in what the other groups leave",
        ),
        *_CONVERSION_RATE,
        _BELOW,
    ),
    invariants=(*_RATE_HOLDS, "people <= impressions", "average_frequency >= 1"),
)
