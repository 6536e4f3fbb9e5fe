"""What is worth an alert: every run that fails, once, with what a person can do about it.

Belongs here: the run-failure sensor. Not here: where alerts go (`resources.alerts`).
"""

from collections.abc import Iterator

import dagster as dg

from segment_assets.contracts import SegmentAssetsError
from segment_assets.resources.alerts import Alerts
from segment_assets.resources.metrics import Dimension, Metric


@dg.run_failure_sensor(
    name="run_failures",
    # Runs that conditions launch have no job of ours.
    monitor_all_code_locations=True,
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    description="Counts every failed run and tells people what failed and what to do next.",
)
def run_failures(context: dg.RunFailureSensorContext, alerts: dg.ResourceParam[Alerts]) -> None:
    """One alert per failed run, in the words of the errors that we raise ourselves.

    An alert that cannot be delivered is counted and logged. It does not fail the sensor: the next failure would then
    wait behind it.
    """
    run = context.dagster_run
    if not alerts.is_new(run.run_id):
        return
    # A run of everything names no selection; its failed steps are named like their assets.
    steps = [event.step_key.replace("__", "/") for event in context.get_step_failure_events() if event.step_key]
    assets = sorted("/".join(key.path) for key in run.asset_selection or ()) or sorted(steps)
    partition = run.tags.get("dagster/partition", "")
    what = f"{', '.join(assets) or run.job_name}{f'[{partition}]' if partition else ''}"
    alerts.count(Metric.FAILED_RUNS, 1, {Dimension.ASSETS: what})
    said = "\n".join([*_errors(context), *_failed_checks(context)])
    title = f"{what} failed"
    text = f"{said or 'The run failed outside its steps; look at it in Dagster.'}\nRun {run.run_id}"
    try:
        alerts.alert(title, text)
        alerts.was_told(run.run_id)
    except SegmentAssetsError as error:
        # The sensor never sees this failure again; `platform_health` tells what was kept.
        alerts.keep(title, text)
        alerts.count(Metric.UNDELIVERED_ALERTS, 1, {Dimension.ASSETS: what})
        context.log.warning(str(error))


def _errors(context: dg.RunFailureSensorContext) -> Iterator[str]:
    """What the failed steps said: our own errors name the thing and the next action and hold no identifier.

    Of an error that is not ours only the kind is told: its text could quote data.
    """
    for event in context.get_step_failure_events():
        data = event.step_failure_data
        if data.user_failure_data is not None and data.user_failure_data.description:
            yield data.user_failure_data.description
        elif data.error is not None:
            cause = data.error.cause or data.error
            # What a blocking check found is told by the check itself, below.
            if cause.cls_name != "DagsterAssetCheckFailedError":
                yield f"{cause.cls_name}: unexpected; look at the run in Dagster"


def _failed_checks(context: dg.RunFailureSensorContext) -> Iterator[str]:
    """What the run's failed checks found: counts, limits and the next action."""
    kind = dg.DagsterEventType.ASSET_CHECK_EVALUATION
    for entry in context.instance.all_logs(context.dagster_run.run_id, of_type=kind):
        event = entry.dagster_event
        if event is not None and not event.asset_check_evaluation_data.passed:
            found = event.asset_check_evaluation_data
            yield f"check {found.check_name}: {found.description}"
