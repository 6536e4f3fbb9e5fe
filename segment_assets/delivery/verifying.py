"""Whether a ledger still says what was written: chains, links, and every number computed again.

Belongs here: proofs over one pair's ledger and its tables. Not here: which pairs there are and how it is told (`cli`).

A closed delivery is settled once more, over a copy of the ledger without its closing entry: every row that this writes
from the changes and the receipts must be the row that is there. What keeps the chains (a change of the newest entry, of
a table, of a snapshot) shows in that, or in the checksum of the entry or file. Whoever can write to the lake and makes
all of it fit again is not found out; that is for the storage's own protection (versions, object lock).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import PermanentError, SegmentAssetsError
from segment_assets.delivery.approvals import approvals_of
from segment_assets.delivery.ledger import AudienceLedger, Chain, DeliveryLog, canonical, checksum
from segment_assets.delivery.ledger_rows import receipt_rows, rejection_rows
from segment_assets.delivery.left_jobs import states_noted
from segment_assets.delivery.overlay import OverlayLake
from segment_assets.delivery.redacting import redacted_digests, redactions_of
from segment_assets.delivery.settling import balanced, settle
from segment_assets.tables import ACKNOWLEDGED, CHANGES, DELIVERIES, RECEIPTS, REJECTIONS, TABLES, ComputedIn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    import pyarrow as pa

    from segment_assets.contracts import Lake, Snapshot
    from segment_assets.delivery.ledger import Entry, Pair

_PIECE = 1024 * 1024
_DAY = 86_400.0
_ENTRY = re.compile(r"[0-9]{6}\.json")
_PARTS_OF_AN_ENTRY = {"number", "kind", "at", "previous", "body"}
# What there is of what a delivery was computed from.
_AGAIN, _GONE, _REDACTED = "as it was", "past its retention", "without people who asked to be forgotten"
_RESTORE = "restore it from the backup of the lake"
# A backup has whoever was forgotten since.
_AND_REDACT = ", and materialize erasure/platforms, which takes those out again who were forgotten"
# Kept in the partition of their delivery's number; snapshots of changes and state are named by entries.
_OF_A_DELIVERY = [
    table.name
    for table in TABLES.values()
    if table.computed_in is ComputedIn.LEDGER and table not in (CHANGES, ACKNOWLEDGED)
]


class MisfitError(PermanentError):
    """Something in the ledger is not what was written. The message names the first thing, and what to do."""


@dataclasses.dataclass(frozen=True, slots=True)
class Verified:
    """What was proven of one pair. `recomputed` are the deliveries whose changes are still retained as they were.

    `redacted` are those that cannot be computed again since people of them were erased: what is left of their changes
    and states has the digest that was noted then.
    """

    entries: int = 0
    deliveries: int = 0
    recomputed: int = 0
    redacted: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Verifier:
    """Proves pairs over a lake. `scratch` opens an empty lake for one settlement, `now` is seconds since the epoch."""

    lake: Lake
    scratch: Callable[[], AbstractContextManager[Lake]]
    workdir: Path
    now: float

    def verify(self, pair: Pair) -> Verified:
        """Prove everything about one pair. Raises MisfitError for the first thing that does not fit."""
        entries = sum(self._entries(folder, "") for folder in self._chains_beside(pair))
        logs = self._linked(pair)
        for log, next_log in zip(logs, [*logs[1:], None], strict=True):
            if log.closed is None and next_log is not None:
                raise MisfitError(f"{pair}: delivery {log.number} has no closing entry and is not the last; {_RESTORE}")
        if any(log.answered("intent") for log in logs) and not self._has_audience(pair):
            raise MisfitError(f"{pair}: deliveries were sent and no entry names the audience; {_RESTORE}")
        settled = [self._settled_again(pair, log) for log in logs if log.closed is not None]
        self._no_strangers(pair, len(logs))
        entries += sum(len(log.chain.entries) for log in logs)
        return Verified(entries, len(logs), settled.count(_AGAIN), settled.count(_REDACTED))

    def _chains_beside(self, pair: Pair) -> list[str]:
        redactions = [redactions_of(table, pair.partition) for table in (CHANGES.name, ACKNOWLEDGED.name)]
        return [*self._other_chains(pair), *self._approvals(pair), *filter(self.lake.keys, redactions)]

    def _other_chains(self, pair: Pair) -> list[str]:
        """Chains of the pair that are no deliveries: the audience's, and what comes to be noted beside it."""
        keys = [key for key in self.lake.keys(pair.prefix) if _ENTRY.fullmatch(key.rpartition("/")[2])]
        folders = sorted({key.rpartition("/")[0] for key in keys})
        return [folder for folder in folders if not folder.startswith(f"{pair.prefix}/deliveries/")]

    def _approvals(self, pair: Pair) -> list[str]:
        """The chain of who let what through, where anything was ever stopped."""
        folder = approvals_of(pair)
        return [folder] if self.lake.keys(folder) else []

    def _has_audience(self, pair: Pair) -> bool:
        """Whether the audience's chain still has an id in it: a chain does not show that its end is gone."""
        chain = AudienceLedger(self.lake, pair, lambda: self.now).audience()
        return any("id" in entry.body for entry in chain.entries)

    def _linked(self, pair: Pair) -> list[DeliveryLog]:
        """The deliveries in order, each chained to the one before, and starting from the state that it left."""
        logs: list[DeliveryLog] = []
        folders = sorted({key.rpartition("/")[0] for key in self.lake.keys(f"{pair.prefix}/deliveries")})
        noted = states_noted(AudienceLedger(self.lake, pair, lambda: self.now))
        for number, folder in enumerate(folders, start=1):
            if not folder.endswith(f"/{number:06d}"):
                raise MisfitError(f"{pair}: delivery {number} is missing; {_RESTORE}")
            head = logs[-1].chain.head if logs else ""
            self._entries(folder, head)
            log = DeliveryLog(number, Chain(self.lake, folder, lambda: self.now, before=head))
            _follows(pair, log, logs[-1] if logs else None, noted.get(number - 1, ""))
            logs.append(log)
        return logs

    def _entries(self, folder: str, before: str) -> int:
        """Prove one chain from its bytes. Returns how many entries it has."""
        previous, keys = before, self.lake.keys(folder)
        for place, key in enumerate(keys, start=1):
            if key != f"{folder}/{place:06d}.json":
                raise MisfitError(f"{folder}: entry {place} is missing; {_RESTORE}")
            raw = self.lake.get(key) or b""
            try:
                note: dict[str, Any] = json.loads(raw)
                number, said, as_written = note["number"], note["previous"], canonical(note) == raw
            except (ValueError, KeyError, TypeError, AttributeError):
                raise MisfitError(f"{key}: not an entry of a ledger any more; {_RESTORE}") from None
            # Entries from before there were checksums have none.
            has_checksum = note.keys() - _PARTS_OF_AN_ENTRY == {"checksum"}
            is_sound = note["checksum"] == checksum(note) if has_checksum else note.keys() == _PARTS_OF_AN_ENTRY
            if number != place or not as_written or not is_sound:
                raise MisfitError(f"{key}: the entry was altered; {_RESTORE}")
            if said != previous:
                raise MisfitError(f"{key}: does not follow the entry before, one of the two was altered; {_RESTORE}")
            previous = hashlib.sha256(raw).hexdigest()
        return len(keys)

    def _settled_again(self, pair: Pair, log: DeliveryLog) -> str:
        """Prove the rows and the state of a closed delivery, as far as its changes and states are what they were."""
        import pyarrow as pa

        closed = log.closed
        assert closed is not None
        row = self._row(pair, log, closed)
        # Of these the ledger says every value, whatever there is of the changes.
        for table, made in ((RECEIPTS, receipt_rows), (REJECTIONS, rejection_rows)):
            said = pa.Table.from_pylist(list(made(log.header["delivery_id"], log)), table.arrow_schema())
            self._same_rows(pair, log, closed, table.name, said)
        found = self._found_of(pair, log, closed)
        if found != _AGAIN:
            return found
        try:
            self._compute_again(pair, log, closed, row)
        except Exception:
            # People may have been taken out of what it is computed from since it was looked at.
            if self._found_of(pair, log, closed) != _REDACTED:
                raise
            return _REDACTED
        return _AGAIN

    def _found_of(self, pair: Pair, log: DeliveryLog, closed: Entry) -> str:
        """What there is of the changes and states of a delivery."""
        named = [(CHANGES.name, log.header["changes"]), (ACKNOWLEDGED.name, closed.body["state"])]
        if log.header["from_state"]:
            named.append((ACKNOWLEDGED.name, log.header["from_state"]))
        # All are looked at, also behind one that is past its retention.
        found = {self._found(pair, log, closed, table, version) for table, version in named}
        return next((what for what in (_GONE, _REDACTED) if what in found), _AGAIN)

    def _compute_again(self, pair: Pair, log: DeliveryLog, closed: Entry, row: Mapping[str, Any]) -> None:
        """Settle a delivery once more, and compare."""
        folder = f"{pair.prefix}/deliveries"
        with self.scratch() as above:
            hidden = f"{folder}/{log.number:06d}/{closed.number:06d}.json"
            lake = OverlayLake(self.lake, above, hides=lambda key: key.startswith(folder) and key >= hidden)
            # The moment at which it was settled, so that the rows are the same to the second.
            ledger = AudienceLedger(lake, pair, row["closed_at"].timestamp)
            chain = Chain(lake, f"{folder}/{log.number:06d}", ledger.clock, before=log.chain.before)
            try:
                settle(lake, ledger, DeliveryLog(log.number, chain), closed.body["outcome"], self.workdir)
            except SegmentAssetsError as error:
                raise MisfitError(f"{pair}: delivery {log.number} cannot be settled again: {error}") from error
            self._same(pair, log, closed, above, chain.entries[-1])

    def _row(self, pair: Pair, log: DeliveryLog, closed: Entry) -> Mapping[str, Any]:
        """The delivery's own row, which must say what its header and its closing entry say, and add up."""
        partition = f"{pair.partition}/{log.number:06d}"
        snapshot = self.lake.current(DELIVERIES.name, partition)
        rows: list[dict[str, Any]] = self.lake.dataset(snapshot).to_table().to_pylist() if snapshot else []
        if len(rows) != 1:
            raise MisfitError(f"deliveries[{partition}] has {len(rows)} rows instead of one; {_RESTORE}")
        [row] = rows
        said = {**log.header["counts"], **closed.body["accounting"], "outcome": closed.body["outcome"]}
        wrong = [name for name, value in said.items() if name in row and row[name] != value]
        if wrong or not log.chain.entries[0].at <= row["closed_at"].timestamp() <= closed.at:
            what = ", ".join(wrong) or "closed_at"
            raise MisfitError(f"deliveries[{partition}]: {what} is not what the ledger says; {_RESTORE}")
        broken = balanced(row)
        if broken:
            raise MisfitError(f"{pair}: the accounting of delivery {log.number} does not balance ({'; '.join(broken)})")
        return row

    def _found(self, pair: Pair, log: DeliveryLog, closed: Entry, table: str, version: str) -> str:
        """What there is of a snapshot. It may be gone only when its retention has passed.

        Otherwise it has the bytes of its id, or those that were noted when people were taken out of it.
        """
        try:
            snapshot = self.lake.snapshot(table, pair.partition, version)
        except PermanentError:
            if self.now - closed.at > TABLES[table].retention_days * _DAY:
                return _GONE
            said = f"{table}[{pair.partition}] lacks version {version[:12]} of delivery {log.number}, before its time"
            raise MisfitError(f"{said}; {_RESTORE}") from None
        # The digest before the notes: whoever replaces the rows meanwhile has noted it by then.
        digest = _digest(self.lake, snapshot)
        noted = redacted_digests(self.lake, table, pair.partition, lambda: self.now).get(version, [])
        if digest == version and not snapshot.redacted:
            return _AGAIN
        if digest not in _may_have(snapshot, noted):
            said = f"{table}[{pair.partition}]: version {version[:12]} of delivery {log.number} was altered"
            raise MisfitError(f"{said}; {_RESTORE}{_AND_REDACT if noted else ''}")
        return _REDACTED

    def _same(self, pair: Pair, log: DeliveryLog, closed: Entry, again: Lake, entry: Entry) -> None:
        """What was settled again against what there is: tables row by row, the state, the closing entry."""
        partition = f"{pair.partition}/{log.number:06d}"
        for table in _OF_A_DELIVERY:
            made = again.current(table, partition)
            if made is not None:
                self._same_rows(pair, log, closed, table, again.dataset(made).to_table())
        state = closed.body["state"]
        if entry.body["state"] != state:
            rows = again.dataset(again.snapshot(ACKNOWLEDGED.name, pair.partition, entry.body["state"]))
            if (
                rows.to_table()
                != self.lake.dataset(self.lake.snapshot(ACKNOWLEDGED.name, pair.partition, state)).to_table()
            ):
                said = f"{pair}: the acknowledged state after delivery {log.number}"
                raise MisfitError(f"{said} is not what changes and receipts add up to; {_RESTORE}")
        if {**entry.body, "state": state} != closed.body:
            raise MisfitError(f"{pair}: the closing entry of delivery {log.number} is not what its receipts add up to")

    def _same_rows(self, pair: Pair, log: DeliveryLog, closed: Entry, table: str, made: pa.Table) -> None:
        """A table's rows of a delivery, which may be missing only when their retention has passed."""
        partition = f"{pair.partition}/{log.number:06d}"
        there = self.lake.current(table, partition)
        if there is None:
            if self.now - closed.at > TABLES[table].retention_days * _DAY:
                return
            raise MisfitError(f"{table}[{partition}] is missing; {_RESTORE}")
        if made != self.lake.dataset(there).to_table():
            raise MisfitError(f"{table}[{partition}] is not what changes and receipts add up to; {_RESTORE}")

    def _no_strangers(self, pair: Pair, deliveries: int) -> None:
        """Rows of a delivery that the ledger does not know: a folder of it is gone, or the rows were put there."""
        for table in (DELIVERIES.name, RECEIPTS.name, REJECTIONS.name):
            for partition in self.lake.partitions(table):
                owner, _, number = partition.rpartition("/")
                if owner == pair.partition and number.isdigit() and int(number) > deliveries:
                    raise MisfitError(f"{table}[{partition}]: the ledger has no delivery {int(number)}; {_RESTORE}")


def _follows(pair: Pair, log: DeliveryLog, before: DeliveryLog | None, noted: str) -> None:
    """A delivery names the one before, and starts from the state that it left, or from the last one noted after it."""
    if not log.chain.entries or log.chain.entries[0].kind != "opened":
        raise MisfitError(f"{pair}: delivery {log.number} does not begin with its opening entry; {_RESTORE}")
    left = before.closed.body["state"] if before is not None and before.closed is not None else ""
    previous = before.header["delivery_id"] if before is not None else ""
    if log.header["previous_delivery"] != previous or log.header["from_state"] not in {left, noted, ""}:
        raise MisfitError(f"{pair}: delivery {log.number} does not follow delivery {log.number - 1}; {_RESTORE}")


def _may_have(snapshot: Snapshot, noted: list[str]) -> list[str]:
    """The digests that a redacted version may have: what it says itself, or a later note whose run was interrupted."""
    known = [snapshot.id, *noted]
    last = snapshot.redacted or snapshot.id
    return known[len(known) - 1 - known[::-1].index(last) :] if last in known else []


def _digest(lake: Lake, snapshot: Snapshot) -> str:
    """SHA-256 hex over a snapshot's data files, which is how its id was minted."""
    dataset: Any = lake.dataset(snapshot)
    digest = hashlib.sha256()
    for file in dataset.files:
        with dataset.filesystem.open_input_stream(file) as stream:
            while piece := stream.read(_PIECE):
                digest.update(piece)
    return digest.hexdigest()
