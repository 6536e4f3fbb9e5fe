"""Two answers about many people must not tell a few apart."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets import collaboration, queries
from segment_assets.privacy import Collaboration, judge
from segment_assets.privacy.differencing import Answer, differences, group_of, question_of
from segment_assets.privacy.verdicts import RuleKind

RUNNER = "111122223333"
JOINED = "FROM impressions i JOIN customers c ON i.user_id = c.user_id"
MINIMUM = 4


def answer(examples, number, condition, people, *, group="i.channel"):
    sql = f"SELECT {group} AS g, COUNT(DISTINCT i.user_id) AS n {JOINED}{condition and f' WHERE {condition}'} GROUP BY {group}"
    verdict = judge(sql, examples, RUNNER)
    assert verdict.accepted, verdict.explain()
    return Answer(str(number), *question_of(verdict), people)


def apart(examples, one, other, people=(100, 98)):
    old = answer(examples, 1, one, {"g": people[0]})
    new = answer(examples, 2, other, {"g": people[1]})
    return [difference.people for difference in differences(new, [old], MINIMUM)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("", "c.segment <> 'x'"),
        ("c.segment <> 'x'", ""),
        ("c.segment IN ('a', 'b', 'c')", "c.segment IN ('b', 'a')"),
        ("c.segment IN ('a', 'b')", "c.segment = 'a'"),
        ("c.segment NOT IN ('a')", "c.segment NOT IN ('a', 'b')"),
        ("c.segment <> 'a'", "c.segment = 'b'"),
        ("i.seen >= DATE '2026-01-05'", "i.seen >= DATE '2026-01-06'"),
        ("i.seen >= DATE '2026-01-05'", "i.seen > DATE '2026-01-05'"),
        ("DATE '2026-01-05' <= i.seen", "i.seen >= '2026-01-07'"),
        ("i.campaign_id < 10", "i.campaign_id < -3 AND c.segment LIKE 'a%'"),
        ("c.segment LIKE 'a%'", "c.segment LIKE 'a%' AND (i.channel IS NOT NULL)"),
    ],
)
def test_nested_questions_are_compared_whichever_came_first(examples, one, other):
    assert apart(examples, one, other) == [2]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("c.segment = 'a'", "c.segment = 'b'"),
        ("i.seen < DATE '2026-01-12'", "i.seen >= DATE '2026-01-12'"),
        ("c.segment = 'a'", "i.campaign_id = 'a'"),
        ("c.segment IN ('a', 'b')", "c.segment IN ('b', 'c')"),
        ("c.segment > 'a'", "c.segment > 'b'"),
        ("c.segment = 'a'", "c.segment = 'a'"),
        ("c.segment LIKE 'a%'", "c.segment LIKE 'ab%'"),
    ],
)
def test_questions_that_are_not_known_to_be_nested_are_close_by_chance_only(examples, one, other):
    assert apart(examples, one, other) == []


def test_equal_answers_and_answers_far_apart_pass(examples):
    assert apart(examples, "", "c.segment <> 'x'", (100, 100)) == []
    assert apart(examples, "", "c.segment <> 'x'", (100, 100 - MINIMUM)) == []
    assert apart(examples, "", "c.segment <> 'x'", (100, 101 - MINIMUM)) == [MINIMUM - 1]


def test_other_groups_and_other_joins_are_other_questions(examples):
    old = answer(examples, 1, "", {"g": 100}, group="i.campaign_id")
    new = answer(examples, 2, "c.segment = 'a'", {"g": 99})
    assert not list(differences(new, [old], MINIMUM))


def test_what_is_remembered_holds_no_text_of_the_query(examples):
    told = json.dumps(answer(examples, 1, "c.segment = 'jane@example.com'", {group_of(["tv"]): 100}).to_json())
    assert "jane" not in told
    assert "segment" not in told
    assert Answer.from_json(json.loads(told)).to_json() == json.loads(told)


rows = st.lists(st.tuples(st.integers(0, 30), st.sampled_from("abc"), st.integers(1, 5)), max_size=25)
conditions = st.lists(
    st.one_of(
        st.sets(st.sampled_from("abc"), min_size=1).map(lambda s: ("segment", "IN", tuple(sorted(s)))),
        st.tuples(st.just("day"), st.sampled_from([">=", ">", "<", "<="]), st.integers(1, 5)),
    ),
    max_size=2,
)


@settings(max_examples=40, deadline=None)
@given(rows, conditions, conditions)
def test_a_difference_is_always_a_number_of_people_whom_only_one_answer_has(examples, people, one, other):
    """The oracle has the people themselves, as Python sets."""
    sets = [{user for user, *row in people if _holds(row, wanted)} for wanted in (one, other)]
    answers = [
        answer(examples, n, _sql(w), {"g": len(s)}) for n, (w, s) in enumerate(zip((one, other), sets, strict=True))
    ]
    for difference in differences(answers[1], answers[:1], MINIMUM):
        assert difference.people == len(sets[0] ^ sets[1])
    if (not one or not other) and one != other and 0 < len(sets[0] ^ sets[1]) < MINIMUM:
        assert list(differences(answers[1], answers[:1], MINIMUM)), (one, other)


def _holds(row, wanted):
    segment, day = row
    compare = {">=": day.__ge__, ">": day.__gt__, "<": day.__lt__, "<=": day.__le__}
    return all(segment in value if name == "segment" else compare[op](value) for name, op, value in wanted)


def _sql(wanted):
    parts = [
        f"c.segment IN ({', '.join(map(repr, value))})" if name == "segment" else f"i.seen {op} DATE '2026-01-0{value}'"
        for name, op, value in wanted
    ]
    return " AND ".join(parts)


def test_no_two_queries_of_ours_are_nested_so_that_no_two_results_of_a_week_tell_few_people_apart():
    ours = Collaboration.parse(collaboration.document())
    week = {"week_start": dt.date(2026, 1, 5), "week_end": dt.date(2026, 1, 12)}
    asked = {}
    for name in queries.names("clean_room"):
        verdict = judge(queries.render(queries.read(name), week), ours, ours.creator_account_id)
        if verdict.kind is RuleKind.AGGREGATION:
            asked[name] = Answer(name, *question_of(verdict), people={"everybody": len(asked) + 1})
    assert len(asked) > 3
    close = [
        d for name, answer in asked.items() for d in differences(answer, (asked[n] for n in asked if n != name), 99)
    ]
    assert close == []
