"""Every table once: columns, types, PII class, grain, where it is computed, how long it is kept.

Dagster column schemas, Arrow schemas, blocking checks and the data dictionary are derived from this package: one
file per area, the shapes in `model`. Not here: how a table is filled.
"""

from __future__ import annotations

from segment_assets.tables.accounts import CONVERSIONS, CUSTOMERS, IMPRESSIONS, JOIN_KEY, OPT_OUTS
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
    CUSTOMER_REACH,
    EXPOSED_CUSTOMERS,
    OVERLAP,
    OVERLAP_BY_CREATIVE,
    OVERLAP_BY_PRICE_BAND,
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
from segment_assets.tables.ledger import ACKNOWLEDGED, AUDIENCE_SIZES, CHANGES, DELIVERIES, RECEIPTS, REJECTIONS
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
        AUDIENCE_OVERLAP,
        AUDIENCE_PROFILE_INDEX,
        CREATIVE_OVERLAP,
        VALUE_BANDS,
        REACH_BY_CAMPAIGN_CHANNEL,
        DELIVERY_SUMMARY,
        HOLD_OUT_PEOPLE,
        HOLD_OUTS,
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
    "AUDIENCE_BY_BIRTH_COUNTRY",
    "AUDIENCE_OVERLAP",
    "AUDIENCE_PROFILE_INDEX",
    "AUDIENCE_SIZES",
    "CAMPAIGN_REACH",
    "CHANGES",
    "CONVERSIONS",
    "CREATIVE_OVERLAP",
    "CUSTOMERS",
    "CUSTOMER_REACH",
    "DELIVERIES",
    "DELIVERY_SUMMARY",
    "EXPOSED_CUSTOMERS",
    "HASHED_AUDIENCE",
    "HOLD_OUTS",
    "HOLD_OUT_PEOPLE",
    "IDENTIFIER_COLUMNS",
    "IMPRESSIONS",
    "JOIN_KEY",
    "OPT_OUTS",
    "OVERLAP",
    "OVERLAP_BY_CREATIVE",
    "OVERLAP_BY_PRICE_BAND",
    "QUARANTINE",
    "REACH_BY_CAMPAIGN_CHANNEL",
    "RECEIPTS",
    "REJECTIONS",
    "SEGMENT_MEMBERS",
    "SOURCE_PLACE",
    "SUPPRESSIONS",
    "TABLES",
    "VALUE_BANDS",
    "Column",
    "ComputedIn",
    "Pii",
    "Table",
    "Type",
]
