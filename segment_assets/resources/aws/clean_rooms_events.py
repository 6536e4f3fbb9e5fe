"""EventBridge's events of Clean Rooms, as far as they are worth something to us: look now.

Belongs here: which queries an event says have ended. Pure. Not here: the queue (`queue`), what follows
(`query_follower`).
Source: EventBridge's reference of events of `aws.cleanrooms`. Delivery is best effort, and the members of the detail
are not documented. So every UUID anywhere in an event is taken as the id of a query, and nothing else is believed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

_SOURCE = "aws.cleanrooms"
_ENDED = re.compile(r"protected query (succeeded|failed|cancell?ed|timed[ _-]?out)", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
# Deeper than any event of AWS; a message is somebody else's bytes.
_DEEPEST = 10


class EventSource(Protocol):
    """A queue of events. It must be ours alone: an event that is read and not ours would be missed by its owner."""

    def receive(self) -> Iterable[tuple[Mapping[str, Any], Callable[[], None]]]:
        """Events that wait now, each with what to call once it was taken in."""
        ...


def ended_queries(queue: EventSource) -> set[str]:
    """Ids in events that say that a protected query has ended. Errors of the queue pass through.

    Events of Clean Rooms are taken out of the queue; another source's stay, for its redrive policy and for people.
    """
    ended: set[str] = set()
    for event, done in queue.receive():
        if event.get("source") != _SOURCE:
            continue
        ended |= ids_of_ended(event)
        done()
    return ended


def ids_of_ended(event: Mapping[str, Any]) -> set[str]:
    """Every UUID of an event that tells the end of a protected query; none of another event."""
    if not _ENDED.match(str(event.get("detail-type", ""))):
        return set()
    texts = [*_texts(event.get("detail"), _DEEPEST), *_texts(event.get("resources"), _DEEPEST)]
    return {found.lower() for text in texts for found in _UUID.findall(text)}


def _texts(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth and isinstance(value, dict):
        for part in value.values():
            yield from _texts(part, depth - 1)
    elif depth and isinstance(value, list):
        for part in value:
            yield from _texts(part, depth - 1)
