"""Platforms that take people in several calls: open a session, upload its batches, commit it, and follow its job.

Belongs here: which step of a session is next, by what the ledger says of it, so that any process goes on where another
stopped. Not here: the uploads themselves (`courier`), what an answer means (`destinations`), jobs (`following`).

Entries: `step_asked` and `step` (an opening and its answer), receipts that are `staged` (an upload, which does nothing
by itself), `intent` and `receipt` with `step: commit` over all batches of the session, from `from` to `batch`.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Protocol

from segment_assets.contracts import NeedsHumanError, PermanentError, Step, StepAnswer
from segment_assets.delivery.outgoing import OPERATIONS, Batch, request_digest, session_of, unit_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from segment_assets.contracts import Request, Response, Session, Workflow, WorkflowDestination
    from segment_assets.delivery.lanes import Stretch
    from segment_assets.delivery.ledger import DeliveryLog, Entry

_ASKED = {Step.OPEN: "step_asked", Step.COMMIT: "intent"}


class Line(Protocol):
    """The way to the platform, with its quota and its patience: the courier's."""

    def take_a_turn(self) -> None:
        """Wait until the quota has room for a call."""
        ...

    def told(self, request: Request, read: Callable[[Response], Any]) -> Any:
        """Send, and understand the answer."""
        ...

    def patiently(self, once: Callable[[], StepAnswer]) -> StepAnswer:
        """Try again while that may help."""
        ...


@dataclasses.dataclass(slots=True)
class Sessions:
    """The sessions of one delivery. `key` keys the digests of the requests."""

    log: DeliveryLog
    destination: WorkflowDestination
    workflow: Workflow
    audience_id: str
    key: bytes
    line: Line
    _current: tuple[str, int] = ("", 0)
    _is_over: bool = False

    def begin(self, batch: Batch) -> bool:
        """Bring the session of a batch to where its uploads can be made. False when all of it is done already.

        A commit that is in doubt is settled first: what was uploaded then may be on the platform, or still on its way.
        """
        unit = self._unit(batch)
        if self._current != (batch.phase, unit.first):
            self._current, self._is_over = (batch.phase, unit.first), False
            if _is_in_doubt(self.log, Step.COMMIT, batch.phase, unit):
                self._commit(batch.phase, unit)
                self._is_over = True
            elif self.workflow.opens and not self._is_open(batch.phase, unit):
                session = self._session(Step.OPEN, batch.phase, unit)
                answer = self._step(Step.OPEN, batch.phase, unit, session, {})
                note = {**_place(batch.phase, unit), "step": Step.OPEN.value, "code": answer.code}
                self.log.chain.append("step", {**note, "noted": dict(answer.noted)})
        return not self._is_over

    def uploading(self, batch: Batch, session: Session) -> Session:
        """The session of an upload, with what the opening named."""
        return dataclasses.replace(session, noted=_noted(_steps(self.log, Step.OPEN, batch.phase, self._unit(batch))))

    def has(self, batch: Batch) -> bool:
        """Whether a batch was uploaded to the session as it is open now."""
        return (batch.phase, batch.number) in self.log.staged()

    def end(self, batch: Batch) -> None:
        """Commit the session after its last batch."""
        unit = self._unit(batch)
        if self.workflow.commits and batch.number == unit.last:
            self._commit(batch.phase, unit)

    def _unit(self, batch: Batch) -> Stretch:
        return unit_of(self.log.header, batch.phase, batch.number, self.workflow)

    def _session(self, step: Step, phase: str, unit: Stretch) -> Session:
        return step_session(self.log, self.workflow, step, phase, unit)

    def _is_open(self, phase: str, unit: Stretch) -> bool:
        answers = [entry for entry in _steps(self.log, Step.OPEN, phase, unit) if entry.kind == "step"]
        return bool(answers) and self.log.chain.now() - answers[-1].at < self.workflow.valid_for

    def _commit(self, phase: str, unit: Stretch) -> None:
        staged = [self.log.staged()[phase, batch].body for batch in range(unit.first, unit.last + 1)]
        sent, named = sum(body["sent"] for body in staged), sum(body["rejected"] for body in staged)
        carried = sent - named - sum(len(body.get("given_up", ())) for body in staged)
        session = self._session(Step.COMMIT, phase, unit)
        try:
            answer = self._step(Step.COMMIT, phase, unit, session, {"sent": sent})
        except (PermanentError, NeedsHumanError) as refusal:
            code = refusal.code or type(refusal).__name__
            self.log.chain.append("refused", {**self._steps_note(phase, unit), "sent": sent, "code": code})
            raise
        accepted = min(answer.accepted, carried)
        said = {"received": carried, "accepted": accepted, "rejected": named, "unproven": carried - accepted}
        note = {**self._steps_note(phase, unit), "sent": sent, **said, "rejected_members": {}, "code": answer.code}
        self.log.chain.append("receipt", {**note, **({"job": answer.job} if answer.job else {})})

    def _steps_note(self, phase: str, unit: Stretch) -> dict[str, Any]:
        asked = [entry for entry in _steps(self.log, Step.COMMIT, phase, unit) if entry.kind == "intent"]
        digest = asked[-1].body["request_digest"] if asked else ""
        return {**_place(phase, unit), "step": Step.COMMIT.value, "request_digest": digest}

    def _step(self, step: Step, phase: str, unit: Stretch, session: Session, more: Mapping[str, object]) -> StepAnswer:
        """Take a step, once: where it may have been taken already, the platform is asked first."""
        operation, ours = OPERATIONS[phase], self.destination
        request = ours.step_request(step, self.audience_id, operation, session)
        digest = request_digest(self.key, request)
        note = {**_place(phase, unit), "step": step.value, "request_digest": digest, **more}

        def once() -> StepAnswer:
            if _is_in_doubt(self.log, step, phase, unit):
                question = ours.step_question(step, self.audience_id, operation, session)
                if question is not None:
                    self.line.take_a_turn()
                    done = self.line.told(question, lambda response: ours.read_step_question(step, session, response))
                    if isinstance(done, StepAnswer):
                        return done
            self.line.take_a_turn()
            self.log.chain.append(_ASKED[step], note)
            answer: StepAnswer = self.line.told(request, lambda response: ours.read_step(step, session, response))
            return answer

        return self.line.patiently(once)


def step_session(  # noqa: PLR0917 - a session is named by all of these
    log: DeliveryLog, workflow: Workflow, step: Step, phase: str, unit: Stretch, before: int | None = None
) -> Session:
    """The session of a step, by the ledger as it was `before` an entry of that number (now, without one)."""
    session = session_of(log.header, Batch(phase, unit.last, ()), workflow)
    if step is Step.OPEN:
        return dataclasses.replace(session, sequence=0, last=False)
    staged = log.staged(before)
    uploads = tuple(
        noted
        for batch in range(unit.first, unit.last + 1)
        if (phase, batch) in staged
        for noted in staged[phase, batch].body.get("noted", ())
    )
    return dataclasses.replace(session, noted=_noted(_steps(log, Step.OPEN, phase, unit), before), uploads=uploads)


def upload_session(log: DeliveryLog, workflow: Workflow, batch: Batch, before: int) -> Session:
    """The session of an upload whose intent is the entry of that number."""
    unit = unit_of(log.header, batch.phase, batch.number, workflow)
    noted = _noted(_steps(log, Step.OPEN, batch.phase, unit), before)
    return dataclasses.replace(session_of(log.header, batch, workflow), noted=noted)


def _place(phase: str, unit: Stretch) -> dict[str, Any]:
    return {"phase": phase, "from": unit.first, "batch": unit.last}


def _steps(log: DeliveryLog, step: Step, phase: str, unit: Stretch) -> list[Entry]:
    """Entries about one step of a session, in order."""
    wanted = {**_place(phase, unit), "step": step.value}
    return [entry for entry in log.chain.entries if wanted.items() <= entry.body.items()]


def _is_in_doubt(log: DeliveryLog, step: Step, phase: str, unit: Stretch) -> bool:
    entries = _steps(log, step, phase, unit)
    return bool(entries) and entries[-1].kind == _ASKED[step]


def _noted(entries: list[Entry], before: int | None = None) -> Mapping[str, str]:
    """What the newest of some answers named."""
    named = [entry.body["noted"] for entry in entries if entry.kind == "step" and (not before or entry.number < before)]
    return named[-1] if named else {}
