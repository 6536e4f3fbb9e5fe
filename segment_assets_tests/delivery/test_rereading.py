"""A setting that reads a match key otherwise was changed under an audience: what goes by the first reading still."""

from __future__ import annotations

import dataclasses
import json
import time

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest

from segment_assets.contracts import MatchKey, Reading, Sent, read_by
from segment_assets.delivery.errands import Errand
from segment_assets.delivery.guards import GuardRails
from segment_assets.delivery.ledger import AudienceLedger
from segment_assets.delivery.preview import Rehearsal, rehearsing
from segment_assets.delivery.ranges import filled
from segment_assets.delivery.replaying import replay
from segment_assets.delivery.run import DeliveryRoom
from segment_assets.delivery.wanted import FORMS, Wanted
from segment_assets.tables import ACKNOWLEDGED
from segment_assets_tests.conformance.kit import people
from segment_assets_tests.conformance.kit.forgetting import forgets, publish_erasures
from segment_assets_tests.conformance.kit.house import House
from segment_assets_tests.conformance.kit.outside import InProcess, Outside
from segment_assets_tests.conformance.kit.platforms import amc_data
from segment_assets_tests.delivery.road import PAIR, Road
from segment_assets_tests.fakes import CONTRACT, FakeDestination, digest, marked, person

TAGS = Reading(
    {
        "kept": {MatchKey.EMAIL: Sent("email", "email")},
        "folded": {MatchKey.EMAIL: Sent("email", "email_gmail_folded")},
    },
    "this platform says nothing",
)
KEPT = dataclasses.replace(CONTRACT, readings={"tags": TAGS})
FOLDED = read_by(KEPT, {"tags": "folded"})


def both(name: str) -> dict:
    return person(name, email=f"{name}+tag@x") | {"email_gmail_folded": digest(f"{name}@x")}


def room_of(road: Road, destination, transport) -> DeliveryRoom:
    return DeliveryRoom(road.lake, destination, transport, workdir=road.workdir, sleep=lambda _: None)


def errand_by(contract) -> Errand:
    return Errand(PAIR, Wanted(contract, contract.forms()), "seg", {}, GuardRails(1.0), b"key")


def delivered(road: Road, contract) -> None:
    room_of(road, FakeDestination(contract), road.platform).run(errand_by(contract), road.audience, road.suppressions)


@pytest.fixture
def road(tmp_path):
    road = Road(tmp_path)
    road.wants(*(both(name) for name in "abc"))
    delivered(road, KEPT)
    return road


def test_a_delivery_is_replayed_by_the_reading_of_its_time(road):
    ledger = AudienceLedger(road.lake, PAIR, time.time)
    made = list(replay(road.lake, ledger, ledger.last(), FakeDestination(FOLDED), b"key"))
    assert [one.is_proven for one in made] == [True]


def test_what_a_crash_left_is_finished_by_the_reading_with_which_it_began(tmp_path):
    road = Road(tmp_path)
    road.wants(*(both(name) for name in "abcdef"))

    def dies(call: int) -> None:
        if call == 1:
            raise KeyboardInterrupt

    road.platform.before = dies
    with pytest.raises(KeyboardInterrupt):
        delivered(road, KEPT)
    road.platform.before = lambda call: None
    room_of(road, FakeDestination(FOLDED), road.platform).withdraw(errand_by(FOLDED), delete=False)
    assert road.platform.identifiers == set()


def test_a_rehearsal_takes_people_out_by_the_reading_with_which_they_are_there(road):
    said: list[str] = []
    rehearsal = Rehearsal(lambda _number, request: said.append(json.dumps(request.json)))
    taking = rehearsing(FakeDestination(FOLDED), rehearsal)
    rehearsal.run(lambda: room_of(road, taking, taking.transport).withdraw(errand_by(FOLDED), delete=False))
    assert rehearsal.requests == {"remove": 1}
    assert [marked(f"{name}+tag@x") in said[0] for name in "abc"] == [True, True, True]
    assert marked("a@x") not in said[0]


def test_a_column_that_a_file_is_too_old_to_have_is_one_that_nobody_has(tmp_path):
    schema = ACKNOWLEDGED.arrow_schema()
    row = {"member_id": digest("m"), "record_id": digest("r"), "standing": "acknowledged", "email": digest("e")}
    rows = pa.Table.from_pylist([row], schema)
    pq.write_table(rows.drop_columns(["email_folded"]), tmp_path / "old.parquet")
    assert filled(pads.dataset(tmp_path / "old.parquet", schema=schema), FORMS) == ["email"]


def test_people_are_forgotten_by_every_reading_with_which_they_were_sent(tmp_path):
    """AMC finds the rows to delete by the digests that were uploaded."""
    inside = InProcess(tmp_path, ())
    outside = Outside(inside)
    outside.reset()
    first = amc_data.RECORD
    other = dataclasses.replace(first, settings={**first.settings, "email_symbols": "kept"})
    house = House(first, tmp_path, outside)
    cells = {n: {**people.row(first.contract, n), "email": people.cell("email", n)} for n in range(4)}
    house.wants((), *(cells[n] for n in (0, 1)))
    house.run()
    # The audience was given up, and is filled anew after the setting was changed.
    house.delete()
    house.record = other
    house.names = {n: people.identifiers(other, n) for n in range(4)}
    house.wants((), *(cells[n] for n in (1, 2)))
    house.until_done()

    before = len(house.line.calls)
    forgets(house, publish_erasures(house, [0, 1, 2, 3]), size=10)

    asked = "".join(call.text for call in house.line.calls[before:])
    emails = {form: {n for n in cells if people.cell(form, n).hex() in asked} for form in ("email_amazon", "email")}
    assert emails == {"email_amazon": {0, 1}, "email": {1, 2}}
    outside.close()
    inside.end()
