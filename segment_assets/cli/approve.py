"""`segment-assets approve`: a named person lets one stopped delivery through, and what waits for that.

Belongs here: what is asked of a terminal and told there. Not here: what an approval is good for (`delivery.approvals`).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from segment_assets.delivery.approvals import Pending, approve, pending
from segment_assets.deployment import Deployment

if TYPE_CHECKING:
    from segment_assets.contracts import Lake
    from segment_assets.plan import Plan


def run_approve(which: str, *, by: str, reason: str) -> int:
    """Record the approval and say what it is for."""
    deployment = Deployment.from_env()
    plan = deployment.plan()
    lake: Any = deployment.resources()["lake"]
    done = approve(
        lake, _partition(plan, which), by=by, reason=reason, author=plan.author, tenant=plan.tenant, clock=time.time
    )
    click.echo(f"Approved {_told(done)}.")
    click.echo("It holds for this very delivery, for a week. The reconciler starts it; without daemons, the next run.")
    return 0


def pending_lines(plan: Plan, lake: Lake) -> list[str]:
    """One line for every stopped delivery of the plan that waits for somebody's approval."""
    named = {
        (account.destination, account.account, segment)
        for name, account in plan.accounts.items()
        for segment in plan.activations_of(name)
    }
    return [
        f"Waits for approval: {_told(one)}"
        for one in pending(lake, plan.tenant, time.time)
        if (one.pair.destination, one.pair.account, one.pair.segment) in named
    ]


def _partition(plan: Plan, which: str) -> str:
    """destination/account/segment with the platform's account number, where the plan's name of it was given."""
    parts = which.split("/")
    account = plan.accounts.get(parts[1]) if len(parts) == len(("destination", "account", "segment")) else None
    return f"{parts[0]}/{account.account}/{parts[2]}" if account is not None else which


def _told(one: Pending) -> str:
    stopped = "; ".join(f"{guard} ({_numbers(told['numbers'])})" for guard, told in sorted(one.guards.items()))
    when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(one.at))
    return f"{one.id[:12]} {one.pair}, stopped {when} UTC by {stopped}"


def _numbers(numbers: dict[str, float]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {number:,g}" for name, number in numbers.items()) or "no numbers"
