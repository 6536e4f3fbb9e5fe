"""The delivery room and our LinkedIn connector against a running LinkedIn: what the platform's own ways cost, and whom.

What every destination has to survive is in `conformance/kit`; here is what LinkedIn alone does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from segment_assets.contracts import PermanentError, TransientError
from segment_assets.contracts.sizes import SizeReport, SizeState
from segment_assets_tests.conformance.kit import people
from segment_assets_tests.conformance.kit.house import House
from segment_assets_tests.conformance.kit.outside import InProcess, Outside
from segment_assets_tests.conformance.kit.platforms.linkedin import RECORD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PEOPLE = 12


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    inside = InProcess(tmp_path_factory.mktemp("sandbox"), ())
    outside = Outside(inside)
    yield outside
    outside.close()
    inside.end()


@pytest.fixture
def house(outside: Outside, tmp_path: Path) -> House:
    outside.reset()
    return House(RECORD, tmp_path, outside)


def calls(house: House, status: int) -> int:
    return [line["status"] for line in house.outside.log()].count(status)


def test_a_fresh_segment_is_waited_for_within_the_run_that_made_it(house: House):
    house.outside.admin("platforms/linkedin", {"visible_after_seconds": 45})
    house.wants(range(PEOPLE))
    house.run()
    assert house.waited[:2] == [30.0, 30.0]
    assert calls(house, 404) == 2
    house.holds_exactly(range(PEOPLE))
    house.is_balanced()
    assert house.run().deliveries == []


def test_a_segment_that_stays_away_longer_than_a_run_waits_is_taken_up_by_the_next_and_never_made_again(house: House):
    house.outside.admin("platforms/linkedin", {"visible_after_seconds": 290})
    house.wants(range(PEOPLE))
    with pytest.raises(TransientError, match="up to five minutes"):
        house.run()
    house.until_done()
    assert len(house.outside.audiences()) == 1
    house.holds_exactly(range(PEOPLE))
    house.is_balanced()


def test_a_segment_is_built_for_a_day_and_then_tells_that_it_is_too_small(house: House):
    house.wants(range(PEOPLE))
    house.run()
    (segment,) = house.outside.audiences()

    def size() -> SizeReport:
        destination = house.destination()
        return destination.read_size(house.transport().send(destination.size_request(segment["id"])))

    assert size().state is SizeState.UPDATING
    house.outside.later(2 * 86_400)
    assert size() == SizeReport(SizeState.TOO_SMALL, 0, 299, "READY")


def test_two_writers_at_once_cost_a_repeated_call_and_nobody(house: House):
    house.wants(range(3))
    house.run()
    (segment,) = house.outside.audiences()
    house.outside.admin(f"audiences/{segment['id']}", {"conflicts": 2})
    house.wants(range(PEOPLE))
    house.run()
    assert calls(house, 409) == 2
    house.holds_exactly(range(PEOPLE))
    house.is_balanced()


def test_people_whom_linkedin_refuses_are_rejected_by_name_and_not_sent_again(house: House):
    house.outside.admin("platforms/linkedin", {"rejected_share": 0.4})
    house.wants(range(PEOPLE))
    (row,) = house.run().deliveries
    assert row["accepted"] + row["rejected"] == PEOPLE
    assert row["rejected"] > 0
    held = house.outside.people()
    assert len(held) == row["accepted"]
    house.is_balanced()
    assert house.run().deliveries == []


def test_a_quota_that_is_used_up_is_waited_for_and_counted_as_nobodys_fault(house: House):
    house.outside.admin("platforms/linkedin", {"calls_per_minute": 2})
    house.wants(range(PEOPLE))
    house.until_done()
    assert calls(house, 429) > 0
    assert 60.0 in house.waited
    house.holds_exactly(range(PEOPLE))
    house.is_balanced()


def test_a_retired_version_stops_the_run_before_anybody_is_sent(house: House):
    house.outside.admin("platforms/linkedin", {"oldest_version": "202701"})
    house.wants(range(PEOPLE))
    with pytest.raises(PermanentError, match="api_version"):
        house.run()
    assert sum(line["records"] for line in house.outside.log()) == 0


def test_the_size_that_linkedin_shows_comes_a_day_after_the_people(house: House):
    house.batch = 400
    house.wants(range(400))
    house.run()
    (segment,) = house.outside.audiences()
    assert segment["state"] == "BUILDING"
    house.outside.later(2 * 86_400)
    (segment,) = house.outside.audiences()
    assert (segment["state"], segment["people"]) == ("READY", 400)


def test_what_linkedin_keeps_of_a_person_is_what_the_contract_names(house: House):
    house.wants([1])
    house.run()
    (held,) = house.outside.people()
    assert set(held.values()) == people.identifiers(RECORD, 1)
