"""What the suppressions are made of: account A's tables as they are declared, and as many opt-outs as before.

Belongs here: refusing tables of which suppressions would let people go who said no, and saying which version was read.
Not here: what the suppressions are (`audience.suppressing`).

A table whose files are gone reads as an empty one, and a column that was renamed as nulls: without these refusals
everybody who ever opted out was sent again, by a run that succeeded. So they were by a table of as many other people,
while only numbers were compared. A refusal lets nobody go, and is no reason to hear nobody: who said no since, in a
table that is refused for another's sake, waited for a person's look at it, and was sent meanwhile. So a wrong export in
the place of opt-outs suppresses everybody in it, however many, until a table that nobody refuses takes its place.
"""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import NeedsHumanError, PermanentError, TransientError
from segment_assets.tables import CUSTOMERS, OPT_OUTS, TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa
    import pyarrow.dataset as pads

    from segment_assets.contracts import Lake, Snapshot
    from segment_assets.resources.ports import AccountTables

READ = (CUSTOMERS.name, OPT_OUTS.name)
# Which version of the suppressions the next are compared with, in the stats of one that a refusal has only added to.
COMPARED = "compared"
# So many people may take their no back at once, however few had said it; fewer where requests say several identifiers.
_A_FEW = 10
# Seconds: whoever writes a table needs longer than a run should wait, and the sensors ask again.
_LATER = 120.0


def version_read(table: str) -> str:
    """Under which name the stats of the suppressions, and the metadata of their asset, have a table's version."""
    return f"{table}_version"


@contextlib.contextmanager
def reading(accounts: AccountTables, tables: Sequence[str] = READ) -> Iterator[Mapping[str, str]]:
    """The versions of the tables that are read meanwhile, for the stats.

    Raises PermanentError for a table that is not there as declared or whose rows cannot be read, TransientError where
    one was written meanwhile.
    """
    import duckdb
    import pyarrow as pa

    marks = {table: accounts.version(table) for table in tables}
    versions = {version_read(table): _version(accounts, table) for table in tables}
    try:
        yield versions
    except (pa.ArrowException, duckdb.Error, OSError):
        _refuse_what_was_written(accounts, marks)
        for table in tables:
            _refuse_what_cannot_be_read(accounts, table)
        raise
    _refuse_what_was_written(accounts, marks)


def _refuse_what_was_written(accounts: AccountTables, marks: Mapping[str, str]) -> None:
    if marks != {table: accounts.version(table) for table in marks}:
        said = f"account A's {' or '.join(marks)} were written while they were read; they are read again"
        raise TransientError(said, retry_after=_LATER)


def _refuse_what_cannot_be_read(accounts: AccountTables, table: str) -> None:
    pieces = list(_pieces(accounts.dataset(table)))
    broken = sum(not is_sound for _, is_sound in pieces)
    if broken:
        # Not what the engine said of it: that may quote a value.
        raise PermanentError(
            f"{table}: {broken} of {len(pieces)} pieces of account A's files cannot be read; whoever said no stays "
            "suppressed as before. Ask its owner to write them again"
        ) from None


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


def readable(accounts: AccountTables, table: str) -> pads.Dataset:
    """The rows of a table that is refused which can be read, with nulls in columns that are not there.

    Raises TransientError as the tables do.
    """
    import pyarrow.dataset as pads

    schema = TABLES[table].arrow_schema()
    try:
        found = [piece for piece, is_sound in _pieces(accounts.dataset(table)) if is_sound]
    except PermanentError:
        found = []
    if not found:
        return pads.dataset(schema.empty_table())
    # Any: the stubs do not know how a dataset is made of pieces.
    made: Any = pads.FileSystemDataset
    rows: pads.Dataset = made(found, schema, pads.ParquetFileFormat(), found[0].filesystem)
    return rows


def _pieces(rows: pads.Dataset) -> Iterator[tuple[pads.ParquetFileFragment, bool]]:
    """The row groups of a table's files, or a file that has none to tell, and whether they can be read."""
    import pyarrow as pa

    # Any: the stubs know no scan of a piece.
    file: Any
    for file in rows.get_fragments():
        try:
            pieces = file.split_by_row_group()
        except (pa.ArrowException, OSError):
            yield file, False
            continue
        for piece in pieces:
            yield piece, _can_be_read(piece, rows.schema)


def _can_be_read(piece: Any, schema: pa.Schema) -> bool:
    import pyarrow as pa

    try:
        for _ in piece.to_batches(schema=schema, batch_readahead=2):
            pass
    except (pa.ArrowException, OSError):
        return False
    return True


def compared_with(lake: Lake, before: Snapshot) -> Snapshot:
    """The last suppressions that were made of tables which nobody refused: `before` itself, or what it was added to.

    A table that is mended would otherwise lack those whom only the broken one named.
    """
    try:
        return lake.snapshot(before.table, before.partition, str(before.stats.get(COMPARED, before.id)))
    except PermanentError:
        return before


def refuse_a_fall(before: Snapshot | None, counts: Mapping[str, object], *, most: float) -> None:
    """Raise NeedsHumanError where many whom requests named before are gone, whoever else is named instead.

    Likewise where many fewer opt-outs name somebody, or mean customers. `most` is the share that may be gone: the
    plan's `max_opt_out_drop`. Raising it is a person's yes.
    """
    if before is None:
        return
    falls = [
        (lost / was, said)
        for was, lost, said in _falls(before.stats, counts)
        if lost > most * was and (lost > _A_FEW or lost == was)
    ]
    if falls:
        enough = math.ceil(100 * max(share for share, _ in falls)) / 100
        raise NeedsHumanError(
            f"suppressions: {'; '.join(said for _, said in falls)}; nobody was let go, and whoever said no since is "
            "suppressed as well. Look at account A's tables with their owner; where it is right (old opt-outs were "
            f"deleted, say), raise max_opt_out_drop in the plan to {enough} or more until they were made"
        )


def _falls(before: Mapping[str, object], counts: Mapping[str, object]) -> Iterator[tuple[int, int, str]]:
    """How many there were, how many of them are gone, and that in words."""
    for what, was, now in (
        ("opt-outs that name somebody", _naming(before), _naming(counts)),
        ("customers whom opt-outs mean", _number(before, "customers"), _number(counts, "customers")),
    ):
        yield was, was - now, f"{now:,} {what}, and {was:,} before"
    was, lost = _number(counts, "members_before"), _number(counts, "members_lost")
    yield was, lost, f"nothing names {lost:,} of the {was:,} pseudonyms any more by which requests named people"


def _naming(counts: Mapping[str, object]) -> int:
    return _number(counts, "opt_outs") - _number(counts, "naming_nobody")


def _number(counts: Mapping[str, object], name: str) -> int:
    found = counts.get(name, 0)
    return found if isinstance(found, int) else 0
