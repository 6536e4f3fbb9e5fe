"""A wait that only a connector can read is kept with the account, wherever its answer was read."""

from __future__ import annotations

import dataclasses

import pytest

from segment_assets.contracts import Answer, Request, TransientError
from segment_assets.delivery.breaker import AwayError, Health
from segment_assets.delivery.courier import Patience
from segment_assets.delivery.errands import Errand
from segment_assets.delivery.guards import GuardRails
from segment_assets.delivery.ledger import Pair
from segment_assets.delivery.pacing import LONGEST_WAIT
from segment_assets.delivery.run import DeliveryRoom
from segment_assets.delivery.wanted import Wanted
from segment_assets_tests.delivery.test_breaker import TOLERANCE, Outage
from segment_assets_tests.delivery.test_breaker import lake as lake  # noqa: PLC0414 - a fixture
from segment_assets_tests.delivery.test_following import FOLLOWED, JobDestination, JobPlatform
from segment_assets_tests.fakes import FakeDestination, FakePlatform, digest, person, publish_audience
from segment_assets_tests.fakes import publish_suppressions as suppressed

HOUR, DAY = 3_600.0, 86_400.0


class Told(FakeDestination):
    """A platform that says in the body how long it wants to be left alone: with a refusal, or with what it took."""

    def read(self, members, session, response):
        if response.json.get("come_back"):
            raise TransientError("fake: throttled", retry_after=response.json["come_back"])
        count = len(members)
        return Answer(count, count, {}, 0, 0, "200", pause=response.json.get("pause", 0.0))

    def find_audience(self, transport, spec):
        return None

    def create_audience(self, transport, spec):
        made = transport.send(Request("POST", "/audiences", json={"marker": spec.marker})).json
        if made.get("come_back"):
            raise TransientError("fake: throttled", retry_after=made["come_back"])
        return made["id"]


class Platform(FakePlatform):
    """Says the same with every answer, to a call at `path` if there is one."""

    def __init__(self) -> None:
        super().__init__()
        self.says, self.path, self.sent = {}, "", 0

    def send(self, request):
        self.sent += 1
        answer = super().send(request)
        return dataclasses.replace(answer, json={**answer.json, **(self.says if self.path in request.path else {})})


class Room:
    """Runs over an account's gate, for one audience or another."""

    def __init__(self, outage: Outage, destination=None, platform=None) -> None:
        self.outage, self.destination = outage, destination or Told()
        self.platform = outage.platform = platform or Platform()
        self.suppressions = None

    def wants(self, *names: str, segment: str = "seg"):
        people = [person(name, email=f"{name}@x") for name in names]
        publish_audience(self.outage.lake, segment, people)

    def run(self, gate=None, segment: str = "seg"):
        lake, contract = self.outage.lake, self.destination.contract
        room = DeliveryRoom(
            lake,
            self.destination,
            gate or self.outage.run(),
            workdir=self.outage.folder,
            clock=lambda: self.outage.now,
            sleep=lambda _: None,
            patience=Patience(attempts=2),
        )
        pair = Pair("tenant", "fake", "1", segment)
        errand = Errand(pair, Wanted(contract, contract.forms()), "seg", {}, GuardRails(1.0), b"key")
        return room.run(errand, lake.current("hashed_audience", segment), self.suppressions)

    def gives_up(self, gate=None, segment: str = "seg") -> TransientError:
        with pytest.raises(TransientError) as refused:
            self.run(gate, segment)
        return refused.value


class Jobs(JobDestination):
    """Wants to be asked about its jobs later."""

    def read_job(self, response):
        raise TransientError("fake: throttled", retry_after=HOUR)


class TestReaders:
    """Most platforms tell the time in a header or a body of their own, which only the connector reads."""

    @pytest.fixture
    def room(self, lake, tmp_path):
        outage = Outage(lake)
        outage.folder = tmp_path / "work"
        made = Room(outage)
        for segment in ("seg", "other"):
            made.wants("ann", "ben", segment=segment)
        return made

    def test_the_run_of_another_audience_does_not_call_after_a_refusal_with_a_time(self, room):
        room.platform.says, room.platform.path = {"come_back": HOUR}, "/a1"
        assert room.gives_up().retry_after == HOUR
        sent = room.platform.sent
        assert isinstance(room.gives_up(segment="other"), AwayError)
        assert room.platform.sent == sent
        room.platform.says = {}
        room.outage.now += HOUR
        room.run(segment="other")

    def test_a_wait_after_a_batch_that_was_taken_is_kept_and_the_delivery_is_through(self, room):
        room.platform.says, room.platform.path = {"pause": HOUR}, "/a1"
        assert [row["outcome"] for row in room.run().deliveries] == ["done"]
        assert isinstance(room.gives_up(segment="other"), AwayError)

    def test_a_creation_that_is_refused_for_now_is_kept(self, room):
        room.platform.says = {"come_back": HOUR}
        room.gives_up()
        assert room.outage.breaker.look().rest_until == room.outage.now + HOUR

    def test_a_question_about_a_job_that_is_refused_for_now_is_kept(self, room):
        room.destination, room.platform = Jobs(), JobPlatform()
        room.outage.platform = room.platform
        room.run()
        room.outage.now += FOLLOWED.follow.first
        room.gives_up()
        assert room.outage.breaker.look().rest_until == room.outage.now + HOUR

    def test_the_end_of_a_run_s_own_time_is_no_word_of_the_platform(self, room):
        said = room.gives_up(room.outage.run(longest=0.0))
        assert "the run has taken" in str(said)
        assert said.retry_after > LONGEST_WAIT
        assert room.outage.breaker.look() == Health()

    def test_neither_is_our_refusal_while_it_is_away(self, room):
        breaker = room.outage.breaker
        for _ in range(TOLERANCE.failures):
            breaker.failed("503")
        breaker.enter(is_first=True)
        assert isinstance(room.gives_up(), AwayError)
        assert room.outage.breaker.look().rest_until == 0

    def test_who_said_no_leaves_with_the_probe_and_so_does_everything_else_when_it_is_taken(self, room):
        room.run()
        room.outage.run().rest(DAY)
        room.suppressions = suppressed(room.outage.lake, [("email", digest("ann@x"))])
        room.gives_up()
        assert room.platform.holds("ann@x")
        room.outage.now += 900
        room.run()
        assert not room.platform.holds("ann@x")
