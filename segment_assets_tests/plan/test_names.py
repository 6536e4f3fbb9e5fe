"""Names of audiences: what tells something about the people in them is found, and what does not is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.plan import load_plan
from segment_assets.plan.names import fill, flagged

# Meta's own examples (notice of 2025-09-02), in the ways in which people write names.
TELLING = {
    "arthritis newsletter": "health",
    "Diabetes_DE_2026": "health",
    "crmDiabeticsEU": "health",
    "lumen credit_score 700": "finance",
    "HighIncome-fr": "finance",
    "Einkommen über 100k": "finance",
}
NEUTRAL = [
    "lumen_shop exposed_non_converters",
    "high_value_converters",
    "newsletter subscribers",
    "Patience GmbH",
    "richmond store",
    "painters",
    "crm-lapsed-90d",
]


@pytest.mark.parametrize("name", TELLING)
def test_a_name_that_tells_something_is_found(name: str) -> None:
    assert {category for _, category in flagged(name)} == {TELLING[name]}


@pytest.mark.parametrize("name", NEUTRAL)
def test_a_neutral_name_is_left_alone(name: str) -> None:
    assert flagged(name) == []


def test_a_phrase_is_found_as_a_whole_only() -> None:
    assert flagged("credit note score") == []
    assert flagged("credit score") == [("credit score", "finance")]


def test_the_shipped_plan_has_neutral_names() -> None:
    plan = load_plan()
    assert [hit for activation in plan.activations for hit in flagged(plan.audience_name(activation))] == []


@settings(max_examples=50, deadline=None)
@given(around=st.lists(st.sampled_from(["lumen", "EU", "2026", "spring", "b2c"]), max_size=4), place=st.integers(0, 4))
def test_it_is_found_wherever_it_stands_and_however_it_is_joined(around: list[str], place: int) -> None:
    for joint in " _-./":
        words = [*around[:place], "Diabetes", *around[place:]]
        assert ("diabetes", "health") in flagged(joint.join(words))


@pytest.mark.parametrize("template", ["{segment.__class__}", "{segment!r}", "{segment:>9}", "{nobody}", "{", "{}"])
def test_a_template_fills_in_plain_names_and_nothing_else(template: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        fill(template, {"segment": "news"})
    assert fill("{{{segment}}} x", {"segment": "news"}) == "{news} x"
