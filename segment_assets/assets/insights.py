"""Groups `planning`, `measurement` and `activation_insights`: tables that people look at, as Athena SQL over the lake.

Belongs here: which tables a query reads, running it, publishing. Not here: the SQL (`queries/<group>/<table>.sql`).
"""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from segment_assets.assets.activations import LEDGER_TABLES
from segment_assets.assets.common import Owner, published, table_metadata
from segment_assets.assets.invariants import checked, invariant_specs
from segment_assets.assets.sources import account_rows, every_partition, lake_rows
from segment_assets.automation import ON_NEW_VERSIONS
from segment_assets.contracts import Lake
from segment_assets.partitions import WEEKS
from segment_assets.queries import read, render
from segment_assets.resources.ports import AccountTables, Source, Warehouse
from segment_assets.tables import (
    ATTRIBUTION,
    AUDIENCE_BY_BIRTH_COUNTRY,
    AUDIENCE_OVERLAP,
    AUDIENCE_PROFILE_INDEX,
    CAMPAIGN_REACH,
    CHANNEL_STEPS,
    CHANNELS,
    CONVERSIONS,
    CREATIVE_OVERLAP,
    CUSTOMER_REACH,
    CUSTOMERS,
    DELIVERIES,
    DELIVERY_SUMMARY,
    EXPOSURE_FREQUENCY,
    EXPOSURE_OVERLAP_GROUPS,
    EXPOSURE_SETS,
    INCREMENTAL_REACH,
    OVERLAP,
    OVERLAP_BY_CREATIVE,
    OVERLAP_BY_PRICE_BAND,
    REACH_BY_CAMPAIGN_CHANNEL,
    REACH_FREQUENCY,
    TOUCH_CREDITS,
    VALUE_BANDS,
    Table,
)

if TYPE_CHECKING:
    import pyarrow as pa

ALL = "all"


@dataclasses.dataclass(frozen=True, slots=True)
class WeeklyInsight:
    """One table per reporting week. `room` and `own` are the tables it reads.

    `key` is also the path of its query, where it has one; `attribution` is computed by code.
    """

    key: tuple[str, str]
    table: Table
    room: Sequence[Table]
    own: Sequence[Table]
    description: str


WEEKLY = (
    WeeklyInsight(
        ("planning", "audience_overlap"),
        AUDIENCE_OVERLAP,
        room=(CUSTOMER_REACH, OVERLAP),
        own=(CUSTOMERS,),
        description="How much of our customer base the publisher reached in the week, and how many of those converted.",
    ),
    WeeklyInsight(
        ("planning", "audience_profile_index"),
        AUDIENCE_PROFILE_INDEX,
        room=(AUDIENCE_BY_BIRTH_COUNTRY, OVERLAP),
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
        own=(),
        description="Customers by the number of impressions that they saw, and how many converted (descriptive).",
    ),
    WeeklyInsight(
        ("measurement", "exposure_overlap_groups"),
        EXPOSURE_OVERLAP_GROUPS,
        room=(EXPOSURE_SETS,),
        own=(),
        description="Customers by exactly the channels that they saw, and how many of these converted (descriptive).",
    ),
    WeeklyInsight(
        ("measurement", "incremental_reach"),
        INCREMENTAL_REACH,
        room=(EXPOSURE_SETS, CUSTOMER_REACH),
        own=(),
        description="Customers that a channel reached, and those of them that no other channel reached.",
    ),
    WeeklyInsight(
        ("measurement", "attribution"),
        ATTRIBUTION,
        room=(TOUCH_CREDITS, CHANNEL_STEPS, EXPOSURE_SETS),
        own=(),
        description=(
            "How eight models share out the week's conversions among channels. None of them says what a channel "
            "caused: that is `audience_incrementality`."
        ),
    ),
)


def _weekly(insight: WeeklyInsight) -> dg.AssetsDefinition:
    @dg.asset(
        key=list(insight.key),
        group_name=insight.key[0],
        owners=[Owner.INSIGHTS.value],
        kinds={"athena", "sql"} if insight.table.query else {"python", "parquet"},
        description=(
            f"{insight.table.question}\n\n{insight.description}\n\n"
            "A number that the clean room withheld is empty and `below_threshold` is true; it is never shown as 0."
        ),
        partitions_def=WEEKS,
        deps=[
            *(dg.AssetDep(["clean_room", table.name]) for table in insight.room),
            *(dg.AssetDep(["account_a", table.name]) for table in insight.own),
        ],
        metadata=table_metadata(insight.table.name),
        check_specs=invariant_specs(insight.table, dg.AssetKey(list(insight.key)), WEEKS),
        automation_condition=ON_NEW_VERSIONS,
    )
    def weekly_insight(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        accounts: dg.ResourceParam[AccountTables],
        warehouse: dg.ResourceParam[Warehouse],
        workdir: dg.ResourceParam[Path],
    ) -> dg.MaterializeResult:
        week = context.partition_key
        sources = {table.name: lake_rows(lake, table.name, week) for table in insight.room}
        sources |= {table.name: _own_rows(accounts, table, week) for table in insight.own}
        rows = _answer(insight, dt.date.fromisoformat(week), sources, warehouse)
        writer = lake.writer(insight.table.name, week)
        writer.write(rows)
        withheld = sum(rows["below_threshold"].to_pylist())
        made = published(writer.publish({"rows_below_threshold": withheld}), {"rows_below_threshold": withheld})
        return checked(made, insight.table, rows, workdir)

    return weekly_insight


def _answer(insight: WeeklyInsight, week: dt.date, sources: Mapping[str, Source], warehouse: Warehouse) -> "pa.Table":
    schema = insight.table.arrow_schema()
    if insight.table.query:
        return warehouse.select(render(read(insight.table.query), {"reporting_week": week}), sources, schema)
    import pyarrow as pa

    from segment_assets.measurement.attribution_rows import attribution_rows

    results = {name: rows.dataset.to_table().to_pylist() for name, rows in sources.items()}
    return pa.Table.from_pylist(attribution_rows(week, results, CHANNELS), schema)


SUMMARY = dg.AssetKey(["activation_insights", DELIVERY_SUMMARY.name])


@dg.asset(
    key=SUMMARY,
    group_name="activation_insights",
    owners=[Owner.INSIGHTS.value],
    kinds={"athena", "sql"},
    deps=[dg.AssetDep(["ledger", table.name]) for table in LEDGER_TABLES],
    metadata=table_metadata(DELIVERY_SUMMARY.name),
    check_specs=invariant_specs(DELIVERY_SUMMARY, SUMMARY),
    automation_condition=ON_NEW_VERSIONS,
)
def delivery_summary(
    lake: dg.ResourceParam[Lake], warehouse: dg.ResourceParam[Warehouse], workdir: dg.ResourceParam[Path]
) -> dg.MaterializeResult:
    """Where every person of each activated segment stands on each platform account, from the ledger's deliveries."""
    sources = {DELIVERIES.name: every_partition(lake, DELIVERIES.name)}
    rows = warehouse.select(read(f"activation/{DELIVERY_SUMMARY.name}"), sources, DELIVERY_SUMMARY.arrow_schema())
    writer = lake.writer(DELIVERY_SUMMARY.name, ALL)
    writer.write(rows)
    return checked(published(writer.publish({})), DELIVERY_SUMMARY, rows, workdir)


def _own_rows(accounts: AccountTables, table: Table, week: str) -> Source:
    return account_rows(accounts, table.name, week if table is CONVERSIONS else None)


ASSETS = [*(_weekly(insight) for insight in WEEKLY), delivery_summary]
