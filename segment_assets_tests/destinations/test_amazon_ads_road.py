"""The delivery room and our Amazon Ads connector against a running Ads Data Manager: what is Amazon's alone.

What every destination has to survive is in `conformance/kit`.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import httpx
import pytest

from segment_assets.contracts import NeedsHumanError
from segment_assets.contracts.sizes import SizeState
from segment_assets_tests.conformance.kit import people
from segment_assets_tests.conformance.kit.house import House
from segment_assets_tests.conformance.kit.outside import InProcess, KilledError, Outside, killing
from segment_assets_tests.conformance.kit.platforms.amazon_ads import RECORD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from segment_assets_tests.conformance.kit.outside import Call

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


def calls(house: House, path: str) -> int:
    return sum((call.method, call.path) == ("POST", f"/amazon_ads{path}") for call in house.line.calls)


def test_a_dataset_is_made_once_and_shared_once_with_each_place_wherever_the_process_dies(house: House):
    house.outside.admin("platforms/amazon_ads", {"data_rooms": []})
    house.wants(range(PEOPLE))
    for path in ("/adm/datarooms", "/adm/audiences", "/adm/sharingRules"):
        house.line.after = killing(lambda call, path=path: (call.method, call.path) == ("POST", f"/amazon_ads{path}"))
        with pytest.raises(KilledError):
            house.run()
    house.line.after = lambda call, answer: answer
    house.run()
    assert calls(house, "/adm/sharingRules") == 2
    (dataset,) = house.outside.audiences()
    assert dataset["state"].startswith("shared")
    house.holds_exactly(range(PEOPLE))
    house.is_balanced()


def test_it_holds_exactly_the_audience_also_if_any_identifier_takes_a_person_out(house: House):
    """Amazon does not say whether a removal goes by the id alone; with shared identifiers both have to end alike."""
    house.outside.admin("platforms/amazon_ads", {"removes_by": "identity"})
    pair = people.row(RECORD.contract, 20), people.row(RECORD.contract, 21, like={RECORD.contract.identifying[0]: 20})
    house.wants(range(PEOPLE), *pair)
    house.run()
    changed = people.row(RECORD.contract, 1, like={RECORD.contract.identifying[0]: 22})
    house.wants(range(2, PEOPLE), changed, pair[1])
    house.run()
    house.holds_exactly(
        range(2, PEOPLE),
        people.identifiers(RECORD, 1, like={RECORD.contract.identifying[0]: 22})
        | people.identifiers(RECORD, 21, like={RECORD.contract.identifying[0]: 20}),
    )
    house.is_balanced()


def test_whoever_is_refused_by_name_costs_nobody_else(house: House):
    house.outside.admin("platforms/amazon_ads", {"rejected_share": 0.3})
    house.wants(range(PEOPLE))
    (row,) = house.run().deliveries
    assert 0 < row["rejected"] < PEOPLE
    assert (row["accepted"], row["unproven"]) == (PEOPLE - row["rejected"], 0)
    assert len(house.held()) == 4 * row["accepted"]
    house.is_balanced()


def test_matches_show_an_hour_later(house: House):
    house.wants(range(PEOPLE))
    house.run()
    (dataset,) = house.outside.audiences()
    destination, transport = house.destination(minimum_members=PEOPLE // 2), house.transport()

    def size():
        return destination.read_size(transport.send(destination.size_request(dataset["id"])))

    assert (size().state, size().upper) == (SizeState.TOO_SMALL, 0)
    house.outside.later(3_600)
    assert (size().state, size().upper) == (SizeState.READY, PEOPLE // 2)


def test_terms_that_nobody_accepted_ask_a_person_and_nothing_is_made(house: House):
    house.outside.admin("platforms/amazon_ads", {"terms_accepted": False})
    house.wants(range(PEOPLE))
    with pytest.raises(NeedsHumanError, match="terms"):
        house.run()
    assert house.outside.audiences() == []


def test_what_amc_alone_has_is_deleted_with_its_people(outside: Outside, tmp_path: Path):
    outside.reset()
    record = dataclasses.replace(RECORD, settings={**RECORD.settings, "shared_with": "amc"})
    house = House(record, tmp_path, outside)
    house.wants(range(PEOPLE))
    house.run()
    house.delete()
    assert house.outside.audiences() == []
    house.is_balanced()


def test_a_token_that_was_revoked_asks_a_person_and_names_no_token(house: House):
    house.outside.admin("platforms/amazon_ads", {"tokens": ["another-token"]})
    house.wants(range(PEOPLE))
    with pytest.raises(NeedsHumanError, match="refresh token") as refusal:
        house.run()
    assert "sandbox-amazon_ads-token" not in str(refusal.value)


def test_who_leaves_is_out_also_where_somebody_who_stays_has_all_of_their_identifiers(house: House):
    twin = people.row(RECORD.contract, 1, like=dict.fromkeys(RECORD.contract.identifying, 0))
    house.wants([0], twin)
    house.run()
    house.wants([0])
    (row,) = house.run().deliveries
    assert (row["removes"], row["removes_acknowledged"]) == (1, 1)
    house.holds_exactly([0])
    (dataset,) = house.outside.audiences()
    assert dataset["people"] == 1


def test_one_person_in_lasting_trouble_holds_up_nobody_else_and_goes_when_it_is_over(house: House):
    troubled = people.row(RECORD.contract, 1)["member_id"].hex()

    def in_trouble(call: Call, answer: httpx.Response) -> httpx.Response:
        members = json.loads(call.body)["members"] if call.path.endswith("/members") else []
        places = [place for place, member in enumerate(members) if member["externalUserId"] == troubled]
        if not places:
            return answer
        errors = [{"index": place, "code": "500", "errors": []} for place in places]
        return httpx.Response(200, json={**json.loads(answer.content), "errors": errors})

    house.line.after = in_trouble
    house.wants(range(PEOPLE))
    (row,) = house.run().deliveries
    # Failed, so that the reconciler asks again: the person may have said no.
    assert (row["accepted"], row["rejected"], row["unproven"], row["outcome"]) == (PEOPLE - 1, 0, 1, "failed")
    # The whole batch was asked again while that might help, and then no more.
    sent = [sent for sent in house.people_sent() if 1 in sent]
    assert len(sent) == 3
    assert len(set(sent)) == 1
    house.opt_out(1)
    (row,) = (row for row in house.run().deliveries if row["lane"] == "opt_out")
    assert (row["removes_unproven"], row["outcome"]) == (1, "failed")
    house.suppressions = None
    house.line.after = lambda call, answer: answer
    before = len(house.people_sent())
    (row,) = house.run().deliveries
    assert row["accepted"] == 1
    assert house.people_sent()[before:] == [(1,)]
    house.holds_exactly(range(PEOPLE))
    house.is_balanced()
