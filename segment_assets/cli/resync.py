"""`segment-assets resync`: asks for everything that a pair wants to be sent once more.

Belongs here: which pair, and what is told. Not here: the record of it and who is sent again (`delivery.refreshing`).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from segment_assets.contracts import PermanentError
from segment_assets.deployment import Deployment

if TYPE_CHECKING:
    from segment_assets.delivery.ledger import Pair
    from segment_assets.plan import Plan

_PARTS = 3


def run_resync(which: str, *, reason: str, who: str) -> int:
    """Record the request and say when it is done. Raises PermanentError for a pair that the plan does not name."""
    from segment_assets.delivery.ledger import AudienceLedger
    from segment_assets.delivery.refreshing import ask_for_resync

    deployment = Deployment.from_env()
    pair = _pair(deployment.plan(), which)
    lake: Any = deployment.resources()["lake"]
    entry = ask_for_resync(AudienceLedger(lake, pair, time.time), reason=reason, who=who)
    click.echo(f"Request {entry.number} for {pair} is recorded: the next delivery sends everybody who is wanted again.")
    click.echo("The reconciler starts it; without daemons, the next run of the pair does it.")
    return 0


def _pair(plan: Plan, which: str) -> Pair:
    """The pair of the plan that is named as destination/account/segment, by the account's number or the plan's name."""
    from segment_assets.delivery.ledger import Pair

    parts = which.split("/")
    if len(parts) != _PARTS:
        raise PermanentError(f"{which}: name a pair as destination/account/segment, as `segment-assets status` does")
    destination, account, segment = parts
    for name, known in plan.accounts.items():
        is_named = known.destination == destination and account in {name, known.account}
        if is_named and segment in plan.activations_of(name):
            return Pair(plan.tenant, destination, known.account, segment)
    raise PermanentError(f"{which}: the plan does not activate this pair, so nothing of it is wanted there")
