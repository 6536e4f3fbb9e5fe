"""No query that is accepted shows a row of too few people, or a disallowed column.

Queries are drawn from a grammar per kind of rule. The oracle shares nothing with the engine: it runs what was accepted
on data with planted individuals and looks at every cell. Chance seldom meets the one query that a rule is for, so each
rule also has a query that leaks without it. For more than the modest number of the suite:
SEGMENT_ASSETS_FUZZ_EXAMPLES=5000 pytest --timeout=0.
"""

from __future__ import annotations

import collections
import json
import os

import duckdb
import pytest
import sqlglot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from segment_assets.privacy.enforcement import enforce
from segment_assets.privacy.judging import judge_in
from segment_assets.privacy.rule_config import Question, read_question
from segment_assets_tests.privacy.leak_grammar import EVENTS, PEOPLE, Aggregation, Custom, drawn_queries

MORE = "SEGMENT_ASSETS_FUZZ_EXAMPLES"
EXAMPLES = int(os.environ.get(MORE, "7"))
RUNNER, PARTNER = "111122223333", "444455556666"
MINIMUM = 4
# What is made of the margin is a number of this size; everything else stays far below.
MARGIN = 1e12
ASKING = {"allowedAnalyses": ["ANY_QUERY"], "allowedAnalysisProviders": [RUNNER]}


def _custom(disallowed, kind=None):
    threshold = {"identityColumns": ["user_id"], "minimumIdentityCount": MINIMUM, "type": "COUNT_DISTINCT", "allowedAggregateExpressionType": kind}  # fmt: skip
    thresholds = {"aggregationThresholds": [threshold]} if kind else {}
    return {"custom": {**ASKING, "disallowedOutputColumns": disallowed, **thresholds}}


def _aggregation(dimensions, numbers):
    return {
        "aggregation": {
            "aggregateColumns": [
                {"columnNames": ["user_id"], "function": "COUNT_DISTINCT"},
                *[{"columnNames": numbers, "function": function} for function in ("SUM", "AVG") if numbers],
            ],
            "joinColumns": ["user_id"],
            "dimensionColumns": dimensions,
            "scalarFunctions": ["UPPER", "COALESCE"],
            "outputConstraints": [{"columnName": "user_id", "minimum": MINIMUM, "type": "COUNT_DISTINCT"}],
        }
    }


ROOMS = {
    "columns only": (_custom(["secret", "margin"], "COLUMNS_ONLY"), _custom(["hidden", "user_id"])),
    "any expression": (_custom(["secret", "margin"], "ANY_EXPRESSION"), _custom(["hidden"], "ANY_EXPRESSION")),
    "aggregation": (_aggregation(["campaign", "channel"], ["cost"]), _aggregation(["tier"], [])),
}
GRAMMARS = {"columns only": Custom, "any expression": Custom, "aggregation": Aggregation}
SHAPES = [(room, shape) for room, grammar in GRAMMARS.items() for shape in grammar.SHAPES]


def ask(room, sql):
    events, people = ROOMS[room]
    tables = {
        "events": {"owner": PARTNER, "columns": EVENTS, "rule": events},
        "people": {"owner": RUNNER, "columns": PEOPLE, "rule": people},
    }
    question = read_question({"rule_config": {"query_runner": RUNNER, "tables": tables}, "sql": sql})
    assert isinstance(question, Question), question
    return judge_in(sql, question.situation())


@pytest.fixture(scope="module")
def world():
    """Twelve people; 'common' campaigns have many, everything called 'rare' has three, 'lone' one; some are unknown.

    A secret that many share would stand for enough people, as would three people and the unknown ones together.
    """
    events, people = [], []
    for n in range(12):
        user = f"user_{n:02}"
        people.append((user, "rare_tier" if n < MINIMUM - 1 else "gold", "hidden_shared"))
        events += [(user, "common", "tv", "secret_shared", 1.0 + n), (user, "wide", "web", f"secret_w{n}", 2.0)]
        if n < MINIMUM - 1:
            events += [(user, "rare_campaign", "rare_channel", f"secret_r{n}", 10.0)] * 5
    events += [("user_00", "lone_campaign", "tv", "secret_lone", 9.0)] * 9
    for name in ("rare_unknown", "rare_campaign"):
        events += [(None, name, "tv", f"secret_n{n}", 5.0) for n in range(9)]
    with duckdb.connect(config={"threads": 1, "error_on_division_by_zero": False}) as connection:
        connection.execute(
            "CREATE TABLE events"
            " (user_id VARCHAR, campaign VARCHAR, channel VARCHAR, secret VARCHAR, cost DOUBLE, margin DOUBLE)"
        )
        connection.execute("CREATE TABLE people (user_id VARCHAR, tier VARCHAR, hidden VARCHAR)")
        connection.executemany(f"INSERT INTO events VALUES (?, ?, ?, ?, ?, {MARGIN})", events)
        connection.executemany("INSERT INTO people VALUES (?, ?, ?)", people)
        yield connection


PLANTED = ("SECRET_", "HIDDEN_", "USER_", "RARE_", "LONE_")


def answered(world, sql):
    cursor = world.execute(sql)
    return [column[0] for column in cursor.description], cursor.fetchall()


def leaks(names, rows, *, tiers_are_free):
    """What an outsider would see: planted text or margin in any cell, and a count of people below the minimum."""
    for row in rows:
        for name, value in zip(names, row, strict=True):
            text = str(value).upper()
            if any(mark in text for mark in PLANTED) and not (tiers_are_free and "RARE_TIER" in text):
                yield f"{name} = {value}"
            if isinstance(value, (int, float)) and value >= MARGIN:
                yield f"{name} is made of the margin"
            if name.startswith("reach") and value is not None and value < MINIMUM:
                yield f"{name} = {value} people"


def leaked(world, room, sql, verdict):
    """What an accepted query shows that it must not; and more rows than its LIMIT says."""
    if not verdict.runnable:
        return [], []
    names, rows = answered(world, enforce(verdict).sql)
    limit = sqlglot.parse_one(sql, read="spark").args.get("limit")
    too_many = [f"{len(rows)} rows"] if limit and len(rows) > int(limit.expression.this) else []
    return [*leaks(names, rows, tiers_are_free=room == "columns only"), *too_many], rows


SEEN = collections.Counter()
NODES = {"plain": exp.Select, "join": exp.Join, "having": exp.Having, "window": exp.Window, "subquery": exp.Subquery,
         "union": exp.Union, "cte": exp.CTE, "where": exp.Where, "scalar": (exp.Upper, exp.Coalesce)}  # fmt: skip


@pytest.mark.parametrize(("room", "shape"), SHAPES)
@settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=MORE not in os.environ
)
@given(data=st.data())
def test_no_accepted_query_leaks_a_small_row_or_a_disallowed_column(world, room, shape, data):
    tree = data.draw(drawn_queries(GRAMMARS[room], shape))
    sql = tree.sql("spark")
    verdict = ask(room, sql)
    json.dumps([reason.to_json() for reason in verdict.reasons])
    found, rows = leaked(world, room, sql, verdict)
    nodes = NODES[shape] if isinstance(NODES[shape], tuple) else (NODES[shape],)
    SEEN[room, shape] += bool(rows and tree.find(*nodes))
    assert not found, (found, sql, enforce(verdict).sql)


@pytest.mark.parametrize("room", ROOMS)
def test_the_fuzz_saw_rows_of_every_shape_in_every_room(room):
    """Without this the fuzz could pass by refusing everything."""
    assert [shape for shape in GRAMMARS[room].SHAPES if not SEEN[room, shape]] == [], SEEN


# One query per rule that leaks where the rule is not asked: chance meets few of them.
LEAKING = [
    ("aggregation", "SELECT e.campaign AS text_0, COUNT(DISTINCT e.user_id) AS reach_1 FROM events AS e GROUP BY e.campaign"),
    ("aggregation", "SELECT e.secret AS text_0, COUNT(DISTINCT e.user_id) AS reach_1 FROM events AS e GROUP BY e.secret"),
    ("aggregation", "SELECT e.campaign AS text_0, SUM(e.margin) AS number_1 FROM events AS e GROUP BY e.campaign"),
    ("aggregation", "SELECT MAX(e.secret) AS text_0, COUNT(DISTINCT e.user_id) AS reach_1 FROM events AS e"),
    ("columns only", "SELECT campaign AS text_0, COUNT(DISTINCT user_id) AS reach_1 FROM events GROUP BY campaign"),
    ("columns only", "SELECT secret AS text_0, COUNT(DISTINCT user_id) AS reach_1 FROM events GROUP BY secret"),
    ("any expression", "SELECT campaign AS text_0, SUM(margin * 2) AS number_1 FROM events GROUP BY campaign"),
    ("any expression", "SELECT p.hidden AS text_0, COUNT(*) AS number_1 FROM events AS e JOIN people AS p ON e.user_id = p.user_id GROUP BY p.hidden"),
    ("columns only", "SELECT COUNT(DISTINCT CASE WHEN campaign = 'rare_campaign' THEN user_id END) AS reach_0, SUM(cost) AS number_1 FROM events"),
    ("any expression", "SELECT COUNT(DISTINCT CASE WHEN user_id = 'user_00' THEN user_id END) AS reach_0, SUM(cost) AS number_1 FROM events"),
    ("columns only", "SELECT e.campaign AS text_0, COUNT(DISTINCT e.user_id) AS reach_1 FROM events AS e CROSS JOIN (SELECT COUNT(DISTINCT user_id) AS n FROM events) AS x GROUP BY e.campaign"),
    ("columns only", "SELECT DISTINCT campaign AS text_0 FROM (SELECT campaign, user_id FROM events UNION SELECT campaign, user_id FROM events) AS x"),
    ("any expression", "WITH w AS (SELECT campaign, user_id FROM events) SELECT campaign AS text_0, COUNT(*) AS number_1 FROM w GROUP BY campaign HAVING COUNT(*) > 1"),
    ("columns only", "SELECT campaign AS text_0, COUNT(DISTINCT user_id) AS reach_1, LEAD(campaign) OVER (ORDER BY campaign) AS text_2 FROM events WHERE campaign NOT LIKE 'rare%' GROUP BY campaign"),
    ("any expression", "SELECT campaign AS text_0, COUNT(DISTINCT user_id) AS number_1, LAG(COUNT(DISTINCT user_id)) OVER (ORDER BY campaign) AS reach_2 FROM events WHERE campaign IN ('common', 'lone_campaign', 'wide') GROUP BY campaign"),
    ("any expression", "SELECT q.campaign AS text_0, COUNT(DISTINCT q.user_id) AS reach_1, MIN(q.before) AS text_2 FROM (SELECT campaign, user_id, LAG(campaign) OVER (ORDER BY campaign) AS before FROM events) AS q WHERE q.campaign = 'wide' GROUP BY q.campaign"),
    ("any expression", "WITH g AS (SELECT campaign, COUNT(DISTINCT user_id) AS n FROM events GROUP BY campaign) SELECT campaign AS text_0, n AS reach_1, SUM(CASE WHEN campaign = 'lone_campaign' THEN n END) OVER () AS reach_2 FROM g"),
    ("any expression", "WITH g AS (SELECT campaign, COUNT(DISTINCT user_id) AS n FROM events GROUP BY campaign) SELECT campaign AS text_0, n AS reach_1, AVG(CASE WHEN campaign = 'lone_campaign' THEN n END) OVER () AS reach_2 FROM g"),
    ("any expression", "WITH g AS (SELECT campaign, channel, COUNT(DISTINCT user_id) AS n FROM events GROUP BY campaign, channel) SELECT campaign AS text_0, n AS reach_1, SUM(n) OVER (PARTITION BY channel) - n AS reach_2 FROM g"),
    ("any expression", "SELECT d.campaign AS text_0, COUNT(*) OVER (PARTITION BY d.channel) - 1 AS reach_1 FROM (SELECT DISTINCT campaign, channel FROM events) AS d"),
    ("columns only", "SELECT q.c AS text_0, COUNT(DISTINCT q.u) AS reach_1 FROM (SELECT a.user_id AS u, LEAD(b.campaign) OVER (PARTITION BY a.user_id ORDER BY b.campaign) AS c FROM events AS a JOIN events AS b ON a.channel = b.channel AND (a.user_id = b.user_id OR b.campaign = 'lone_campaign') WHERE a.campaign = 'common') AS q GROUP BY q.c"),
    ("any expression", "WITH j AS (SELECT a.user_id AS u, b.campaign AS c FROM events AS a JOIN events AS b ON a.channel = b.channel AND (a.user_id = b.user_id OR b.campaign = 'lone_campaign') WHERE a.campaign = 'common') SELECT q.c AS text_0, COUNT(DISTINCT q.u) AS reach_1 FROM (SELECT u, LEAD(c) OVER (PARTITION BY u ORDER BY c) AS c FROM j) AS q GROUP BY q.c"),
]  # fmt: skip


@pytest.mark.parametrize(("room", "sql"), LEAKING)
def test_a_query_that_leaks_without_a_rule_is_refused_or_shows_nothing_small(world, room, sql):
    free = room == "columns only"
    assert list(leaks(*answered(world, sqlglot.transpile(sql, read="spark", write="duckdb")[0]), tiers_are_free=free))
    assert leaked(world, room, sql, ask(room, sql))[0] == []


def test_what_is_shown_of_small_groups_is_the_large_ones(world):
    sql = "SELECT campaign AS text_0, COUNT(DISTINCT user_id) AS reach_1 FROM events GROUP BY campaign"
    assert leaked(world, "columns only", sql, ask("columns only", sql)) == ([], [("common", 12), ("wide", 12)])


OVER_PEOPLE = (
    "SELECT q.c, COUNT(DISTINCT q.u) AS n FROM (SELECT e.user_id AS u, {} AS c FROM events AS e {}) AS q GROUP BY q.c"
)
JOINED = "JOIN people AS p ON e.user_id = p.user_id"
WINDOWS = [
    ("LAG(e.campaign) OVER (PARTITION BY e.user_id ORDER BY e.cost)", "", True),
    ("MIN(e.campaign) OVER (PARTITION BY e.channel, e.user_id)", "", True),
    ("LAG(p.tier) OVER (PARTITION BY e.user_id ORDER BY e.cost)", JOINED, True),
    ("LAG(p.tier) OVER (PARTITION BY e.user_id ORDER BY e.cost)", "LEFT " + JOINED, True),
    ("ROW_NUMBER() OVER (PARTITION BY p.user_id ORDER BY e.cost)", JOINED, True),
    ("COUNT(e.user_id) OVER (PARTITION BY e.campaign)", "", True),
    ("LAG(o.campaign) OVER (PARTITION BY e.user_id ORDER BY e.cost)", "LEFT JOIN events AS o ON o.user_id = e.user_id", True),
    # A row of a table that meets itself in another way is of two people.
    ("LAG(o.campaign) OVER (PARTITION BY e.user_id ORDER BY e.cost)", "JOIN events AS o ON o.channel = e.channel", False),
    ("LAG(o.campaign) OVER (PARTITION BY o.user_id ORDER BY e.cost)", "CROSS JOIN events AS o", False),
    # Of people without a row in `people` there is no identity to tell them apart.
    ("LAG(e.campaign) OVER (PARTITION BY p.user_id ORDER BY e.cost)", "LEFT " + JOINED, False),
    ("LAG(p.tier) OVER (PARTITION BY e.user_id ORDER BY e.cost)", "FULL " + JOINED, False),
    ("LAG(p.tier) OVER (PARTITION BY e.user_id ORDER BY e.cost)", "JOIN people AS p ON e.campaign = p.tier", False),
    ("LAG(e.campaign) OVER (PARTITION BY UPPER(e.user_id) ORDER BY e.cost)", "", False),
    ("LEAD(e.campaign) OVER (PARTITION BY e.channel ORDER BY e.cost)", "", False),
    ("MAX(e.campaign) OVER ()", "", False),
    ("SUM(e.cost) OVER (ORDER BY e.campaign)", "", False),
    # Between the places of two told campaigns are the rows of a withheld one.
    ("RANK() OVER (ORDER BY e.campaign)", "", False),
    ("ROW_NUMBER() OVER (ORDER BY e.campaign)", "", False),
]  # fmt: skip


@pytest.mark.parametrize(("window", "join", "runs"), WINDOWS)
def test_a_window_runs_here_where_it_looks_at_no_other_person_or_only_adds_up(window, join, runs):
    verdict = ask("any expression", OVER_PEOPLE.format(window, join))
    assert verdict.accepted, verdict.explain()
    assert verdict.runnable is runs, verdict.explain()


@pytest.mark.parametrize(
    "window", ["SUM(COUNT(*)) OVER ()", "RANK() OVER (ORDER BY COUNT(*))", "MAX(e.campaign) OVER ()"]
)
def test_no_window_runs_here_beside_groups_of_several_people(window):
    sql = f"SELECT e.campaign, COUNT(*) AS n, {window} AS w FROM events AS e GROUP BY e.campaign"
    verdict = ask("any expression", sql)
    assert (verdict.accepted, verdict.runnable) == (True, False)


OVER_GROUPS = "WITH g AS ({}) SELECT g.c AS c, COUNT(g.n) AS k FROM (SELECT c, SUM(n) OVER (PARTITION BY c) AS n FROM g) AS g GROUP BY g.c"
GROUPS = [
    ("SELECT campaign AS c, user_id AS u, COUNT(*) AS n FROM events GROUP BY campaign, user_id", True),
    ("SELECT DISTINCT campaign AS c, user_id AS u, 1 AS n FROM events", True),
    ("SELECT campaign AS c, COUNT(*) AS n FROM events GROUP BY campaign", False),
    ("SELECT DISTINCT campaign AS c, 1 AS n FROM events", False),
    ("SELECT campaign AS c, 1 AS n FROM events UNION SELECT channel AS c, 1 AS n FROM events", False),
    ("SELECT DISTINCT c, n FROM (SELECT campaign AS c, COUNT(*) AS n FROM events GROUP BY campaign, user_id) AS x", False),
]  # fmt: skip


@pytest.mark.parametrize(("groups", "runs"), GROUPS)
def test_a_sum_over_groups_runs_here_where_each_of_them_is_of_one_person(groups, runs):
    verdict = ask("any expression", OVER_GROUPS.format(groups))
    assert (verdict.accepted, verdict.runnable) == (True, runs), verdict.explain()


def test_any_expression_tells_of_few_people_in_a_row_of_many_with_a_window_as_without(world):
    """What is counted are the people of a row. Who does not want this writes COLUMNS_ONLY into the rule."""
    alone = "SUM(CASE WHEN campaign = 'lone_campaign' THEN 1 ELSE 0 END)"
    plain = f"SELECT COUNT(DISTINCT user_id) AS people, {alone} AS number_1 FROM events"
    window = f"SELECT COUNT(DISTINCT user_id) AS people, MAX(t) AS number_1 FROM (SELECT user_id, {alone} OVER () AS t FROM events) AS e"
    for sql in (plain, window):
        assert leaked(world, "any expression", sql, ask("any expression", sql)) == ([], [(12, 9)])
        assert not ask("columns only", sql).runnable


def test_tables_that_one_join_ties_and_another_does_not_are_not_of_one_person():
    tied = "SELECT e.user_id AS u FROM events AS e JOIN people AS p ON e.user_id = p.user_id"
    sql = OVER_PEOPLE.format("LAG(p.tier) OVER (PARTITION BY e.user_id ORDER BY e.cost)", "FULL " + JOINED)
    assert not ask("any expression", f"WITH w AS ({tied}) {sql}").runnable


def test_without_a_threshold_windows_run_as_they_are():
    assert ask("columns only", "SELECT tier, LAG(tier) OVER (ORDER BY tier) AS before FROM people").runnable
