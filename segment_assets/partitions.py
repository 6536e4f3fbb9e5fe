"""Partitions: reporting weeks, segments, and for each platform account the segments that the plan activates there.

Belongs here: their definitions, and bringing the dynamic ones in line with the plan and with what has landed.
Each source family and each account has its own set, so that a pair which the plan does not name does not exist: it is
never shown as missing and cannot be launched by mistake.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from collections.abc import Iterable

    from segment_assets.plan import Plan

# Weeks begin on Monday (day_offset counts from Sunday), as the accounts report them.
WEEKS = dg.WeeklyPartitionsDefinition(start_date="2026-10-05", day_offset=1)
CLEAN_ROOM_SEGMENTS = dg.DynamicPartitionsDefinition(name="clean_room_segments")
LANDING_SEGMENTS = dg.DynamicPartitionsDefinition(name="landing_segments")
SEGMENTS = dg.DynamicPartitionsDefinition(name="segments")


def activated_segments(account: str) -> dg.DynamicPartitionsDefinition:
    """The segments that the plan activates on one of its accounts."""
    return dg.DynamicPartitionsDefinition(name=f"activated_{account}")


def wanted_partitions(plan: Plan, landed: Iterable[str]) -> dict[str, set[str]]:
    """Partition set name -> keys, from the plan and the names of segments that have landed files.

    A landed segment that the plan does not name becomes a segment like the others, but is activated nowhere.
    """
    by_source = {
        source: {name for name, segment in plan.segments.items() if segment.source == source}
        for source in ("clean_room", "landing")
    }
    landing = by_source["landing"] | set(landed)
    return {
        str(CLEAN_ROOM_SEGMENTS.name): by_source["clean_room"],
        str(LANDING_SEGMENTS.name): landing - by_source["clean_room"],
        str(SEGMENTS.name): by_source["clean_room"] | landing,
        **{str(activated_segments(a).name): set(plan.activations_of(a)) for a in plan.accounts},
    }


def sync_requests(
    instance: dg.DagsterInstance, plan: Plan, landed: Iterable[str]
) -> list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest]:
    """What a sensor asks for: additions, and removals of pairs that the plan names no more.

    Segments themselves stay, with their history; only the permission to activate goes with the plan.
    """
    requests: list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest] = []
    for name, keys in wanted_partitions(plan, landed).items():
        there = set(instance.get_dynamic_partitions(name))
        if keys - there:
            requests.append(dg.AddDynamicPartitionsRequest(name, sorted(keys - there)))
        if name.startswith("activated_") and there - keys:
            requests.append(dg.DeleteDynamicPartitionsRequest(name, sorted(there - keys)))
    return requests


def sync(instance: dg.DagsterInstance, plan: Plan, landed: Iterable[str]) -> None:
    """The same at once, for the command line and tests."""
    for request in sync_requests(instance, plan, landed):
        if isinstance(request, dg.AddDynamicPartitionsRequest):
            instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
        else:
            for key in request.partition_keys:
                instance.delete_dynamic_partition(request.partitions_def_name, key)
