"""The steps of one run for one pair, each of which leaves a closed delivery behind, or nothing, or waits.

Belongs here: what each step compares and delivers. Not here: their order and what a run gives back (`run`), what a step
answers (`step_answers`), one delivery (`carrying`), how each part is done (`changes`, `leaving`, `settling`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from segment_assets.contracts import Mode, NeedsHumanError, RefusedRemovalError
from segment_assets.delivery.carrying import Carrying
from segment_assets.delivery.changes import audience_changes
from segment_assets.delivery.creation import (
    is_adopted,
    refuse_another_kind,
    refuse_to_adopt_another,
)
from segment_assets.delivery.files import FullListError
from segment_assets.delivery.following import LATE_FAILURES, follow, follow_what_answers, is_to_rest, late_refusals
from segment_assets.delivery.gate import for_opt_outs, heard
from segment_assets.delivery.guards import stop_what_needs_a_human
from segment_assets.delivery.leaving import (
    deletion_changes,
    opt_out_changes,
    refused_removal,
    withdrawn,
)
from segment_assets.delivery.left_jobs import hear_of_left_jobs, is_still_adding
from segment_assets.delivery.legs import (
    Leg,
    is_noted,
    is_to_get_through,
    leaving_is_due,
    outcome_now,
    state_date,
)
from segment_assets.delivery.refreshing import Refresh, resyncs, said, sent_before
from segment_assets.delivery.replacing import (
    broken_off,
    mode_of,
    refuse_what_cannot_be_replaced,
    rests_until,
)
from segment_assets.delivery.rereading import refuse_another_reading
from segment_assets.delivery.settling import Settled, acknowledged_state, settle
from segment_assets.delivery.step_answers import ListsRenewed, Step, StillResting
from segment_assets.delivery.wanted import SILENT
from segment_assets.tables import HASHED_AUDIENCE

if TYPE_CHECKING:
    import pyarrow.dataset as pads

    from segment_assets.contracts import Snapshot


class PairRun(Carrying):
    """The steps of one run for one pair."""

    __slots__ = ()

    def finish_what_was_left(self) -> Step:
        """Settle a delivery that an earlier run left open, or send the rest of it where the platform works on jobs."""
        log = self.ledger.last()
        if log is None or log.closed is not None:
            return None
        if not log.can_be_continued():
            self.end_replace(log)
            return settle(self.lake, self.ledger, log, "interrupted", self.workdir)
        platform, is_deaf = self.platform, is_to_get_through(self.ledger, log)
        is_stopped = not is_deaf and self.a_no_must_be_heard(log)
        if log.open_jobs():
            # A job that has ended is not done again for a no, which waits for no answer.
            asks = follow_what_answers if is_stopped else follow
            asks(log, platform.destination, platform.transport, now=platform.clock())
        if is_stopped:
            self.end_replace(log)
            return settle(self.lake, self.ledger, log, outcome_now(log), self.workdir)
        return self.carry(log, self.audience_id(), (lambda: None) if is_deaf else self.newest)

    def hear_of_left_jobs(self) -> Step:
        """Ask about jobs of a delivery that somebody's no has stopped, so that nobody of them is sent again."""
        hear_of_left_jobs(self.ledger, self.platform.destination, self.platform.transport, self.workdir)
        return None

    def _leaving_is_due(self) -> bool:
        # Taken out before their addition is through, they would come back with it.
        return leaving_is_due(self.ledger) and not is_still_adding(self.ledger, self.platform.destination.contract)

    def take_out_opt_outs(self) -> Step:
        """A delivery of their own for those of the audience who said no, before every guard and check."""
        state = acknowledged_state(self.lake, self.ledger)
        took_back = withdrawn(self.lake, self.consents, self.workdir)
        if state is None or not state.rows or (self.suppressions is None and took_back is None):
            return None
        writer = self.changes()
        counts = opt_out_changes(
            self.lake.dataset(state),
            self.lake.dataset(self.suppressions) if self.suppressions else None,
            self.errand.wanted,
            write=writer,
            workdir=self.workdir,
            took_back=took_back,
            late=self._leaving_is_due(),
        )
        changes = writer.publish({})
        if counts.nothing_to_send:
            return None
        counts = writer.counted(counts)
        is_hopeless = self._deletes_what_lets_nobody_out() and late_refusals(self.ledger) >= LATE_FAILURES
        if is_hopeless or is_to_rest(self.ledger, counts.removes):
            raise self._let_nobody_out(counts.removes)
        known = self.suppressions.id if self.suppressions else ""
        try:
            settled = self.deliver(Leg("opt_out", state, known, known, changes, counts))
        except RefusedRemovalError as refusal:
            raise self._let_nobody_out(counts.removes, str(refusal)) from refusal
        if isinstance(settled, Settled) and settled.row["removes_refused"]:
            raise self._let_nobody_out(settled.row["removes_refused"])
        return settled

    def _let_nobody_out(self, people: int, why: str = "") -> NeedsHumanError:
        """The platform refused to take people out who said no: do what the contract says, and say so."""
        is_deleted = self._deletes_what_lets_nobody_out()
        if is_deleted:
            with for_opt_outs(self.platform.transport):
                self.withdraw(delete=True)
        return refused_removal(self.errand.pair, people, is_deleted=is_deleted, why=why)

    def _deletes_what_lets_nobody_out(self) -> bool:
        # An adopted audience may hold people whom somebody else put there.
        return self.platform.destination.contract.on_refused_removal == "delete" and not is_adopted(self.ledger)

    def fill_up_a_broken_replace(self) -> Step:
        """Bring an audience whose replace broke off to what it was for, by single changes.

        Where somebody has to go and nobody can be taken out, it is by another replace. Neither guards nor the caller's
        check are asked again: these people were let through, and are missing. Raises StillResting.
        """
        missing = broken_off(self.ledger)
        if not missing:
            return None
        audience = self.lake.snapshot(HASHED_AUDIENCE.name, self.errand.pair.segment, missing)
        leg = self._leg(audience, Mode.MIRROR, is_let_through=True)
        takes_out = not {"retire", "remove"}.isdisjoint(leg.counts.batches)
        if takes_out and not self.platform.destination.contract.takes_people_out:
            leg = self._leg(audience, Mode.REPLACE, is_let_through=True)
        if leg.counts.batches.keys() - SILENT:
            self.let_rest()
        return self.deliver(leg, newest=self.newest)

    def deliver_audience(self, audience: Snapshot) -> Step:
        """What brings the platform to the audience. Raises NeedsHumanError when a guard stops it, or StillResting."""
        refuse_another_reading(self.errand.pair, self.other_readings)
        contract = self.platform.destination.contract
        if contract.follow is not None and is_still_adding(self.ledger, contract):
            raise StillResting(self.ledger.clock() + contract.follow.first)
        leg = self._leg(audience, self._mode_for(audience))
        if leg.counts.nothing_to_send and is_noted(self.ledger, audience, self.errand):
            return None
        if leg.counts.batches.keys() - SILENT:
            self.let_rest()
        try:
            return self.deliver(leg, newest=self.newest)
        except FullListError as full:
            if contract.on_full_list == "needs_human" or not full.fits_a_new_one or is_adopted(self.ledger):
                raise
            deleted = self.withdraw(delete=True)
            if not isinstance(deleted, Settled):
                raise
            raise ListsRenewed(deleted) from full

    def let_rest(self, *, after_anything: bool = False) -> None:
        """Raise StillResting while the platform may work on what was sent before, in whatever order."""
        until = rests_until(self.ledger, self.platform.destination.contract, after_anything=after_anything)
        if self.ledger.clock() < until:
            raise StillResting(until)

    def _mode_for(self, audience: Snapshot) -> Mode:
        """The plan's, but an emptied audience is filled by a list that takes out whom an older one has brought back."""
        replacing, last = self.platform.destination.contract.replacing, self.ledger.last()
        was_emptied = last is not None and last.header["lane"] == "withdrawal"
        if was_emptied and replacing and replacing.rest_seconds and audience.rows <= replacing.most_members:
            return Mode.REPLACE
        return self.errand.wanted.mode

    def _leg(self, audience: Snapshot, mode: Mode, *, is_let_through: bool = False) -> Leg:
        refuse_another_kind(self.ledger, self.errand)
        refuse_to_adopt_another(self.ledger, self.errand)
        state, suppressions = acknowledged_state(self.lake, self.ledger), self.suppressions
        writer, saying = self.changes(), said(self.ledger, self.platform.destination.contract)
        counts = audience_changes(
            self.lake.dataset(audience),
            self.lake.dataset(state) if state else None,
            # An older audience still has those who took their consent back since.
            self.said_no(suppressions, None if self.consents == audience else self.consents),
            dataclasses.replace(self.errand.wanted, mode=mode),
            write=writer,
            workdir=self.workdir,
            late=self._leaving_is_due(),
            refresh=self._refresh(mode, saying.get("said_since", 0.0)),
        )
        mode, contract, counts = mode_of(mode, counts), self.platform.destination.contract, writer.counted(counts)
        if not is_let_through:
            stop_what_needs_a_human(self.errand.pair, counts, self.errand.rails, contract)
        if mode is Mode.REPLACE:
            refuse_what_cannot_be_replaced(counts, contract)
        said_no = suppressions.id if suppressions else ""
        return Leg("audience", state, audience.id, said_no, writer.publish({}), counts, mode, saying)

    def _refresh(self, mode: Mode, said_since: float) -> Refresh:
        asked, now = resyncs(self.ledger).entries, self.ledger.clock()
        resync_from = max(said_since, asked[-1].at if asked else 0.0)
        # In any other mode whoever is in doubt is sent again anyhow.
        before = sent_before(self.lake, self.ledger) if mode is Mode.REMOVE_ONLY else ()
        return Refresh(now, state_date(self.ledger), resync_from, before)

    def withdraw(self, *, delete: bool) -> Step:
        """Take everybody out, or delete the audience with everybody in it, also where it is the only way out."""
        state = acknowledged_state(self.lake, self.ledger)
        if state is None or not state.rows:
            return None
        writer, held, contract = self.changes(), self.lake.dataset(state), self.platform.destination.contract
        if (delete or not contract.takes_people_out) and not is_adopted(self.ledger) and not contract.keeps_people:
            with heard(self.platform.transport):
                self.platform.destination.delete_audience(self.platform.transport, self.audience_id())
            self.ledger.audience().append("deleted", {})
            counts = deletion_changes(held, self.errand.wanted, write=writer, workdir=self.workdir)
        else:
            late = leaving_is_due(self.ledger)
            everybody_out = dataclasses.replace(self.errand.wanted, mode=Mode.MIRROR)
            counts = audience_changes(
                _nobody(), held, None, everybody_out, write=writer, workdir=self.workdir, late=late
            )
        return self.deliver(Leg("withdrawal", state, "", "", writer.publish({}), writer.counted(counts)))


def _nobody() -> pads.Dataset:
    import pyarrow.dataset as pads

    return pads.dataset(HASHED_AUDIENCE.arrow_schema().empty_table())
