"""One run for one pair, in the order that the promises demand.

1. Finish what an earlier run left open: settle it (a crash, a platform that went away), or, where the platform works
   on jobs, ask how these are and send the rest.
   Jobs that a delivery left when a no stopped it are asked about until they end.
2. Opt-outs: a delivery of their own, before every guard and check.
3. A replace that broke off is filled up, since the platform holds less than anybody wanted.
4. What the caller's check says about the audience; guards on what the delivery would do.
5. The audience's delivery, if anything differs. Whoever says no meanwhile pre-empts it at the next batch boundary.

Belongs here: that order. Not here: the steps (`steps`), how each is done.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import time
import uuid
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import PermanentError, TransientError
from segment_assets.delivery.carrying import Platform
from segment_assets.delivery.courier import Patience
from segment_assets.delivery.creation import id_of
from segment_assets.delivery.errands import Errand, Report
from segment_assets.delivery.files import files_warning
from segment_assets.delivery.following import follow
from segment_assets.delivery.ledger import AudienceLedger, utc
from segment_assets.delivery.legs import goes_to, is_through, outcome
from segment_assets.delivery.letting_go import settle_without_adding
from segment_assets.delivery.rereading import spoken
from segment_assets.delivery.settling import Settled, settle
from segment_assets.delivery.step_answers import WAITING, ListsRenewed, SomebodySaidNo, Step, StillResting
from segment_assets.delivery.steps import PairRun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from segment_assets.contracts import Clock, Destination, Lake, Sleep, Snapshot, Transport
    from segment_assets.delivery.ledger import Entry

# How often one run begins again because somebody said no while it was sending; a later run goes on.
_RESTARTS = 10


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
        self._lake, self._workdir = lake, workdir
        self._platform = Platform(destination, transport, sleep, patience or Patience(), clock)

    def run(
        self,
        errand: Errand,
        audience: Snapshot | None,
        suppressions: Snapshot | None,
        *,
        approve: Callable[[], None] = lambda: None,
        newest: Callable[[], Snapshot | None] | None = None,
        newest_audience: Callable[[], Snapshot | None] | None = None,
    ) -> Report:
        """Bring the platform audience to what is wanted.

        `approve` is called after the opt-outs and raises NeedsHumanError when the audience must not go out.
        `newest` gives the suppressions of the moment: at every batch boundary it is asked whether anybody of this
        audience said no since `suppressions`; their removal then goes before the rest. `newest_audience` gives the
        hashed audience of the moment, checked or not, for those who took their consent back since `audience`.
        Raises TransientError, PermanentError or NeedsHumanError; what was acknowledged by then is noted, and the
        next run starts from there.
        """
        rows: list[Mapping[str, Any]] = []
        consents = audience
        for _ in range(_RESTARTS):
            with self._pair_run(errand) as bare:
                run = dataclasses.replace(
                    bare,
                    suppressions=suppressions,
                    newest=newest or (lambda: None),
                    consents=consents,
                    newest_consents=newest_audience or (lambda: None),
                )
                try:
                    waits = self._walked(
                        rows,
                        run.finish_what_was_left,
                        run.hear_of_left_jobs,
                        run.take_out_opt_outs,
                        run.fill_up_a_broken_replace,
                        lambda run=run: run.deliver_audience(_approved(errand, audience, approve)),  # type: ignore[misc]
                    )
                except StillResting as rest:
                    return _held(errand, rows, rest)
                except ListsRenewed as renewed:
                    rows.append(renewed.settled.row)
                except SomebodySaidNo as heard:
                    rows.append(heard.settled.row)
                    suppressions = run.newest() or suppressions
                    consents = run.newest_consents() or consents
                else:
                    said = files_warning(run.ledger, id_of(run.ledger), self._platform.destination.contract)
                    return Report(errand.pair, rows, waiting_for=goes_to(run.ledger) if waits else "", warning=said)
        raise TransientError(f"{errand.pair}: people keep saying no while it is sent; the rest goes with a later run")

    def follow(self, errand: Errand, is_due: Callable[[Entry], bool] = lambda _: True) -> Settled | None:
        """Ask about the open jobs of a pair; settle its delivery when all of it was sent and has ended."""
        platform = self._platform
        ledger = AudienceLedger(self._lake, errand.pair, platform.clock)
        log = ledger.last()
        if log is None or log.closed is not None or not log.open_jobs():
            return None
        follow(log, platform.destination, platform.transport, now=platform.clock(), is_due=is_due)
        if not is_through(log):
            return None
        with self._own_folder() as workdir:
            return settle(self._lake, ledger, log, outcome(log), workdir)

    def withdraw(
        self,
        errand: Errand,
        suppressions: Snapshot | None = None,
        consents: Snapshot | None = None,
        *,
        delete: bool,
    ) -> Report:
        """The plan names this pair no more: take everybody out, or delete the audience with everybody in it.

        Guards do not apply, since a person has changed the plan. Nobody is added, also where a delivery was left open;
        `suppressions` and `consents` (the newest hashed audience) say whose no does not wait for its jobs.
        Raises as `run` does.
        """
        rows: list[Mapping[str, Any]] = []
        with self._pair_run(errand) as bare:
            run = dataclasses.replace(bare, suppressions=suppressions, consents=consents)
            try:
                waits = self._walked(
                    rows,
                    lambda: settle_without_adding(run),
                    lambda: run.let_rest(after_anything=True),
                    lambda: run.withdraw(delete=delete),
                )
            except StillResting as rest:
                return _held(errand, rows, rest)
            return Report(errand.pair, rows, waiting_for=goes_to(run.ledger) if waits else "")

    def let_go(self, errand: Errand, suppressions: Snapshot | None, consents: Snapshot | None = None) -> Report:
        """The plan names this pair no more and keeps its audience: take out whoever said no, and add nobody.

        `consents` is the newest hashed audience, which tells who took their consent back. Raises as `run` does.
        """
        rows: list[Mapping[str, Any]] = []
        with self._pair_run(errand) as bare:
            run = dataclasses.replace(bare, suppressions=suppressions, consents=consents)
            waits = self._walked(rows, lambda: settle_without_adding(run), run.hear_of_left_jobs, run.take_out_opt_outs)
            return Report(errand.pair, rows, waiting_for=goes_to(run.ledger) if waits else "")

    @staticmethod
    def _walked(rows: list[Mapping[str, Any]], *steps: Callable[[], Step]) -> bool:
        """Take the steps and collect the rows that they settle. True when one has to wait for the platform."""
        for step in steps:
            settled = step()
            if settled is WAITING:
                return True
            if isinstance(settled, Settled):
                rows.append(settled.row)
        return False

    @contextlib.contextmanager
    def _pair_run(self, errand: Errand) -> Iterator[PairRun]:
        ledger = AudienceLedger(self._lake, errand.pair, self._platform.clock)
        ours = spoken(self._platform.destination, errand, ledger)
        platform = dataclasses.replace(self._platform, destination=ours.destination)
        with self._own_folder() as workdir:
            yield PairRun(self._lake, platform, ledger, ours.errand, workdir, other_readings=ours.others)

    @contextlib.contextmanager
    def _own_folder(self) -> Iterator[Path]:
        workdir = self._workdir / uuid.uuid4().hex
        try:
            yield workdir
        finally:
            shutil.rmtree(workdir, ignore_errors=True)


def _held(errand: Errand, rows: list[Mapping[str, Any]], rest: StillResting) -> Report:
    until, by = f"{utc(rest.until):%Y-%m-%d %H:%M} UTC", "the platform's time for what was sent before, which ends"
    return Report(errand.pair, rows, held_until=until, held_by=by)


def _approved(errand: Errand, audience: Snapshot | None, approve: Callable[[], None]) -> Snapshot:
    """The audience, once the caller has nothing against it."""
    approve()
    if audience is None:
        raise PermanentError(f"{errand.pair}: there is no hashed audience yet; materialise hashed_audience first")
    return audience
