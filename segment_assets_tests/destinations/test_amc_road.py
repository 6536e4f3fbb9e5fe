"""The delivery room and our AMC connector against running advertiser audiences: what is their own way alone.

What every destination has to survive is in `conformance/kit`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from segment_assets.contracts import NeedsHumanError
from segment_assets.contracts.sizes import SizeState
from segment_assets_tests.conformance.kit.house import House
from segment_assets_tests.conformance.kit.outside import InProcess, Outside
from segment_assets_tests.conformance.kit.platforms.amc import RECORD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PEOPLE = 8


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


def test_everybody_is_proven_when_the_jobs_have_ended(house: House):
    house.wants(range(PEOPLE))
    row = house.run().deliveries[-1]
    assert (row["accepted"], row["rejected"], row["unproven"]) == (PEOPLE, 0, 0)
    house.holds_exactly(range(PEOPLE))
    house.is_balanced()


def test_the_invalid_are_counted_and_cost_nobody_else(house: House):
    house.outside.admin("platforms/amc", {"rejected_share": 0.3})
    house.wants(range(PEOPLE))
    row = house.run().deliveries[-1]
    assert 0 < row["rejected"] < PEOPLE
    assert len(house.held()) == 2 * (PEOPLE - row["rejected"]) == 2 * row["accepted"]
    house.is_balanced()


def test_where_one_of_two_places_fails_nobody_is_proven(house: House):
    house.outside.admin("platforms/amc", {"one_place_fails": True})
    house.wants(range(PEOPLE))
    row = house.run().deliveries[-1]
    assert (row["accepted"], row["rejected"], row["unproven"]) == (0, 0, PEOPLE)
    house.is_balanced()


def test_a_job_that_fails_later_has_its_people_sent_again(house: House):
    house.outside.admin("platforms/amc", {"fails": True})

    def mended(call, answer):
        if call.method == "GET":
            house.outside.admin("platforms/amc", {"fails": False})
        return answer

    house.line.after = mended
    house.wants(range(PEOPLE))
    house.run()
    assert "failed" in {row["outcome"] for row in house.rows}
    house.holds_exactly(range(PEOPLE))
    house.is_balanced()


def test_people_on_the_dsp_show_36_hours_later(house: House):
    house.wants(range(PEOPLE))
    house.run()
    (audience,) = house.outside.audiences()
    destination, transport = house.destination(minimum_members=PEOPLE // 2), house.transport()

    def size():
        return destination.read_size(transport.send(destination.size_request(audience["id"])))

    assert (size().state, size().upper) == (SizeState.TOO_SMALL, 0)
    house.outside.later(36 * 3_600)
    assert (size().state, size().upper) == (SizeState.READY, PEOPLE // 2)


def test_terms_that_nobody_accepted_ask_a_person_and_nothing_is_made(house: House):
    house.outside.admin("platforms/amc", {"terms_accepted": False})
    house.wants(range(PEOPLE))
    with pytest.raises(NeedsHumanError, match="terms"):
        house.run()
    assert house.outside.audiences() == []


def test_a_token_that_was_revoked_asks_a_person_and_names_no_token(house: House):
    house.outside.admin("platforms/amc", {"tokens": ["another-token"]})
    house.wants(range(PEOPLE))
    with pytest.raises(NeedsHumanError, match="refresh token") as refusal:
        house.run()
    assert "sandbox-amc-token" not in str(refusal.value)
