"""Groups `planning` and `activation_insights`: tables that people look at, as Athena SQL over the lake.

Belongs here: which tables a query reads, running it, publishing. Not here: the SQL (`queries/<group>/<table>.sql`).
"""

from typing import TYPE_CHECKING

import dagster as dg

from segment_assets.assets.activations import LEDGER_TABLES
from segment_assets.assets.common import Owner, published, table_metadata
from segment_assets.automation import ON_NEW_VERSIONS
from segment_assets.contracts import Lake
from segment_assets.partitions import WEEKS
from segment_assets.queries import read
from segment_assets.resources.account_tables import LocalAccountTables
from segment_assets.resources.warehouse import LocalWarehouse
from segment_assets.tables import AUDIENCE_OVERLAP, CUSTOMER_REACH, DELIVERIES, DELIVERY_SUMMARY, OVERLAP, TABLES

if TYPE_CHECKING:
    import pyarrow.dataset as pads

ALL = "all"


@dg.asset(
    key=["planning", AUDIENCE_OVERLAP.name],
    group_name="planning",
    owners=[Owner.INSIGHTS.value],
    kinds={"athena", "sql"},
    partitions_def=WEEKS,
    deps=[
        dg.AssetDep(["clean_room", CUSTOMER_REACH.name]),
        dg.AssetDep(["clean_room", OVERLAP.name]),
        dg.AssetDep(["account_a", "customers"]),
    ],
    metadata=table_metadata(AUDIENCE_OVERLAP.name),
    automation_condition=ON_NEW_VERSIONS,
)
def audience_overlap(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    accounts: dg.ResourceParam[LocalAccountTables],
    warehouse: dg.ResourceParam[LocalWarehouse],
) -> dg.MaterializeResult:
    """How much of our customer base the publisher reached in the week, and how many of those converted.

    A number that the clean room withheld is empty and `below_threshold` is true; it is never shown as 0.
    """
    week = context.partition_key
    sources = {
        "customers": accounts.dataset("customers"),
        CUSTOMER_REACH.name: _rows(lake, CUSTOMER_REACH.name, week),
        OVERLAP.name: _rows(lake, OVERLAP.name, week),
    }
    sql = read(f"planning/{AUDIENCE_OVERLAP.name}").replace("'reporting_week'", f"'{week}'")
    rows = warehouse.select(sql, sources, AUDIENCE_OVERLAP.arrow_schema())
    writer = lake.writer(AUDIENCE_OVERLAP.name, week)
    writer.write(rows)
    return published(writer.publish({}))


@dg.asset(
    key=["activation_insights", DELIVERY_SUMMARY.name],
    group_name="activation_insights",
    owners=[Owner.INSIGHTS.value],
    kinds={"athena", "sql"},
    deps=[dg.AssetDep(["ledger", table.name]) for table in LEDGER_TABLES],
    metadata=table_metadata(DELIVERY_SUMMARY.name),
    automation_condition=ON_NEW_VERSIONS,
)
def delivery_summary(lake: dg.ResourceParam[Lake], warehouse: dg.ResourceParam[LocalWarehouse]) -> dg.MaterializeResult:
    """Where every person of each activated segment stands on each platform account, from the ledger's deliveries."""
    sources = {DELIVERIES.name: _all_rows(lake, DELIVERIES.name)}
    rows = warehouse.select(read(f"activation/{DELIVERY_SUMMARY.name}"), sources, DELIVERY_SUMMARY.arrow_schema())
    writer = lake.writer(DELIVERY_SUMMARY.name, ALL)
    writer.write(rows)
    return published(writer.publish({}))


def _rows(lake: Lake, table: str, partition: str) -> "pads.Dataset":
    import pyarrow.dataset as pads

    snapshot = lake.current(table, partition)
    return lake.dataset(snapshot) if snapshot else pads.dataset(TABLES[table].arrow_schema().empty_table())


def _all_rows(lake: Lake, table: str) -> "pads.Dataset":
    import pyarrow.dataset as pads

    parts = [snapshot for name in lake.partitions(table) if (snapshot := lake.current(table, name))]
    if not parts:
        return pads.dataset(TABLES[table].arrow_schema().empty_table())
    return pads.dataset([lake.dataset(part) for part in parts])


ASSETS = [audience_overlap, delivery_summary]
