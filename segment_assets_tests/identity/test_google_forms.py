"""The forms that Google asks for: Gmail's mailboxes, E.164, names with their punctuation, plain country and code."""

from __future__ import annotations

import hashlib

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_assets.identity import NORMAL_FORMS, ColumnState, Reason, digest, digest_batch
from segment_assets.tables import HASHED_AUDIENCE, Pii

SOMEONE = hashlib.sha256(b"jane@example.com").hexdigest()


def normal(form: str, value: str, country: str | None = None) -> str | Reason:
    return NORMAL_FORMS[form].normalise(value, country)


@pytest.mark.parametrize("domain", ["gmail.com", "googlemail.com", "GMAIL.COM"])
@pytest.mark.parametrize("local", ["jane.doe", "j.a.n.e.d.o.e", "Jane.Doe+news", "janedoe+a+b.c"])
def test_every_spelling_of_a_gmail_mailbox_is_one_address(local, domain):
    assert normal("email_gmail_folded", f" {local}@{domain} ") == f"janedoe@{domain.lower()}"


@pytest.mark.parametrize(
    "address", ["j.doe+x@example.com", "j.doe+x@gmail.com.example", "j.doe@xgmail.com", "j.d@gmail.de"]
)
def test_addresses_of_others_keep_their_dots_and_tags(address):
    assert normal("email_gmail_folded", address) == address


@pytest.mark.parametrize("address", ["+news@gmail.com", "jane doe@gmail.com", "jane..doe@gmail.com", "@gmail.com"])
def test_a_gmail_address_without_a_mailbox_is_refused(address):
    assert normal("email_gmail_folded", address) is Reason.NOT_AN_EMAIL


@given(st.emails() | st.from_regex(r"[a-z.+]{1,8}@(gmail|googlemail)\.com", fullmatch=True))
def test_folding_twice_is_folding_once_and_gives_an_address(address):
    once = normal("email_gmail_folded", address)
    if not isinstance(once, Reason):
        assert normal("email_gmail_folded", once) == once
        assert normal("email", once) == once


@given(st.from_regex(r"\+?[0-9 ()-]{5,16}", fullmatch=True), st.sampled_from([None, "us", "de", "gb", "it"]))
def test_a_phone_in_e164_is_the_digits_with_a_plus_or_the_same_reason(written, country):
    digits, e164 = (normal(form, written, country) for form in ("phone_digits", "phone_e164"))
    assert e164 is digits if isinstance(digits, Reason) else e164 == f"+{digits}"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("  O'Brien ", "o'brien"), ("Anne-Marie", "anne-marie"), ("Smith, Jr.", "smith, jr."), ("MÜLLER", "müller"),
        ("Mu\u0308ller", "m\u00fcller"), ("María  José", "maría  josé"), ("太郎", "太郎"),
        ("123", Reason.NO_LETTERS), ("--", Reason.NULL_TEXT), ("😀", Reason.NO_LETTERS),
    ],
)  # fmt: skip
def test_names_are_lower_case_and_keep_punctuation_and_spaces(raw, expected):
    assert normal("first_name_lower", raw) == expected
    assert normal("last_name_lower", raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (" 94045-1234 ", "94045-1234"), ("SW1A 1AA", "SW1A 1AA"), ("sw1a 1aa", "sw1a 1aa"), ("01310-100", "01310-100"),
        ("94045.0", "94045"), ("〒100-0001", "100-0001"), ("Paris", Reason.NOT_A_POSTAL_CODE),
        ("00000", Reason.NOT_A_POSTAL_CODE), ("1234567890123", Reason.NOT_A_POSTAL_CODE), ("n/a", Reason.NULL_TEXT),
    ],
)  # fmt: skip
@pytest.mark.parametrize("country", [None, "us", "gb"])
def test_a_plain_postal_code_is_what_was_written(raw, country, expected):
    assert normal("postal_code_plain", raw, country) == expected


@pytest.mark.parametrize(
    ("raw", "expected"), [("us", "US"), ("Deutschland", "DE"), ("840", "US"), ("Atlantis", Reason.UNKNOWN_COUNTRY)]
)
def test_a_country_code_is_alpha_2_in_upper_case(raw, expected):
    assert normal("country_code", raw) == expected


@pytest.mark.parametrize("form", ["country_code", "postal_code_plain"])
@pytest.mark.parametrize("state", list(ColumnState))
def test_a_hashed_value_is_refused_where_google_wants_it_plain(form, state):
    assert digest(NORMAL_FORMS[form], SOMEONE, state=state).reason is Reason.HASHED_WHERE_PLAIN_IS_NEEDED


def test_a_column_of_digests_serves_the_hashed_form_and_not_the_plain_one():
    digested = digest_batch(pa.RecordBatch.from_pydict({"country": [SOMEONE], "postal_code": [SOMEONE]}))
    assert (
        digested.forms["country"].to_pylist() == digested.forms["postal_code"].to_pylist() == [bytes.fromhex(SOMEONE)]
    )
    for form in ("country_code", "postal_code_plain"):
        assert digested.forms[form].to_pylist() == [None]
        assert digested.reasons[form].to_pylist() == ["hashed_where_plain_is_needed"]


def test_plain_forms_are_declared_raw_and_hashed_ones_digests():
    pii = {column.name: column.pii for column in HASHED_AUDIENCE.columns}
    columns = [name for name in NORMAL_FORMS if name in pii]
    assert len(columns) > 15
    assert [pii[name] for name in columns] == [Pii.DIGEST if NORMAL_FORMS[name].hashed else Pii.RAW for name in columns]
