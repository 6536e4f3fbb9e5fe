"""The twelve public examples of the two rules (clean-room facts, B7)."""

from __future__ import annotations

import pytest

from segment_assets.privacy import judge

RUNNER = "111122223333"
REACH = (
    "SELECT i.campaign_id, COUNT(DISTINCT i.user_id) AS reach FROM impressions i "
    "INNER JOIN customers c ON i.user_id = c.user_id"
)


def test_reach_by_campaign_over_an_overlap_is_accepted_with_the_strictest_minimum(examples):
    verdict = judge(f"{REACH} GROUP BY i.campaign_id", examples, RUNNER)
    assert verdict.accepted, verdict.explain()
    assert verdict.strictest == 100
    assert {(t.table, t.column, t.minimum) for t in verdict.thresholds} == {
        ("impressions", "user_id", 100),
        ("customers", "user_id", 2),
    }


def test_a_list_of_the_overlap_is_accepted_without_a_threshold(examples):
    sql = "SELECT DISTINCT c.internal_id, s.seg3 FROM crm c JOIN segments s ON c.id2 = s.id2 WHERE c.category = 'x' LIMIT 100"
    verdict = judge(sql, examples, RUNNER)
    assert verdict.accepted, verdict.explain()
    assert verdict.thresholds == ()
    assert verdict.strictest is None


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT campaign_id, COUNT(DISTINCT user_id) FROM impressions GROUP BY campaign_id", "runner_join_required"),
        ("SELECT campaign_id, channel FROM impressions i JOIN customers c ON i.user_id = c.user_id", "no_aggregate"),
        (
            "WITH x AS (SELECT user_id FROM impressions) SELECT COUNT(DISTINCT user_id) FROM x",
            "common_table_expression",
        ),
        (f"{REACH} GROUP BY i.campaign_id LIMIT 10", "limit"),
        ("SELECT SUM(i.cost * 2) FROM impressions i JOIN customers c ON i.user_id = c.user_id", "aggregate_argument"),
        (REACH.replace("INNER", "LEFT") + " GROUP BY i.campaign_id", "join_not_inner"),
        (f"{REACH} WHERE i.user_id = 'u1' GROUP BY i.campaign_id", "not_a_dimension"),
        ("SELECT c.internal_id, s.seg3 FROM crm c JOIN segments s ON c.id2 = s.id2", "distinct_missing"),
        ("SELECT DISTINCT s.seg3 FROM segments s", "runner_join_required"),
        ("SELECT DISTINCT s.seg3 FROM crm c JOIN segments s ON c.id2 = s.id2 GROUP BY s.seg3", "group_by"),
    ],
)
def test_a_refused_example_is_refused_for_its_reason(codes, sql, code):
    assert code in codes(sql)
