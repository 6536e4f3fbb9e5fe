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
