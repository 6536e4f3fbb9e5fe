"""Lists that take only so many files, against a running TikTok: whoever says no still leaves, and nobody is lost."""

from __future__ import annotations

import dataclasses
import functools
import time
import types
from typing import TYPE_CHECKING

import pytest

from segment_assets.contracts import Counted, NeedsHumanError
from segment_assets.delivery.creation import id_of
from segment_assets.delivery.files import files_taken
from segment_assets.delivery.ledger import AudienceLedger
from segment_assets_tests.conformance.kit.house import House
from segment_assets_tests.conformance.kit.outside import InProcess, Outside
from segment_assets_tests.conformance.kit.platforms.tiktok_file import RECORD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILES, RESERVE = 8, 3
LIMIT = dataclasses.replace(RECORD.contract.limit(Counted.FILES), most=FILES, reserve=RESERVE)


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
    return living(House(RECORD, tmp_path, outside))


def living(house: House, **changed: object) -> House:
    """With a TikTok of which a list takes few files, and a contract that says so."""
    house.outside.admin("platforms/tiktok_file", {"files_per_audience": FILES})
    house.destination = functools.partial(House.destination, house, more_limits=(LIMIT,), **changed)
    return house


def filled(house: House) -> int:
    """One more person a day, as long as files are left that are for anybody. How many people there are then."""
    # One file is of the creation, and each delivery has one.
    people = FILES - RESERVE - 1
    for number in range(people):
        house.wants(range(number + 1))
        house.run()
    house.wants(range(people + 1))
    return people


def test_every_file_is_counted_and_additions_end_before_the_reserve(house: House):
    people = filled(house)
    said = (
        "the list of email has taken 5 files, this delivery has 1 more, and tiktok_file takes 8, of which 3 are left to "
        r"people who say no\. .*on_removal: delete"
    )
    with pytest.raises(NeedsHumanError, match=said):
        house.run()
    house.holds_exactly(range(people))
    house.is_balanced()


def test_whoever_says_no_leaves_a_list_that_takes_nobody_else(house: House):
    people = filled(house)
    house.opt_out(0)
    with pytest.raises(NeedsHumanError, match="on_removal: delete"):
        house.run()
    house.holds_exactly(range(1, people))


def test_after_the_last_file_a_no_deletes_the_list_and_the_next_run_fills_a_new_one(house: House):
    people = filled(house)
    for number in range(RESERVE):
        house.opt_out(*range(number + 1))
        with pytest.raises(NeedsHumanError, match="on_removal: delete"):
            house.run()
    house.holds_exactly(range(RESERVE, people))
    house.opt_out(*range(RESERVE + 1))
    with pytest.raises(NeedsHumanError, match=r"1 people who said no, so the audience was deleted.*has taken 8 files"):
        house.run()
    house.holds_exactly([])
    house.wants(range(people + 1))
    house.run()
    house.holds_exactly(range(RESERVE + 1, people + 1))
    house.is_balanced()


def test_where_the_plan_allows_it_a_full_list_is_renewed_with_everybody_but_those_who_said_no(house: House):
    living(house, on_full_list="renew")
    for people in range(1, 2 * FILES):
        house.opt_out(*range(people // 4))
        house.wants(range(people))
        house.run()
        house.holds_exactly(range(people // 4, people))
    ids = [entry.kind for entry in ledger_of(house).audience().entries]
    assert ids.count("created") == ids.count("deleted") + 1 >= 3
    house.is_balanced()


def test_a_delivery_that_no_list_could_take_is_stopped_before_anything_is_deleted(house: House):
    living(house, on_full_list="renew")
    house.batch = 1
    house.wants(range(2))
    house.run()
    house.wants(range(FILES - RESERVE))
    with pytest.raises(NeedsHumanError, match="too many people for files: split the segment"):
        house.run()
    house.holds_exactly(range(2))


def test_a_person_is_warned_long_before(house: House):
    warnings = []
    for people in (1, 2, 3):
        house.wants(range(people))
        warnings.append(house.run().warning)
    assert warnings[0] == ""
    assert warnings[1:] == [
        f"the list of email has taken {taken} of the 8 files that tiktok_file takes; after 5 only people who say no are "
        "delivered: before that, end the activation with on_removal: delete, name it again, and give the new one to the "
        "campaigns"
        for taken in (3, 4)
    ]


def test_deliveries_from_before_files_were_counted_are_counted_by_what_they_committed(house: House):
    for people in (1, 2, 3):
        house.wants(range(people))
        house.run()
    ledger = ledger_of(house)
    logs, audience, contract = list(ledger.newest_first()), id_of(ledger), house.destination().contract
    assert "files" in logs[0].header
    counted = files_taken(ledger, audience, contract)
    for log in logs:
        opened = log.chain.entries[0]
        body = {name: value for name, value in opened.body.items() if name != "files"}
        log.chain.entries[0] = dataclasses.replace(opened, body=body)
    earlier = types.SimpleNamespace(audience=ledger.audience, newest_first=lambda: iter(logs))
    assert files_taken(earlier, audience, contract) == counted == {"email": 4, "phone": 4, "mobile_ad_id": 4}


def ledger_of(house: House) -> AudienceLedger:
    return AudienceLedger(house.lake, house.pair, time.time)
