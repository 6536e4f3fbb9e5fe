"""`segment-assets erasures`: what became of everybody who asked to be forgotten, account by account.

Belongs here: showing the table. Not here: asking the platforms (`assets.erasures`).
"""

from __future__ import annotations

from typing import Any

import click

from segment_assets.deployment import Deployment
from segment_assets.tables import ERASURES, PLATFORM_ERASURES

_ALL = "all"


def show_erasures() -> int:
    """One line per account. 1 while anything is left to do."""
    from segment_assets.erasures import ENDED

    lake: Any = Deployment.from_env().resources()["lake"]
    wanted, done = lake.current(ERASURES.name, _ALL), lake.current(PLATFORM_ERASURES.name, _ALL)
    if wanted is None or not wanted.rows:
        click.echo("Nobody has asked to be forgotten. Requests go as files into landing/erasures.")
        return 0
    if done is None or done.stats.get("erasures") != wanted.id:
        click.echo("There are requests that no account was asked about yet; the sensor `erasures` starts it.")
    rows = lake.dataset(done).to_table().to_pylist() if done is not None else []
    for row in rows:
        by = f", done by {row['done_by']:%Y-%m-%d}" if row["done_by"] else ""
        click.echo(f"{row['destination']}/{row['account']}: {row['standing']}, {row['people'] or 0:,} people{by}")
        click.echo(f"  {row['said']}")
    is_open = done is None or done.stats.get("erasures") != wanted.id
    return 1 if is_open or any(row["standing"] not in ENDED for row in rows) else 0
