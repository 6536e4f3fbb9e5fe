"""Requests to be forgotten to everything that names the people behind them, kept for as long as a no has to be.

Belongs here: reading landed requests, and adding them to those of before. Not here: which customers a request means
(`matching`), what is asked of platforms (`delivery.erasing`).

A request is kept as digests, so its file may go once it was read: that is how somebody stays forgotten who would come
again with the next segment.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from segment_assets import engine
from segment_assets.audience import matching
from segment_assets.audience.headers import NoNamingColumnError
from segment_assets.audience.matching import SAID_FORMS
from segment_assets.audience.reading import named, read_files
from segment_assets.audience.staging import PHONE_FORMS
from segment_assets.audience.suppressing import build_suppressions
from segment_assets.contracts import PermanentError, SegmentAssetsError, TransientError
from segment_assets.tables import ERASURES, OPT_OUTS, SUPPRESSIONS

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pyarrow as pa
    import pyarrow.dataset as pads

    from segment_assets.audience.reading import Opener, Source

_SAID = {"customer_id": "customer_id", "email": "email_address", "phone": "phone_number", "country": "country"}
_SHOWN = 20
_NAMING = frozenset({"customer_id", "email", "phone"})


@dataclasses.dataclass(frozen=True, slots=True)
class ErasureCounts:
    """`broken` files, `unreadable` rows and requests `naming_nobody` need a person's look: nobody is forgotten by them.

    So do `ambiguous` requests, which name several customers by a phone alone: all of these are suppressed, as a
    household is by an opt-out, and none is forgotten.

    Of `later` files the storage failed; they are there at another try. `problems` say what is wrong with both, and name
    a file by its place, since people name such files after whom they are of.
    """

    requests: int
    unreadable: int
    naming_nobody: int
    broken: int
    later: int
    customers: int
    rows: int
    ambiguous: int = 0
    problems: tuple[str, ...] = ()

    def as_stats(self) -> dict[str, object]:
        """Plain JSON values for Snapshot.stats."""
        return {**dataclasses.asdict(self), "problems": list(self.problems)}


def build_erasures(
    files: Sequence[Source],
    customers: pads.Dataset,
    before: pads.Dataset | None,
    key: bytes,
    write: Callable[[pa.RecordBatch], None],
    *,
    now: dt.datetime,
    workdir: Path,
) -> ErasureCounts:
    """Turn landed requests into rows of ERASURES, with those of `before`, sorted by (kind, digest).

    A file has a column of customer numbers, e-mails or phones (with `country`, where these are national), in any format
    and spelling that segments may have. `now` is when they were read, which counts for those that are new. A file that
    cannot be read as a whole is left out and counted, and stops no other. Whomever `before` names by number or e-mail
    is named by all that they are known by now, since that changes. Memory is that of the requests.
    """
    import pyarrow as pa
    import pyarrow.dataset as pads

    read = _read(files, now)
    requests = pa.Table.from_pylist(read.rows, OPT_OUTS.arrow_schema())
    found: list[pa.RecordBatch] = []
    # Not by the phones of before: the others of a household would be forgotten by and by. Nor by a phone that several
    # customers have now: to forget somebody cannot be taken back, and a person can say whom they mean.
    counts = build_suppressions(
        pads.dataset(requests),
        customers,
        key,
        found.append,
        workdir=workdir,
        erasures=before,
        erased_phones=False,
        shared_phones=False,
    )
    named = pa.Table.from_batches(found, SUPPRESSIONS.arrow_schema())
    with engine.connect(workdir) as db:
        db.register("now_named", named)
        db.register("named_before", ERASURES.arrow_schema().empty_table() if before is None else before)
        matching.load(db, pads.dataset(requests))
        # A phone beside an e-mail or a number says nothing of the others who have it.
        alone = "email IS NULL AND customer_id IS NULL"
        said = " UNION ALL ".join(
            f"SELECT '{form}' AS kind, {form} AS digest FROM requests{f' WHERE {alone}' if form in PHONE_FORMS else ''}"
            for form in SAID_FORMS
        )
        sql = f"""
            SELECT kind, digest, min(opted_out_at) AS opted_out_at, bool_or(asked) AS asked
            FROM (SELECT kind, digest, opted_out_at,
                         (kind, digest) IN (FROM ({said}) WHERE digest IS NOT NULL) AS asked FROM now_named
                  UNION ALL BY NAME SELECT * FROM named_before)
            GROUP BY kind, digest ORDER BY kind, digest
        """
        rows = 0
        for batch in engine.batches(db, sql, ERASURES.arrow_schema()):
            rows += batch.num_rows
            write(batch)
    return ErasureCounts(
        requests=requests.num_rows,
        unreadable=read.unreadable,
        naming_nobody=counts.naming_nobody,
        broken=read.broken,
        later=read.later,
        customers=counts.customers,
        rows=rows,
        ambiguous=counts.ambiguous,
        problems=tuple(read.problems),
    )


@dataclasses.dataclass(slots=True)
class _Read:
    """Rows of OPT_OUTS, and what could not be read."""

    rows: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    unreadable: int = 0
    broken: int = 0
    later: int = 0
    problems: list[str] = dataclasses.field(default_factory=list)


def _read(files: Sequence[Source], now: dt.datetime) -> _Read:
    read = _Read()
    for place, (file, opener) in enumerate(map(named, files), 1):
        try:
            rows, unreadable = _rows(file, opener)
        except SegmentAssetsError as error:
            is_later = isinstance(error, TransientError)
            read.later += is_later
            read.broken += not is_later
            if len(read.problems) < _SHOWN:
                read.problems.append(f"file {place} of {len(files)} by name: {_reason(error, file)}")
            continue
        read.unreadable += unreadable
        for cells in rows:
            said = {column: cells[name] for name, column in _SAID.items()}
            read.rows.append({**said, "opt_out_id": str(len(read.rows)), "opted_out_at": now, "source": "erasure"})
    return read


def _rows(name: str, opener: Opener) -> tuple[list[dict[str, Any]], int]:
    """The requests of one file, and how many more could not be read. Raises as `read_files` does."""
    reading, rows = read_files([(name, opener)], {}), list[dict[str, Any]]()
    for batch in reading:
        rows.extend(batch.select([*_SAID]).to_pylist())
    if _NAMING.isdisjoint(reading.report.files[0].mapped):
        raise PermanentError(
            f"{name}: a request names a person by customer number, e-mail or phone, and this file has only mobile "
            "ad ids; land it with one of these"
        )
    return rows, reading.report.rows - len(rows)


def _reason(error: SegmentAssetsError, name: str) -> str:
    """What is wrong with a file, without its name, and without headers: a file that has none begins with a person."""
    if isinstance(error, NoNamingColumnError):
        return "no column holds a customer number, e-mail or phone; add a header line, and land it again"
    said = str(error).removeprefix(f"{name}: ")
    return "it cannot be read; look at it and land it again" if name in said else said
