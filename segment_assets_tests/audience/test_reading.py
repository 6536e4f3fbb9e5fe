"""Landed files of every shape, friendly and hostile, seen through read_files."""

from __future__ import annotations

import datetime as dt
import decimal
import gzip
import io
import json
import os
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from segment_assets.audience import read_files
from segment_assets.contracts import PermanentError, TransientError
from segment_assets.tables import SEGMENT_MEMBERS


def read(files, headers=None):
    reading = read_files(files, headers or {})
    batches = list(reading)
    rows = pa.Table.from_batches(batches, schema=SEGMENT_MEMBERS.arrow_schema())
    return rows.to_pylist(), reading.report


@pytest.fixture
def land(tmp_path):
    def write(name, content, encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write


@pytest.fixture
def land_parquet(tmp_path):
    def write(name, columns):
        path = tmp_path / name
        pq.write_table(pa.table(columns), path)
        return path

    return write


def emails(rows):
    return [row["email"] for row in rows]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_any_separator_is_found(land, separator):
    path = land("a.csv", separator.join(["email", "phone"]) + "\n" + separator.join(["a@x.org", "1"]) + "\n")
    rows, report = read([path])
    assert (rows[0]["email"], rows[0]["phone"]) == ("a@x.org", "1")
    assert report.files[0].separator == separator


def test_a_separator_inside_a_header_or_a_quoted_cell_does_not_split(land):
    rows, _ = read([land("a.csv", 'email;"name, first";first_name\na@x.org;"x;y";"Ann ""A"" Lee"\n')])
    assert rows[0]["first_name"] == 'Ann "A" Lee'


def test_excels_separator_hint_is_obeyed_and_is_no_row(land):
    rows, _ = read([land("a.csv", "sep=;\nemail;phone\na@x.org;1\n")])
    assert len(rows) == 1


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("utf-8", ["Zoë", "山田太郎", "Łukasz"]),
        ("utf-8-sig", ["Zoë", "山田太郎"]),
        ("utf-16", ["Zoë", "山田太郎"]),
        ("cp1252", ["Jürgen Müller", "Zoë Françoise", "Søren Kjærgård"]),
        ("cp1250", ["Łukasz Żółć", "Michał Świątek", "Jiří Dvořák"]),
        ("cp1251", ["Иван Петров", "Мария Смирнова"]),
        ("shift_jis", ["山田太郎", "鈴木一郎"]),
    ],
)
def test_the_encoding_is_found(land, encoding, names):
    lines = [f"a{n}@x.org,{name}" for n, name in enumerate(names * 10)]
    rows, _ = read([land("a.csv", "email,first_name\n" + "\n".join(lines) + "\n", encoding)])
    assert [row["first_name"] for row in rows] == names * 10


def test_a_few_lines_of_another_encoding_are_unreadable_rows_and_spoil_no_other(land):
    good = [f"a{n}@x.org,Zoë".encode() for n in range(20)]
    good[7] = "b@x.org,Zoë".encode("cp1252")
    rows, report = read([land("a.csv", b"\n".join([b"email,first_name", *good]))])
    assert {row["first_name"] for row in rows} == {"Zoë"}
    assert list(report.unreadable) == [7]


def test_ragged_rows_keep_their_number_and_are_reported(land):
    rows, report = read([land("a.csv", "email,phone\na@x.org,1\nb@x.org\nc@x.org,1,2\nd@x.org,4\n\n")])
    assert [(row["source_row"], row["email"]) for row in rows] == [(0, "a@x.org"), (3, "d@x.org")]
    assert report.rows == 4
    assert report.quarantine().to_pylist() == [
        {"source_row": number, "file": "a.csv", "line": line, "column": "*", "reason": "wrong_number_of_cells"}
        for number, line in ((1, 3), (2, 4))
    ]


def test_trailing_separators_are_no_ragged_row(land):
    rows, report = read([land("a.csv", "email,phone\na@x.org,1,,\n")])
    assert (len(rows), len(report.unreadable)) == (1, 0)


@pytest.mark.parametrize("lines_after", [3, 200])
def test_a_quote_that_is_never_closed_costs_its_own_row_only(land, lines_after):
    after = "".join(f"a{n}@x.org,{n}\n" for n in range(lines_after))
    rows, report = read([land("a.csv", f'email,phone\n"open@x.org,1\n{after}')])
    assert len(rows) == lines_after
    assert list(report.unreadable) == [0]


def test_a_line_break_inside_quotes_belongs_to_the_cell(land):
    rows, _ = read([land("a.csv", 'email,city\na@x.org,"New\nYork"\nb@x.org,Rome\n')])
    assert [row["city"] for row in rows] == ["New\nYork", "Rome"]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_cell_of_ten_megabytes_is_an_unreadable_row(land, name):
    huge = "x" * 10_000_000
    if name == "a.csv":
        content = f"email,city\n{huge},x\nb@x.org,Rome\n"
    else:
        content = json.dumps({"email": huge}) + '\n{"email": "b@x.org"}\n'
    rows, report = read([land(name, content)])
    assert emails(rows) == ["b@x.org"]
    assert list(report.unreadable) == [0]


def test_a_cell_of_ten_megabytes_in_parquet_is_an_unreadable_row(land_parquet):
    rows, report = read([land_parquet("a.parquet", {"email": ["x" * 10_000_000, "b@x.org"]})])
    assert emails(rows) == ["b@x.org"]
    assert list(report.unreadable) == [0]


def test_three_hundred_columns_are_read_and_listed(land):
    headers = [f"column_{n}" for n in range(300)] + ["email"]
    rows, report = read([land("a.csv", ",".join(headers) + "\n" + "," * 300 + "a@x.org\n")])
    assert emails(rows) == ["a@x.org"]
    assert len(report.files[0].unmapped) == 300


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.jsonl", "a.parquet", "a.jsonl.gz"])
def test_binary_junk_is_one_clear_error_that_names_the_file(land, name):
    junk = random.Random(7).randbytes(5000)
    with pytest.raises(PermanentError, match=f"^{name}: "):
        read([land(name, junk)])


@pytest.mark.parametrize("name", ["list.xlsx", "list", "list.parquet.gz", ".gz"])
def test_an_unknown_kind_of_file_is_refused_by_name(land, name):
    with pytest.raises(PermanentError, match="unknown kind of file"):
        read([land(name, "email\na@x.org\n")])


def test_a_gzip_that_ends_too_early_is_one_clear_error_with_the_line(land):
    packed = gzip.compress("".join(["email\n", *(f"{os.urandom(8).hex()}@x.org\n" for _ in range(50_000))]).encode())
    with pytest.raises(PermanentError, match=r"^a.csv.gz: cannot be read after line \d+ "):
        read([land("a.csv.gz", packed[: len(packed) // 2])])


def test_gzipped_text_is_read(land):
    packed = [
        land("a.csv.gz", gzip.compress(b"email\na@x.org\n")),
        land("b.jsonl.gz", gzip.compress(b'{"email":"b@x.org"}\n')),
    ]
    rows, _ = read(packed)
    assert emails(rows) == ["a@x.org", "b@x.org"]


def test_several_files_are_one_list_in_the_order_of_their_names(land, land_parquet):
    files = [
        land_parquet("c.parquet", {"email": ["c@x.org"]}),
        land("a.csv", "email\na@x.org\nragged,1,2\n"),
        land("b.jsonl", '{"email":"b@x.org"}\n'),
    ]
    rows, report = read(files)
    assert [(row["source_row"], row["email"]) for row in rows] == [(0, "a@x.org"), (2, "b@x.org"), (3, "c@x.org")]
    assert [file.first_source_row for file in report.files] == [0, 2, 3]


def test_a_file_may_be_given_as_a_name_and_something_that_opens_it():
    rows, _ = read([("a.csv", lambda: io.BytesIO(b"email\na@x.org\n"))])
    assert emails(rows) == ["a@x.org"]


def test_storage_that_fails_is_worth_another_try():
    def broken():
        raise ConnectionResetError

    with pytest.raises(TransientError, match=r"^a\.csv: "):
        read([("a.csv", broken)])


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(PermanentError, match=r"^gone\.csv: "):
        read([tmp_path / "gone.csv"])


def test_no_file_at_all_is_an_error():
    with pytest.raises(PermanentError, match="no files"):
        read([])


class TestHeaders:
    def test_the_plans_words_beat_our_own_names(self, land):
        rows, report = read([land("a.csv", "email,Kontakt,Foo\nold@x.org,new@x.org,1\n")], {"Kontakt": "email"})
        assert emails(rows) == ["new@x.org"]
        assert report.files[0].unmapped == ["email", "Foo"]

    @pytest.mark.parametrize(
        ("header", "column"),
        [
            ("E-Mail", "email"),
            ("EMAIL_ADDRESS", "email"),
            ("Phone Number", "phone"),
            ("Mobile", "phone"),
            ("zip", "postal_code"),
            ("Post Code", "postal_code"),
            ("Vorname", "first_name"),
            ("DOB", "birth_date"),
            ("IDFA", "mobile_ad_id"),
        ],
    )
    def test_common_spellings_are_known(self, land, header, column):
        rows, _ = read([land("a.csv", f"customer_id,{header}\n1,value\n")])
        assert rows[0][column] == "value"

    def test_a_header_map_to_a_column_that_we_do_not_have_is_refused(self, land):
        with pytest.raises(PermanentError, match="shoe_size"):
            read([land("a.csv", "x\n1\n")], {"x": "shoe_size"})

    def test_a_source_cannot_number_its_own_rows(self, land):
        rows, _ = read([land("a.csv", "source_row,email\n900,a@x.org\n")])
        assert rows[0]["source_row"] == 0

    @pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
    def test_a_file_that_names_nobody_is_refused_with_its_headers(self, land, land_parquet, name):
        if name == "a.parquet":
            path = land_parquet(name, {"Shoe size": ["secret"]})
        else:
            path = land(name, "Shoe size\nsecret\n" if name == "a.csv" else '{"Shoe size": "secret"}\n')
        with pytest.raises(PermanentError, match=rf"^{name}: .*'Shoe size'") as caught:
            read([path])
        assert "secret" not in str(caught.value)

    def test_a_file_without_a_header_line_is_refused_without_showing_its_first_person(self, land):
        with pytest.raises(PermanentError, match="looks like data") as caught:
            read([land("a.csv", "ann@example.org,Ann,+44 20 7946 0000\n")])
        assert "ann" not in str(caught.value).lower().replace("cannot", "")

    def test_an_empty_file_is_refused_by_name(self, land):
        with pytest.raises(PermanentError, match=r"^a.csv: "):
            read([land("a.csv", "")])


class TestTypes:
    def test_numbers_in_parquet_become_text_without_a_fraction(self, land_parquet):
        columns = {
            "customer_id": pa.array([1.0, 2.0], pa.float64()),
            "phone": pa.array([491701234567, None], pa.int64()),
            "zip": pa.array([decimal.Decimal("2134.00"), decimal.Decimal("7.50")]),
            "birth_date": pa.array([dt.date(1990, 2, 1), None]),
            "country": pa.array(["DE", "US"]).dictionary_encode(),
            "gpc_opt_out": pa.array([True, False]),
        }
        rows, _ = read([land_parquet("a.parquet", columns)])
        assert [row["customer_id"] for row in rows] == ["1", "2"]
        assert rows[0]["phone"] == "491701234567"
        assert [row["postal_code"] for row in rows] == ["2134", "7.50"]
        assert rows[0]["birth_date"] == "1990-02-01"
        assert rows[1]["country"] == "US"
        assert [row["gpc_opt_out"] for row in rows] == [True, False]

    def test_missing_and_infinite_floats_in_parquet_are_not_digits(self, land_parquet):
        rows, _ = read([land_parquet("a.parquet", {"phone": [float("nan"), float("inf"), 1.5]})])
        assert [row["phone"] for row in rows] == [None, "inf", "1.5"]

    def test_numbers_in_json_become_text_without_a_fraction(self, land):
        rows, _ = read([land("a.jsonl", '{"customer_id": 7.0, "phone": 491701234567, "gpc": true, "zip": null}\n')])
        assert (rows[0]["customer_id"], rows[0]["phone"]) == ("7", "491701234567")
        assert rows[0]["gpc_opt_out"] is True
        assert rows[0]["postal_code"] is None

    @pytest.mark.parametrize(
        "line",
        [
            '{"email": ["a"]}',
            '{"email": {"a": 1}}',
            "[1]",
            '"text"',
            "{",
            "[" * 100_000,
            '{"email": "\\ud800"}',
            '{"email": "a\\u0000b"}',
        ],
    )
    def test_a_json_line_of_the_wrong_shape_is_an_unreadable_row(self, land, line):
        rows, report = read([land("a.jsonl", line + '\n{"email": "b@x.org"}\n')])
        assert emails(rows) == ["b@x.org"]
        assert list(report.unreadable) == [0]

    def test_a_json_array_is_refused_with_the_remedy(self, land):
        with pytest.raises(PermanentError, match="one object per line"):
            read([land("a.json", '[\n{"email": "a@x.org"},\n{"email": "b@x.org"}\n]\n')])

    def test_lists_in_a_parquet_column_are_refused_naming_the_column(self, land_parquet):
        with pytest.raises(PermanentError, match="column email holds lists"):
            read([land_parquet("a.parquet", {"email": [["a@x.org"]]})])

    def test_bytes_in_parquet_that_are_no_text_are_unreadable_rows(self, land_parquet):
        rows, report = read([land_parquet("a.parquet", {"email": pa.array([b"a@x.org", b"\xff\xfe", None])})])
        assert emails(rows) == ["a@x.org", None]
        assert list(report.unreadable) == [1]

    @pytest.mark.parametrize(
        ("said", "signal"), [("true", True), ("1", True), ("no", False), ("", None), ("n/a", None), ("oui", True)]
    )
    def test_a_privacy_signal_is_read_from_words_and_an_unknown_word_is_one(self, land, said, signal):
        rows, _ = read([land("a.csv", f"email,gpc_opt_out\na@x.org,{said}\n")])
        assert rows[0]["gpc_opt_out"] is signal


def test_a_big_file_is_read_in_batches_of_bounded_size(land):
    path = land("a.csv", "email\n" + "".join(f"a{n}@x.org\n" for n in range(25_000)))
    sizes = [batch.num_rows for batch in read_files([path], {})]
    assert sum(sizes) == 25_000
    assert max(sizes) <= 10_000
