"""`segment-assets approve`: a named person lets one stopped delivery through, and what waits for that.

Belongs here: what is asked of a terminal and told there. Not here: what an approval is good for (`delivery.approvals`).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from segment_assets.cli.pairs import named, pair_of
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
    click.echo(f"Approved {_told(plan, done)}.")
    click.echo("It holds for this very delivery, for a week. The reconciler starts it; without daemons, the next run.")
    return 0


def pending_lines(plan: Plan, lake: Lake) -> list[str]:
    """One line for every stopped delivery of the plan that waits for somebody's approval."""
    wanted = {
        (account.destination, account.account, segment)
        for name, account in plan.accounts.items()
        for segment in plan.activations_of(name)
    }
    return [
        f"Waits for approval: {_told(plan, one)}"
        for one in pending(lake, plan.tenant, time.time)
        if (one.pair.destination, one.pair.account, one.pair.segment) in wanted
    ]


def _partition(plan: Plan, which: str) -> str:
    """A pair as approvals name it, or what was given: the beginning of a delivery's id."""
    pair = pair_of(plan, which)
    return pair.partition if pair is not None else which


def _told(plan: Plan, one: Pending) -> str:
    stopped = "; ".join(f"{guard} ({_numbers(told['numbers'])})" for guard, told in sorted(one.guards.items()))
    when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(one.at))
    return f"{one.id[:12]} {named(plan, one.pair)}, stopped {when} UTC by {stopped}"


def _numbers(numbers: dict[str, float]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {number:,g}" for name, number in numbers.items()) or "no numbers"
