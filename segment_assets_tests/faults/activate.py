"""One activation of the shipped plan as a process of its own, so that a test can kill or stop it.

    python -m segment_assets_tests.faults.activate HOME [--times N]    through Dagster, as `make demo` does
    python -m segment_assets_tests.faults.activate HOME --courier      the delivery room alone, without Dagster's pool

Prints one line of JSON at the end. The home must hold the audience, the suppressions and a running sandbox.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from segment_assets.assets.activations import activation_key, errand
from segment_assets.contracts import SegmentAssetsError
from segment_assets.deployment import Deployment, Kind
from segment_assets.road import Road, clear_up_after_killed_runs, open_instance

ACCOUNT_NAME, SEGMENT = "lumen_eu", "exposed_non_converters"
POOL = f"meta_{ACCOUNT_NAME}"


def by_dagster(deployment: Deployment, times: int) -> dict[str, Any]:
    import dagster as dg

    from segment_assets.definitions import build_definitions

    plan = deployment.plan()
    key = tuple(activation_key(ACCOUNT_NAME, plan.accounts[ACCOUNT_NAME]).path)
    with open_instance(deployment.home) as instance:
        cleared = clear_up_after_killed_runs(instance)
        road = Road(deployment, instance, build_definitions(deployment))
        road.sync_partitions(plan, [])
        ends = []
        for _ in range(times):
            outcome = road.run(key, partition=SEGMENT)
            ends.append({"success": outcome.success, "problems": list(outcome.problems), "at": time.time()})
        slots = instance.event_log_storage.get_concurrency_info(POOL)
        over = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}
        return {
            "cleared": cleared,
            "ends": ends,
            "unfinished": [run.run_id for run in instance.get_runs() if run.status not in over],
            "slots": [slots.active_slot_count, slots.pending_step_count],
        }


def by_courier(deployment: Deployment) -> dict[str, Any]:
    from segment_assets.delivery.run import DeliveryRoom
    from segment_assets.resources.destination_account import DestinationAccount

    plan, have = deployment.plan(), deployment.resources()
    planned = plan.accounts[ACCOUNT_NAME]
    destination, transport = DestinationAccount(
        destination=planned.destination, account=planned.account, **deployment.account_settings(planned.destination)
    ).connect()
    lake = have["lake"]
    room = DeliveryRoom(lake, destination, transport, workdir=deployment.home / "work")
    permission = plan.activations_of(ACCOUNT_NAME)[SEGMENT]
    task = errand(plan, ACCOUNT_NAME, permission, have["secrets"].tenant_key(plan.tenant))
    try:
        report = room.run(task, lake.current("hashed_audience", SEGMENT), lake.current("suppressions", "all"))
    except SegmentAssetsError as error:
        return {"error": type(error).__name__}
    return {"sent": report.sent}


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--courier", action="store_true")
    arguments = parser.parse_args(argv)
    deployment = Deployment(Kind.LOCAL, arguments.home.resolve())
    told = by_courier(deployment) if arguments.courier else by_dagster(deployment, arguments.times)
    sys.stdout.write(json.dumps(told) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
