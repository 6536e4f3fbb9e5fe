"""One run for one pair, in the order that the promises demand.

1. Finish what an earlier run left open: settle it (a crash, a platform that went away), or, where the platform works
   on jobs, ask how these are and send the rest.
2. Opt-outs: a delivery of their own, before every guard and check.
3. What the caller's check says about the audience; guards on what the delivery would do.
4. The audience's delivery, if anything differs.

Belongs here: that order. Not here: how each step is done.
"""

from __future__ import annotations

import hmac
import shutil
import time
import uuid
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import AudienceSpec, PermanentError, SegmentAssetsError
from segment_assets.delivery.changes import audience_changes
from segment_assets.delivery.courier import Courier, Patience
from segment_assets.delivery.errands import Errand, Report
from segment_assets.delivery.following import follow
from segment_assets.delivery.guards import stop_what_needs_a_human
from segment_assets.delivery.leaving import anybody_named, deletion_changes, opt_out_changes
from segment_assets.delivery.ledger import AudienceLedger, FencedError, minted
from segment_assets.delivery.legs import Leg, goes_to, header, is_noted, leaving_is_due, outcome
from segment_assets.delivery.settling import Settled, acknowledged_state, settle
from segment_assets.tables import ACKNOWLEDGED, CHANGES, HASHED_AUDIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import pyarrow.dataset as pads

    from segment_assets.contracts import Clock, Destination, Lake, Sleep, Snapshot, Transport
    from segment_assets.delivery.ledger import DeliveryLog, Entry, Pair


# Seconds. A platform can finish a request whose caller has hung up (seen in CI: two audiences after a time-out).
_CREATION_MAY_STILL_ARRIVE = 120.0
_LOOKS = (0.5, 1.0, 2.0, 4.0)


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
                    return Report(errand.pair, rows, waiting_for=goes_to(ledger))
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
            return settle(self._lake, ledger, log, outcome(log), workdir)
        finally:
            shutil.rmtree(workdir, ignore_errors=True)

    def withdraw(self, errand: Errand, *, delete: bool) -> Report:
        """The plan names this pair no more: take everybody out, or delete the audience with everybody in it.

        Guards do not apply, since a person has changed the plan. Raises as `run` does.
        """
        workdir = self._workdir / uuid.uuid4().hex
        ledger = AudienceLedger(self._lake, errand.pair, self._clock)
        try:
            left = self._finish_what_was_left(ledger, errand, None, workdir)
            settled = left if left is _WAITING else self._withdraw(ledger, errand, delete, workdir)
        finally:
            shutil.rmtree(workdir, ignore_errors=True)
        if settled is _WAITING:
            return Report(errand.pair, [], waiting_for=goes_to(ledger))
        return Report(errand.pair, [s.row for s in (left, settled) if isinstance(s, Settled)])

    def _withdraw(self, ledger: AudienceLedger, errand: Errand, delete: bool, workdir: Path) -> _Step:
        state = acknowledged_state(self._lake, ledger)
        if state is None or not state.rows:
            return None
        writer = self._lake.writer(CHANGES.name, errand.pair.partition)
        held = self._lake.dataset(state)
        if delete:
            self._destination.delete_audience(self._transport, self._audience_id(ledger, errand))
            ledger.audience().append("deleted", {})
            counts = deletion_changes(held, errand.wanted, write=writer, workdir=workdir)
        else:
            nobody = _nobody()
            counts = audience_changes(nobody, held, None, errand.wanted, write=writer, workdir=workdir)
        leg = Leg("withdrawal", state, "", "", writer.publish({}), counts)
        return self._deliver(ledger, errand, leg, workdir)

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
            late=leaving_is_due(ledger),
        )
        changes = writer.publish({})
        if counts.nothing_to_send:
            return None
        leg = Leg("opt_out", state, suppressions.id, suppressions.id, changes, counts)
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
            late=leaving_is_due(ledger),
        )
        stop_what_needs_a_human(errand.pair, counts, errand.rails, self._destination.contract)
        changes = writer.publish({})
        if counts.nothing_to_send and is_noted(ledger, audience):
            return None
        leg = Leg("audience", state, audience.id, suppressions.id if suppressions else "", changes, counts)
        return self._deliver(ledger, errand, leg, workdir)

    def _deliver(self, ledger: AudienceLedger, errand: Errand, leg: Leg, workdir: Path) -> _Step:
        audience_id = self._audience_id(ledger, errand) if leg.counts.batches.keys() - {"none"} else ""
        log = ledger.open(header(ledger, errand, leg))
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
        return settle(self._lake, ledger, log, outcome(log), workdir)

    def _audience_id(self, ledger: AudienceLedger, errand: Errand) -> str:
        """The audience on the platform, created once: an unanswered creation is looked up by our own marker."""
        chain = ledger.audience()
        for entry in reversed(chain.entries):
            if entry.kind == "deleted":
                break
            if entry.kind == "created":
                return str(entry.body["id"])
        pair = errand.pair
        token = minted(pair.tenant, pair.destination, pair.account, pair.segment)
        marker = hmac.new(errand.key, token.encode(), sha256).hexdigest()[:32]
        spec = AudienceSpec(errand.spec_name, marker, errand.statements)
        unanswered = chain.entries[-1] if chain.entries and chain.entries[-1].kind == "intent" else None
        chain.append("intent", {"name": spec.name})
        found = self._created_after_all(spec, unanswered) if unanswered else None
        audience_id = found or self._destination.create_audience(self._transport, spec)
        chain.append("created", {"id": audience_id})
        return audience_id

    def _created_after_all(self, spec: AudienceSpec, intent: Entry) -> str | None:
        """The audience of an unanswered creation. A young one is looked for again: it may still be on its way."""
        is_young = self._clock() - intent.at < _CREATION_MAY_STILL_ARRIVE
        for pause in (*(_LOOKS if is_young else ()), None):
            found = self._destination.find_audience(self._transport, spec)
            if found or pause is None:
                return found
            self._sleep(pause)
        return None


def _nobody() -> pads.Dataset:
    import pyarrow.dataset as pads

    return pads.dataset(HASHED_AUDIENCE.arrow_schema().empty_table())


def _approved(errand: Errand, audience: Snapshot | None, approve: Callable[[], None]) -> Snapshot:
    """The audience, once the caller has nothing against it."""
    approve()
    if audience is None:
        raise PermanentError(f"{errand.pair}: there is no hashed audience yet; materialise hashed_audience first")
    return audience
