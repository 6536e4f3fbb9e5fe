"""`segment-assets erasures`: what became of everybody who asked to be forgotten, account by account.

Belongs here: showing the table. Not here: asking the platforms (`assets.erasures`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from segment_assets.deployment import Deployment
from segment_assets.tables import ERASURES, PLATFORM_ERASURES

if TYPE_CHECKING:
    from collections.abc import Iterator

_ALL = "all"
_OWN_DONE = "Our own retained versions that are not in use have nobody who is through with every account."
_OWN_WAITING = "Our own retained versions still have those who are not through with every account."


def show_erasures() -> int:
    """What is unread, and one line per account. 1 while anything is left to do, for us or for a person."""
    from segment_assets.erasures import ENDED

    deployment = Deployment.from_env()
    have: Any = deployment.resources()
    lake = have["lake"]
    wanted, done = lake.current(ERASURES.name, _ALL), lake.current(PLATFORM_ERASURES.name, _ALL)
    left = list(_unread(deployment, have, wanted))
    rows = []
    if wanted is not None and wanted.rows:
        rows = lake.dataset(done).to_table().to_pylist() if done is not None else []
        if done is None or done.stats.get("erasures") != wanted.id:
            left.append("There are requests that no account was asked about yet; the sensor `erasures` starts it.")
    elif not left:
        click.echo("Nobody has asked to be forgotten. Requests go as files into landing/erasures.")
    for line in left:
        click.echo(line)
    for row in rows:
        by = f", done by {row['done_by']:%Y-%m-%d}" if row["done_by"] else ""
        click.echo(f"{row['destination']}/{row['account']}: {row['standing']}, {row['people'] or 0:,} people{by}")
        click.echo(f"  {row['said']}")
    if rows:
        is_done = done.stats.get("swept_at") and not done.stats.get("soon")
        click.echo(_OWN_DONE if is_done else _OWN_WAITING)
        click.echo("Nobody is taken out of:")
        for line in _kept():
            click.echo(line)
    return 1 if left or any(row["standing"] not in ENDED for row in rows) else 0


def _kept() -> Iterator[str]:
    """The tables with personal data that are never redacted, by the reason."""
    from segment_assets.delivery.redacting import KEPT

    for why in dict.fromkeys(KEPT.values()):
        yield f"  {', '.join(table for table, because in KEPT.items() if because == why)}: {why}"


def _unread(deployment: Deployment, have: Any, wanted: Any) -> Iterator[str]:
    """What was not read, or names nobody."""
    from segment_assets.erasures import troubles, unread

    if unread(have["lake"], have["landing"], have["secrets"].tenant_key(deployment.plan().tenant)):
        yield "landing/erasures has not been read as it is now; the sensor `erasures` starts it."
    yield from troubles(wanted.stats) if wanted is not None else ()
