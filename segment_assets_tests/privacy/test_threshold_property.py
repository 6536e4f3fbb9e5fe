"""Whatever legal query is asked of whatever data, no row stands for fewer people than the minimums say.

The oracle groups plain Python rows; it shares nothing with the code under test.
"""

from __future__ import annotations

import copy
from collections import defaultdict

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segment_assets.privacy import Collaboration, enforce, judge
from segment_assets_tests.examples import examples
from segment_assets_tests.privacy.conftest import DOCUMENT, RUNNER

PUBLISHER_MINIMUM, RUNNER_MINIMUM = 4, 2
DIMENSIONS = {"i.campaign_id": 1, "i.channel": 2, "c.segment": 4}
FILTERS = {
    "i.channel = 'a'": lambda row: row[2] == "a",
    "i.channel <> 'b'": lambda row: row[2] not in (None, "b"),
    "i.campaign_id IS NULL": lambda row: row[1] is None,
    "NOT (c.segment IN ('x') OR i.campaign_id LIKE 'p%')": lambda row: _not(
        _or(_equal(row[4], "x"), _starts(row[1], "p"))
    ),
}


def _equal(value, other):
    return None if value is None else value == other


def _starts(value, prefix):
    return None if value is None else value.startswith(prefix)


def _or(one, other):
    return True if True in (one, other) else None if None in (one, other) else False


def _not(value):
    return value is False


def _collaboration():
    document = copy.deepcopy(DOCUMENT)
    rule = document["configuredTables"][0]["analysisRule"]["analysisRulePolicy"]["v1"]["aggregation"]
    rule["outputConstraints"][0]["minimum"] = PUBLISHER_MINIMUM
    return Collaboration.parse(document)


EXAMPLES = _collaboration()
people = st.one_of(st.none(), st.integers(0, 9).map("u{}".format))
households = st.sampled_from(["h1", "h2", None])
impressions = st.lists(
    st.tuples(people, st.sampled_from(["p1", "p2", "q", None]), st.sampled_from(["a", "b", None]), households),
    max_size=40,
)
customers = st.lists(st.tuples(people, st.sampled_from(["x", "y", None]), households), max_size=14)
keys = st.sampled_from(["user_id", "household_id"])
grouped_by = st.lists(st.sampled_from(sorted(DIMENSIONS)), unique=True, max_size=3)


questions = st.tuples(keys, grouped_by, st.none() | st.sampled_from(sorted(FILTERS)), st.booleans())


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect(config={"threads": 1}) as opened:
        yield opened


@settings(max_examples=examples(80), deadline=None)
@given(impressions, customers, questions)
def test_rows_shown_are_exactly_the_groups_of_enough_people(connection, views, known, question):
    key, groups, condition, show_groups = question
    sql = _sql(key, groups, condition, show_groups=show_groups)
    verdict = judge(sql, EXAMPLES, RUNNER)
    assert verdict.accepted, verdict.explain()
    connection.register("impressions", _table(views, ["user_id", "campaign_id", "channel", "household_id"]))
    connection.register("customers", _table(known, ["user_id", "segment", "household_id"]))
    shown = connection.execute(enforce(verdict).sql).fetchall()
    wanted = _oracle(views, known, key, groups, condition, show_groups=show_groups)
    assert sorted(shown, key=repr) == sorted(wanted, key=repr)


LEGAL = [
    "SELECT",
    "i",
    ".",
    "channel",
    "AS",
    "c1",
    ",",
    "UPPER",
    "(",
    "i",
    ".",
    "channel",
    ")",
    "AS",
    "u",
    ",",
    "COUNT",
    "(",
    "DISTINCT",
    "i",
    ".",
    "user_id",
    ")",
    "AS",
    "n",
    "FROM",
    "impressions",
    "i",
    "INNER",
    "JOIN",
    "customers",
    "c",
    "ON",
    "i",
    ".",
    "user_id",
    "=",
    "c",
    ".",
    "user_id",
    "AND",
    "i",
    ".",
    "household_id",
    "=",
    "c",
    ".",
    "household_id",
    "WHERE",
    "i",
    ".",
    "channel",
    "IN",
    "(",
    "'a'",
    ",",
    "'b'",
    ")",
    "AND",
    "NOT",
    "c",
    ".",
    "segment",
    "LIKE",
    "'x%'",
    "GROUP",
    "BY",
    "i",
    ".",
    "channel",
    "HAVING",
    "SUM",
    "(",
    "i",
    ".",
    "cost",
    ")",
    ">",
    "5",
    "ORDER",
    "BY",
    "n",
    "DESC",
]
WORDS = sorted({*LEGAL, *["LEFT", "OR", "(", ")", "*", "1", "NULL", "BETWEEN", "CASE", "WHEN", "END", "UNION", "WITH", "INTERVAL", "DATE", "`a`", ";", ":p", "?", "--", "/*", "*/", "[", "]", "{", "}", "@", "LATERAL", "VIEW", "OVER", "PARTITION", "VALUES", "LIMIT", "OFFSET", "USING", "NATURAL", "EXISTS", "(SELECT", "FILTER", "ROLLUP", "TABLESAMPLE", "QUALIFY", "'jane@example.com'", "ALTER"]})  # fmt: skip
edits = st.lists(st.tuples(st.integers(0, 80), st.integers(0, 2), st.sampled_from(WORDS)), max_size=5)


@settings(max_examples=examples(120), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits)
def test_a_legal_query_with_words_changed_gets_a_verdict_and_never_loses_its_thresholds(caplog, edits_):
    words = list(LEGAL)
    for place, removed, word in edits_:
        words[place : place + removed] = [word]
    verdict = judge(" ".join(words), EXAMPLES, RUNNER)
    assert "jane" not in verdict.explain() + caplog.text
    if verdict.accepted:
        # What AWS runs under a name that is none here, `AS 1`, is judged and not run.
        promised = enforce(verdict).thresholds if verdict.runnable else verdict.thresholds
        assert {threshold.table for threshold in promised} == set(verdict.tables)


def _sql(key, groups, condition, *, show_groups):
    select = [*(f"{name} AS g{n}" for n, name in enumerate(groups) if show_groups), "COUNT(DISTINCT c.user_id) AS n"]
    sql = f"SELECT {', '.join(select)} FROM impressions i JOIN customers c ON i.{key} = c.{key}"
    sql += f" WHERE {condition}" if condition else ""
    return sql + (f" GROUP BY {', '.join(groups)} ORDER BY n DESC" if groups else "")


def _table(rows, names):
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    return pa.table({name: pa.array(list(column), pa.string()) for name, column in zip(names, columns, strict=True)})


def _oracle(views, known, key, groups, condition, *, show_groups):
    seen_at, known_at = (0, 0) if key == "user_id" else (3, 2)
    found = defaultdict(lambda: (set(), set()))
    for view in views:
        for person in known:
            if view[seen_at] is None or view[seen_at] != person[known_at]:
                continue
            row = (view[0], view[1], view[2], person[0], person[1])
            if condition and not FILTERS[condition](row):
                continue
            viewers, customers_ = found[tuple(row[DIMENSIONS[name]] for name in groups)]
            viewers.update({view[0]} - {None})
            customers_.update({person[0]} - {None})
    return [
        (*(group if show_groups else ()), len(customers_))
        for group, (viewers, customers_) in found.items()
        if len(viewers) >= PUBLISHER_MINIMUM and len(customers_) >= RUNNER_MINIMUM
    ]
