"""Every table once: columns, types, PII class, grain, where it is computed, how long it is kept.

Dagster column schemas, Arrow schemas, blocking checks and the data dictionary are derived from this package: one
file per area, the shapes in `model`. Not here: how a table is filled.
"""

from __future__ import annotations

from segment_assets.tables.accounts import CONVERSIONS, CUSTOMERS, IMPRESSIONS, JOIN_KEY, OPT_OUTS
from segment_assets.tables.activation import MATCH_RATE_TREND, OPTOUT_LATENCY, SEGMENT_SIZE_BY_DESTINATION
from segment_assets.tables.audiences import (
    HASHED_AUDIENCE,
    IDENTIFIER_COLUMNS,
    QUARANTINE,
    SEGMENT_MEMBERS,
    SOURCE_PLACE,
    SUPPRESSIONS,
)
from segment_assets.tables.clean_room import (
    AUDIENCE_BY_BIRTH_COUNTRY,
    CAMPAIGN_REACH,
    CHANNEL_STEPS,
    CHANNELS,
    CUSTOMER_REACH,
    EXPOSED_CUSTOMERS,
    EXPOSURE_FREQUENCY,
    EXPOSURE_SETS,
    OVERLAP,
    OVERLAP_BY_CREATIVE,
    OVERLAP_BY_PRICE_BAND,
    TOUCH_CREDITS,
)
from segment_assets.tables.experiments import HOLD_OUT_PEOPLE, HOLD_OUTS
from segment_assets.tables.insights import (
    AUDIENCE_OVERLAP,
    AUDIENCE_PROFILE_INDEX,
    CREATIVE_OVERLAP,
    DELIVERY_SUMMARY,
    REACH_BY_CAMPAIGN_CHANNEL,
    VALUE_BANDS,
)
from segment_assets.tables.journeys import ATTRIBUTION, EXPOSURE_OVERLAP_GROUPS, INCREMENTAL_REACH, REACH_FREQUENCY
from segment_assets.tables.ledger import ACKNOWLEDGED, AUDIENCE_SIZES, CHANGES, DELIVERIES, RECEIPTS, REJECTIONS
from segment_assets.tables.measurement import AUDIENCE_INCREMENTALITY, SPEND
from segment_assets.tables.model import Column, ComputedIn, Pii, Table, Type

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        CUSTOMERS,
        CONVERSIONS,
        IMPRESSIONS,
        OPT_OUTS,
        SEGMENT_MEMBERS,
        HASHED_AUDIENCE,
        SUPPRESSIONS,
        QUARANTINE,
        OVERLAP,
        OVERLAP_BY_CREATIVE,
        OVERLAP_BY_PRICE_BAND,
        AUDIENCE_BY_BIRTH_COUNTRY,
        CUSTOMER_REACH,
        CAMPAIGN_REACH,
        EXPOSED_CUSTOMERS,
        EXPOSURE_SETS,
        EXPOSURE_FREQUENCY,
        TOUCH_CREDITS,
        CHANNEL_STEPS,
        AUDIENCE_OVERLAP,
        AUDIENCE_PROFILE_INDEX,
        CREATIVE_OVERLAP,
        VALUE_BANDS,
        REACH_BY_CAMPAIGN_CHANNEL,
        REACH_FREQUENCY,
        EXPOSURE_OVERLAP_GROUPS,
        INCREMENTAL_REACH,
        ATTRIBUTION,
        DELIVERY_SUMMARY,
        MATCH_RATE_TREND,
        SEGMENT_SIZE_BY_DESTINATION,
        OPTOUT_LATENCY,
        HOLD_OUT_PEOPLE,
        HOLD_OUTS,
        SPEND,
        AUDIENCE_INCREMENTALITY,
        CHANGES,
        ACKNOWLEDGED,
        DELIVERIES,
        RECEIPTS,
        REJECTIONS,
        AUDIENCE_SIZES,
    )
}

__all__ = [
    "ACKNOWLEDGED",
    "ATTRIBUTION",
    "AUDIENCE_BY_BIRTH_COUNTRY",
    "AUDIENCE_INCREMENTALITY",
    "AUDIENCE_OVERLAP",
    "AUDIENCE_PROFILE_INDEX",
    "AUDIENCE_SIZES",
    "CAMPAIGN_REACH",
    "CHANGES",
    "CHANNELS",
    "CHANNEL_STEPS",
    "CONVERSIONS",
    "CREATIVE_OVERLAP",
    "CUSTOMERS",
    "CUSTOMER_REACH",
    "DELIVERIES",
    "DELIVERY_SUMMARY",
    "EXPOSED_CUSTOMERS",
    "EXPOSURE_FREQUENCY",
    "EXPOSURE_OVERLAP_GROUPS",
    "EXPOSURE_SETS",
    "HASHED_AUDIENCE",
    "HOLD_OUTS",
    "HOLD_OUT_PEOPLE",
    "IDENTIFIER_COLUMNS",
    "IMPRESSIONS",
    "INCREMENTAL_REACH",
    "JOIN_KEY",
    "MATCH_RATE_TREND",
    "OPTOUT_LATENCY",
    "OPT_OUTS",
    "OVERLAP",
    "OVERLAP_BY_CREATIVE",
    "OVERLAP_BY_PRICE_BAND",
    "QUARANTINE",
    "REACH_BY_CAMPAIGN_CHANNEL",
    "REACH_FREQUENCY",
    "RECEIPTS",
    "REJECTIONS",
    "SEGMENT_MEMBERS",
    "SEGMENT_SIZE_BY_DESTINATION",
    "SOURCE_PLACE",
    "SPEND",
    "SUPPRESSIONS",
    "TABLES",
    "TOUCH_CREDITS",
    "VALUE_BANDS",
    "Column",
    "ComputedIn",
    "Pii",
    "Table",
    "Type",
]
