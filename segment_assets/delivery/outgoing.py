"""What goes out, made of what was written down: members, session, operation and digest of each request.

Belongs here: reading the batches of a delivery and where each stands. The same for a first try, a retry in another
process and a replay. Not here: cutting batches (`records`), sending (`courier`), a platform's format (`destinations`).
"""

from __future__ import annotations

import dataclasses
import hmac
import itertools
import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import Operation, Session
from segment_assets.delivery.lanes import Stretch, stretch_of
from segment_assets.delivery.ledger import minted
from segment_assets.delivery.members import Members, members_of
from segment_assets.delivery.ranges import filled, stream
from segment_assets.delivery.wanted import FORMS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa
    import pyarrow.dataset as pads

    from segment_assets.contracts import Member, Request, Workflow

OPERATIONS = {
    "replace": Operation.REPLACE,
    "add": Operation.ADD,
    "retire": Operation.REMOVE,
    "reaffirm": Operation.ADD,
    "remove": Operation.REMOVE,
}
"""What each phase asks for, in the order of a delivery."""
_MICROSECONDS, _MOST_PHASES = 1_000_000, 8


@dataclasses.dataclass(frozen=True, slots=True)
class Prepared:
    """The request for all members of a batch in a session; `said` is what its digest is made of (`digestible`)."""

    session: Session
    request: Request
    said: bytes = dataclasses.field(default=b"", repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Batch:
    """The members of one request, and where it stands in its phase; `made` where that was made already."""

    phase: str
    number: int
    members: Sequence[Member]
    made: Prepared | None = None


def unit_of(header: Mapping[str, Any], phase: str, batch: int, workflow: Workflow | None = None) -> Stretch:
    """The batches that make one session together: a lane of a phase, or as many of it as a workflow takes at once."""
    stretch = stretch_of(header, phase, batch)
    if workflow is None or not workflow.batches:
        return stretch
    first = batch - (batch - stretch.first) % workflow.batches
    return dataclasses.replace(stretch, first=first, last=min(first + workflow.batches - 1, stretch.last))


def session_of(header: Mapping[str, Any], batch: Batch, workflow: Workflow | None = None) -> Session:
    """Where a batch stands, from the header of its delivery: the same for every try and for a replay."""
    unit = unit_of(header, batch.phase, batch.number, workflow)
    part = (str(unit.first),) if workflow is not None and workflow.batches else ()
    return Session(
        token=int(minted(header["delivery_id"], batch.phase, *unit.keys, *part)[:15], 16) + 1,
        sequence=batch.number - unit.first + 1,
        last=batch.number == unit.last,
        members_in_total=unit.records,
        received_before=0,
        lane=unit.keys,
        batches=unit.last - unit.first + 1,
        rank=rank_of(header) * _MOST_PHASES + list(OPERATIONS).index(batch.phase),
    )


def rank_of(header: Mapping[str, Any]) -> int:
    """Which of an audience's deliveries counts: each has a greater one than the one before, whatever clocks said."""
    # Headers from before ranks were noted: by the moment at which the delivery before was closed.
    return int(header["rank"]) if "rank" in header else begun(float(header.get("state_date", 0.0)))


def begun(moment: float) -> int:
    """The rank that a delivery has by the clock: microseconds since the epoch of the state that it begins from."""
    return round(moment * _MICROSECONDS)


def request_digest(key: bytes, request: Request) -> str:
    """Keyed digest of a request (HMAC-SHA-256 hex), which proves what was sent and tells nothing about the people."""
    return keyed(key, digestible(request))


def keyed(key: bytes, said: bytes) -> str:
    """The digest of what `digestible` made."""
    return hmac.new(key, said, sha256).hexdigest()


def is_noted_as(noted: str, key: bytes, request: Request) -> bool:
    """Whether a digest that the ledger noted is of this request, whichever version of digests it was noted by."""
    said = (made(request) for made in (digestible, _digestible_1))
    return any(hmac.compare_digest(noted, keyed(key, by_version)) for by_version in said)


def is_above(limit: int, request: Request) -> bool:
    """Whether a body is larger than a limit in bytes."""
    return len(request.body() or b"") > limit


def digestible(request: Request, digest: str | None = None) -> bytes:
    """What of a request its digest is made of: the body as it is sent, in the second version of digests.

    `digest` is the SHA-256 of the body in hex, where it is known already; empty where there is no body.
    """
    if digest is None:
        body = request.body()
        digest = "" if body is None else sha256(body).hexdigest()
    said = ["2", request.method, request.path, dict(request.params), request.content_type, digest]
    return json.dumps(said, sort_keys=True).encode()


def _digestible_1(request: Request) -> bytes:
    """The same in the first version, which wrote JSON once more for it; entries of years are noted by it."""
    said: list[object] = [request.method, request.path, request.json, dict(request.params)]
    if request.content is not None:
        said += [request.content_type, sha256(request.content).hexdigest()]
    return json.dumps(said, sort_keys=True, default=list).encode()


def batches(changes: pads.Dataset) -> Iterator[Batch]:
    """The batches in the order in which they were written. Memory: one batch and one read-ahead."""
    import pyarrow as pa

    arrow: Any = pa
    pending: list[pa.RecordBatch] = []
    place: tuple[str, int] | None = None
    for row_place, rows in _stretches(changes):
        if row_place != place:
            if place is not None and pending:
                yield Batch(*place, Members(arrow.concat_batches(pending)))
            place, pending = row_place, []
        if row_place[0] in OPERATIONS:
            pending.append(rows)
    if place is not None and pending:
        yield Batch(*place, Members(arrow.concat_batches(pending)))


def _stretches(changes: pads.Dataset) -> Iterator[tuple[tuple[str, int], pa.RecordBatch]]:
    """Rows that follow each other in one batch, and its place; in the columns that any row has."""
    import numpy as np

    columns = filled(changes, {"phase", "batch", "member_id", *FORMS})
    for rows in stream(changes, columns, coded=["phase"]):
        numbers, phases = np.asarray(rows.column("batch")), rows.column("phase").dictionary_encode()
        changed = np.diff(numbers) | np.diff(np.asarray(phases.indices))
        for first, end in itertools.pairwise((0, *map(int, np.flatnonzero(changed) + 1), rows.num_rows)):
            if first < end:
                yield (phases[first].as_py(), int(numbers[first])), rows.slice(first, end - first)


def members(rows: pa.RecordBatch) -> Iterator[tuple[tuple[str, int], Member]]:
    """Each record's phase and batch, and the record as a destination gets it."""
    return members_of(rows)
