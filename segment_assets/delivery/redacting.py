"""Taking people who asked to be forgotten out of what we keep ourselves, once no platform has to be told of them.

Belongs here: which retained versions hold them, what stays of these, and the note of it. Not here: whom the platforms
are through with (`erasing`), how a version is replaced (`resources`).

A version keeps its id, which is its name in the ledger, and no entry of the ledger is touched. A chain of its own per
table partition says first which version will have which digest, and the rows follow: whoever is interrupted does it
again, and `verify` knows which bytes a version may have. What was taken out is not noted anywhere.

What is in use stays as it is: the current audience of a segment, the state that the next delivery begins with, and all
of an audience whose delivery is open. They are superseded, and then it is their turn.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from segment_assets.delivery.erasing import ErasurePair
from segment_assets.delivery.ever_sent import naming_one
from segment_assets.delivery.ledger import AudienceLedger, Chain, Pair
from segment_assets.delivery.naming import named_members
from segment_assets.tables import ACKNOWLEDGED, CHANGES, HASHED_AUDIENCE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    import pyarrow as pa
    import pyarrow.dataset as pads

    from segment_assets.contracts import Clock, Lake, RedactingLake, Snapshot

ROOT, REDACTED = "redactions", "redacted"
TABLES_WITH_PEOPLE = (HASHED_AUDIENCE.name, CHANGES.name, ACKNOWLEDGED.name)
_PARTS_OF_A_PAIR = 3


@dataclasses.dataclass(frozen=True, slots=True)
class Redaction:
    """How many versions lost people, how many of their rows, and how many versions have to wait until they are free."""

    versions: int = 0
    rows: int = 0
    waiting: int = 0


def redactions_of(table: str, partition: str) -> str:
    """Where the chain of a partition's redactions lies."""
    return f"{ROOT}/{table}/{partition}"


def redacted_digests(lake: Lake, table: str, partition: str, clock: Clock) -> Mapping[str, list[str]]:
    """Version -> the digests that it was to have since people were taken out of it, oldest first."""
    found: dict[str, list[str]] = {}
    for entry in Chain(lake, redactions_of(table, partition), clock).entries:
        found.setdefault(entry.body["version"], []).append(entry.body["digest"])
    return found


def redact(
    lake: RedactingLake, erasures: Snapshot, spared: Collection[bytes], *, workdir: Path, clock: Clock
) -> Redaction:
    """Take everybody whom `erasures` (ERASURES) names out of every retained version that is not in use.

    `spared` are members of whom a platform has still to be told, or to answer. Named is who is named to a platform
    (`ever_sent`): by our id or an e-mail, since a phone may be a household's. Memory is that of the found of a version.
    Raises TransientError and PermanentError as the lake does, FencedError when another run does the same.
    """
    named, done = naming_one(lake.dataset(erasures)), Redaction()
    for table, partition, in_use in _partitions(lake, clock):
        noted = redacted_digests(lake, table, partition, clock)
        for version in lake.versions(table, partition):
            snapshot = lake.snapshot(table, partition, version)
            rows = lake.dataset(snapshot)
            gone = _members(rows, named, workdir) - set(spared)
            if not gone and not _is_half_done(snapshot, noted.get(version, [])):
                continue
            if in_use is None or version in in_use:
                done = dataclasses.replace(done, waiting=done.waiting + 1)
                continue
            before, left = _without(lake, snapshot, gone, erasures.id, clock)
            done = dataclasses.replace(done, versions=done.versions + 1, rows=done.rows + before - left)
    return done


def _is_half_done(snapshot: Snapshot, noted: list[str]) -> bool:
    """Whether a run was interrupted between its note of this version and the last word on it."""
    return bool(noted) and snapshot.redacted != noted[-1]


def _without(lake: RedactingLake, snapshot: Snapshot, gone: set[bytes], erasures: str, clock: Clock) -> tuple[int, int]:
    """Replace a version by itself without these members. Returns how many rows there were, and are left."""
    rows: Any = lake.dataset(snapshot)
    before, rewrite, left = rows.count_rows(), lake.rewrite(snapshot), 0
    for batch in _of_others(rows, gone):
        rewrite.write(batch)
        left += batch.num_rows
    chain = Chain(lake, redactions_of(snapshot.table, snapshot.partition), clock)
    digest = rewrite.close()
    known = [entry.body["digest"] for entry in chain.entries if entry.body["version"] == snapshot.id]
    if digest not in known[-1:]:
        chain.append(REDACTED, {"version": snapshot.id, "digest": digest, "rows": left, "erasures": erasures})
    rewrite.replace()
    return before, left


def _of_others(rows: pads.Dataset, gone: set[bytes]) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    import pyarrow.compute as pc

    # Any: the stubs know no scan of a dataset.
    scanned: Any = rows
    member: Any = pc.field("member_id")
    yield from scanned.to_batches(filter=~member.isin(pa.array(sorted(gone), pa.binary(32))))


def _members(rows: pads.Dataset, named: pads.Dataset, workdir: Path) -> set[bytes]:
    found: list[Any] = named_members(rows, named, workdir).column("member_id").to_pylist()
    return set(found)


def _partitions(lake: RedactingLake, clock: Clock) -> Iterator[tuple[str, str, set[str] | None]]:
    """Every table partition with people, and its versions that are in use; None for all of them."""
    busy = set[str]()
    for pair in _pairs(lake):
        ledger = AudienceLedger(lake, pair, clock)
        last = ledger.last()
        is_open = last is not None and last.closed is None
        if is_open:
            busy.add(pair.segment)
        newest = {str(last.closed.body.get("state", ""))} if last is not None and last.closed is not None else set()
        yield CHANGES.name, pair.partition, None if is_open else set()
        if not isinstance(pair, ErasurePair):
            in_use = newest | _current(lake, ACKNOWLEDGED.name, pair.partition)
            yield ACKNOWLEDGED.name, pair.partition, None if is_open else in_use
    for segment in lake.partitions(HASHED_AUDIENCE.name):
        yield HASHED_AUDIENCE.name, segment, None if segment in busy else _current(lake, HASHED_AUDIENCE.name, segment)


def _current(lake: Lake, table: str, partition: str) -> set[str]:
    current = lake.current(table, partition)
    return {current.id} if current is not None else set()


def _pairs(lake: Lake) -> list[Pair]:
    """Every audience that was ever delivered to, and every account that was asked to forget anybody."""
    keys = [key.split("/") for key in lake.keys("ledger")]
    pairs = sorted(
        {tuple(key[1 : 1 + _PARTS_OF_A_PAIR]) for key in keys if "deliveries" in key[1 + _PARTS_OF_A_PAIR :]}
    )
    accounts = sorted({tuple(key.split("/")[1:_PARTS_OF_A_PAIR]) for key in lake.keys("erasures")})
    erased = [ErasurePair("", destination, account, "") for destination, account in accounts]
    return [*(Pair("", *parts) for parts in pairs), *erased]
