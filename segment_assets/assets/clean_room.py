"""Group `clean_room`: one asset per protected query, one partition per reporting week.

Belongs here: rendering the week into the query, running it, and publishing its result as a table.
Not here: the queries (`queries/clean_room`), the rules (`privacy`), the engine (`resources/clean_room`).
"""

import datetime as dt

import dagster as dg

from segment_assets.assets.common import Owner, as_failure, published, table_metadata
from segment_assets.contracts import Lake, PermanentError, Snapshot, TransientError
from segment_assets.partitions import WEEKS
from segment_assets.queries import read, render
from segment_assets.resources.clean_room import CleanRoom, ProtectedQuery, QueryOutcome, QueryState
from segment_assets.tables import (
    AUDIENCE_BY_BIRTH_COUNTRY,
    CAMPAIGN_REACH,
    CUSTOMER_REACH,
    EXPOSED_CUSTOMERS,
    OVERLAP,
    OVERLAP_BY_CREATIVE,
    OVERLAP_BY_PRICE_BAND,
    Table,
)

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
        # AWS runs 5 queries of one membership at a time; the pool's limit is in dagster.yaml.
        pool="clean_room",
    )
    def protected_query(
        context: dg.AssetExecutionContext, clean_room: dg.ResourceParam[CleanRoom], lake: dg.ResourceParam[Lake]
    ) -> dg.MaterializeResult:
        outcome = clean_room.run(ProtectedQuery(table.name, weekly_sql(table.name, context.partition_key)))
        if outcome.state is not QueryState.SUCCESS:
            raise as_failure(_refused(table.name, outcome))
        snapshot = _publish(lake, table, context.partition_key, outcome)
        return published(
            snapshot,
            {
                "query_id": outcome.query_id,
                "result_location": dg.MetadataValue.path(outcome.location or ""),
                "duration_ms": outcome.statistics.total_duration_in_millis,
                "crpu_hours": outcome.statistics.billed_units,
            },
        )

    return protected_query


def weekly_sql(name: str, week: str) -> str:
    """The text of a query for the week that begins on a Monday (ISO date)."""
    monday = dt.date.fromisoformat(week)
    return render(read(f"clean_room/{name}"), {"week_start": monday, "week_end": monday + dt.timedelta(days=7)})


def _refused(name: str, outcome: QueryOutcome) -> PermanentError | TransientError:
    error = outcome.error
    if error is not None and error.retryable:
        return TransientError(f"{name}: {error.code}: {error.message}")
    said = f"{error.code}: {error.message}" if error is not None else outcome.state.value
    return PermanentError(f"{name}: the clean room did not answer the query ({said})")


def _publish(lake: Lake, table: Table, week: str, outcome: QueryOutcome) -> Snapshot:
    from segment_assets.resources.clean_room.results import read_batches

    writer = lake.writer(table.name, week)
    for batch in read_batches(outcome.location or "", table.arrow_schema()):
        writer.write(batch)
    return writer.publish({"query_id": outcome.query_id, **outcome.statistics.to_aws()})


ASSETS = [
    _protected_query(OVERLAP, _CONVERSIONS, _IMPRESSIONS),
    _protected_query(OVERLAP_BY_CREATIVE, _CONVERSIONS, _IMPRESSIONS),
    _protected_query(OVERLAP_BY_PRICE_BAND, _CONVERSIONS, _IMPRESSIONS),
    _protected_query(AUDIENCE_BY_BIRTH_COUNTRY, _CUSTOMERS, _CONVERSIONS, _IMPRESSIONS),
    _protected_query(CUSTOMER_REACH, _CUSTOMERS, _IMPRESSIONS),
    _protected_query(CAMPAIGN_REACH, _CUSTOMERS, _IMPRESSIONS),
    _protected_query(EXPOSED_CUSTOMERS, _CUSTOMERS, _IMPRESSIONS),
]
