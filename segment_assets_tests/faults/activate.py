"""One activation of the shipped plan as a process of its own, so that a test can kill or stop it.

Either through Dagster, as `make demo` does, or the delivery room alone, without Dagster's pool. The home must hold the
audience, the suppressions and a running sandbox. The processes are forked from one that has imported everything:
a start is then a matter of milliseconds, and a kill is as real.
"""

from __future__ import annotations

import json
import multiprocessing
import os
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


class Activation:
    """A process that activates, and what it says at its end."""

    def __init__(self, home: Path, told: Path, *, times: int = 1, courier: bool = False) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__, "segment_assets.definitions", "httpx", "duckdb", "pyarrow.dataset"])
        self._told = told
        self.process = context.Process(target=_activate, args=(home, told, times, courier))
        self.process.start()

    def signal(self, number: int) -> None:
        """Send a signal, and after one that kills wait for the end."""
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def told(self, within: float) -> dict[str, Any]:
        """What it says at its end. It may not hang."""
        self.process.join(within)
        assert self.process.exitcode == 0, f"ended with {self.process.exitcode}"
        said: dict[str, Any] = json.loads(self._told.read_text(encoding="utf-8"))
        return said


def _activate(home: Path, told: Path, times: int, courier: bool) -> None:
    os.environ["SEGMENT_ASSETS_HOME"] = str(home)
    deployment = Deployment(Kind.LOCAL, home.resolve())
    said = by_courier(deployment) if courier else by_dagster(deployment, times)
    told.write_text(json.dumps(said), encoding="utf-8")
