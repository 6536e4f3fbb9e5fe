"""`segment-assets plan diff`: what a plan would change on which platform, before it does.

Belongs here: counting changes without sending or noting anything. Not here: what a change is (`delivery.changes`).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from segment_assets import processes
from segment_assets.assets.activations import errand
from segment_assets.assets.audiences import EVERYBODY
from segment_assets.contracts import SegmentAssetsError
from segment_assets.deployment import Deployment
from segment_assets.plan import load_plan
from segment_assets.tables import HASHED_AUDIENCE, SUPPRESSIONS

if TYPE_CHECKING:
    from pathlib import Path

    from segment_assets.contracts import Lake, Snapshot
    from segment_assets.plan import Activation, Plan


class _Nowhere:
    """A snapshot writer that keeps nothing."""

    def write(self, data: object) -> None:
        """Forget the rows."""

    def publish(self, stats: object) -> Snapshot:
        """Nothing was kept, so there is nothing to publish."""
        raise SegmentAssetsError(f"a preview publishes nothing, not even {stats!r}")


def show_diff(file: Path | None) -> int:
    """One line per pair: people to add, to change, to take out; pairs that the plan names no more."""
    deployment = Deployment.from_env()
    plan = load_plan(file or deployment.plan_path)
    lake: Any = deployment.resources()["lake"]
    for name in plan.accounts:
        for segment, permission in plan.activations_of(name).items():
            said = _pair(plan, name, permission, lake, deployment)
            click.echo(f"{plan.accounts[name].destination}/{name}[{segment}]: {said}")
    for pair in _no_longer_named(plan, lake):
        click.echo(f"{pair}: not in the plan any more; nobody is added, and its audience becomes what on_removal said")
    return 0


def _pair(plan: Plan, name: str, permission: Activation, lake: Lake, deployment: Deployment) -> str:
    from segment_assets.delivery.changes import audience_changes
    from segment_assets.delivery.creation import refuse_another_kind
    from segment_assets.delivery.guards import stop_what_needs_a_human
    from segment_assets.delivery.ledger import AudienceLedger
    from segment_assets.delivery.settling import acknowledged_state
    from segment_assets.permission import Permit, closed_until

    audience = lake.current(HASHED_AUDIENCE.name, permission.segment)
    if audience is None:
        return "no hashed audience yet"
    task = errand(plan, name, permission, b"no key is needed to count")
    ledger = AudienceLedger(lake, task.pair, time.time)
    last = ledger.last()
    if last is not None and last.closed is None:
        return "a delivery is open; settle it first (the next run does)"
    state, suppressions = acknowledged_state(lake, ledger), lake.current(SUPPRESSIONS.name, EVERYBODY)
    counts = audience_changes(
        lake.dataset(audience),
        lake.dataset(state) if state else None,
        lake.dataset(suppressions) if suppressions else None,
        task.wanted,
        write=_Nowhere(),
        workdir=processes.workdir(deployment.home),
    )
    numbers = {
        "add": counts.adds,
        "change": counts.changed,
        "take out": counts.removes,
        "leave as they are": counts.unchanged,
    }
    said = ", ".join(f"{number:,} to {what}" for what, number in numbers.items())
    try:
        rails = Permit(plan, permission, lake, task, audience).rails(notes=False)
        refuse_another_kind(ledger, task)
        stop_what_needs_a_human(task.pair, counts, rails, task.wanted.contract)
    except SegmentAssetsError as error:
        return f"{said}. Would stop: {error}"
    opens = closed_until(plan, permission, time.time())
    return f"{said}. Would wait: sending opens {opens}" if opens else said


def _no_longer_named(plan: Plan, lake: Lake) -> list[str]:
    named = {
        f"{account.destination}/{account.account}/{segment}"
        for name, account in plan.accounts.items()
        for segment in plan.activations_of(name)
    }
    known = {"/".join(key.split("/")[1:4]) for key in lake.keys("ledger")}
    return sorted(known - named)
