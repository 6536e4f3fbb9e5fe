"""Following platforms that answer tomorrow: one sensor per account whose contract has jobs.

Belongs here: when to ask, and what to do with an end: report it, send the next phase, or try a failed job again.
Not here: asking and noting (`delivery.following`). No run ever sleeps until a platform is done.
"""

import json
import time
from typing import TYPE_CHECKING, Any

import dagster as dg

from segment_assets.assets.activations import PAIR_TAG, activation_key, errand, ledger_events, resource_name
from segment_assets.contracts import Lake, SegmentAssetsError
from segment_assets.destinations import registry
from segment_assets.plan import Plan

if TYPE_CHECKING:
    from segment_assets.resources.destination_account import DestinationAccount

TICK_SECONDS = 30.0


def build(plan: Plan) -> list[dg.SensorDefinition]:
    """The followers of a plan's accounts."""
    return [_follower(name) for name, a in plan.accounts.items() if registry()[a.destination].follow is not None]


def _follower(name: str) -> dg.SensorDefinition:
    resource = resource_name(name)

    @dg.sensor(
        name=f"platform_jobs_{name}",
        asset_selection=dg.AssetSelection.groups("activation").materializable(),
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={resource, "plan", "lake", "secrets", "workdir"},
        description="Asks the platform how its jobs are, and settles the deliveries whose jobs have all ended.",
    )
    def platform_jobs(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        looks: dict[str, dict[str, float]] = json.loads(context.cursor or "{}")
        result = follow_account(context.resources, name, looks)
        return dg.SensorResult(
            run_requests=result["run_requests"],
            asset_events=result["asset_events"],
            cursor=json.dumps(result["looks"]),
            skip_reason=None if result["run_requests"] else result["said"],
        )

    return platform_jobs


def follow_account(have: Any, name: str, looks: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Ask about every open job of an account that is due.

    `have` holds the resources plan, lake, secrets, workdir and the account's; `looks` is job -> when it was asked
    about last, and how often.
    """
    from segment_assets.delivery.following import next_look
    from segment_assets.delivery.run import DeliveryRoom

    account = have.plan.accounts[name]
    advice = registry()[account.destination].follow
    assert advice is not None
    destination_account: DestinationAccount = getattr(have, resource_name(name))
    kept: dict[str, dict[str, float]] = {}
    requests, events, told, still_open = [], [], [], 0
    deadline = time.monotonic() + TICK_SECONDS

    def is_due(receipt: Any) -> bool:
        # The sandbox has no quota worth saving, and its clock is moved by hand.
        seen = looks.get(receipt.body["job"], {"at": receipt.at, "looks": 0})
        due = bool(destination_account.sandbox_home) or time.time() >= seen["at"] + next_look(
            advice, int(seen["looks"])
        )
        kept[receipt.body["job"]] = {"at": time.time(), "looks": seen["looks"] + 1} if due else seen
        return due

    for segment, permission in sorted(have.plan.activations_of(name).items()):
        if time.monotonic() > deadline:
            break
        task = errand(have.plan, name, permission, have.secrets.tenant_key(have.plan.tenant))
        try:
            destination, transport = destination_account.connect(task.statements)
            settled = DeliveryRoom(have.lake, destination, transport, workdir=have.workdir).follow(task, is_due)
        except SegmentAssetsError as error:
            told.append(f"{segment}: {error}")
            continue
        if settled is not None:
            events += list(ledger_events(have.lake, account, segment))
        still_open += _open_jobs(have.lake, task)
        reason = _why_again(have.lake, task, settled)
        if reason:
            requests.append(
                dg.RunRequest(
                    run_key=f"{name}/{segment}:{reason}",
                    partition_key=segment,
                    asset_selection=[activation_key(name, account)],
                    tags={PAIR_TAG: f"{name}/{segment}"},
                )
            )
    said = "; ".join(told) or "no job has ended since the last look"
    return {"run_requests": requests, "asset_events": events, "looks": kept, "said": said, "open": still_open}


def _open_jobs(lake: Lake, task: Any) -> int:
    from segment_assets.delivery.ledger import AudienceLedger

    log = AudienceLedger(lake, task.pair, time.time).last()
    return len(log.open_jobs()) if log is not None and log.closed is None else 0


def _why_again(lake: Lake, task: Any, settled: Any) -> str:
    """A key for another run of the pair: the next phase of an open delivery, or a delivery whose job failed."""
    from segment_assets.delivery.ledger import AudienceLedger

    if settled is not None:
        return f"failed:{settled.row['delivery_id']}" if settled.row["outcome"] == "failed" else ""
    log = AudienceLedger(lake, task.pair, time.time).last()
    if log is None or log.closed is not None or log.open_jobs() or not log.answered("job"):
        return ""
    return f"next:{log.header['delivery_id']}:{len(log.batch_standings())}"
