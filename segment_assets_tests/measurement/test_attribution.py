"""Attribution against published examples, marketing-attribution-models 2.1.1, and 10,000 open paths."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.contracts import PermanentError
from segment_assets.measurement import attribution, markov, shapley
from segment_assets.measurement.attribution import Journey

OPEN_PATHS = json.loads(Path(__file__).with_name("ten_thousand_paths.json").read_text(encoding="utf-8"))
CHANNELS = OPEN_PATHS["channels"].split()
# 19,785 conversions and 68,602 journeys without one.
CONVERSIONS, NULLS = 19_785, 68_602

# Conversions 10, 20 and 30; touches 336, 168 and 0 hours before. Results of marketing-attribution-models 2.1.1.
TOY = (
    Journey(("a", "b", "c"), conversions=10, ages_days=(14, 7, 0)),
    Journey(("a", "c"), conversions=20, ages_days=(7, 0)),
    Journey(("b",), conversions=30, ages_days=(0,)),
)
MAM = {
    "first_touch": {"a": 30, "b": 30, "c": 0},
    "last_touch": {"a": 0, "b": 30, "c": 30},
    "linear": {"a": 13.333333, "b": 33.333333, "c": 13.333333},
    "position": {"a": 14, "b": 32, "c": 14},
    "time_decay": {"a": 8.095238, "b": 32.857143, "c": 19.047619},
}
JOURNEYS = st.lists(
    st.builds(
        Journey,
        st.lists(st.sampled_from("abcd"), min_size=1, max_size=6),
        conversions=st.integers(0, 50),
        nulls=st.integers(0, 50),
    ),
    min_size=1,
    max_size=12,
)


def open_transitions() -> dict[tuple[str, str], float]:
    counted = (entry.rsplit(":", 1) for entry in OPEN_PATHS["transitions"].split())
    return {tuple(step.split(">")): float(count) for step, count in counted}


def open_coalitions() -> dict[frozenset[str], tuple[float, float]]:
    found = {}
    for entry in OPEN_PATHS["coalitions"].split():
        letters, counts = entry.split(":")
        conversions, people = map(float, counts.split("/"))
        found[frozenset(CHANNELS[ord(letter) - ord("a")] for letter in letters)] = (conversions, people)
    return found


@pytest.mark.parametrize("rule", attribution.RULES)
def test_a_rule_gives_what_another_package_gives(rule: str) -> None:
    assert attribution.RULES[rule](TOY) == pytest.approx(MAM[rule], abs=1e-6)


@settings(max_examples=50, deadline=None)
@given(JOURNEYS)
def test_every_model_shares_out_exactly_the_conversions_that_there_are(journeys: list[Journey]) -> None:
    conversions = sum(journey.conversions for journey in journeys)
    dated = [
        Journey(j.channels, j.conversions, j.nulls, ages_days=tuple(range(len(j.channels), 0, -1))) for j in journeys
    ]
    models = [rule(dated) for rule in attribution.RULES.values()]
    models.append(shapley.of_conversions(shapley.coalitions(journeys)))
    seen = {channel for journey in journeys for channel in journey.channels}
    for credit in models:
        assert sum(credit.values()) == pytest.approx(conversions)
        assert set(credit) == seen
        assert min(credit.values()) >= 0


@settings(max_examples=50, deadline=None)
@given(JOURNEYS)
def test_markov_credits_add_up_and_the_chain_converts_as_often_as_people_did(journeys: list[Journey]) -> None:
    went = [journey for journey in journeys if journey.conversions + journey.nulls]
    if not went:
        went = [Journey(("a",), nulls=1)]
    counted = markov.transitions(went)
    conversions = sum(journey.conversions for journey in went)
    everybody = sum(journey.conversions + journey.nulls for journey in went)
    assert markov.conversion_probability(counted) == pytest.approx(conversions / everybody)
    assert sum(markov.markov(counted).values()) == pytest.approx(conversions)


def test_markov_solves_the_published_example_exactly() -> None:
    """c1 > c2 > c3 converts, c1 and c2 > c3 do not: removal effects 1/2, 1, 1 (S. Bryl, AnalyzeCore)."""
    paths = [Journey(("c1", "c2", "c3"), conversions=1), Journey(("c1",), nulls=1), Journey(("c2", "c3"), nulls=1)]
    counted = markov.transitions(paths)
    assert markov.removal_effects(counted) == pytest.approx({"c1": 0.5, "c2": 1.0, "c3": 1.0})
    assert markov.markov(counted) == pytest.approx({"c1": 0.2, "c2": 0.4, "c3": 0.4})


def test_markov_on_ten_thousand_open_paths() -> None:
    """An exact solution; ChannelAttribution simulates the same chain and is within 5 % of it for the large ones."""
    counted = open_transitions()
    assert markov.conversion_probability(counted) == pytest.approx(0.2238451356, abs=1e-10)
    effects = markov.removal_effects(counted)
    assert [round(effects[name], 6) for name in ("alpha", "iota", "eta", "beta", "theta", "lambda")] == [
        0.558399, 0.405835, 0.349026, 0.264039, 0.206010, 0.134022,
    ]  # fmt: skip
    found = markov.markov(counted)
    assert found["alpha"] == pytest.approx(5344.948, abs=1e-3)
    assert found["mi"] == pytest.approx(1.722, abs=1e-3)
    assert found["alpha"] == pytest.approx(5289.1, rel=0.05)
    assert sum(found.values()) == pytest.approx(CONVERSIONS)


def test_staying_on_a_channel_changes_no_removal_effect() -> None:
    counted = open_transitions()
    moving = {step: count for step, count in counted.items() if step[0] != step[1]}
    assert markov.removal_effects(moving) == pytest.approx(markov.removal_effects(counted), abs=1e-9)


def test_unordered_shapley_on_ten_thousand_open_paths() -> None:
    found = shapley.of_conversions(open_coalitions())
    expected = {
        "alpha": 7627.9440, "beta": 1982.7393, "eta": 3613.6560, "iota": 3505.0440, "theta": 1190.9631,
        "lambda": 987.7821, "epsilon": 374.6774, "zeta": 199.9917, "kappa": 159.0571, "gamma": 138.1857,
    }  # fmt: skip
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-4)
    assert sum(found.values()) == pytest.approx(CONVERSIONS)
    assert sum(people for _, people in open_coalitions().values()) == CONVERSIONS + NULLS


# Conversions / people of exactly these channels.
SETS = {"A": (4, 20), "B": (5, 20), "AB": (12, 30), "C": (1, 10), "AC": (3, 10), "ABC": (6, 12)}


def test_the_two_definitions_of_shapley_are_different_models() -> None:
    counted = {frozenset(name): counts for name, counts in SETS.items()}
    assert shapley.of_conversions(counted) == pytest.approx({"A": 13.5, "B": 13.0, "C": 4.5})
    assert shapley.of_rates(counted) == pytest.approx({"A": 0.2916667, "B": 0.1666667, "C": 0.0416667}, abs=1e-7)


def test_the_closed_form_is_the_shapley_value_of_conversions_within_a_set() -> None:
    names = [frozenset(name) for name in ("A", "B", "C", "AB", "AC", "BC", "ABC")]
    within = {name: sum(SETS[other][0] for other in SETS if frozenset(other) <= name) for name in names}
    counted = {frozenset(name): counts for name, counts in SETS.items()}
    assert shapley.shapley_values(within) == pytest.approx(shapley.of_conversions(counted))


def test_what_cannot_be_computed_is_refused_with_what_to_do() -> None:
    with pytest.raises(PermanentError, match="ages_days"):
        attribution.time_decay([Journey(("a",), conversions=1)])
    with pytest.raises(PermanentError, match="touch"):
        Journey((), conversions=1)
    with pytest.raises(PermanentError, match="no step leaves web"):
        markov.markov({(markov.START, "web"): 2.0})
    with pytest.raises(PermanentError, match="17 channels"):
        shapley.shapley_values({frozenset(f"c{n}" for n in range(17)): 1.0})


def test_only_null_journeys_give_nobody_credit() -> None:
    counted = markov.transitions([Journey(("a", "b"), nulls=3)])
    assert markov.markov(counted) == {"a": 0.0, "b": 0.0}
