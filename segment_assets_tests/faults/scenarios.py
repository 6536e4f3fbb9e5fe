"""What must hold when a platform is in trouble, written once: `make test` tries each at one place, the drill at all.

A scenario takes a room in front of a fresh sandbox and asserts. Positions count the calls that carry people, from 1.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from segment_assets.contracts import TransientError
from segment_assets_tests.faults.room import (
    BATCH,
    FAULTS,
    Room,
    calls_in_the_end,
    calls_with_people,
    crowd,
    holds_exactly,
    run_until_done,
    somebody,
    strike,
)

if TYPE_CHECKING:
    from collections.abc import Callable

PEOPLE = 400
BATCHES = PEOPLE // BATCH
FIRST, MIDDLE, LAST = 1, BATCHES // 2, BATCHES
FEW, MOVED = 200, 80
# Two batches each of the new identifiers, of the old ones, and of the people once more.
CALLS_OF_A_MOVE = 6
# What passes by itself is over within the run; an expired token needs a person, so a second run.
PASSING = tuple(name for name in FAULTS if name != "expired token")


def one_fault_costs_one_repeated_call_and_nobody(room: Room, name: str, nth: int) -> None:
    room.wants(crowd(range(PEOPLE)))
    strike(room, name, nth)
    errors = run_until_done(room)
    assert room.sandbox.hits() == 1 or errors
    assert bool(errors) is (name not in PASSING)
    holds_exactly(room, range(PEOPLE))
    room.is_balanced()
    calls = calls_in_the_end(room, BATCHES + 1)
    assert len(calls) == BATCHES + 1
    assert sum(line["records"] for line in calls) <= PEOPLE + BATCH
    assert room.run().deliveries == []


def an_outage_that_outlasts_a_run_is_continued_by_the_next(room: Room, name: str) -> None:
    room.wants(crowd(range(PEOPLE)))
    strike(room, name, MIDDLE, count=1_000)
    with pytest.raises(TransientError) as gave_up:
        room.run()
    assert room.sandbox.hits() == room.patience.attempts
    assert not any(word in str(gave_up.value) for word in (room.side.token, room.side.holds("p0@x.example")))
    if not room.side.works_later:  # a delivery with jobs stays open, and is continued instead of settled
        (row,) = room.rows()
        assert (row["outcome"], row["unproven"], row["unsent"]) == ("failed", BATCH, PEOPLE - MIDDLE * BATCH)
        room.is_balanced()
    before = len(calls_with_people(room))
    room.sandbox.faults()
    room.timeout = 20
    run_until_done(room)
    holds_exactly(room, range(PEOPLE))
    room.is_balanced()
    # What was acknowledged before the outage is not sent again.
    later = [line for line in calls_with_people(room)[before:] if line["fault"] is None]
    assert sum(line["records"] for line in later) == PEOPLE - (MIDDLE - 1) * BATCH
    assert room.run().deliveries == []


def a_fault_at_the_creation_never_leaves_two_audiences(room: Room, name: str) -> None:
    room.wants(crowd(range(60)))
    strike(room, name, 1, at=room.side.creations)
    # A creation that nobody waits for any more still arrives: the next run gives it time to, so pauses are real here.
    errors = run_until_done(room, sleep=time.sleep if name == "slow" else None)
    assert len(errors) == 1
    assert len(room.sandbox.audiences()) == 1
    holds_exactly(room, range(60))
    room.is_balanced()
    assert room.run().deliveries == []


def a_fault_among_removals_leaves_nobody_behind(room: Room, name: str) -> None:
    room.wants(crowd(range(PEOPLE)))
    room.run()
    stay = range(120, PEOPLE)
    room.wants(crowd(stay))
    strike(room, name, 2, at=room.side.removals)
    run_until_done(room)
    holds_exactly(room, stay)
    room.is_balanced()
    assert room.rows()[-1]["removes_acknowledged"] == 120
    assert room.run().deliveries == []


def a_fault_while_people_change_keeps_each_in_as_they_are_now(room: Room, name: str, nth: int) -> None:
    _people_move(room, lambda: strike(room, name, nth))


def an_outage_while_people_change_is_made_good(room: Room, name: str, nth: int) -> None:
    errors = _people_move(room, lambda: strike(room, name, nth, count=room.patience.attempts))
    assert len(errors) == 1


def _people_move(room: Room, begin_trouble: Callable[[], None]) -> list:
    """80 of 200 people get another e-mail and keep their phone: each is there once, as they are now."""
    room.wants(crowd(range(FEW)))
    room.run()
    room.wants([*moved(range(MOVED)), *crowd(range(MOVED, FEW))])
    begin_trouble()
    errors = run_until_done(room)
    everybody_is_there_once(room)
    room.is_balanced()
    assert room.run().deliveries == []
    return errors


def moved(numbers) -> list[dict]:
    """The same people with the same phone and another e-mail."""
    return [somebody(f"p{n}", email=f"new{n}@x.example", phone=f"49{n:09d}") for n in numbers]


def everybody_is_there_once(room: Room) -> None:
    has = room.side.holds
    names = [f"new{n}" if n < MOVED else f"p{n}" for n in range(FEW)]
    wanted = [(has(f"{name}@x.example"), has(f"49{n:09d}")) for n, name in enumerate(names)]
    assert sorted((held["EMAIL"], held["PHONE"]) for held in room.sandbox.people()) == sorted(wanted)
