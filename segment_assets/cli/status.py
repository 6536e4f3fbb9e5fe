"""`segment-assets status` and `why`: what is live where, and why one person was or was not delivered.

Belongs here: reading the ledger and the audiences for people at a terminal. Counts, pseudonyms and reasons only.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from segment_assets.assets.activations import errand
from segment_assets.cli.approve import pending_lines
from segment_assets.cli.homes import lake_of
from segment_assets.cli.platforms_shown import size_said, troubles
from segment_assets.contracts import ATTRIBUTE_COLUMNS, Eligibility, PermanentError
from segment_assets.delivery.approvals import pending
from segment_assets.deployment import Deployment
from segment_assets.tables import ACKNOWLEDGED, HASHED_AUDIENCE, QUARANTINE, REJECTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segment_assets.contracts import Lake
    from segment_assets.delivery.ledger import AudienceLedger, DeliveryLog
    from segment_assets.plan import Plan

_DIGITS = 64


def show_status() -> int:
    """One line per pair of the plan: people live there, how old that is, what it waits for."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    deployment = Deployment.from_env()
    plan, lake = deployment.plan(), lake_of(deployment)
    table = Table(title="What is live where", title_justify="left")
    for name in _COLUMNS:
        to_the_right = name in {"people live", "in doubt", "refused", "age"}
        table.add_column(name, justify="right" if to_the_right else "left", no_wrap=name == "audience")
    stopped = {one.pair: f"stopped: {', '.join(one.guards)}" for one in pending(lake, plan.tenant, time.time)}
    for name, segment, ledger in _pairs(plan, lake, deployment):
        *standing, now = _standing(lake, ledger, segment)
        now = stopped.get(ledger.pair, now)
        table.add_row(escape(f"{name}[{segment}]"), *standing, escape(now), size_said(lake, ledger))
    console = Console(width=190, highlight=False)
    console.print(table)
    for line in troubles(plan, lake, _pairs(plan, lake, deployment)):
        console.print(f"! {escape(line)}", style="bold", soft_wrap=True)
    for line in pending_lines(plan, lake):
        console.print(line, soft_wrap=True, markup=False)
    held = sorted(set(lake.partitions(HASHED_AUDIENCE.name)) - set(plan.segments))
    if held:
        console.print(f"Held, because the plan does not name them: {', '.join(held)}")
    return 0


_COLUMNS = (
    "audience", "people live", "in doubt", "refused", "last delivery", "age", "outcome", "now", "the platform says",
)  # fmt: skip


def show_why(person: str, *, is_customer: bool) -> int:
    """Door by door for one person: by member id (hex, a unique beginning will do) or by customer number."""
    deployment = Deployment.from_env()
    plan, lake = deployment.plan(), lake_of(deployment)
    wanted = _pseudonym(deployment, plan, person) if is_customer else person.lower()
    if len(wanted) > _DIGITS or not all(c in "0123456789abcdef" for c in wanted):
        raise PermanentError("a member id is hexadecimal; give one from a table, or a customer number with --customer")
    found = False
    for segment in lake.partitions(HASHED_AUDIENCE.name):
        for row in _rows_of(lake, segment, wanted):
            found = True
            _tell_person(plan, lake, deployment, segment, row)
    if not found:
        refused = sum(s.rows for p in lake.partitions(QUARANTINE.name) if (s := lake.current(QUARANTINE.name, p)))
        click.echo(
            "Nobody with this id is in any hashed audience: the person is in no segment, or their row is among the "
            f"{refused:,} entries of the quarantine table (look there by segment and source row)."
        )
    return 0 if found else 1


def _tell_person(plan: Plan, lake: Lake, deployment: Deployment, segment: str, row: dict[str, Any]) -> None:
    member: bytes = row["member_id"]
    no_keys = {"member_id", "cluster_id", "eligibility", *ATTRIBUTE_COLUMNS}
    known = [name for name, value in row.items() if name not in no_keys and value]
    click.echo(f"{member.hex()[:16]}… in segment {segment}")
    click.echo(f"  door: {row['eligibility']} ({_DOORS[row['eligibility']]})")
    click.echo(f"  usable keys: {', '.join(known) or 'none'}")
    if segment not in plan.segments:
        click.echo("  held: the plan does not name this segment, nothing of it is sent")
    for name, own, ledger in _pairs(plan, lake, deployment):
        if own == segment:
            said = _on_platform(lake, ledger, member, row) or _why_not_there(plan, ledger, row)
            click.echo(f"  {name}: {said}")


_DOORS = {
    "eligible": "may be sent",
    "suppressed": "opted out, or shares an identifier with somebody who did",
    "no_consent": "without the consent that their region asks for",
    "held_out": "kept back by an experiment",
}


def _on_platform(lake: Lake, ledger: AudienceLedger, member: bytes, row: dict[str, Any]) -> str:
    state = _state(lake, ledger)
    standings = [] if state is None else _standings(lake, state, ledger, member)
    rejected = list(_rejections(lake, ledger, member))
    if standings:
        return f"{', '.join(sorted(set(standings)))}{f' (refused before: {rejected[-1]})' if rejected else ''}"
    if row["eligibility"] not in {"eligible", "held_out"}:
        return "not there, and not wanted"
    log = ledger.last()
    if log is not None and log.closed is None:
        return "on its way: a delivery is open"
    return ""


def _why_not_there(plan: Plan, ledger: AudienceLedger, row: dict[str, Any]) -> str:
    pair = ledger.pair
    name, permission = next(
        (name, permission)
        for name, account in plan.accounts.items()
        if (account.destination, account.account) == (pair.destination, pair.account)
        for segment, permission in plan.activations_of(name).items()
        if segment == pair.segment
    )
    wanted = errand(plan, name, permission, b"no key is needed to read").wanted
    if row["eligibility"] == Eligibility.HELD_OUT and not wanted.keep_held_out:
        return "not there: held out, so that what ads do can be measured"
    keys = wanted.contract.match_keys
    if not any(all(row[keys[key].form] for key in group) for group in wanted.contract.match_groups):
        needed = "; ".join(" + ".join(group) for group in wanted.contract.match_groups)
        return f"not there: no usable key for this platform, which needs one of {needed}"
    if not any(log.header["lane"] == "audience" for log in ledger.deliveries()):
        return "not there: no audience of this pair was delivered yet"
    return "not there: in none of the audiences that were delivered so far"


def _standings(lake: Lake, state: str, ledger: AudienceLedger, member: bytes) -> list[str]:
    import pyarrow.compute as pc

    dataset = lake.dataset(lake.snapshot(ACKNOWLEDGED.name, ledger.pair.partition, state))
    rows = dataset.to_table(columns=["standing"], filter=pc.field("member_id") == member)
    return [str(value) for value in rows.column("standing").to_pylist()]


def _rejections(lake: Lake, ledger: AudienceLedger, member: bytes) -> Iterator[str]:
    import pyarrow.compute as pc

    for partition in lake.partitions(REJECTIONS.name):
        if partition.startswith(f"{ledger.pair.partition}/"):
            snapshot = lake.current(REJECTIONS.name, partition)
            assert snapshot is not None
            rows = lake.dataset(snapshot).to_table(columns=["code"], filter=pc.field("member_id") == member)
            yield from (str(code) for code in rows.column("code").to_pylist())


def _rows_of(lake: Lake, segment: str, wanted: str) -> list[dict[str, Any]]:
    snapshot = lake.current(HASHED_AUDIENCE.name, segment)
    assert snapshot is not None
    found: list[dict[str, Any]] = []
    for batch in lake.dataset(snapshot).to_batches(columns=["member_id"]):
        hits = [m for m in batch.column("member_id").to_pylist() if m.hex().startswith(wanted)]
        if len(hits) + len(found) > 1:
            raise PermanentError("several people begin with this id; give more of it")
        found += [_row(lake, segment, member) for member in hits]
    return found


def _row(lake: Lake, segment: str, member: bytes) -> dict[str, Any]:
    import pyarrow.compute as pc

    snapshot = lake.current(HASHED_AUDIENCE.name, segment)
    assert snapshot is not None
    rows: list[dict[str, Any]] = lake.dataset(snapshot).to_table(filter=pc.field("member_id") == member).to_pylist()
    return rows[0]


def _pairs(plan: Plan, lake: Lake, deployment: Deployment) -> Iterator[tuple[str, str, AudienceLedger]]:
    from segment_assets.delivery.ledger import AudienceLedger

    del deployment
    for name, account in plan.accounts.items():
        for segment, permission in plan.activations_of(name).items():
            pair = errand(plan, name, permission, b"no key is needed to read").pair
            yield f"{account.destination}/{name}", segment, AudienceLedger(lake, pair, time.time)


def _standing(lake: Lake, ledger: AudienceLedger, segment: str) -> list[str]:
    log = ledger.last()
    if log is None:
        return ["0", "0", "0", "-", "-", "never delivered", ""]
    state = _state(lake, ledger)
    counts = people_by_standing(lake, ledger, state)
    at = log.chain.entries[-1].at
    outcome = log.closed.body["outcome"] if log.closed else "open"
    outcome += ", unproven" if _nobody_was_proven(ledger) else ""
    numbers = [f"{counts.get(name, 0):,}" for name in ("acknowledged", "in_doubt", "rejected")]
    when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(at))
    return [*numbers, when, _age(time.time() - at), outcome, _now(lake, ledger, log, segment)]


def _nobody_was_proven(ledger: AudienceLedger) -> bool:
    """Whether the platform took people and never gave evidence of anybody, as some never do."""
    told = [log.closed.body["accounting"] for log in ledger.deliveries() if log.closed is not None]
    return any(one["unproven"] for one in told) and not any(one["accepted"] for one in told)


def _now(lake: Lake, ledger: AudienceLedger, log: DeliveryLog, segment: str) -> str:
    if log.closed is None:
        jobs = len(log.open_jobs())
        return f"waits for {jobs} jobs of the platform" if jobs else "was interrupted; the next run settles it"
    refused = log.closed.body["accounting"]["removes_refused"] if log.header["lane"] == "opt_out" else 0
    if refused:
        return f"{refused:,} who said no could not be taken out: look at the platform"
    audience = lake.current(HASHED_AUDIENCE.name, segment)
    newest = next((d for d in reversed(list(ledger.deliveries())) if d.header["lane"] == "audience"), None)
    if audience is not None and newest is not None and newest.header["to_snapshot"] != audience.id:
        return "a newer audience waits to be delivered"
    return ""


def people_by_standing(lake: Lake, ledger: AudienceLedger, state: str | None) -> dict[str, int]:
    """Standing -> people of a state that have a record in it."""
    if state is None:
        return {}
    snapshot = lake.snapshot(ACKNOWLEDGED.name, ledger.pair.partition, state)
    # A person has a record in each lane of the platform.
    records = lake.dataset(snapshot).to_table(columns=["standing", "member_id"])
    told = records.group_by("standing").aggregate([("member_id", "count_distinct")])
    return {row["standing"]: row["member_id_count_distinct"] for row in told.to_pylist()}


def _state(lake: Lake, ledger: AudienceLedger) -> str | None:
    """The state that the newest closed delivery left."""
    del lake
    closed = [log.closed.body["state"] for log in ledger.deliveries() if log.closed is not None]
    return str(closed[-1]) if closed else None


def _age(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _pseudonym(deployment: Deployment, plan: Plan, customer: str) -> str:
    from segment_assets.identity import pseudonym

    secrets: Any = deployment.resources()["secrets"]
    return pseudonym(secrets.tenant_key(plan.tenant), "customer", customer).hex()
