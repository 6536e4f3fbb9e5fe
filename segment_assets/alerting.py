"""What is worth an alert: every run that fails, once, with what a person can do about it.

Belongs here: the run-failure sensor. Not here: where alerts go (`resources.alerts`).
"""

import dagster as dg

from segment_assets.resources.alerts import Alerts


@dg.run_failure_sensor(
    name="run_failures",
    # Runs that conditions launch have no job of ours.
    monitor_all_code_locations=True,
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    description="Counts every failed run and tells people what failed and what to do next.",
)
def run_failures(context: dg.RunFailureSensorContext, alerts: dg.ResourceParam[Alerts]) -> None:
    """One alert per failed run, in the words of the errors that we raise ourselves."""
    run = context.dagster_run
    # A run of everything names no selection; its failed steps are named like their assets.
    steps = [event.step_key.replace("__", "/") for event in context.get_step_failure_events() if event.step_key]
    assets = sorted("/".join(key.path) for key in run.asset_selection or ()) or sorted(steps)
    partition = run.tags.get("dagster/partition", "")
    what = f"{', '.join(assets) or run.job_name}{f'[{partition}]' if partition else ''}"
    alerts.count("failed_runs", 1, assets=what)
    alerts.alert(f"{what} failed", f"{_said(context)}\nRun {run.run_id}")


def _said(context: dg.RunFailureSensorContext) -> str:
    """What the failed steps said: our own errors name the thing and the next action and hold no identifier.

    Of an error that is not ours only the kind is told: its text could quote data.
    """
    told = []
    for event in context.get_step_failure_events():
        data = event.step_failure_data
        if data.user_failure_data is not None and data.user_failure_data.description:
            told.append(data.user_failure_data.description)
        elif data.error is not None:
            cause = data.error.cause or data.error
            told.append(f"{cause.cls_name}: unexpected; look at the run in Dagster")
    return "\n".join(told) or "The run failed outside its steps; look at it in Dagster."
