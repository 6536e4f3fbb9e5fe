"""The courier: carries the batches of one delivery to the platform, one at a time, and notes every answer.

Belongs here: the order of calls, intent before and receipt after each, pacing by quota, waiting and trying again.
Not here: how a platform's answer is read (`destinations`), what the notes add up to (`settling`).
"""

from __future__ import annotations

import dataclasses
import hmac
import json
from hashlib import sha256
from typing import TYPE_CHECKING

import tenacity

from segment_assets.contracts import (
    Answer,
    Member,
    NeedsHumanError,
    Operation,
    PermanentError,
    RefusedMembersError,
    Session,
    TransientError,
)
from segment_assets.delivery.ledger import FencedError, minted
from segment_assets.delivery.wanted import FORMS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pyarrow as pa
    import pyarrow.dataset as pads
    import pyrate_limiter

    from segment_assets.contracts import Destination, Quota, Request, Sleep, Transport
    from segment_assets.delivery.ledger import DeliveryLog

OPERATIONS = {
    "add": Operation.ADD,
    "retire": Operation.REMOVE,
    "reaffirm": Operation.ADD,
    "remove": Operation.REMOVE,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Patience:
    """How long a run waits for a platform before it leaves the rest to a later run. Seconds."""

    attempts: int = 5
    first_wait: float = 0.5
    longest_wait: float = 30.0


@dataclasses.dataclass(frozen=True, slots=True)
class Batch:
    """The members of one request, and where it stands in its phase."""

    phase: str
    number: int
    members: Sequence[Member]


class Courier:
    """Sends to one platform account. `key` keys the request digests of the receipts."""

    def __init__(
        self, destination: Destination, transport: Transport, *, key: bytes, sleep: Sleep, patience: Patience
    ) -> None:
        self._destination, self._transport = destination, transport
        self._key, self._sleep, self._patience = key, sleep, patience
        self._limiter = _limiter(destination.contract.quota)
        self._account = destination.contract.platform

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
        counts: Mapping[str, int] = log.header["batches"]
        totals: Mapping[str, int] = log.header["records"]
        received: dict[str, int] = {}
        answered = {place for place, said in log.batch_standings().items() if said != "in_doubt"}
        for batch in batches(changes):
            if (batch.phase, batch.number) in answered:
                continue
            if interrupt() or any(receipt.body["phase"] != batch.phase for receipt in log.open_jobs()):
                return False
            session = Session(
                token=int(minted(log.header["delivery_id"], batch.phase)[:15], 16) + 1,
                sequence=batch.number,
                last=batch.number == counts[batch.phase],
                members_in_total=totals[batch.phase],
                received_before=received.get(batch.phase, 0),
            )
            answer = self._narrowed(log, batch, session, audience_id)
            received[batch.phase] = answer.session_received
            if answer.pause:
                self._wait_as_asked(answer.pause)
        return not log.open_jobs()

    def _narrowed(self, log: DeliveryLog, batch: Batch, session: Session, audience_id: str) -> Answer:
        """Send a batch; where the platform refuses it whole and names members, send it again without those."""
        places, refused = list(range(len(batch.members))), dict[int, str]()
        while True:
            members = [batch.members[place] for place in places]
            request = self._destination.request(audience_id, OPERATIONS[batch.phase], members, session)
            note = self._note(batch, request)
            try:
                answer = self._ask(log, note, members, session, request)
            except RefusedMembersError as refusal:
                named = {places[place]: code for place, code in refusal.places.items() if place < len(places)}
                refused |= named
                places = [place for place in places if place not in named]
                if named and places:
                    continue
                if named:
                    answer = Answer(0, 0, {}, 0, session.received_before, "every member was refused by name")
                else:
                    log.chain.append("refused", {**note, "code": refusal.code or type(refusal).__name__})
                    raise
            except (PermanentError, NeedsHumanError) as refusal:
                log.chain.append("refused", {**note, "code": refusal.code or type(refusal).__name__})
                raise
            rejected = refused | {places[place]: code for place, code in answer.rejected.items()}
            log.chain.append("receipt", {**note, **_receipt(batch, dataclasses.replace(answer, rejected=rejected))})
            return answer

    def _note(self, batch: Batch, request: Request) -> dict[str, object]:
        return {
            "phase": batch.phase,
            "batch": batch.number,
            "sent": len(batch.members),
            "request_digest": self._digest(request),
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
            self._limiter.try_acquire(self._account)
            log.chain.append("intent", note)
            return self._destination.read(members, session, self._transport.send(request))

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

    def _wait_as_asked(self, seconds: float) -> None:
        if seconds > self._patience.longest_wait:
            raise TransientError(
                f"{self._account} asks for {seconds:.0f} s of rest; the rest of this delivery goes with a later run",
                retry_after=seconds,
            )
        self._sleep(seconds)

    def _digest(self, request: Request) -> str:
        body = json.dumps([request.method, request.path, request.json, dict(request.params)], sort_keys=True)
        return hmac.new(self._key, body.encode(), sha256).hexdigest()


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


def _receipt(batch: Batch, answer: Answer) -> dict[str, object]:
    return {
        "received": answer.received,
        "accepted": answer.accepted,
        "rejected": len(answer.rejected),
        "unproven": answer.unproven,
        "rejected_members": {batch.members[place].member_id.hex(): code for place, code in answer.rejected.items()},
        "code": answer.code,
        **({"job": answer.job} if answer.job else {}),
    }


def _limiter(quota: Quota) -> pyrate_limiter.Limiter:
    import pyrate_limiter

    return pyrate_limiter.Limiter(pyrate_limiter.Rate(quota.requests, int(quota.per_seconds * 1000)))
