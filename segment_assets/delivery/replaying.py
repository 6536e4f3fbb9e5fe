"""The requests of a delivery, made again from what was kept of it, and proven by the digests that the ledger noted.

Belongs here: which members, session and operation each noted request had. Not here: the wire format (`destinations`),
writing files (`cli`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, cast

from segment_assets.contracts import PermanentError, Step, read_as_sent
from segment_assets.delivery.narrowing import Part
from segment_assets.delivery.outgoing import OPERATIONS, batches, is_noted_as, session_of, unit_of
from segment_assets.delivery.redacting import redacted_digests
from segment_assets.delivery.rereading import reread
from segment_assets.delivery.workflow import step_session, upload_session
from segment_assets.tables import CHANGES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from segment_assets.contracts import Destination, Lake, Request, WorkflowDestination
    from segment_assets.delivery.ledger import AudienceLedger, DeliveryLog, Entry
    from segment_assets.delivery.outgoing import Batch


@dataclasses.dataclass(frozen=True, slots=True)
class Replayed:
    """A request as it was sent, `tries` times. `is_proven`: it has the digest that was noted before it was sent."""

    request: Request
    phase: str
    batch: int
    members: int
    tries: int
    is_proven: bool


def replay(
    lake: Lake, ledger: AudienceLedger, log: DeliveryLog, destination: Destination, key: bytes
) -> Iterator[Replayed]:
    """The requests of a delivery in the order of their batches; in a batch that was narrowed, part by part.

    `destination` must be made of the statements and settings of that time, `key` is the tenant's secret.
    Raises PermanentError when the changes are not retained any more or people were taken out of them, or another
    version of the contract was spoken.
    """
    header, version = log.header, str(destination.contract.version)
    if header["contract_version"] != version:
        raise PermanentError(
            f"{ledger.pair}: delivery {log.number} spoke version {header['contract_version']} of the contract, and "
            f"this is version {version}; replay it with the release of that time"
        )
    try:
        changes = lake.snapshot(CHANGES.name, ledger.pair.partition, header["changes"])
    except PermanentError as gone:
        raise PermanentError(
            f"{ledger.pair}: the changes of delivery {log.number} are not retained any more "
            f"({CHANGES.retention_days} days), so its requests cannot be made again; its receipts are still there"
        ) from gone
    # A redaction notes what it is about to do: between its rows and its last word the version does not say so itself.
    if changes.redacted or redacted_digests(lake, CHANGES.name, ledger.pair.partition, ledger.clock).get(changes.id):
        raise PermanentError(
            f"{ledger.pair}: people of delivery {log.number} have asked to be forgotten and were taken out of its "
            "changes, so its requests cannot be made again; its receipts are still there"
        )
    if destination.contract.readings:
        # A setting may have been changed since.
        destination = reread(destination, read_as_sent(destination.contract, header["forms"]))
    speaker = _Speaker(destination, _audience_id(ledger, log), log, key)
    noted = _noted(log)
    received: dict[int, int] = {}
    for batch in batches(lake.dataset(changes)):
        place, session = (batch.phase, batch.number), session_of(header, batch)
        for intents in noted.get(place, []):
            yield speaker.said(batch, intents, received.get(session.token, 0))
        received[session.token] = received.get(session.token, 0) + _received(log, place)


@dataclasses.dataclass(frozen=True, slots=True)
class _Speaker:
    """Says again what was said to one audience in one delivery."""

    destination: Destination
    audience_id: str
    log: DeliveryLog
    key: bytes

    def said(self, batch: Batch, intents: Sequence[Entry], received_before: int) -> Replayed:
        """One request about a batch. `intents` are its tries; the first says which part of the batch it had."""
        first, workflow = intents[0], self.destination.contract.workflow
        if "step" in first.body:
            return self._step(batch, intents)
        if workflow is not None:
            session = upload_session(self.log, workflow, batch, first.number)
        else:
            session = session_of(self.log.header, batch)
        part = Part.noted(first.body, len(batch.members))
        session = part.session(dataclasses.replace(session, received_before=received_before))
        members = part.members(batch.members)
        request = self.destination.request(self.audience_id, OPERATIONS[batch.phase], members, session)
        return self._replayed(batch, intents, request, len(members))

    def _step(self, batch: Batch, intents: Sequence[Entry]) -> Replayed:
        first, destination = intents[0], cast("WorkflowDestination", self.destination)
        workflow, step = destination.contract.workflow, Step(first.body["step"])
        assert workflow is not None
        unit = unit_of(self.log.header, batch.phase, batch.number, workflow)
        session = step_session(self.log, workflow, step, batch.phase, unit, first.number)
        request = destination.step_request(step, self.audience_id, OPERATIONS[batch.phase], session)
        return self._replayed(batch, intents, request, 0)

    def _replayed(self, batch: Batch, intents: Sequence[Entry], request: Request, members: int) -> Replayed:
        is_proven = is_noted_as(intents[0].body["request_digest"], self.key, request)
        return Replayed(request, batch.phase, batch.number, members, len(intents), is_proven)


def _noted(log: DeliveryLog) -> dict[tuple[str, int], list[list[Entry]]]:
    """(phase, batch) -> its intents in order, each request once with all of its tries."""
    found: dict[tuple[str, int], dict[str, list[Entry]]] = {}
    for intent in log.chain.entries:
        if intent.kind in {"intent", "step_asked"}:
            # An opening stands before the first batch of its session, and a commit after the last.
            batch = intent.body["from"] if intent.kind == "step_asked" else intent.body["batch"]
            requests = found.setdefault((intent.body["phase"], batch), {})
            requests.setdefault(intent.body["request_digest"], []).append(intent)
    return {place: list(requests.values()) for place, requests in found.items()}


def _received(log: DeliveryLog, place: tuple[str, int]) -> int:
    """What the platform had received of a batch, by its receipt."""
    return sum(
        entry.body["received"]
        for entry in log.answered("receipt")
        if (entry.body["phase"], entry.body["batch"]) == place
    )


def _audience_id(ledger: AudienceLedger, log: DeliveryLog) -> str:
    """The id that the audience had when the delivery began."""
    opened = log.chain.entries[0].at
    ids = [entry.body["id"] for entry in ledger.audience().entries if "id" in entry.body and entry.at <= opened]
    return str(ids[-1]) if ids else ""
