"""Groups `planning`, `measurement` and `activation_insights`: tables that people look at, as Athena SQL over the lake.

Belongs here: which tables a query reads, running it, publishing. Not here: the SQL (`queries/<group>/<table>.sql`).
"""

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from segment_assets.assets.activations import LEDGER_TABLES
from segment_assets.assets.common import Owner, published, table_metadata
from segment_assets.assets.invariants import checked, invariant_specs
from segment_assets.assets.sources import account_rows, every_partition, lake_rows
from segment_assets.assets.weekly_tables import WEEKLY, WeeklyInsight
from segment_assets.automation import ON_NEW_VERSIONS
from segment_assets.contracts import Lake
from segment_assets.partitions import WEEKS
from segment_assets.queries import read, render
from segment_assets.resources.ports import AccountTables, Source, Warehouse
from segment_assets.tables import CONVERSIONS, DELIVERIES, DELIVERY_SUMMARY, Table

if TYPE_CHECKING:
    import pyarrow as pa

ALL = "all"


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
            *(dg.AssetDep(["measurement", table.name]) for table in insight.measured),
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
        sources = {table.name: lake_rows(lake, table.name, week) for table in (*insight.room, *insight.measured)}
        sources |= {table.name: _own_rows(accounts, table, week) for table in insight.own}
        rows = _answer(insight, dt.date.fromisoformat(week), sources, warehouse)
        writer = lake.writer(insight.table.name, week)
        writer.write(rows)
        told = _below_threshold(rows)
        made = published(writer.publish(told), told)
        return checked(made, insight.table, rows, workdir)

    return weekly_insight


def _answer(insight: WeeklyInsight, week: dt.date, sources: Mapping[str, Source], warehouse: Warehouse) -> "pa.Table":
    schema = insight.table.arrow_schema()
    if insight.table.query:
        return warehouse.select(render(read(insight.table.query), {"reporting_week": week}), sources, schema)
    import pyarrow as pa

    from segment_assets.assets.weekly_rows import computed_rows

    results = {name: rows.dataset.to_table().to_pylist() for name, rows in sources.items()}
    return pa.Table.from_pylist(computed_rows(insight.table.name, week, results), schema)


def _below_threshold(rows: "pa.Table") -> dict[str, int]:
    if "below_threshold" not in rows.schema.names:
        return {}
    return {"rows_below_threshold": sum(rows["below_threshold"].to_pylist())}


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
