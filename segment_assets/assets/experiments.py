"""Group `activation_insights`: the experiments of the plan, who was in which arm, and how clean the arms are.

Belongs here: which pairs are of an experiment, and publishing. Not here: who was delivered (`delivery.experiments`),
the counts (`queries/measurement/hold_outs.sql`).
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from segment_assets.assets.activations import LEDGER_TABLES
from segment_assets.assets.common import Owner, published, table_metadata
from segment_assets.assets.metrics import usage_told
from segment_assets.assets.sources import lake_rows
from segment_assets.automation import ON_NEW_VERSIONS
from segment_assets.contracts import Lake
from segment_assets.plan import Plan, Use
from segment_assets.queries import read
from segment_assets.resources.metrics import Metrics
from segment_assets.resources.ports import Warehouse
from segment_assets.tables import HOLD_OUT_PEOPLE, HOLD_OUTS

if TYPE_CHECKING:
    from segment_assets.delivery.ledger import AudienceLedger, Pair

ALL = "all"
PEOPLE = dg.AssetKey(["activation_insights", HOLD_OUT_PEOPLE.name])
COUNTS = dg.AssetKey(["activation_insights", HOLD_OUTS.name])


@dg.asset(
    key=PEOPLE,
    group_name="activation_insights",
    owners=[Owner.INSIGHTS.value],
    kinds={"duckdb", "parquet"},
    deps=[dg.AssetDep(["ledger", table.name]) for table in LEDGER_TABLES],
    metadata=table_metadata(HOLD_OUT_PEOPLE.name),
    automation_condition=ON_NEW_VERSIONS,
)
def hold_out_people_asset(
    plan: dg.ResourceParam[Plan], lake: dg.ResourceParam[Lake], workdir: dg.ResourceParam[Path]
) -> dg.MaterializeResult:
    """Everybody in an arm of one of the plan's experiments, by week, and when they were first delivered in it.

    Lift is measured between these arms, whatever a person was sent. Whoever was forgotten since is in none of them; in
    how many weeks that is so is told beside the rows.
    """
    from segment_assets.delivery.experiments import hold_out_people

    writer = lake.writer(HOLD_OUT_PEOPLE.name, ALL)
    lacking = 0
    for experiment in sorted(plan.experiments):
        ledgers = list(_ledgers(plan, lake, experiment))
        lacking += len(hold_out_people(experiment, ledgers, write=writer, workdir=workdir, excluding=_excluding(plan)))
    told = {"experiments": len(plan.experiments), "weeks_without_the_forgotten": lacking}
    return published(writer.publish({}), told)


@dg.asset(
    key=COUNTS,
    group_name="activation_insights",
    owners=[Owner.INSIGHTS.value],
    kinds={"athena", "sql"},
    deps=[dg.AssetDep(PEOPLE)],
    metadata=table_metadata(HOLD_OUTS.name),
    automation_condition=ON_NEW_VERSIONS,
)
def hold_outs(
    lake: dg.ResourceParam[Lake], warehouse: dg.ResourceParam[Warehouse], metrics: dg.ResourceParam[Metrics]
) -> dg.MaterializeResult:
    """How clean each experiment is, by week: people assigned to its arms, delivered, and held out but delivered."""
    sources = {HOLD_OUT_PEOPLE.name: lake_rows(lake, HOLD_OUT_PEOPLE.name, ALL)}
    rows = warehouse.select(read(HOLD_OUTS.query), sources, HOLD_OUTS.arrow_schema())
    writer = lake.writer(HOLD_OUTS.name, ALL)
    writer.write(rows)
    return published(writer.publish({}), usage_told(metrics, HOLD_OUTS.name, rows))


def _ledgers(plan: Plan, lake: Lake, experiment: str) -> Iterator["AudienceLedger"]:
    """Of every pair whose segment is in the experiment, also of one that the plan names no more: it was delivered."""
    from segment_assets.delivery.ledger import AudienceLedger, Pair

    segments = {name for name, segment in plan.segments.items() if segment.experiment == experiment}
    known = {tuple(key.split("/")[1:4]) for key in lake.keys("ledger") if "/deliveries/" in key}
    for destination, account, segment in sorted(known):
        if segment in segments:
            yield AudienceLedger(lake, Pair(plan.tenant, destination, account, segment), time.time)


def _excluding(plan: Plan) -> "set[Pair]":
    from segment_assets.delivery.ledger import Pair

    accounts = ((plan.accounts[a.account], a) for a in plan.activations if a.use is Use.EXCLUDE)
    return {Pair(plan.tenant, account.destination, account.account, a.segment) for account, a in accounts}


ASSETS = [hold_out_people_asset, hold_outs]
