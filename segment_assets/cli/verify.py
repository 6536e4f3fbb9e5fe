"""`segment-assets verify`: proves that the ledgers still say what was written.

Belongs here: which pairs, and what is told. Not here: the proof (`delivery.verifying`).
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from segment_assets import processes
from segment_assets.cli.homes import lake_of
from segment_assets.cli.pairs import FORMS, pair_of
from segment_assets.contracts import PermanentError
from segment_assets.delivery.erasing import ErasurePair
from segment_assets.delivery.ledger import AudienceLedger, Pair
from segment_assets.deployment import Deployment
from segment_assets.tables import DELIVERIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segment_assets.contracts import Lake

_PARTS = 3


def run_verify(only: str | None) -> int:
    """Prove every pair (or `only`, as destination/account/segment). 1 when anything of any pair does not fit."""
    from segment_assets.delivery.verifying import MisfitError, Verifier

    deployment = Deployment.from_env()
    lake = lake_of(deployment)
    meant = pair_of(deployment.plan(), only) if only is not None else None
    pairs = [pair for pair in pairs_of(lake) if only is None or (meant and pair.partition == meant.partition)]
    if only is not None and not pairs:
        raise PermanentError(f"{only}: no ledger of this pair; name it as {FORMS}")
    workdir = processes.workdir(deployment.home)
    workdir.mkdir(parents=True, exist_ok=True)

    @contextlib.contextmanager
    def scratch() -> Iterator[Lake]:
        from segment_assets.resources.lake import LocalLake

        with tempfile.TemporaryDirectory(dir=workdir, prefix="verify-") as folder:
            yield LocalLake(Path(folder))

    verifier, misfits = Verifier(lake, scratch, workdir / "verify", time.time()), 0
    for pair in pairs:
        try:
            proven = verifier.verify(pair)
        except MisfitError as misfit:
            misfits += 1
            click.echo(f"{pair}: DOES NOT FIT. {misfit}")
        else:
            click.echo(
                f"{pair}: proven, {proven.entries:,} entries of {proven.deliveries:,} deliveries, "
                f"{proven.recomputed:,} of them computed again{_redacted(proven.redacted)}"
            )
    accounts = erasures_of(lake) if only is None else []
    for account in accounts:
        misfits += not _is_whole(lake, account)
    click.echo(f"{len(pairs) + len(accounts):,} ledgers, {misfits:,} that do not fit")
    return 1 if misfits else 0


def _redacted(deliveries: int) -> str:
    return f", {deliveries:,} not since people of them asked to be forgotten" if deliveries else ""


def _is_whole(lake: Lake, account: ErasurePair) -> bool:
    """Whether the chains of an account's erasures follow each other. They leave no state that could be made again."""
    before = ""
    try:
        for log in AudienceLedger(lake, account, time.time).deliveries():
            log.chain.before = before
            log.chain.verify()
            before = log.chain.head
    except PermanentError as misfit:
        click.echo(f"{account}: DOES NOT FIT. {misfit}")
        return False
    click.echo(f"{account}: the chain is whole")
    return True


def erasures_of(lake: Lake) -> list[ErasurePair]:
    """Every account that was asked to forget anybody."""
    named = sorted({tuple(key.split("/")[1:3]) for key in lake.keys("erasures")})
    return [ErasurePair("", destination, account, "") for destination, account in named]


def pairs_of(lake: Lake) -> list[Pair]:
    """Every pair that has a ledger, or rows in the deliveries table."""
    keys = (key.split("/") for key in lake.keys("ledger"))
    noted = {tuple(key[1 : 1 + _PARTS]) for key in keys if {"audience", "deliveries"} & {*key[1 + _PARTS : 2 + _PARTS]}}
    told = {tuple(partition.split("/")[:_PARTS]) for partition in lake.partitions(DELIVERIES.name)}
    return [Pair("", *parts) for parts in sorted(noted | told) if len(parts) == _PARTS]
