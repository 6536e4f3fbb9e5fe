"""The steps of one run for one pair, each of which leaves a closed delivery behind, or nothing, or waits.

Belongs here: what each step compares and delivers. Not here: their order and what a run gives back (`run`), how each
part is done (`changes`, `leaving`, `courier`, `settling`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from segment_assets.contracts import SegmentAssetsError
from segment_assets.delivery.changes import audience_changes
from segment_assets.delivery.courier import Courier, Patience
from segment_assets.delivery.creation import audience_on_platform
from segment_assets.delivery.following import follow
from segment_assets.delivery.guards import stop_what_needs_a_human
from segment_assets.delivery.leaving import anybody_named, deletion_changes, opt_out_changes
from segment_assets.delivery.ledger import FencedError
from segment_assets.delivery.legs import Leg, header, is_noted, leaving_is_due, outcome
from segment_assets.delivery.settling import Settled, acknowledged_state, settle
from segment_assets.tables import ACKNOWLEDGED, CHANGES, HASHED_AUDIENCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pyarrow.dataset as pads

    from segment_assets.contracts import Clock, Destination, Lake, Sleep, Snapshot, SnapshotWriter, Transport
    from segment_assets.delivery.errands import Errand
    from segment_assets.delivery.ledger import AudienceLedger, DeliveryLog


class Waiting:
    """A step's answer while the platform still works on jobs."""


WAITING = Waiting()
Step = Settled | Waiting | None


class SomebodySaidNo(Exception):  # noqa: N818 - the way from a batch boundary back to the first step
    """An opt-out pre-empts the delivery, which was settled with what had been sent by then."""

    def __init__(self, settled: Settled) -> None:
        super().__init__("an opt-out pre-empts the delivery")
        self.settled = settled


@dataclasses.dataclass(frozen=True, slots=True)
class Platform:
    """The outside of one account: its wire format, the way there, and how long to wait for it."""

    destination: Destination
    transport: Transport
    sleep: Sleep
    patience: Patience
    clock: Clock


@dataclasses.dataclass(frozen=True, slots=True)
class PairRun:
    """One run for one pair. `newest` gives the suppressions of the moment, `suppressions` those it began with."""

    lake: Lake
    platform: Platform
    ledger: AudienceLedger
    errand: Errand
    workdir: Path
    suppressions: Snapshot | None = None
    newest: Callable[[], Snapshot | None] = lambda: None

    def finish_what_was_left(self) -> Step:
        """Settle a delivery that an earlier run left open, or send the rest of it where the platform works on jobs."""
        log = self.ledger.last()
        if log is None or log.closed is not None:
            return None
        has_jobs = any(entry.body.get("job") for entry in log.answered("receipt"))
        if not has_jobs or self._a_no_must_be_heard(log, self.suppressions):
            return settle(self.lake, self.ledger, log, "interrupted", self.workdir)
        if log.open_jobs():
            follow(log, self.platform.destination, self.platform.transport, now=self.platform.clock())
        return self._carry(log, self._audience_id(), self.newest)

    def take_out_opt_outs(self) -> Step:
        """A delivery of their own for those of the audience who said no, before every guard and check."""
        state = acknowledged_state(self.lake, self.ledger)
        if state is None or self.suppressions is None or not state.rows:
            return None
        writer = self._changes()
        counts = opt_out_changes(
            self.lake.dataset(state),
            self.lake.dataset(self.suppressions),
            self.errand.wanted,
            write=writer,
            workdir=self.workdir,
            late=leaving_is_due(self.ledger),
        )
        changes = writer.publish({})
        if counts.nothing_to_send:
            return None
        return self._deliver(Leg("opt_out", state, self.suppressions.id, self.suppressions.id, changes, counts))

    def deliver_audience(self, audience: Snapshot) -> Step:
        """What brings the platform to the audience. Raises NeedsHumanError when a guard stops it."""
        state, suppressions = acknowledged_state(self.lake, self.ledger), self.suppressions
        writer = self._changes()
        counts = audience_changes(
            self.lake.dataset(audience),
            self.lake.dataset(state) if state else None,
            self.lake.dataset(suppressions) if suppressions else None,
            self.errand.wanted,
            write=writer,
            workdir=self.workdir,
            late=leaving_is_due(self.ledger),
        )
        stop_what_needs_a_human(self.errand.pair, counts, self.errand.rails, self.platform.destination.contract)
        changes = writer.publish({})
        if counts.nothing_to_send and is_noted(self.ledger, audience, self.errand.on_removal):
            return None
        said_no = suppressions.id if suppressions else ""
        return self._deliver(Leg("audience", state, audience.id, said_no, changes, counts), newest=self.newest)

    def withdraw(self, *, delete: bool) -> Step:
        """Take everybody out, or delete the audience with everybody in it."""
        state = acknowledged_state(self.lake, self.ledger)
        if state is None or not state.rows:
            return None
        writer, held = self._changes(), self.lake.dataset(state)
        if delete:
            self.platform.destination.delete_audience(self.platform.transport, self._audience_id())
            self.ledger.audience().append("deleted", {})
            counts = deletion_changes(held, self.errand.wanted, write=writer, workdir=self.workdir)
        else:
            late = leaving_is_due(self.ledger)
            counts = audience_changes(
                _nobody(), held, None, self.errand.wanted, write=writer, workdir=self.workdir, late=late
            )
        return self._deliver(Leg("withdrawal", state, "", "", writer.publish({}), counts))

    def _changes(self) -> SnapshotWriter:
        return self.lake.writer(CHANGES.name, self.errand.pair.partition)

    def _audience_id(self) -> str:
        platform = self.platform
        return audience_on_platform(self.ledger, self.errand, platform.destination, platform.transport, platform.sleep)

    def _deliver(self, leg: Leg, newest: Callable[[], Snapshot | None] = lambda: None) -> Step:
        audience_id = self._audience_id() if leg.counts.batches.keys() - {"none"} else ""
        return self._carry(self.ledger.open(header(self.ledger, self.errand, leg)), audience_id, newest)

    def _carry(self, log: DeliveryLog, audience_id: str, newest: Callable[[], Snapshot | None] = lambda: None) -> Step:
        """Send what has no answer yet, and settle unless the platform still works on it."""
        heard = _Ear(self, log, newest)
        changes = self.lake.snapshot(CHANGES.name, self.errand.pair.partition, log.header["changes"])
        platform = self.platform
        courier = Courier(
            platform.destination,
            platform.transport,
            key=self.errand.key,
            sleep=platform.sleep,
            patience=platform.patience,
        )
        try:
            finished = courier.carry(log, self.lake.dataset(changes), audience_id, interrupt=heard.somebody)
        except FencedError:
            raise
        except SegmentAssetsError:
            if not log.open_jobs():
                # Noted at once, so that the tables tell the truth before anybody reruns.
                settle(self.lake, self.ledger, log, "failed", self.workdir)
            raise
        if heard.a_no:
            raise SomebodySaidNo(settle(self.lake, self.ledger, log, "interrupted", self.workdir))
        if not finished:
            return WAITING
        return settle(self.lake, self.ledger, log, outcome(log), self.workdir)

    def _a_no_must_be_heard(self, log: DeliveryLog, suppressions: Snapshot | None) -> bool:
        """Whether somebody said no since an open delivery began, who is in the audience or is about to be."""
        if suppressions is None or suppressions.id == log.header["suppressions"]:
            return False
        partition = self.errand.pair.partition
        changes = self.lake.dataset(self.lake.snapshot(CHANGES.name, partition, log.header["changes"]))
        before = log.header["from_state"]
        state = self.lake.snapshot(ACKNOWLEDGED.name, partition, before) if before else None
        held = self.lake.dataset(state) if state else None
        return anybody_named(held, changes, self.lake.dataset(suppressions), self.workdir)


class _Ear:
    """Listens between batches for somebody of this delivery who says no."""

    def __init__(self, run: PairRun, log: DeliveryLog, newest: Callable[[], Snapshot | None]) -> None:
        self._run, self._log, self._newest = run, log, newest
        self._known: set[str] = set()
        self.a_no = False

    def somebody(self) -> bool:
        suppressions = self._newest()
        if suppressions is not None and suppressions.id not in self._known:
            self._known.add(suppressions.id)
            self.a_no = self._run._a_no_must_be_heard(self._log, suppressions)  # noqa: SLF001 - one module
        return self.a_no


def _nobody() -> pads.Dataset:
    import pyarrow.dataset as pads

    return pads.dataset(HASHED_AUDIENCE.arrow_schema().empty_table())
