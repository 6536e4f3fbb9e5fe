"""Rows are conserved whatever lands: members + merged duplicates + quarantined rows, or one error that names the file.

Every file is a real one on disk. One test takes all of them together the whole way, to an audience.
"""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import decimal
import gzip
import io
import itertools
import json
import random
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.assets.refusals_shown import refused_rows
from segment_assets.audience import AudienceCounts, FileReport, read_files
from segment_assets.audience.staging import FORM_COLUMNS, stage_batch
from segment_assets.contracts import PermanentError, TransientError
from segment_assets.identity import digest_batch
from segment_assets.tables import QUARANTINE, SEGMENT_MEMBERS

from .conftest import KEY

HUGE = "x" * 10_000_000
SECRET = "ann.secret@example.com"


@dataclasses.dataclass
class Walked:
    """What became of landed files. `quarantine` are the rows of both quarantine tables."""

    files: list[FileReport]
    members: int
    quarantine: list[dict]

    def places(self):
        return [(row["file"], row["line"], row["column"], row["reason"]) for row in self.quarantine]


def walk(files):
    """Read and stage files; every row must be somewhere, and where must be written down."""
    reading, counts, people, quarantine = read_files(files, {}), AudienceCounts(), [], []
    for batch in reading:
        staged, refused = stage_batch(batch, digest_batch(batch, {}, FORM_COLUMNS), KEY, counts, {})
        people += staged.column("member_id").to_pylist()
        quarantine += refused.to_pylist()
    unreadable = reading.report.quarantine()
    assert unreadable.schema == QUARANTINE.arrow_schema()
    quarantine = [*unreadable.to_pylist(), *quarantine]
    whole_rows = sum(row["column"] == "*" for row in quarantine)
    assert reading.report.rows == sum(file.rows for file in reading.report.files) == len(people) + whole_rows
    assert all(row["file"] and row["line"] and row["reason"] for row in quarantine)
    return Walked(reading.report.files, len(set(people)), quarantine)


@pytest.fixture
def land(tmp_path):
    def write(name, content):
        path = tmp_path / name
        if isinstance(content, dict):
            pq.write_table(pa.table(content), path)
        elif isinstance(content, pa.Table):
            pq.write_table(content, path)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def utf16(text):
    return text.encode("utf-16")


ROWS = "email,first_name\na@x.org,Zoë\nb@x.org,Ann\n"
MIXED = b"".join([b"email,first_name\n", "a@x.org,Zoë\nc@x.org,Ünal\n".encode(), "b@x.org,Zoë\n".encode("latin-1")])
LISTS = pa.array([["x"], ["y"]])

# name of the file, content, members, the whole rows in quarantine as (line, reason)
READ = {
    "UTF-8 with a mark": ("a.csv", b"\xef\xbb\xbf" + ROWS.encode(), 2, []),
    "UTF-16 with a mark": ("a.csv", utf16(ROWS), 2, []),
    "UTF-16 without a mark": ("a.csv", ROWS.encode("utf-16-le"), 2, []),
    "Latin-1": ("a.csv", ROWS.encode("latin-1"), 2, []),
    "a line of another encoding": ("a.csv", MIXED, 2, [(4, "not_text")]),
    "Windows line ends": ("a.csv", ROWS.replace("\n", "\r\n"), 2, []),
    "old Mac line ends": ("a.csv", ROWS.replace("\n", "\r"), 2, []),
    "every line end at once": ("a.csv", "email,phone\r\na@x.org,1\nb@x.org,2\rc@x.org,3", 3, []),
    "no line end at the end": ("a.csv", ROWS.rstrip(), 2, []),
    "semicolons": ("a.csv", ROWS.replace(",", ";"), 2, []),
    "tabs": ("a.txt", ROWS.replace(",", "\t"), 2, []),
    "one column": ("a.csv", "email\na@x.org\n\nb@x.org\n", 2, []),
    "blank lines": ("a.csv", "\n\nemail,phone\n\na@x.org,1\n\n\nb@x.org\n", 1, [(8, "wrong_number_of_cells")]),
    "ragged": ("a.csv", "email,phone\na@x.org,1\nb@x.org\nc@x.org,1,2\n", 1, [(n, "wrong_number_of_cells") for n in (3, 4)]),
    "a cell of several lines": ("a.csv", 'email,city\na@x.org,"New\nYork"\nb@x.org\n', 1, [(4, "wrong_number_of_cells")]),
    "a quote that never closes": ("a.csv", 'email,city\n"a@x.org,Rome\nb@x.org,Oslo\n', 1, [(2, "broken_quotes")]),
    "text after a quote": ("a.csv", 'email,city\n"a@x.org"z,Rome\nb@x.org,Oslo\n', 1, [(2, "broken_quotes")]),
    "NUL characters": ("a.csv", "email,city\na\0@x.org,Rome\nb@x.org,Oslo\nc@x.org,Bonn\n", 2, [(2, "not_text")]),
    "a cell of 10 MB": ("a.csv", f"email,city\n{HUGE},x\nb@x.org,Rome\n", 1, [(2, "too_long")]),
    "a quoted cell of 10 MB in lines": (
        "a.csv", "email,city\nb@x.org,Rome\n" + '"' + "y\n" * 60 + HUGE + '",z\n', 1,
        [(3, "broken_quotes"), *((n, "wrong_number_of_cells") for n in range(4, 63)), (63, "too_long")],
    ),
    "a cell over the limit": ("a.csv", f"email,city\n{HUGE[:140_000]},x\nb@x.org,Rome\n", 1, [(2, "too_long")]),
    "300 columns": ("a.csv", ",".join(f"c{n}" for n in range(299)) + ",email\n" + "," * 299 + "a@x.org\n", 1, []),
    "a column twice": ("a.csv", "email,email\na@x.org,b@x.org\n", 1, []),
    "headers spelled otherwise": ("a.csv", "E-MAIL Address,Mobile No,ZIP\na@x.org,1,2\n", 1, []),
    "a header that is missing": ("a.csv", "email,,city\na@x.org,1,Rome\n", 1, []),
    "a row that names nobody": ("a.csv", "email,city\n,Rome\nb@x.org,Oslo\n", 1, [(2, "no_identifier")]),
    "wrong types": ("a.csv", "email,phone\n12,true\n{},[]\n", 0, [(2, "no_identifier"), (3, "no_identifier")]),
    "the same person twice": ("a.csv", "email\na@x.org\n A@X.ORG\n", 1, []),
    "nothing but a header": ("a.csv", "email,phone\n", 0, []),
    "packed": ("a.csv.gz", gzip.compress(ROWS.encode()), 2, []),
    "JSON lines": (
        "a.jsonl",
        '{"email": "a@x.org"}\n\nnot json\n{"email": ["b"]}\n[1]\n{"email": "a\\u0000"}\n{}\n' + json.dumps({"email": HUGE[:500_000]}),
        1,
        [*((n, "not_a_json_object") for n in (3, 4, 5, 6)), (7, "no_identifier"), (8, "too_long")],
    ),
    "Parquet of every plain type": (
        "a.parquet",
        {
            "email": pa.array(["a@x.org", "b@x.org"], pa.large_string()),
            "phone": pa.array([decimal.Decimal("491701234567.00"), None]),
            "zip": pa.array([2134, None], pa.int16()),
            "birth_date": pa.array([dt.datetime(1990, 2, 1, tzinfo=dt.UTC), None], pa.timestamp("ns")),
            "first_name": pa.array(["Ann", None], pa.string_view()),
            "last_name": pa.array([b"Lee", None]),
            "city": pa.array(["Rome", None]).dictionary_encode(),
            "state": pa.nulls(2),
            "gender": pa.array([1.5, float("nan")], pa.float32()),
            "gpc_opt_out": pa.array([True, False]),
            "lists": LISTS,
        },
        2, [],
    ),
    "Parquet of bytes": ("a.parquet", {"email": pa.array([b"a@x.org", b"\xff\xfe", b"a\0b"])}, 1, [(2, "not_text"), (3, "not_text")]),
    "Parquet with cells of 10 MB": ("a.parquet", {"email": [HUGE, "b@x.org", *[HUGE] * 4]}, 1, [(n, "too_long") for n in (1, *range(3, 7))]),
    "Parquet without rows": ("a.parquet", {"email": pa.array([], pa.string())}, 0, []),
    "Parquet with a column twice": (
        "a.parquet", pa.Table.from_arrays([pa.array(["a@x.org"]), pa.array([7])], names=["email", "email"]), 1, [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", READ)
def test_every_row_of_a_hostile_file_is_somewhere(land, case):
    name, content, members, refused = READ[case]
    walked = walk([land(name, content)])
    assert walked.members == members
    found = [(line, reason) for _, line, column, reason in walked.places() if column == "*"]
    assert sorted(found) == sorted(refused)
    assert {file for file, *_ in walked.places()} <= {name}


def test_all_of_them_together_are_one_audience_in_which_every_row_is_accounted_for(land, build):
    files = [land(f"{number:02}{name[1:]}", content) for number, (name, content, *_) in enumerate(READ.values())]
    reading = read_files(files, {})
    built = build(pa.Table.from_batches(list(reading), schema=SEGMENT_MEMBERS.arrow_schema()).combine_chunks())
    report, counts = reading.report, built.counts
    whole_rows = len(report.unreadable) + sum(row["column"] == "*" for row in built.quarantine)
    assert report.rows == counts.members + counts.duplicates_merged + whole_rows
    assert whole_rows == sum(len(refused) for *_, refused in READ.values())
    assert [file.name for file in report.files] == [file.name for file in files]


def parquet_bytes(**columns):
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out, row_group_size=10_000)
    return out.getvalue()


PARQUET = parquet_bytes(email=[f"a{n}@x.org" for n in range(40_000)])
DAMAGED = (
    PARQUET[: len(PARQUET) // 2]
    + bytes(b ^ 0x5A for b in PARQUET[len(PARQUET) // 2 :][:500])
    + PARQUET[len(PARQUET) // 2 + 500 :]
)

# name of the file, content, what the one error says
REFUSED = {
    "binary junk": ("a.csv", random.Random(7).randbytes(5000), "not a text file"),
    "binary junk as JSON": ("a.jsonl", random.Random(7).randbytes(5000), "not a text file"),
    "binary junk as Parquet": ("a.parquet", random.Random(7).randbytes(5000), "not a readable Parquet file"),
    "an empty file": ("a.csv", b"", "the file is empty"),
    "an empty JSON file": ("a.jsonl", b"", "the file is empty"),
    "nothing but a mark": ("a.csv", b"\xef\xbb\xbf", "the file is empty"),
    "nothing but blank lines": ("a.csv", b"\n \n\n", "the file is empty"),
    "no header line": ("a.csv", f"{SECRET},Ann\n".encode(), "looks like data"),
    "headers of nothing we know": ("a.csv", f"shoe,size\n{SECRET},1\n".encode(), "'shoe', 'size'"),
    "Parquet called CSV": ("a.csv", PARQUET, "it is Parquet; end its name in .parquet"),
    "gzip called CSV": ("a.csv", gzip.compress(ROWS.encode()), "packed with gzip; end its name in .gz"),
    "a spreadsheet called CSV": ("a.csv", b"PK\x03\x04" + bytes(100), "a spreadsheet; export it as UTF-8 CSV"),
    "CSV called gzip": ("a.csv.gz", ROWS.encode(), "cannot be read after line 0"),
    "CSV called Parquet": ("a.parquet", ROWS.encode(), "not a readable Parquet file"),
    "CSV called JSON": ("a.jsonl", ROWS.encode(), "no line is a JSON object"),
    "JSON called CSV": ("a.csv", json.dumps({"email": SECRET}).encode() + b"\n", "no column holds"),
    "one JSON array": ("a.json", json.dumps([{"email": SECRET}]).encode(), "one JSON array"),
    "a spreadsheet": ("a.xlsx", b"PK\x03\x04", "unknown kind of file"),
    "gzip cut short": ("a.csv.gz", gzip.compress(random.Random(7).randbytes(90_000).hex("\n", 8).join(["email\n", ""]).encode())[:-30_000], "cannot be read after line"),
    "UTF-16 cut short": ("a.csv", utf16(ROWS)[:-1], "cannot be read after line 2"),
    "Parquet cut short": ("a.parquet", PARQUET[:-9], "not a readable Parquet file"),
    "Parquet with a damaged page": ("a.parquet", DAMAGED, "cannot be read after row"),
    "Parquet of lists": ("a.parquet", parquet_bytes(email=[[SECRET]]), "column email holds lists or structs"),
    "Parquet of structs": ("a.parquet", parquet_bytes(email=[{"address": SECRET}]), "column email holds lists or structs"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_that_cannot_be_read_is_one_permanent_error_that_names_it_and_shows_nobody(land, case):
    name, content, said = REFUSED[case]
    with pytest.raises(PermanentError) as caught:
        list(read_files([land(name, content)], {}))
    message = str(caught.value)
    assert message.startswith(f"{name}: ")
    assert said in message
    assert SECRET not in message
    assert caught.value.__cause__ is None


def test_a_file_that_may_not_be_opened_is_named():
    def forbidden():
        raise PermissionError

    with pytest.raises(PermanentError, match=r"^a\.csv: cannot be opened \(PermissionError\)"):
        list(read_files([("a.csv", forbidden)], {}))


LONG = "email\n" + "".join(f"person{n}@example.com\n" for n in range(30_000))


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.parquet"])
@pytest.mark.parametrize("change", ["grows", "is replaced"])
def test_a_file_that_changes_while_it_is_read_is_worth_another_try(land, name, change):
    contents = {"a.csv": LONG, "a.csv.gz": gzip.compress(LONG.encode()), "a.parquet": PARQUET}
    path = land(name, contents[name])
    batches = iter(read_files([path], {}))
    next(batches)
    if change == "grows":
        with path.open("ab") as file:
            file.write(b"x")
    else:
        land("b", contents[name]).replace(path)
    with pytest.raises(TransientError, match="changed while it was read"):
        list(batches)


def test_a_file_that_is_cut_while_it_is_read_is_not_called_broken(land):
    packed = gzip.compress(LONG.encode())
    path = land("a.csv.gz", packed)
    batches = iter(read_files([path], {}))
    next(batches)
    with path.open("r+b") as file:
        file.truncate(len(packed) // 3)
    with pytest.raises(TransientError, match="changed while it was read"):
        list(batches)


def test_a_refused_cell_is_written_down_with_its_file_and_line(land):
    files = [
        land("b.jsonl", '{"email": "b@x.org", "birth_date": "31.2.1990"}\n'),
        land("a.csv", "email,phone,country\na@x.org,12,US\n"),
    ]
    assert walk(files).places() == [
        ("a.csv", 2, "phone", "not_a_phone"),
        ("b.jsonl", 1, "birth_date", "impossible_date"),
    ]  # fmt: skip


def test_refusals_are_shown_by_file_and_reason_and_downloaded_as_counts(land):
    files = [
        land("a|b.csv", f"email,phone\n{SECRET}\nb@x.org,2,{SECRET}\nc@x.org,1\n"),
        land("c.jsonl", '{"email": "c@x.org"}\n'),
    ]
    shown = refused_rows(walk(files).files)
    assert shown["refused_rows_by_reason"].data == {"a|b.csv": {"wrong_number_of_cells": 2}}
    assert (
        "| a\\|b.csv | wrong_number_of_cells | 2 | 2 | quote cells that hold the separator |"
        in shown["refused_rows"].md_str
    )
    assert SECRET not in str(shown)
    assert refused_rows([])["refused_rows"].md_str == "none"


# Without the controls of which every binary file is full.
CELL = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t\n\r\v\f\x1a\x85"), max_size=12)
DAMAGE = st.sampled_from(["none", "none", "short", "long", "NUL", "bad byte"])
# Enough sound lines that the file is UTF-8 beyond doubt.
SOUND = [(f"sound{number}", "Zoë", "Zürich", "none") for number in range(30)]


def written(cells, damage, dialect):
    """One row as the csv module writes it, and then damaged."""
    cells = {"short": cells[:2], "long": [*cells, "more"], "NUL": [cells[0], "\0", cells[2]]}.get(damage, cells)
    text = io.StringIO(newline="")
    csv.writer(text, **dialect).writerow(cells)
    line = text.getvalue().encode()
    # Inside the first cell, which begins with its number.
    return line.replace(b"row", b"row\xff", 1) if damage == "bad byte" else line


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(st.tuples(CELL, CELL, CELL, DAMAGE), max_size=25),
    separator=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_what_the_csv_module_writes_is_read_cell_for_cell_and_damage_costs_its_own_row(rows, separator, quoting):
    # With another line end the module leaves a carriage return without quotes.
    dialect = {"delimiter": separator, "quoting": quoting, "lineterminator": "\r\n"}
    rows = [*SOUND, *((f"row{number}{first}", *others) for number, (first, *others) in enumerate(rows))]
    lines = [written(list(cells), damage, dialect) for *cells, damage in rows]
    content = b"".join([written(["customer_id", "first_name", "city"], "none", dialect), *lines])
    reading = read_files([("a.csv", lambda: io.BytesIO(content))], {})
    read = [(row["customer_id"], row["first_name"], row["city"]) for batch in reading for row in batch.to_pylist()]
    assert read == [tuple(cell or None for cell in cells) for *cells, damage in rows if damage == "none"]
    spoiled = [number for number, (*_, damage) in enumerate(rows) if damage != "none"]
    assert list(reading.report.unreadable) == spoiled
    first_lines = itertools.accumulate((breaks(line) for line in lines), initial=2)
    told = reading.report.quarantine().column("line").to_pylist()
    assert told == [line for line, (*_, damage) in zip(first_lines, rows, strict=False) if damage != "none"]


def breaks(line):
    """How many lines a written row takes: a carriage return ends one too."""
    return len(re.findall(rb"\r\n|\r|\n", line))
