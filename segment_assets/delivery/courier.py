"""The courier: carries the batches of one delivery to the platform, one at a time, and notes every answer.

Belongs here: the order of calls, intent before and receipt after each, pacing by quota, waiting and trying again.
Not here: how a platform's answer is read (`destinations`), what the notes add up to (`settling`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from typing import TYPE_CHECKING, TypeVar, cast

from segment_assets.contracts import (
    Answer,
    NeedsHumanError,
    PassingMembersError,
    PermanentError,
    RefusedBatchError,
    RefusedMembersError,
    TransientError,
)
from segment_assets.delivery.gate import asked_to_rest, for_opt_outs, heard, left_of_the_day
from segment_assets.delivery.narrowing import Narrowing, of_the_day
from segment_assets.delivery.outgoing import batches, is_above, keyed, session_of
from segment_assets.delivery.pacing import LONGEST_WAIT, Pace, retry_after
from segment_assets.delivery.preparing import request_for, with_requests
from segment_assets.delivery.trying_again import retrying
from segment_assets.delivery.workflow import Sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow.dataset as pads

    from segment_assets.contracts import (
        Clock,
        Destination,
        Member,
        Request,
        Response,
        Session,
        Sleep,
        Transport,
        WorkflowDestination,
    )
    from segment_assets.delivery.ledger import DeliveryLog
    from segment_assets.delivery.outgoing import Batch

T = TypeVar("T")

# Lanes for people who said no: they have their part of a day's quota.
_FOR_OPT_OUTS = frozenset({"opt_out", "erasure"})
# Why somebody is refused whose record alone makes a request larger than the contract's `batch_bytes`.
TOO_LARGE = "larger_than_a_request"


@dataclasses.dataclass(frozen=True, slots=True)
class Patience:
    """How long a run waits for a platform before it leaves the rest to a later run. Seconds.

    `longest_delivery` is for all batches of one delivery; the first goes in any case, so that every run gets on. It has
    to leave a run time to settle before the daemon ends it (`max_runtime_seconds`, two hours).
    """

    attempts: int = 5
    first_wait: float = 0.5
    longest_wait: float = LONGEST_WAIT
    longest_delivery: float = 5_400.0


class Courier:
    """Sends to one platform account. `key` keys the request digests of the receipts."""

    def __init__(
        self,
        destination: Destination,
        transport: Transport,
        *,
        key: bytes,
        sleep: Sleep,
        patience: Patience,
        clock: Clock = time.monotonic,
    ) -> None:
        self._destination, self._transport = destination, transport
        self._key, self._sleep, self._patience = key, sleep, patience
        self._account = destination.contract.platform
        self._pace = Pace(destination.contract.quota, self._account)
        self._clock, self._ends_at = clock, clock() + patience.longest_delivery

    def carry(
        self,
        log: DeliveryLog,
        changes: pads.Dataset,
        audience_id: str,
        *,
        interrupt: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Send every batch that has no answer yet. True when all have one, and no job of theirs is open.

        False when `interrupt` asked to stop at a batch boundary, or when a job has to end before the next phase may
        begin: a platform that works later keeps no order between an addition and a removal.
        Raises TransientError when the platform cannot be reached within `patience`, PermanentError or
        NeedsHumanError when it refuses, FencedError when another run took over.
        """
        received: dict[int, int] = {}
        pause = 0.0
        sessions = self._sessions(log, audience_id)
        # A short removal that went again within its delivery was uploaded for ever where the platform never does more.
        answered = {place for place, said in log.batch_standings().items() if said != "in_doubt"} | log.left_in_doubt()
        waiting = (batch for batch in batches(changes) if (batch.phase, batch.number) not in answered)
        # A step of a workflow names what a later request has in it.
        if sessions is None:
            waiting = with_requests(waiting, self._destination, log.header, audience_id)
        is_for_opt_outs = log.header["lane"] in _FOR_OPT_OUTS
        lane = for_opt_outs(self._transport) if is_for_opt_outs else contextlib.nullcontext()
        with lane, contextlib.closing(waiting):
            for batch in waiting:
                if pause:
                    self._wait_as_asked(pause)
                if interrupt() or self._has_to_wait(log, batch):
                    return False
                if received:
                    self._stop_at_the_deadline()
                if sessions is None:
                    pause = self._send(log, batch, received, audience_id)
                elif sessions.begin(batch):
                    if not sessions.has(batch):
                        pause = self._send(log, batch, received, audience_id, sessions)
                    sessions.end(batch)
        if pause:
            # Another delivery to the account may come right behind; a longer rest fails none that is through.
            self._sleep(min(pause, self._patience.longest_wait))
        return not log.open_jobs()

    def _sessions(self, log: DeliveryLog, audience_id: str) -> Sessions | None:
        workflow = self._destination.contract.workflow
        if workflow is None:
            return None
        speaks = cast("WorkflowDestination", self._destination)
        return Sessions(log, speaks, workflow, audience_id, self._key, self)

    def _has_to_wait(self, log: DeliveryLog, batch: Batch) -> bool:
        workflow = self._destination.contract.workflow
        alone = workflow is not None and workflow.one_at_a_time
        return any(alone or receipt.body["phase"] != batch.phase for receipt in log.open_jobs())

    def _send(
        self,
        log: DeliveryLog,
        batch: Batch,
        received: dict[int, int],
        audience_id: str,
        sessions: Sessions | None = None,
    ) -> float:
        """Send a batch and keep the platform's count. Returns the seconds of rest that the platform asks for."""
        session = session_of(log.header, batch, self._destination.contract.workflow)
        session = dataclasses.replace(session, received_before=received.get(session.token, 0))
        if sessions is not None:
            session = sessions.uploading(batch, session)
        answer = self._narrowed(log, batch, session, audience_id)
        received[session.token] = answer.session_received
        return answer.pause

    def _narrowed(self, log: DeliveryLog, batch: Batch, session: Session, audience_id: str) -> Answer:
        """Send a batch, and where the platform will not have all of it, everybody whom it will have (`narrowing`)."""
        narrowing = Narrowing(len(batch.members), session)
        while (part := narrowing.next) is not None:
            members = part.members(batch.members)
            ours = part.session(session)
            request, said = request_for(self._destination, audience_id, batch, members, ours)
            note = {**self._note(batch, said), **part.note(len(batch.members))}
            if is_above(self._destination.contract.batch_bytes, request):
                self._part(narrowing, batch)
                continue
            try:
                answer = self._ask(log, note, members, ours, request)
                narrowing.taken(answer)
                if answer.pause and narrowing.next is not None:
                    self._wait_as_asked(answer.pause)
            except PassingMembersError as error:
                # One person in lasting trouble would otherwise hold up the batch, and all behind it, for ever.
                narrowing.passed_over(error.places, error.answer)
            except (PermanentError, NeedsHumanError) as refusal:
                narrowing.at_most(of_the_day(left_of_the_day(self._transport)))
                # The half of a batch would begin a replace of its own, which takes everybody out again.
                if batch.phase == "replace" or not self._has_narrowed(narrowing, refusal):
                    # A batch of which a part was taken is in doubt, not refused: its intent stands without an answer.
                    if not narrowing.has_answers:
                        log.chain.append("refused", {**note, "code": refusal.code or type(refusal).__name__})
                    raise
        answer = narrowing.result()
        log.chain.append("receipt", {**note, **narrowing.receipt(batch.members)})
        return answer

    @staticmethod
    def _has_narrowed(narrowing: Narrowing, refusal: PermanentError | NeedsHumanError) -> bool:
        """Whether a refusal says enough to go on with a part of the batch."""
        if isinstance(refusal, RefusedMembersError):
            return narrowing.named(refusal.places)
        if isinstance(refusal, RefusedBatchError):
            return narrowing.unnamed(refusal.code or type(refusal).__name__)
        return False

    def _part(self, narrowing: Narrowing, batch: Batch) -> None:
        if batch.phase == "replace":
            # A part of it would begin a replace of its own, which takes everybody out again.
            raise PermanentError(
                f"{self._account}: a batch of a replace is larger than a request may be; change the mode in the plan"
            )
        narrowing.too_large(TOO_LARGE)

    def _note(self, batch: Batch, said: bytes) -> dict[str, object]:
        return {
            "phase": batch.phase,
            "batch": batch.number,
            "sent": len(batch.members),
            "request_digest": keyed(self._key, said),
            **self._staged,
        }

    @property
    def _staged(self) -> dict[str, object]:
        """An upload that does nothing before its commit is told apart from what may have reached somebody."""
        workflow = self._destination.contract.workflow
        return {"staged": True} if workflow is not None and workflow.commits else {}

    def _ask(
        self,
        log: DeliveryLog,
        note: Mapping[str, object],
        members: Sequence[Member],
        session: Session,
        request: Request,
    ) -> Answer:
        def read(response: Response) -> Answer:
            answer = self._understood(members, session, response)
            pause = max(answer.pause, self._pace.pause_after(response.headers))
            asked_to_rest(self._transport, pause)
            return dataclasses.replace(answer, pause=pause)

        def once() -> Answer:
            self.take_a_turn()
            log.chain.append("intent", note)
            return self.told(request, read)

        return self.patiently(once)

    def take_a_turn(self) -> None:
        """Wait until the account has room for a call: before an intent is noted, so that none is of a call not made."""
        turn = getattr(self._transport, "take_a_turn", self._pace.take_a_turn)
        turn()

    def told(self, request: Request, read: Callable[[Response], T]) -> T:
        """Send, and understand the answer. A refusal for now says how long, where the standard header does."""
        response = self._transport.send(request)
        with heard(self._transport):
            try:
                return read(response)
            except TransientError as error:
                if error.retry_after is None:
                    error.retry_after = retry_after(response.headers) or None
                raise

    def patiently(self, once: Callable[[], T]) -> T:
        """Try again while that may help and a run can wait for it."""
        result: T = retrying(self._patience, self._sleep)(once)
        return result

    def _understood(self, members: Sequence[Member], session: Session, response: Response) -> Answer:
        answer = self._destination.read(members, session, response)
        said = answer.accepted + len(answer.rejected) + answer.unproven
        if said != len(members):
            raise PermanentError(
                f"{self._account}: an answer on {len(members)} people was read as one on {said}; the connector's "
                "`read` has to account for everybody; report this as a defect"
            )
        return answer

    def _stop_at_the_deadline(self) -> None:
        if self._clock() >= self._ends_at:
            raise TransientError(
                f"{self._account}: the delivery has taken the {self._patience.longest_delivery:.0f} s that a run may; "
                "what was answered is noted, and the rest goes with a later run"
            )

    def _wait_as_asked(self, seconds: float) -> None:
        if seconds > self._patience.longest_wait:
            raise TransientError(
                f"{self._account} asks for {seconds:.0f} s of rest; the rest of this delivery goes with a later run",
                retry_after=seconds,
            )
        self._sleep(seconds)
