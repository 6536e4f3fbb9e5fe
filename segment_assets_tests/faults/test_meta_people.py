"""People who change and rows that the platform refuses, while calls fail: each person is there once, as they are now."""

from __future__ import annotations

import pytest

from segment_assets.contracts import TransientError
from segment_assets_tests.fakes import digest, marked, person
from segment_assets_tests.faults.room import FAULTS, USERS, Room, crowd, run_until_done

PEOPLE, MOVED = 200, 80
# Two batches each of the new identifiers, of the old ones, and of the people once more.
CALLS = 6


def moved(numbers) -> list[dict]:
    """The same people with the same phone and another e-mail."""
    return [person(f"p{n}", email=f"new{n}@x.example", phone=f"49{n:09d}") for n in numbers]


def everybody_is_there_once(room: Room) -> None:
    names = [f"new{n}" if n < MOVED else f"p{n}" for n in range(PEOPLE)]
    wanted = [(marked(f"{name}@x.example"), marked(f"49{n:09d}")) for n, name in enumerate(names)]
    assert sorted((held["EMAIL"], held["PHONE"]) for held in room.sandbox.people()) == sorted(wanted)


CORE = {("reset after", 4)}
STRIKES = [
    pytest.param(name, nth, id=f"{name}, call {nth}", marks=[] if (name, nth) in CORE else pytest.mark.slow)
    for name in ("reset before", "reset after", "expired token")
    for nth in range(1, CALLS + 1)
]


@pytest.mark.parametrize(("name", "nth"), STRIKES)
def test_a_fault_while_people_change_keeps_each_of_them_in_as_they_are_now(room: Room, name: str, nth: int):
    room.wants(crowd(range(PEOPLE)))
    room.run()
    room.wants([*moved(range(MOVED)), *crowd(range(MOVED, PEOPLE))])
    room.sandbox.faults({**FAULTS[name], "path": USERS, "nth": nth})
    run_until_done(room)
    everybody_is_there_once(room)
    room.is_balanced()
    assert room.run().deliveries == []


@pytest.mark.slow
@pytest.mark.parametrize("nth", range(1, CALLS + 1))
def test_an_outage_while_people_change_is_made_good_by_the_next_run(room: Room, nth: int):
    room.wants(crowd(range(PEOPLE)))
    room.run()
    room.wants([*moved(range(MOVED)), *crowd(range(MOVED, PEOPLE))])
    room.sandbox.faults({"kind": "reset_after", "path": USERS, "nth": nth, "count": room.patience.attempts})
    assert len(run_until_done(room)) == 1
    everybody_is_there_once(room)
    room.is_balanced()
    assert room.run().deliveries == []


def test_one_row_that_the_platform_finds_invalid_costs_that_row_and_is_refused_by_name(room: Room):
    bad = person("bad", email="bad@x.example") | {"mobile_ad_id": "NOT-AN-ID"}
    room.wants([*crowd(range(100)), bad])
    (row,) = room.run().deliveries
    assert (row["adds"], row["accepted"], row["rejected"], row["unproven"]) == (101, 100, 1, 0)
    assert marked("bad@x.example") not in {held["EMAIL"] for held in room.sandbox.people()}
    room.is_balanced()
    assert room.run().deliveries == [], "who was refused by name is not sent again as they are"
    room.wants([*crowd(range(100)), bad | {"mobile_ad_id": "aece52e7-03ee-455a-b3c4-e57283966239"}])
    (row,) = room.run().deliveries
    assert (row["adds"], row["accepted"]) == (1, 1)
    assert len(room.sandbox.people()) == 101


def test_somebody_who_said_no_is_taken_out_also_where_no_answer_told_that_they_are_in(room: Room):
    room.wants(crowd(range(60)))
    room.sandbox.faults({"kind": "reset_after", "path": USERS, "count": 1_000})
    run_until_failed(room)
    assert len(room.sandbox.people()) == 50, "the platform took the first batch without a word"
    room.sandbox.faults()
    taken = next(n for n in range(60) if marked(f"p{n}@x.example") in {held["EMAIL"] for held in room.sandbox.people()})
    room.opt_out(("email", digest(f"p{taken}@x.example")))
    room.run()
    assert marked(f"p{taken}@x.example") not in {held["EMAIL"] for held in room.sandbox.people()}
    assert len(room.sandbox.people()) == 59
    room.is_balanced()


def run_until_failed(room: Room) -> None:
    with pytest.raises(TransientError, match="no answer"):
        room.run()
