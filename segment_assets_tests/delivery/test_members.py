"""Rows of `changes` become members and rows of text, and no cell ever moves to another person."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.contracts import CONSENT_COLUMNS, Member
from segment_assets.delivery.members import members_of
from segment_assets.delivery.wanted import FORMS
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


@settings(max_examples=60)
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


@settings(max_examples=60)
@given(ROWS)
def test_rows_of_text_have_a_cell_for_each_form_in_the_order_asked_for(rows):
    members = [Member(b"", {form: cell for form, cell in row.items() if cell is not None}) for row in rows]
    forms = ["mobile_ad_id", "city", "email"]
    expected = [[row["mobile_ad_id"] or "", "", (row["email"] or b"").hex()] for row in rows]
    assert text_rows(members, forms) == expected
