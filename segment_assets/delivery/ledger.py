"""The ledger: what was about to be done, what was answered, and nothing overwritten.

Belongs here: numbered entries that are created conditionally and chained by digest, and the record of one audience
made of them. Not here: what a delivery contains (`changes`), who sends it (`courier`).

Two runs for one audience are fenced by the numbers themselves: both want to create the same next entry, one can.
A lock with a time-out would either hold up the rerun after a crash or let a paused process wake up and go on.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import PermanentError, TransientError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from segment_assets.contracts import Clock, Lake


class FencedError(TransientError):
    """Another run wrote the next entry of this audience's ledger first, so this one must stop."""


@dataclasses.dataclass(frozen=True, slots=True)
class Pair:
    """One segment on one account of one platform, for one tenant."""

    tenant: str
    destination: str
    account: str
    segment: str

    @property
    def prefix(self) -> str:
        """Where this pair's objects are."""
        return f"ledger/{self.destination}/{self.account}/{self.segment}"

    @property
    def partition(self) -> str:
        """Partition of the tables that are kept per pair."""
        return f"{self.destination}/{self.account}/{self.segment}"

    def __str__(self) -> str:
        return f"{self.destination}/{self.account}[{self.segment}]"


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One note in a chain. `digest` covers the content and, through `previous`, everything before."""

    number: int
    kind: str
    at: float
    previous: str
    body: Mapping[str, Any]
    digest: str


class Chain:
    """Numbered entries below one prefix. Appending fails with FencedError when the number is taken."""

    def __init__(self, lake: Lake, prefix: str, clock: Clock, *, before: str = "") -> None:
        self._lake, self._prefix, self._clock = lake, prefix, clock
        self.before = before
        self.entries: list[Entry] = [self._read(key) for key in lake.keys(prefix)]

    @property
    def head(self) -> str:
        """Digest of the newest entry, or of what came before this chain."""
        return self.entries[-1].digest if self.entries else self.before

    def append(self, kind: str, body: Mapping[str, Any]) -> Entry:
        """Create the next entry, or raise FencedError when another run did."""
        number = len(self.entries) + 1
        note = {"number": number, "kind": kind, "at": self._clock(), "previous": self.head, "body": body}
        raw = canonical({**note, "checksum": checksum(note)})
        if not self._lake.put_if_absent(f"{self._prefix}/{number:06d}.json", raw):
            raise FencedError(
                f"{self._prefix}: another run is delivering to this audience (entry {number} is taken); "
                "this run stops and can be started again when the other has ended"
            )
        entry = _entry(raw)
        self.entries.append(entry)
        return entry

    def now(self) -> float:
        """The clock by which entries are dated: seconds since the epoch."""
        return self._clock()

    def verify(self) -> None:
        """Recompute the chain. Raises PermanentError naming the first entry that does not fit."""
        previous = self.before
        for place, entry in enumerate(self.entries, start=1):
            if entry.number != place or entry.previous != previous:
                raise PermanentError(f"{self._prefix}: entry {place} does not follow the one before; it was altered")
            previous = entry.digest

    def _read(self, key: str) -> Entry:
        raw = self._lake.get(key)
        if raw is None:
            raise PermanentError(f"{key}: the ledger entry vanished while it was read; restore it from the backup")
        return _entry(raw)


@dataclasses.dataclass(slots=True)
class DeliveryLog:
    """The chain of one delivery, read as what it says.

    Kinds of entries: opened, intent, receipt (an answer; with a `job` it is only a promise), refused, job (how a
    promised job ended), closed; step_asked and step (see `workflow`).
    """

    number: int
    chain: Chain

    @property
    def header(self) -> Mapping[str, Any]:
        """What the delivery was opened with."""
        return self.chain.entries[0].body

    @property
    def closed(self) -> Entry | None:
        """The closing entry, None while the delivery is open."""
        last = self.chain.entries[-1]
        return last if last.kind == "closed" else None

    def answered(self, kind: str) -> list[Entry]:
        """Entries of one kind in order (`receipt`, `refused`)."""
        return [entry for entry in self.chain.entries if entry.kind == kind]

    def open_jobs(self) -> list[Entry]:
        """Receipts whose job has not ended yet."""
        ended = {entry.body["job"] for entry in self.answered("job")}
        return [entry for entry in self.answered("receipt") if entry.body.get("job") and entry.body["job"] not in ended]

    def final_answers(self) -> list[Entry]:
        """The last word on every answered batch: how its job ended where it has one, else the receipt."""
        last = {
            (e.body["phase"], e.body["batch"]): e
            for kind in ("receipt", "job")
            for e in self.answered(kind)
            if not e.body.get("staged")
        }
        return list(last.values())

    def staged(self, before: int | None = None) -> dict[tuple[str, int], Entry]:
        """(phase, batch) -> the receipt of an upload to a session as it is open now; nothing reached anybody yet.

        `before`: as the ledger was before the entry of that number.
        """
        found: dict[tuple[str, int], Entry] = {}
        for entry in self.chain.entries[: before - 1 if before else None]:
            if entry.kind == "receipt" and entry.body.get("staged"):
                found[entry.body["phase"], entry.body["batch"]] = entry
            elif entry.kind == "step":
                # Opened again: what was given to the session before is lost with it.
                for batch in self.covered(entry):
                    found.pop((entry.body["phase"], batch), None)
        return found

    def can_be_continued(self) -> bool:
        """Whether a platform still works on it, or was given a part of it that a later process can go on with."""
        return any(e.body.get("job") or e.body.get("staged") or "step" in e.body for e in self.chain.entries)

    def covered(self, entry: Entry) -> range:
        """The batches that an answer is about: its own, or all of the session that it ended (see `workflow`)."""
        return range(entry.body.get("from", entry.body["batch"]), entry.body["batch"] + 1)

    def batch_standings(self) -> dict[tuple[str, int], str]:
        """(phase, batch) -> acknowledged | submitted (a job is open) | refused | in_doubt (asked, no answer noted)."""
        standings: dict[tuple[str, int], str] = {}
        for entry in self.chain.entries:
            meaning = _standing(entry)
            for batch in self.covered(entry) if meaning else ():
                place = (entry.body["phase"], batch)
                # A repeated intent (retry after silence) must not undo an answer that is noted already.
                if not (entry.kind == "intent" and standings.get(place) in {"acknowledged", "submitted"}):
                    standings[place] = meaning
        return standings

    def left_in_doubt(self) -> set[tuple[str, int]]:
        """(phase, batch) of jobs that say no more about their people: given up, or a removal that left some unnamed."""
        standings = self.batch_standings()
        short = [entry for entry in self.answered("job") if _standing(entry) == "in_doubt"]
        places = {(entry.body["phase"], batch) for entry in short for batch in self.covered(entry)}
        return {place for place in places if standings[place] == "in_doubt"}


class AudienceLedger:
    """Everything noted about one pair: the platform's audience id and the deliveries, in order."""

    def __init__(self, lake: Lake, pair: Pair, clock: Clock) -> None:
        self.lake, self.pair, self.clock = lake, pair, clock
        self._numbers = sorted({int(key.split("/")[-2]) for key in lake.keys(f"{pair.prefix}/deliveries")})
        self._newest: DeliveryLog | None = None

    def audience(self) -> Chain:
        """The chain about the audience on the platform: intent, created."""
        return Chain(self.lake, f"{self.pair.prefix}/audience", self.clock)

    def last(self) -> DeliveryLog | None:
        """The newest delivery, open or closed."""
        return self._log(self._numbers[-1]) if self._numbers else None

    def deliveries(self) -> Iterator[DeliveryLog]:
        """All deliveries, oldest first."""
        for number in self._numbers:
            yield self._log(number)

    def newest_first(self) -> Iterator[DeliveryLog]:
        """All deliveries, newest first: whoever stops early reads no more than that."""
        for number in reversed(self._numbers):
            yield self._log(number)

    def open(self, header: Mapping[str, Any]) -> DeliveryLog:
        """Start the next delivery. The one before must be closed. Raises FencedError as `append` does."""
        before = self.last()
        if before is not None and before.closed is None:
            raise PermanentError(f"{self.pair}: delivery {before.number} is still open; settle it first")
        number = (before.number if before else 0) + 1
        chain = Chain(
            self.lake, self._folder(number), self.clock, before=before.chain.head if before is not None else ""
        )
        if chain.entries:
            raise FencedError(f"{self.pair}: another run opened delivery {number} first; start this run again later")
        chain.append("opened", header)
        self._numbers.append(number)
        return DeliveryLog(number, chain)

    def _log(self, number: int) -> DeliveryLog:
        # Nothing follows a closing entry, so the newest delivery is read once when it is closed.
        if self._newest is not None and self._newest.number == number:
            return self._newest
        chain = Chain(self.lake, self._folder(number), self.clock)
        chain.before = chain.entries[0].previous
        log = DeliveryLog(number, chain)
        if number == self._numbers[-1] and log.closed is not None:
            self._newest = log
        return log

    def _folder(self, number: int) -> str:
        return f"{self.pair.prefix}/deliveries/{number:06d}"


def _standing(entry: Entry) -> str:
    if entry.body.get("staged"):
        return ""
    if entry.kind == "receipt":
        return "submitted" if entry.body.get("job") else "acknowledged"
    if entry.kind == "job":
        # Entries from before those were told apart say of a job that was given up that it failed.
        if entry.body.get("in_doubt"):
            return "in_doubt"
        if entry.body["state"] == "failed":
            return "refused"
        # Some of a removal failed and nobody says who: all of it is in doubt, and goes again with the next delivery.
        whole = entry.body["accepted"] == entry.body["sent"] or entry.body["phase"] in {"add", "reaffirm", "replace"}
        return "acknowledged" if whole else "in_doubt"
    return {"intent": "in_doubt", "refused": "refused"}.get(entry.kind, "")


def minted(*parts: str) -> str:
    """A digest over parts without ambiguity: SHA-256 hex over their JSON list."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def canonical(note: Mapping[str, Any]) -> bytes:
    """The one way in which a note is written: JSON with sorted keys and no spaces."""
    return json.dumps(note, sort_keys=True, separators=(",", ":")).encode()


def checksum(note: Mapping[str, Any]) -> str:
    """SHA-256 hex of a note without its checksum: the newest entry has no successor whose chain would show a change."""
    return hashlib.sha256(canonical({name: value for name, value in note.items() if name != "checksum"})).hexdigest()


def utc(moment: float) -> datetime:
    """Seconds since the epoch as an aware time, in whole milliseconds: Athena's times have no more."""
    return datetime.fromtimestamp(round(moment, 3), tz=UTC)


def _entry(raw: bytes) -> Entry:
    note = json.loads(raw)
    digest = hashlib.sha256(raw).hexdigest()
    return Entry(note["number"], note["kind"], note["at"], note["previous"], note["body"], digest)
