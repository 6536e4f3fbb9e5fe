"""The vectorised path says the same as the plain reference, cell by cell."""

from __future__ import annotations

import base64
import hashlib
import random
import string
import uuid

import numpy as np
import phonenumbers as pn
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.contracts import PermanentError
from segment_assets.identity import NORMAL_FORMS, ColumnState, Digester, Reason, digest, digest_batch
from segment_assets.identity.fast_forms import READERS, trimmed
from segment_assets.identity.fast_reading import Countries
from segment_assets.identity.hashing import sha256_matrix

COLUMNS = tuple(dict.fromkeys(form.column for form in NORMAL_FORMS.values()))
COUNTRY = NORMAL_FORMS["country"]
LARGE = ("US", "GB", "DE", "JP", "BR", "AR", "KR", "AU", "IT", "MX")
REGIONS = sorted({*sorted(pn.SUPPORTED_REGIONS - {"AC", "TA"})[::4], *LARGE})
PREFIXES = ["", "0", "00", "+", "1", "8", "011", "+1", "+44 ", "(0)", "0 800 ", "060", "15"]
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
ROWS = st.lists(st.fixed_dictionaries({}, optional={name: MESS.get(name, ANYTHING) for name in COLUMNS}), max_size=6)
STATES = st.dictionaries(st.sampled_from(COLUMNS), st.sampled_from(ColumnState), max_size=3)
SCHEMA = pa.schema([(name, pa.string()) for name in COLUMNS])


def reference(row: dict[str, str | None], states: dict[str, ColumnState]) -> dict[str, object]:
    state = {name: states.get(name, ColumnState.AUTO) for name in COLUMNS}
    found = None
    if digest(COUNTRY, row.get("country"), None, state["country"]).reason is None:
        normal = COUNTRY.normalise(row["country"])
        found = None if isinstance(normal, Reason) else normal
    return {
        name: digest(form, row.get(form.column), found if form.needs_country else None, state[form.column])
        for name, form in NORMAL_FORMS.items()
    }


def assert_agreement(rows: list[dict[str, str | None]], states: dict[str, ColumnState]) -> None:
    digested = digest_batch(pa.RecordBatch.from_pylist(rows, SCHEMA), states)
    expected = [reference(row, states) for row in rows]
    taken_over = dict.fromkeys(COLUMNS, 0)
    for name, form in NORMAL_FORMS.items():
        cells = [row[name] for row in expected]
        found = zip(digested.forms[name].to_pylist(), digested.reasons[name].to_pylist(), strict=True)
        assert list(found) == [(cell.value, cell.reason) for cell in cells], name
        # Of a column's forms only the hashed ones take a digest over.
        taken_over[form.column] = max(taken_over[form.column], sum(cell.already_hashed for cell in cells))
    assert digested.already_hashed == taken_over


@given(ROWS, STATES)
@settings(max_examples=25, deadline=None)
def test_a_batch_says_what_the_reference_says(rows, states):
    assert_agreement(rows, states)


@pytest.mark.parametrize("state", [ColumnState.AUTO, ColumnState.RAW, ColumnState.HASHED])
def test_the_short_cuts_say_what_the_reference_says_of_thousands_of_messy_rows(state):
    rows = messy_rows(random.Random(state.value), 500)
    assert_agreement(rows, {name: state for name in COLUMNS if name != "country"})


def test_the_messy_rows_reach_every_short_cut():
    rows = messy_rows(random.Random("reach"), 800)
    batch = pa.RecordBatch.from_pylist(rows, SCHEMA)
    names = [NORMAL_FORMS["country"].normalise(country or "") for country in batch.column("country").to_pylist()]
    known = [None if isinstance(name, Reason) else name for name in names]
    countries = Countries(list(dict.fromkeys(known)), np.array([list(dict.fromkeys(known)).index(c) for c in known]))
    for column, reader in READERS.items():
        reading = reader(trimmed(batch.column(column)), countries, set(NORMAL_FORMS))
        decided = reading.decided.to_pylist()
        assert 0.15 < sum(decided) / len(decided) < 1, column


CODE_POINTS = [
    *map(chr, range(0x20, 0x7F)),
    *"\t\n\u00a0\u200b\ufeff\u0130\u017f\u212a\u00e9\u00c9\u00df\u0153\u0301\uff20\u6771\u0663",
]
DIALLED = ["us", "GB", "Germany", "FR", "it", "jp", "BR", "AU", "mx", "AR", "kr", "IN", None, "Atlantis"]


def messy_rows(rng: random.Random, count: int) -> list[dict[str, str | None]]:
    """Rows in which half of the values are plain and the other half are a plain value with something done to it."""
    return [messy_row(rng) for _ in range(count)]


def messy_row(rng: random.Random) -> dict[str, str | None]:
    country = rng.choice(DIALLED)
    word = "".join(rng.choices(string.ascii_letters, k=rng.randint(1, 9)))
    day = f"{rng.randint(1898, 2030)}-{rng.randint(0, 13):02}-{rng.randint(0, 32):02}"
    plain = {
        "email": f"{word}{rng.choice(['', '.', '+', '-', 'é', 'É'])}{word}@{rng.choice(['gmail.com', 'googlemail.com', 'Example.co'])}",
        "phone": plain_phone(rng),
        "birth_date": rng.choice([day, day, day, "17.02.1985"]),
        "postal_code": "".join(rng.choices("0123456789", k=rng.randint(4, 8))),
        "mobile_ad_id": str(uuid.UUID(int=rng.getrandbits(128))),
    }
    row = {name: messed_up(rng, plain.get(name, word)) for name in COLUMNS}
    return {**row, "country": country}


def plain_phone(rng: random.Random) -> str:
    region = rng.choice(["US", "GB", "DE", "FR", "IT", "JP", "BR", "AU", "MX", "AR", "KR", "IN", "CA"])
    number = pn.example_number_for_type(region, rng.choice([pn.PhoneNumberType.MOBILE, pn.PhoneNumberType.FIXED_LINE]))
    written = pn.format_number(number, rng.choice(list(STYLES)))
    # Another number of the same shape, mostly of the same plan.
    return written[:-4] + "".join(rng.choice("0123456789") if c.isdigit() else c for c in written[-4:])


STYLES = (pn.PhoneNumberFormat.NATIONAL, pn.PhoneNumberFormat.INTERNATIONAL, pn.PhoneNumberFormat.E164)


def messed_up(rng: random.Random, value: str) -> str | None:
    kind = rng.randrange(16)
    if kind < 8:
        return value
    if kind < 12:
        at = rng.randint(0, len(value))
        return value[:at] + rng.choice(CODE_POINTS) + value[at + rng.randint(0, 1) :]
    hashed = hashlib.sha256(value.encode())
    others = [None, "", "NULL", "none", value.upper(), f" {value}\t", value * 4, "0" * 32, "\u00e9" * 70]
    digests = [hashed.hexdigest(), hashed.hexdigest().upper(), base64.b64encode(hashed.digest()).decode()]
    return rng.choice(others + digests + [hashlib.sha256(b"").hexdigest(), hashlib.md5(value.encode()).hexdigest()])


@pytest.mark.parametrize("region", REGIONS)
def test_whole_columns_of_phones_are_read_as_one_by_one(region):
    rng = random.Random(region)
    numbers = [
        f"{rng.choice(PREFIXES)}{rng.choice(['', '2', '7'])}{rng.randrange(10 ** rng.randint(4, 9))}" for _ in range(40)
    ]
    numbers += [example[:-2] + f"{tail:02}" for example in examples_of(region) for tail in range(25)]
    batch = pa.RecordBatch.from_pydict({"phone": numbers, "country": [region] * len(numbers)})
    found = digest_batch(batch, forms=["phone_digits"])
    cells = [digest(NORMAL_FORMS["phone_digits"], number, region.lower()) for number in numbers]
    assert found.forms["phone_digits"].to_pylist() == [cell.value for cell in cells]
    assert found.reasons["phone_digits"].to_pylist() == [cell.reason for cell in cells]


def examples_of(region: str) -> list[str]:
    number = pn.example_number_for_type(region, pn.PhoneNumberType.MOBILE) or pn.example_number(region)
    return [pn.format_number(number, style) for style in (STYLES[0], STYLES[2])]


def test_only_the_wanted_forms_are_computed_and_each_says_what_it_says_among_all():
    batch = pa.RecordBatch.from_pylist(messy_rows(random.Random(3), 60), SCHEMA)
    everything = digest_batch(batch)
    assert list(everything.forms) == list(everything.reasons) == list(NORMAL_FORMS)
    for wanted in (["email_gmail_folded"], ["postal_code_plain"], ["phone_e164"], ["birth_day", "gender"]):
        some = digest_batch(batch, forms=wanted)
        assert list(some.forms) == list(some.reasons) == wanted
        for name in wanted:
            assert some.forms[name].equals(everything.forms[name])
            assert some.reasons[name].equals(everything.reasons[name])


def test_a_form_that_does_not_exist_is_an_error_that_names_it():
    with pytest.raises(PermanentError, match="e_mail"):
        digest_batch(pa.RecordBatch.from_pydict({"email": ["a@example.com"]}), forms=["e_mail"])


def test_what_a_digester_remembers_does_not_change_its_answers():
    batch = pa.RecordBatch.from_pylist(messy_rows(random.Random(4), 60), SCHEMA)
    digester = Digester()
    first, second = digester.digest(batch), digester.digest(batch)
    assert first.forms == second.forms == digest_batch(batch).forms
    assert first.reasons == second.reasons


def test_digests_of_every_length_are_those_of_hashlib():
    texts = ["x" * size for size in range(200)] + ["\u00e9\u6771" * size for size in range(60)] + [None]
    array = pa.array(texts, pa.string())
    for part in (array, array.slice(7), array.slice(3, 50), array.slice(len(texts) - 1)):
        matrix = sha256_matrix(part)
        for row, text in enumerate(part.to_pylist()):
            if text is not None:
                assert matrix[row].tobytes() == hashlib.sha256(text.encode()).digest()


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
