"""Jobs: the steps of the road that a person or a schedule starts as a whole.

Belongs here: which assets one run makes together. Assets of different partitionings cannot share a run, so the weekly
job, the segment runs and the pair runs are separate; `make demo` starts them in the order of the road.
"""

from __future__ import annotations

import dagster as dg

from segment_assets.partitions import WEEKS

RUNNING = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]

accounts_job = dg.define_asset_job(
    "accounts",
    selection=dg.AssetSelection.assets(
        ["account_a", "customers"],
        ["account_a", "opt_outs"],
        ["audiences", "erasures"],
        ["audiences", "suppressions"],
    ),
    description="Catalogue account A's customers and opt-outs, read requests to be forgotten, renew the suppressions.",
)

weekly_job = dg.define_asset_job(
    "weekly",
    selection=dg.AssetSelection.assets(["account_a", "conversions"], ["account_b", "impressions"])
    | dg.AssetSelection.groups("clean_room")
    | dg.AssetSelection.groups("planning", "measurement"),
    description="One reporting week: both accounts' events, the protected queries over them, the insight tables.",
)

JOBS = [accounts_job, weekly_job]


# Stopped where it is loaded: in the local world a week passes when somebody says so (`segment-assets world advance`).
# Written out, because `build_schedule_from_partitioned_job` calls what Dagster itself has deprecated.
@dg.schedule(
    name="weekly",
    job=weekly_job,
    cron_schedule="0 6 * * 1",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Every Monday morning (UTC), the week that has ended.",
)
def weekly_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """The newest reporting week that is over."""
    weeks = WEEKS.get_partition_keys(current_time=context.scheduled_execution_time)
    if not weeks:
        return dg.SkipReason("no reporting week is over yet")
    return dg.RunRequest(run_key=weeks[-1], partition_key=weeks[-1])


SCHEDULES = [weekly_schedule]
