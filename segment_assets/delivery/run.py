"""One run for one pair, in the order that the promises demand.

1. Finish what an earlier run left open: settle it (a crash, a platform that went away), or, where the platform works
   on jobs, ask how these are and send the rest.
2. Opt-outs: a delivery of their own, before every guard and check.
3. What the caller's check says about the audience; guards on what the delivery would do.
4. The audience's delivery, if anything differs.

Belongs here: that order. Not here: how each step is done.
"""

from __future__ import annotations

import dataclasses
import hmac
import shutil
import time
import uuid
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import AudienceSpec, PermanentError, SegmentAssetsError
from segment_assets.delivery.changes import anybody_named, audience_changes, opt_out_changes
from segment_assets.delivery.courier import Courier, Patience
from segment_assets.delivery.following import follow
from segment_assets.delivery.guards import GuardRails, stop_what_needs_a_human
from segment_assets.delivery.ledger import AudienceLedger, FencedError, minted
from segment_assets.delivery.settling import Settled, acknowledged_state, settle
from segment_assets.tables import ACKNOWLEDGED, CHANGES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from segment_assets.contracts import Clock, Destination, Lake, Sleep, Snapshot, Transport
    from segment_assets.delivery.changes import ChangeCounts, Wanted
    from segment_assets.delivery.ledger import DeliveryLog, Entry, Pair


@dataclasses.dataclass(frozen=True, slots=True)
class Errand:
    """What one pair wants: who, where to, and within which limits. `key` is the tenant's secret for pseudonyms."""

    pair: Pair
    wanted: Wanted
    spec_name: str
    statements: Mapping[str, str]
    rails: GuardRails
    key: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """What a run did: rows of the deliveries table, oldest first; empty when there was nothing to send.

    `waiting` is set when the platform still works on jobs; the delivery stays open and is followed.
    """

    pair: Pair
    deliveries: Sequence[Mapping[str, Any]]
    waiting: bool = False

    @property
    def sent(self) -> int:
        """Batches that the platform answered."""
        return sum(row["requests"] for row in self.deliveries)


@dataclasses.dataclass(frozen=True, slots=True)
class _Leg:
    """One delivery before it is opened: lane, what it starts from and goes to, and the changes in between."""

    lane: str
    state: Snapshot | None
    to_snapshot: str
    suppressions: str
    changes: Snapshot
    counts: ChangeCounts


class _Waiting:
    """A step's answer while the platform still works on jobs."""


_WAITING = _Waiting()
_Step = Settled | _Waiting | None


class DeliveryRoom:
    """Runs errands for one destination account over one lake."""

    def __init__(
        self,
        lake: Lake,
        destination: Destination,
        transport: Transport,
        *,
        workdir: Path,
        clock: Clock = time.time,
        sleep: Sleep = time.sleep,
        patience: Patience | None = None,
    ) -> None:
        self._lake, self._destination, self._transport = lake, destination, transport
        self._workdir, self._clock, self._sleep = workdir, clock, sleep
        self._patience = patience or Patience()

    def run(
        self,
        errand: Errand,
        audience: Snapshot | None,
        suppressions: Snapshot | None,
        *,
        approve: Callable[[], None] = lambda: None,
    ) -> Report:
        """Bring the platform audience to what is wanted.

        `approve` is called after the opt-outs and raises NeedsHumanError when the audience must not go out.
        Raises TransientError, PermanentError or NeedsHumanError; what was acknowledged by then is noted, and the
        next run starts from there.
        """
        workdir = self._workdir / uuid.uuid4().hex
        ledger = AudienceLedger(self._lake, errand.pair, self._clock)
        rows: list[Mapping[str, Any]] = []
        steps: tuple[Callable[[], _Step], ...] = (
            lambda: self._finish_what_was_left(ledger, errand, suppressions, workdir),
            lambda: self._take_out_opt_outs(ledger, errand, suppressions, workdir),
            lambda: self._deliver_audience(ledger, errand, _approved(errand, audience, approve), suppressions, workdir),
        )
        try:
            for step in steps:
                settled = step()
                if settled is _WAITING:
                    return Report(errand.pair, rows, waiting=True)
                rows += [settled.row] if isinstance(settled, Settled) else []
        finally:
            shutil.rmtree(workdir, ignore_errors=True)
        return Report(errand.pair, rows)

    def follow(self, errand: Errand, is_due: Callable[[Entry], bool] = lambda _: True) -> Settled | None:
        """Ask about the open jobs of a pair; settle its delivery when all of it was sent and has ended."""
        ledger = AudienceLedger(self._lake, errand.pair, self._clock)
        log = ledger.last()
        if log is None or log.closed is not None or not log.open_jobs():
            return None
        ended = follow(log, self._destination, self._transport, now=self._clock(), is_due=is_due)
        sent = sum(count for phase, count in log.header["batches"].items() if phase != "none")
        if not ended or len(log.batch_standings()) < sent:
            return None
        workdir = self._workdir / uuid.uuid4().hex
        try:
            return settle(self._lake, ledger, log, _outcome(log), workdir)
        finally:
            shutil.rmtree(workdir, ignore_errors=True)

    def _finish_what_was_left(
        self, ledger: AudienceLedger, errand: Errand, suppressions: Snapshot | None, workdir: Path
    ) -> _Step:
        log = ledger.last()
        if log is None or log.closed is not None:
            return None
        has_jobs = any(entry.body.get("job") for entry in log.answered("receipt"))
        if not has_jobs or self._a_no_must_be_heard(errand.pair, log, suppressions, workdir):
            return settle(self._lake, ledger, log, "interrupted", workdir)
        if log.open_jobs():
            follow(log, self._destination, self._transport, now=self._clock())
        return self._carry(ledger, errand, log, self._audience_id(ledger, errand), workdir)

    def _a_no_must_be_heard(self, pair: Pair, log: DeliveryLog, suppressions: Snapshot | None, workdir: Path) -> bool:
        """Whether somebody said no since an open delivery began, who is in the audience or is about to be."""
        if suppressions is None or suppressions.id == log.header["suppressions"]:
            return False
        changes = self._lake.dataset(self._lake.snapshot(CHANGES.name, pair.partition, log.header["changes"]))
        before = log.header["from_state"]
        state = self._lake.snapshot(ACKNOWLEDGED.name, pair.partition, before) if before else None
        held = self._lake.dataset(state) if state else None
        return anybody_named(held, changes, self._lake.dataset(suppressions), workdir)

    def _take_out_opt_outs(
        self, ledger: AudienceLedger, errand: Errand, suppressions: Snapshot | None, workdir: Path
    ) -> _Step:
        state = acknowledged_state(self._lake, ledger)
        if state is None or suppressions is None or not state.rows:
            return None
        writer = self._lake.writer(CHANGES.name, errand.pair.partition)
        counts = opt_out_changes(
            self._lake.dataset(state),
            self._lake.dataset(suppressions),
            errand.wanted,
            write=writer,
            workdir=workdir,
        )
        changes = writer.publish({})
        if counts.nothing_to_send:
            return None
        leg = _Leg("opt_out", state, suppressions.id, suppressions.id, changes, counts)
        return self._deliver(ledger, errand, leg, workdir)

    def _deliver_audience(
        self, ledger: AudienceLedger, errand: Errand, audience: Snapshot, suppressions: Snapshot | None, workdir: Path
    ) -> _Step:
        state = acknowledged_state(self._lake, ledger)
        writer = self._lake.writer(CHANGES.name, errand.pair.partition)
        counts = audience_changes(
            self._lake.dataset(audience),
            self._lake.dataset(state) if state else None,
            self._lake.dataset(suppressions) if suppressions else None,
            errand.wanted,
            write=writer,
            workdir=workdir,
        )
        stop_what_needs_a_human(errand.pair, counts, errand.rails, self._destination.contract)
        changes = writer.publish({})
        if counts.nothing_to_send and _is_noted(ledger, audience):
            return None
        leg = _Leg("audience", state, audience.id, suppressions.id if suppressions else "", changes, counts)
        return self._deliver(ledger, errand, leg, workdir)

    def _deliver(self, ledger: AudienceLedger, errand: Errand, leg: _Leg, workdir: Path) -> _Step:
        audience_id = self._audience_id(ledger, errand) if leg.counts.batches.keys() - {"none"} else ""
        log = ledger.open(_header(ledger, errand, leg))
        return self._carry(ledger, errand, log, audience_id, workdir)

    def _carry(
        self, ledger: AudienceLedger, errand: Errand, log: DeliveryLog, audience_id: str, workdir: Path
    ) -> _Step:
        """Send what has no answer yet, and settle unless the platform still works on it."""
        changes = self._lake.snapshot(CHANGES.name, errand.pair.partition, log.header["changes"])
        courier = Courier(
            self._destination, self._transport, key=errand.key, sleep=self._sleep, patience=self._patience
        )
        try:
            finished = courier.carry(log, self._lake.dataset(changes), audience_id)
        except FencedError:
            raise
        except SegmentAssetsError:
            if not log.open_jobs():
                # Noted at once, so that the tables tell the truth before anybody reruns.
                settle(self._lake, ledger, log, "failed", workdir)
            raise
        if not finished:
            return _WAITING
        return settle(self._lake, ledger, log, _outcome(log), workdir)

    def _audience_id(self, ledger: AudienceLedger, errand: Errand) -> str:
        """The audience on the platform, created once: an unanswered creation is looked up by our own marker."""
        chain = ledger.audience()
        for entry in reversed(chain.entries):
            if entry.kind == "created":
                return str(entry.body["id"])
        pair = errand.pair
        token = minted(pair.tenant, pair.destination, pair.account, pair.segment)
        marker = hmac.new(errand.key, token.encode(), sha256).hexdigest()[:32]
        spec = AudienceSpec(errand.spec_name, marker, errand.statements)
        asked_before = bool(chain.entries)
        chain.append("intent", {"name": spec.name})
        found = self._destination.find_audience(self._transport, spec) if asked_before else None
        audience_id = found or self._destination.create_audience(self._transport, spec)
        chain.append("created", {"id": audience_id})
        return audience_id


def _approved(errand: Errand, audience: Snapshot | None, approve: Callable[[], None]) -> Snapshot:
    """The audience, once the caller has nothing against it."""
    approve()
    if audience is None:
        raise PermanentError(f"{errand.pair}: there is no hashed audience yet; materialise hashed_audience first")
    return audience


def _outcome(log: DeliveryLog) -> str:
    """How a delivery ended of which everything was sent: `failed` when a job of it failed in the end."""
    if not sum(log.header["records"].values()):
        return "empty"
    return "failed" if "refused" in log.batch_standings().values() else "done"


def _is_noted(ledger: AudienceLedger, audience: Snapshot) -> bool:
    """True when the last delivery of the audience lane already says that this version is what is there."""
    for log in reversed(list(ledger.deliveries())):
        if log.header["lane"] == "audience":
            return bool(log.header["to_snapshot"] == audience.id)
    return False


def _header(ledger: AudienceLedger, errand: Errand, leg: _Leg) -> dict[str, Any]:
    pair, last, counts = errand.pair, ledger.last(), leg.counts
    previous = str(last.header["delivery_id"]) if last is not None else ""
    version = str(errand.wanted.contract.version)
    from_state = leg.state.id if leg.state else ""
    names = (pair.tenant, pair.destination, pair.account, pair.segment)
    # The previous id is part of it, so that going back and forth between two audiences never repeats an id.
    delivery_id = minted(*names, previous, leg.lane, from_state, leg.to_snapshot, version)
    return {
        "delivery_id": delivery_id,
        "previous_delivery": previous,
        "lane": leg.lane,
        "from_state": from_state,
        "to_snapshot": leg.to_snapshot,
        "suppressions": leg.suppressions,
        "changes": leg.changes.id,
        "contract_version": version,
        "forms": list(errand.wanted.forms),
        "counts": {name: getattr(counts, name) for name in _PEOPLE},
        "batches": dict(counts.batches),
        "records": dict(counts.records),
    }


_PEOPLE = (
    "audience", "held_out", "suppressed", "no_consent", "no_usable_key", "wanted", "last_known",
    "unchanged", "known_refused", "changed", "adds", "removes",
)  # fmt: skip
