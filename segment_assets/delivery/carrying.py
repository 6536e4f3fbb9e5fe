"""One delivery of a pair: opened, carried to its end or to somebody's no, and settled.

Belongs here: what every step of a run does with the changes that it found, whatever they are. Not here: finding them
(`steps`), sending batches (`courier`), what a state is then (`settling`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from segment_assets.contracts import SegmentAssetsError, TransientError
from segment_assets.delivery.courier import Courier, Patience
from segment_assets.delivery.creation import audience_on_platform, id_of
from segment_assets.delivery.files import files_noted, must_fit
from segment_assets.delivery.filling import FilledBatches, known_id
from segment_assets.delivery.gate import heard
from segment_assets.delivery.leaving import anybody_named, said_no, withdrawn
from segment_assets.delivery.ledger import FencedError
from segment_assets.delivery.legs import Leg, header, outcome
from segment_assets.delivery.replacing import Ending, has_begun
from segment_assets.delivery.settling import settle
from segment_assets.delivery.step_answers import WAITING, SomebodySaidNo, Step
from segment_assets.delivery.wanted import SILENT
from segment_assets.tables import ACKNOWLEDGED, CHANGES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pyarrow.dataset as pads

    from segment_assets.contracts import Clock, Destination, Lake, MatchKey, Sleep, Snapshot, Transport
    from segment_assets.delivery.errands import Errand
    from segment_assets.delivery.ledger import AudienceLedger, DeliveryLog


@dataclasses.dataclass(frozen=True, slots=True)
class Platform:
    """The outside of one account: its wire format, the way there, and how long to wait for it."""

    destination: Destination
    transport: Transport
    sleep: Sleep
    patience: Patience
    clock: Clock


@dataclasses.dataclass(frozen=True, slots=True)
class Carrying:
    """What one run for one pair works with, and how it delivers.

    `newest` gives the suppressions of the moment, `suppressions` those it began with. `consents` is the version of
    hashed_audience that tells who took their consent back, which need not be the one that is delivered;
    `newest_consents` gives that of the moment. `other_readings` are keys that the settings of the account read
    otherwise than this audience was sent.
    """

    lake: Lake
    platform: Platform
    ledger: AudienceLedger
    errand: Errand
    workdir: Path
    suppressions: Snapshot | None = None
    newest: Callable[[], Snapshot | None] = lambda: None
    consents: Snapshot | None = None
    other_readings: tuple[MatchKey, ...] = ()
    newest_consents: Callable[[], Snapshot | None] = lambda: None

    def a_no_must_be_heard(self, log: DeliveryLog) -> bool:
        """Whether somebody of an open delivery said no since it began, by what this run began with."""
        return self.is_a_no_of(log, self.suppressions, self.consents)

    def end_replace(self, log: DeliveryLog) -> None:
        """End a replace that broke off, without anybody who said no by what this run began with."""
        self.end_replace_without(log, self.suppressions)

    def said_no(self, suppressions: Snapshot | None, consents: Snapshot | None) -> pads.Dataset | None:
        """Rows as in SUPPRESSIONS of everybody who said no by either; None where nobody could have."""
        known = self.lake.dataset(suppressions) if suppressions else None
        return said_no(known, withdrawn(self.lake, consents, self.workdir))

    def changes(self) -> FilledBatches:
        """A writer of the next delivery's changes."""
        writer = self.lake.writer(CHANGES.name, self.errand.pair.partition)
        audience_id = id_of(self.ledger) or self.errand.adopt or known_id(self.ledger)
        return FilledBatches(writer, self.platform.destination, audience_id)

    def audience_id(self) -> str:
        """The platform's id of the audience, which is found, adopted or made where the pair has none yet."""
        platform = self.platform
        with heard(platform.transport):
            return audience_on_platform(
                self.ledger, self.errand, platform.destination, platform.transport, platform.sleep
            )

    def deliver(self, leg: Leg, newest: Callable[[], Snapshot | None] = lambda: None) -> Step:
        """Open a delivery and carry it. Raises as `carry` does, and as `files.must_fit`."""
        audience_id = self.audience_id() if leg.counts.batches.keys() - SILENT else ""
        contract = self.platform.destination.contract
        opened = {**header(self.ledger, self.errand, leg), **files_noted(self.ledger, audience_id, contract)}
        must_fit(self.errand.pair, opened, contract)
        return self.carry(self.ledger.open(opened), audience_id, newest)

    def carry(self, log: DeliveryLog, audience_id: str, newest: Callable[[], Snapshot | None] = lambda: None) -> Step:
        """Send what has no answer yet, and settle unless the platform still works on it.

        Raises SomebodySaidNo at the batch boundary at which it is heard, and as the courier does.
        """
        ear = _Ear(self, log, newest)
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
            finished = courier.carry(log, self.lake.dataset(changes), audience_id, interrupt=ear.somebody)
        except FencedError:
            raise
        except SegmentAssetsError as error:
            # What was uploaded and not committed is gone on with; it has reached nobody.
            is_kept = log.open_jobs() or (log.staged() and isinstance(error, TransientError))
            if not is_kept:
                self.end_replace_without(log, newest() or self.suppressions)
                # Noted at once, so that the tables tell the truth before anybody reruns.
                settle(self.lake, self.ledger, log, "failed", self.workdir)
            raise
        if ear.a_no:
            self.end_replace_without(log, newest())
            raise SomebodySaidNo(settle(self.lake, self.ledger, log, "interrupted", self.workdir))
        if not finished:
            return WAITING
        return settle(self.lake, self.ledger, log, outcome(log), self.workdir)

    def end_replace_without(self, log: DeliveryLog, suppressions: Snapshot | None) -> None:
        """So that the platform takes other changes again, see `replacing`."""
        if has_begun(log):
            platform = self.platform
            ending = Ending(
                self.errand.pair, self.lake, platform.destination, platform.transport, self.errand.key, self.workdir
            )
            ending.end(log, self.audience_id(), suppressions)

    def is_a_no_of(self, log: DeliveryLog, suppressions: Snapshot | None, consents: Snapshot | None) -> bool:
        """Whether somebody said no since an open delivery began, who is in the audience or is about to be."""
        known = (log.header["suppressions"], log.header["to_snapshot"])
        news = [snapshot if snapshot and snapshot.id not in known else None for snapshot in (suppressions, consents)]
        names = self.said_no(*news)
        if names is None:
            return False
        partition = self.errand.pair.partition
        changes = self.lake.dataset(self.lake.snapshot(CHANGES.name, partition, log.header["changes"]))
        before = log.header["from_state"]
        state = self.lake.snapshot(ACKNOWLEDGED.name, partition, before) if before else None
        held = self.lake.dataset(state) if state else None
        return anybody_named(held, changes, names, self.workdir)


class _Ear:
    """Listens between batches for somebody of this delivery who says no."""

    def __init__(self, run: Carrying, log: DeliveryLog, newest: Callable[[], Snapshot | None]) -> None:
        self._run, self._log, self._newest = run, log, newest
        # Deaf to both kinds of a no, or to none: what takes people out who said no is not stopped for others.
        self._newest_consents = run.newest_consents if newest == run.newest else (lambda: None)
        self._known: set[str] = set()
        self.a_no = False

    def somebody(self) -> bool:
        now = (self._newest(), self._newest_consents())
        ids = {snapshot.id for snapshot in now if snapshot is not None}
        if ids - self._known:
            self._known |= ids
            self.a_no = self._run.is_a_no_of(self._log, *now)
        return self.a_no
