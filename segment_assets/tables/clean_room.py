"""Results of protected queries, as the clean room hands them out; withheld groups have no row.

Not here: what is made of them for readers (`insights`).
"""

from __future__ import annotations

from segment_assets.tables.model import PSEUDONYM, Column, ComputedIn, Table, Type, text

OVERLAP = Table(
    name="overlap",
    description="Matched converters: people of account A who converted after an impression on account B.",
    computed_in=ComputedIn.ROOM,
    grain=(),
    retention_days=400,
    query="clean_room/overlap",
    columns=(Column("matched_converters", Type.INTEGER, "Distinct matched people"),),
)

OVERLAP_BY_CREATIVE = Table(
    name="overlap_by_creative",
    description="Matched converters by the creative that they saw.",
    computed_in=ComputedIn.ROOM,
    grain=("creative_id",),
    retention_days=400,
    query="clean_room/overlap_by_creative",
    columns=(
        text("creative_id", "Creative seen"),
        Column("matched_converters", Type.INTEGER, "Distinct matched people"),
    ),
)

OVERLAP_BY_PRICE_BAND = Table(
    name="overlap_by_price_band",
    description="Matched converters by stored band of order value.",
    computed_in=ComputedIn.ROOM,
    grain=("price_band",),
    retention_days=400,
    query="clean_room/overlap_by_price_band",
    columns=(
        text("price_band", "Band of the order value in EUR"),
        Column("matched_converters", Type.INTEGER, "Distinct matched people"),
    ),
)

AUDIENCE_BY_BIRTH_COUNTRY = Table(
    name="audience_by_birth_country",
    description="Matched converters by country of birth.",
    computed_in=ComputedIn.ROOM,
    grain=("birth_country",),
    retention_days=400,
    query="clean_room/audience_by_birth_country",
    columns=(
        text("birth_country", "Country of birth"),
        Column("matched_converters", Type.INTEGER, "Distinct matched people"),
    ),
)

CUSTOMER_REACH = Table(
    name="customer_reach",
    description="Customers of account A that saw an impression on account B.",
    computed_in=ComputedIn.ROOM,
    grain=(),
    retention_days=400,
    query="clean_room/customer_reach",
    columns=(Column("exposed_customers", Type.INTEGER, "Distinct matched people"),),
)

CAMPAIGN_REACH = Table(
    name="campaign_reach",
    description="Customers of account A that each campaign reached on each channel, and the impressions they saw.",
    computed_in=ComputedIn.ROOM,
    grain=("campaign_id", "channel"),
    retention_days=400,
    query="clean_room/campaign_reach",
    columns=(
        text("campaign_id", "Campaign"),
        text("channel", "Channel"),
        Column("reached_customers", Type.INTEGER, "Distinct matched people: never add up over rows"),
        Column("impressions", Type.INTEGER, "Distinct impressions that they saw"),
    ),
)

EXPOSED_CUSTOMERS = Table(
    name="exposed_customers",
    description="LIST result: account A's customers who saw an impression on account B.",
    computed_in=ComputedIn.ROOM,
    grain=("customer_id",),
    retention_days=90,
    query="clean_room/exposed_customers",
    columns=(text("customer_id", "Account A's customer number", PSEUDONYM),),
)

_FLAG = "1 where the people of the row saw {0}, else 0"
_DISJOINT = "Distinct customers; additive over groups, since nobody is in two, but never add up weeks"
_CONVERTERS = "Of people, converted after their first impression of the week"
CHANNELS = ("audio", "ctv", "display", "olv", "social")

EXPOSURE_SETS = Table(
    name="exposure_sets",
    description="Customers by exactly the channels that they saw in the week. Groups are disjoint.",
    computed_in=ComputedIn.ROOM,
    grain=("ctv", "olv", "display", "audio", "social"),
    retention_days=400,
    query="clean_room/exposure_sets",
    columns=(
        *(
            Column(name, Type.INTEGER, _FLAG.format(f"the channel {name}"))
            for name in ("ctv", "olv", "display", "audio", "social")
        ),
        Column("people", Type.INTEGER, _DISJOINT),
        Column("impressions", Type.INTEGER, "Impressions that they saw"),
        Column("converters", Type.INTEGER, _CONVERTERS),
    ),
)

EXPOSURE_FREQUENCY = Table(
    name="exposure_frequency",
    description="Customers by the number of impressions that they saw in the week. Groups are disjoint.",
    computed_in=ComputedIn.ROOM,
    grain=("frequency",),
    retention_days=400,
    query="clean_room/exposure_frequency",
    columns=(
        Column("frequency", Type.INTEGER, "Impressions per person; 10 is ten and more"),
        Column("people", Type.INTEGER, _DISJOINT),
        Column("impressions", Type.INTEGER, "Impressions that they saw"),
        Column("converters", Type.INTEGER, _CONVERTERS),
    ),
)

TOUCH_CREDITS = Table(
    name="touch_credits",
    description="What five fixed rules of attribution give each channel for the converters of the week.",
    computed_in=ComputedIn.ROOM,
    grain=("channel",),
    retention_days=400,
    query="clean_room/touch_credits",
    columns=(
        text("channel", "Channel"),
        Column("converters", Type.INTEGER, "Distinct converters who saw it before they converted: never add up"),
        Column("first_touch", Type.INTEGER, "Conversions whose first touch it was"),
        Column("last_touch", Type.INTEGER, "Conversions whose last touch it was"),
        Column("linear", Type.DOUBLE, "Conversions, shared equally among all touches"),
        Column("position_based", Type.DOUBLE, "Conversions, 40 % to the first touch, 40 % to the last"),
        Column("time_decay", Type.DOUBLE, "Conversions, a touch seven days older has half the weight"),
    ),
)

CHANNEL_STEPS = Table(
    name="channel_steps",
    description="Steps of people from channel to channel in the week, and how their journeys ended.",
    computed_in=ComputedIn.ROOM,
    grain=("channel_before", "channel"),
    retention_days=400,
    query="clean_room/channel_steps",
    columns=(
        text("channel_before", "Channel of the touch before; empty at the beginning of a journey"),
        text("channel", "Channel of the touch"),
        Column("people", Type.INTEGER, "Distinct people who took the step: never add up over rows"),
        Column("steps", Type.INTEGER, "Steps taken; additive"),
        Column("conversions", Type.INTEGER, "Of steps, the journey's last one and then a conversion; additive"),
        Column("ends_without", Type.INTEGER, "Of steps, the journey's last one and no conversion; additive"),
    ),
)

MATCHED_CUSTOMERS = Table(
    name="matched_customers",
    description="Customers of account A who saw an impression on account B and converted on that day or after.",
    computed_in=ComputedIn.ROOM,
    grain=(),
    retention_days=400,
    query="clean_room/matched_customers",
    columns=(Column("matched_customers", Type.INTEGER, "Distinct matched people"),),
)

_PARTS = "{0} part of the group's name; what the parts are depends on `kind`"

JOURNEY_GROUPS = Table(
    name="journey_groups",
    description=(
        "Everybody whom account B showed an ad in the week and knows by e-mail, grouped three ways. Within a kind "
        "groups are disjoint. `path`: the channels in the order seen, repeats collapsed, the fifth part `(more)` for "
        "longer ones; paths of too few people are together in `(other)`. `channels`: the set of channels seen. `days`: "
        "whole days from the first ad to the first order after it, or to the end of the week. `all`: everybody."
    ),
    computed_in=ComputedIn.ROOM,
    grain=("kind", "part_1", "part_2", "part_3", "part_4", "part_5"),
    retention_days=400,
    query="clean_room/journey_groups",
    columns=(
        text("kind", "path, channels, days or all"),
        text("part_1", _PARTS.format("First")),
        text("part_2", _PARTS.format("Second")),
        text("part_3", _PARTS.format("Third")),
        text("part_4", _PARTS.format("Fourth")),
        text("part_5", _PARTS.format("Fifth")),
        Column("people", Type.INTEGER, "Distinct viewers; additive within a kind, but never add up kinds"),
        Column(
            "conversions",
            Type.INTEGER,
            "Of people, ordered after their first ad; additive like people: never add up kinds",
        ),
    ),
)

VIEWER_GROUPS = Table(
    name="viewer_groups",
    description=(
        "Everybody whom account B showed an ad in the week and knows by e-mail, by where, when and on what they saw "
        "it. Kinds: all, channel, publisher, publishers (who saw both), device, hour (where the viewer was), country, "
        "region."
    ),
    computed_in=ComputedIn.ROOM,
    grain=("kind", "part_1", "part_2"),
    retention_days=400,
    query="clean_room/viewer_groups",
    columns=(
        text("kind", "What the group has in common"),
        text("part_1", _PARTS.format("First")),
        text("part_2", _PARTS.format("Second")),
        Column("people", Type.INTEGER, "Distinct viewers: never add up over groups"),
        Column(
            "impressions",
            Type.INTEGER,
            "Impressions that they saw there; additive within a kind, but never add up kinds, nor `publishers`",
        ),
        Column(
            "known_people",
            Type.INTEGER,
            "Of people, with an event of account A in the 182 days before their first ad of the week, or a customer "
            "record from before the week",
        ),
        Column("converters", Type.INTEGER, "Of people, ordered after their first ad of the week: never add up"),
        Column("buyers", Type.INTEGER, "Of converters, with a purchase: never add up"),
        Column("earlier_buyers", Type.INTEGER, "Of buyers, with a purchase in the 365 days before their first ad"),
    ),
)

INVENTORY_DAYS = Table(
    name="inventory_days",
    description="Account B's impressions of the week by channel and day, and over all channels: whom they name.",
    computed_in=ComputedIn.ROOM,
    grain=("channel", "day"),
    retention_days=400,
    query="clean_room/inventory_days",
    columns=(
        text("channel", "Channel, or `(all)`"),
        Column("day", Type.DATE, "Day of the impressions (UTC)"),
        Column(
            "impressions", Type.INTEGER, "All of them; additive over days and channels, but never add up with `(all)`"
        ),
        Column(
            "addressable_impressions",
            Type.INTEGER,
            "Of impressions, with the viewer's e-mail; additive likewise, never add up with `(all)`",
        ),
        Column(
            "matched_impressions",
            Type.INTEGER,
            "Of these, seen by a customer of account A; additive likewise, never add up with `(all)`",
        ),
        Column("people", Type.INTEGER, "Distinct viewers: never add up"),
        Column(
            "newly_reached",
            Type.INTEGER,
            "Of people, first seen in the week; days of a channel add up, but never add up channels. Empty below 100",
        ),
    ),
)

ANALYSIS_LOG = Table(
    name="analysis_log",
    description="Every analysis in the collaboration as the clean room's own log tells it. Literals are masked.",
    computed_in=ComputedIn.ROOM,
    grain=("event_id", "log_stage"),
    retention_days=400,
    question="Who asked what of whose tables in the clean room, and how did it end?",
    columns=(
        Column("logged_at", Type.TIMESTAMP, "When the record was written (UTC)", nullable=False),
        Column("event_id", Type.STRING, "Id of the query", nullable=False),
        Column("log_stage", Type.STRING, "SUBMISSION or TERMINATION", nullable=False),
        text("status", "How it stands: COMPLETED where the API says SUCCESS"),
        text("analysis_type", "SQL, or what else an analysis can be"),
        text("analysis_rule", "Rule of the tables that it was judged by"),
        text("query_runner_account_id", "Account that asked"),
        text("result_receivers", "Accounts that get the result, a JSON list"),
        text("schema_names", "Tables that it names, a JSON list"),
        text("query_text", "What was asked, its literals masked"),
        text("query_validation_errors", "Why it was refused, a JSON list"),
        text("error_code", "Code of a failure"),
        Column("duration_ms", Type.INTEGER, "How long it took, where the log tells it"),
    ),
)
