"""The delivery room and our Trade Desk connector against a running one with its identity map: what only they do.

What every destination has to survive is in `conformance/kit`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from segment_assets.contracts import NeedsHumanError
from segment_assets.sandbox.platforms.the_trade_desk.identity_map import raw_id
from segment_assets_tests.conformance.kit import people
from segment_assets_tests.conformance.kit.house import House, whole_lanes
from segment_assets_tests.conformance.kit.outside import InProcess, Outside
from segment_assets_tests.conformance.kit.platforms.the_trade_desk import RECORD
from segment_assets_tests.conformance.kit.record import written

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PEOPLE = 6
DAY = 86_400.0


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


def switch(house: House, **values: object) -> None:
    house.outside.admin("platforms/the_trade_desk", values)


def all_held(house: House) -> set[str]:
    """Whatever is there, also under ids that the kit does not know."""
    return {
        cell for one in house.outside.audiences() for person in house.outside.people_of(one) for cell in person.values()
    }


def test_everybody_goes_by_raw_uid2_of_which_none_is_kept_and_no_hash_leaves(house: House):
    house.wants(range(PEOPLE))
    (row,) = house.run().deliveries
    assert (row["accepted"], row["rejected"], row["unproven"]) == (PEOPLE, 0, 0)
    house.holds_exactly(range(PEOPLE))
    hashes = {
        written(people.cell(sent.form, number), sent)
        for number in range(PEOPLE)
        for key, sent in RECORD.contract.match_keys.items()
        if key in {"email", "phone"}
    }
    assert len(hashes) == 2 * PEOPLE
    sent = " ".join(call.text for call in house.line.calls)
    assert not any(one in sent for one in hashes)
    ids = [one.encode() for one in house.held() if one.endswith("=")]
    kept = b"".join(file.read_bytes() for file in house.folder.rglob("*") if file.is_file())
    assert len(ids) == 2 * PEOPLE
    assert kept
    assert not any(one in kept for one in ids)


def test_whoever_has_opted_out_at_uid2_is_refused_by_name_and_stays_out(house: House):
    switch(house, opted_out_share=1)
    house.wants(range(PEOPLE))
    (row,) = house.run().deliveries
    # By device and RampID they are taken: these are not UID2's.
    assert (row["accepted"], row["rejected"]) == (PEOPLE, 0)
    assert not any(one.endswith("=") for one in all_held(house))
    assert house.run().deliveries == []
    house.is_balanced()


def test_whoever_opts_out_at_uid2_later_can_still_be_taken_out_of_everything_else(house: House):
    house.wants(range(PEOPLE))
    house.run()
    switch(house, opted_out_share=1)
    house.opt_out(2)
    house.run()
    left = people.identifiers(RECORD, 2) & all_held(house)
    # UID2 names nobody who opted out, and tells The Trade Desk itself.
    assert all(one.endswith("=") for one in left)
    house.is_balanced()


def test_after_a_rotation_whoever_leaves_is_out_under_both_ids(house: House):
    house.wants(range(PEOPLE))
    house.run()
    switch(house, rotations=[time.time()])
    house.opt_out(3)
    house.run()
    gone = people.identifiers(RECORD, 3)
    assert gone
    assert not gone & all_held(house)
    house.is_balanced()


def test_after_a_rotation_the_next_visit_of_everybody_is_under_the_new_id(house: House):
    house.wants(range(PEOPLE))
    house.run()
    switch(house, rotations=[time.time()])
    house.outside.later(82 * DAY)
    house.run()
    house.outside.later(9 * DAY)
    (email,) = (sent for key, sent in RECORD.contract.match_keys.items() if key == "email")
    new = {raw_id(written(people.cell(email.form, n), email), salt=1) for n in range(PEOPLE)}
    assert new <= all_held(house)
    assert not {RECORD.held(people.cell(email.form, n), email) for n in range(PEOPLE)} & all_held(house)
    house.outside.later(80.9 * DAY)
    assert len(all_held(house)) == 4 * PEOPLE
    house.outside.later(0.2 * DAY)
    assert all_held(house) == set(), "nobody stays past the time to live when we stop"


def test_a_request_that_is_too_large_goes_in_halves(house: House):
    switch(house, most_bytes=600)
    house.wants(range(PEOPLE))
    house.until_done()
    house.holds_exactly(range(PEOPLE))
    house.is_balanced()


def test_a_key_of_the_map_that_was_revoked_asks_a_person_and_reaches_nobody(house: House):
    switch(house, identity_map_key="another")
    house.wants(range(PEOPLE))
    with pytest.raises(NeedsHumanError, match="identity_map_key"):
        house.run()
    assert house.outside.audiences() == []


def test_people_are_erased_from_every_segment(house: House):
    house.wants(range(PEOPLE))
    house.run()
    destination, transport = house.destination(), house.transport()
    for lane in RECORD.contract.lanes:
        members = [people.member(RECORD.contract, 1, lane)]
        session = next(one for one in whole_lanes(RECORD.contract, 1) if one.lane == lane)
        answer = destination.read(members, session, transport.send(destination.erasure(members, session)))
        assert answer.accepted == 1
    house.holds_exactly(number for number in range(PEOPLE) if number != 1)
