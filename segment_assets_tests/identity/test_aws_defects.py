"""AWS's reference uploaders get these wrong (facts C.4 and C.6); each is an acceptance test of ours.

Groups 5 to 14 and 16 are about files, queues, IAM and jobs: other rooms answer for them, except where noted.
"""

from __future__ import annotations

import hashlib

import pyarrow as pa
import pytest

from segment_assets.identity import NORMAL_FORMS, Reason, digest, digest_batch


def normal(form: str, value: str, country: str | None = None) -> str | Reason:
    return NORMAL_FORMS[form].normalise(value, country)


def sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def test_defect_1_emails_are_lower_cased_before_hashing():
    assert digest(NORMAL_FORMS["email"], " Jane.Doe@Example.COM ").value == sha256("jane.doe@example.com")


@pytest.mark.parametrize(
    ("raw", "country", "expected"),
    [
        ("(206) 555-0100", "us", "12065550100"),
        ("020 7946 0958", "gb", "442079460958"),
        ("06 698 12345", "it", "3906 69812345".replace(" ", "")),
        ("+39 06 698 12345", None, "390669812345"),
        ("0044 20 7946 0958", "us", "442079460958"),
    ],
)
def test_defect_2_phones_get_their_country_code_and_keep_the_zeros_that_count(raw, country, expected):
    assert normal("phone_digits", raw, country) == expected


@pytest.mark.parametrize("blank", [None, "", " ", "\u00a0", "None", "nan", "NaN", "NULL", "n/a", "undefined"])
@pytest.mark.parametrize("form", list(NORMAL_FORMS))
def test_defect_3_missing_values_are_refused_and_never_hashed(form, blank):
    cell = digest(NORMAL_FORMS[form], blank, "us")
    assert cell.value is None
    assert cell.reason in {Reason.EMPTY, Reason.NULL_TEXT}


def test_defect_4_columns_of_numbers_are_read_and_not_dropped():
    batch = pa.RecordBatch.from_pydict(
        {"phone": [12065550100, None], "country": ["us", "us"], "postal_code": [2134, 1]}
    )
    digested = digest_batch(batch)
    assert digested.forms["phone_digits"].to_pylist() == [sha256("12065550100"), None]
    assert digested.forms["postal_code"].to_pylist() == [sha256("02134"), None]


def test_defect_4_whole_numbers_that_an_export_made_floats_keep_their_digits():
    batch = pa.RecordBatch.from_pydict({"phone": ["12065550100.0"], "postal_code": ["94025.0"], "country": ["us"]})
    digested = digest_batch(batch)
    assert digested.forms["phone_digits"].to_pylist() == [sha256("12065550100")]
    assert digested.forms["postal_code"].to_pylist() == [sha256("94025")]


def test_defect_5_columns_that_are_no_identifiers_do_not_pass():
    batch = pa.RecordBatch.from_pydict({"email": ["a@example.com"], "diary": ["private"]})
    assert set(digest_batch(batch).forms) == set(NORMAL_FORMS)


def test_defect_6_rows_keep_their_order_and_number():
    emails = [f"p{number % 7}@example.com" for number in range(100)]
    batch = pa.RecordBatch.from_pydict({"email": emails})
    assert digest_batch(batch).forms["email"].to_pylist() == [sha256(email) for email in emails]


@pytest.mark.parametrize(
    ("form", "raw", "country", "expected"),
    [
        ("email", "Jane.Doe+news@Example.com", None, "jane.doe+news@example.com"),
        ("phone_digits", "(206) 555-0100", None, Reason.NO_COUNTRY),
        ("state", "District of Columbia", "us", "dc"),
        ("state", "Baden-Württemberg", "de", "badenwürttemberg"),
        ("state", "Île-de-France", "fr", "îledefrance"),
        ("postal_code", "2134", "us", "02134"),
        ("postal_code", "SW1A 1AA", "gb", "sw1a1"),
        ("postal_code", "sw1a 1aa", "gb", "sw1a1"),
        ("city", "São Paulo", "br", "saopaulo"),
        ("first_name", "José", None, "josé"),
        ("first_name", "太郎", None, "太郎"),
    ],
)
def test_defect_15_values_are_not_mutilated(form, raw, country, expected):
    assert normal(form, raw, country) == expected


@pytest.mark.parametrize("form", [name for name, form in NORMAL_FORMS.items() if form.hashed])
def test_defect_15_the_digest_of_nothing_never_passes_for_a_person(form):
    cell = digest(NORMAL_FORMS[form], hashlib.sha256(b"").hexdigest())
    assert (cell.value, cell.reason) == (None, Reason.EMPTY)


def test_defect_15_upper_case_hex_is_recognised_as_hashed():
    own = sha256("jane@example.com")
    cell = digest(NORMAL_FORMS["email"], own.hex().upper())
    assert (cell.value, cell.already_hashed) == (own, True)
