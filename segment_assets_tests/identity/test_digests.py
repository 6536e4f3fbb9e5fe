"""What is hashed already, what only looks like it, and what must never be hashed."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_assets.identity import NORMAL_FORMS, Cell, ColumnState, Reason, digest

HASHED = sorted(name for name, form in NORMAL_FORMS.items() if form.hashed and form.column != "birth_date")
PLAIN_NEEDED = ["birth_year", "birth_month", "birth_day", "mobile_ad_id"]
SOMEONE = hashlib.sha256(b"jane@example.com").hexdigest()
NOTHINGS = ["null", "NULL", "Null", "None", "nan", "NaN", "N/A", "n/a", "undefined", "unknown", "\\N", "-", "<NA>"]


@pytest.mark.parametrize("form", HASHED)
@pytest.mark.parametrize("state", [ColumnState.AUTO, ColumnState.HASHED])
@pytest.mark.parametrize("spelling", [SOMEONE, SOMEONE.upper(), f" {SOMEONE}\n"])
def test_a_sha256_of_either_case_is_taken_as_it_is(form, state, spelling):
    assert digest(NORMAL_FORMS[form], spelling, state=state) == Cell(bytes.fromhex(SOMEONE), None, already_hashed=True)


@pytest.mark.parametrize("form", HASHED)
def test_a_sha256_in_a_raw_column_is_refused(form):
    assert digest(NORMAL_FORMS[form], SOMEONE, state=ColumnState.RAW) == Cell(None, Reason.UNSUPPORTED_DIGEST)


@pytest.mark.parametrize("form", list(NORMAL_FORMS))
@pytest.mark.parametrize("value", ["jane@example.com", "1985-02-17", "Paris"])
def test_a_raw_value_in_a_hashed_column_is_refused(form, value):
    assert digest(NORMAL_FORMS[form], value, "us", ColumnState.HASHED) == Cell(None, Reason.UNSUPPORTED_DIGEST)


@pytest.mark.parametrize("form", list(NORMAL_FORMS))
@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha224", "sha384", "sha512"])
@pytest.mark.parametrize("state", list(ColumnState))
def test_other_digests_are_refused_and_not_hashed_again(form, algorithm, state):
    found = hashlib.new(algorithm, b"jane@example.com").hexdigest()
    assert digest(NORMAL_FORMS[form], found, "us", state) == Cell(None, Reason.UNSUPPORTED_DIGEST)


def test_a_sha256_in_base64_is_refused_even_where_any_letters_would_do():
    found = "8ZBM8anXOlX6XeCsgjxEA97XGv1MMkjQC9zQhmVSu3k="
    assert digest(NORMAL_FORMS["first_name"], found) == Cell(None, Reason.UNSUPPORTED_DIGEST)


@pytest.mark.parametrize("form", PLAIN_NEEDED)
@pytest.mark.parametrize("state", list(ColumnState))
def test_a_hashed_value_is_refused_where_plain_is_needed(form, state):
    assert digest(NORMAL_FORMS[form], SOMEONE, state=state) == Cell(None, Reason.HASHED_WHERE_PLAIN_IS_NEEDED)


@pytest.mark.parametrize("form", HASHED)
@pytest.mark.parametrize("word", NOTHINGS)
def test_the_digest_of_a_null_word_is_refused(form, word):
    cell = digest(NORMAL_FORMS[form], hashlib.sha256(word.encode()).hexdigest())
    assert cell == Cell(None, Reason.NULL_TEXT)


@pytest.mark.parametrize("form", HASHED)
@pytest.mark.parametrize("blank", ["", " ", "\n"])
def test_the_digest_of_a_blank_is_refused(form, blank):
    assert digest(NORMAL_FORMS[form], hashlib.sha256(blank.encode()).hexdigest()) == Cell(None, Reason.EMPTY)


@pytest.mark.parametrize("form", list(NORMAL_FORMS))
@pytest.mark.parametrize("value", [None, "", "  ", "\t\r\n", "\u00a0", "\u3000", "\u200b", "\ufeff", "\x00"])
def test_a_blank_value_is_never_hashed(form, value):
    assert digest(NORMAL_FORMS[form], value, "us") == Cell(None, Reason.EMPTY)


@pytest.mark.parametrize("form", list(NORMAL_FORMS))
@pytest.mark.parametrize("value", [*NOTHINGS, " null ", "\ufeffNone"])
def test_a_word_for_nothing_is_never_hashed(form, value):
    assert digest(NORMAL_FORMS[form], value, "us") == Cell(None, Reason.NULL_TEXT)


def test_half_a_surrogate_pair_is_refused_and_not_an_error():
    assert digest(NORMAL_FORMS["first_name"], "Jane\ud800") == Cell(None, Reason.UNREADABLE_ROW)


def test_the_repr_of_a_cell_shows_no_identifier():
    assert repr(digest(NORMAL_FORMS["email"], SOMEONE)) == "Cell(a value, already hashed)"
    assert "aece" not in repr(digest(NORMAL_FORMS["mobile_ad_id"], "aece52e7-03ee-455a-b3c4-e57283966239"))


COUNTRIES = st.sampled_from([None, "us", "gb", "de", "br", "jp", "aq"])


@given(st.sampled_from(list(NORMAL_FORMS.values())), st.text(max_size=40), COUNTRIES)
def test_every_cell_has_a_value_or_a_declared_reason(form, value, country):
    cell = digest(form, value, country)
    assert (cell.value is None) == (cell.reason is not None)
    assert cell.reason is None or cell.reason in form.reasons
    if cell.value is not None and form.hashed:
        assert isinstance(cell.value, bytes)
        assert len(cell.value) == 32


@given(st.sampled_from(["email", "first_name", "city", "country", "gender", "mobile_ad_id"]), st.text(max_size=40))
def test_a_normal_form_is_its_own_normal_form(name, value):
    form = NORMAL_FORMS[name]
    normal = form.normalise(value, None)
    if not isinstance(normal, Reason):
        assert form.normalise(normal, None) in {normal, Reason.NULL_TEXT}


@given(
    st.sampled_from(list(NORMAL_FORMS.values())),
    st.text(max_size=20),
    st.sampled_from(list(" \t\n\u00a0\u3000\u200b\ufeff")),
    COUNTRIES,
)
def test_white_space_around_a_value_changes_nothing(form, value, space, country):
    assert digest(form, f"{space}{value}{space}", country) == digest(form, value, country)
