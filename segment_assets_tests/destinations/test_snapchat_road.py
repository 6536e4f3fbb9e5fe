"""The delivery room and our Snapchat connector against a running Snapchat: what the platform's own ways cost, and whom.

What every destination has to survive is in `conformance/kit`; here is what Snapchat alone does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from segment_assets.contracts import NeedsHumanError
from segment_assets.contracts.sizes import SizeState
from segment_assets.resources.transport import HttpTransport
from segment_assets_tests.conformance.kit import people
from segment_assets_tests.conformance.kit.house import House
from segment_assets_tests.conformance.kit.outside import URL, InProcess, Outside
from segment_assets_tests.conformance.kit.platforms.snapchat import RECORD

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


def test_identifiers_that_snap_does_not_count_leave_people_unproven_and_nobody_is_told_twice(house: House):
    house.outside.admin("platforms/snapchat", {"dropped_share": 0.5})
    house.wants(range(PEOPLE))
    (row,) = house.run().deliveries
    kept = len(house.outside.people())
    assert 0 < kept < 3 * PEOPLE
    assert (row["adds"], row["rejected"]) == (PEOPLE, 0)
    assert row["accepted"] + row["unproven"] == PEOPLE
    assert 0 < row["accepted"] <= kept
    house.is_balanced()
    assert house.run().deliveries == [], "unproven is not unsent"


def test_an_audience_that_somebody_deleted_on_snapchat_asks_a_person_and_is_not_made_again(house: House):
    house.wants(range(3))
    house.run()
    (segment,) = house.outside.audiences()
    with httpx.Client(base_url=f"{URL}/snapchat", transport=house.outside.inside) as somebody:
        token = {"Authorization": "Bearer sandbox-snapchat-token"}
        assert somebody.delete(f"/v1/segments/{segment['id']}", headers=token).is_success
    house.wants(range(PEOPLE))
    with pytest.raises(NeedsHumanError, match="on_removal: delete"):
        house.run()
    assert house.outside.audiences() == []


def test_a_token_that_ends_after_half_an_hour_is_renewed_within_the_run(house: House):
    form = {
        "grant_type": "refresh_token",
        "refresh_token": "sandbox-snapchat-refresh-token",
        "client_id": "sandbox-snapchat-app",
        "client_secret": "sandbox-snapchat-app-secret",
    }

    def renewed() -> str:
        with httpx.Client(base_url=URL, transport=house.outside.inside) as client:
            told = client.post("/login/oauth2/access_token", data=form).json()
        form["refresh_token"] = told["refresh_token"]
        return told["access_token"]

    house.wants(range(3))
    house.run()
    (segment,) = house.outside.audiences()
    transport = HttpTransport(f"{URL}/snapchat", renewed(), refresh=renewed, carrier=house.outside.inside)
    destination = house.destination()
    for seconds, state in ((0, SizeState.UPDATING), (90_000, SizeState.TOO_SMALL)):
        house.outside.later(seconds)
        assert destination.read_size(transport.send(destination.size_request(segment["id"]))).state is state
    transport.close()


def test_a_person_who_shares_an_identifier_is_sent_once_and_both_count(house: House):
    key = house.record.contract.identifying[1]
    house.wants(range(2), people.row(house.record.contract, 20, like={key: 1}))
    (row,) = house.run().deliveries
    assert (row["adds"], row["accepted"]) == (3, 3)
    house.holds_exactly(range(2), also=people.identifiers(house.record, 20, like={key: 1}))
