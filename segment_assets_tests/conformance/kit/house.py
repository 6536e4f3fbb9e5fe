"""A delivery room with its real transport in front of the sandbox in this process: one audience of one destination.

The sandbox's own view tells what really ended up there; nothing in here looks into our own code.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import Mode, Operation, Quota, SegmentAssetsError, Session, Step
from segment_assets.delivery.courier import Patience
from segment_assets.delivery.guards import GuardRails
from segment_assets.delivery.ledger import AudienceLedger, Pair
from segment_assets.delivery.run import DeliveryRoom, Errand, Report
from segment_assets.delivery.settling import balanced
from segment_assets.delivery.wanted import Wanted
from segment_assets.resources.lake import LocalLake
from segment_assets.resources.transport import HttpTransport
from segment_assets_tests.conformance.kit import people
from segment_assets_tests.conformance.kit.outside import URL, Line, Outside
from segment_assets_tests.fakes import publish_audience, publish_suppressions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from segment_assets.contracts import Contract, Destination, Snapshot
    from segment_assets.plan import Activation
    from segment_assets_tests.conformance.kit.record import Record

SEGMENT = "seg"
BATCH = 5
# Nothing is paced here: what the quota does is proven in `delivery`.
UNPACED = Quota(requests=1_000_000, per_seconds=1)
MOST_LOOKS = 12
KNOWN = range(60)


@dataclasses.dataclass
class House:
    """One lake and one audience. Waiting is noted, not done, and is time that passes on the sandbox's clock.

    `permission`: the plan's activation, for a test of what it says on an adopted audience. `name`: of the audience.
    """

    record: Record
    folder: Path
    outside: Outside
    batch: int = BATCH
    mode: Mode = Mode.MIRROR
    permission: Activation | None = None
    segment: str = SEGMENT
    name: str = "seg"
    line: Line = dataclasses.field(init=False)
    names: Mapping[int, set[str]] = dataclasses.field(init=False)
    waited: list[float] = dataclasses.field(default_factory=list)
    rows: list[Mapping[str, Any]] = dataclasses.field(default_factory=list)
    errors: list[SegmentAssetsError] = dataclasses.field(default_factory=list)
    audience: Snapshot | None = None
    suppressions: Snapshot | None = None

    def __post_init__(self) -> None:
        self.mode = self.record.mode if self.mode is Mode.MIRROR else self.mode
        # Every call is searched for all of them, so they are made once.
        self.names = {number: people.identifiers(self.record, number) for number in KNOWN}
        self.line = Line(self.outside.inside, lambda text: people_in(self.names, text))
        if self.record.switches:
            self.outside.admin(f"platforms/{self.record.destination}", self.record.switches)

    @property
    def lake(self) -> LocalLake:
        return LocalLake(self.folder / "lake")

    @property
    def pair(self) -> Pair:
        return Pair("tenant", self.record.destination, self.record.account, self.segment)

    def destination(self, **changed: object) -> Destination:
        return self.record.connect(**{"batch_members": self.batch, "quota": UNPACED} | changed)

    def transport(self) -> Any:
        name, contract = self.record.destination, self.record.contract
        token = f"sandbox-{name}-token"
        transport = HttpTransport(
            f"{URL}/{name}",
            token,
            carrier=self.line,
            token_header=contract.token_header,
            secret_headers=dict.fromkeys(contract.secret_headers, token),
        )
        return self.record.carried(transport, self.line, self.record.connect())

    def wants(self, numbers: Iterable[int], *others: Mapping[str, Any]) -> None:
        """These people, and rows of others."""
        rows = [people.row(self.record.contract, number) for number in numbers]
        self.audience = publish_audience(self.lake, self.segment, [*rows, *others])

    def opt_out(self, *numbers: int) -> None:
        self.suppressions = publish_suppressions(
            self.lake, [("member", people.row(self.record.contract, number)["member_id"]) for number in numbers]
        )

    def run(self) -> Report:
        """One process: a run, or, where the platform works on jobs, as many as it takes until these have ended."""
        self.line.begin()
        with self._room() as (room, errand):
            for _ in range(MOST_LOOKS):
                report = room.run(errand, self.audience, self.suppressions)
                self.rows += report.deliveries
                if not report.waiting and not report.held_until:
                    return report
                self._waits(report)
        raise AssertionError("the platform's jobs never end")

    def until_done(self, runs: int = 5) -> None:
        """Repeat the run as the reconciler does, past errors that pass."""
        for _ in range(runs):
            before = len(self.rows)
            try:
                self.run()
            except SegmentAssetsError as error:
                self.errors.append(error)
            else:
                if all(row["outcome"] != "failed" for row in self.rows[before:]):
                    return
        raise self.errors[-1] if self.errors else AssertionError("a delivery fails again and again")

    def delete(self, *, delete: bool = True) -> None:
        with self._room() as (room, errand):
            for _ in range(MOST_LOOKS):
                report = room.withdraw(errand, delete=delete)
                last = AudienceLedger(self.lake, self.pair, time.time).last()
                if last is not None and last.closed is not None and not report.held_until:
                    return
                self._waits(report)
        raise AssertionError("the platform's jobs never end")

    def _waits(self, report: Report) -> None:
        replacing = self.record.contract.replacing
        self.outside.later(replacing.rest_seconds if report.held_until and replacing else self.record.later)

    @contextlib.contextmanager
    def _room(self):
        destination, transport = self.destination(), self.transport()
        contract, adopt = destination.contract, ""
        if self.permission is not None:
            contract, adopt = self.permission.held_to(contract), self.permission.adopt or ""
        wanted = Wanted(contract, contract.forms(), mode=self.mode)
        errand = Errand(self.pair, wanted, self.name, self.record.said, GuardRails(1.0), b"key", adopt=adopt)
        with contextlib.closing(transport):
            room = DeliveryRoom(
                self.lake,
                destination,
                transport,
                workdir=self.folder / "work",
                clock=lambda: time.time() + self.outside.offset,
                sleep=self._sleep,
                patience=Patience(attempts=3, longest_wait=120.0),
            )
            yield room, errand

    def _sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.outside.later(seconds)

    # ── what is there in the end ──

    def held(self) -> set[str]:
        """The identifiers in the platform's audience, of all people whom the kit knows."""
        lists = self.outside.audiences()
        assert len(lists) <= self.record.lists, "an audience was created twice"
        known = set().union(*self.names.values())
        return {cell for one in lists for person in self.outside.people_of(one) for cell in person.values()} & known

    def audience_id(self) -> str:
        """What the connector calls its audience."""
        # Where an audience is emptied and filled again the platform's own stays.
        entries = AudienceLedger(self.lake, self.pair, time.time).audience().entries
        (created,) = {str(entry.body["id"]) for entry in entries if entry.kind == "created"}
        return created

    def holds_exactly(self, numbers: Iterable[int], also: Iterable[str] = ()) -> None:
        wanted, held = people.all_identifiers(self.record, numbers) | set(also), self.held()
        assert held == wanted, f"{len(wanted - held)} identifiers lack, {len(held - wanted)} are too many"

    def is_balanced(self) -> None:
        """Every delivery accounts for every person, and the chain of every delivery is whole."""
        for row in self.rows:
            assert balanced(row) == []
        for log in AudienceLedger(self.lake, self.pair, lambda: 0.0).deliveries():
            log.chain.verify()
            assert log.closed is not None

    def people_sent(self) -> list[tuple[int, ...]]:
        """The people of each call that carries any."""
        return [call.people for call in self.line.calls if call.people]


def people_in(names: Mapping[int, Iterable[str]], text: str) -> list[int]:
    """Who is in a call, in the order in which they are there. `names`: identifiers of each number."""
    found: dict[int, int] = {}
    for number, identifiers in names.items():
        places = [place for one in identifiers if (place := text.find(one)) >= 0]
        if places:
            found[number] = min(places)
    return sorted(found, key=found.__getitem__)


def whole_lanes(contract: Contract, size: int) -> list[Session]:
    """For each lane the place of a batch that is its whole phase. An opening named what a preview shows for it."""
    noted = contract.workflow.placeholders if contract.workflow else {}
    return [
        Session(token=1, sequence=1, last=True, members_in_total=size, received_before=0, lane=lane, noted=noted)
        for lane in contract.lanes or ((),)
    ]


def opened(destination: Any, transport: Any, audience: str, session: Session) -> Session:
    """A session whose uploads can be made."""
    workflow = destination.contract.workflow
    if workflow is None or not workflow.opens:
        return session
    answer = transport.send(destination.step_request(Step.OPEN, audience, Operation.ADD, session))
    return dataclasses.replace(session, noted=destination.read_step(Step.OPEN, session, answer).noted)
