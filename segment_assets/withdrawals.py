"""Pairs that the plan names no more: what `on_removal` said becomes of their audiences.

Belongs here: finding such pairs in the ledger, and the job that empties or deletes their audiences.
Not here: how an audience is emptied (`delivery.run`). `keep` leaves the audience as it is; nothing is sent to it.
"""

import dataclasses
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg

from segment_assets.assets.activations import resource_name
from segment_assets.assets.common import as_failure
from segment_assets.contracts import Lake, SegmentAssetsError
from segment_assets.destinations import registry
from segment_assets.plan import Plan

if TYPE_CHECKING:
    from segment_assets.delivery.errands import Errand


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


def removed_pairs(plan: Plan, lake: Lake) -> Iterator[RemovedPair]:
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
        log = AudienceLedger(lake, Pair(plan.tenant, destination, account, segment), time.time).last()
        if log is not None:
            yield RemovedPair(
                destination,
                account,
                segment,
                names.get((destination, account)),
                str(log.header["on_removal"]),
                tuple(log.header["forms"]),
                done=log.closed is not None
                and log.header["lane"] == "withdrawal"
                and log.closed.body["outcome"] == "done",
            )


def due(plan: Plan, lake: Lake) -> list[RemovedPair]:
    """Removed pairs whose audience is still to be emptied or deleted."""
    return [pair for pair in removed_pairs(plan, lake) if pair.on_removal != "keep" and not pair.done]


def is_unfinished(plan: Plan, lake: Lake, name: str, segment: str) -> bool:
    """Whether a pair needs a run whatever was delivered: it was emptied and is named again, or people are leaving.

    "Leaving" are those to be taken out once more, because their addition was in doubt (see delivery.changes).
    """
    from segment_assets.delivery.ledger import AudienceLedger, Pair
    from segment_assets.delivery.legs import leaving_is_due

    account = plan.accounts[name]
    ledger = AudienceLedger(lake, Pair(plan.tenant, account.destination, account.account, segment), time.time)
    log = ledger.last()
    return log is not None and (log.header["lane"] == "withdrawal" or leaving_is_due(ledger))


def build(plan: Plan) -> dg.JobDefinition:
    """The job that withdraws every pair that is due; doing it twice does nothing more."""

    @dg.op(
        required_resource_keys={"plan", "lake", "secrets", "workdir", *map(resource_name, plan.accounts)},
        out=dg.Out(dg.Nothing),
        description="Empties or deletes the audiences of pairs that the plan names no more, as the plan said.",
    )
    def withdraw(context: dg.OpExecutionContext) -> None:
        for pair in due(context.resources.plan, context.resources.lake):
            try:
                rows = withdraw_pair(context.resources, pair)
            except SegmentAssetsError as error:
                raise as_failure(error) from error
            people = sum(row["removes_acknowledged"] for row in rows)
            context.log.info("%s/%s: %s people taken out (%s)", pair.destination, pair.segment, people, pair.on_removal)

    @dg.job(name="withdraw_removed_pairs", executor_def=dg.in_process_executor)
    def withdraw_removed_pairs() -> None:
        withdraw()

    return withdraw_removed_pairs


def withdraw_pair(have: Any, pair: RemovedPair) -> list[Any]:
    """Withdraw one pair and return the rows of its deliveries. Raises NeedsHumanError when its account is gone too."""
    from segment_assets.contracts import NeedsHumanError
    from segment_assets.delivery.run import DeliveryRoom

    if pair.account_name is None:
        raise NeedsHumanError(
            f"{pair.destination}/{pair.account}[{pair.segment}]: the plan names the account no more either, so its "
            "audience cannot be reached; put the account back until it is empty, or empty it on the platform"
        )
    destination, transport = getattr(have, resource_name(pair.account_name)).connect()
    room = DeliveryRoom(have.lake, destination, transport, workdir=have.workdir)
    errand = _errand(have.plan, pair, have.secrets.tenant_key(have.plan.tenant))
    return list(room.withdraw(errand, delete=pair.on_removal == "delete").deliveries)


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
        description="Empties or deletes the audiences of pairs that the plan names no more, as `on_removal` says.",
    )
    def removed(plan: dg.ResourceParam[Plan], lake: dg.ResourceParam[Lake]) -> Iterator[dg.RunRequest | dg.SkipReason]:
        pairs = due(plan, lake)
        if not pairs:
            yield dg.SkipReason("the plan names every pair that has an audience, or said to keep it")
            return
        names = ",".join(f"{p.destination}/{p.account}/{p.segment}" for p in pairs)
        yield dg.RunRequest(run_key=f"{names}:{int(time.time() // 3600)}")

    return removed
