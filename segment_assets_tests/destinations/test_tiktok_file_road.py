"""The delivery room and our file connector against a running TikTok: what the platform's own ways cost, and whom.

What every destination has to survive is in `conformance/kit`; here is what TikTok's files alone do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from segment_assets.contracts import AudienceSpec, Operation, Request, SegmentAssetsError
from segment_assets.contracts.sizes import SizeState
from segment_assets_tests.conformance.kit import people
from segment_assets_tests.conformance.kit.house import House, whole_lanes
from segment_assets_tests.conformance.kit.outside import InProcess, KilledError, Outside, killing
from segment_assets_tests.conformance.kit.platforms.tiktok_file import RECORD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PEOPLE = 12
SMALLEST = 8


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


def size(house: House):
    destination = house.destination()
    return destination.read_size(house.transport().send(destination.size_request(house.audience_id())))


def ended(house: House):
    """The delivery that is sent now, once its jobs have ended. (A run would go on and send again what has failed.)"""
    with house._room() as (room, errand):
        assert room.run(errand, house.audience, house.suppressions).waiting
        house.outside.later(RECORD.later)
        (row,) = room.run(errand, house.audience, house.suppressions).deliveries
    house.rows.append(row)
    return row


def test_a_change_that_leaves_too_few_fails_later_and_everybody_is_still_there(house: House):
    house.outside.admin("platforms/tiktok_file", {"smallest_audience": SMALLEST})
    house.wants(range(PEOPLE))
    (row,) = house.run().deliveries
    assert (row["outcome"], row["accepted"]) == ("done", PEOPLE)
    assert size(house).state is SizeState.READY
    house.wants(range(SMALLEST - 2))
    row = ended(house)
    assert (row["outcome"], row["removes"], row["removes_refused"]) == ("failed", PEOPLE - SMALLEST + 2, 6)
    house.holds_exactly(range(PEOPLE))


def test_lists_of_fewer_than_a_thousand_are_told_as_too_small(house: House):
    house.outside.admin("platforms/tiktok_file", {"smallest_audience": 1_000})
    destination, transport = house.destination(), house.transport()
    audience = destination.create_audience(transport, AudienceSpec("crm", "0f" * 16, {}))
    states = []
    for _ in range(2):
        states.append(destination.read_size(transport.send(destination.size_request(audience))).state)
        house.outside.later(RECORD.later)
    assert states == [SizeState.UPDATING, SizeState.TOO_SMALL]


def test_rows_that_tiktok_cannot_read_leave_everybody_of_the_file_unproven(house: House):
    house.outside.admin("platforms/tiktok_file", {"unreadable_share": 0.3})
    house.wants(range(PEOPLE))
    (row,) = house.run().deliveries
    assert (row["outcome"], row["accepted"], row["unproven"]) == ("done", 0, PEOPLE)
    assert 0 < len(house.held()) < 3 * PEOPLE


def test_a_creation_that_is_cut_short_makes_the_lists_that_lack_and_no_second_ones(house: House):
    house.wants(range(PEOPLE))
    for nth in (1, 2, 3):
        creations = iter(range(nth))
        house.line.after = killing(lambda call, left=creations: call.path.endswith("/create/") and next(left, 9) == 0)
        with pytest.raises(KilledError):
            house.run()
    house.line.after = lambda call, answer: answer
    house.run()
    assert len(house.outside.audiences()) == len(RECORD.contract.lanes)
    house.holds_exactly(range(PEOPLE))


def test_the_sandbox_refuses_what_the_contract_says_and_shows_the_state_on_its_page(house: House):
    destination, transport = house.destination(), house.transport()
    session = whole_lanes(RECORD.contract, 1)[0]
    good = destination.request("", Operation.ADD, [people.member(RECORD.contract, 1, session.lane)], session)
    spoiled = {
        "another signature": good.content.replace(b'file_signature"\r\n\r\n', b'file_signature"\r\n\r\n0'),
        "another kind of file": good.content.replace(b"people.csv", b"people.zip"),
        "a kind that is retired": good.content.replace(b"EMAIL_SHA256", b"FIRST_NORMAL"),
        "another advertiser": good.content.replace(RECORD.account.encode(), b"1"),
    }
    codes = {}
    for what, content in spoiled.items():
        request = Request("POST", good.path, content=content, content_type=good.content_type)
        with pytest.raises(SegmentAssetsError) as refusal:
            destination.read([], session, transport.send(request))
        codes[what] = refusal.value.code
    assert codes == {
        "another signature": "40002",
        "another kind of file": "40908",
        "a kind that is retired": "40002",
        "another advertiser": "40001",
    }
    house.wants(range(PEOPLE))
    house.run()
    assert {one["state"] for one in house.outside.audiences()} == {"valid"}
