"""What is hashed already, what only looks like it, and what must never be hashed."""

from __future__ import annotations

import base64
import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.identity import NORMAL_FORMS, Cell, ColumnState, NormalForm, Reason, digest

FORMS = NORMAL_FORMS.values()
# Ids that others minted may look like a digest and are none.
OPAQUE = [form for form in FORMS if form.opaque]
READ = [form for form in FORMS if not form.opaque]
HASHED = [form for form in READ if form.takes_digests]
PLAIN_NEEDED = [form for form in READ if not form.takes_digests]
SOMEONE = hashlib.sha256(b"jane@example.com").hexdigest()
IN_BASE64 = base64.b64encode(bytes.fromhex(SOMEONE)).decode()
SPELLINGS = [
    SOMEONE,
    SOMEONE.upper(),
    f" {SOMEONE}\n",
    IN_BASE64,
    base64.urlsafe_b64encode(bytes.fromhex(SOMEONE)).decode(),
]
NOTHINGS = ["null", "NULL", "Null", "None", "nan", "NaN", "N/A", "n/a", "undefined", "unknown", "\\N", "-", "<NA>"]


def otherwise(expected: Cell, forms: list[NormalForm], values: list[str | None], *states: ColumnState) -> list[object]:
    """Form, place of the value and state wherever the cell is another one than expected."""
    return [
        (form.name, place, state.value)
        for form in forms
        for place, value in enumerate(values)
        for state in states or (ColumnState.AUTO,)
        if digest(form, value, "us", state) != expected
    ]


def test_every_kind_of_form_is_among_those_tried():
    assert {form.name for form in PLAIN_NEEDED} >= {
        "birth_year",
        "first_initial",
        "mobile_ad_id",
        "country_code",
        "email_plain",
    }
    assert {form.name for form in OPAQUE} == {"external_id", "external_token", "uid2", "euid", "ramp_id"}
    assert all(form.hashed for form in HASHED)


def test_a_sha256_in_hex_of_either_case_or_in_base64_is_taken_as_it_is():
    taken = Cell(bytes.fromhex(SOMEONE), None, already_hashed=True)
    assert otherwise(taken, HASHED, SPELLINGS, ColumnState.AUTO, ColumnState.HASHED) == []


def test_a_sha256_in_a_raw_column_is_refused():
    assert otherwise(Cell(None, Reason.UNSUPPORTED_DIGEST), HASHED, SPELLINGS, ColumnState.RAW) == []


def test_a_raw_value_in_a_hashed_column_is_refused():
    values = ["jane@example.com", "1985-02-17", "Paris"]
    assert otherwise(Cell(None, Reason.UNSUPPORTED_DIGEST), list(FORMS), values, ColumnState.HASHED) == []


def test_other_digests_are_refused_and_not_hashed_again():
    found = [
        hashlib.new(name, b"jane@example.com").hexdigest() for name in ("md5", "sha1", "sha224", "sha384", "sha512")
    ]
    assert otherwise(Cell(None, Reason.UNSUPPORTED_DIGEST), READ, found, *ColumnState) == []


def test_what_is_base64_of_33_bytes_is_no_digest_of_32():
    not_quite = IN_BASE64[:42] + "B="
    assert digest(NORMAL_FORMS["email"], not_quite) == Cell(None, Reason.UNSUPPORTED_DIGEST)


def test_a_hashed_value_is_refused_where_plain_is_needed():
    refused = Cell(None, Reason.HASHED_WHERE_PLAIN_IS_NEEDED)
    assert otherwise(refused, PLAIN_NEEDED, SPELLINGS, *ColumnState) == []


def test_an_id_that_others_minted_may_look_like_a_digest():
    md5 = hashlib.md5(b"42").hexdigest()
    assert digest(NORMAL_FORMS["external_id"], md5) == Cell(md5, None)
    assert digest(NORMAL_FORMS["uid2"], IN_BASE64) == Cell(IN_BASE64, None)


def test_the_digest_of_a_null_word_is_refused():
    digests = [hashlib.sha256(word.encode()).hexdigest() for word in NOTHINGS]
    assert otherwise(Cell(None, Reason.NULL_TEXT), HASHED, digests) == []


def test_the_digest_of_a_blank_is_refused():
    digests = [hashlib.sha256(blank.encode()).hexdigest() for blank in ("", " ", "\n")]
    assert otherwise(Cell(None, Reason.EMPTY), HASHED, digests) == []


def test_a_blank_value_is_never_hashed():
    blanks = [None, "", "  ", "\t\r\n", "\u00a0", "\u3000", "\u200b", "\ufeff", "\x00"]
    assert otherwise(Cell(None, Reason.EMPTY), list(FORMS), blanks) == []


def test_a_word_for_nothing_is_never_hashed():
    words = [*NOTHINGS, " null ", "\ufeffNone"]
    assert otherwise(Cell(None, Reason.NULL_TEXT), list(FORMS), words) == []


def test_half_a_surrogate_pair_is_refused_and_not_an_error():
    assert digest(NORMAL_FORMS["first_name"], "Jane\ud800") == Cell(None, Reason.UNREADABLE_ROW)


def test_the_repr_of_a_cell_shows_no_identifier():
    assert repr(digest(NORMAL_FORMS["email"], SOMEONE)) == "Cell(a value, already hashed)"
    assert "aece" not in repr(digest(NORMAL_FORMS["mobile_ad_id"], "aece52e7-03ee-455a-b3c4-e57283966239"))


COUNTRIES = st.sampled_from([None, "us", "gb", "de", "br", "jp", "aq"])


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(list(NORMAL_FORMS.values())), st.text(max_size=40), COUNTRIES)
def test_every_cell_has_a_value_or_a_declared_reason(form, value, country):
    cell = digest(form, value, country)
    assert (cell.value is None) == (cell.reason is not None)
    assert cell.reason is None or cell.reason in form.reasons
    if cell.value is not None and form.hashed:
        assert isinstance(cell.value, bytes)
        assert len(cell.value) == 32


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["email", "first_name", "city", "country", "gender", "mobile_ad_id"]), st.text(max_size=40))
def test_a_normal_form_is_its_own_normal_form(name, value):
    form = NORMAL_FORMS[name]
    normal = form.normalise(value, None)
    if not isinstance(normal, Reason):
        assert form.normalise(normal, None) in {normal, Reason.NULL_TEXT}


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(list(NORMAL_FORMS.values())),
    st.text(max_size=20),
    st.sampled_from(list(" \t\n\u00a0\u3000\u200b\ufeff")),
    COUNTRIES,
)
def test_white_space_around_a_value_changes_nothing(form, value, space, country):
    assert digest(form, f"{space}{value}{space}", country) == digest(form, value, country)
