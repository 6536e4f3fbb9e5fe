"""The deadline of opt-outs: a check for every account, made every hour, and an alert when somebody is waiting too long.

Belongs here: the checks, their job and schedule. Not here: how long people waited (`delivery.deadlines`), their removal
(`delivery.steps`).
"""

import dataclasses
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from segment_assets.contracts import Clock, Lake, SegmentAssetsError
from segment_assets.plan import Plan
from segment_assets.resources.alerts import Alerts
from segment_assets.resources.metrics import Dimension, Metric
from segment_assets.tables import DELIVERIES, SUPPRESSIONS

if TYPE_CHECKING:
    from segment_assets.delivery.deadlines import OptOutTimes

# Of the ledger and not of the activations: what is late is shown when no delivery runs at all.
LEDGER = dg.AssetKey(["ledger", DELIVERIES.name])
JOB = "opt_out_deadlines"
# Removals of the last week; who is still waiting is shown whenever they asked.
WINDOW_HOURS = 7 * 24.0
_HOUR, _DAY = 3_600, 86_400


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """What an account's check says. `overdue` counts people, once for every audience that they are in.

    `slowest_hours` is the longest from a request to the platform's word or, for those who still wait, to now; None
    where nobody was taken out and nobody waits.
    """

    overdue: int
    said: str
    numbers: Mapping[str, Any]
    slowest_hours: float | None


def build(plan: Plan) -> tuple[list[dg.AssetChecksDefinition], Any, dg.ScheduleDefinition]:
    """The checks of a plan's accounts, the job that makes them, and its schedule."""
    checks = [_check(name) for name in plan.accounts]
    job = dg.define_asset_job(
        JOB,
        selection=dg.AssetSelection.checks_for_assets(LEDGER),
        description="Looks on every account whether those who opted out are out within the plan's deadline.",
    )
    schedule = dg.ScheduleDefinition(
        name=JOB,
        job=job,
        cron_schedule="0 * * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Every hour: time passes also where nothing runs.",
    )
    return checks, job, schedule


def _check(name: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=LEDGER,
        name=f"opt_outs_in_time_{name}",
        description=(
            f"Nobody who opted out is in an audience of {name} for longer than the plan's deadline, counted from the "
            "date of their request to the platform's word that they are out."
        ),
    )
    def check(
        plan: dg.ResourceParam[Plan],
        lake: dg.ResourceParam[Lake],
        workdir: dg.ResourceParam[Path],
        alerts: dg.ResourceParam[Alerts],
    ) -> dg.AssetCheckResult:
        verdict = look(plan, lake, name, workdir)
        _tell(alerts, plan, name, verdict)
        return dg.AssetCheckResult(passed=not verdict.overdue, description=verdict.said, metadata=verdict.numbers)

    return check


def look(plan: Plan, lake: Lake, name: str, workdir: Path, *, clock: Clock = time.time) -> Verdict:
    """How soon an account lets people go who opted out. `clock` gives seconds since the epoch."""
    from segment_assets.delivery.deadlines import opt_out_times
    from segment_assets.delivery.ledger import AudienceLedger, Pair

    account, deadline = plan.accounts[name], plan.opt_out_deadline_hours
    suppressions = lake.current(SUPPRESSIONS.name, "all")
    times = {}
    # Also audiences that the plan names no more: whoever is in one that was kept can still say no.
    for segment in sorted({key.split("/")[3] for key in lake.keys(f"ledger/{account.destination}/{account.account}")}):
        ledger = AudienceLedger(lake, Pair(plan.tenant, account.destination, account.account, segment), clock)
        times[segment] = opt_out_times(
            ledger, suppressions, deadline_hours=deadline, window_hours=WINDOW_HOURS, workdir=workdir
        )
    overdue = sum(one.overdue for one in times.values())
    waiting, taken_out = (sum(getattr(one, part) for one in times.values()) for part in ("waiting", "taken_out"))
    in_time = sum(one.in_time for one in times.values())
    said = (
        f"{overdue} people opted out more than {deadline:g} hours ago and are still in an audience of {name}; look at "
        "the failed runs of its activations"
        if overdue
        else f"{waiting} people who opted out are to be taken out, all within {deadline:g} hours"
    )
    numbers: dict[str, Any] = {
        "deadline_hours": deadline,
        "waiting": waiting,
        "overdue": overdue,
        "taken_out": taken_out,
        "pairs": dg.MetadataValue.md(_by_pair(times)),
    }
    redacted = sum(one.redacted for one in times.values())
    if redacted:
        # A share that only those make up who were not forgotten is not the one of that time.
        numbers["deliveries_without_the_forgotten"] = redacted
    if taken_out:
        numbers["share_in_time"] = in_time / taken_out
    if waiting:
        numbers["oldest_waiting_hours"] = max(one.oldest_waiting_hours or 0.0 for one in times.values())
    hours = [h for one in times.values() for h in (one.slowest_hours, one.oldest_waiting_hours) if h is not None]
    return Verdict(overdue, said, numbers, max(hours, default=None))


def _by_pair(times: Mapping[str, "OptOutTimes"]) -> str:
    head = ("segment", "waiting", "overdue", "oldest waiting (h)", "taken out", "in time", "slowest (h)")
    lines = [_line(head), _line(["---"] * len(head))]
    for segment, one in times.items():
        share = f"{one.in_time / one.taken_out:.1%}" if one.taken_out else "-"
        cells = (one.waiting, one.overdue, _shown(one.oldest_waiting_hours), one.taken_out, share)
        lines.append(_line([segment, *map(str, cells), _shown(one.slowest_hours)]))
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _shown(hours: float | None) -> str:
    return "-" if hours is None else f"{hours:.1f}"


def _tell(alerts: Alerts, plan: Plan, name: str, verdict: Verdict) -> None:
    """Metrics every time, an alert once a day while somebody is overdue. An alert that is not taken fails nothing."""
    alerts.count(Metric.OPT_OUTS_OVERDUE, verdict.overdue, {Dimension.ACCOUNT: name})
    if verdict.slowest_hours is not None:
        account = plan.accounts[name]
        whose = {Dimension.PLATFORM: account.destination, Dimension.ACCOUNT: account.account}
        alerts.count(Metric.OPT_OUT_LATENCY, verdict.slowest_hours * _HOUR, whose)
    about = f"opt-outs-{name}-{int(time.time() // _DAY)}"
    if verdict.overdue and alerts.is_new(about):
        try:
            alerts.alert(f"Opt-outs on {name} are late", verdict.said)
            alerts.was_told(about)
        except SegmentAssetsError:
            alerts.count(Metric.UNDELIVERED_ALERTS, 1, {Dimension.ASSETS: f"opt-outs on {name}"})
