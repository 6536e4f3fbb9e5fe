"""What an activation does in a deployment that only previews: the same delivery, over a copy, with nothing sent.

Belongs here: reporting what would have been sent. Not here: the rehearsal itself (`delivery.preview`).
"""

import dataclasses
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from segment_assets.permission import Permit, SendingClosedError

if TYPE_CHECKING:
    from segment_assets.delivery.preview import Rehearsal
    from segment_assets.resources.destination_account import DestinationAccount


def rehearsed(permit: Permit, workdir: Path, account: "DestinationAccount", version: str) -> dg.MaterializeResult:
    """Requests and records that this pair's delivery would take. The ledger is not touched."""
    workdir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=workdir, prefix="rehearsal-") as scratch:
        told = _rehearse(permit, Path(scratch), account)
    said = told.stopped or "preview only: this is what would have been sent; nothing was"
    counts = {f"would_{what}": number for what, number in sorted(told.records.items())}
    requests = {"would_take_requests": sum(told.requests.values())}
    return dg.MaterializeResult(metadata={"said": said, **requests, **counts}, data_version=dg.DataVersion(version))


def _rehearse(permit: Permit, scratch: Path, account: "DestinationAccount") -> "Rehearsal":
    from segment_assets.assets.audiences import EVERYBODY
    from segment_assets.delivery.overlay import OverlayLake
    from segment_assets.delivery.preview import Rehearsal, placeholder_statements, rehearsing
    from segment_assets.delivery.run import DeliveryRoom
    from segment_assets.resources.lake import LocalLake
    from segment_assets.tables import SUPPRESSIONS

    task, lake = permit.errand, OverlayLake(permit.lake, LocalLake(scratch / "lake"), hides=lambda _key: False)
    over = dataclasses.replace(permit, lake=lake)
    destination, _ = account.connect(placeholder_statements(task.wanted.contract, task.statements))
    rehearsal = Rehearsal(lambda _number, _request: None)
    taking = rehearsing(destination, rehearsal)
    room = DeliveryRoom(lake, taking, taking.transport, workdir=scratch / "room", clock=time.time, sleep=_never)
    task = dataclasses.replace(task, rails=over.rails(notes=False))
    suppressions = lake.current(SUPPRESSIONS.name, EVERYBODY)
    try:
        rehearsal.run(lambda: room.run(task, permit.audience, suppressions, approve=over.ask))
    except SendingClosedError as closed:
        rehearsal.stopped = str(closed)
    return rehearsal


def _never(_seconds: float) -> None:
    """Nothing is waited for."""
