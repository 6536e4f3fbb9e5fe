"""Events that AWS has put on a queue: EventBridge to SQS, with a dead-letter queue behind it.

Belongs here: taking events off a queue, what is dead and bringing it back, and which landing folders events speak of.
Not here: what follows from an event (`sensors`, `query_follower`).

A message goes only when whoever took it says that it is done; one that nobody can read, or whose reader fails, comes
back until the queue's redrive policy lays it aside. An event is a hint: EventBridge delivers some twice, S3's in any
order, and what it lost a listing finds.
Tried against MiniStack, which lacks StartMessageMoveTask; that call is checked against botocore's model only.
Sources: botocore 1.44.5 (SQS 2012-11-05); S3 user guide, EventBridge event message structure (2026-11).
"""

from __future__ import annotations

import dataclasses
import functools
import json
import logging
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import NeedsHumanError, SegmentAssetsError, TransientError
from segment_assets.resources.aws.errors import translated
from segment_assets.resources.aws.landing import SEGMENTS, is_folder
from segment_assets.resources.aws.uris import bucket_and_prefix
from segment_assets.resources.landing import is_complete

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from segment_assets.resources.aws.session import AwsSession

# SQS's own limits for one call.
_AT_ONCE = 10
_BEHIND = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")
_UNKNOWN_CALL = frozenset({"InvalidAction", "UnknownOperationException", "AWS.SimpleQueueService.UnsupportedOperation"})
_LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Message:
    """One message as it was handed out, for the `received`th time. `receipt` takes it off the queue."""

    id: str
    body: str = dataclasses.field(repr=False)
    receipt: str = dataclasses.field(repr=False)
    received: int

    def event(self) -> dict[str, Any] | None:
        """The event in it, None for anything but a JSON object."""
        try:
            told = json.loads(self.body)
        except ValueError:
            return None
        return told if isinstance(told, dict) else None


@dataclasses.dataclass(frozen=True, slots=True)
class EventQueue:
    """One SQS queue, by its URL. `wait` is how long an empty queue is listened to: 0 or 1 second, a sensor's tick."""

    session: AwsSession
    url: str
    wait: int = 1

    def receive(self, limit: int = 100) -> Iterator[tuple[dict[str, Any], Callable[[], None]]]:
        """Events with what says that one is done with, as they are taken; at most `limit`.

        What is no event is told in the log and left to the redrive policy. Raises as `translated` does.
        """
        for message in self.messages(limit):
            event = message.event()
            if event is None:
                _LOG.warning(
                    "%s: message %s is no event (handed out %d times); it is left to the dead-letter queue",
                    self.name,
                    message.id,
                    message.received,
                )
                continue
            yield event, functools.partial(self.delete, [message])

    def messages(self, limit: int = 100) -> Iterator[Message]:
        """Messages as they are handed out, readable or not, until the queue is empty or `limit` is reached."""
        left = limit
        while left > 0:
            found = self._receive(self.url, min(left, _AT_ONCE), self.wait)
            if not found:
                return
            yield from found
            left -= len(found)

    def delete(self, messages: Sequence[Message]) -> None:
        """Take messages off the queue. Raises TransientError when some stay, which are then handed out again."""
        client = self.session.client("sqs")
        for start in range(0, len(messages), _AT_ONCE):
            part = messages[start : start + _AT_ONCE]
            entries = [{"Id": str(place), "ReceiptHandle": message.receipt} for place, message in enumerate(part)]
            with translated(self.name):
                answer = client.delete_message_batch(QueueUrl=self.url, Entries=entries)
            if answer.get("Failed"):
                raise TransientError(f"{self.name}: {len(answer['Failed'])} messages could not be taken off; once more")

    def depth(self) -> int:
        """About how many messages there are: waiting, handed out, delayed."""
        return self._depth(self.url)

    def dead(self) -> int:
        """About how many messages were laid aside. Raises NeedsHumanError without a dead-letter queue."""
        return self._depth(self._dead_letters()[0])

    def redrive(self) -> int:
        """Bring back what was laid aside, and say how many messages that is about.

        SQS does it by itself (StartMessageMoveTask), a task at a time. Where the service has no such call, each message
        is sent first and then taken off the dead-letter queue: one that is sent twice does no harm, a lost one does.
        """
        url, arn = self._dead_letters()
        waiting = self._depth(url)
        try:
            with translated(self.name):
                self.session.client("sqs").start_message_move_task(SourceArn=arn)
        except SegmentAssetsError as refusal:
            if refusal.code not in _UNKNOWN_CALL:
                raise
            return self._moved_by_hand(EventQueue(self.session, url, wait=0), waiting)
        return waiting

    @property
    def name(self) -> str:
        """The queue for people."""
        return f"SQS queue {self.url.rpartition('/')[2]}"

    def _moved_by_hand(self, dead: EventQueue, limit: int) -> int:
        moved = 0
        for message in dead.messages(limit):
            with translated(self.name):
                self.session.client("sqs").send_message(QueueUrl=self.url, MessageBody=message.body)
            dead.delete([message])
            moved += 1
        return moved

    def _receive(self, url: str, most: int, wait: int) -> list[Message]:
        with translated(self.name):
            answer = self.session.client("sqs").receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=most,
                WaitTimeSeconds=wait,
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
        return [
            Message(
                found["MessageId"],
                found["Body"],
                found["ReceiptHandle"],
                int(found.get("Attributes", {}).get("ApproximateReceiveCount", 1)),
            )
            for found in answer.get("Messages", ())
        ]

    def _depth(self, url: str) -> int:
        told = self._attributes(url, *_BEHIND)
        return sum(int(told.get(name, 0)) for name in _BEHIND)

    def _attributes(self, url: str, *names: str) -> dict[str, str]:
        with translated(self.name):
            answer = self.session.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=list(names))
        told: dict[str, str] = answer.get("Attributes", {})
        return told

    def _dead_letters(self) -> tuple[str, str]:
        """URL and ARN of the dead-letter queue."""
        policy = json.loads(self._attributes(self.url, "RedrivePolicy").get("RedrivePolicy", "{}"))
        arn = str(policy.get("deadLetterTargetArn", ""))
        if not arn:
            raise NeedsHumanError(f"{self.name} has no dead-letter queue; give it a redrive policy")
        owner, name = arn.split(":")[4:6]
        with translated(self.name):
            answer = self.session.client("sqs").get_queue_url(QueueName=name, QueueOwnerAWSAccountId=owner)
        return str(answer["QueueUrl"]), arn


@dataclasses.dataclass(frozen=True, slots=True)
class Changed:
    """Segments whose landing folders events speak of. `done` takes those events off the queue, after the look."""

    segments: frozenset[str]
    done: Callable[[], None]


@dataclasses.dataclass(frozen=True, slots=True)
class LandingEvents:
    """The queue of S3's "Object Created" and "Object Deleted" events of one landing area (`uri`)."""

    queue: EventQueue
    uri: str

    def changed(self, limit: int = 1000) -> Changed:
        """Segments to look at now. S3's other events are done with as well; what is not S3's stays on the queue."""
        segments: set[str] = set()
        # By id: a message that is handed out twice is taken off by its newest receipt.
        taken: dict[str, Message] = {}
        for message in self.queue.messages(limit):
            event = message.event()
            if event is None or event.get("source") != "aws.s3":
                _LOG.warning("%s: message %s is no event of S3; it stays", self.queue.name, message.id)
                continue
            taken[message.id] = message
            segment = self._segment(event)
            if segment:
                segments.add(segment)
        return Changed(frozenset(segments), functools.partial(self.queue.delete, [*taken.values()]))

    def _segment(self, event: dict[str, Any]) -> str:
        """The segment of the object that an event is about, empty for an object elsewhere."""
        bucket, prefix = bucket_and_prefix(self.uri)
        told: Any = event.get("detail")
        try:
            # Unlike a notification of S3's own, an event of EventBridge has the key as it is.
            is_ours, key = told["bucket"]["name"] == bucket, str(told["object"]["key"])
        except (KeyError, TypeError):
            return ""
        beginning = f"{prefix}{SEGMENTS}/"
        segment, slash, name = key.removeprefix(beginning).partition("/")
        is_file = bool(slash) and "/" not in name and name != "" and is_complete(name)
        return segment if is_ours and key.startswith(beginning) and is_file and is_folder(segment) else ""
