"""Group `clean_room`: one asset per protected query, one partition per reporting week.

Belongs here: rendering the week into the query, asking it, and publishing its result as a table. A query takes minutes
to hours, and no run waits for it: a run that finds no result ends without a materialisation, so that what comes after
it is skipped, and the follower (`query_follower`) asks for another run when the query has ended.
Not here: the queries (`queries/clean_room`), the rules (`privacy`), the engine (`resources/clean_room`).
"""

import datetime as dt
import time
from collections.abc import Iterator

import dagster as dg

from segment_assets.assets.common import Owner, as_failure, published, table_metadata
from segment_assets.contracts import Lake, PermanentError, SegmentAssetsError, Snapshot
from segment_assets.delivery.ledger import FencedError
from segment_assets.partitions import WEEKS
from segment_assets.plan import Plan
from segment_assets.queries import read, render
from segment_assets.resources.clean_room import CleanRoom, ProtectedQuery, QueryOutcome
from segment_assets.resources.clean_room.asking import Pending, ask
from segment_assets.resources.clean_room.record import QueryRecord
from segment_assets.resources.metrics import Dimension, Metric, Metrics
from segment_assets.tables import (
    AUDIENCE_BY_BIRTH_COUNTRY,
    CAMPAIGN_REACH,
    CHANNEL_STEPS,
    CUSTOMER_REACH,
    EXPOSED_CUSTOMERS,
    EXPOSURE_FREQUENCY,
    EXPOSURE_SETS,
    INVENTORY_DAYS,
    JOURNEY_GROUPS,
    MATCHED_CUSTOMERS,
    OVERLAP,
    OVERLAP_BY_CREATIVE,
    OVERLAP_BY_PRICE_BAND,
    TOUCH_CREDITS,
    VIEWER_GROUPS,
    Table,
)

# On runs that the follower asks for: which query, and the newest note about it that the follower had seen.
QUERY_TAG, SEEN_TAG = "segment_assets/query", "segment_assets/query_note"

_CUSTOMERS, _CONVERSIONS, _IMPRESSIONS = (
    ("account_a", "customers"),
    ("account_a", "conversions"),
    (
        "account_b",
        "impressions",
    ),
)


def _protected_query(table: Table, *reads: tuple[str, str]) -> dg.AssetsDefinition:
    @dg.asset(
        key=["clean_room", table.name],
        group_name="clean_room",
        description=f"{table.description} Groups below the partner's threshold are withheld by the clean room.",
        owners=[Owner.COLLABORATION.value],
        kinds={"sql", "aws"},
        partitions_def=WEEKS,
        deps=[dg.AssetDep(list(key)) for key in reads],
        metadata=table_metadata(table.name),
        # Bounds runs that start or collect. The 5 queries that AWS runs at a time are bounded by AWS: see `asking`.
        pool="clean_room",
        output_required=False,
    )
    def protected_query(
        context: dg.AssetExecutionContext,
        clean_room: dg.ResourceParam[CleanRoom],
        lake: dg.ResourceParam[Lake],
        metrics: dg.ResourceParam[Metrics],
        plan: dg.ResourceParam[Plan],
    ) -> Iterator[dg.MaterializeResult]:
        week = context.partition_key
        record = QueryRecord(lake, table.name, week, time.time)
        query = weekly_query(table.name, week, uncertain_allowed=table.name in plan.uncertain_queries)
        try:
            told = ask(record, clean_room, query, seen=_seen_by_follower(context.run))
            if isinstance(told, Pending):
                _say(context, told)
                return
            snapshot = _publish(clean_room, lake, (table, week), told, record)
        except SegmentAssetsError as error:
            raise as_failure(error) from None
        cost = told.statistics.estimated_cost_usd
        metrics.put({Metric.QUERY_CRPU_HOURS: told.statistics.billed_units}, {Dimension.QUERY: table.name})
        yield published(
            snapshot,
            {
                "query_id": told.query_id,
                "result_location": dg.MetadataValue.path(told.location or ""),
                "duration_ms": told.statistics.total_duration_in_millis,
                "crpu_hours": told.statistics.billed_units,
                **({} if cost is None else {"estimated_cost_usd": cost}),
            },
        )
        # After the report: a run that dies before this line is made again, and reports the same version again.
        _note_collected(context, record, snapshot)

    return protected_query


def _seen_by_follower(run: dg.DagsterRun) -> int | None:
    """The newest note that the follower knew when it asked for this run, None for a run by hand.

    A person who re-executes a follower's run copies its tags, and means a new query; a retry after a crash does not.
    """
    by_hand = "dagster/parent_run_id" in run.tags and "dagster/retry_number" not in run.tags
    return int(run.tags[SEEN_TAG]) if SEEN_TAG in run.tags and not by_hand else None


def _say(context: dg.AssetExecutionContext, pending: Pending) -> None:
    """Tell on the asset's page and in the run why there is no materialisation."""
    context.log.info(pending.said)
    told = {"clean_room": pending.said} | ({"query_id": pending.query_id} if pending.query_id else {})
    context.log_event(
        dg.AssetObservation(context.asset_key, description=pending.said, metadata=told, partition=context.partition_key)
    )


def _note_collected(context: dg.AssetExecutionContext, record: QueryRecord, snapshot: Snapshot) -> None:
    try:
        record.collected(snapshot.id)
    except FencedError as overtaken:
        context.log.info(str(overtaken))


def weekly_query(name: str, week: str, *, uncertain_allowed: bool = False) -> ProtectedQuery:
    """A query for the week that begins on a Monday (ISO date), with its days as parameters of a template."""
    days = _days_of(week)
    sql = render(read(f"clean_room/{name}"), days)
    texts = {day: date.isoformat() for day, date in days.items()}
    return ProtectedQuery(name, sql, parameters=texts, uncertain_allowed=uncertain_allowed)


def weekly_sql(name: str, week: str) -> str:
    """The text of a query for the week that begins on a Monday (ISO date)."""
    return weekly_query(name, week).sql


def _days_of(week: str) -> dict[str, dt.date]:
    monday = dt.date.fromisoformat(week)
    return {"week_start": monday, "week_end": monday + dt.timedelta(days=7)}


def _publish(
    clean_room: CleanRoom, lake: Lake, of: tuple[Table, str], outcome: QueryOutcome, record: QueryRecord
) -> Snapshot:
    """The result as the table's current version; once, also when the run before died between this and its report."""
    table, week = of
    there = lake.current(table.name, week)
    if there is not None and there.stats.get("query_id") == outcome.query_id:
        return there
    writer = lake.writer(table.name, week)
    try:
        for batch in clean_room.read(outcome.location or "", table.arrow_schema()):
            writer.write(batch)
    except PermanentError as unusable:
        record.failed(str(unusable), final=True)
        raise
    return writer.publish({"query_id": outcome.query_id, **outcome.statistics.to_aws()})


ASSETS = [
    _protected_query(OVERLAP, _CONVERSIONS, _IMPRESSIONS),
    _protected_query(OVERLAP_BY_CREATIVE, _CONVERSIONS, _IMPRESSIONS),
    _protected_query(OVERLAP_BY_PRICE_BAND, _CONVERSIONS, _IMPRESSIONS),
    _protected_query(AUDIENCE_BY_BIRTH_COUNTRY, _CUSTOMERS, _CONVERSIONS, _IMPRESSIONS),
    _protected_query(CUSTOMER_REACH, _CUSTOMERS, _IMPRESSIONS),
    _protected_query(CAMPAIGN_REACH, _CUSTOMERS, _IMPRESSIONS),
    _protected_query(EXPOSED_CUSTOMERS, _CUSTOMERS, _IMPRESSIONS),
    _protected_query(EXPOSURE_SETS, _CUSTOMERS, _CONVERSIONS, _IMPRESSIONS),
    _protected_query(EXPOSURE_FREQUENCY, _CUSTOMERS, _CONVERSIONS, _IMPRESSIONS),
    _protected_query(TOUCH_CREDITS, _CONVERSIONS, _IMPRESSIONS),
    _protected_query(CHANNEL_STEPS, _CONVERSIONS, _IMPRESSIONS),
    _protected_query(MATCHED_CUSTOMERS, _CUSTOMERS, _CONVERSIONS, _IMPRESSIONS),
    _protected_query(JOURNEY_GROUPS, _CONVERSIONS, _IMPRESSIONS),
    _protected_query(VIEWER_GROUPS, _CUSTOMERS, _CONVERSIONS, _IMPRESSIONS),
    _protected_query(INVENTORY_DAYS, _CUSTOMERS, _IMPRESSIONS),
]
