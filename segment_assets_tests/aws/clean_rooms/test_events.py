"""Events of Clean Rooms: a reason to look now, never more, and nothing is missed without them."""

from __future__ import annotations

import json
import time

import dagster as dg
import pytest

from segment_assets.contracts import TransientError
from segment_assets.query_follower import UNNAMED_SECONDS, clean_room_queries, follow_queries
from segment_assets.resources.aws.clean_rooms_events import ended_queries, ids_of_ended
from segment_assets.resources.aws.queue import EventQueue
from segment_assets.resources.aws.session import AwsSession
from segment_assets.resources.clean_room import Announcing, ProtectedQuery
from segment_assets.resources.clean_room.record import QueryRecord
from segment_assets_tests.aws.emulators import REGION
from segment_assets_tests.fake_clean_room import FakeCleanRoom, NotesInMemory

ONE, OTHER = "0b2a1f3e-7d1c-4c5e-9f00-1a2b3c4d5e6f", "11111111-2222-4333-8444-555555555555"
FIRST, SECOND = "2026-10-05", "2026-10-12"


def event(kind: str = "Protected Query Succeeded", **more: object) -> dict:
    return {"source": "aws.cleanrooms", "detail-type": kind, "detail": {"protectedQueryId": ONE}} | more


class Queue:
    """Messages that stay until somebody is done with them."""

    def __init__(self, *events: dict) -> None:
        self.events = list(events)
        self.broken: Exception | None = None

    def put(self, told: dict) -> None:
        self.events.append(told)

    def receive(self):
        for told in list(self.events):
            if self.broken is not None:
                raise self.broken
            yield told, lambda told=told: self.events.remove(told)


@pytest.mark.parametrize("kind", ["Succeeded", "Failed", "Cancelled", "Timed Out"])
def test_every_end_names_its_query_wherever_its_id_is(kind):
    told = event(f"Protected Query {kind}")
    assert ids_of_ended(told) == {ONE}
    assert ids_of_ended(told | {"detail": {"query": {"ids": [ONE.upper(), OTHER]}}}) == {ONE, OTHER}
    arn = f"arn:aws:cleanrooms:eu-central-1:111122223333:membership/{OTHER}/protectedquery/{ONE}"
    assert ONE in ids_of_ended({"detail-type": f"Protected Query {kind}", "resources": [arn]})


@pytest.mark.parametrize(
    "told",
    [
        event("Protected Query Submitted"),
        event("Protected Query Started"),
        event("Protected Job Succeeded"),
        event("Membership Updated"),
        event(detail=None),
        event(detail="no id"),
        event(detail=[1, None, {"a": True}]),
        {},
        {"detail-type": 7, "detail": {"id": ONE}},
    ],
)
def test_what_tells_no_end_names_nobody(told):
    assert ids_of_ended(told) == set()


def test_an_event_without_end_of_its_parts_is_read_to_a_depth():
    deep: dict = {"id": ONE}
    for _ in range(1000):
        deep = {"more": deep}
    assert ids_of_ended(event(detail=deep)) == set()


def test_our_events_are_taken_off_the_queue_and_another_sources_stay():
    landing = {"source": "aws.s3", "detail-type": "Object Created", "detail": {}}
    queue = Queue(event(), landing, event("Protected Query Started"))
    assert ended_queries(queue) == {ONE}
    assert queue.events == [landing]


def test_the_stand_ins_events_tell_the_end_of_a_query(aws):
    queue = Queue()
    aws.renew(tell=queue.put)
    room = aws.room(queue=queue)
    query_id = room.start(ProtectedQuery("overlap", "SELECT 1"))
    aws.service.queries.settled()
    assert query_id in room.announced()
    assert room.announced() == set()


def test_a_queue_that_is_away_is_as_good_as_none(aws):
    queue = Queue(event())
    queue.broken = TransientError("SQS is away")
    assert aws.room(queue=queue).announced() is None
    assert aws.room().announced() is None


@pytest.mark.aws
def test_the_events_of_a_queue_in_sqs_are_heard_once(aws, ministack, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", ministack.endpoint)
    session = AwsSession(REGION, duty="clean-room-events")
    sqs = session.client("sqs")
    url = sqs.create_queue(QueueName="clean-room-events")["QueueUrl"]
    aws.renew(tell=lambda told: sqs.send_message(QueueUrl=url, MessageBody=json.dumps(told)))
    room = aws.room(queue=EventQueue(session, url, wait=0))
    query_id = room.start(ProtectedQuery("overlap", "SELECT 1"))
    aws.service.queries.settled()
    assert query_id in room.announced()
    assert room.announced() == set()
    sqs.delete_queue(QueueUrl=url)
    assert room.announced() is None


class Following:
    """Two open queries, and a follower whose looks are counted."""

    def __init__(self) -> None:
        self.now = time.time()
        self.lake, self.looks = NotesInMemory(), list[str]()
        self.room = FakeCleanRoom(lambda: self.now)
        self.room.before_look = self.looks.append
        self.cursor: str | None = None
        self.instance = dg.DagsterInstance.ephemeral()
        for week in (FIRST, SECOND):
            record = QueryRecord(self.lake, "overlap", week, lambda: self.now)
            record.intend("digest")
            record.started(self.room.start(ProtectedQuery("overlap", week)))

    def tick(self, announced: set[str] | None, seconds: float = 30.0) -> tuple[list[str], list[str]]:
        """(queries that were looked at, weeks that a run was asked for)"""
        self.now += seconds
        self.looks.clear()
        followed = follow_queries(
            self.instance, self.cursor, self.room, self.lake, announced=announced, now=lambda: self.now
        )
        self.cursor = followed.cursor
        return sorted(self.looks), [request.partition_key for request in followed.requests]


@pytest.fixture
def following():
    world = Following()
    with world.instance:
        yield world


class TestTheFollower:
    def test_without_events_every_query_is_looked_at_in_every_tick(self, following):
        for _ in range(3):
            assert following.tick(None) == (["q1", "q2"], [])

    def test_with_events_the_named_one_is_looked_at_now_and_the_other_one_seldom(self, following):
        assert following.tick(set()) == (["q1", "q2"], [])
        assert following.tick(set()) == ([], [])
        following.room.answer("q2")
        assert following.tick({"q2"}) == (["q2"], [SECOND])
        assert following.tick(set(), UNNAMED_SECONDS)[0] == ["q1", "q2"]

    def test_a_lost_event_costs_minutes_and_no_result(self, following):
        following.tick(set())
        following.room.answer("q1")
        waited, asked = 0.0, []
        while not asked:
            waited += 30.0
            _, asked = following.tick(set())
        assert asked == [FIRST]
        assert UNNAMED_SECONDS <= waited <= UNNAMED_SECONDS + 30.0

    def test_an_event_that_comes_before_its_state_is_looked_at_until_that_comes(self, following):
        following.tick(set())
        assert following.tick({"q1"}) == (["q1"], [])
        following.room.answer("q1")
        assert following.tick(set()) == (["q1"], [FIRST])

    def test_a_run_that_died_is_asked_for_again_without_another_event(self, following):
        following.tick(set())
        following.room.answer("q1")
        assert following.tick({"q1"}) == (["q1"], [FIRST])
        assert [following.tick(set()) for _ in range(2)] == [(["q1"], []), (["q1"], [FIRST])]

    def test_an_event_about_somebody_elses_query_changes_nothing(self, following):
        following.tick(set())
        assert following.tick({OTHER}) == ([], [])


def test_the_sensor_asks_a_room_that_is_told_and_no_other():
    class Told(FakeCleanRoom):
        asked = 0

        def announced(self):
            Told.asked += 1
            return set()

    assert not isinstance(FakeCleanRoom(time.time), Announcing)
    for room, asked in ((FakeCleanRoom(time.time), 0), (Told(time.time), 1)):
        with dg.DagsterInstance.ephemeral() as instance:
            context = dg.build_sensor_context(
                instance=instance, resources={"clean_room": room, "lake": NotesInMemory()}
            )
            assert clean_room_queries(context).skip_reason.skip_message == "no query is open"
        assert Told.asked == asked
