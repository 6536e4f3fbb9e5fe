"""No query that is accepted shows a row of too few people, or a disallowed column.

Queries are drawn from a grammar as sqlglot trees, legal and illegal ones. The oracle shares nothing with the engine: it
runs what was accepted on data with planted individuals and looks at every cell. For more than the modest number of the
suite: SEGMENT_ASSETS_FUZZ_EXAMPLES=5000 pytest --timeout=0.
"""

from __future__ import annotations

import json
import os

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from segment_assets.privacy.enforcement import enforce
from segment_assets.privacy.judging import judge_in
from segment_assets.privacy.rule_config import Question, read_question

EXAMPLES = int(os.environ.get("SEGMENT_ASSETS_FUZZ_EXAMPLES", "80"))
RUNNER, PARTNER = "111122223333", "444455556666"
MINIMUM = 4
EVENTS = {"user_id": "string", "campaign": "string", "channel": "string", "secret": "string", "cost": "double"}
PEOPLE = {"user_id": "string", "tier": "string", "hidden": "string"}
ASKING = {"allowedAnalyses": ["ANY_QUERY"], "allowedAnalysisProviders": [RUNNER]}


def _threshold(kind):
    return [{"identityColumns": ["user_id"], "minimumIdentityCount": MINIMUM, "type": "COUNT_DISTINCT", "allowedAggregateExpressionType": kind}]  # fmt: skip


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
    "columns only": (
        {"custom": {**ASKING, "disallowedOutputColumns": ["secret"], "aggregationThresholds": _threshold("COLUMNS_ONLY")}},
        {"custom": {**ASKING, "disallowedOutputColumns": ["hidden", "user_id"]}},
    ),
    "any expression": (
        {"custom": {**ASKING, "disallowedOutputColumns": ["secret"], "aggregationThresholds": _threshold("ANY_EXPRESSION")}},
        {"custom": {**ASKING, "disallowedOutputColumns": ["hidden"], "aggregationThresholds": _threshold("ANY_EXPRESSION")}},
    ),
    "aggregation": (_aggregation(["campaign", "channel"], ["cost"]), _aggregation(["tier"], [])),
}  # fmt: skip


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
    """Twelve people; 'common' campaigns have many, everything called 'rare' has three, 'lone' one; some are unknown."""
    events, people = [], []
    for n in range(12):
        user = f"user_{n:02}"
        people.append((user, "rare_tier" if n < 3 else "gold", f"hidden_{n}"))
        events += [(user, "common", "tv", f"secret_{n}", 1.0 + n), (user, "wide", "web", f"secret_w{n}", 2.0)]
        if n < MINIMUM - 1:
            events += [(user, "rare_campaign", "rare_channel", f"secret_r{n}", 100.0)] * 5
    events += [("user_00", "lone_campaign", "tv", "secret_lone", 999.0)] * 9
    events += [(None, "rare_unknown", "tv", f"secret_n{n}", 5.0) for n in range(9)]
    with duckdb.connect(config={"threads": 1, "error_on_division_by_zero": False}) as connection:
        connection.execute(
            "CREATE TABLE events (user_id VARCHAR, campaign VARCHAR, channel VARCHAR, secret VARCHAR, cost DOUBLE)"
        )
        connection.execute("CREATE TABLE people (user_id VARCHAR, tier VARCHAR, hidden VARCHAR)")
        connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?)", events)
        connection.executemany("INSERT INTO people VALUES (?, ?, ?)", people)
        yield connection


PLANTED = ("SECRET_", "HIDDEN_", "USER_", "RARE_", "LONE_")


def leaks(names, rows, *, tiers_are_free):
    """What an outsider would see: planted text in any cell, and a count of people below the minimum."""
    for row in rows:
        for name, value in zip(names, row, strict=True):
            text = str(value).upper()
            if any(mark in text for mark in PLANTED) and not (tiers_are_free and "RARE_TIER" in text):
                yield f"{name} = {value}"
            if name.startswith("reach") and value < MINIMUM:
                yield f"{name} = {value} people"


class Grammar:
    """Draws a query as a tree; `kinds` of its outputs keep unions and comparisons well typed."""

    def __init__(self, draw):
        self.draw = draw
        self.ctes = {}

    def pick(self, *options):
        return self.draw(st.sampled_from(options))

    def query(self, depth=2):
        if depth and self.pick(0, 0, 0, 1):
            one, kinds = self.select(depth - 1)
            other, _ = self.select(depth - 1, wanted=kinds)
            for side in (one, other):
                side.set("order", None)
                side.set("limit", None)
            return exp.union(one, other, distinct=bool(self.pick(1, 0))), kinds
        return self.select(depth)

    def select(self, depth, wanted=None):
        sources = self.sources(depth)
        select = exp.Select()
        columns = [(alias, name, kind) for alias, _, fields in sources for name, kind in fields.items()]
        first, *others = sources
        select = select.from_(first[1])
        for alias, node, fields in others:
            kind = self.pick("", "", "LEFT", "FULL")
            on = self.join_condition(first, (alias, node, fields))
            select = select.join(node, on=on, join_type=kind or None)
        grouped = self.pick(1, 1, 1, 0)
        keys = []
        outputs = {}
        for number, kind in enumerate(
            wanted or self.draw(st.lists(st.sampled_from(["text", "number", "reach"]), min_size=1, max_size=3))
        ):
            value = self.output(kind, columns, grouped=grouped)
            if grouped and value.find(exp.Column) and not value.find(exp.AggFunc):
                keys.append(value.copy())
            name = f"{kind}_{number}"
            outputs[name] = kind
            select = select.select(exp.alias_(value, name))
        if self.pick(0, 1):
            select = select.where(self.condition(columns))
        if keys:
            select = select.group_by(*keys)
        if grouped and self.pick(0, 0, 1):
            select = select.having(f"COUNT(*) > {self.pick(1, 3)}")
        if self.pick(0, 0, 0, 1):
            select = select.distinct()
        if self.pick(0, 0, 1):
            select = select.order_by(next(iter(outputs)))
            select = select.limit(self.pick(1, 5)) if self.pick(0, 1) else select
        return select, list(outputs.values())

    def sources(self, depth):
        count = self.pick(1, 1, 2)
        return [self.source(depth, f"{'abc'[depth % 3]}{number}") for number in range(count)]

    def source(self, depth, alias):
        table = self.pick("events", "events", "people", "query" if depth else "events")
        if table == "query":
            query, kinds = self.query(depth - 1)
            fields = {f"{kind}_{number}": kind for number, kind in enumerate(kinds)}
            return alias, query.subquery(alias), fields
        columns = EVENTS if table == "events" else PEOPLE
        kinds = {n: "id" if n == "user_id" else "number" if k == "double" else "text" for n, k in columns.items()}
        return alias, exp.alias_(exp.to_table(table), alias, table=True), kinds

    def join_condition(self, one, other):
        sides = []
        for alias, _, fields in (one, other):
            ids = [name for name, kind in fields.items() if kind == "id"]
            texts = [name for name, kind in fields.items() if kind == "text"]
            name = self.pick(*(ids or texts or list(fields)))
            sides.append(
                exp.cast(exp.column(name, table=alias), "string")
                if fields[name] in ("number", "reach")
                else exp.column(name, table=alias)
            )
        return exp.EQ(this=sides[0], expression=sides[1])

    def output(self, kind, columns, *, grouped):
        if kind == "text":
            return self.text(columns)
        ids = [exp.column(n, table=a) for a, n, k in columns if k == "id"]
        numbers = [exp.column(n, table=a) for a, n, k in columns if k == "number"]
        if kind == "reach" and ids and grouped:
            return exp.Count(this=exp.Distinct(expressions=[self.pick(*ids).copy()]))
        choices = [exp.Count(this=exp.Star())] if grouped else [exp.Literal.number(7)]
        if kind == "reach":
            return exp.Literal.number(99)
        if grouped:
            choices += [function(this=n.copy()) for n in numbers for function in (exp.Sum, exp.Avg, exp.Max)]
            choices += [exp.Sum(this=exp.Mul(this=n.copy(), expression=exp.Literal.number(2))) for n in numbers]
        else:
            choices += numbers
        return self.pick(*choices).copy()

    def text(self, columns):
        values = [exp.column(n, table=a) for a, n, k in columns if k in ("text", "id")]
        if not values:
            return exp.Literal.string("none")
        value = self.pick(*values).copy()
        shape = self.pick("bare", "bare", "bare", "upper", "coalesce", "case")
        if shape == "upper":
            return exp.Upper(this=value)
        if shape == "coalesce":
            return exp.Coalesce(this=value, expressions=[exp.Literal.string("none")])
        if shape == "case":
            condition = exp.EQ(this=value.copy(), expression=exp.Literal.string("common"))
            return exp.Case(ifs=[exp.If(this=condition, true=value)], default=exp.Literal.string("other"))
        return value

    def condition(self, columns):
        alias, name, kind = self.pick(*columns)
        column = exp.column(name, table=alias)
        if kind in ("number", "reach"):
            return exp.GT(this=column, expression=exp.Literal.number(self.pick(0, 2, 50)))
        literal = exp.Literal.string(self.pick("common", "rare_campaign", "lone_campaign", "user_00", "tv"))
        return self.pick(exp.EQ(this=column, expression=literal), exp.NEQ(this=column, expression=literal)).copy()


@st.composite
def drawn_queries(draw):
    grammar = Grammar(draw)
    query, _ = grammar.query()
    if draw(st.sampled_from([0, 0, 1])):
        inner, kinds = grammar.query(1)
        names = [f"{kind}_{number}" for number, kind in enumerate(kinds)]
        query = exp.select(*names).from_("w").with_("w", as_=inner)
    return query.sql("spark")


SEEN = {"accepted": 0, "run": 0, "rows": 0}


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(ROOMS)), drawn_queries())
def test_no_accepted_query_leaks_a_small_row_or_a_disallowed_column(world, room, sql):
    verdict = ask(room, sql)
    json.dumps([reason.to_json() for reason in verdict.reasons])
    SEEN["accepted"] += verdict.accepted
    if not verdict.runnable:
        return
    cursor = world.execute(enforce(verdict).sql)
    names, rows = [column[0] for column in cursor.description], cursor.fetchall()
    SEEN["run"] += 1
    SEEN["rows"] += len(rows)
    found = list(leaks(names, rows, tiers_are_free=room == "columns only"))
    assert not found, (found, sql, enforce(verdict).sql)


def test_the_fuzz_ran_accepted_queries_and_saw_rows():
    """Without this the fuzz could pass by refusing everything."""
    assert SEEN["run"] >= EXAMPLES // 20, SEEN
    assert SEEN["rows"] > 0, SEEN


def test_the_oracle_sees_a_leak_where_nothing_is_withheld(world):
    sql = "SELECT campaign AS text_0, COUNT(DISTINCT user_id) AS reach_1 FROM events GROUP BY campaign"
    seen = set(leaks(["text_0", "reach_1"], world.execute(sql).fetchall(), tiers_are_free=False))
    assert {"text_0 = rare_campaign", "reach_1 = 3 people", "text_0 = lone_campaign", "reach_1 = 1 people"} <= seen
    enforced = enforce(ask("columns only", sql)).sql
    assert world.execute(enforced).fetchall() == [("common", 12), ("wide", 12)]
