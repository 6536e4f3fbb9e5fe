"""The delivery room and our Pinterest connector against a running Pinterest: what the platform's own ways cost, and whom.

What every destination has to survive is in `conformance/kit`; here is what Pinterest alone does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from segment_assets.contracts import NeedsHumanError, Request
from segment_assets.contracts.sizes import SizeState, asked_size
from segment_assets_tests.conformance.kit.house import House
from segment_assets_tests.conformance.kit.outside import InProcess, Outside, cut_short, first_of_each_kind
from segment_assets_tests.conformance.kit.platforms.pinterest import RECORD

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


def size(house: House, audience: str):
    destination = house.destination()
    return asked_size(destination, house.transport(), audience)


def made(house: House) -> str:
    """The audience's id as the ledger has it: of the list, and of the audience made of it."""
    (listed,) = house.transport().send(_get(house, "audiences")).json["items"]
    return f"{listed['rule']['customer_list_id']}/{listed['id']}"


def _get(house: House, collection: str):
    return Request("GET", f"/v5/ad_accounts/{RECORD.account}/{collection}")


def test_people_of_whom_pinterest_drops_some_in_silence_are_not_told_as_accepted(house: House):
    house.outside.admin("platforms/pinterest", {"dropped_share": 0.5})
    house.wants(range(PEOPLE))
    (row,) = house.run().deliveries
    assert 0 < len(house.held()) < 2 * PEOPLE
    assert (row["accepted"], row["rejected"], row["unproven"]) == (0, 0, PEOPLE)
    house.is_balanced()
    assert house.run().deliveries == [], "unproven is not unsent"


def test_an_audience_is_told_as_small_until_a_hundred_are_in_it_and_then_as_ready(house: House):
    house.batch = 100
    house.wants(range(PEOPLE))
    house.run()
    audience = made(house)
    assert size(house, audience).state is SizeState.UPDATING
    house.outside.later(3_600)
    assert size(house, audience).state is SizeState.TOO_SMALL
    house.wants(range(100))
    house.run()
    house.outside.later(3_600)
    # Our own digest, which is nobody's, is in the list as well; the sandbox knows of no accounts.
    assert size(house, audience).state is SizeState.READY


def test_where_pinterest_makes_no_audience_of_a_small_list_people_are_delivered_and_the_size_warns_until_there_is_one(
    house: House,
):
    house.outside.admin("platforms/pinterest", {"audiences_from": 100})
    house.batch = 100
    house.wants(range(100))
    house.run()
    house.outside.later(3_600)
    (listed,) = house.outside.audiences()
    assert house.transport().send(_get(house, "audiences")).json["items"] == []
    for _ in range(2):
        assert "make one in Ads Manager" in size(house, listed["id"]).warning
    house.transport().send(
        Request(
            "POST",
            f"/v5/ad_accounts/{RECORD.account}/audiences",
            json={"audience_type": "CUSTOMER_LIST", "name": "by hand", "rule": {"customer_list_id": listed["id"]}},
        )
    )
    served = size(house, listed["id"])
    assert (served.state, served.warning) == (SizeState.READY, "")
    house.is_balanced()


def test_a_list_that_outlives_its_audience_asks_a_person_and_is_not_noted_as_deleted(house: House):
    house.outside.admin("platforms/pinterest", {"lists_stay": True})
    house.wants(range(PEOPLE))
    house.run()
    for _ in range(2):
        with pytest.raises(NeedsHumanError, match="Ads Manager"):
            house.delete()
    assert house.transport().send(_get(house, "audiences")).json["items"] == []
    house.holds_exactly(range(PEOPLE))


def test_where_no_creation_is_answered_there_is_one_list_and_one_audience_of_it(house: House):
    house.line.after = first_of_each_kind(cut_short)
    house.wants(range(4))
    house.until_done()
    assert len(house.outside.audiences()) == len(house.transport().send(_get(house, "audiences")).json["items"]) == 1
    house.holds_exactly(range(4))


def test_a_throttle_is_waited_out_by_the_minute(house: House):
    house.outside.admin("platforms/pinterest", {"writes_per_minute": 2})
    house.wants(range(PEOPLE))
    house.until_done(runs=10)
    assert 60.0 in house.waited
    house.holds_exactly(range(PEOPLE))
    house.is_balanced()


def test_a_token_that_was_revoked_asks_a_person_and_names_no_token(house: House):
    house.outside.admin("platforms/pinterest", {"tokens": ["another-token"]})
    house.wants(range(PEOPLE))
    with pytest.raises(NeedsHumanError, match="refresh token") as refusal:
        house.run()
    assert "sandbox-pinterest-token" not in str(refusal.value)


def test_a_list_that_somebody_deleted_asks_a_person(house: House):
    house.wants(range(4))
    house.run()
    house.destination().delete_audience(house.transport(), made(house))
    house.wants(range(PEOPLE))
    with pytest.raises(NeedsHumanError, match="deleted on Pinterest"):
        house.run()
