"""`segment-assets destinations`: what each platform's contract declares, as a table or as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from segment_assets.destinations import registry
from segment_assets.destinations.documentation import described

if TYPE_CHECKING:
    from rich.table import Table


def show_destinations(*, as_json: bool) -> int:
    """Print all destinations of the registry. Exit code 0."""
    every = [described(contract) for contract in registry().values()]
    if as_json:
        click.echo(json.dumps(every, indent=2))
        return 0
    from rich.console import Console

    Console(width=180, highlight=False).print(_table(every))
    return 0


def _table(every: list[dict[str, Any]]) -> Table:
    from rich.table import Table

    table = Table(title=f"{len(every)} destinations", title_justify="left", show_lines=True)
    for name in ("destination", "pattern"):
        table.add_column(name, no_wrap=True)
    for name in ("match keys", "modes", "limits", "minimum", "expiry", "policy", "verified by"):
        table.add_column(name, justify="right" if name == "minimum" else "left")
    for one in every:
        table.add_row(
            one["destination"],
            one["pattern"],
            ", ".join(one["match_keys"]),
            ", ".join(one["modes"]),
            _limits(one["limits"], one["more_limits"], len(one["lanes"])),
            f"{one['minimum']:,}",
            f"{one['expiry_days']} days" if one["expiry_days"] else "never",
            _policy(one["policy"]),
            " ".join(filter(None, (one["verified_by"], f"({one['verified_with']})" if one["verified_with"] else ""))),
        )
    return table


def _limits(limits: dict[str, Any], more: list[dict[str, Any]], lanes: int) -> str:
    told = f"{limits['members_per_request']:,} members, {limits['bytes_per_request']:,} bytes a request"
    pace = f"{limits['requests']:,} requests in {limits['per_seconds']:g} s"
    if limits["requests_per_day"] is not None:
        pace += f", {limits['requests_per_day']:,} in 24 h"
    counted = [f"{one['at_most']:,} {one['counts']} of each {one['per']}" for one in more]
    return "; ".join([told, pace, *([f"one request for each of {lanes} lanes"] if lanes else []), *counted])


def _policy(policy: dict[str, Any]) -> str:
    rules = ["first-party data only"] if policy["first_party_only"] else []
    if policy["statements"]:
        rules.append(f"the plan states {', '.join(policy['statements'])}")
    if policy["consent"]:
        rules.append("consent of each person")
    return "; ".join(rules) or "-"
