"""The statement that Athena is sent: exactly the rows of its sources, in the query's order, and never too long."""

from __future__ import annotations

from typing import Any

import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from segment_assets.contracts import PermanentError
from segment_assets.resources.aws.athena import AthenaWarehouse
from segment_assets.resources.aws.athena_statement import MOST_BYTES, Relation, numbered, unload
from segment_assets.resources.aws.session import AwsSession
from segment_assets.sandbox.aws.athena import statements
from segment_assets.tables import TABLES

SQL = "SELECT people FROM exposure_sets"


def over(*partitions: str) -> dict[str, Relation]:
    return {"exposure_sets": Relation("lake", TABLES["exposure_sets"], "partition", partitions)}


def order_in(statement: str) -> list[str]:
    (window,) = [
        one for one in sqlglot.parse_one(statement, read="athena").find_all(exp.Window) if one.args.get("order")
    ]
    return [key.sql(dialect="athena") for key in window.args["order"].expressions]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.text(min_size=1), min_size=1, max_size=3, unique=True), st.text(alphabet=st.characters(), max_size=9)
)
def test_whatever_partitions_and_folders_are_called_they_stay_values(names: list[str], tail: str) -> None:
    """Names of partitions come from the plan and from file names."""
    read = statements.read(unload(numbered(SQL, over(*names), ["people"]), f"s3://bucket/{tail}/"))
    assert read.target == f"s3://bucket/{tail}/"
    (filtered,) = read.select.find_all(exp.In)
    assert (filtered.this.name, [one.name for one in filtered.expressions]) == ("partition", names)
    assert [table.sql(dialect="athena") for table in read.select.find_all(exp.Table) if table.db] == [
        '"lake"."exposure_sets"'
    ]


def test_only_columns_that_the_query_names_are_asked_of_a_table() -> None:
    statement = numbered("SELECT COUNT(*) AS people FROM customers WHERE country = 'DE'", own_customers(), ["people"])
    assert 'SELECT "country" FROM "account_a"."customers")' in statement


def own_customers() -> dict[str, Relation]:
    return {"customers": Relation("account_a", TABLES["customers"])}


@pytest.mark.parametrize(
    ("sql", "order"),
    [
        (f"{SQL} ORDER BY people DESC", ['"people" DESC']),
        (f"{SQL} ORDER BY social, exposure_sets.people NULLS FIRST", ['"order_1"', '"order_2" NULLS FIRST']),
        ("SELECT DISTINCT people FROM exposure_sets ORDER BY people", ['"people"']),
        (f"{SQL} UNION {SQL} ORDER BY people", ['"people"']),
    ],
)
def test_rows_are_numbered_in_the_order_of_the_query(sql: str, order: list[str]) -> None:
    assert order_in(numbered(sql, over("a"), ["people"])) == order


def test_a_limit_keeps_its_order() -> None:
    assert "ORDER BY people LIMIT 5" in numbered(f"{SQL} ORDER BY people LIMIT 5", over("a"), ["people"])


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE exposure_sets",
        f"{SQL}; {SQL}",
        "SELECT people FROM (",
        "SELECT people FROM overlap",
        "SELECT people FROM lake.exposure_sets",
        f"{SQL} ORDER BY people + 1",
        "SELECT DISTINCT people FROM exposure_sets ORDER BY social",
    ],
)
def test_what_is_no_select_over_the_sources_in_an_order_of_columns_is_refused(sql: str) -> None:
    with pytest.raises(PermanentError):
        numbered(sql, over("a"), ["people"])


def test_a_name_of_the_warehouse_is_no_column() -> None:
    with pytest.raises(PermanentError, match="answer_row"):
        numbered("SELECT people AS answer_row FROM exposure_sets", over("a"), ["answer_row"])


def test_a_statement_may_have_as_many_bytes_as_athena_takes_and_not_one_more() -> None:
    empty = len(unload("", "s3://b/").encode())
    # Two bytes each: bytes count and not letters.
    exact = "ü" * ((MOST_BYTES - empty) // 2)
    assert len(unload(exact, "s3://b/").encode()) >= MOST_BYTES - 1
    with pytest.raises(PermanentError, match="262144 bytes"):
        unload(exact + "ü", "s3://b/")


@pytest.mark.parametrize("results", ["", "bucket/prefix", "https://bucket"])
def test_results_need_a_folder_in_s3(results: str) -> None:
    more: dict[str, Any] = {"workgroup": "w", "database": "d", "account_database": "a"}
    with pytest.raises(PermanentError, match="s3://bucket/prefix"):
        AthenaWarehouse(AwsSession("eu-central-1"), results=results, **more)
