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
from segment_assets.assets.metrics import usage_told
from segment_assets.assets.sources import account_rows, every_partition, lake_rows
from segment_assets.assets.weekly_tables import WEEKLY, WeeklyInsight
from segment_assets.automation import ON_NEW_VERSIONS
from segment_assets.contracts import Lake
from segment_assets.partitions import WEEKS
from segment_assets.queries import read, render
from segment_assets.resources.metrics import Metrics
from segment_assets.resources.ports import AccountTables, Source, Warehouse
from segment_assets.tables import (
    AUDIENCE_OVERLAP,
    COMPLEMENTARY_CELLS,
    CONVERSIONS,
    DELIVERIES,
    DELIVERY_SUMMARY,
    Table,
)

if TYPE_CHECKING:
    import pyarrow as pa

ALL = "all"
MADE_FROM = "made_from"
_KEYS = {insight.table.name: insight.key for insight in WEEKLY}
# They say what others may show. Without them, or with those of other results, withheld numbers would be shown.
_GUARDS = (COMPLEMENTARY_CELLS, AUDIENCE_OVERLAP)


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
            *(dg.AssetDep(list(_KEYS[table.name])) for table in insight.measured),
        ],
        metadata=table_metadata(insight.table.name),
        check_specs=invariant_specs(insight.table, dg.AssetKey(list(insight.key)), WEEKS),
        automation_condition=ON_NEW_VERSIONS,
    )
    def weekly_insight(
        context: dg.AssetExecutionContext,
        *,
        lake: dg.ResourceParam[Lake],
        accounts: dg.ResourceParam[AccountTables],
        warehouse: dg.ResourceParam[Warehouse],
        workdir: dg.ResourceParam[Path],
        metrics: dg.ResourceParam[Metrics],
    ) -> dg.MaterializeResult:
        week = context.partition_key
        # Before anything is read: what changes meanwhile must not count as known.
        versions = {table.name: accounts.version(table.name) for table in insight.own}
        sources = {table.name: lake_rows(lake, table.name, week) for table in (*insight.room, *insight.measured)}
        versions |= _versions(insight, sources)
        _refuse_unguarded(insight, sources, versions)
        sources |= {table.name: _own_rows(accounts, table, week) for table in insight.own}
        rows = _answer(insight, dt.date.fromisoformat(week), sources, warehouse)
        writer = lake.writer(insight.table.name, week)
        writer.write(rows)
        told = _below_threshold(rows)
        used = usage_told(metrics, insight.table.name, rows)
        made_from: dict[str, object] = {MADE_FROM: versions} if insight.table in _GUARDS else {}
        made = published(writer.publish(told | made_from), told | used)
        return checked(made, insight.table, rows, workdir)

    return weekly_insight


def _refuse_unguarded(insight: WeeklyInsight, sources: Mapping[str, Source], versions: Mapping[str, str]) -> None:
    """Raise where a table that says what must not be shown is missing, or was made from other rows than these."""
    for guard in (table for table in insight.measured if table in _GUARDS):
        key = "/".join(_KEYS[guard.name])
        snapshots = sources[guard.name].snapshots
        if not snapshots:
            raise dg.Failure(
                description=f"{key} says what must be withheld and was never made for this week: materialize it first",
                allow_retries=False,
            )
        made_from = snapshots[0].stats.get(MADE_FROM)
        known = made_from if isinstance(made_from, Mapping) else {}
        differing = [name for name, now in versions.items() if known.get(name, now) != now]
        if differing or (guard is COMPLEMENTARY_CELLS and not known):
            raise dg.Failure(
                description=(
                    f"{key} was made from other results than those there are now ({', '.join(differing) or 'unknown'}):"
                    " materialize it again, then this table"
                ),
                allow_retries=False,
            )


def _versions(insight: WeeklyInsight, sources: Mapping[str, Source]) -> dict[str, str]:
    """The versions of the room's results; an empty text stands for none."""
    found = {table.name: sources[table.name].snapshots or () for table in insight.room}
    return {name: "".join(snapshot.id for snapshot in snapshots) for name, snapshots in found.items()}


def _answer(insight: WeeklyInsight, week: dt.date, sources: Mapping[str, Source], warehouse: Warehouse) -> "pa.Table":
    schema = insight.table.arrow_schema()
    if insight.table.query:
        return warehouse.select(render(read(insight.table.query), {"reporting_week": week}), sources, schema)
    import pyarrow as pa

    from segment_assets.assets.weekly_rows import computed_rows

    # Own tables are of any size: whoever reads one here only has to be made again with it.
    own = {table.name for table in insight.own}
    results = {name: rows.dataset.to_table().to_pylist() for name, rows in sources.items() if name not in own}
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
    lake: dg.ResourceParam[Lake],
    warehouse: dg.ResourceParam[Warehouse],
    workdir: dg.ResourceParam[Path],
    metrics: dg.ResourceParam[Metrics],
) -> dg.MaterializeResult:
    """Where every person of each activated segment stands on each platform account, from the ledger's deliveries."""
    sources = {DELIVERIES.name: every_partition(lake, DELIVERIES.name)}
    rows = warehouse.select(read(f"activation/{DELIVERY_SUMMARY.name}"), sources, DELIVERY_SUMMARY.arrow_schema())
    writer = lake.writer(DELIVERY_SUMMARY.name, ALL)
    writer.write(rows)
    made = published(writer.publish({}), usage_told(metrics, DELIVERY_SUMMARY.name, rows))
    return checked(made, DELIVERY_SUMMARY, rows, workdir)


def _own_rows(accounts: AccountTables, table: Table, week: str) -> Source:
    return account_rows(accounts, table.name, week if table is CONVERSIONS else None)


ASSETS = [*(_weekly(insight) for insight in WEEKLY), delivery_summary]
