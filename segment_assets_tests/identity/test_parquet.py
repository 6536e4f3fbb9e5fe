"""Parquet in, Parquet out: the same cells as in memory, every row accounted for, nothing half-written."""

from __future__ import annotations

import hashlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from segment_assets.contracts import ColumnState, PermanentError
from segment_assets.identity import digest_batch, digest_parquet

FORMS = ["email", "email_gmail_folded", "phone_e164", "country_code"]
PEOPLE = {
    "customer": list(range(60)),
    "email_address": [
        None if n % 7 == 3 else f" Jane.{n}@Gmail.com" if n % 3 else f"no address {n}" for n in range(60)
    ],
    "phone": [f"+1206555{n:04}" for n in range(60)],
    "country": ["US", "Atlantis", None] * 20,
}


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "people.parquet"
    pq.write_table(pa.table(PEOPLE), path, row_group_size=13)
    return path


def test_a_file_becomes_what_its_rows_become_in_memory_in_their_order(source, tmp_path):
    target = tmp_path / "digests.parquet"
    columns = {"email": "email_address"}
    counts = digest_parquet(source, target, columns=columns, forms=FORMS, carried=["customer"], batch_rows=8, workers=2)
    written = pq.read_table(target)
    rows = pa.RecordBatch.from_pydict({"email": PEOPLE["email_address"], **PEOPLE})
    expected = digest_batch(rows, forms=FORMS)
    assert written.column_names == ["customer", *FORMS]
    assert written.column("customer").to_pylist() == PEOPLE["customer"]
    for form in FORMS:
        assert written.column(form).to_pylist() == expected.forms[form].to_pylist()
    assert written.schema.field("email").type == pa.binary(32)
    assert counts.rows == 60


def test_every_cell_has_a_value_or_is_counted_with_its_reason(source, tmp_path):
    target = tmp_path / "digests.parquet"
    counts = digest_parquet(source, target, columns={"email": "email_address"}, forms=FORMS, batch_rows=7)
    written = pq.read_table(target)
    for form in FORMS:
        refused = sum(number for (name, _), number in counts.refused.items() if name == form)
        assert written.column(form).null_count == refused
    assert counts.refused["email", "empty"] == PEOPLE["email_address"].count(None)
    assert counts.refused["country_code", "unknown_country"] == 20


def test_a_declared_state_holds_for_a_file(tmp_path):
    source, target = tmp_path / "people.parquet", tmp_path / "digests.parquet"
    digest = hashlib.sha256(b"jane@example.com")
    pq.write_table(pa.table({"email": [digest.hexdigest(), "jane@example.com"]}), source)
    counts = digest_parquet(source, target, forms=["email"], states={"email": ColumnState.HASHED})
    assert pq.read_table(target).column("email").to_pylist() == [digest.digest(), None]
    assert dict(counts.refused) == {("email", "unsupported_digest"): 1}


def test_an_empty_file_becomes_an_empty_file_with_the_same_columns(source, tmp_path):
    empty, target = tmp_path / "empty.parquet", tmp_path / "digests.parquet"
    pq.write_table(pq.read_table(source).slice(0, 0), empty)
    assert digest_parquet(empty, target, forms=["phone_e164"], carried=["customer"]).rows == 0
    assert pq.read_schema(target).names == ["customer", "phone_e164"]


@pytest.mark.parametrize(("columns", "named"), [({"email": "mail"}, "mail"), ({}, "identifier")])
def test_a_missing_column_is_an_error_that_names_it_and_leaves_nothing(source, tmp_path, columns, named):
    target = tmp_path / "digests.parquet"
    with pytest.raises(PermanentError, match=named):
        digest_parquet(source, target, columns=columns, forms=["email"])
    assert [path.name for path in tmp_path.iterdir()] == ["people.parquet"]


def test_a_file_that_fails_half_way_leaves_neither_a_target_nor_a_part_of_one(tmp_path):
    source, target = tmp_path / "people.parquet", tmp_path / "digests.parquet"
    pq.write_table(pa.table({"email": [["a list is no text"]] * 4}), source)
    with pytest.raises(PermanentError, match="column email"):
        digest_parquet(source, target, forms=["email"], batch_rows=2)
    assert [path.name for path in tmp_path.iterdir()] == ["people.parquet"]
