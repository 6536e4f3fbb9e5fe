"""People who change and rows that the platform refuses, while calls fail: each person is there once, as they are now."""

from __future__ import annotations

import pytest

from segment_assets.contracts import TransientError
from segment_assets_tests.fakes import digest, marked, person
from segment_assets_tests.faults.room import Room, crowd, holds_exactly
from segment_assets_tests.faults.scenarios import (
    a_fault_while_people_change_keeps_each_in_as_they_are_now,
    an_outage_while_people_change_is_made_good,
)

# The new identifiers go with the calls 1 and 2, the old ones leave with 3 and 4, and 5 and 6 reaffirm the people.
STRIKES = {"reset before": 2, "reset after": 4, "expired token": 5}


@pytest.mark.parametrize(
    ("name", "nth"),
    [pytest.param(*one, marks=[] if one == ("reset after", 4) else pytest.mark.slow) for one in STRIKES.items()],
)
def test_a_fault_while_people_change_keeps_each_of_them_in_as_they_are_now(room: Room, name: str, nth: int):
    a_fault_while_people_change_keeps_each_in_as_they_are_now(room, name, nth)


@pytest.mark.slow
def test_an_outage_while_people_change_is_made_good_by_the_next_run(room: Room):
    an_outage_while_people_change_is_made_good(room, "reset after", 3)


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


def test_a_poisoned_person_whom_the_platform_does_not_name_costs_that_person_and_few_requests(room: Room):
    room.wants(crowd(range(150)))
    room.sandbox.faults({"kind": "poison", "identifiers": [marked("p7@x.example"), marked("p149@x.example")]})
    (row,) = room.run().deliveries
    assert (row["accepted"], row["rejected"], row["unproven"]) == (148, 2, 0)
    holds_exactly(room, set(range(150)) - {7, 149})
    room.is_balanced()
    assert len(room.sandbox.log()) < 1 + 3 + 2 * 2 * 6, "a batch of 50 is halved six times"
    assert room.run().deliveries == [], "who was refused is not sent again as they are"


def test_somebody_who_said_no_is_taken_out_also_where_no_answer_told_that_they_are_in(room: Room):
    room.wants(crowd(range(60)))
    room.sandbox.faults({"kind": "reset_after", "path": room.side.people, "count": 1_000})
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
