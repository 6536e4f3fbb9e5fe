"""The road by hand: the runs that sensors and schedules start elsewhere, one after the other in this process.

Belongs here: the local instance, clearing up after killed runs, and starting runs in the order of the road.
Used by `make demo`, by the command line and by tests. Not here: what a run does (`assets`).
"""

from __future__ import annotations

import dataclasses
import os
import warnings
from types import SimpleNamespace
from typing import IO, TYPE_CHECKING, Any

import dagster as dg
import yaml
from dagster._core.instance.ref import InstanceRef

from segment_assets.deployment import checkout
from segment_assets.partitions import sync
from segment_assets.processes import is_alive, only_one, process_mark

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from segment_assets.deployment import Deployment
    from segment_assets.plan import Plan

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclasses.dataclass(frozen=True, slots=True)
class RunOutcome:
    """How one run ended. `problems` are what its failed steps and checks say, without a stack trace."""

    what: str
    success: bool
    problems: Sequence[str]

    @property
    def stopped_by_a_guard(self) -> bool:
        """Whether nothing went wrong but a check or a guard held something back, which is what these are for."""
        held = (problem.startswith(("check ", "needs a human: ")) for problem in self.problems)
        return not self.success and bool(self.problems) and all(held)


def what_is_run(keys: Sequence[Sequence[str]], partition: str | None) -> str:
    """A run by its name: one asset, or how many, and the partition."""
    name = "/".join(keys[0]) if len(keys) == 1 else f"{len(keys)} assets"
    return f"{name}[{partition}]" if partition else name


def open_instance(home: Path) -> dg.DagsterInstance:
    """The persistent instance below `home/dagster`, configured by the checkout's dagster.yaml.

    A DAGSTER_HOME elsewhere than the checkout's root ignores the top-level dagster.yaml, so the file is linked in.
    """
    folder = home / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / "dagster.yaml"
    config = checkout() / "dagster.yaml"
    if config.exists() and not link.exists():
        # Of a home that was moved or restored from a backup the link leads nowhere.
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.relpath(config, folder))
    os.environ["DAGSTER_HOME"] = str(folder)
    return dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(folder), overrides=_overrides(folder)))


def _overrides(folder: Path) -> dict[str, Any]:
    """Our way to open what Dagster uses where its configuration does not say what to use."""
    config = folder / "dagster.yaml"
    told = (yaml.safe_load(config.read_text(encoding="utf-8")) if config.exists() else None) or {}
    ours: dict[str, Any] = {}
    if not any(key.endswith("storage") or key == "instance_class" for key in told):
        ours["storage"] = {"custom": _of("LocalStorage", folder)}
    if not {"compute_logs", "instance_class"} & told.keys():
        ours["compute_logs"] = _of("QuietLogs", folder / "storage")
    return ours


def _of(name: str, folder: Path) -> dict[str, Any]:
    return {"module": "segment_assets.instance_storage", "class": name, "config": {"base_dir": str(folder)}}


def only_daemons(home: Path) -> AbstractContextManager[IO[str] | None]:
    """The right to run daemons on a home, None while another process has it: two would start every run twice."""
    return only_one(home / "dagster" / "daemons.lock")


def clear_up_after_killed_runs(instance: dg.DagsterInstance, *, daemons: bool = False) -> int:
    """End runs whose process is gone, and free their pool slots: a leaked slot lets the next run wait for ever.

    Runs that a living process of this machine holds are left alone. Runs of daemons do not say whose they are: with
    `daemons`, which is to say that such are at work on this instance, they are left alone too.
    """
    # Queued runs have no process yet: the daemons start them, sooner or later.
    unfinished = [
        dg.DagsterRunStatus.STARTED,
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.NOT_STARTED,
        dg.DagsterRunStatus.CANCELING,
    ]
    dead = [
        run
        for run in instance.get_runs(filters=dg.RunsFilter(statuses=unfinished))
        if not is_alive(run.tags.get(PID_TAG)) and not (daemons and PID_TAG not in run.tags)
    ]
    for run in dead:
        instance.report_run_failed(run, "The process of this run is gone; cleared up by the next start.")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    return len(dead)


PID_TAG = "segment_assets/process"


class Road:
    """Starts runs on an instance, quietly, and says how they ended."""

    def __init__(self, deployment: Deployment, instance: dg.DagsterInstance, definitions: dg.Definitions) -> None:
        self.deployment, self.instance = deployment, instance
        self._job = definitions.resolve_implicit_global_asset_job_def()
        self._jobs: dict[frozenset[dg.AssetKey], dg.JobDefinition] = {}
        self._graph = definitions.resolve_asset_graph()
        # What assets are given, for steps that are no run (following a platform's jobs).
        self.resources = SimpleNamespace(**(definitions.resources or {}))

    def sync_partitions(self, plan: Plan, landed: Sequence[str]) -> None:
        """Bring dynamic partitions in line with the plan and with what has landed."""
        sync(self.instance, plan, landed)

    def run(self, *keys: Sequence[str], partition: str | None = None) -> RunOutcome:
        """Materialise assets together in one run, with their checks."""
        selected = [dg.AssetKey(list(key)) for key in keys]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = self._job_of(frozenset(selected)).execute_in_process(
                run_config=QUIET,
                instance=self.instance,
                partition_key=partition,
                asset_selection=selected,
                tags={PID_TAG: process_mark()},
                raise_on_error=False,
            )
        return RunOutcome(what_is_run(keys, partition), result.success, list(_problems(result)))

    def _job_of(self, selected: frozenset[dg.AssetKey]) -> dg.JobDefinition:
        """The job of these assets alone, kept.

        Given a selection, Dagster builds the job that it is asked for again and takes a snapshot of all of it, for
        every run: a quarter of the processor time of a short one while that was the job of all assets.
        """
        if selected not in self._jobs:
            self._jobs[selected] = self._job.get_subset(asset_selection=selected)
        return self._jobs[selected]

    def is_made(self, key: Sequence[str], partition: str | None = None) -> bool:
        """Whether an asset (partition) has been materialised on this instance."""
        asset = dg.AssetKey(list(key))
        if partition is None:
            return self.instance.get_latest_materialization_event(asset) is not None
        return partition in self.instance.get_materialized_partitions(asset)

    def keys(self, group: str) -> list[list[str]]:
        """The materialisable assets of a group, in the order of the graph."""
        return [
            list(key.path)
            for key in self._graph.toposorted_asset_keys
            if self._graph.get(key).group_name == group and self._graph.get(key).is_materializable
        ]


def _problems(result: dg.ExecuteInProcessResult) -> Iterator[str]:
    """What failed, in the words of the error that we raised ourselves where there is one."""
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            error, told = data.error, data.user_failure_data
            if told is not None and told.description:
                yield told.description
            elif error is not None:
                cause = error.cause or error
                if "DagsterAssetCheckFailedError" in (error.cls_name, cause.cls_name):
                    continue  # the checks themselves say what they found, below
                yield cause.message.strip().splitlines()[0]
    for check in result.get_asset_check_evaluations():
        if not check.passed:
            yield f"check {check.check_name}: {check.description}"
