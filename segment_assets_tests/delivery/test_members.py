"""Rows of `changes` become members and rows of text, and no cell ever moves to another person."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.contracts import CONSENT_COLUMNS, Member, Operation, PermanentError, Request, Session
from segment_assets.contracts.columns import JsonRows
from segment_assets.delivery.members import Members, members_of
from segment_assets.delivery.wanted import FORMS
from segment_assets.destinations.meta import MetaCustomAudiences
from segment_assets.destinations.shaping import text_rows
from segment_assets.tables import CHANGES
from segment_assets_tests.fakes import digest

SCHEMA = CHANGES.arrow_schema()
CELLS = {
    "email": st.none() | st.binary(min_size=32, max_size=32),
    "phone_digits": st.none() | st.binary(min_size=32, max_size=32),
    "mobile_ad_id": st.none() | st.text(min_size=1, max_size=4),
    CONSENT_COLUMNS[0]: st.none() | st.sampled_from(["granted", "denied"]),
}
ROWS = st.lists(st.fixed_dictionaries(CELLS), max_size=6)


@settings(max_examples=60, deadline=None)
@given(ROWS, st.integers(0, 3))
def test_every_member_has_the_cells_of_its_own_row_and_nothing_for_a_null(rows, offset):
    whole = [
        {"phase": "add", "batch": n, "member_id": digest(str(n)), "record_id": digest("r"), "kind": "new"} | row
        for n, row in enumerate(rows)
    ]
    batch = pa.RecordBatch.from_pylist(whole, SCHEMA).slice(offset)
    known = [{form: row[form] for form in FORMS if row.get(form) is not None} for row in whole[offset:]]
    expected = [
        (
            ("add", row["batch"]),
            Member(
                row["member_id"],
                {form: cell for form, cell in cells.items() if form not in CONSENT_COLUMNS},
                {form: cell for form, cell in cells.items() if form in CONSENT_COLUMNS},
            ),
        )
        for row, cells in zip(whole[offset:], known, strict=True)
    ]
    assert list(members_of(batch)) == expected


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_rows_of_text_have_a_cell_for_each_form_in_the_order_asked_for(rows):
    members = [Member(b"", {form: cell for form, cell in row.items() if cell is not None}) for row in rows]
    forms = ["mobile_ad_id", "city", "email"]
    expected = [[row["mobile_ad_id"] or "", "", (row["email"] or b"").hex()] for row in rows]
    assert text_rows(members, forms) == expected


# What JSON escapes, what it does not, and what looks like the end of a cell.
TEXTS = st.text(st.sampled_from('ab"\\\n\x00\x1f\x7fé€😀],['), min_size=1, max_size=5)
SESSION = Session(7, 1, last=True, members_in_total=1, received_before=0)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.fixed_dictionaries({**CELLS, "country_code": st.none() | TEXTS}), min_size=1), st.integers(0, 3))
def test_a_body_is_the_same_to_the_byte_whether_its_members_are_columns_or_one_by_one(rows, offset):
    whole = [
        {"phase": "add", "batch": 1, "member_id": digest("m"), "record_id": digest("r"), "kind": "new"} for _ in rows
    ]
    batch = pa.RecordBatch.from_pylist([a | b for a, b in zip(whole, rows, strict=True)], SCHEMA).slice(offset)
    meta = MetaCustomAudiences("1")
    in_columns = meta.request("1", Operation.ADD, Members(batch), SESSION)
    one_by_one = meta.request("1", Operation.ADD, [member for _, member in members_of(batch)], SESSION)
    assert in_columns.body() == one_by_one.body()
    assert in_columns.json == one_by_one.json
    assert json.loads(in_columns.body()) == one_by_one.json


def test_members_are_a_sequence_like_any_other_and_their_repr_names_nobody():
    rows = [{"phase": "add", "batch": 1, "member_id": digest(n), "record_id": digest(n), "kind": "new"} for n in "abc"]
    members = Members(pa.RecordBatch.from_pylist(rows, SCHEMA))
    ids = [digest(n) for n in "abc"]
    assert [member.member_id for member in members] == ids
    assert [member.member_id for member in members[1:]] == ids[1:]
    assert (members[-1].member_id, len(members), repr(members)) == (ids[-1], 3, "Members(3)")


def test_rows_that_are_written_stand_in_a_body_where_their_list_would_stand():
    rows = JsonRows(b'[["a","\\u00e4"]]', 1)
    told = {"first": rows, "between": "é", "second": [rows, 1]}
    plain = {"first": [["a", "ä"]], "between": "é", "second": [[["a", "ä"]], 1]}
    body = Request("POST", "/", json=told).body()
    assert json.loads(body) == plain
    assert "a" not in repr(rows).removeprefix("JsonRows")


def test_a_body_with_the_mark_of_written_rows_in_a_text_is_refused_and_any_other_object_too():
    with pytest.raises(PermanentError, match="mark of written rows"):
        Request("POST", "/", json=[JsonRows(b"[]", 0), "\x00rows"]).body()
    with pytest.raises(TypeError):
        Request("POST", "/", json=[object()]).body()
