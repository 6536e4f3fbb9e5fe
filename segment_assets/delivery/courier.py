"""The courier: carries the batches of one delivery to the platform, one at a time, and notes every answer.

Belongs here: the order of calls, intent before and receipt after each, pacing by quota, waiting and trying again.
Not here: how a platform's answer is read (`destinations`), what the notes add up to (`settling`).
"""

from __future__ import annotations

import dataclasses
import hmac
import json
import time
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import tenacity

from segment_assets.contracts import (
    Answer,
    Member,
    NeedsHumanError,
    Operation,
    PermanentError,
    RefusedBatchError,
    RefusedMembersError,
    Session,
    TransientError,
)
from segment_assets.delivery.ledger import FencedError, minted
from segment_assets.delivery.narrowing import Narrowing
from segment_assets.delivery.pacing import Pace, retry_after
from segment_assets.delivery.wanted import FORMS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pyarrow as pa
    import pyarrow.dataset as pads

    from segment_assets.contracts import Clock, Destination, Request, Sleep, Transport
    from segment_assets.delivery.ledger import DeliveryLog

OPERATIONS = {
    "add": Operation.ADD,
    "retire": Operation.REMOVE,
    "reaffirm": Operation.ADD,
    "remove": Operation.REMOVE,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Patience:
    """How long a run waits for a platform before it leaves the rest to a later run. Seconds.

    `longest_delivery` is for all batches of one delivery; the first goes in any case, so that every run gets on. It has
    to leave a run time to settle before the daemon ends it (`max_runtime_seconds`, two hours).
    """

    attempts: int = 5
    first_wait: float = 0.5
    longest_wait: float = 30.0
    longest_delivery: float = 5_400.0


@dataclasses.dataclass(frozen=True, slots=True)
class Batch:
    """The members of one request, and where it stands in its phase."""

    phase: str
    number: int
    members: Sequence[Member]


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
        received: dict[str, int] = {}
        pause = 0.0
        answered = {place for place, said in log.batch_standings().items() if said != "in_doubt"}
        for batch in batches(changes):
            if (batch.phase, batch.number) in answered:
                continue
            if pause:
                self._wait_as_asked(pause)
            if interrupt() or any(receipt.body["phase"] != batch.phase for receipt in log.open_jobs()):
                return False
            if received:
                self._stop_at_the_deadline()
            session = session_of(log.header, batch, received.get(batch.phase, 0))
            answer = self._narrowed(log, batch, session, audience_id)
            received[batch.phase], pause = answer.session_received, answer.pause
        if pause:
            # Another delivery to the account may come right behind; a longer rest fails none that is through.
            self._sleep(min(pause, self._patience.longest_wait))
        return not log.open_jobs()

    def _narrowed(self, log: DeliveryLog, batch: Batch, session: Session, audience_id: str) -> Answer:
        """Send a batch, and where the platform will not have all of it, everybody whom it will have (`narrowing`)."""
        narrowing = Narrowing(len(batch.members), session)
        while (part := narrowing.next) is not None:
            members = part.members(batch.members)
            ours = part.session(session)
            request = self._destination.request(audience_id, OPERATIONS[batch.phase], members, ours)
            note = {**self._note(batch, request), **part.note(len(batch.members))}
            try:
                answer = self._ask(log, note, members, ours, request)
                narrowing.taken(answer)
                if answer.pause and narrowing.next is not None:
                    self._wait_as_asked(answer.pause)
            except (PermanentError, NeedsHumanError) as refusal:
                if not self._has_narrowed(narrowing, refusal):
                    # A batch of which a part was taken is in doubt, not refused: its intent stands without an answer.
                    if not narrowing.has_answers:
                        log.chain.append("refused", {**note, "code": refusal.code or type(refusal).__name__})
                    raise
        answer = narrowing.result()
        log.chain.append("receipt", {**note, **_receipt(batch, answer, narrowing.given_up)})
        return answer

    @staticmethod
    def _has_narrowed(narrowing: Narrowing, refusal: PermanentError | NeedsHumanError) -> bool:
        """Whether a refusal says enough to go on with a part of the batch."""
        if isinstance(refusal, RefusedMembersError):
            return narrowing.named(refusal.places)
        if isinstance(refusal, RefusedBatchError):
            return narrowing.unnamed(refusal.code or type(refusal).__name__)
        return False

    def _note(self, batch: Batch, request: Request) -> dict[str, object]:
        return {
            "phase": batch.phase,
            "batch": batch.number,
            "sent": len(batch.members),
            "request_digest": request_digest(self._key, request),
        }

    def _ask(
        self,
        log: DeliveryLog,
        note: Mapping[str, object],
        members: Sequence[Member],
        session: Session,
        request: Request,
    ) -> Answer:
        def once() -> Answer:
            self._pace.take_a_turn()
            log.chain.append("intent", note)
            response = self._transport.send(request)
            try:
                answer = self._destination.read(members, session, response)
            except TransientError as error:
                if error.retry_after is None:
                    error.retry_after = retry_after(response.headers) or None
                raise
            return dataclasses.replace(answer, pause=max(answer.pause, self._pace.pause_after(response.headers)))

        answer: Answer = self._retrying()(once)
        return answer

    def _retrying(self) -> tenacity.Retrying:
        patience = self._patience
        backoff = tenacity.wait_random_exponential(multiplier=patience.first_wait, max=patience.longest_wait)

        def wait(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.retry_after if isinstance(error, TransientError) else None
            return asked if asked is not None else backoff(state)

        def worth_waiting(error: BaseException) -> bool:
            if isinstance(error, FencedError) or not isinstance(error, TransientError):
                return False
            return error.retry_after is None or error.retry_after <= patience.longest_wait

        return tenacity.Retrying(
            stop=tenacity.stop_after_attempt(patience.attempts),
            wait=wait,
            retry=tenacity.retry_if_exception(worth_waiting),
            sleep=self._sleep,
            reraise=True,
        )

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


def session_of(header: Mapping[str, Any], batch: Batch, received_before: int) -> Session:
    """Where a batch stands in its phase, from the header of its delivery: the same for every try and for a replay."""
    return Session(
        token=int(minted(header["delivery_id"], batch.phase)[:15], 16) + 1,
        sequence=batch.number,
        last=batch.number == header["batches"][batch.phase],
        members_in_total=header["records"][batch.phase],
        received_before=received_before,
    )


def request_digest(key: bytes, request: Request) -> str:
    """Keyed digest of a request (HMAC-SHA-256 hex), which proves what was sent and tells nothing about the people."""
    body = json.dumps([request.method, request.path, request.json, dict(request.params)], sort_keys=True)
    return hmac.new(key, body.encode(), sha256).hexdigest()


def batches(changes: pads.Dataset) -> Iterator[Batch]:
    """The batches in the order in which they were written. Memory: one batch and one read-ahead."""
    pending: list[Member] = []
    place: tuple[str, int] | None = None
    for rows in changes.to_batches(batch_size=16_384, batch_readahead=1, fragment_readahead=1):
        for row_place, member in _members(rows):
            if row_place != place:
                if place is not None and pending:
                    yield Batch(*place, pending)
                place, pending = row_place, []
            if row_place[0] in OPERATIONS:
                pending.append(member)
    if place is not None and pending:
        yield Batch(*place, pending)


def _members(rows: pa.RecordBatch) -> Iterator[tuple[tuple[str, int], Member]]:
    columns = {name: rows.column(name).to_pylist() for name in ("phase", "batch", "member_id", *FORMS)}
    for values in zip(*columns.values(), strict=True):
        phase, batch, member_id, *cells = values
        keys = {form: cell for form, cell in zip(FORMS, cells, strict=True) if cell is not None}
        yield (phase, batch), Member(member_id, keys)


def _receipt(batch: Batch, answer: Answer, given_up: Sequence[int]) -> dict[str, object]:
    return {
        "received": answer.received,
        "accepted": answer.accepted,
        "rejected": len(answer.rejected),
        "unproven": answer.unproven,
        "rejected_members": {batch.members[place].member_id.hex(): code for place, code in answer.rejected.items()},
        "code": answer.code,
        **({"given_up": list(given_up)} if given_up else {}),
        **({"job": answer.job} if answer.job else {}),
    }
