"""`segment-assets preview`: every request of a delivery as it would be sent, written to files, and nothing sent.

Belongs here: whose delivery it is (a file of people, a segment of the lake) and what is told about it.
Not here: the delivery itself (`delivery.preview` and the delivery room).
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from segment_assets import processes
from segment_assets.assets.activations import errand
from segment_assets.assets.audiences import EVERYBODY
from segment_assets.cli.preview_people import PREVIEW, PREVIEW_KEY, hashed_people
from segment_assets.cli.requests_written import RequestFolder
from segment_assets.contracts import Mode, NeedsHumanError, PermanentError
from segment_assets.delivery.preview import (
    PLACEHOLDER_ACCOUNT,
    PLACEHOLDER_AUDIENCE,
    Rehearsal,
    placeholder_statements,
    predicted,
    rehearsing,
)
from segment_assets.deployment import Deployment
from segment_assets.destinations import registry
from segment_assets.permission import Permit, SendingClosedError
from segment_assets.tables import HASHED_AUDIENCE, SUPPRESSIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segment_assets.contracts import Contract, Destination, Lake, Snapshot
    from segment_assets.delivery.errands import Errand
    from segment_assets.delivery.run import DeliveryRoom
    from segment_assets.plan import Account, Plan

MODES = ("add", "remove", "replace")


def in_mode(task: Errand, mode: str | None) -> Errand:
    """The errand with what was asked for: the platform's own replace where it has one, and else single changes."""
    if mode is None:
        return task
    replaces = mode == "replace" and task.wanted.contract.replacing is not None
    wanted = dataclasses.replace(task.wanted, mode=Mode.REPLACE if replaces else Mode.MIRROR)
    return dataclasses.replace(task, wanted=wanted)


@dataclasses.dataclass(frozen=True, slots=True)
class Previewed:
    """One delivery to rehearse. `lake` takes what the rehearsal writes; `known` is whether the ledger counts."""

    errand: Errand
    account: Account | None
    lake: Lake
    audience: Snapshot
    mode: str
    known: bool
    workdir: Path
    permit: Permit | None = None
    rows: Mapping[str, object] = dataclasses.field(default_factory=dict)

    @property
    def contract(self) -> Contract:
        """The destination's."""
        return self.errand.wanted.contract


def run_preview(destination: str, segment: str | None, members: Path | None, mode: str | None, out: Path) -> int:
    """Write the requests to `out` and print what they add up to.

    `destination` is a platform's name or an account of the plan. Of a FILE everybody counts as willing: consent,
    opt-outs and hold-outs are not asked. Raises PermanentError for a file, segment or folder that cannot be used.
    """
    from segment_assets.resources.lake import LocalLake

    deployment = Deployment.from_env()
    plan = deployment.plan()
    workdir = processes.workdir(deployment.home)
    workdir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=workdir, prefix="preview-") as name:
        scratch = Path(name)
        desk = _Desk(deployment, plan, scratch, LocalLake(scratch / "lake"))
        if members is not None:
            previewed = desk.of_file(destination, members, mode or "add")
        else:
            previewed = desk.of_segment(destination, str(segment), mode)
        folder = RequestFolder.prepare(out, previewed.contract)
        rehearsal = Rehearsal(folder.write)
        _rehearse(previewed, rehearsal)
    summary = _summary(previewed, rehearsal)
    folder.summarise(summary)
    _tell(summary, out)
    return 0


@dataclasses.dataclass(frozen=True, slots=True)
class _Desk:
    """What a preview reads and where it writes: nothing of it stays but the requests."""

    deployment: Deployment
    plan: Plan
    scratch: Path
    lake: Lake

    def of_file(self, destination: str, file: Path, mode: str) -> Previewed:
        """The people of a file, on an audience that nobody made yet."""
        account = self.plan.accounts.get(destination)
        task = in_mode(_unplanned(_platform(self.plan, destination), account, PREVIEW), mode)
        audience, rows = hashed_people(file, self.lake, self.scratch)
        return Previewed(task, account, self.lake, audience, mode, known=False, workdir=self.scratch, rows=rows)

    def of_segment(self, destination: str, segment: str, mode: str | None) -> Previewed:
        """A segment's people, over a copy of the pair's ledger where the plan activates it there."""
        from segment_assets.delivery.overlay import OverlayLake

        resources: Any = self.deployment.resources()
        audience = resources["lake"].current(HASHED_AUDIENCE.name, segment)
        if audience is None and segment not in self.plan.segments:
            known = ", ".join(sorted(self.plan.segments))
            raise PermanentError(f"{segment}: no segment of the plan, and none that landed; the plan has {known}")
        if audience is None:
            raise PermanentError(f"{segment}: there is no hashed audience of it yet; materialise hashed_audience first")
        # Adding everybody is what a new audience is sent, so the ledger is not looked at.
        hides_ledger = mode == "add"
        lake = OverlayLake(resources["lake"], self.lake, hides=lambda key: hides_ledger and key.startswith("ledger/"))
        name = _account_of(self.plan, destination, segment)
        if name is None:
            account = self.plan.accounts.get(destination)
            task = _unplanned(_platform(self.plan, destination), account, segment)
        else:
            account = self.plan.accounts[name]
            permission = self.plan.activations_of(name)[segment]
            task = errand(self.plan, name, permission, resources["secrets"].tenant_key(self.plan.tenant))
        known, task = name is not None and not hides_ledger, in_mode(task, mode)
        said = mode or task.wanted.mode.value
        permit = Permit(self.plan, permission, lake, task, audience) if name is not None else None
        if permit is not None:
            task = dataclasses.replace(task, rails=permit.rails(notes=False))
        return Previewed(task, account, lake, audience, said, known=known, workdir=self.scratch, permit=permit)


def _platform(plan: Plan, destination: str) -> str:
    if destination in plan.accounts:
        return plan.accounts[destination].destination
    if destination in registry():
        return destination
    raise PermanentError(
        f"{destination}: neither a platform ({', '.join(registry())}) nor an account of the plan "
        f"({', '.join(plan.accounts)})"
    )


def _account_of(plan: Plan, destination: str, segment: str) -> str | None:
    """The account of the plan on which the segment is activated, None where the plan does not activate it there."""
    platform = _platform(plan, destination)
    named = [destination] if destination in plan.accounts else list(plan.accounts)
    found = [
        name for name in named if plan.accounts[name].destination == platform and segment in plan.activations_of(name)
    ]
    if len(found) > 1:
        raise PermanentError(f"{segment} is activated on {', '.join(found)}; name one of them with --destination")
    return found[0] if found else None


def _unplanned(platform: str, account: Account | None, segment: str) -> Errand:
    """An errand that the plan does not name: placeholders stand where its words would."""
    from segment_assets.delivery.errands import Errand
    from segment_assets.delivery.guards import GuardRails
    from segment_assets.delivery.ledger import Pair
    from segment_assets.delivery.wanted import Wanted

    contract = account.contract if account is not None else registry()[platform]
    number = account.account if account is not None else PLACEHOLDER_ACCOUNT
    return Errand(
        pair=Pair(PREVIEW, platform, number, segment),
        wanted=Wanted(contract, contract.forms()),
        spec_name=f"{PREVIEW} {segment}",
        statements=placeholder_statements(contract),
        rails=GuardRails(max_removal_share=1.0),
        key=PREVIEW_KEY,
    )


def _rehearse(previewed: Previewed, rehearsal: Rehearsal) -> None:
    task, lake, mode = previewed.errand, previewed.lake, previewed.mode
    if previewed.known and mode != "remove":
        suppressions = lake.current(SUPPRESSIONS.name, EVERYBODY)
        room = _room(previewed, rehearsal)
        rehearsal.run(lambda: room.run(task, previewed.audience, suppressions, approve=lambda: _ask(previewed.permit)))
        return
    if mode == "remove":
        if not _is_delivered(previewed):
            # Who is to be taken out has to be there first: put there unseen.
            unseen = Rehearsal(lambda _number, _request: None)
            unseen.run(lambda: _room(previewed, unseen).run(task, previewed.audience, None))
            rehearsal.no_usable_key = unseen.no_usable_key
        room = _room(previewed, rehearsal)
        rehearsal.run(lambda: room.withdraw(task, delete=False))
        return
    room = _room(previewed, rehearsal)
    rehearsal.run(lambda: room.run(task, previewed.audience, None))


def _ask(permit: Permit | None) -> None:
    """What the plan says now; a closed window would only be waited for, and a rehearsal waits for nothing."""
    try:
        if permit is not None:
            permit.ask()
    except SendingClosedError as closed:
        raise NeedsHumanError(str(closed)) from closed


def _is_delivered(previewed: Previewed) -> bool:
    from segment_assets.delivery.ledger import AudienceLedger

    return AudienceLedger(previewed.lake, previewed.errand.pair, time.time).last() is not None


def _connected(previewed: Previewed) -> Destination:
    """The account as the plan describes it, or a stand-in. Raises PermanentError where no stand-in will do."""
    from segment_assets.resources.destination_account import DestinationAccount

    account, contract = previewed.account, previewed.contract
    connected = DestinationAccount(
        destination=contract.platform,
        account=previewed.errand.pair.account,
        # Never called: the transport is ours.
        endpoint=contract.endpoint or f"https://{contract.platform}.invalid",
        settings=dict(account.settings) if account is not None else {},
        token="none",  # noqa: S106 - a preview needs no credentials
    )
    try:
        return connected.connect(placeholder_statements(contract, previewed.errand.statements))[0]
    except PermanentError as wrong:
        if account is not None:
            raise
        raise PermanentError(
            f"{contract.platform} cannot be previewed without an account of the plan, whose settings it needs; put one "
            f"there and name it with --destination ({wrong})"
        ) from wrong


def _room(previewed: Previewed, rehearsal: Rehearsal) -> DeliveryRoom:
    from segment_assets.delivery.run import DeliveryRoom

    destination = _connected(previewed)
    taking = rehearsing(destination, rehearsal)
    return DeliveryRoom(
        previewed.lake, taking, taking.transport, workdir=previewed.workdir / "room", clock=time.time, sleep=_never
    )


def _never(_seconds: float) -> None:
    """Nothing is waited for."""


def _summary(previewed: Previewed, rehearsal: Rehearsal) -> dict[str, Any]:
    pair = previewed.errand.pair
    counts = ("unchanged", "refreshed", "adds", "changed", "not_added", "removes", "kept")
    people = {name: sum(row.get(name) or 0 for row in rehearsal.rows) for name in counts}
    people["no_usable_key"] = rehearsal.no_usable_key
    sent = {what: number for what, number in rehearsal.records.items() if what in {"add", "remove", "replace"}}
    return {
        "destination": pair.destination,
        "account": pair.account,
        "segment": pair.segment,
        "mode": previewed.mode,
        "requests": {"create": 0, "add": 0, "remove": 0, **rehearsal.requests},
        "records": {"add": 0, "remove": 0, **sent},
        "people": people,
        "rows": dict(previewed.rows),
        # An account's settings may change its quota.
        "predicted": predicted(_connected(previewed).contract, rehearsal.requests.total()),
        "stopped": rehearsal.stopped,
        "placeholders": {
            "audience_id": PLACEHOLDER_AUDIENCE if rehearsal.requests["create"] or not previewed.known else "",
            "account": PLACEHOLDER_ACCOUNT if previewed.account is None else "",
            "statements": [] if previewed.known else sorted(previewed.contract.statements),
        },
    }


def _tell(summary: Mapping[str, Any], out: Path) -> None:
    requests, records, rows = summary["requests"], summary["records"], summary["rows"]
    asked = ", ".join(f"{number:,} to {what}" for what, number in requests.items())
    click.echo(f"{summary['destination']} account {summary['account']}, nothing sent: requests {asked}")
    moved = ", ".join(f"{number:,} to {what}" for what, number in records.items())
    click.echo(f"Records: {moved}")
    if rows:
        reasons = {**rows["unusable"], "no_usable_key": summary["people"]["no_usable_key"]}
        left = ", ".join(f"{number:,} {reason}" for reason, number in reasons.items() if number) or "none"
        click.echo(
            f"Rows: {rows['read']:,} read, {rows['people']:,} people, "
            f"{rows['duplicates_merged']:,} duplicates merged; left out: {left}"
        )
    seconds = summary["predicted"]["quota_seconds"]
    click.echo(f"The quota alone makes this take {seconds:,.0f} s or more")
    if summary["stopped"]:
        click.echo(f"Would stop: {summary['stopped']}")
    click.echo(f"Written to {out} (hashed identifiers are personal data: delete them when you are done)")
