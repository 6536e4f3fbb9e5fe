"""The vectorised path says the same as the plain reference, cell by cell."""

from __future__ import annotations

import hashlib

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.contracts import PermanentError
from segment_assets.identity import NORMAL_FORMS, ColumnState, Reason, digest, digest_batch

COLUMNS = tuple(dict.fromkeys(form.column for form in NORMAL_FORMS.values()))
COUNTRY = NORMAL_FORMS["country"]
SOMEONE = hashlib.sha256(b"jane@example.com").hexdigest()

ANYTHING = st.one_of(
    st.none(),
    st.text(max_size=25),
    st.sampled_from(["", " ", "null", "NaN", SOMEONE, SOMEONE.upper(), SOMEONE[:32], SOMEONE[:40], "\ufeff-"]),
    st.sampled_from([hashlib.sha256(word).hexdigest() for word in (b"", b" ", b"null", b"None")]),
)
DIGITS = st.text("0123456789", min_size=3, max_size=14)
PHONES = st.one_of(
    DIGITS,
    DIGITS.map("+{}".format),
    DIGITS.map("+{}.0".format),
    DIGITS.map("00{}".format),
    st.text("0123456789 +-()./,;xe\u0663\uff11", max_size=22),
    st.sampled_from(
        ["020 7946 0958", "(206) 555-0100 x5", "+44 (0)7911 123456", "0151/1234567", "06 698 12345", "1.2E+10"]
    ),
)
DATES = st.one_of(
    st.dates().map(str),
    st.tuples(st.integers(0, 32), st.sampled_from("/.- "), st.integers(0, 13), st.integers(1880, 2050)).map(
        lambda parts: f"{parts[0]}{parts[1]}{parts[2]}{parts[1]}{parts[3]}"
    ),
    st.text("0123456789", min_size=8, max_size=8),
    st.sampled_from(["17 Feb 1985", "Februar 1985", "1985", "1985-02-17T00:00:00Z", "85-02-17"]),
)
MESS = {
    "email": st.one_of(ANYTHING, st.emails(), st.emails().map(lambda email: f" {email.upper()} ")),
    "phone": st.one_of(ANYTHING, PHONES),
    "birth_date": st.one_of(ANYTHING, DATES),
    "postal_code": st.one_of(ANYTHING, st.text("0123456789 -ABswSW", max_size=10)),
    "state": st.one_of(ANYTHING, st.sampled_from(["CA", "California", "D.C.", "Bayern", "Île-de-France"])),
    "country": st.one_of(ANYTHING, st.sampled_from(["US", "usa", "Deutschland", "gb", "UK", "FR", "AQ", "JP", "BR"])),
    "gender": st.one_of(ANYTHING, st.sampled_from(["M", "f", "Female", "x"])),
    "mobile_ad_id": st.one_of(ANYTHING, st.uuids().map(lambda number: str(number).upper())),
}
ROWS = st.lists(st.fixed_dictionaries({name: MESS.get(name, ANYTHING) for name in COLUMNS}), max_size=4)
STATES = st.dictionaries(st.sampled_from(COLUMNS), st.sampled_from(ColumnState), max_size=3)


def reference(row: dict[str, str | None], states: dict[str, ColumnState]) -> dict[str, object]:
    state = {name: states.get(name, ColumnState.AUTO) for name in COLUMNS}
    found = None
    if digest(COUNTRY, row["country"], None, state["country"]).reason is None:
        normal = COUNTRY.normalise(row["country"])
        found = None if isinstance(normal, Reason) else normal
    return {
        name: digest(form, row[form.column], found if form.needs_country else None, state[form.column])
        for name, form in NORMAL_FORMS.items()
    }


@given(ROWS, STATES)
@settings(max_examples=150, deadline=None)
def test_a_batch_says_what_the_reference_says(rows, states):
    schema = pa.schema([(name, pa.string()) for name in COLUMNS])
    digested = digest_batch(pa.RecordBatch.from_pylist(rows, schema), states)
    expected = [reference(row, states) for row in rows]
    taken_over = dict.fromkeys(COLUMNS, 0)
    for name, form in NORMAL_FORMS.items():
        cells = [row[name] for row in expected]
        assert digested.forms[name].to_pylist() == [cell.value for cell in cells]
        assert digested.reasons[name].to_pylist() == [cell.reason for cell in cells]
        # Of a column's forms only the hashed ones take a digest over.
        taken_over[form.column] = max(taken_over[form.column], sum(cell.already_hashed for cell in cells))
    assert digested.already_hashed == taken_over


def test_hashed_forms_are_32_bytes_and_plain_ones_are_text():
    digested = digest_batch(pa.RecordBatch.from_pydict({"email": ["a@example.com"]}))
    assert {name: column.type for name, column in digested.forms.items()} == {
        name: pa.binary(32) if form.hashed else pa.string() for name, form in NORMAL_FORMS.items()
    }


def test_an_absent_column_reads_as_a_column_of_nulls():
    digested = digest_batch(pa.RecordBatch.from_pydict({"email": ["a@example.com", "b@example.com"]}))
    assert digested.forms["city"].to_pylist() == [None, None]
    assert digested.reasons["city"].to_pylist() == ["empty", "empty"]


def test_an_empty_batch_gives_empty_columns():
    digested = digest_batch(pa.RecordBatch.from_pydict({"email": pa.array([], pa.string())}))
    assert {len(column) for column in [*digested.forms.values(), *digested.reasons.values()]} == {0}


@pytest.mark.parametrize("kind", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())])
def test_any_arrow_kind_of_text_is_read(kind):
    emails = pa.array(["a@example.com", None]).cast(kind)
    assert digest_batch(pa.RecordBatch.from_arrays([emails], ["email"])).forms["email"].null_count == 1


def test_a_slice_is_read_as_what_it_shows():
    batch = pa.RecordBatch.from_pydict({"email": ["a@example.com", "b@example.com", "no"]})
    assert digest_batch(batch.slice(2)).reasons["email"].to_pylist() == ["not_an_email"]


def test_birth_dates_of_type_date_are_read():
    import datetime as dt

    batch = pa.RecordBatch.from_pydict({"birth_date": [dt.date(1985, 2, 17)]})
    assert digest_batch(batch).forms["birth_day"].to_pylist() == [hashlib.sha256(b"17").digest()]


def test_two_spellings_of_a_country_are_one_country():
    batch = pa.RecordBatch.from_pydict({"phone": ["020 7946 0958"] * 3, "country": ["UK", "gb", "United Kingdom"]})
    expected = hashlib.sha256(b"442079460958").digest()
    assert digest_batch(batch).forms["phone_digits"].to_pylist() == [expected] * 3


def test_a_state_for_an_unknown_column_is_an_error_that_names_it():
    with pytest.raises(PermanentError, match="fone"):
        digest_batch(pa.RecordBatch.from_pydict({"phone": ["1"]}), {"fone": ColumnState.RAW})


def test_a_column_that_is_no_text_is_an_error_that_names_it():
    batch = pa.RecordBatch.from_pydict({"email": [["jane@example.com"]]})
    with pytest.raises(PermanentError, match="column email") as raised:
        digest_batch(batch)
    assert "jane" not in str(raised.value)


def test_the_repr_of_a_batch_shows_no_identifier():
    batch = pa.RecordBatch.from_pydict({"mobile_ad_id": ["aece52e7-03ee-455a-b3c4-e57283966239"]})
    assert "aece52e7" not in repr(digest_batch(batch))
