"""The tables at the end of the demo: where everybody of every segment is, what was sent, what was built.

Belongs here: reading counts from the lake and printing them. Counts only, never a person.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_assets.cli.homes import WORLDS
from segment_assets.tables import (
    DELIVERIES,
    DELIVERY_SUMMARY,
    HASHED_AUDIENCE,
    TABLES,
    ComputedIn,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segment_assets.contracts import Lake
    from segment_assets.deployment import Deployment
    from segment_assets.plan import Plan
    from segment_assets.road import RunOutcome

DOORS = (
    "rows_in",
    "quarantined_rows",
    "duplicates_merged",
    "members",
    "suppressed",
    "no_consent",
    "held_out",
    "eligible",
)


def show(deployment: Deployment, plan: Plan, *, since: float, outcomes: Sequence[RunOutcome]) -> None:
    """Print segments, deliveries and tables. `since` is when this demo's runs began (seconds since the epoch)."""
    from rich.console import Console

    console = Console(width=160, highlight=False)
    lake: Any = deployment.resources()["lake"]
    console.print(_segments(lake, plan))
    console.print(_platforms(lake, plan, since))
    console.print(_tables(lake))
    failed = [outcome for outcome in outcomes if not outcome.success and not outcome.stopped_by_a_guard]
    if not failed and not _sent_since(lake, since):
        console.print("Nothing to send: every platform audience is already what the plan wants.")
    page = deployment.home / "dashboards" / "index.html"
    if page.exists():
        console.print(f"Dashboard, for your browser: {page.as_uri()}", soft_wrap=True)
    if deployment.home.parent.name == WORLDS:
        told = f"To look at this world with the other commands: export SEGMENT_ASSETS_HOME={deployment.home}"
        console.print(told, soft_wrap=True, highlight=False)


def _segments(lake: Lake, plan: Plan) -> Any:
    from rich.table import Table

    table = Table(title="Segments: where everybody is", title_justify="left")
    table.add_column("segment", no_wrap=True)
    for door in DOORS:
        table.add_column(door.replace("_", " "), justify="right")
    table.add_column("state")
    for segment in lake.partitions(HASHED_AUDIENCE.name):
        snapshot = lake.current(HASHED_AUDIENCE.name, segment)
        assert snapshot is not None
        numbers = [f"{int(str(snapshot.stats[door])):,}" for door in DOORS]
        state = "planned" if segment in plan.segments else "HELD"
        table.add_row(segment, *numbers, state)
    return table


def _platforms(lake: Lake, plan: Plan, since: float) -> Any:
    from rich.markup import escape
    from rich.table import Table

    from segment_assets.destinations import registry

    table = Table(title="Platforms: what this run sent, and what they answered", title_justify="left")
    table.add_column("audience", no_wrap=True)
    for name in ("wanted", "no usable key", "sent", "accepted", "rejected", "unproven", "removed", "requests"):
        table.add_column(name, justify="right")
    table.add_column("said", no_wrap=True)
    rows = _rows(lake)
    contracts = registry()
    for pattern in dict.fromkeys(contracts[account.destination].pattern for account in plan.accounts.values()):
        table.add_section()
        table.add_row(f"[dim]{pattern.value.replace('_', ' ')}[/dim]")
        of_pattern = {n: a for n, a in plan.accounts.items() if contracts[a.destination].pattern is pattern}
        for name, account in of_pattern.items():
            for segment in plan.activations_of(name):
                pair = (account.destination, account.account, segment)
                own = [row for row in rows if (row["destination"], row["account"], row["segment"]) == pair]
                table.add_row(escape(f"{account.destination}/{name}[{segment}]"), *_delivered(own, since))
    return table


def _delivered(own: Sequence[dict[str, Any]], since: float) -> list[str]:
    last = max((row for row in own if row["lane"] == "audience"), key=lambda row: row["number"], default=None)
    standing = [f"{last['wanted']:,}", f"{last['no_usable_key']:,}"] if last else ["-", "-"]
    new = [row for row in own if _closed(row) >= since]
    total = {
        name: sum(row[name] for row in new)
        for name in ("adds", "changed", "accepted", "rejected", "unproven", "removes_acknowledged", "requests")
    }
    sent = total["adds"] + total["changed"]
    said = "nothing to send" if not total["requests"] else ", ".join(sorted({row["outcome"] for row in new}))
    numbers = (sent, *(total[n] for n in ("accepted", "rejected", "unproven", "removes_acknowledged", "requests")))
    return [*standing, *(f"{number:,}" for number in numbers), said if last else "not delivered"]


def _tables(lake: Lake) -> Any:
    from rich.table import Table

    table = Table(title="Tables built", title_justify="left")
    for name in ("table", "partitions", "rows", "what it says"):
        table.add_column(name, justify="right" if name in {"partitions", "rows"} else "left")
    for name, declared in TABLES.items():
        partitions = lake.partitions(name)
        built = name == DELIVERY_SUMMARY.name or declared.computed_in is ComputedIn.ROOM
        if partitions and built:
            rows = sum(snapshot.rows for p in partitions if (snapshot := lake.current(name, p)))
            table.add_row(name, str(len(partitions)), f"{rows:,}", declared.description)
    return table


def _sent_since(lake: Lake, since: float) -> int:
    return sum(row["requests"] for row in _rows(lake) if _closed(row) >= since)


def _closed(row: dict[str, Any]) -> float:
    closed: float = row["closed_at"].timestamp()
    return closed


def _rows(lake: Lake) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for partition in lake.partitions(DELIVERIES.name):
        snapshot = lake.current(DELIVERIES.name, partition)
        assert snapshot is not None
        rows += lake.dataset(snapshot).to_table().to_pylist()
    return rows
