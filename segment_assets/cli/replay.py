"""`segment-assets replay`: the requests of a delivery made again, and the proof that they are the ones that were sent.

Belongs here: which delivery, and what is told. Not here: the replay (`delivery.replaying`).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from segment_assets.cli.requests_written import RequestFolder
from segment_assets.cli.verify import pairs_of
from segment_assets.contracts import PermanentError
from segment_assets.delivery.preview import placeholder_statements
from segment_assets.deployment import Deployment
from segment_assets.destinations import registry

if TYPE_CHECKING:
    from pathlib import Path

    from segment_assets.contracts import Destination, Lake
    from segment_assets.delivery.ledger import AudienceLedger, DeliveryLog, Pair
    from segment_assets.plan import Plan

_SHORTEST = 6


def run_replay(delivery: str, out: Path | None) -> int:
    """Make the requests of a delivery (its id, or a unique beginning of it) again. 1 when one of them is not proven."""
    from segment_assets.delivery.replaying import replay

    deployment = Deployment.from_env()
    plan = deployment.plan()
    resources: Any = deployment.resources()
    lake = resources["lake"]
    ledger, log = _found(lake, delivery)
    destination = _destination(plan, ledger.pair)
    key = resources["secrets"].tenant_key(plan.tenant)
    folder = RequestFolder.prepare(out, destination.contract) if out is not None else None
    requests = unproven = members = 0
    for made in replay(lake, ledger, log, destination, key):
        requests, members, unproven = requests + 1, members + made.members, unproven + (not made.is_proven)
        if folder is not None:
            said = {"phase": made.phase, "batch": made.batch, "tries": made.tries, "proven": made.is_proven}
            folder.write(requests, made.request, said)
    summary = {
        "delivery": log.header["delivery_id"],
        "audience": str(ledger.pair),
        "requests": requests,
        "records": members,
        "not_proven": unproven,
    }
    if folder is not None:
        folder.summarise(summary)
    click.echo(
        f"{ledger.pair} delivery {log.number}: {requests:,} requests made again, {requests - unproven:,} proven by "
        "the digests of the ledger"
    )
    if unproven:
        click.echo(
            f"{unproven:,} are not the ones that were sent: statements, settings or the account changed in the plan, "
            "or the release did. Give the plan of that time in SEGMENT_ASSETS_PLAN"
        )
    return 1 if unproven else 0


def _found(lake: Lake, delivery: str) -> tuple[AudienceLedger, DeliveryLog]:
    from segment_assets.delivery.ledger import AudienceLedger

    if len(delivery) < _SHORTEST:
        raise PermanentError(f"{delivery}: give at least {_SHORTEST} characters of a delivery's id")
    ledgers = [AudienceLedger(lake, pair, time.time) for pair in pairs_of(lake)]
    found = [
        (ledger, log)
        for ledger in ledgers
        for log in ledger.deliveries()
        if str(log.header["delivery_id"]).startswith(delivery.lower())
    ]
    if len(found) != 1:
        raise PermanentError(
            f"{delivery}: {len(found)} deliveries have an id that begins so; ids are in the deliveries table"
        )
    return found[0]


def _destination(plan: Plan, pair: Pair) -> Destination:
    """The wire format as the plan has it now; an account or activation that is gone from it leaves placeholders."""
    from segment_assets.resources.destination_account import DestinationAccount

    named = [
        name
        for name, account in plan.accounts.items()
        if (account.destination, account.account) == (pair.destination, pair.account)
    ]
    contract = registry().get(pair.destination)
    if contract is None:
        raise PermanentError(f"{pair}: this release knows no destination {pair.destination}; use the one of that time")
    permission = plan.activations_of(named[0]).get(pair.segment) if named else None
    stated = permission.said if permission is not None else {}
    connected = DestinationAccount(
        destination=pair.destination,
        account=pair.account,
        # Never called: nothing is sent.
        endpoint=contract.endpoint or f"https://{contract.platform}.invalid",
        settings=dict(plan.accounts[named[0]].settings) if named else {},
        token="none",  # noqa: S106 - a replay needs no credentials
    )
    return connected.connect(placeholder_statements(contract, stated))[0]
