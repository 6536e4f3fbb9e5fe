"""Taking people who asked to be forgotten out of what we keep ourselves, once no platform has to be told of them.

Belongs here: which retained versions hold them, what stays of these, and the note of it. Not here: whom the platforms
are through with (`erasing`), how a version is replaced (`resources`).

A version keeps its id, which is its name in the ledger, and no entry of the ledger is touched. A chain of its own per
table partition says first which version will have which digest, and the rows follow: whoever is interrupted does it
again, and `verify` knows which bytes a version may have. Of two runs at once one stops. What was taken out is not noted
anywhere.

What is in use stays as it is: the current audience of a segment, the state that the next delivery begins with, and all
of an audience whose delivery is open. They are superseded, and then it is their turn. What is never redacted, and why,
is in `KEPT`.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import GoneError
from segment_assets.delivery.erasing import ErasurePair
from segment_assets.delivery.ever_sent import naming_one
from segment_assets.delivery.ledger import AudienceLedger, Chain, FencedError, Pair
from segment_assets.delivery.naming import NAMED_BY, named_members
from segment_assets.tables import (
    ACKNOWLEDGED,
    CHANGES,
    CONVERSIONS,
    CUSTOMERS,
    ERASED,
    ERASURES,
    EXPOSED_CUSTOMERS,
    HASHED_AUDIENCE,
    HOLD_OUT_PEOPLE,
    IMPRESSIONS,
    OPT_OUTS,
    REJECTIONS,
    SEGMENT_MEMBERS,
    SUPPRESSIONS,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    import pyarrow as pa
    import pyarrow.dataset as pads

    from segment_assets.contracts import Clock, Lake, RedactingLake, Snapshot

ROOT, REDACTED = "redactions", "redacted"
TABLES_WITH_PEOPLE = (HASHED_AUDIENCE.name, CHANGES.name, ACKNOWLEDGED.name, HOLD_OUT_PEOPLE.name)
_PROOF = "it keeps them from being sent again, and proves that they were forgotten"
_SOURCE = "it is read where account A or its partner keeps it, and they erase there"
KEPT = {
    CUSTOMERS.name: _SOURCE,
    CONVERSIONS.name: _SOURCE,
    OPT_OUTS.name: _SOURCE,
    IMPRESSIONS.name: _SOURCE,
    SUPPRESSIONS.name: _PROOF,
    ERASURES.name: _PROOF,
    ERASED.name: _PROOF,
    # The pseudonyms stand in receipts of the ledger as well, of which no entry may ever change.
    REJECTIONS.name: "a platform's answer about them is part of the ledger's proof, by pseudonym alone",
    SEGMENT_MEMBERS.name: f"it goes after {SEGMENT_MEMBERS.retention_days} days by its retention",
    EXPOSED_CUSTOMERS.name: f"it goes after {EXPOSED_CUSTOMERS.retention_days} days by its retention",
}
"""Tables with personal data that nobody is taken out of -> why."""
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
    return _noted(Chain(lake, redactions_of(table, partition), clock))


def _noted(chain: Chain) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for entry in chain.entries:
        found.setdefault(entry.body["version"], []).append(entry.body["digest"])
    return found


def redact(
    lake: RedactingLake, erasures: Snapshot, spared: Collection[bytes], *, workdir: Path, clock: Clock
) -> Redaction:
    """Take everybody whom `erasures` (ERASURES) names out of every retained version that is not in use.

    `spared` are members of whom a platform has still to be told, or to answer. Named is who is named to a platform
    (`ever_sent`): by our id or an e-mail, since a phone may be a household's. Whoever is named in any version is taken
    out of all of them: others have them by a phone, or, since they said no, by our id alone. Memory is that of the
    found. Raises TransientError and PermanentError as the lake does, FencedError when another run does the same.
    """
    members, done = _named_anywhere(lake, naming_one(lake.dataset(erasures)), workdir, clock) - set(spared), Redaction()
    for table, partition, in_use in _partitions(lake, clock):
        # Read before any row is: whoever notes anything in between has this run stop before it replaces what they did.
        chain = Chain(lake, redactions_of(table, partition), clock)
        noted = _noted(chain)
        for version in lake.versions(table, partition):
            retained = _retained(lake, table, partition, version)
            if retained is None:
                continue
            snapshot, rows = retained
            gone = _members_in(rows, members)
            if not gone and not _is_half_done(snapshot, noted.get(version, [])):
                continue
            if in_use is None or version in in_use:
                done = dataclasses.replace(done, waiting=done.waiting + 1)
                continue
            before, left = _without(lake, chain, (snapshot, rows), gone, erasures.id)
            done = dataclasses.replace(done, versions=done.versions + 1, rows=done.rows + before - left)
    return done


def _retained(lake: RedactingLake, table: str, partition: str, version: str) -> tuple[Snapshot, pads.Dataset] | None:
    """A version and its rows; None when it is past its retention since it was listed.

    A version that is published again has its manifest renewed at once and its rows only now and then, so a bucket's
    rule takes the rows some days before what is said of them.
    """
    try:
        snapshot = lake.snapshot(table, partition, version)
        return snapshot, lake.dataset(snapshot)
    except GoneError:
        return None


def _is_half_done(snapshot: Snapshot, noted: list[str]) -> bool:
    """Whether a run was interrupted between its note of this version and the last word on it."""
    return bool(noted) and snapshot.redacted != noted[-1]


def _without(
    lake: RedactingLake, chain: Chain, version: tuple[Snapshot, pads.Dataset], gone: set[bytes], erasures: str
) -> tuple[int, int]:
    """Replace a version by itself without these members. Returns how many rows there were, and are left."""
    snapshot, rows = version
    dataset: Any = rows
    before, rewrite, left = dataset.count_rows(), lake.rewrite(snapshot), 0
    for batch in _of_others(rows, gone):
        rewrite.write(batch)
        left += batch.num_rows
    # Noted also where the last run noted the same: two runs want to write this entry, and one can.
    chain.append(REDACTED, {"version": snapshot.id, "digest": rewrite.close(), "rows": left, "erasures": erasures})
    rewrite.replace()
    folder = redactions_of(snapshot.table, snapshot.partition)
    if len(lake.keys(folder)) > len(chain.entries):
        # Its rows may have been there already, and are not now: whoever it took out may be back.
        raise FencedError(
            f"{folder}: another run takes people out of this partition as well; this run stops, and the next one "
            "does again what is half done"
        )
    return before, left


def _named_anywhere(lake: RedactingLake, named: pads.Dataset, workdir: Path, clock: Clock) -> set[bytes]:
    """The members whom the requests name themselves, or by any row of any version."""
    import pyarrow.compute as pc

    # Any: the stubs know no filter on a dataset.
    dataset: Any = named
    members = _ids(dataset.to_table(columns=["digest"], filter=pc.field("kind") == "member"), "digest")
    for table, partition, _ in _partitions(lake, clock):
        for version in lake.versions(table, partition):
            retained = _retained(lake, table, partition, version)
            if retained is not None and NAMED_BY.issubset(retained[1].schema.names):
                members |= _ids(named_members(retained[1], named, workdir), "member_id")
    return members


def _members_in(rows: pads.Dataset, members: Collection[bytes]) -> set[bytes]:
    import pyarrow as pa
    import pyarrow.compute as pc

    # Any: the stubs know no filter on a dataset.
    dataset: Any = rows
    is_one = pc.field("member_id").isin(pa.array(sorted(members), pa.binary(32)))
    return _ids(dataset.to_table(columns=["member_id"], filter=is_one), "member_id")


def _ids(rows: pa.Table | pa.RecordBatch, column: str) -> set[bytes]:
    found: list[Any] = rows.column(column).to_pylist()
    return set(found)


def _of_others(rows: pads.Dataset, gone: set[bytes]) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    import pyarrow.compute as pc

    # Any: the stubs know no scan of a dataset.
    scanned: Any = rows
    member: Any = pc.field("member_id")
    yield from scanned.to_batches(filter=~member.isin(pa.array(sorted(gone), pa.binary(32))))


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
    for partition in lake.partitions(HOLD_OUT_PEOPLE.name):
        yield HOLD_OUT_PEOPLE.name, partition, _current(lake, HOLD_OUT_PEOPLE.name, partition)


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
