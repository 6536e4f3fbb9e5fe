"""Pairs that the plan names no more: what `on_removal` said becomes of their audiences.

Belongs here: finding such pairs in the ledger, and the job that empties or deletes their audiences.
Not here: how an audience is emptied (`delivery.run`). `keep` leaves the audience as it is but for whoever says no, or
takes their consent back: their removal is all that is sent to it.
"""

import dataclasses
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from segment_assets.assets.activations import resource_name
from segment_assets.assets.common import as_failure
from segment_assets.contracts import Clock, GoneError, Lake, NeedsHumanError, SegmentAssetsError, TransientError
from segment_assets.destinations import registry
from segment_assets.plan import Plan
from segment_assets.tables import HASHED_AUDIENCE, SUPPRESSIONS

if TYPE_CHECKING:
    from segment_assets.contracts import Snapshot
    from segment_assets.delivery.errands import Errand
    from segment_assets.delivery.ledger import AudienceLedger, DeliveryLog


@dataclasses.dataclass(frozen=True)
class RemovedPair:
    """A pair of the ledger without a permission. `account_name` is the plan's name of the account, if it is there."""

    destination: str
    account: str
    segment: str
    account_name: str | None
    on_removal: str
    forms: tuple[str, ...]
    done: bool


def removed_pairs(plan: Plan, lake: Lake, *, clock: Clock = time.time) -> Iterator[RemovedPair]:
    """Every pair that has deliveries and no permission in the plan."""
    from segment_assets.delivery.ledger import AudienceLedger, Pair

    named = {
        (account.destination, account.account, segment)
        for name, account in plan.accounts.items()
        for segment in plan.activations_of(name)
    }
    names = {(account.destination, account.account): name for name, account in plan.accounts.items()}
    known = {tuple(key.split("/")[1:4]) for key in lake.keys("ledger") if "/deliveries/" in key}
    for destination, account, segment in sorted(known - named):
        ledger = AudienceLedger(lake, Pair(plan.tenant, destination, account, segment), clock)
        log = ledger.last()
        if log is not None:
            yield RemovedPair(
                destination,
                account,
                segment,
                names.get((destination, account)),
                str(log.header["on_removal"]),
                tuple(log.header["forms"]),
                done=_nobody_is_left(ledger, log),
            )


def _nobody_is_left(ledger: "AudienceLedger", log: "DeliveryLog") -> bool:
    """Whether nobody has to be taken out any more, now. Those who are leaving wait for their time.

    Not where the state cannot be read: the job meets the same error, and tells it of this pair alone.
    """
    from segment_assets.delivery.legs import leaving_is_due
    from segment_assets.delivery.settling import acknowledged_state

    if log.closed is None:
        return False
    try:
        state = acknowledged_state(ledger.lake, ledger)
    except SegmentAssetsError:
        return False
    held = state.rows if state is not None else 0
    return held <= int(log.closed.body.get("leaving", 0)) and not leaving_is_due(ledger)


def due(
    plan: Plan, lake: Lake, workdir: Path, *, clock: Clock = time.time, looked: dict[str, str] | None = None
) -> list[RemovedPair]:
    """Removed pairs whose audience is still to be emptied or deleted, and kept ones with somebody who said no.

    `looked` remembers for each kept audience what it was found to hold nobody by, since that costs a look at all of it.
    One that cannot be looked at is due as well: the job meets the same error, and tells it of this audience alone.
    """
    pairs = [pair for pair in removed_pairs(plan, lake, clock=clock) if pair.on_removal == "keep" or not pair.done]
    known = {} if looked is None else looked
    return [p for p in pairs if p.on_removal != "keep" or _is_due(_ledger_of(plan, lake, p, clock), workdir, known)]


def _ledger_of(plan: Plan, lake: Lake, removed: RemovedPair, clock: Clock) -> "AudienceLedger":
    from segment_assets.delivery.ledger import AudienceLedger, Pair

    return AudienceLedger(lake, Pair(plan.tenant, removed.destination, removed.account, removed.segment), clock)


def _is_due(kept: "AudienceLedger", workdir: Path, looked: dict[str, str]) -> bool:
    try:
        return _is_to_let_go(kept, workdir, looked)
    except SegmentAssetsError:
        return True


def _is_to_let_go(ledger: "AudienceLedger", workdir: Path, looked: dict[str, str]) -> bool:
    from segment_assets.delivery.legs import leaving_is_due
    from segment_assets.delivery.letting_go import somebody_is_to_go

    log, pair = ledger.last(), ledger.pair.partition
    suppressions, consents = _who_said_no(ledger.lake, ledger.pair.segment)
    by = ":".join([str(log.number if log else 0), *(told.id if told else "" for told in (suppressions, consents))])
    if looked.get(pair) == by and not leaving_is_due(ledger):
        return False
    if somebody_is_to_go(ledger, suppressions, consents, workdir):
        return True
    looked[pair] = by
    return False


def _who_said_no(lake: Lake, segment: str) -> "tuple[Snapshot | None, Snapshot | None]":
    """The newest suppressions, and the newest hashed audience, by which people took their consent back.

    Nobody makes an audience of a segment that the plan names no more, so it goes by its retention some day. Until then
    whoever took their consent back in it has left.
    """
    try:
        consents = lake.current(HASHED_AUDIENCE.name, segment)
    except GoneError:
        consents = None
    return lake.current(SUPPRESSIONS.name, "all"), consents


def is_unfinished(plan: Plan, lake: Lake, name: str, segment: str) -> bool:
    """Whether a pair needs a run although its last successful run was for what is wanted now.

    The platform is not as that run left it: the pair was emptied and is named again; a job failed late; a run for
    another audience began and broke off; a delivery waits for its next phase and no job is open; people are leaving
    (to be taken out once more, because their addition was in doubt, see delivery.changes); a replace broke off and left
    people out; or members have to be refreshed before they expire there.
    """
    from segment_assets.delivery.legs import leaving_is_due
    from segment_assets.delivery.refreshing import is_refresh_due
    from segment_assets.delivery.replacing import broken_off

    ledger = _ledger(plan, lake, name, segment)
    log = ledger.last()
    if log is None or (log.closed is None and log.open_jobs()):
        return False  # where the platform works on jobs, a run could only wait
    audience = lake.current(HASHED_AUDIENCE.name, segment)
    contract = plan.activations_of(name)[segment].held_to(plan.accounts[name].contract)
    lane, goes_to = log.header["lane"], log.header["to_snapshot"]
    return (
        log.closed is None
        or log.closed.body["outcome"] == "failed"
        or lane == "withdrawal"
        or (lane == "audience" and audience is not None and goes_to != audience.id)
        or leaving_is_due(ledger)
        or bool(broken_off(ledger))
        or is_refresh_due(ledger, contract, clock=ledger.clock())
    )


def opt_outs_are_unfinished(plan: Plan, lake: Lake, name: str, segment: str) -> bool:
    """Whether a pair has something to do that no sending rule holds back: opt-outs that broke off, leavers."""
    from segment_assets.delivery.legs import leaving_is_due

    ledger = _ledger(plan, lake, name, segment)
    log = ledger.last()
    if log is None:
        return False
    if log.closed is None:
        return not log.open_jobs()
    return (log.header["lane"] == "opt_out" and log.closed.body["outcome"] == "failed") or leaving_is_due(ledger)


def approvals_of(plan: Plan, lake: Lake, name: str, segment: str) -> int:
    """How many approvals a pair has had."""
    from segment_assets.delivery.approvals import approvals_given

    return approvals_given(lake, _ledger(plan, lake, name, segment).pair, time.time)


def is_waiting(plan: Plan, lake: Lake, name: str, segment: str) -> bool:
    """Whether the platform works on jobs of the pair's open delivery, so that a run could only wait."""
    log = _ledger(plan, lake, name, segment).last()
    return log is not None and log.closed is None and bool(log.open_jobs())


def _ledger(plan: Plan, lake: Lake, name: str, segment: str) -> "AudienceLedger":
    from segment_assets.delivery.ledger import AudienceLedger, Pair

    account = plan.accounts[name]
    return AudienceLedger(lake, Pair(plan.tenant, account.destination, account.account, segment), time.time)


def build(plan: Plan) -> dg.JobDefinition:
    """The job that withdraws every pair that is due; doing it twice does nothing more."""

    @dg.op(
        required_resource_keys={"plan", "lake", "secrets", "workdir", *map(resource_name, plan.accounts)},
        out=dg.Out(dg.Nothing),
        description=(
            "Empties or deletes the audiences of pairs that the plan names no more, as the plan said, and takes "
            "whoever said no out of those that are kept."
        ),
    )
    def withdraw(context: dg.OpExecutionContext) -> None:
        errors: list[SegmentAssetsError] = []
        for pair in due(context.resources.plan, context.resources.lake, context.resources.workdir):
            try:
                rows = withdraw_pair(context.resources, pair)
            except SegmentAssetsError as error:
                errors.append(error)
                continue
            people = sum(row["removes_acknowledged"] for row in rows)
            context.log.info("%s/%s: %s people taken out (%s)", pair.destination, pair.segment, people, pair.on_removal)
        if errors:
            raise as_failure(_together(errors)) from errors[0]

    @dg.job(name="withdraw_removed_pairs", executor_def=dg.in_process_executor)
    def withdraw_removed_pairs() -> None:
        withdraw()

    return withdraw_removed_pairs


def _together(errors: Sequence[SegmentAssetsError]) -> SegmentAssetsError:
    """One error for all pairs that did not get through; tried again at once only when time alone may help them all."""
    if len(errors) == 1:
        return errors[0]
    said = "; ".join(str(error) for error in errors)
    waits = [error.retry_after or 0.0 for error in errors if isinstance(error, TransientError)]
    return TransientError(said, retry_after=max(waits)) if len(waits) == len(errors) else NeedsHumanError(said)


def withdraw_pair(have: Any, pair: RemovedPair, *, clock: Clock = time.time) -> list[Any]:
    """Withdraw one pair, or let go whoever said no where it is kept, and return the rows of its deliveries.

    Raises NeedsHumanError when its account is gone too.
    """
    from segment_assets.delivery.run import DeliveryRoom

    if pair.account_name is None:
        raise NeedsHumanError(
            f"{pair.destination}/{pair.account}[{pair.segment}]: the plan names the account no more either, so its "
            "audience cannot be reached; put the account back until it is empty, or empty it on the platform"
        )
    destination, transport = getattr(have, resource_name(pair.account_name)).connect()
    room = DeliveryRoom(have.lake, destination, transport, workdir=have.workdir, clock=clock)
    errand = _errand(have.plan, pair, have.secrets.tenant_key(have.plan.tenant))
    said_no = _who_said_no(have.lake, pair.segment)
    if pair.on_removal == "keep":
        return list(room.let_go(errand, *said_no).deliveries)
    return list(room.withdraw(errand, *said_no, delete=pair.on_removal == "delete").deliveries)


def _errand(plan: Plan, pair: RemovedPair, key: bytes) -> "Errand":
    from segment_assets.delivery.errands import Errand
    from segment_assets.delivery.guards import GuardRails
    from segment_assets.delivery.ledger import Pair
    from segment_assets.delivery.wanted import Wanted

    return Errand(
        pair=Pair(plan.tenant, pair.destination, pair.account, pair.segment),
        wanted=Wanted(registry()[pair.destination], list(pair.forms)),
        spec_name="",
        statements={},
        rails=GuardRails(1.0),
        key=key,
        on_removal=pair.on_removal,
    )


def build_sensor(job: dg.JobDefinition) -> dg.SensorDefinition:
    """Starts the job when a pair is due: once an hour for the same pairs, since a refusal needs a person's time."""

    @dg.sensor(
        # By name: Dagster copies a sensor that holds its job, and warns of a beta parameter while it does.
        job_name=job.name,
        name="removed_pairs",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Empties or deletes the audiences of pairs that the plan names no more, as `on_removal` says, and takes "
            "whoever says no out of those that are kept."
        ),
    )
    def removed(
        context: dg.SensorEvaluationContext,
        plan: dg.ResourceParam[Plan],
        lake: dg.ResourceParam[Lake],
        workdir: dg.ResourceParam[Path],
    ) -> dg.SensorResult:
        looked: dict[str, str] = json.loads(context.cursor or "{}")
        pairs = due(plan, lake, workdir, looked=looked)
        names = ",".join(f"{p.destination}/{p.account}/{p.segment}" for p in pairs)
        requests = [dg.RunRequest(run_key=f"{names}:{int(time.time() // 3600)}")] if pairs else []
        said = "the plan names every pair that has an audience, or said to keep it, and nobody of a kept one said no"
        return dg.SensorResult(run_requests=requests, cursor=json.dumps(looked), skip_reason=None if pairs else said)

    return removed
