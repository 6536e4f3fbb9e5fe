"""`segment-assets world advance`: the simulated world lives on by a week.

Belongs here: telling the world who is in an audience on a sandbox platform. Not here: how people respond.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from segment_assets.contracts import NeedsHumanError
from segment_assets.deployment import Deployment
from segment_assets.plan import Use
from segment_assets.sandbox import process, world

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx


def advance_world() -> int:
    """Add the next reporting week to the world of this deployment."""
    import httpx

    deployment = Deployment.from_env()
    platforms = process.running(deployment.sandbox_home)
    if platforms is None:
        raise NeedsHumanError("the platform sandbox is not running; start it with `segment-assets sandbox`")
    plan = deployment.plan()
    excluded = {plan.audience_name(activation) for activation in plan.activations if activation.use is Use.EXCLUDE}
    with httpx.Client(base_url=platforms.url, trust_env=False) as client:
        audiences = client.get("/_sandbox/audiences").json()
        # Being in an exclusion list shows nobody an ad.
        targeting = {a["id"]: _digests(client, a["id"]) for a in audiences if a["name"] not in excluded}
        facts = world.advance(deployment.home, audiences=targeting)
    click.echo(f"The week of {facts.weeks[-1]} is over; run `make demo` to take it in.")
    return 0


def _digests(client: httpx.Client, audience: str) -> Iterator[str]:
    """Digests of e-mails and phones in an audience; plain mobile ad ids are not what the world asks for."""
    with client.stream("GET", f"/_sandbox/audiences/{audience}/identifiers") as lines:
        for line in lines.iter_lines():
            if len(line) == 64 and "-" not in line:  # noqa: PLR2004 - a SHA-256 in hex
                yield line
