"""Phone numbers: the phonenumbers library is the definition of truth."""

from __future__ import annotations

import hashlib

import phonenumbers as pn
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.identity import NORMAL_FORMS, Reason, digest, digest_batch

PHONE = NORMAL_FORMS["phone_digits"]
# Ascension and Tristan da Cunha have phone plans of their own but no ISO 3166-1 code: no row can name them.
WITHOUT_ISO_CODE = {"AC", "TA"}
REGIONS = sorted(pn.SUPPORTED_REGIONS - WITHOUT_ISO_CODE)
KINDS = (pn.PhoneNumberType.MOBILE, pn.PhoneNumberType.FIXED_LINE, pn.PhoneNumberType.TOLL_FREE)
STYLES = (pn.PhoneNumberFormat.NATIONAL, pn.PhoneNumberFormat.INTERNATIONAL, pn.PhoneNumberFormat.E164)


def by_batch(values: list[str], countries: list[str | None]) -> list[bytes | None]:
    schema = pa.schema([("phone", pa.string()), ("country", pa.string())])
    batch = pa.RecordBatch.from_pydict({"phone": values, "country": countries}, schema)
    return digest_batch(batch, forms=["phone_digits"]).forms["phone_digits"].to_pylist()


def examples() -> list[tuple[str, str, str]]:
    """(written, region, international digits) of every region's published example numbers."""
    numbers = [(region, pn.example_number_for_type(region, kind)) for region in REGIONS for kind in KINDS]
    return [
        (pn.format_number(number, style), region, pn.format_number(number, pn.PhoneNumberFormat.E164)[1:])
        for region, number in numbers
        if number is not None
        for style in STYLES
    ]


def test_the_example_numbers_of_every_region_are_read_in_every_style():
    wrong = [
        (written, region, expected)
        for written, region, expected in examples()
        if PHONE.normalise(written, region.lower()) != expected
    ]
    assert wrong == []
    assert len(examples()) > 5 * len(REGIONS)


def test_international_examples_need_no_country():
    wrong = [(w, r) for w, r, expected in examples() if w.startswith("+") and PHONE.normalise(w) != expected]
    assert wrong == []


@given(st.sampled_from([*REGIONS, None]), st.text("0123456789", min_size=2, max_size=16), st.sampled_from(["", "+"]))
@settings(max_examples=150, deadline=None)
def test_the_short_cut_for_plain_numbers_agrees_with_the_reference(region, digits, plus):
    country = region.lower() if region else None
    written = plus + digits
    assert by_batch([written], [country]) == [digest(PHONE, written, country).value]


@pytest.mark.parametrize("prefix", ["", "0", "1", "8", "06", "00", "44", "49", "9", "15", "011", "55"])
@pytest.mark.parametrize("plus", ["", "+"])
def test_the_short_cut_agrees_for_every_region_and_length(prefix, plus):
    cases = [
        (f"{plus}{prefix}{'2345678902345'[:size]}", region.lower()) for region in REGIONS for size in (6, 8, 9, 11)
    ]
    found = by_batch([written for written, _ in cases], [country for _, country in cases])
    wrong = [case for case, value in zip(cases, found, strict=True) if value != digest(PHONE, *case).value]
    assert wrong == []


@given(st.sampled_from(REGIONS), st.sampled_from(["", "0", "1", "00"]), st.text("23456789", min_size=7, max_size=11))
@settings(max_examples=300, deadline=None)
def test_a_number_that_phonenumbers_holds_valid_is_never_refused(region, prefix, digits):
    try:
        number = pn.parse("+" + str(pn.country_code_for_region(region)) + digits, region)
    except pn.NumberParseException:
        return
    if pn.is_valid_number(number):
        written = pn.format_number(number, pn.PhoneNumberFormat.E164)
        assert PHONE.normalise(written) == written[1:]


@pytest.mark.parametrize(
    ("written", "country", "expected"),
    [
        ("+44 (0)20 7946 0958", None, "442079460958"),
        ("0044 20 7946 0958", None, "442079460958"),
        ("(00 44) 20 7946 0958", "us", "442079460958"),
        ("447911123456", "gb", "447911123456"),
        ("+39 06 698 12345", "us", "390669812345"),
        ("(206) 555-0100 ext. 42", "us", "12065550100"),
        ("206.555.0100 x42", "us", "12065550100"),
        ("Tel.: 020 7946 0958", "gb", "442079460958"),
        ("020 7946 0958 / 020 7946 0959", "gb", "442079460958"),
        ("020 7946 0958; 07911 123456", "gb", "442079460958"),
        ("020 7946 0958 or 07911 123456", "gb", "442079460958"),
        ("030 1234 567 / 030 7654 321", "de", "49301234567"),
        ("+44 20 7946 0958 +44 7911 123456", None, "442079460958"),
        ("089/123456", "de", "4989123456"),
        ("089 / 123456", "de", "4989123456"),
        ("\uff0b\uff14\uff14 20 7946 0958", None, "442079460958"),
        ("1-800-FLOWERS", "us", "18003569377"),
        ("12065550100.0", "us", "12065550100"),
    ],
)
def test_notations_that_files_hold_are_read(written, country, expected):
    assert PHONE.normalise(written, country) == expected
    assert by_batch([written], [country]) == [hashlib.sha256(expected.encode()).digest()]


@pytest.mark.parametrize("written", ["2065550100", "(206) 555-0100", "020 7946 0958", "15559876543"])
@pytest.mark.parametrize("country", [None, "aq"])
def test_a_national_number_without_a_country_that_has_a_plan_is_not_guessed(written, country):
    assert PHONE.normalise(written, country) is Reason.NO_COUNTRY


@pytest.mark.parametrize(
    ("written", "country"),
    [
        ("12345", "us"), ("call me", "us"), ("call me", None), ("+999 123456789", None), ("1.20656E+10", "us"),
        ("0000000000", "us"), ("1234567890", "us"), ("9999999999", "us"), ("+1 000 000 0000", None),
        ("+44", None), ("123456789012345678901", "gb"), ("jane@example.com", "us"), ("12", None), ("555-0100", "us"),
    ],
)  # fmt: skip
def test_what_cannot_be_dialled_is_refused(written, country):
    assert PHONE.normalise(written, country) is Reason.NOT_A_PHONE


def test_a_field_of_endless_pieces_is_refused_at_once():
    assert PHONE.normalise("1;" * 500_000, "us") is Reason.NOT_A_PHONE
    assert by_batch(["1 " * 500_000], ["us"]) == [None]
