"""The delivery room and our Criteo connector against a running Criteo: what the platform's own ways cost, and whom.

What every destination has to survive is in `conformance/kit`; here is what Criteo alone does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from segment_assets.contracts import NeedsHumanError
from segment_assets.contracts.sizes import SizeState
from segment_assets_tests.conformance.kit.house import House
from segment_assets_tests.conformance.kit.outside import InProcess, Outside
from segment_assets_tests.conformance.kit.platforms.criteo import RECORD

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


def test_everybody_of_a_valid_batch_is_proven(house: House):
    house.wants(range(PEOPLE))
    (row,) = house.run().deliveries
    assert (row["accepted"], row["rejected"], row["unproven"]) == (PEOPLE, 0, 0)
    house.holds_exactly(range(PEOPLE))
    house.is_balanced()


def test_whoever_is_shown_as_invalid_in_every_lane_is_refused_and_whose_the_rest_are_is_unproven(house: House):
    house.outside.admin("platforms/criteo", {"invalid_share": 1, "sample_size": 2})
    house.wants(range(PEOPLE))
    (row,) = house.run().deliveries
    assert row["accepted"] == 0
    assert row["rejected"] + row["unproven"] == PEOPLE
    assert row["unproven"] > 0
    assert house.held() == set()
    house.is_balanced()


def test_a_list_is_small_or_ready_by_its_matches_a_day_later(house: House):
    house.wants(range(PEOPLE))
    house.run()
    (segment,) = house.outside.audiences()
    destination, transport = house.destination(minimum_members=PEOPLE), house.transport()

    def size():
        return destination.read_size(transport.send(destination.size_request(segment["id"])))

    assert (size().state, size().upper) == (SizeState.TOO_SMALL, 0)
    house.outside.later(86_400)
    assert (size().state, size().upper) == (SizeState.READY, 2 * PEOPLE)


def test_a_throttle_is_waited_out_by_the_minute(house: House):
    house.outside.admin("platforms/criteo", {"calls_per_minute": 5})
    house.wants(range(PEOPLE))
    house.until_done(runs=10)
    assert 60.0 in house.waited
    house.holds_exactly(range(PEOPLE))
    house.is_balanced()


def test_a_name_that_somebody_has_taken_asks_a_person_and_makes_nothing(house: House):
    house.wants(range(4))
    house.run()
    (segment,) = house.outside.audiences()
    other = House(RECORD, house.folder / "another", house.outside)
    other.wants(range(4))
    for _ in range(2):
        with pytest.raises(NeedsHumanError, match="rename"):
            _of_another_tenant(other).run()
    assert house.outside.audiences() == [segment]


def _of_another_tenant(house: House) -> House:
    """The same segment with another marker."""
    from segment_assets.delivery.ledger import Pair

    class Another(House):
        pair = Pair("another", RECORD.destination, RECORD.account, house.pair.segment)

    made = Another(RECORD, house.folder, house.outside)
    made.audience = house.audience
    return made


def test_a_segment_that_somebody_deleted_asks_a_person(house: House):
    house.wants(range(4))
    house.run()
    (segment,) = house.outside.audiences()
    house.destination().delete_audience(house.transport(), segment["id"])
    house.wants(range(PEOPLE))
    with pytest.raises(NeedsHumanError, match="deleted at Criteo"):
        house.run()


def test_a_token_that_was_revoked_asks_a_person_and_names_no_token(house: House):
    house.outside.admin("platforms/criteo", {"tokens": ["another-token"]})
    house.wants(range(PEOPLE))
    with pytest.raises(NeedsHumanError, match="client id") as refusal:
        house.run()
    assert "sandbox-criteo-token" not in str(refusal.value)
