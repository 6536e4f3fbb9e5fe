"""The queue of AWS's events: nothing is taken off before it is done with, and what nobody can read is laid aside."""

from __future__ import annotations

import json
import logging
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from segment_assets.contracts import NeedsHumanError
from segment_assets.resources.aws.landing import S3Landing
from segment_assets.resources.aws.queue import EventQueue, LandingEvents
from segment_assets_tests.aws.emulators import Emulator
from segment_assets_tests.aws.modelled import served, session_at

if TYPE_CHECKING:
    from pathlib import Path

    from segment_assets.resources.aws.session import AwsSession

pytestmark = pytest.mark.aws
RECEIVES = 2


@pytest.fixture
def session(ministack: Emulator) -> AwsSession:
    return session_at(ministack.endpoint, "s3", "sqs", "events")


@pytest.fixture
def queue(session: AwsSession) -> EventQueue:
    """A queue that hands a message out at once again, and lays it aside when it was handed out twice."""
    return made(session, uuid.uuid4().hex)


def made(session: AwsSession, name: str, hidden_for: str = "0") -> EventQueue:
    client = session.client("sqs")
    dead = client.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
    arn = client.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": str(RECEIVES)})
    url = client.create_queue(QueueName=name, Attributes={"RedrivePolicy": policy, "VisibilityTimeout": hidden_for})
    return EventQueue(session, url["QueueUrl"], wait=0)


def send(queue: EventQueue, *bodies: Any) -> None:
    for body in bodies:
        text = body if isinstance(body, str) else json.dumps(body)
        queue.session.client("sqs").send_message(QueueUrl=queue.url, MessageBody=text)


def created(key: str, bucket: str = "bucket") -> dict[str, Any]:
    """What EventBridge tells of a new object."""
    detail = {"bucket": {"name": bucket}, "object": {"key": key, "size": 5}, "reason": "PutObject"}
    return {"version": "0", "source": "aws.s3", "detail-type": "Object Created", "detail": detail}


def test_an_event_stays_until_it_is_done_with(queue: EventQueue) -> None:
    send(queue, {"n": 1})
    (first, _), *_ = queue.receive(1)
    (second, done), *_ = queue.receive(1)
    assert first == second == {"n": 1}
    done()
    assert queue.depth() == queue.dead() == 0
    assert list(queue.receive()) == []


def test_more_events_come_than_one_call_hands_out(queue: EventQueue) -> None:
    send(queue, *({"n": n} for n in range(12)))
    taken = []
    for event, done in queue.receive(12):
        taken.append(event["n"])
        done()
    assert sorted(taken) == list(range(12))


def test_what_nobody_can_read_is_told_and_laid_aside_never_dropped(
    queue: EventQueue, caplog: pytest.LogCaptureFixture
) -> None:
    send(queue, "someone@example.com is no JSON", json.dumps(["no", "object"]))
    with caplog.at_level(logging.WARNING):
        for _ in range(RECEIVES + 1):
            assert list(queue.receive(2)) == []
    assert queue.depth() == 0
    assert queue.dead() == 2
    assert "is no event" in caplog.text
    assert "someone@example.com" not in caplog.text


def test_an_event_whose_reader_always_fails_is_laid_aside_and_comes_back_by_a_redrive(queue: EventQueue) -> None:
    send(queue, {"n": 1})
    for _ in range(RECEIVES + 1):
        list(queue.receive(1))
    assert queue.dead() == 1
    assert queue.redrive() == 1
    assert queue.dead() == 0
    (event, done), *_ = queue.receive(1)
    done()
    assert event == {"n": 1}


def test_a_queue_without_a_dead_letter_queue_is_for_a_person(session: AwsSession) -> None:
    url = session.client("sqs").create_queue(QueueName=uuid.uuid4().hex)["QueueUrl"]
    with pytest.raises(NeedsHumanError, match="give it a redrive policy"):
        EventQueue(session, url).dead()


def test_a_redrive_is_sqs_own_task_where_there_is_one() -> None:
    asked: list[dict[str, Any]] = []
    arn = "arn:aws:sqs:us-east-1:111122223333:dead"

    def attributes(params: dict[str, Any]) -> dict[str, Any]:
        if params["AttributeNames"] == ["RedrivePolicy"]:
            return {"Attributes": {"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})}}
        return {"Attributes": {"ApproximateNumberOfMessages": "7"}}

    def move(params: dict[str, Any]) -> dict[str, Any]:
        asked.append(params)
        return {"TaskHandle": "task"}

    does = {
        "GetQueueAttributes": attributes,
        "GetQueueUrl": lambda params: {"QueueUrl": f"https://sqs/{params['QueueOwnerAWSAccountId']}/{params['QueueName']}"},
        "StartMessageMoveTask": move,
    }  # fmt: skip
    with served({"sqs": does}) as endpoint:
        queue = EventQueue(session_at(endpoint, "sqs"), f"{endpoint}/111122223333/landing")
        assert queue.redrive() == 7
    assert asked == [{"SourceArn": arn}]


def test_events_name_the_segments_to_look_at_and_stay_until_the_look_is_over(queue: EventQueue) -> None:
    ours = ["l/segments/newsletter/a b+c.csv", "l/segments/newsletter/b.csv", "l/segments/vip/list.parquet"]
    elsewhere = [
        "l/segments/x",
        "l/segments/x/deep/a.csv",
        "l/segments/x/a.tmp",
        "l/segments/../a.csv",
        "l/spend/a.csv",
    ]
    send(queue, *map(created, ours + elsewhere), created("l/segments/x/a.csv", bucket="another"), {"source": "aws.s3"})
    events = LandingEvents(queue, "s3://bucket/l")
    changed = events.changed(limit=20)
    assert changed.segments == {"newsletter", "vip"}
    assert queue.depth() == 10
    changed.done()
    assert queue.depth() == queue.dead() == 0


def test_what_is_not_an_event_of_s3_is_not_the_landing_areas_to_take(queue: EventQueue) -> None:
    send(queue, {"source": "aws.cleanrooms"}, "nothing", created("l/segments/a/a.csv"))
    changed = LandingEvents(queue, "s3://bucket/l").changed(limit=3)
    changed.done()
    assert changed.segments == {"a"}
    assert queue.depth() + queue.dead() == 2


def test_an_object_in_a_bucket_reaches_the_landing_area_by_eventbridge(session: AwsSession, tmp_path: Path) -> None:
    queue = made(session, uuid.uuid4().hex, hidden_for="30")
    bucket = f"landing-{uuid.uuid4().hex}"
    s3, events = session.client("s3"), session.client("events")
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}})
    pattern = {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": {"bucket": {"name": [bucket]}}}
    rule = f"landed-{uuid.uuid4().hex}"
    events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
    client = session.client("sqs")
    arn = client.get_queue_attributes(QueueUrl=queue.url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_targets(Rule=rule, Targets=[{"Id": "queue", "Arn": arn}])
    s3.put_object(Bucket=bucket, Key="l/segments/newsletter/a b.csv", Body=b"email\n")
    send(queue, created("l/segments/taken_away/a.csv", bucket))
    deadline = time.monotonic() + 10
    while queue.depth() < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    area = S3Landing(session, f"s3://{bucket}/l", tmp_path, LandingEvents(queue, f"s3://{bucket}/l"))
    changed = area.changed()
    assert changed is not None
    changed.done()
    assert changed.segments == set(area.segments()) == {"newsletter"}
    assert S3Landing(session, area.uri, tmp_path).changed() is None
