"""Poison, throttling, refused tokens, crashes, broken answers: what they may cost, and what is there in the end."""

from __future__ import annotations

import pytest

from segment_assets.contracts import NeedsHumanError, PermanentError
from segment_assets_tests.conformance.kit import people
from segment_assets_tests.conformance.kit.house import BATCH
from segment_assets_tests.conformance.kit.outside import (
    KilledError,
    cut_short,
    first_of_each_kind,
    killing,
    not_json,
)

PEOPLE = 13


def everybody_is_there(house) -> None:
    """Once, in one audience, all accounted for. (`outside.people` refuses a second audience.)"""
    house.holds_exactly(range(PEOPLE))
    house.is_balanced()


def test_a_poisoned_member_costs_only_that_member(house):
    bad = 4
    house.wants(range(PEOPLE))
    house.outside.faults({**house.record.poison, "identifiers": sorted(people.identifiers(house.record, bad))})
    house.until_done()
    house.holds_exactly(number for number in range(PEOPLE) if number != bad)
    house.is_balanced()
    assert sum(row["rejected"] for row in house.rows) == (1 if house.record.names_refused else 0)
    assert house.record.names_refused or all(row["accepted"] == 0 for row in house.rows)
    assert house.run().deliveries == [], "who was refused is not sent again as they are"


def test_a_refused_token_asks_a_person_and_throttling_is_waited_out_and_neither_costs_anybody(house):
    house.wants(range(PEOPLE))
    house.line.before = strikes(house, {"kind": "expired_token"}, at=2)
    with pytest.raises(NeedsHumanError):
        house.run()
    before = len(house.people_sent())

    house.line.before = strikes(house, house.record.throttle, at=1)
    house.until_done()
    assert house.outside.hits() == 1
    assert sum(house.waited) > 0 or house.errors
    assert not any(isinstance(error, PermanentError | NeedsHumanError) for error in house.errors)
    everybody_is_there(house)
    again = [carried for carried in house.people_sent()[before:] if carried == house.people_sent()[before]]
    lanes = len(house.record.contract.lanes) or 1
    assert len(again) == lanes + 1, "the throttled request, and once more the same; each lane carries these people once"


def strikes(house, rule, at: int):
    """Puts a fault in the way of one call with people, in the platform's own form. `at` is its place in a process."""
    waiting = [rule]

    def before(call) -> None:
        if waiting and call.nth == at:
            house.outside.faults({**waiting.pop(), "nth": 1})

    return before


def test_a_process_that_is_killed_again_and_again_is_continued_by_the_next(house):
    """After the creation, before a batch, between two, and at the end: each time before our own note."""
    house.wants(range(PEOPLE))
    killed_at = [
        ("after", lambda call: True),
        ("before", lambda call: call.nth == 1),
        ("after", lambda call: call.nth == 2),
        ("after", at_the_end(house.record.contract)),
    ]
    for when, here in killed_at:
        house.line.before, house.line.after = lambda call: None, lambda call, answer: answer
        setattr(house.line, when, killing(here))
        with pytest.raises(KilledError):
            house.run()
    house.line.after = lambda call, answer: answer
    house.until_done()
    everybody_is_there(house)
    lanes = len(house.record.contract.lanes) or 1
    again = sum(map(len, house.people_sent())) - PEOPLE * lanes
    assert again <= BATCH * len(killed_at), f"{again} people are sent twice"


def at_the_end(contract):
    """The first question about a job where the platform works on jobs, else another batch."""
    if contract.follow:
        return lambda call: not call.people
    return lambda call: call.nth == 2


def test_an_answer_that_cannot_be_read_is_asked_for_again_and_changes_nothing(house):
    """Of every kind of call the first answer breaks off, and the second is a web page."""
    house.wants(range(PEOPLE))
    house.line.after = first_of_each_kind(cut_short, not_json)
    # A job that has an address of its own is a kind of its own.
    house.until_done(runs=12)
    assert not any(isinstance(error, PermanentError | NeedsHumanError) for error in house.errors)
    everybody_is_there(house)
