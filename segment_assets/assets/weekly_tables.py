"""What the weekly tables for readers are made of: one declaration per table of `planning` and `measurement`.

Belongs here: which tables each one reads. Not here: the assets (`insights`), the SQL (`queries`), columns (`tables`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from segment_assets.tables import (
    ATTRIBUTION,
    AUDIENCE_BY_BIRTH_COUNTRY,
    AUDIENCE_OVERLAP,
    AUDIENCE_PROFILE_INDEX,
    CAMPAIGN_REACH,
    CHANNEL_STEPS,
    COMPLEMENTARY_CELLS,
    CONVERSION_BY_FREQUENCY,
    CONVERSIONS,
    CREATIVE_OVERLAP,
    CROSS_PUBLISHER_REACH,
    CUSTOMER_REACH,
    CUSTOMERS,
    EXPOSURE_FREQUENCY,
    EXPOSURE_OVERLAP_GROUPS,
    EXPOSURE_SETS,
    INCREMENTAL_REACH,
    INVENTORY_DAYS,
    INVENTORY_MATCH_RATE,
    JOURNEY_GROUPS,
    MARGINALS,
    MATCHED_CUSTOMERS,
    NET_NEW_REACH,
    NEW_TO_BRAND,
    OVERLAP,
    OVERLAP_BY_CREATIVE,
    OVERLAP_BY_PRICE_BAND,
    PATH_TO_CONVERSION,
    REACH_BY_CAMPAIGN_CHANNEL,
    REACH_FORECAST,
    REACH_FREQUENCY,
    TIME_TO_CONVERSION,
    TOUCH_CREDITS,
    VALUE_BANDS,
    VIEWER_GROUPS,
    Table,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclasses.dataclass(frozen=True, slots=True)
class WeeklyInsight:
    """One table per reporting week. `room`, `own` and `measured` are the tables it reads.

    `room` are results of the clean room, `own` account A's tables, `measured` other tables of this list. `key` is also
    the path of its query, where it has one; the others are computed by code (`weekly_rows`).
    """

    key: tuple[str, str]
    table: Table
    room: Sequence[Table]
    own: Sequence[Table]
    description: str
    measured: Sequence[Table] = ()


WEEKLY = (
    WeeklyInsight(
        ("planning", "audience_overlap"),
        AUDIENCE_OVERLAP,
        room=(CUSTOMER_REACH, MATCHED_CUSTOMERS),
        own=(CUSTOMERS,),
        description="How much of our customer base the publisher reached in the week, and how many of those converted.",
    ),
    WeeklyInsight(
        ("planning", "audience_profile_index"),
        AUDIENCE_PROFILE_INDEX,
        room=(AUDIENCE_BY_BIRTH_COUNTRY, MATCHED_CUSTOMERS, CUSTOMER_REACH),
        own=(CUSTOMERS,),
        description=(
            "Whom the campaign moves: how much more common a country of birth is among matched converters than in "
            "our own base (100 is as common), with the interval that tells a difference from chance."
        ),
    ),
    WeeklyInsight(
        ("measurement", "overlap_by_creative"),
        CREATIVE_OVERLAP,
        room=(OVERLAP_BY_CREATIVE, OVERLAP),
        own=(CONVERSIONS,),
        description="How many of the week's converters had seen each creative, for every creative that we know.",
    ),
    WeeklyInsight(
        ("measurement", "value_bands"),
        VALUE_BANDS,
        room=(OVERLAP_BY_PRICE_BAND,),
        own=(CONVERSIONS,),
        description="How many of the week's buyers in each band of order value had seen an impression before.",
    ),
    WeeklyInsight(
        ("measurement", "reach_by_campaign_channel"),
        REACH_BY_CAMPAIGN_CHANNEL,
        room=(CAMPAIGN_REACH, CUSTOMER_REACH),
        own=(CUSTOMERS,),
        description="Customers reached, impressions and average frequency of every campaign on every channel.",
    ),
    WeeklyInsight(
        ("measurement", "reach_frequency"),
        REACH_FREQUENCY,
        room=(EXPOSURE_FREQUENCY, CUSTOMER_REACH),
        own=(CUSTOMERS,),
        description="Customers by the number of impressions that they saw, and how many converted (descriptive).",
        measured=(COMPLEMENTARY_CELLS,),
    ),
    WeeklyInsight(
        ("measurement", "conversion_by_frequency"),
        CONVERSION_BY_FREQUENCY,
        room=(),
        own=(),
        description="How many of those who saw so many impressions converted: descriptive, because of selection bias.",
        measured=(REACH_FREQUENCY,),
    ),
    WeeklyInsight(
        ("measurement", "exposure_overlap_groups"),
        EXPOSURE_OVERLAP_GROUPS,
        room=(EXPOSURE_SETS,),
        own=(),
        description="Customers by exactly the channels that they saw, and how many of these converted (descriptive).",
        measured=(COMPLEMENTARY_CELLS,),
    ),
    WeeklyInsight(
        ("measurement", "incremental_reach"),
        INCREMENTAL_REACH,
        room=(EXPOSURE_SETS, CUSTOMER_REACH),
        own=(CUSTOMERS,),
        description="Customers that a channel reached, and those of them that no other channel reached.",
        measured=(COMPLEMENTARY_CELLS,),
    ),
    WeeklyInsight(
        ("measurement", "attribution"),
        ATTRIBUTION,
        room=(TOUCH_CREDITS, CHANNEL_STEPS, JOURNEY_GROUPS),
        own=(),
        description=(
            "How eight models share out the week's conversions among channels. None of them says what a channel "
            "caused: that is `audience_incrementality`."
        ),
    ),
    WeeklyInsight(
        ("measurement", "complementary_cells"),
        COMPLEMENTARY_CELLS,
        room=(
            JOURNEY_GROUPS,
            VIEWER_GROUPS,
            EXPOSURE_SETS,
            EXPOSURE_FREQUENCY,
            CUSTOMER_REACH,
            CAMPAIGN_REACH,
            INVENTORY_DAYS,
        ),
        # How many customers there are decides what is withheld (audience_overlap tells it).
        own=(CUSTOMERS,),
        description="What readers' tables withhold besides what the clean room withholds, and why.",
        measured=(AUDIENCE_OVERLAP,),
    ),
    WeeklyInsight(
        ("measurement", "path_to_conversion"),
        PATH_TO_CONVERSION,
        room=(JOURNEY_GROUPS,),
        own=(),
        description="Viewers by the channels that they saw in order, and how many of them converted (descriptive).",
        measured=(COMPLEMENTARY_CELLS,),
    ),
    WeeklyInsight(
        ("measurement", "time_to_conversion"),
        TIME_TO_CONVERSION,
        room=(JOURNEY_GROUPS,),
        own=(),
        description="How many viewers have converted by each day after their first ad (descriptive).",
        measured=(COMPLEMENTARY_CELLS,),
    ),
    WeeklyInsight(
        ("measurement", "net_new_reach"),
        NET_NEW_REACH,
        room=(VIEWER_GROUPS,),
        own=(),
        description="Viewers of each channel, and how many of them the brand did not know before.",
        measured=(COMPLEMENTARY_CELLS,),
    ),
    WeeklyInsight(
        ("measurement", "new_to_brand"),
        NEW_TO_BRAND,
        room=(VIEWER_GROUPS,),
        own=(),
        description="Viewers who bought after their first ad, and for how many of them it was the first purchase.",
        measured=(COMPLEMENTARY_CELLS,),
    ),
    WeeklyInsight(
        ("measurement", "marginals"),
        MARGINALS,
        room=(VIEWER_GROUPS,),
        own=(),
        description="Viewers, impressions and conversions by country, region, hour and device (descriptive).",
        measured=(COMPLEMENTARY_CELLS,),
    ),
    WeeklyInsight(
        ("planning", "reach_forecast"),
        REACH_FORECAST,
        room=(INVENTORY_DAYS,),
        own=(),
        description="Viewers that each channel is expected to reach with fewer or more impressions, with intervals.",
        measured=(COMPLEMENTARY_CELLS,),
    ),
    WeeklyInsight(
        ("planning", "cross_publisher_reach"),
        CROSS_PUBLISHER_REACH,
        room=(VIEWER_GROUPS,),
        own=(),
        description="Viewers that each set of publishers reached together: exact where that is known, else bounds.",
        measured=(COMPLEMENTARY_CELLS,),
    ),
    WeeklyInsight(
        ("planning", "inventory_match_rate"),
        INVENTORY_MATCH_RATE,
        room=(INVENTORY_DAYS,),
        own=(),
        description="How much of the inventory names its viewer, and how much of it a customer of ours, by day.",
        measured=(COMPLEMENTARY_CELLS,),
    ),
)
