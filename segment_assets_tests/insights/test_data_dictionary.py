"""The data dictionary: it is current, it has every column, and it says who is in it."""

from __future__ import annotations

import functools
import re

import pytest

from segment_assets import data_dictionary
from segment_assets.data_dictionary import Adds, adds_up, metadata_of
from segment_assets.tables import TABLES

_PEOPLE = {"people", "customers", "viewers", "converters", "buyers", "members"}


@functools.cache
def written() -> str:
    return data_dictionary.page()


def chapter(name: str) -> str:
    return written().split(f"\n## {name}\n")[1].split("\n## ")[0]


def test_the_page_in_the_repository_is_current() -> None:
    kept = data_dictionary.FILE.read_text("utf-8")
    assert kept == written(), "run `make docs`"


def test_every_table_and_column_stands_in_it_with_type_personal_data_and_whether_it_adds_up() -> None:
    for table in TABLES.values():
        rows = [line for line in chapter(table.name).splitlines() if line.startswith("| `")]
        assert [line.split("`")[1] for line in rows] == table.column_names()
        for column, line in zip(table.columns, rows, strict=True):
            cells = [cell.strip() for cell in line.replace("\\|", "").strip("|").split("|")]
            assert len(cells) == 6
            assert cells[1].startswith(column.type.value)
            assert cells[4] == column.pii.value
            assert cells[5] == adds_up(column).value


@pytest.mark.parametrize(
    ("table", "column", "expected"),
    [
        ("attribution", "credit", "in part"),
        ("exposure_sets", "people", "in part"),
        ("exposure_frequency", "people", "in part"),
        ("customer_reach", "exposed_customers", "no"),
        ("reach_forecast", "expected_people", "no"),
        ("spend", "amount_eur", "yes"),
        ("spend", "amount", "in part"),
        ("attribution", "model", "-"),
    ],
)
def test_the_page_says_of_a_number_whether_it_adds_up(table: str, column: str, expected: str) -> None:
    (row,) = (line for line in chapter(table).splitlines() if line.startswith(f"| `{column}`"))
    assert row.endswith(f"| {expected} |")


def test_people_never_add_up_without_saying_over_what_they_do() -> None:
    counted = re.compile(r"^(Distinct|Customers|Viewers|People)\b|\bpeople\b", re.IGNORECASE)
    plain = [
        f"{table.name}.{column.name}"
        for table in TABLES.values()
        for column in table.columns
        if adds_up(column) is Adds.YES and (column.name in _PEOPLE or counted.search(column.description))
    ]
    assert plain == []


def test_a_result_of_the_clean_room_says_how_few_people_it_may_be_about() -> None:
    assert "at least 100 people" in chapter("overlap_by_creative")
    assert "threshold: that of [customer_reach](#customer_reach), [exposure_freq" in chapter("reach_frequency")
    assert "Privacy threshold" not in chapter("deliveries")


def test_the_catalogue_is_told_the_question_what_adds_up_and_who_is_in_a_table() -> None:
    told = metadata_of(TABLES["reach_frequency"])
    assert told["business_question"] == TABLES["reach_frequency"].question
    assert "people (in part)" in told["adds_up"]
    assert "conversion_rate" in told["never_add_up"]
    assert "personal_data" not in told
    assert "digest" in metadata_of(TABLES["hashed_audience"])["personal_data"]
