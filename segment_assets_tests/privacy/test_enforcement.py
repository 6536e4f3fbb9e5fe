"""What a runner sees of small groups: nothing. Executed on DuckDB."""

from __future__ import annotations

import duckdb
import pytest

from segment_assets.contracts import PermanentError
from segment_assets.privacy import enforce, judge

RUNNER = "111122223333"
JOINED = "FROM impressions i INNER JOIN customers c ON i.user_id = c.user_id"
REACH = f"SELECT i.campaign_id, COUNT(DISTINCT i.user_id) AS reach {JOINED} GROUP BY i.campaign_id"
MINIMUM = 100


@pytest.fixture
def connection():
    with duckdb.connect() as opened:
        opened.execute(
            "CREATE TABLE impressions (user_id VARCHAR, household_id VARCHAR, campaign_id VARCHAR, channel VARCHAR, cost DOUBLE, seen DATE)"
        )
        opened.execute("CREATE TABLE customers (user_id VARCHAR, household_id VARCHAR, segment VARCHAR, spend DOUBLE)")
        opened.execute("INSERT INTO customers SELECT 'u' || r, 'h', 's' || (r % 2), 10 FROM range(1000) t(r)")
        opened.execute("INSERT INTO customers VALUES (NULL, 'h', 's9', 10)")
        yield opened


def show(connection, campaign, people, *, times=1, channel="ctv", cost=1.0):
    """Each of the first `people` customers sees a campaign so many times."""
    connection.execute(
        "INSERT INTO impressions SELECT 'u' || r, 'h', ?, ?, ?, DATE '2026-01-05' FROM range(?) t(r), range(?)",
        [campaign, channel, cost, people, times],
    )


def rows(connection, sql, examples):
    verdict = judge(sql, examples, RUNNER)
    assert verdict.accepted, verdict.explain()
    return connection.execute(enforce(verdict).sql).fetchall()


@pytest.mark.parametrize(("people", "shown"), [(MINIMUM - 1, False), (MINIMUM, True), (MINIMUM + 1, True)])
def test_a_group_is_shown_from_exactly_its_minimum(connection, examples, people, shown):
    show(connection, "edge", people, times=3)
    show(connection, "big", 500)
    assert rows(connection, REACH, examples) == [("big", 500), *([("edge", people)] if shown else [])]


@pytest.mark.parametrize(("people", "expected"), [(MINIMUM - 1, []), (MINIMUM, [(MINIMUM,)])])
def test_a_total_below_the_minimum_gives_no_row_rather_than_zero(connection, examples, people, expected):
    show(connection, "any", people)
    assert rows(connection, f"SELECT COUNT(DISTINCT i.user_id) AS n {JOINED}", examples) == expected


def test_a_total_over_nothing_gives_no_row(connection, examples):
    assert rows(connection, f"SELECT COUNT(DISTINCT i.user_id) AS n {JOINED}", examples) == []


def test_the_threshold_counts_people_even_when_the_query_does_not_mention_them(connection, examples):
    show(connection, "loud", MINIMUM - 1, times=50, cost=9.0)
    show(connection, "wide", MINIMUM, cost=1.0)
    sql = f"SELECT i.campaign_id, SUM(i.cost) AS cost {JOINED} GROUP BY i.campaign_id"
    assert rows(connection, sql, examples) == [("wide", 100.0)]


def test_the_threshold_counts_over_the_joined_input_not_over_the_table(connection, examples):
    show(connection, "strangers", 500)
    connection.execute("DELETE FROM customers WHERE CAST(substr(user_id, 2) AS INT) >= 99")
    assert rows(connection, REACH, examples) == []


def test_the_threshold_counts_after_where(connection, examples):
    show(connection, "mixed", MINIMUM - 1, channel="ctv")
    show(connection, "mixed", 500, channel="audio")
    filtered = REACH.replace("GROUP BY", "WHERE i.channel = 'ctv' GROUP BY")
    assert rows(connection, filtered, examples) == []
    assert rows(connection, REACH, examples) == [("mixed", 500)]


def test_nulls_never_count_as_a_person(connection, examples):
    connection.execute("UPDATE impressions SET user_id = NULL")
    connection.execute("INSERT INTO impressions SELECT NULL, 'h' || r, 'nobody', 'ctv', 1, NULL FROM range(500) t(r)")
    connection.execute("INSERT INTO customers SELECT 'x' || r, 'h' || r, 's', 1 FROM range(500) t(r)")
    sql = (
        "SELECT i.campaign_id, SUM(i.cost) AS cost FROM impressions i "
        "JOIN customers c ON i.household_id = c.household_id GROUP BY i.campaign_id"
    )
    assert rows(connection, sql, examples) == []


def test_a_group_of_null_is_a_group_like_any_other(connection, examples):
    show(connection, None, MINIMUM)
    assert rows(connection, REACH, examples) == [(None, MINIMUM)]


def test_every_table_s_own_minimum_applies(connection, examples):
    """500 customers of one household against one viewer: enough for the runner's rule, not for the publisher's."""
    connection.execute("INSERT INTO impressions VALUES ('u1', 'h', 'one', 'ctv', 1, NULL)")
    sql = (
        "SELECT i.campaign_id, AVG(c.spend) AS spend FROM impressions i "
        "JOIN customers c ON i.household_id = c.household_id GROUP BY i.campaign_id"
    )
    assert rows(connection, sql, examples) == []


def test_groups_that_the_output_does_not_tell_apart_are_counted_apart(connection, examples):
    show(connection, "a", 60)
    show(connection, "b", 60)
    connection.execute(
        "UPDATE impressions SET user_id = 'u' || (CAST(substr(user_id, 2) AS INT) + 500) WHERE campaign_id = 'b'"
    )
    assert rows(connection, f"SELECT COUNT(DISTINCT i.user_id) AS n {JOINED} GROUP BY i.campaign_id", examples) == []
    assert rows(connection, f"SELECT COUNT(DISTINCT i.user_id) AS n {JOINED}", examples) == [(120,)]


def test_having_of_the_query_filters_too_and_does_not_replace_the_threshold(connection, examples):
    show(connection, "small", 50)
    show(connection, "middle", 200)
    show(connection, "big", 500)
    assert rows(connection, f"{REACH} HAVING COUNT(DISTINCT i.user_id) < 300", examples) == [("middle", 200)]


def test_the_query_s_order_is_kept_and_ties_are_settled(connection, examples):
    for campaign, people in (("b", 200), ("a", 200), (None, 200), ("z", 300), ("small", 3)):
        show(connection, campaign, people)
    assert rows(connection, f"{REACH} ORDER BY reach DESC", examples) == [
        ("z", 300),
        (None, 200),
        ("a", 200),
        ("b", 200),
    ]
    assert [row[0] for row in rows(connection, f"{REACH} ORDER BY i.campaign_id DESC", examples)] == [
        "z",
        "b",
        "a",
        None,
    ]
    by_hidden = (
        REACH.replace("SELECT i.campaign_id,", "SELECT") + " ORDER BY SUM(i.cost), i.campaign_id DESC NULLS FIRST"
    )
    assert rows(connection, by_hidden, examples) == [(200,), (200,), (200,), (300,)]


def test_helper_columns_are_not_shown(connection, examples):
    show(connection, "big", 500)
    runnable = enforce(judge(f"{REACH} ORDER BY SUM(i.cost)", examples, RUNNER))
    shown = connection.execute(runnable.sql)
    assert tuple(column[0] for column in shown.description) == runnable.outputs == ("campaign_id", "reach")


def test_scalar_functions_mean_what_they_mean_in_spark(connection, examples):
    show(connection, "2.9", 200, channel="ctv")
    sql = (
        "SELECT FLOOR(i.campaign_id) AS whole, SUBSTRING(i.channel, 2, 1) AS letter, CAST(i.seen AS STRING) AS day, "
        f"EXTRACT(MONTH FROM i.seen) AS month, UPPER(i.channel) AS big, COUNT(DISTINCT i.user_id) AS n {JOINED} "
        "GROUP BY i.campaign_id, i.channel, i.seen"
    )
    verdict = judge(sql, examples, RUNNER)
    connection.execute("ALTER TABLE impressions ALTER campaign_id TYPE DOUBLE")
    assert connection.execute(enforce(verdict).sql).fetchall() == [(2, "t", "2026-01-05", 1, "CTV", 200)]


def test_a_value_that_cannot_be_cast_is_null_and_no_error_about_one_row(connection, examples):
    show(connection, "not a date", 200)
    sql = f"SELECT CAST(i.campaign_id AS DATE) AS day, COUNT(DISTINCT i.user_id) AS n {JOINED} GROUP BY day"
    assert rows(connection, sql, examples) == [(None, 200)]


def test_a_list_gives_each_row_once_and_its_limit_the_same_rows_each_time(connection, examples):
    connection.execute(
        "CREATE TABLE crm AS SELECT 'k' || r AS id2, 'c' || (r % 4) AS internal_id, 'x' AS category FROM range(40) t(r)"
    )
    connection.execute(
        "CREATE TABLE segments AS SELECT 'k' || (r % 8) AS id2, 's' AS seg3, 1 AS score FROM range(80) t(r)"
    )
    sql = "SELECT DISTINCT c.internal_id FROM crm c JOIN segments s ON c.id2 = s.id2"
    assert rows(connection, sql, examples) == [("c0",), ("c1",), ("c2",), ("c3",)]
    assert rows(connection, f"{sql} LIMIT 2", examples) == [("c0",), ("c1",)]


def test_a_refused_query_cannot_be_enforced(examples):
    with pytest.raises(PermanentError, match="correct the query"):
        enforce(judge("SELECT COUNT(DISTINCT user_id) FROM impressions", examples, RUNNER))


def test_the_text_of_a_runnable_query_is_not_in_its_repr(examples):
    runnable = enforce(judge(REACH.replace("GROUP", "WHERE i.channel = 'jane@example.com' GROUP"), examples, RUNNER))
    assert "jane" in runnable.sql
    assert "jane" not in repr(runnable)
