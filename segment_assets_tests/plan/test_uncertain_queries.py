"""Who may let a query run whose verdict AWS's documentation leaves open."""

from __future__ import annotations

import pytest

from segment_assets.plan import PlanError, default_plan, load_plan

OVERLAP = "uncertain_queries: {overlap: {allowed_by: %s, reason: AWS support said that it runs}}\n"


@pytest.fixture
def plan(tmp_path):
    def written(text):
        file = tmp_path / "plan.yaml"
        file.write_text(f"{text}{default_plan().read_text('utf-8')}")
        return load_plan(file)

    return written


def test_nothing_uncertain_runs_by_the_plan_that_ships(plan):
    assert not plan("").uncertain_queries


def test_somebody_else_than_the_author_lets_a_query_run_for_a_reason(plan):
    assert set(plan(OVERLAP % "kim.osei@lumen.example").uncertain_queries) == {"overlap"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (OVERLAP % "Dana.Reyes@lumen.example", r"line 1: .*allowed_by: the plan's author allows it; somebody else"),
        (OVERLAP.replace("overlap:", "overlapp:") % "Kim Osei", r"line 1: .*no such query.* overlap_by_creative"),
        ("uncertain_queries: {overlap: {allowed_by: Kim Osei, reason: ok}}\n", r"line 1: .*at least 10 characters"),
        ("uncertain_queries: {overlap: {allowed_by: Kim Osei}}\n", r"line 1: .*is missing; add it"),
    ],
)
def test_a_word_that_does_not_hold_is_told_with_its_line(plan, text, said):
    with pytest.raises(PlanError, match=said):
        plan(text)
