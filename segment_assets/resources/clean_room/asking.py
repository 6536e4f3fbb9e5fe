"""Asking a clean room without waiting for it: one step of a query's life, made by one run.

Belongs here: what a run does at each standing of a query, and when a failure is final.
Not here: the notes (`record`), when runs are made (`query_follower`), publishing (`assets.clean_room`).

A start that is repeated is paid for twice, and Clean Rooms takes no token that would prevent it. So the intent is noted
before the call and the id after it; a run that finds an intent without an id asks the room whether such a query exists,
and starts another one only when the first can no longer arrive.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from typing import TYPE_CHECKING

from segment_assets.contracts import NeedsHumanError, PermanentError, SegmentAssetsError, TransientError
from segment_assets.delivery.ledger import FencedError
from segment_assets.resources.clean_room import QueryState, UnansweredError
from segment_assets.resources.clean_room.local_queries import digest_of
from segment_assets.resources.clean_room.record import Standing

if TYPE_CHECKING:
    from segment_assets.contracts import Clock, Sleep
    from segment_assets.resources.clean_room import CleanRoom, ProtectedQuery, QueryOutcome
    from segment_assets.resources.clean_room.record import QueryRecord

# Queries in a row that fail in a way that may pass. Every one of them may have been billed.
FAILURES_AT_MOST = 4
# The room's clock and ours need not agree when it is asked for queries since a moment.
CLOCKS_DIFFER_BY_SECONDS = 300.0


@dataclasses.dataclass(frozen=True, slots=True)
class Pending:
    """There is no result yet, and nothing to do for this run. `said` is for people."""

    said: str
    query_id: str = ""


def ask(
    record: QueryRecord,
    room: CleanRoom,
    query: ProtectedQuery,
    *,
    seen: int | None = None,
    clock: Clock = time.time,
    sleep: Sleep = time.sleep,
) -> QueryOutcome | Pending:
    """Start the query, or look how the one that is open has ended.

    A `SUCCESS` that is returned is noted as being collected. `seen` is the newest note that the follower knew when it
    asked for this run: when there is a newer one, somebody else has done what the run was for, and it does nothing.

    Raises PermanentError when the query is refused, fails for good, fails too often or times out, and NeedsHumanError
    when somebody cancelled it. After these the next run starts a new query.
    """
    if seen is not None and seen != record.number:
        return Pending(f"{record.name}: another run has gone on with this query; nothing is left to do")
    try:
        _supersede(record, room, query)
        return (
            _resolve_doubt(record, room, query, clock)
            or _start(record, room, query, clock)
            or _look(record, room, sleep)
        )
    except FencedError as overtaken:
        return Pending(str(overtaken))


def _supersede(record: QueryRecord, room: CleanRoom, query: ProtectedQuery) -> None:
    """Let go of a query whose text is not what is asked today."""
    if record.standing is Standing.IDLE or record.sql == digest_of(query.sql):
        return
    old = record.query_id if record.standing is Standing.OPEN else ""
    record.superseded()
    if old:
        with contextlib.suppress(SegmentAssetsError):
            room.cancel(old)


def _resolve_doubt(record: QueryRecord, room: CleanRoom, query: ProtectedQuery, clock: Clock) -> Pending | None:
    """Look for the query of an intent without an id; afterwards it is open, or may be started again."""
    if record.standing is not Standing.IN_DOUBT:
        return None
    try:
        found = room.find(query, record.first_intent - CLOCKS_DIFFER_BY_SECONDS)
    except TransientError as silence:
        return Pending(f"{record.name}: whether the query was started cannot be learnt now ({silence})")
    ours = [query_id for query_id in found if query_id not in record.known_ids()]
    if ours:
        record.started(ours[0])
        return None
    waited = clock() - record.since
    if waited < room.pace.arrives_within:
        return Pending(
            f"{record.name}: a start {waited:.0f} s ago was not answered and is not found; it is given "
            f"{room.pace.arrives_within:.0f} s to arrive before it is repeated"
        )
    return None


def _start(record: QueryRecord, room: CleanRoom, query: ProtectedQuery, clock: Clock) -> Pending | None:
    """Start the query unless one is open."""
    if record.standing is Standing.OPEN:
        return None
    record.intend(digest_of(query.sql))
    try:
        query_id = room.start(query)
    except UnansweredError as silence:
        return Pending(f"{record.name}: the start was not answered ({silence}); the follower finds out")
    except TransientError as busy:
        # Above all the quota of five queries at a time, for which there is no other remedy than to come back.
        record.refused(str(busy), final=False)
        return Pending(f"{record.name}: not started ({busy}); tried again in {record.due - clock():.0f} s")
    except SegmentAssetsError as refusal:
        record.refused(str(refusal), final=True)
        raise
    try:
        record.started(query_id)
    except FencedError:
        record.read_again()
        if query_id not in record.known_ids():
            # This process was so slow that another run gave up on it and started a query of its own.
            with contextlib.suppress(SegmentAssetsError):
                room.cancel(query_id)
        raise
    return None


def _look(record: QueryRecord, room: CleanRoom, sleep: Sleep) -> QueryOutcome | Pending:
    """Look for as long as the room's pace says; not longer, since a run that waits holds a place others need."""
    query_id = record.query_id
    looks = 1 + int(room.pace.look_for / room.pace.look_every)
    said = ""
    for left in reversed(range(looks)):
        try:
            outcome = room.look(query_id)
        except TransientError as silence:
            said = str(silence)
        except PermanentError as gone:
            record.failed(str(gone), final=True)
            raise
        else:
            if outcome.state.final:
                return _ended(record, outcome)
            said = f"it is {outcome.state}"
        if left:
            sleep(room.pace.look_every)
    return Pending(f"{record.name}: the clean room works on query {query_id} ({said})", query_id)


def _ended(record: QueryRecord, outcome: QueryOutcome) -> QueryOutcome | Pending:
    if outcome.state is QueryState.SUCCESS:
        record.collecting(outcome)
        return outcome
    error = outcome.error
    said = f"{error.code}: {error.message}" if error is not None else outcome.state.value
    failures = record.failures + 1
    final = error is None or not error.retryable or failures >= FAILURES_AT_MOST
    record.failed(said, final=final)
    if final:
        raise _final(record.name, outcome, said)
    return Pending(
        f"{record.name}: query {outcome.query_id} failed in a way that may pass ({said}); it is started again, "
        f"failure {failures} of {FAILURES_AT_MOST}",
        outcome.query_id,
    )


def _final(name: str, outcome: QueryOutcome, said: str) -> SegmentAssetsError:
    if outcome.state is QueryState.CANCELLED:
        return NeedsHumanError(
            f"{name}: query {outcome.query_id} was cancelled, and not by us; ask the members of the collaboration why, "
            "then materialise this week again"
        )
    if outcome.state is QueryState.TIMED_OUT:
        return PermanentError(
            f"{name}: query {outcome.query_id} ran out of time; give it larger workers or ask for less, then "
            "materialise this week again"
        )
    if outcome.error is not None and outcome.error.retryable:
        return PermanentError(
            f"{name}: {FAILURES_AT_MOST} queries in a row have failed, the last with {said}; look at the state of the "
            "service, then materialise this week again"
        )
    return PermanentError(f"{name}: the clean room did not answer the query ({said})")
