"""`segment-assets resync`: asks for everything that a pair wants to be sent once more.

Belongs here: which pair, and what is told. Not here: the record of it and who is sent again (`delivery.refreshing`).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from segment_assets.cli.pairs import FORMS, named, pair_of
from segment_assets.contracts import PermanentError
from segment_assets.deployment import Deployment

if TYPE_CHECKING:
    from segment_assets.delivery.ledger import Pair
    from segment_assets.plan import Plan


def run_resync(which: str, *, reason: str, who: str) -> int:
    """Record the request and say when it is done. Raises PermanentError for a pair that the plan does not name."""
    from segment_assets.delivery.ledger import AudienceLedger
    from segment_assets.delivery.refreshing import ask_for_resync

    deployment = Deployment.from_env()
    plan = deployment.plan()
    pair = _pair(plan, which)
    lake: Any = deployment.resources()["lake"]
    entry = ask_for_resync(AudienceLedger(lake, pair, time.time), reason=reason, who=who)
    click.echo(
        f"Request {entry.number} for {named(plan, pair)} is recorded: the next delivery sends everybody who is wanted "
        "again."
    )
    click.echo("The reconciler starts it; without daemons, the next run of the pair does it.")
    return 0


def _pair(plan: Plan, which: str) -> Pair:
    pair = pair_of(plan, which)
    if pair is None:
        raise PermanentError(f"{which}: name a pair as {FORMS}")
    for name, known in plan.accounts.items():
        is_named = (known.destination, known.account) == (pair.destination, pair.account)
        if is_named and pair.segment in plan.activations_of(name):
            return pair
    raise PermanentError(f"{which}: the plan does not activate this pair, so nothing of it is wanted there")
