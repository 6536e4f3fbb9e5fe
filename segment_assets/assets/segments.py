"""Group `segments`: who is in a segment, as its source says, one asset per family of sources.

Belongs here: choosing the input and publishing `segment_members`. Not here: reading files and joining (`audience`).
"""

import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from segment_assets.assets.common import Owner, as_failure, published, table_metadata
from segment_assets.assets.refusals_shown import refused_rows
from segment_assets.automation import UNTIL_IT_IS_MADE
from segment_assets.contracts import Lake, PermanentError, SegmentAssetsError, Snapshot
from segment_assets.partitions import CLEAN_ROOM_SEGMENTS, LANDING_SEGMENTS
from segment_assets.plan import CleanRoomSegment, LandingSegment, Plan
from segment_assets.resources.ports import AccountTables, Landing
from segment_assets.tables import EXPOSED_CUSTOMERS, QUARANTINE, SEGMENT_MEMBERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segment_assets.audience import FileReport

CLEAN_ROOM_MEMBERS = dg.AssetKey(["segment_members", "clean_room"])
LANDING_MEMBERS = dg.AssetKey(["segment_members", "landing"])
LANDING_VERSION = "files_version"


@dg.asset(
    key=CLEAN_ROOM_MEMBERS,
    group_name="segments",
    owners=[Owner.AUDIENCES.value],
    kinds={"duckdb", "parquet"},
    partitions_def=CLEAN_ROOM_SEGMENTS,
    # The newest reporting week feeds the segment; other families are not touched by a new week.
    deps=[
        dg.AssetDep(["clean_room", EXPOSED_CUSTOMERS.name], partition_mapping=dg.LastPartitionMapping()),
        dg.AssetDep(["account_a", "conversions"], partition_mapping=dg.LastPartitionMapping()),
        dg.AssetDep(["account_a", "customers"]),
    ],
    metadata=table_metadata(SEGMENT_MEMBERS.name),
    automation_condition=UNTIL_IT_IS_MADE,
)
def clean_room_members(
    context: dg.AssetExecutionContext,
    plan: dg.ResourceParam[Plan],
    lake: dg.ResourceParam[Lake],
    accounts: dg.ResourceParam[AccountTables],
    workdir: dg.ResourceParam[Path],
) -> dg.MaterializeResult:
    """People whom the clean room lists for the newest week, with account A's own records of them.

    "Exposed but not converted" is the list minus account A's own converters, subtracted here, since a LIST rule in
    the clean room can only join.
    """
    from segment_assets.audience import clean_room_members as members

    segment = plan.segments[context.partition_key]
    if not isinstance(segment, CleanRoomSegment):
        raise as_failure(PermanentError(f"{context.partition_key}: the plan says it comes from {segment.source}"))
    weeks = lake.partitions(segment.query)
    if not weeks:
        raise as_failure(PermanentError(f"clean_room/{segment.query} has no week yet; run the weekly job first"))
    listed = lake.current(segment.query, weeks[-1])
    assert listed is not None
    writer = lake.writer(SEGMENT_MEMBERS.name, context.partition_key)
    members.clean_room_members(
        lake.dataset(listed),
        accounts.dataset("customers"),
        accounts.dataset("conversions", weeks[-1]),
        converters=segment.converters,
        price_bands=segment.price_bands,
        value_currency=segment.value_currency,
        workdir=workdir,
        write=writer.write,
    )
    stats = {"week": weeks[-1], "unreadable_rows": 0, "made_at": time.time()}
    return published(writer.publish(stats), {"week": weeks[-1]})


@dg.asset(
    key=LANDING_MEMBERS,
    group_name="segments",
    owners=[Owner.AUDIENCES.value],
    kinds={"csv", "json", "parquet"},
    partitions_def=LANDING_SEGMENTS,
    metadata=table_metadata(SEGMENT_MEMBERS.name),
)
def landing_members(
    context: dg.AssetExecutionContext,
    plan: dg.ResourceParam[Plan],
    lake: dg.ResourceParam[Lake],
    landing: dg.ResourceParam[Landing],
) -> dg.MaterializeResult:
    """People from the files in `landing/segments/<segment>/` (CSV, JSON lines, Parquet; several files are one list).

    A segment that the plan does not name is read like the others and *held*: nothing of it is ever sent.
    """
    planned = plan.segments.get(context.partition_key)
    headers = planned.headers if isinstance(planned, LandingSegment) else {}
    # Before reading: what lands meanwhile makes another version, and the sensor asks again.
    version = landing.version(context.partition_key)
    try:
        snapshot, files = _read(context.partition_key, headers, landing, lake)
    except SegmentAssetsError as error:
        raise as_failure(error) from error
    return published(
        snapshot,
        {
            "held": planned is None,
            "files": dg.MetadataValue.json([dataclasses.asdict(file) for file in files]),
            LANDING_VERSION: version,
            "unreadable_rows": _unreadable(snapshot),
            **refused_rows(files),
        },
    )


def _read(
    segment: str, headers: Mapping[str, str], landing: Landing, lake: Lake
) -> tuple[Snapshot, "Sequence[FileReport]"]:
    from segment_assets.audience import read_files

    writer = lake.writer(SEGMENT_MEMBERS.name, segment)
    with landing.fetched(segment) as files:
        reading = read_files(files, headers)
        for batch in reading:
            writer.write(batch)
    report = reading.report
    refused = lake.writer(QUARANTINE.name, f"{segment}/reading")
    refused.write(report.quarantine())
    refused.publish({})
    stats = {
        "unreadable_rows": len(report.unreadable),
        "refused_rows": dict(report.refused()),
        "made_at": time.time(),
    }
    return writer.publish(stats), report.files


def _unreadable(snapshot: Snapshot) -> int:
    return int(str(snapshot.stats["unreadable_rows"]))


ASSETS = [clean_room_members, landing_members]
