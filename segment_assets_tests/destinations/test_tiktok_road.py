"""The delivery room and our TikTok connector against a running TikTok: what the platform's own ways cost, and whom.

What every destination has to survive is in `conformance/kit`; here is what TikTok alone does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from segment_assets.contracts import NeedsHumanError, PermanentError
from segment_assets_tests.conformance.kit.house import House
from segment_assets_tests.conformance.kit.outside import InProcess, Outside
from segment_assets_tests.conformance.kit.platforms.tiktok import RECORD

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


def test_nobody_is_proven_where_tiktok_proves_nobody_and_the_accounting_says_so(house: House):
    house.wants(range(PEOPLE))
    (row,) = house.run().deliveries
    assert (row["accepted"], row["rejected"], row["unproven"]) == (0, 0, PEOPLE)
    house.holds_exactly(range(PEOPLE))
    house.is_balanced()
    assert house.run().deliveries == [], "unproven is not unsent"


def test_people_whom_tiktok_drops_in_silence_are_not_told_as_accepted(house: House):
    house.outside.admin("platforms/tiktok", {"dropped_share": 0.5})
    house.wants(range(PEOPLE))
    (row,) = house.run().deliveries
    assert 0 < len(house.outside.people()) < PEOPLE
    assert (row["accepted"], row["unproven"]) == (0, PEOPLE)
    house.is_balanced()


def test_people_who_are_taken_out_are_out_although_nobody_says_so(house: House):
    house.wants(range(PEOPLE))
    house.run()
    house.wants(range(8))
    (row,) = house.run().deliveries
    assert (row["removes"], row["removes_unproven"]) == (4, 4)
    house.holds_exactly(range(8))
    house.is_balanced()


def test_a_throttle_under_http_200_is_waited_out(house: House):
    house.outside.admin("platforms/tiktok", {"calls_per_second": 1})
    house.wants(range(PEOPLE))
    house.until_done(runs=10)
    assert house.waited
    house.holds_exactly(range(PEOPLE))
    house.is_balanced()


def test_a_token_that_was_revoked_asks_a_person_and_names_no_token(house: House):
    house.outside.admin("platforms/tiktok", {"tokens": ["another-token"]})
    house.wants(range(PEOPLE))
    with pytest.raises(NeedsHumanError, match="authorise the app again") as refusal:
        house.run()
    assert "token-" not in str(refusal.value)
    assert "sandbox-tiktok-token" not in str(refusal.value)
    house.outside.admin("platforms/tiktok", {"tokens": ["sandbox-tiktok-token"]})
    house.until_done()
    house.holds_exactly(range(PEOPLE))


def test_an_audience_that_somebody_deleted_on_tiktok_asks_a_person(house: House):
    house.wants(range(4))
    house.run()
    (audience,) = house.outside.audiences()
    house.destination().delete_audience(house.transport(), audience["id"])
    house.wants(range(PEOPLE))
    with pytest.raises(NeedsHumanError, match="ads manager"):
        house.run()


def test_a_batch_above_the_limits_of_the_other_vendors_is_refused_and_names_the_limit(house: House):
    house.batch = 2_000
    house.wants(range(1_001))
    with pytest.raises(PermanentError, match="batch_members"):
        house.run()
