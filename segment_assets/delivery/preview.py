"""A delivery rehearsed: the same steps, batches and wire format as a real one, with nothing sent.

Belongs here: a destination that takes everything and a transport that keeps every request. Not here: where the people
come from and how requests are shown (`cli.preview`). Run it over an `OverlayLake`, since a run writes its ledger.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections import Counter
from typing import TYPE_CHECKING, Any, cast

from segment_assets.contracts import (
    Answer,
    JobReport,
    JobState,
    NeedsHumanError,
    Operation,
    Quota,
    Response,
    StepAnswer,
)
from segment_assets.delivery.daily import for_ordinary_calls
from segment_assets.delivery.rereading import reread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from segment_assets.contracts import (
        AsynchronousDestination,
        AudienceSpec,
        Contract,
        Destination,
        Member,
        Request,
        Session,
        Step,
        Transport,
        WorkflowDestination,
    )
    from segment_assets.delivery.errands import Report

# Digits, since some platforms take nothing else; the same for everybody, so that previews can be compared.
PLACEHOLDER_ACCOUNT = "1000000001"
PLACEHOLDER_AUDIENCE = "2000000002"
# What stands between a rehearsal and its own quota: a preview must not take as long as what it predicts.
_NO_QUOTA = Quota(requests=1_000_000_000, per_seconds=1)
_DAY = 86_400.0


@dataclasses.dataclass(slots=True)
class Rehearsal:
    """What would have been sent. `requests` and `records` count by what is asked: create, add, remove, delete, look.

    `records` are rows on the wire: a changed person is more than one. `stopped` says why nothing more would be sent.
    """

    keep: Callable[[int, Request], None]
    requests: Counter[str] = dataclasses.field(default_factory=Counter)
    records: Counter[str] = dataclasses.field(default_factory=Counter)
    stopped: str = ""
    rows: list[Mapping[str, Any]] = dataclasses.field(default_factory=list)
    no_usable_key: int = 0

    def kept(self, request: Request, asked: str, records: int) -> None:
        """Count a request and hand it on, numbered from 1."""
        self.requests[asked] += 1
        self.records[asked] += records
        self.keep(self.requests.total(), request)

    def run(self, delivery: Callable[[], Report]) -> None:
        """Deliver over the rehearsal's destination and transport. What a guard stops is told, not raised."""
        try:
            report = delivery()
        except NeedsHumanError as stop:
            self.stopped = str(stop)
            return
        self.rows += report.deliveries
        self.no_usable_key = max((row["no_usable_key"] for row in report.deliveries), default=self.no_usable_key)
        if report.waiting:
            self.stopped = "the platform still works on jobs of an open delivery; the rest goes when they have ended"
        if report.held_until:
            self.stopped = (
                f"the platform may still work on what was sent before; the rest goes from {report.held_until} on"
            )


def least_seconds(quota: Quota, requests: int) -> float:
    """How long the quota alone makes so many requests take: a stretch's worth goes at once, the next when it is over.

    So does a day's worth, without what is kept for opt-outs.

    >>> least_seconds(Quota(requests=10, per_seconds=1), 25)
    2.0
    >>> least_seconds(Quota(requests=10, per_seconds=1, per_day=1_000), 925)
    86402.0
    """
    last = max(0, requests - 1)
    by_the_stretch = last // quota.requests * float(quota.per_seconds)
    if quota.per_day is None:
        return by_the_stretch
    days, last = divmod(last, for_ordinary_calls(quota.per_day))
    return max(by_the_stretch, days * _DAY + last // quota.requests * float(quota.per_seconds))


def predicted(contract: Contract, requests: int) -> dict[str, float]:
    """Seconds that the quota makes requests take, and seconds until a platform with jobs wants to be asked."""
    follow = contract.follow
    return {
        "quota_seconds": least_seconds(contract.quota, requests),
        "first_look_at_jobs_seconds": follow.first if follow else 0.0,
    }


def placeholder_statements(contract: Contract, stated: Mapping[str, str] | None = None) -> dict[str, str]:
    """The plan's statements, and the first of the platform's words for each that the plan does not give."""
    return {name: words[0] for name, words in contract.statements.items()} | dict(stated or {})


class _KeptError(Exception):
    """Ends a call of which no answer can be made up."""


class _Keeper:
    """A transport that keeps requests. What it answers is read by `TakingDestination` only."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self._rehearsal = rehearsal
        # With the request itself, whose place in memory names it: many are made before one is sent, some never are.
        self._known: dict[int, tuple[Request, str, int]] = {}

    def known(self, request: Request, asked: str, records: int) -> Request:
        """Note what a request asks for."""
        self._known[id(request)] = (request, asked, records)
        return request

    def send(self, request: Request) -> Response:
        self._rehearsal.kept(*self._known.pop(id(request), (request, "look", 0)))
        return Response(200, {}, {})


class _OneCall:
    """A transport that keeps the first request of a call, which ends there."""

    def __init__(self, rehearsal: Rehearsal, asked: str) -> None:
        self._rehearsal, self._asked = rehearsal, asked

    def send(self, request: Request) -> Response:
        self._rehearsal.kept(request, self._asked, 0)
        raise _KeptError


def rehearsing(destination: Destination, rehearsal: Rehearsal) -> TakingDestination:
    """A destination whose platform takes everything."""
    contract = dataclasses.replace(destination.contract, quota=_NO_QUOTA)
    return TakingDestination(destination, rehearsal, contract, _Keeper(rehearsal))


@dataclasses.dataclass(frozen=True)
class TakingDestination:
    """A destination's own requests, and a platform that takes every member of them. Made by `rehearsing`."""

    given: Destination
    rehearsal: Rehearsal
    contract: Contract
    transport: _Keeper

    @functools.cached_property
    def _inner(self) -> Destination:
        """The destination by the readings that the audience was sent by."""
        given, keys = self.given.contract, self.contract.match_keys
        is_given = given.match_keys == keys
        return self.given if is_given else reread(self.given, dataclasses.replace(given, match_keys=keys))

    def __getattr__(self, name: str) -> Any:
        # What later destinations have beyond the protocol is theirs to answer.
        return getattr(self._inner, name)

    def find_audience(self, transport: Transport, spec: AudienceSpec) -> str | None:
        """Nothing is asked of the platform, so nothing is found."""
        del transport, spec
        return None

    def create_audience(self, transport: Transport, spec: AudienceSpec) -> str:
        """The creation's first request; the id is a placeholder."""
        del transport
        with contextlib.suppress(_KeptError):
            self._inner.create_audience(_OneCall(self.rehearsal, "create"), spec)
        return PLACEHOLDER_AUDIENCE

    def delete_audience(self, transport: Transport, audience_id: str) -> None:
        """The deletion's first request."""
        del transport
        with contextlib.suppress(_KeptError):
            self._inner.delete_audience(_OneCall(self.rehearsal, "delete"), audience_id)

    def request(self, audience_id: str, operation: Operation, members: Sequence[Member], session: Session) -> Request:
        """The destination's own request."""
        made = self._inner.request(audience_id, operation, members, session)
        return self.transport.known(made, operation.value, len(members))

    def read(self, members: Sequence[Member], session: Session, response: Response) -> Answer:
        """Everybody is taken, at once."""
        del response
        count = len(members)
        received = session.received_before + count
        return Answer(count, count, {}, 0, received, "preview", noted=self._placeholders)

    def step_request(self, step: Step, audience_id: str, operation: Operation, session: Session) -> Request:
        """The destination's own step."""
        inner = cast("WorkflowDestination", self._inner)
        return self.transport.known(inner.step_request(step, audience_id, operation, session), step.value, 0)

    def read_step(self, step: Step, session: Session, response: Response) -> StepAnswer:
        """What the contract shows in the place of ids and addresses that the platform would give."""
        del step, response
        return StepAnswer("preview", noted=self._placeholders, accepted=session.members_in_total)

    @property
    def _placeholders(self) -> Mapping[str, str]:
        workflow = self.contract.workflow
        return workflow.placeholders if workflow is not None else {}

    def job_request(self, job: str) -> Request:
        """The destination's own question."""
        return cast("AsynchronousDestination", self._inner).job_request(job)

    def read_job(self, response: Response) -> JobReport:
        """Nobody knows yet how a real job ends."""
        del response
        return JobReport(JobState.PROCESSING, 0, {})
