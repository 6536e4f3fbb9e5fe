"""The delivery room and our LiveRamp connector in front of a bucket that LiveRamp fetches: what only files do."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from segment_assets_tests.conformance.kit.house import House
from segment_assets_tests.conformance.kit.outside import InProcess, KilledError, Outside, killing
from segment_assets_tests.conformance.kit.platforms.liveramp import RECORD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PEOPLE = 7
BUCKET = {"bucket": "sandbox-liveramp-uploads"}
BY_FILE = dataclasses.replace(RECORD, settings=BUCKET, switches={"minimum_rows": 1})
BY_DELETION_FILE = dataclasses.replace(BY_FILE, settings={**BUCKET, "removals_prefix": "deletions/lumen_onboarding"})


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
    return lambda record: House(record, tmp_path, outside)


def files(house: House) -> list[str]:
    return [call.path.rpartition("/")[2] for call in house.line.calls]


@pytest.mark.parametrize("record", [RECORD, BY_FILE, BY_DELETION_FILE], ids=["marker", "file", "deletion file"])
def test_who_joins_is_in_and_who_goes_or_says_no_is_out(made, record):
    house = made(record)
    house.wants(range(PEOPLE))
    (row,) = house.run().deliveries
    assert (row["accepted"], row["rejected"], row["unproven"]) == (0, 0, PEOPLE)
    house.holds_exactly(range(PEOPLE))
    house.wants(range(2, PEOPLE + 2))
    house.opt_out(4)
    house.run()
    house.holds_exactly(set(range(2, PEOPLE + 2)) - {4})
    house.is_balanced()


def test_a_file_without_its_marker_reaches_nobody_and_the_next_process_goes_on(made):
    house = made(RECORD)
    house.wants(range(PEOPLE))
    house.line.before = killing(lambda call: call.path.endswith(".done"))
    with pytest.raises(KilledError):
        house.run()
    assert house.outside.audiences() == []
    house.line.before = lambda call: None
    uploaded = files(house)
    house.run()
    house.holds_exactly(range(PEOPLE))
    (last,) = files(house)[len(uploaded) :]
    assert last.endswith(".done"), "what was uploaded is not uploaded again"
    house.is_balanced()


def test_without_markers_a_file_counts_as_it_comes_and_is_the_same_when_it_is_sent_again(made):
    house = made(BY_FILE)
    house.wants(range(PEOPLE))
    house.line.after = killing(lambda call: call.nth == 1)
    with pytest.raises(KilledError):
        house.run()
    house.line.after = lambda call, answer: answer
    house.until_done()
    house.holds_exactly(range(PEOPLE))
    assert not any(name.endswith(".done") for name in files(house))
    house.is_balanced()


def test_liveramp_takes_its_time_and_keeps_the_order_of_files(made):
    house = made(BY_FILE)
    house.outside.admin("platforms/liveramp", {"processing_seconds": 86_400})
    house.wants(range(PEOPLE))
    house.run()
    house.outside.later(60)
    house.wants(range(3))
    house.run()
    assert house.held() == set()
    house.outside.later(86_500)
    house.holds_exactly(range(3))
    (field,) = house.outside.audiences()
    assert field["state"] == "ingested"


def test_few_people_reach_a_field_whose_files_need_more_rows_and_leave_it_again(made):
    house = made(dataclasses.replace(BY_FILE, switches={}))
    house.wants(range(PEOPLE))
    (row,) = house.run().deliveries
    assert row["unproven"] == PEOPLE
    house.outside.later(86_500)
    house.holds_exactly(range(PEOPLE))
    house.wants(range(PEOPLE - 1))
    house.run()
    house.outside.later(86_500)
    house.holds_exactly(range(PEOPLE - 1))
