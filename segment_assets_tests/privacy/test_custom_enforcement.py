"""What a runner sees under the custom rule with a threshold. Executed on DuckDB; the oracle counts in plain Python."""

from __future__ import annotations

from collections import Counter, defaultdict

import duckdb
import pytest

from segment_assets.contracts import PermanentError
from segment_assets.privacy.budgets import Budget
from segment_assets.privacy.enforcement import enforce
from segment_assets.privacy.judging import judge_in
from segment_assets.privacy.rule_config import Question, read_question

RUNNER = "111122223333"
MINIMUM = 5
ASKING = {"allowedAnalyses": ["ANY_QUERY"], "allowedAnalysisProviders": [RUNNER]}
GUARDED = {**ASKING, "aggregationThresholds": [{"identityColumns": ["u"], "minimumIdentityCount": MINIMUM}]}
TABLES = {
    "seen": {"owner": "444455556666", "columns": {"u": "string", "c": "string", "day": "int", "cost": "double"}, "rule": {"custom": GUARDED}},
    "mine": {"owner": RUNNER, "columns": {"u": "string", "tier": "string"}, "rule": {"custom": ASKING}},
}  # fmt: skip
# Campaign → people; each sees it twice. Nobody is known in `anonymous`.
CAMPAIGNS = {"below": MINIMUM - 1, "edge": MINIMUM, "above": MINIMUM + 1}
SEEN = [(f"u{n}", name, n % 3, float(n)) for name, people in CAMPAIGNS.items() for n in range(people) for _ in range(2)]
SEEN += [(None, "anonymous", 1, 1.0)] * 20
MINE = [(f"u{n}", "gold" if n < 4 else "silver") for n in range(12)]


@pytest.fixture(scope="module")
def data():
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("CREATE TABLE seen (u VARCHAR, c VARCHAR, day INT, cost DOUBLE)")
        connection.execute("CREATE TABLE mine (u VARCHAR, tier VARCHAR)")
        connection.executemany("INSERT INTO seen VALUES (?, ?, ?, ?)", SEEN)
        connection.executemany("INSERT INTO mine VALUES (?, ?)", MINE)
        yield connection


def verdict(sql):
    question = read_question({"rule_config": {"query_runner": RUNNER, "tables": TABLES}, "sql": sql})
    assert isinstance(question, Question), question
    return judge_in(sql, question.situation())


def rows(data, sql):
    found = verdict(sql)
    assert found.runnable, found.explain()
    return data.execute(enforce(found).sql).fetchall()


def test_a_group_is_shown_from_exactly_its_minimum_and_nobody_known_is_nobody(data):
    assert rows(data, "SELECT c, COUNT(DISTINCT u) AS n FROM seen GROUP BY c") == [("above", 6), ("edge", 5)]


def test_the_values_of_shown_groups_are_the_plain_ones(data):
    people, cost = defaultdict(set), Counter()
    for user, campaign, day, price in SEEN:
        people[campaign, day].add(user)
        cost[campaign, day] += price
    sql = "SELECT c, day, SUM(cost) AS s, COUNT(*) AS n FROM seen GROUP BY c, day"
    assert rows(data, sql) == []
    expected = sorted((c, sum(cost[c, d] for d in range(3))) for c in ("above", "edge"))
    assert rows(data, "SELECT c, SUM(cost) AS s FROM seen GROUP BY c") == expected


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT DISTINCT c FROM seen",
        "WITH x AS (SELECT u, c FROM seen WHERE cost >= 0) SELECT c FROM x GROUP BY c",
        "WITH x AS (SELECT u, c, COUNT(*) AS n FROM seen GROUP BY u, c), y AS (SELECT c, SUM(n) AS m FROM x GROUP BY c) SELECT c FROM y",
        "SELECT s.c FROM (SELECT c, u FROM seen) s JOIN mine m ON s.u = m.u GROUP BY s.c",
        "SELECT c FROM seen GROUP BY c UNION SELECT c FROM seen GROUP BY c",
        "SELECT x.c FROM (SELECT u, c, ROW_NUMBER() OVER (PARTITION BY u, c ORDER BY day) AS r FROM seen) x WHERE x.r = 1 GROUP BY x.c",
        "SELECT c FROM (SELECT DISTINCT u, c FROM seen) d GROUP BY c ORDER BY COUNT(*) DESC LIMIT 2",
        "SELECT s.c FROM seen s LEFT JOIN mine m ON s.u = m.u GROUP BY s.c HAVING COUNT(*) > 1",
    ],
)
def test_people_are_counted_through_every_way_of_writing_it(data, sql):
    assert sorted(row[0] for row in rows(data, sql)) == ["above", "edge"]


def test_union_all_does_not_add_the_same_people_up(data):
    sql = "SELECT c FROM (SELECT u, c FROM seen WHERE c = 'below' UNION ALL SELECT u, c FROM seen WHERE c = 'below') x GROUP BY c"
    assert rows(data, sql) == []


@pytest.mark.parametrize(
    "lender",
    [
        "CROSS JOIN (SELECT COUNT(DISTINCT u) AS n FROM seen) x",
        "JOIN (SELECT 1.0 AS one, COUNT(DISTINCT u) AS n FROM seen) x ON x.one <= s.cost + 1",
        "LEFT JOIN (SELECT c, u FROM seen) x ON x.c = 'above'",
    ],
)
def test_a_join_to_many_people_lends_them_to_no_small_group(data, lender):
    """Found by the fuzz: a total of everybody made every group large enough."""
    shown = {row[0] for row in rows(data, f"SELECT s.c, COUNT(DISTINCT s.u) AS n FROM seen s {lender} GROUP BY s.c")}
    assert shown <= {"above", "edge"}


def test_the_partner_s_people_count_and_not_the_runner_s(data):
    """Twelve people of the runner against four viewers: too few viewers."""
    sql = "SELECT s.c FROM seen s FULL JOIN mine m ON s.c = 'below' AND s.cost >= 0 WHERE s.c = 'below' GROUP BY s.c"
    assert rows(data, sql) == []


def test_an_order_and_a_limit_work_on_what_is_shown(data):
    assert rows(data, "SELECT c, COUNT(*) AS n FROM seen GROUP BY c ORDER BY n LIMIT 1") == [("edge", 10)]


def test_counts_that_aws_does_not_withhold_are_withheld_here(data):
    found = verdict("SELECT COUNT(DISTINCT u) AS n FROM seen WHERE c = 'below'")
    assert found.thresholds == ()
    assert data.execute(enforce(found).sql).fetchall() == []


def test_without_a_threshold_the_query_runs_as_it_is(data):
    assert rows(data, "SELECT tier, COUNT(*) AS n FROM mine GROUP BY tier") == [("gold", 4), ("silver", 8)]


@pytest.mark.parametrize("sql", ["SELECT c, cost FROM seen", "SELECT c FROM seen WHERE u = 'u1'"])
def test_what_is_uncertain_or_refused_is_not_enforced(sql):
    with pytest.raises(PermanentError, match="correct the query"):
        enforce(verdict(sql))


def test_several_kinds_of_aggregates_share_one_privacy_budget():
    budget = Budget.model_validate(
        {"aggregations": [{"type": "COUNT", "remainingCount": 2}, {"type": "SUM", "remainingCount": 2}]}
    )
    assert budget.lacking(Counter(COUNT=2)) is None
    assert budget.lacking(Counter(COUNT=1, SUM=1)) is None
    assert budget.lacking(Counter(COUNT=2, SUM=1)) == "SUM"
    assert budget.lacking(Counter(COUNT=3)) == "COUNT"
    assert budget.lacking(Counter(AVG=9)) is None
