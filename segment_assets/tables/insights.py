"""Tables that people look at: planning, measurement and activation insight.

Here only numbers of groups, never of a person. Not here: the SQL (`queries`).
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


def _people(name: str, description: str) -> Column:
    """Distinct people: the sum over rows would count a person twice."""
    return Column(name, Type.INTEGER, f"{description}. Distinct people: never add up over rows or weeks")


AUDIENCE_OVERLAP = Table(
    name="audience_overlap",
    description="How much of account A's base account B reached, and how many of those converted, by week.",
    question="How much of our customer base can we reach on this publisher, and does it buy?",
    computed_in=ComputedIn.ROOM,
    grain=("reporting_week",),
    retention_days=400,
    query="planning/audience_overlap",
    columns=(
        _WEEK,
        _people("customers", "Customers with a join key in account A"),
        _people(
            "exposed_customers",
            "Of them, reached on account B; empty when below threshold, or where fewer than 100 were not reached",
        ),
        _people(
            "matched_converters",
            "Of them, converted on the day of an impression or after; empty when below threshold, or where fewer than "
            "100 did not convert",
        ),
        Column("overlap_rate", Type.DOUBLE, "exposed_customers / customers"),
        Column("conversion_rate", Type.DOUBLE, "matched_converters / exposed_customers"),
        _BELOW,
    ),
    invariants=(
        "exposed_customers <= customers",
        "matched_converters <= exposed_customers",
        "overlap_rate BETWEEN 0 AND 1",
        "below_threshold = (exposed_customers IS NULL OR matched_converters IS NULL)",
        "exposed_customers <> 0 AND matched_converters <> 0",
    ),
)

# Named unlike clean_room's overlap_by_creative, of which it is the table for readers.
CREATIVE_OVERLAP = Table(
    name="creative_overlap",
    description="Matched converters by the creative that they saw, for every creative that account A knows, by week.",
    question="Which creatives did the people see who converted?",
    computed_in=ComputedIn.ROOM,
    grain=("reporting_week", "creative_id"),
    retention_days=400,
    query="measurement/overlap_by_creative",
    columns=(
        _WEEK,
        text("creative_id", "Creative", nullable=False),
        _people("matched_converters", "People who converted after seeing it; they count at every creative they saw"),
        Column("share_of_matched", Type.DOUBLE, "matched_converters / all matched converters; shares exceed 1 in sum"),
        _BELOW,
    ),
    invariants=(
        "matched_converters <> 0",
        "share_of_matched BETWEEN 0 AND 1",
        "below_threshold = (matched_converters IS NULL)",
    ),
)

VALUE_BANDS = Table(
    name="value_bands",
    description="Buyers by band of order value, and how many of them had seen an impression before, by week.",
    question="Do people who saw the campaign spend more?",
    computed_in=ComputedIn.ROOM,
    grain=("reporting_week", "price_band"),
    retention_days=400,
    query="measurement/value_bands",
    columns=(
        _WEEK,
        text("price_band", "Band of the order value in EUR, or `without price`", nullable=False),
        Column("band_number", Type.INTEGER, "Order of the bands; 99 for one that the query does not list"),
        _people("converters", "Account A's converters in the band, whether they saw an impression or not"),
        _people("matched_converters", "Of them, after an impression; empty when below threshold"),
        Column("matched_share", Type.DOUBLE, "matched_converters / converters"),
        _BELOW,
    ),
    invariants=(
        "matched_converters <> 0",
        "matched_converters <= converters",
        "below_threshold = (matched_converters IS NULL)",
    ),
)

AUDIENCE_PROFILE_INDEX = Table(
    name="audience_profile_index",
    description="Which attribute values are more common among matched converters than in account A's base, by week.",
    question="Who is more common among those who convert after an ad than in our own base?",
    computed_in=ComputedIn.ROOM,
    grain=("reporting_week", "attribute", "attribute_value"),
    retention_days=400,
    query="planning/audience_profile_index",
    columns=(
        _WEEK,
        text("attribute", "Attribute of account A's customers: birth_country", nullable=False),
        text("attribute_value", "Value of the attribute", nullable=False),
        _people("base_people", "Customers with a join key that have the value"),
        Column("base_share", Type.DOUBLE, "base_people / customers with a join key"),
        _people(
            "matched_converters",
            "Matched converters that have the value; empty when below threshold, or where a withheld value would "
            "follow from it",
        ),
        Column("matched_share", Type.DOUBLE, "matched_converters / all customers who are matched converters"),
        Column("affinity_index", Type.DOUBLE, "matched_share / base_share * 100: above 100 is more common than usual"),
        Column("index_low", Type.DOUBLE, "Lower end of the index's 95 % interval"),
        Column("index_high", Type.DOUBLE, "Upper end of the index's 95 % interval"),
        _BELOW,
    ),
    invariants=(
        "matched_converters <> 0",
        "base_share BETWEEN 0 AND 1",
        "affinity_index BETWEEN index_low AND index_high",
        "below_threshold = (matched_converters IS NULL)",
    ),
)

REACH_BY_CAMPAIGN_CHANNEL = Table(
    name="reach_by_campaign_channel",
    description="Customers reached, impressions and average frequency by campaign and channel, by week.",
    question="How many customers did each campaign reach, and how often?",
    computed_in=ComputedIn.ROOM,
    grain=("reporting_week", "campaign_id", "channel"),
    retention_days=400,
    query="measurement/reach_by_campaign_channel",
    columns=(
        _WEEK,
        text("campaign_id", "Campaign; `(all)` is the row over all campaigns, withheld ones included", nullable=False),
        text("channel", "Channel; `(all)` in the row over all campaigns", nullable=False),
        _people(
            "reached_customers",
            "Customers that saw at least one impression; empty when below threshold, or where fewer than 100 were not "
            "reached",
        ),
        Column("impressions", Type.INTEGER, "Impressions that they saw; additive. Empty in the row `(all)`"),
        Column("average_frequency", Type.DOUBLE, "impressions / reached_customers"),
        Column("reach_rate", Type.DOUBLE, "reached_customers / customers with a join key"),
        _BELOW,
    ),
    invariants=(
        "reached_customers <> 0",
        "reached_customers <= impressions",
        "reach_rate BETWEEN 0 AND 1",
        "below_threshold = (reached_customers IS NULL)",
        "reached_customers <= (SELECT max(reached_customers) FROM this_table WHERE campaign_id = '(all)')",
    ),
)

DELIVERY_SUMMARY = Table(
    name="delivery_summary",
    description="Where every person of each activated segment stands on each platform account.",
    question="Of the people we wanted on a platform, how many are there?",
    computed_in=ComputedIn.LEDGER,
    grain=("destination", "account", "segment"),
    retention_days=400,
    query="activation/delivery_summary",
    columns=(
        text("destination", "Platform", nullable=False),
        text("account", "Platform account", nullable=False),
        text("segment", "Segment", nullable=False),
        Column("deliveries", Type.INTEGER, "Deliveries so far"),
        Column("last_closed_at", Type.TIMESTAMP, "End of the last one (UTC)"),
        Column("audience", Type.INTEGER, "People in the hashed audience, last time"),
        Column("suppressed", Type.INTEGER, "Of the audience, opted out"),
        Column("no_consent", Type.INTEGER, "Of the audience, without the consent that their region asks for"),
        Column("held_out", Type.INTEGER, "Of the audience, kept back by an experiment"),
        Column("no_usable_key", Type.INTEGER, "Of the audience, without anything this platform can match"),
        Column("wanted", Type.INTEGER, "People who should be there: the rest of the audience"),
        Column(
            "acknowledged",
            Type.INTEGER,
            "Of wanted, proven by the platform to be there, last time or before, and not taken out since",
        ),
        Column("refused", Type.INTEGER, "Of wanted, refused by the platform, last time or before"),
        Column("unproven", Type.INTEGER, "Of wanted, sent without evidence either way"),
        Column("unsent", Type.INTEGER, "Of wanted, not sent before the last delivery ended"),
        Column(
            "taken_out", Type.INTEGER, "Of wanted, taken out since that delivery: opted out, withdrew, or all deleted"
        ),
        Column("accepted_in_total", Type.INTEGER, "Adds and changes accepted over all deliveries"),
        Column("rejected_in_total", Type.INTEGER, "Adds and changes rejected over all deliveries"),
        Column("unproven_in_total", Type.INTEGER, "Adds and changes without evidence over all deliveries"),
        Column("removed_in_total", Type.INTEGER, "Removals acknowledged over all deliveries"),
        Column("requests_in_total", Type.INTEGER, "Calls made over all deliveries"),
        Column("deliverable_share", Type.DOUBLE, "wanted / audience"),
    ),
    invariants=(
        "audience = suppressed + no_consent + held_out + no_usable_key + wanted",
        "wanted = acknowledged + refused + unproven + unsent + taken_out",
    ),
)
