"""The week that a reader chooses in QuickSight, where tables end in different weeks: its formulas, said to DuckDB."""

from __future__ import annotations

import re
from collections.abc import Iterator

import duckdb
import pytest

from segment_assets.dashboard.quicksight import fields
from segment_assets.tables import AUDIENCE_OVERLAP, REACH_BY_CAMPAIGN_CHANNEL

AHEAD, BEHIND = ("2026-11-02", "2026-11-09", "2026-11-16"), ("2026-11-02", "2026-11-09")


@pytest.fixture(scope="module")
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    """QuickSight's functions, as far as the two fields have them."""
    with duckdb.connect() as made:
        made.execute("CREATE MACRO ifelse(a, x, y) AS CASE WHEN a THEN x ELSE y END")
        made.execute("CREATE MACRO choose(a, x, b, y, z) AS CASE WHEN a THEN x WHEN b THEN y ELSE z END")
        for name, weeks in (("ahead", AHEAD), ("behind", BEHIND)):
            rows = ", ".join(f"(DATE '{week}', '{campaign}', 'tv')" for week in weeks for campaign in "ab")
            made.execute(
                f"CREATE TABLE {name} AS SELECT * FROM (VALUES {rows}) AS t (reporting_week, campaign_id, channel)"
            )
        yield made


def in_duckdb(expression: str, chosen: str = "") -> str:
    written = expression.replace("${Week}", f"'{chosen}'").replace("maxOver({reporting_week}, [], PRE_FILTER)", "max({reporting_week}) OVER ()")  # fmt: skip
    written = re.sub(r"rank\(\[(.*?)\], \[(.*?)\], PRE_FILTER\)", r"rank() OVER (PARTITION BY \2 ORDER BY \1)", written)
    written = re.sub(r"formatDate\((.*?), 'yyyy-MM-dd'\)", r"strftime(\1, '%Y-%m-%d')", written)
    written = written.replace("ifelse(", "choose(") if written.endswith(", 1, 0)") else written
    return written.replace("{", "").replace("}", "")


@pytest.mark.parametrize(
    ("chosen", "ahead", "behind"),
    [
        ("newest", {"2026-11-16"}, {"2026-11-09"}),
        ("2026-11-16", {"2026-11-16"}, set()),
        ("2026-11-09", {"2026-11-09"}, {"2026-11-09"}),
        ("2026-11-02", {"2026-11-02"}, {"2026-11-02"}),
    ],
)
def test_a_table_that_is_a_week_behind_shows_the_week_that_is_chosen(
    db: duckdb.DuckDBPyConnection, chosen: str, ahead: set[str], behind: set[str]
) -> None:
    shown = in_duckdb(fields.shown().expression, chosen)
    for table, expected in (("ahead", ahead), ("behind", behind)):
        rows = db.execute(f"SELECT reporting_week, {shown} FROM {table}").fetchall()
        assert {f"{week}" for week, is_shown in rows if is_shown} == expected
        assert sum(is_shown for _, is_shown in rows) == 2 * len(expected)


def test_the_newest_week_can_be_chosen_by_its_name_and_by_its_date(db: duckdb.DuckDBPyConnection) -> None:
    for table, weeks in (("ahead", AHEAD), ("behind", BEHIND)):
        label = in_duckdb(fields.choices(REACH_BY_CAMPAIGN_CHANNEL).expression)
        choices = {row[0] for row in db.execute(f"SELECT {label} FROM {table}").fetchall()}
        assert choices == {fields.NEWEST, *weeks}


def test_a_table_of_one_row_a_week_names_its_newest_week_only(db: duckdb.DuckDBPyConnection) -> None:
    label = in_duckdb(fields.choices(AUDIENCE_OVERLAP).expression)
    rows = db.execute(f"SELECT {label} FROM behind WHERE campaign_id = 'a'").fetchall()
    assert [row[0] for row in rows] == ["2026-11-02", fields.NEWEST]
