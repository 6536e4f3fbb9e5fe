"""What the suppressions are made of: account A's tables as they are declared, and as many opt-outs as before.

Belongs here: refusing tables of which suppressions would let people go who said no, and saying which version was read.
Not here: what the suppressions are (`audience.suppressing`).

A table whose files are gone reads as an empty one, and a column that was renamed as nulls: without these refusals
everybody who ever opted out was sent again, by a run that succeeded.
"""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING

from segment_assets.contracts import NeedsHumanError, PermanentError, TransientError
from segment_assets.tables import CUSTOMERS, OPT_OUTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from segment_assets.contracts import Snapshot
    from segment_assets.resources.ports import AccountTables

READ = (CUSTOMERS.name, OPT_OUTS.name)
# So many people may take their no back at once, however few had said it.
_A_FEW = 10
# Seconds: whoever writes a table needs longer than a run should wait, and the sensors ask again.
_LATER = 120.0


def version_read(table: str) -> str:
    """Under which name the stats of the suppressions, and the metadata of their asset, have a table's version."""
    return f"{table}_version"


@contextlib.contextmanager
def reading(accounts: AccountTables, tables: Sequence[str] = READ) -> Iterator[Mapping[str, str]]:
    """The versions of the tables that are read meanwhile, for the stats.

    Raises PermanentError for a table that is not there as declared, TransientError where one was written meanwhile.
    """
    marks = {table: accounts.version(table) for table in tables}
    yield {version_read(table): _version(accounts, table) for table in tables}
    if marks != {table: accounts.version(table) for table in tables}:
        said = f"account A's {' or '.join(tables)} were written while they were read; they are read again"
        raise TransientError(said, retry_after=_LATER)


def _version(accounts: AccountTables, table: str) -> str:
    entry = accounts.catalogue(table)
    if entry is None:
        raise PermanentError(
            f"{table}: account A's table has no files; whoever said no stays suppressed as before. Ask its owner"
        )
    if entry.differences:
        raise PermanentError(
            f"{table}: columns differ from the declared table: {'; '.join(entry.differences)}; whoever said no stays "
            "suppressed as before. Ask its owner"
        )
    return entry.version


def refuse_a_fall(before: Snapshot | None, counts: Mapping[str, object], *, most: float) -> None:
    """Raise NeedsHumanError where many fewer opt-outs name somebody, or mean customers, than in the last suppressions.

    `most` is the share by which they may be fewer: the plan's `max_opt_out_drop`. Raising it is a person's yes.
    """
    if before is None:
        return
    for what, was, now in (
        ("opt-outs that name somebody", _naming(before.stats), _naming(counts)),
        ("customers whom opt-outs mean", _number(before.stats, "customers"), _number(counts, "customers")),
    ):
        lost = was - now
        if lost > most * was and (lost > _A_FEW or not now):
            enough = math.ceil(100 * lost / was) / 100
            raise NeedsHumanError(
                f"suppressions: {now:,} {what}, and {was:,} before; nothing was changed, and everybody stays "
                "suppressed as before. Look at account A's tables with their owner; where it is right (old opt-outs "
                f"were deleted, say), raise max_opt_out_drop in the plan to {enough} or more until they were made"
            )


def _naming(counts: Mapping[str, object]) -> int:
    return _number(counts, "opt_outs") - _number(counts, "naming_nobody")


def _number(counts: Mapping[str, object], name: str) -> int:
    found = counts.get(name, 0)
    return found if isinstance(found, int) else 0
