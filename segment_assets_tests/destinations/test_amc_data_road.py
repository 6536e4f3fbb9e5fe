"""The delivery room and our AMC data upload in front of its simulated instance: what only uploads from a bucket do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from segment_assets.contracts import Consent, NeedsHumanError, SegmentAssetsError
from segment_assets.delivery.following import LATE_FAILURES
from segment_assets_tests.conformance.kit import people
from segment_assets_tests.conformance.kit.forgetting import forgets, publish_erasures
from segment_assets_tests.conformance.kit.house import House
from segment_assets_tests.conformance.kit.outside import InProcess, KilledError, Outside, killing
from segment_assets_tests.conformance.kit.platforms.amc_data import RECORD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PEOPLE = 7


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


def names(house: House) -> list[str]:
    """The last part of the path of every call."""
    return [call.path.rpartition("/")[2] for call in house.line.calls]


def test_rows_prove_people_and_whoever_denied_is_not_loaded_and_counted(house):
    row = people.row(RECORD.contract, 3) | dict.fromkeys(RECORD.contract.consent, Consent.DENIED.value)
    house.wants(range(3), row)
    (told,) = house.run().deliveries
    assert (told["accepted"], told["rejected"], told["unproven"]) == (3, 1, 0)
    house.holds_exactly(range(3))
    house.is_balanced()


def test_before_the_upload_files_reach_nobody_and_the_next_process_makes_it(house):
    house.wants(range(PEOPLE))
    house.line.before = killing(lambda call: call.path.endswith(".manifest"))
    with pytest.raises(KilledError):
        house.run()
    house.line.before = lambda call: None
    assert house.held() == set()
    already = len(house.line.calls)
    house.run()
    house.holds_exactly(range(PEOPLE))
    assert not [name for name in names(house)[already:] if name.endswith(".csv")], "what was put is put again"
    house.is_balanced()


def test_an_upload_whose_answer_was_lost_is_found_and_not_made_again(house):
    house.wants(range(PEOPLE))
    house.line.after = killing(lambda call: call.method == "POST" and "/uploads/" in call.path)
    with pytest.raises(KilledError):
        house.run()
    house.line.after = lambda call, answer: answer
    house.run()
    house.holds_exactly(range(PEOPLE))
    uploads = [call for call in house.line.calls if call.method == "POST" and "/uploads/" in call.path]
    assert [call.path.rpartition("/")[2] == "list" for call in uploads] == [False, True]
    house.is_balanced()


def test_who_comes_back_is_in_although_rows_of_every_answer_are_kept(house):
    for wanted in (range(5), range(3), range(1, 5)):
        house.wants(wanted)
        house.run()
        house.holds_exactly(wanted)
    house.is_balanced()


def test_an_upload_that_fails_loads_nobody_and_all_are_sent_again(house):
    house.outside.admin("platforms/amc_data", {"failing_uploads": 1})
    house.wants(range(PEOPLE))
    house.until_done()
    failed, done = house.rows
    assert (failed["outcome"], failed["accepted"]) == ("failed", 0)
    assert (done["outcome"], done["accepted"]) == ("done", PEOPLE)
    house.holds_exactly(range(PEOPLE))
    house.is_balanced()


def test_a_removal_of_which_no_row_is_loaded_is_uploaded_a_few_times_and_asks_a_person(house):
    def lacking(call: Any, answer: httpx.Response) -> httpx.Response:
        told = answer.json() if call.method == "GET" and "/uploads/" in call.path else {}
        if told.get("upload", {}).get("status") not in {"SUCCESS", "COMPLETED"}:
            return answer
        return httpx.Response(200, json={"upload": {**told["upload"], "metrics": {"OutputRowCount": 0.0}}})

    def uploads() -> int:
        return sum(call.method == "POST" and "/uploads/" in call.path for call in house.line.calls)

    house.wants(range(PEOPLE))
    house.run()
    before = uploads()
    house.opt_out(3)
    house.line.after = lacking
    for _ in range(2):
        with pytest.raises(NeedsHumanError, match="did not take out 1 people who said no"):
            house.run()
    assert uploads() - before == LATE_FAILURES
    house.is_balanced()


def test_a_data_set_that_somebody_deleted_asks_a_person(house):
    house.wants(range(PEOPLE))
    house.run()
    house.destination().delete_audience(house.transport(), house.audience_id())
    house.wants(range(PEOPLE + 1))
    with pytest.raises(SegmentAssetsError, match=r"404/ResourceNotFoundException: .*on_removal: delete"):
        house.run()


def test_whoever_asks_to_be_forgotten_is_so_by_everything_that_they_were_sent_with(house):
    """The audience goes by our id of a person, and the deletion by identifiers: also by those of before."""
    house.wants(range(1, 3), people.row(RECORD.contract, 0))
    house.run()
    house.wants(range(1, 3), people.row(RECORD.contract, 0, like={RECORD.contract.identifying[0]: 9}))
    house.run()
    before = len(house.line.calls)
    forgets(house, publish_erasures(house, [0]))
    asked = "".join(call.text for call in house.line.calls[before:] if call.path.endswith("userDeletionRequest"))
    changed = people.identifiers(RECORD, 0, like={RECORD.contract.identifying[0]: 9})
    assert all(one in asked for one in people.identifiers(RECORD, 0) | changed)
    assert not any(one in asked for one in people.all_identifiers(RECORD, range(1, 3)))
    house.outside.later(1)
    house.holds_exactly(range(1, 3))
