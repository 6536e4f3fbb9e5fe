"""Lists that land: one list in three formats, with headers that the header map explains."""

from __future__ import annotations

import csv
import json

import pyarrow.parquet as pq
import pytest

from segment_assets.sandbox.world import NEWSLETTER_FILES, NEWSLETTER_HEADERS, create
from segment_assets.tables import SEGMENT_MEMBERS, SOURCE_PLACE


@pytest.fixture(scope="module")
def folder(root):
    return root / "landing" / "segments"


def _rows(folder):
    newsletter = folder / "newsletter_subscribers"
    text = (newsletter / "crm_export_1.csv").read_text(encoding="utf-8-sig")
    lines = list(csv.reader(text.splitlines(), delimiter=";"))
    regular = [dict(zip(lines[0], line, strict=True)) for line in lines[1:] if len(line) == len(lines[0])]
    jsonl = [json.loads(line) for line in (newsletter / "crm_export_2.jsonl").read_text(encoding="utf-8").splitlines()]
    return regular, jsonl, pq.read_table(newsletter / "crm_export_3.parquet").to_pylist()


def test_every_header_means_a_column_of_segment_members_and_no_header_means_two():
    # A shop that writes newsletters was never issued RampIDs, and does not say what its readers are worth.
    not_there = {column.name for column in SOURCE_PLACE} | {"ramp_id", "customer_value"}
    assert set(NEWSLETTER_HEADERS.values()) == set(SEGMENT_MEMBERS.column_names()) - not_there
    assert len(NEWSLETTER_HEADERS) == sum(len(headers) for headers in NEWSLETTER_FILES.values())


def test_each_file_has_the_headers_of_its_own_spelling(folder):
    for rows, headers in zip(_rows(folder), NEWSLETTER_FILES.values(), strict=True):
        assert {name for row in rows for name in row} == set(headers)


def test_the_list_is_small_but_never_below_two_hundred_rows(folder):
    assert 200 <= sum(len(rows) for rows in _rows(folder)) < 300


def test_a_world_with_fewer_people_than_rows_still_lands_two_hundred(tmp_path):
    create(tmp_path, seed=1, people=30, weeks=1)
    assert sum(len(rows) for rows in _rows(tmp_path / "landing" / "segments")) >= 200


def test_about_half_of_the_rows_know_the_customer_number_and_it_exists(folder, root, read):
    numbers = [
        row.get(name) or None
        for rows, name in zip(_rows(folder), ("Customer No", "customerNo", "CUSTOMER_NO"), strict=True)
        for row in rows
    ]
    known = [number for number in numbers if number]
    assert 0.35 < len(known) / len(numbers) < 0.65
    assert set(known) <= set(read(root / "accounts/a/customers")["customer_id"].to_pylist())


def test_the_csv_begins_with_a_byte_order_mark_and_has_ragged_lines(folder):
    raw = (folder / "newsletter_subscribers" / "crm_export_1.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    widths = {len(line) for line in csv.reader(raw.decode("utf-8-sig").splitlines(), delimiter=";")}
    assert len(widths) == 3


def test_the_list_has_duplicates(folder):
    emails = [
        row.get(name)
        for rows, name in zip(_rows(folder), ("E-Mail Address", "emailAddress", "EMAIL_ADDR"), strict=True)
        for row in rows
    ]
    real = [email for email in emails if email and "@" in email]
    assert len(set(real)) < len(real)


def test_a_list_lands_for_a_segment_that_nobody_planned(folder):
    lines = (folder / "store_visitors_unreviewed" / "visitors.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "email,phone,country,store"
    assert len(lines) > 40
