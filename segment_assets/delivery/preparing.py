"""Requests that are made before it is their turn, by another thread, while those before them are on the wire.

Belongs here: making the next requests, and their digests side by side. Not here: when each is sent and what is noted of
it (`courier`), what is in it (`destinations`).

A request follows from its arguments, so one that was made of the same is the one that is sent. Only what the platform
will have received before a batch is not known yet: everybody, as a rule. Where it is another number, or where a request
cannot be made, the courier makes it when its turn comes, and raises what there is to raise. So it does for a platform
whose requests are made of members one by one: many of these at once would take a gigabyte.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections import Counter
from typing import TYPE_CHECKING

from segment_assets.contracts import SegmentAssetsError
from segment_assets.delivery.mapped import ahead
from segment_assets.delivery.members import Members
from segment_assets.delivery.outgoing import OPERATIONS, Prepared, digestible, session_of
from segment_assets.identity.hashing import sha256_of_each

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from segment_assets.contracts import Destination, Member, Request, Session
    from segment_assets.delivery.outgoing import Batch

# As many texts as a core hashes at once, and no more bytes of them: two such groups are in memory.
_TOGETHER = 16
_BYTES_TOGETHER = 24 << 20


def with_requests(
    batches: Iterable[Batch], destination: Destination, header: Mapping[str, Any], audience_id: str
) -> Generator[Batch]:
    """The batches of a delivery without a workflow, with their requests as far as these can be made beforehand.

    Close it when it is not read to its end: another thread may be at work.
    """
    groups = _groups(batches, destination, header, audience_id)
    is_one_group = sum(header["batches"].values()) <= _TOGETHER
    for group in groups if is_one_group else ahead(groups):
        # Given away one by one: a body that was sent is not kept until the last of its group is.
        while group:
            yield group.pop(0)


def request_for(
    destination: Destination, audience_id: str, batch: Batch, members: Sequence[Member], session: Session
) -> tuple[Request, bytes]:
    """The request for members of a batch, and what its digest is made of: the one that was made if it is the same."""
    made = batch.made
    # In the same session go also those who are left of a batch when the platform has named others.
    if made is not None and members is batch.members and made.session == session:
        return made.request, made.said
    request = destination.request(audience_id, OPERATIONS[batch.phase], members, session)
    return request, digestible(request)


def _groups(
    batches: Iterable[Batch], destination: Destination, header: Mapping[str, Any], audience_id: str
) -> Iterator[list[Batch]]:
    received: Counter[int] = Counter()
    group, size, is_by_columns = [], 0, True
    for batch in batches:
        if not is_by_columns:
            yield [batch]
            continue
        session = session_of(header, batch)
        session = dataclasses.replace(session, received_before=received[session.token])
        received[session.token] += len(batch.members)
        made = None
        with contextlib.suppress(SegmentAssetsError):
            request = destination.request(audience_id, OPERATIONS[batch.phase], batch.members, session)
            size += len(request.body() or b"")
            made = Prepared(session, request)
        is_by_columns = isinstance(batch.members, Members) and batch.members.are_columns
        group.append(dataclasses.replace(batch, made=made))
        if not is_by_columns or len(group) == _TOGETHER or size >= _BYTES_TOGETHER:
            yield _digested(group)
            group, size = [], 0
    yield _digested(group)


def _digested(group: list[Batch]) -> list[Batch]:
    """The same, knowing what the digests of their requests are made of."""
    bodies = [body for batch in group if batch.made and (body := batch.made.request.body()) is not None]
    digests = iter(sha256_of_each(bodies))
    for place, batch in enumerate(group):
        if batch.made is not None:
            request = batch.made.request
            said = digestible(request, "" if request.body() is None else next(digests))
            group[place] = dataclasses.replace(batch, made=dataclasses.replace(batch.made, said=said))
    return group
