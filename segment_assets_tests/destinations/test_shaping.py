"""Rows of cells for a platform's JSON: written from columns at once, they are what they are one by one."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from segment_assets.contracts.columns import JsonRows
from segment_assets.delivery.members import Members, members_of
from segment_assets.destinations.shaping import RowEnd, json_rows, text_rows
from segment_assets.tables import CHANGES
from segment_assets_tests.fakes import digest

FORMS = ["email", "mobile_ad_id", "phone_digits", "country_code"]
ID = "aece52e7-03ee-455a-b3c4-e57283966239"


def batch_of(*rows: dict) -> pa.RecordBatch:
    whole = [
        {"phase": "add", "batch": 1, "record_id": digest("r"), "kind": "new", "member_id": digest(f"id:{n}"), **row}
        for n, row in enumerate(rows)
    ]
    return pa.RecordBatch.from_pylist(whole, CHANGES.arrow_schema())


def test_a_cell_that_is_not_there_is_an_empty_text_wherever_it_stands():
    rows = json_rows(Members(batch_of({"email": digest("a")}, {"mobile_ad_id": ID}, {"country_code": "de"})), FORMS)

    assert isinstance(rows, JsonRows)
    assert json.loads(rows.written) == [[digest("a").hex(), "", "", ""], ["", ID, "", ""], ["", "", "", "de"]]


def test_people_of_whom_nothing_is_known_have_rows_of_empty_texts():
    assert list(json_rows(Members(batch_of({}, {})), FORMS)) == [[""] * 4] * 2


@pytest.mark.parametrize("text", ['"', "\\", "\n", "\x00", "\x1f", 'd"e', '"],["', "\x7f", "é", "€"])
def test_what_json_writes_in_another_way_reaches_the_platform_as_it_is(text):
    batch = batch_of({"email": digest("a"), "country_code": text}, {"email": digest("b"), "country_code": "de"})
    rows = json_rows(Members(batch), FORMS)
    written = json.loads(rows.written) if isinstance(rows, JsonRows) else list(rows)

    assert written == text_rows([member for _, member in members_of(batch)], FORMS)
    assert written[0][-1] == text


@pytest.mark.parametrize("text", ["de", 'd"e', ""])
def test_a_row_ends_as_the_digest_of_its_member_says_and_as_for_nobody_known_where_there_is_none(text):
    end = RowEnd((["x é"], 1.5), instead=([], 0), form="phone_digits", digests=frozenset({digest("1"), digest("2")}))
    batch = batch_of(
        {"email": digest("a"), "phone_digits": digest("2")},
        {"email": digest("b"), "phone_digits": digest("3")},
        {"mobile_ad_id": ID, "country_code": text},
    )
    written = json.loads(json.dumps(list(json_rows(Members(batch), FORMS, end)), ensure_ascii=False))

    assert [row[len(FORMS) :] for row in written] == [[[], 0], [["x é"], 1.5], [["x é"], 1.5]]
    assert [row[: len(FORMS)] for row in written] == text_rows([member for _, member in members_of(batch)], FORMS)


def test_the_end_of_a_row_is_everybodys_where_nobody_has_the_column():
    end = RowEnd((["LDU"],), instead=([],), form="phone_digits", digests=frozenset({digest("1")}))
    rows = json_rows(Members(batch_of({"email": digest("a")}, {"email": digest("b")})), FORMS, end)

    assert isinstance(rows, JsonRows)
    assert [row[-1] for row in rows] == [["LDU"], ["LDU"]]


def test_an_end_that_is_written_at_once_is_written_to_the_byte_as_any_request_writes_json():
    end = RowEnd((["x é", "y"], {"k": [1, 2]}))
    rows = json_rows(Members(batch_of({"email": digest("a")}, {"email": digest("b")})), FORMS, end)

    assert isinstance(rows, JsonRows)
    assert bytes(rows.written) == json.dumps(list(rows), ensure_ascii=False, separators=(",", ":")).encode()
