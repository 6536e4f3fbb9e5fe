"""Requests that are made beforehand are sent when it is their turn, and are those that would be made then."""

from __future__ import annotations

import dataclasses
import threading
import time

import pytest

from segment_assets.contracts import Answer, NeedsHumanError, Operation, RefusedMembersError, Request, Response
from segment_assets.delivery.courier import Patience
from segment_assets.delivery.errands import Errand
from segment_assets.delivery.guards import GuardRails
from segment_assets.delivery.ledger import AudienceLedger
from segment_assets.delivery.outgoing import request_digest
from segment_assets.delivery.run import DeliveryRoom
from segment_assets.delivery.wanted import Wanted
from segment_assets.destinations.shaping import json_rows
from segment_assets_tests.delivery.road import PAIR, Road, crowd
from segment_assets_tests.delivery.test_replaying import replayed
from segment_assets_tests.fakes import CONTRACT, FakeDestination, FakePlatform, digest, marked

KEY = b"key"
# One member each: more requests than are made at once, twice over.
MANY, SMALL = 35, dataclasses.replace(CONTRACT, batch_members=1)
NAMES = [f"p{number}" for number in range(MANY)]


@dataclasses.dataclass
class Counting(FakeDestination):
    """Writes requests from columns, and says in each what the platform has received before.

    It counts batches numbered in `twice` twice.
    """

    contract: object = SMALL
    twice: frozenset[int] = frozenset()
    cannot_be_said: str = ""
    is_one_by_one: bool = False
    makers: list[str] = dataclasses.field(default_factory=list)

    def request(self, audience_id, operation, members, session):
        self.makers.append(threading.current_thread().name)
        rows = json_rows(members[:] if self.is_one_by_one else members, ["email"])
        if [self.cannot_be_said] in list(rows):
            raise NeedsHumanError("fake: somebody has no name for this platform; correct the source")
        said = {"rows": rows, "seq": session.sequence, "before": session.received_before}
        return Request("POST" if operation is Operation.ADD else "DELETE", f"/{audience_id}", json=said)

    def read(self, members, session, response):
        answer: Answer = super().read(members, session, response)
        times = 2 if session.sequence in self.twice else 1
        return dataclasses.replace(answer, session_received=session.received_before + times * len(members))


class Naming(FakePlatform):
    """Refuses a whole request for one of its members, whom it names."""

    def _change(self, request):
        places = {place: "bad" for place, row in enumerate(request.json["rows"]) if marked("p1@x") in row}
        if places:
            raise RefusedMembersError("fake: some members are refused", places)
        return super()._change(request)


class Way:
    """The way to the road's platform, which keeps the requests that come by."""

    def __init__(self, platform) -> None:
        self.platform, self.sent = platform, list[Request]()

    @property
    def audiences(self):
        return self.platform.audiences

    def send(self, request: Request) -> Response:
        if request.path != "/audiences":
            self.sent.append(request)
        return self.platform.send(request)


@pytest.fixture
def road(tmp_path):
    return Road(tmp_path)


def delivered(road, destination, **asked):
    way = Way(road.platform)
    room = DeliveryRoom(
        road.lake, destination, way, workdir=road.workdir, sleep=lambda _: None, patience=Patience(attempts=1)
    )
    contract = destination.contract
    errand = Errand(PAIR, Wanted(contract, contract.forms()), "seg", {}, GuardRails(1.0), KEY)
    try:
        room.run(errand, road.audience, None, **asked)
    except NeedsHumanError as error:
        return way.sent, error
    return way.sent, None


def at_work() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("ThreadPoolExecutor")}


def entries(road, kind: str):
    log = AudienceLedger(road.lake, PAIR, time.time).last()
    assert log is not None
    return log.answered(kind)


@pytest.mark.parametrize("twice", [frozenset(), frozenset({2, 20})])
def test_each_request_is_noted_sent_and_proven_as_if_it_had_been_made_at_its_turn(road, twice):
    road.wants(*crowd(*NAMES))
    destination = Counting(twice=twice)
    sent, _ = delivered(road, destination)
    before = [number - 1 + sum(1 for other in twice if other < number) for number in range(1, MANY + 1)]
    assert [(request.json["seq"], request.json["before"]) for request in sent] == [*enumerate(before, start=1)]
    assert [entry.body["request_digest"] for entry in entries(road, "intent")] == [
        request_digest(KEY, request) for request in sent
    ]
    road.expected(*(f"{name}@x" for name in NAMES))
    if not twice:
        # What the platform had received is told by receipts as it is by a platform that counts everybody once.
        assert all(request.is_proven for request in replayed(road, destination=destination))


@pytest.mark.parametrize("is_one_by_one", [False, True])
def test_a_request_is_made_once_and_beforehand_only_where_no_member_has_to_be_kept_for_it(road, is_one_by_one):
    road.wants(*crowd(*NAMES))
    destination = Counting(is_one_by_one=is_one_by_one)
    sent, _ = delivered(road, destination)
    assert len(sent) == MANY
    # Records are weighed with two requests before there is a delivery; the first is what tells how they are made.
    by_turn = [name for name in destination.makers if name == "MainThread"]
    assert (len(destination.makers), len(by_turn)) == (2 + MANY, 1 + MANY if is_one_by_one else 2)
    road.expected(*(f"{name}@x" for name in NAMES))


def test_whoever_is_left_of_a_batch_goes_in_a_request_that_is_made_anew(road):
    road.platform = Naming()
    road.wants(*crowd(*NAMES[:7]))
    sent, _ = delivered(road, Counting(contract=CONTRACT))
    assert [len(request.json["rows"]) for request in sent if [marked("p1@x")] in list(request.json["rows"])] == [3]
    assert [entry.body["request_digest"] for entry in entries(road, "intent")] == [
        request_digest(KEY, request) for request in sent
    ]
    road.expected(*(f"{name}@x" for name in NAMES[:7] if name != "p1"))


def test_a_request_that_cannot_be_made_stops_the_delivery_at_its_turn_and_not_before(road):
    road.wants(*crowd(*NAMES))
    sent, _ = delivered(road, Counting())
    [last] = sent[-1].json["rows"][0]
    again = Road(road.workdir.parent / "again")
    again.wants(*crowd(*NAMES))
    sent, error = delivered(again, Counting(cannot_be_said=last))
    assert (len(sent), type(error)) == (MANY - 1, NeedsHumanError)
    again.expected(*(f"{name}@x" for name in NAMES if marked(f"{name}@x") != last))


def test_whoever_says_no_is_heard_at_the_next_batch_although_their_request_is_made_already(road):
    road.wants(*crowd(*NAMES))
    order, _ = delivered(road, Counting())
    [late] = order[19].json["rows"][0]
    other = Road(road.workdir.parent / "other")
    other.wants(*crowd(*NAMES))
    name = next(name for name in NAMES if marked(f"{name}@x") == late)

    def says_no(call: int) -> None:
        if call == 17:
            other.opt_out(("email", digest(f"{name}@x")))

    other.platform.after = says_no
    threads = at_work()
    sent, _ = delivered(other, Counting(), newest=lambda: other.suppressions)
    # What was open is settled, and a delivery of its own begins again from the first batch that was not sent.
    assert [late] not in [row for request in sent for row in request.json["rows"]]
    assert (len(sent), sent[18].json["seq"]) == (MANY - 1, 1)
    assert at_work() == threads
    other.expected(*(f"{other_name}@x" for other_name in NAMES if other_name != name))
