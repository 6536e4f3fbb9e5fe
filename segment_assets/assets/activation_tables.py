"""Group `activation_insights`: what platforms made of our audiences.

Belongs here: match rates over time, sizes beside minimums, how soon opt-outs are out. Not here: deliveries
(`insights`), the times of opt-outs (`delivery.deadlines`).
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from segment_assets.assets.activations import LEDGER_TABLES
from segment_assets.assets.common import Owner, published, table_metadata
from segment_assets.assets.insights import ALL
from segment_assets.assets.invariants import checked, invariant_specs
from segment_assets.assets.metrics import usage_told
from segment_assets.assets.sources import all_rows, every_partition
from segment_assets.automation import ON_NEW_VERSIONS
from segment_assets.compliance import WINDOW_HOURS
from segment_assets.contracts import Lake
from segment_assets.plan import Plan
from segment_assets.queries import read
from segment_assets.resources.metrics import Metrics
from segment_assets.resources.ports import Warehouse
from segment_assets.tables import (
    AUDIENCE_FLOW,
    AUDIENCE_SIZES,
    DELIVERIES,
    DELIVERY_SUMMARY,
    MATCH_RATE_TREND,
    OPTOUT_LATENCY,
    SEGMENT_SIZE_BY_DESTINATION,
    SUPPRESSIONS,
    Table,
)

_PAIR = ("destination", "account", "segment")
Row = Mapping[str, Any]


def _declared(table: Table, *kinds: str, after: Table | None = None) -> dict[str, Any]:
    key = dg.AssetKey(["activation_insights", table.name])
    return {
        "key": key,
        "group_name": "activation_insights",
        "owners": [Owner.INSIGHTS.value],
        "kinds": set(kinds),
        "deps": [dg.AssetDep(["activation_insights", after.name])]
        if after
        else [dg.AssetDep(["ledger", source.name]) for source in LEDGER_TABLES],
        "metadata": table_metadata(table.name),
        "check_specs": invariant_specs(table, key),
        "automation_condition": ON_NEW_VERSIONS,
    }


@dg.asset(**_declared(MATCH_RATE_TREND, "athena", "sql"))
def match_rate_trend(
    lake: dg.ResourceParam[Lake],
    warehouse: dg.ResourceParam[Warehouse],
    workdir: dg.ResourceParam[Path],
    metrics: dg.ResourceParam[Metrics],
) -> dg.MaterializeResult:
    """Does a platform recognise fewer of our people than it used to? Its range over ours, day by day."""
    sources = {AUDIENCE_SIZES.name: every_partition(lake, AUDIENCE_SIZES.name)}
    rows = warehouse.select(read(MATCH_RATE_TREND.query), sources, MATCH_RATE_TREND.arrow_schema())
    return _written(lake, MATCH_RATE_TREND, rows, workdir, usage_told(metrics, MATCH_RATE_TREND.name, rows))


@dg.asset(**_declared(AUDIENCE_FLOW, "athena", "sql", after=DELIVERY_SUMMARY))
def audience_flow(
    lake: dg.ResourceParam[Lake],
    warehouse: dg.ResourceParam[Warehouse],
    workdir: dg.ResourceParam[Path],
    metrics: dg.ResourceParam[Metrics],
) -> dg.MaterializeResult:
    """Where do people get lost between the audience and the platform? Door by door."""
    sources = {DELIVERY_SUMMARY.name: every_partition(lake, DELIVERY_SUMMARY.name)}
    rows = warehouse.select(read(AUDIENCE_FLOW.query), sources, AUDIENCE_FLOW.arrow_schema())
    return _written(lake, AUDIENCE_FLOW, rows, workdir, usage_told(metrics, AUDIENCE_FLOW.name, rows))


@dg.asset(**_declared(SEGMENT_SIZE_BY_DESTINATION, "python", "parquet"))
def segment_size_by_destination(
    lake: dg.ResourceParam[Lake],
    warehouse: dg.ResourceParam[Warehouse],
    workdir: dg.ResourceParam[Path],
    metrics: dg.ResourceParam[Metrics],
) -> dg.MaterializeResult:
    """Where is a segment too small to be served, and how many people are missing? By each connector's minimum."""
    import pyarrow as pa

    from segment_assets.destinations import registry

    deliveries = {DELIVERIES.name: every_partition(lake, DELIVERIES.name)}
    summary = warehouse.select(read(DELIVERY_SUMMARY.query), deliveries, DELIVERY_SUMMARY.arrow_schema())
    answers = all_rows(lake, AUDIENCE_SIZES.name).to_table().sort_by("asked_at").to_pylist()
    last = {_pair(row): row for row in answers}
    minimums = {name: contract.minimum_members for name, contract in registry().items()}
    rows = [size_row(row, last.get(_pair(row), {}), minimums.get(row["destination"])) for row in summary.to_pylist()]
    table = pa.Table.from_pylist(rows, SEGMENT_SIZE_BY_DESTINATION.arrow_schema())
    used = usage_told(metrics, SEGMENT_SIZE_BY_DESTINATION.name, summary)
    return _written(lake, SEGMENT_SIZE_BY_DESTINATION, table, workdir, used)


@dg.asset(**_declared(OPTOUT_LATENCY, "python", "duckdb"))
def optout_latency(
    plan: dg.ResourceParam[Plan], lake: dg.ResourceParam[Lake], workdir: dg.ResourceParam[Path]
) -> dg.MaterializeResult:
    """Is everybody who said no out within the deadline, on every platform? From the request to the platform's word."""
    import pyarrow as pa

    from segment_assets.delivery.deadlines import opt_out_times
    from segment_assets.delivery.ledger import AudienceLedger, Pair

    suppressions, deadline = lake.current(SUPPRESSIONS.name, ALL), plan.opt_out_deadline_hours
    rows = []
    # Also audiences that the plan names no more: whoever is in one that was kept can still say no.
    for pair in sorted({tuple(key.split("/")[1:4]) for key in lake.keys("ledger") if "/deliveries/" in key}):
        ledger = AudienceLedger(lake, Pair(plan.tenant, *pair), time.time)
        told = opt_out_times(
            ledger, suppressions, deadline_hours=deadline, window_hours=WINDOW_HOURS, workdir=workdir
        )  # fmt: skip
        rows.append({
            **dict(zip(_PAIR, pair, strict=True)),
            "deadline_hours": deadline,
            "taken_out": told.taken_out,
            "in_time": told.in_time,
            "in_time_share": told.in_time / told.taken_out if told.taken_out else None,
            "slowest_hours": told.slowest_hours,
            "waiting": told.waiting,
            "overdue": told.overdue,
            "oldest_waiting_hours": told.oldest_waiting_hours,
        })  # fmt: skip
    return _written(lake, OPTOUT_LATENCY, pa.Table.from_pylist(rows, OPTOUT_LATENCY.arrow_schema()), workdir)


def size_row(delivered: Row, answer: Row, minimum: int | None) -> dict[str, Any]:
    """A row of SEGMENT_SIZE_BY_DESTINATION: `answer` is the platform's last one, empty where it was never asked.

    Nobody is matched who was not acknowledged, so where the platform does not say a size, the acknowledged people are
    the most that there can be, and too few of them are surely too few.
    """
    low, high = answer.get("size_lower"), answer.get("size_upper")
    most = high if high is not None else delivered["acknowledged"]
    verdict, missing = "not_told", None
    if minimum is not None and most is not None and most < minimum:
        verdict, missing = "too_small", minimum - most
    elif low is not None:
        verdict = "served" if low >= (minimum or 0) else "perhaps"
    return {
        **{name: delivered[name] for name in (*_PAIR, "wanted", "acknowledged")},
        "size_low": low,
        "size_high": high,
        "asked_at": answer.get("asked_at"),
        "minimum": minimum,
        "missing": missing,
        "verdict": verdict,
    }


def _pair(row: Row) -> Sequence[str]:
    return tuple(row[name] for name in _PAIR)


def _written(
    lake: Lake, table: Table, rows: Any, workdir: Path, told: Mapping[str, Any] | None = None
) -> dg.MaterializeResult:
    writer = lake.writer(table.name, ALL)
    writer.write(rows)
    return checked(published(writer.publish({}), told), table, rows, workdir)


ASSETS = [audience_flow, match_rate_trend, segment_size_by_destination, optout_latency]
