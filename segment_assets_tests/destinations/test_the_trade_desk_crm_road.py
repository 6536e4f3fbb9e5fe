"""The delivery room and our CRM data connector in front of a platform that takes nobody out of a segment."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from segment_assets.contracts import Mode, NeedsHumanError
from segment_assets_tests.conformance.kit.house import House
from segment_assets_tests.conformance.kit.outside import InProcess, Outside
from segment_assets_tests.conformance.kit.platforms.the_trade_desk_crm import RECORD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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


def test_few_people_who_are_added_are_in_a_file_of_as_many_rows_as_one_must_have(made):
    house = made(mode=Mode.ADD_ONLY, switches={})
    house.wants(range(2))
    house.run()
    house.wants(range(1, 4))
    house.run()
    house.holds_exactly(range(4))
    house.is_balanced()
