"""Following platforms that answer tomorrow: one sensor per account whose contract has jobs.

Belongs here: when to ask, and what to do with an end: report it, send the next phase, or try a failed job again.
Not here: asking and noting (`delivery.following`). No run ever sleeps until a platform is done.

What is lost with a tick that dies is found again: ends of jobs are in the ledger, and the reconciler asks for every
pair whose delivery is unfinished (`withdrawals.is_unfinished`). Requests from here only come sooner.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from segment_assets import account_health, audience_sizes
from segment_assets.account_health import Standing, fails_for_ever
from segment_assets.assets.activations import PAIR_TAG, activation_key, errand, ledger_events, resource_name
from segment_assets.contracts import Clock, NeedsHumanError, SegmentAssetsError
from segment_assets.destinations import registry
from segment_assets.jobs import RUNNING
from segment_assets.plan import Plan

if TYPE_CHECKING:
    from segment_assets.delivery.errands import Errand
    from segment_assets.delivery.ledger import DeliveryLog, Entry
    from segment_assets.delivery.settling import Settled
    from segment_assets.resources.destination_account import DestinationAccount

# Half of the minute that Dagster gives a tick: a tick that is killed saves no cursor. A segment that began in time has
# the grace for its jobs, so that every segment that was begun gets an answer.
TICK_SECONDS = 30.0
GRACE_SECONDS = 15.0
FAILED = "failed:"
# Job -> when it was asked about last (seconds since the epoch), and how often.
Looks = dict[str, dict[str, float]]


def build(plan: Plan) -> list[dg.SensorDefinition]:
    """Everything that asks platforms how they are: jobs and sizes of a plan's accounts, and the accounts themselves."""
    jobs = [_follower(name) for name, a in plan.accounts.items() if registry()[a.destination].follow is not None]
    return [*jobs, *audience_sizes.build(plan), account_health.build(plan)]


def _follower(name: str) -> dg.SensorDefinition:
    resource = resource_name(name)

    @dg.sensor(
        name=f"platform_jobs_{name}",
        asset_selection=dg.AssetSelection.groups("activation").materializable(),
        minimum_interval_seconds=10,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={resource, "plan", "lake", "secrets", "workdir"},
        description="Asks the platform how its jobs are, and settles the deliveries whose jobs have all ended.",
    )
    def platform_jobs(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        result = follow_account(context.resources, name, json.loads(context.cursor or "{}"))
        # The reconciler may have been quicker: one run per pair is enough.
        requests = [r for r in result["run_requests"] if not _is_running(context.instance, r.tags[PAIR_TAG])]
        for trouble in result["told"]:
            context.log.warning(trouble)
        return dg.SensorResult(
            run_requests=requests,
            asset_events=result["asset_events"],
            cursor=json.dumps(result["cursor"]),
            skip_reason=None if requests else result["said"],
        )

    return platform_jobs


def _is_running(instance: dg.DagsterInstance, pair: str) -> bool:
    return bool(instance.get_runs_count(dg.RunsFilter(tags={PAIR_TAG: pair}, statuses=RUNNING)))


def follow_account(
    have: Any, name: str, cursor: Mapping[str, Any], *, clock: Clock = time.monotonic, now: Clock = time.time
) -> dict[str, Any]:
    """Ask about every open job of an account that is due, beginning after the segment that was looked at last.

    `have` holds the resources plan, lake, secrets, workdir and the account's; `cursor` is that of the answer before.
    `clock` measures the tick, `now` (seconds since the epoch) the time between two looks at a job. One segment's
    trouble is told and does not keep the others from being asked.
    """
    account = have.plan.accounts[name]
    permissions = have.plan.activations_of(name)
    looks: dict[str, Looks] = {s: seen for s, seen in cursor.get("looks", {}).items() if s in permissions}
    requests, events, told, still_open = [], [], [], 0
    last, deadline = str(cursor.get("last", "")), clock() + TICK_SECONDS

    # Once for a tick: in AWS every look at it is paid for.
    key = have.secrets.tenant_key(have.plan.tenant)
    standing = Standing(have.lake, account)

    def hurry() -> bool:
        return clock() > deadline + GRACE_SECONDS

    for segment in _rotated(sorted(permissions), last):
        if clock() > deadline:
            break
        if why := standing.why_held_back(now()):
            told.append(f"{name} {why}; its jobs are asked about later")
            break
        last = segment
        task = errand(have.plan, name, permissions[segment], key)
        settled = None
        try:
            settled = _follow_pair(have, name, task, looks.setdefault(segment, {}), hurry=hurry, now=now)
        except SegmentAssetsError as error:
            told.append(f"{segment}: {'needs a human: ' if isinstance(error, NeedsHumanError) else ''}{error}")
        if settled is not None:
            events += [*ledger_events(have.lake, account, segment), _observation(have, name, task)]
        log = _open_delivery(have, task)
        jobs = {receipt.body["job"] for receipt in log.open_jobs()} if log is not None else set()
        still_open += len(jobs)
        looks[segment] = {job: seen for job, seen in looks[segment].items() if job in jobs}
        reason = _why_again(settled, log)
        stopped = fails_for_ever(have.plan, have.lake, name, segment) if reason.startswith(FAILED) else ""
        if stopped:
            told.append(f"needs a human: {stopped}")
            reason = ""
        if reason:
            requests.append(
                dg.RunRequest(
                    run_key=f"{name}/{segment}:{reason}",
                    partition_key=segment,
                    asset_selection=[activation_key(name, account)],
                    tags={PAIR_TAG: f"{name}/{segment}"},
                )
            )
    return {
        "run_requests": requests,
        "asset_events": events,
        "cursor": {"last": last, "looks": {segment: seen for segment, seen in looks.items() if seen}},
        "told": told,
        "said": "; ".join(told) or "no job has ended since the last look",
        "open": still_open,
    }


def _rotated(segments: Sequence[str], last: str) -> Iterable[str]:
    """Begin after the segment that was looked at last, so that one with many jobs starves nobody."""
    start = segments.index(last) + 1 if last in segments else 0
    return [*segments[start:], *segments[:start]]


def _follow_pair(
    have: Any, name: str, task: "Errand", looks: Looks, *, hurry: Callable[[], bool], now: Clock
) -> "Settled | None":
    """Ask about the open jobs of a pair that are due, and note in `looks` that they were. Raises as `follow` does."""
    from segment_assets.delivery.following import next_look
    from segment_assets.delivery.run import DeliveryRoom

    log = _open_delivery(have, task)
    if log is None or not log.open_jobs():
        return None
    advice = task.wanted.contract.follow
    assert advice is not None
    account: DestinationAccount = getattr(have, resource_name(name))

    def is_due(receipt: "Entry") -> bool:
        if hurry():
            return False
        job = receipt.body["job"]
        seen = looks.get(job, {"at": receipt.at, "looks": 0})
        # The sandbox has no quota worth saving, and its clock is moved by hand.
        due = bool(account.sandbox_home) or now() >= seen["at"] + next_look(advice, int(seen["looks"]))
        if due:
            looks[job] = {"at": now(), "looks": seen["looks"] + 1}
        return due

    destination, transport = account.connect(task.statements, to_follow=True)
    return DeliveryRoom(have.lake, destination, transport, workdir=have.workdir, clock=now).follow(task, is_due)


def _observation(have: Any, name: str, task: "Errand") -> dg.AssetObservation:
    """What the platform made of the newest delivery's jobs, in records, by its own count."""
    from segment_assets.delivery.ledger import AudienceLedger

    log = AudienceLedger(have.lake, task.pair, time.time).last()
    jobs = [entry.body for entry in log.answered("job")] if log is not None else []
    invalid: Counter[str] = Counter()
    for job in jobs:
        invalid.update(job["reasons"])
    sums = {f"jobs_{what}": sum(job[what] for job in jobs) for what in ("sent", "received", "accepted", "unproven")}
    rates = sorted({job["match_rate"] for job in jobs if job["match_rate"]})
    failed = sum(job["state"] == "failed" for job in jobs)
    return dg.AssetObservation(
        activation_key(name, have.plan.accounts[name]),
        partition=task.pair.segment,
        description=f"{len(jobs)} jobs have ended, {failed} of them failed",
        metadata={
            "jobs": len(jobs),
            "jobs_failed": failed,
            **sums,
            "jobs_invalid": invalid.total(),
            "invalid_by_reason": dict(invalid),
            "match_rate": ", ".join(rates) or "not said",
        },
    )


def _open_delivery(have: Any, task: "Errand") -> "DeliveryLog | None":
    from segment_assets.delivery.ledger import AudienceLedger

    log = AudienceLedger(have.lake, task.pair, time.time).last()
    return log if log is not None and log.closed is None else None


def _why_again(settled: "Settled | None", log: "DeliveryLog | None") -> str:
    """A key for another run of the pair: the next phase of an open delivery, or a delivery whose job failed."""
    if settled is not None:
        return f"{FAILED}{settled.row['delivery_id']}" if settled.row["outcome"] == "failed" else ""
    if log is None or log.open_jobs() or not log.answered("job"):
        return ""
    return f"next:{log.header['delivery_id']}:{len(log.batch_standings())}"
