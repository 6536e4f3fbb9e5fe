"""Readings of match keys: an account's setting chooses, and an audience keeps the one by which its people were sent."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from segment_assets.contracts import MatchKey, NeedsHumanError, SegmentAssetsError
from segment_assets.identity import digest_batch
from segment_assets_tests.conformance.kit import people
from segment_assets_tests.conformance.kit.record import records
from segment_assets_tests.fakes import digest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from segment_assets_tests.conformance.kit.house import House
    from segment_assets_tests.conformance.kit.record import Record

THERE, SAID_NO, NEW = range(7), 3, 8
OTHER_READINGS = [
    pytest.param(record, {name: choice}, id=f"{record.destination}-{name}-{choice}")
    for record in records()
    for name, reading in record.contract.readings.items()
    for choice in reading.choices
    if choice != reading.default
]


# What each choice makes of a value, by the texts that `why` names (facts/destinations), spelled out and not computed.
_IDFA = "AECE52E7-03EE-455A-B3C4-E57283966239"
SAMPLES: dict[str, dict[str, tuple[str, dict[str, str]]]] = {
    "email_tag": {
        "email": (" J_Doe.X+News@Gmail.com ", {"kept": "j_doe.x+news@gmail.com", "folded": "j_doex@gmail.com"})
    },
    "phone_plus": {"phone": ("(206) 555-0100", {"with": "+12065550100", "without": "12065550100"})},
    "name_punctuation": {
        "first_name": ("Anne-Marie", {"kept": "anne-marie", "removed": "annemarie"}),
        "last_name": ("O'Brien", {"kept": "o'brien", "removed": "obrien"}),
    },
    "email_characters": {
        "email": (
            "j_doe.x+news@example.com",
            {"alphanumeric": "jdoex@example.com", "dots_only": "j_doex@example.com"},
        )
    },
    "email_symbols": {
        "email": ("j.doe+news@gmail.com", {"deleted": "j.doenews@gmail.com", "kept": "j.doe+news@gmail.com"})
    },
    "mobile_ad_id_case": {"mobile_ad_id": (_IDFA, {"as_issued": _IDFA, "lower": _IDFA.lower()})},
}


def read(record: Record, setting: dict[str, str]) -> Record:
    return dataclasses.replace(record, settings={**record.settings, **setting})


def wants(house: House, numbers: Iterable[int], *by: Record) -> None:
    """People with the columns of several readings, as every hashed audience has them."""
    rows = [{**people.row(by[0].contract, n), **_cells(by, n)} for n in numbers]
    house.wants((), *rows)
    house.names = {n: set().union(*(people.identifiers(one, n) for one in by)) for n in range(20)}


def _cells(by: Iterable[Record], number: int) -> dict[str, object]:
    forms = {sent.form for one in by for sent in one.contract.match_keys.values()}
    return {form: people.cell(form, number) for form in forms}


@pytest.mark.parametrize(("record", "setting"), OTHER_READINGS, scope="session")
class TestAnotherReading:
    def test_hashes_what_the_platform_s_texts_say(self, record, setting):
        [(name, choice)] = setting.items()
        read_so = {record.contract.readings[name].default: record.contract, choice: read(record, setting).contract}
        for column, (raw, written) in SAMPLES[name].items():
            cells = pa.record_batch({column: [raw], "country": ["us"]})
            forms = {word: contract.match_keys[MatchKey(column)].form for word, contract in read_so.items()}
            told = {word: digest_batch(cells, forms=[form]).forms[form][0].as_py() for word, form in forms.items()}
            assert told == {word: digest(text) for word, text in written.items()}

    def test_is_another_form_in_the_same_field_and_encoding(self, record, setting):
        ours, theirs = record.contract.match_keys, read(record, setting).connect().contract.match_keys
        changed = {key for key in ours if ours[key] != theirs[key]}
        [name] = setting
        assert changed == {MatchKey(column) for column in SAMPLES[name]}
        assert {key: dataclasses.replace(theirs[key], form=ours[key].form) for key in ours} == dict(ours)

    def test_is_what_a_new_audience_is_sent(self, record, setting, new_house):
        house, other = new_house(), read(record, setting)
        house.record = other
        wants(house, THERE, record, other)
        house.run()
        assert house.held() == people.all_identifiers(other, THERE)
        wants(house, [n for n in THERE if n > 1], record, other)
        house.run()
        assert house.held() == people.all_identifiers(other, THERE[2:])
        house.is_balanced()

    def test_reaches_no_audience_that_has_people_by_the_first_until_it_was_given_up_and_opt_outs_get_out(
        self, record, setting, new_house
    ):
        house, other = new_house(), read(record, setting)
        wants(house, THERE, record, other)
        house.run()
        house.record = other
        wants(house, [*THERE, NEW], record, other)
        house.opt_out(SAID_NO)
        with pytest.raises(NeedsHumanError, match=r"otherwise than those who are there were sent.*Nobody is added"):
            refused(house)
        assert house.held() == people.all_identifiers(record, [n for n in THERE if n != SAID_NO])
        # Once the audience was given up there is nobody by the first.
        house.delete()
        assert house.held() == set()
        wants(house, THERE, record, other)
        house.suppressions = None
        house.until_done()
        assert house.held() == people.all_identifiers(other, THERE)


def refused(house: House) -> None:
    """Runs until a person is asked; where a platform works on jobs it takes several."""
    for _ in range(5):
        try:
            house.run()
        except NeedsHumanError:
            raise
        except SegmentAssetsError:
            continue


def test_a_choice_that_a_reading_has_not_is_refused_by_name():
    for record in (one.values[0] for one in OTHER_READINGS):
        for name in record.contract.readings:
            with pytest.raises(SegmentAssetsError, match=f"{name} 'nonsense' is not one of "):
                read(record, {name: "nonsense"}).connect()
