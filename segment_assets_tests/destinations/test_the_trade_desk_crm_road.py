"""The delivery room and our CRM data connector in front of a platform that takes nobody out of a segment."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from segment_assets.contracts import Mode, NeedsHumanError, TransientError
from segment_assets_tests.conformance.kit.house import House
from segment_assets_tests.conformance.kit.outside import InProcess, KilledError, Outside
from segment_assets_tests.conformance.kit.platforms.the_trade_desk_crm import RECORD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from segment_assets.delivery.errands import Report

PEOPLE = 7


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    inside = InProcess(tmp_path_factory.mktemp("sandbox"), ())
    outside = Outside(inside)
    yield outside
    outside.close()
    inside.end()


@pytest.fixture
def made(outside: Outside, tmp_path: Path):
    outside.reset()
    return lambda **changed: House(dataclasses.replace(RECORD, **changed), tmp_path, outside)


def test_a_no_empties_the_segment_tells_a_person_and_the_next_run_fills_it_again(made):
    house = made()
    house.wants(range(PEOPLE))
    (row,) = house.run().deliveries
    assert (row["accepted"], row["rejected"], row["unproven"]) == (0, 0, PEOPLE)
    house.opt_out(3)
    with pytest.raises(NeedsHumanError, match="deleted"):
        house.run()
    assert house.held() == set()
    house.run()
    house.holds_exactly(set(range(PEOPLE)) - {3})
    assert len(house.outside.audiences()) == 1
    house.is_balanced()


@pytest.mark.parametrize("how", [httpx.ReadTimeout("nobody knows"), KilledError()], ids=["timeout", "killed"])
def test_a_file_without_an_answer_is_followed_by_the_whole_list_also_when_somebody_left(made, how):
    def cut(call: Any, answer: httpx.Response) -> httpx.Response:
        if call.method == "PUT":
            raise how
        return answer

    house = made()
    house.wants(range(PEOPLE))
    house.run()
    house.wants(range(1, PEOPLE + 1))
    house.line.after = cut
    with pytest.raises((TransientError, KilledError)):
        house.run()
    house.line.after = lambda call, answer: answer
    house.run()
    house.holds_exactly(range(1, PEOPLE + 1))
    assert house.run().deliveries == []
    house.is_balanced()


def test_a_segment_that_is_to_be_emptied_gets_a_file_of_nobody(made):
    house = made()
    house.wants(range(PEOPLE))
    house.run()
    house.delete(delete=False)
    assert house.held() == set()


def later(house: House, hours: float) -> Report:
    house.outside.later(hours * 3_600)
    with house._room() as (room, errand):
        return room.run(errand, house.audience, house.suppressions)


@pytest.mark.parametrize("mode", [Mode.REPLACE, Mode.ADD_ONLY])
def test_a_no_goes_at_once_and_the_list_behind_it_waits_and_takes_out_whom_an_older_file_brings_back(made, mode):
    house = made(mode=mode)
    house.batch = PEOPLE
    house.wants(range(PEOPLE))
    house.run()
    house.opt_out(3)
    with pytest.raises(NeedsHumanError, match="deleted"):
        house.run()
    assert house.held() == set()
    assert "UTC" in later(house, 5.9).held_until
    before = len(house.line.calls)
    assert later(house, 0.2).deliveries[0]["mode"] == "replace"
    asked = [call.body.decode() for call in house.line.calls[before:] if b"MergeMode" in call.body]
    assert [json.loads(one)["MergeMode"] for one in asked] == ["Replace"]
    house.holds_exactly(set(range(PEOPLE)) - {3})


def test_of_two_lists_the_second_waits_until_the_first_has_been_worked_on(made):
    house = made()
    house.wants(range(PEOPLE))
    house.run()
    house.wants(range(1, PEOPLE))
    assert later(house, 5.9).held_until
    house.holds_exactly(range(PEOPLE))
    later(house, 0.2)
    house.holds_exactly(range(1, PEOPLE))
    assert not later(house, 0).held_until, "nothing is left to be sent"
    with house._room() as (room, errand):
        assert room.withdraw(errand, delete=True).held_until
    house.delete()
    assert house.held() == set()


def test_a_list_that_broke_off_is_followed_by_no_other_file_until_it_has_been_worked_on(made):
    def cut(call: Any, answer: httpx.Response) -> httpx.Response:
        if call.method == "PUT":
            raise httpx.ReadTimeout("nobody knows")
        return answer

    def modes() -> list[str]:
        return [json.loads(call.body)["MergeMode"] for call in house.line.calls if b"MergeMode" in call.body]

    house = made()
    house.wants(range(PEOPLE))
    house.line.after = cut
    with pytest.raises(TransientError):
        house.run()
    house.line.after = lambda call, answer: answer
    sent = modes()
    assert set(sent) == {"Replace"}
    assert "UTC" in later(house, 5.9).held_until
    assert modes() == sent
    assert not later(house, 0.2).held_until
    assert len(modes()) > len(sent)
    house.holds_exactly(range(PEOPLE))


def test_few_people_who_are_added_are_in_a_file_of_as_many_rows_as_one_must_have(made):
    house = made(mode=Mode.ADD_ONLY, switches={})
    house.wants(range(2))
    house.run()
    house.wants(range(1, 4))
    house.run()
    house.holds_exactly(range(4))
    house.is_balanced()
