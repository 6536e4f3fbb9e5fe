"""A matrix is its activations, written once: the same plan as by hand, and mistakes told with their line."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.plan import PlanError, default_plan, load_plan
from segment_assets.plan.matrices import Matrix

if TYPE_CHECKING:
    from pathlib import Path

BRANDS, COUNTRIES = ("lumen", "nox"), ("de", "fr", "no")
SHIPPED = default_plan().read_text(encoding="utf-8")


def by_brand_and_country() -> dict[str, Any]:
    """The shipped plan with a newsletter per brand and country, an account per brand, and nothing activated."""
    document = yaml.safe_load(SHIPPED)
    letter, account = document["segments"]["newsletter_subscribers"], document["accounts"]["lumen_eu"]
    document["segments"] = {f"news_{b}_{c}": letter for b, c in itertools.product(BRANDS, COUNTRIES)}
    document["accounts"] = {f"{b}_eu": account | {"account": f"1{n}"} for n, b in enumerate(BRANDS)}
    document["activations"] = []
    return document


MATRIX = """
matrices:
  loyalty:
    over: {brand: [lumen, nox], country: [de, fr, "no"]}
    skip: [{brand: nox, country: fr}]
    activation:
      segment: "news_{brand}_{country}"
      account: "{brand}_eu"
      audience_name: "{tenant} {brand} {country} {purpose}"
      purpose: loyalty
      use: target
      statements: {customer_file_source: USER_PROVIDED_ONLY}
"""


def written(folder: Path, matrix: str) -> tuple[Path, str]:
    text = yaml.safe_dump(by_brand_and_country(), sort_keys=False) + matrix
    file = folder / "ours.yaml"
    file.write_text(text, encoding="utf-8")
    return file, text


def test_a_matrix_is_the_same_plan_as_its_activations_by_hand(tmp_path: Path) -> None:
    file, _ = written(tmp_path, MATRIX)
    document = by_brand_and_country()
    document["activations"] = [
        {
            "segment": f"news_{brand}_{country}",
            "account": f"{brand}_eu",
            "audience_name": f"lumen_shop {brand} {country} loyalty",
            "purpose": "loyalty",
            "use": "target",
            "statements": {"customer_file_source": "USER_PROVIDED_ONLY"},
        }
        for brand, country in itertools.product(BRANDS, COUNTRIES)
        if (brand, country) != ("nox", "fr")
    ]
    by_hand = tmp_path / "by_hand.yaml"
    by_hand.write_text(yaml.safe_dump(document), encoding="utf-8")
    plan = load_plan(file)
    assert plan == load_plan(by_hand)
    assert "news_nox_fr" not in plan.activations_of("nox_eu")


MISTAKES = {
    # what is wrong: (the text of the matrix, what it becomes, the text whose line is told, words of the remedy)
    "a country that YAML reads as false": ('"no"]', "no]", "over:", "in quotes"),
    "a field that no axis fills in": ("{brand} {country} {purpose}", "{brand} {region}", "audience_name:", "{region}"),
    "a template that reaches into a value": (
        "news_{brand}_",
        "news_{brand.__class__}_",
        "segment:",
        "{brand.__class__}",
    ),
    "a skip of something that is nowhere": (
        "country: fr}]",
        "country: es}]",
        "  loyalty:",
        "country: es is on no axis",
    ),
    "a key that no activation has": ("      use: target", "      used: target", "      used:", "did you mean 'use'"),
    "an axis that is one of our words": ("over: {brand:", "over: {tenant: [a], brand:", "  loyalty:", "tenant"),
    "a platform's statement that is missing": (
        "      statements: {customer_file_source: USER_PROVIDED_ONLY}\n",
        "",
        "    activation:",
        "customer_file_source is missing",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_a_matrix_is_told_with_its_line(mistake: str, tmp_path: Path) -> None:
    before, after, place, remedy = MISTAKES[mistake]
    assert before in MATRIX
    file, text = written(tmp_path, MATRIX.replace(before, after, 1))
    with pytest.raises(PlanError) as refusal:
        load_plan(file)
    lines = str(refusal.value).split("\n")
    line = text[: text.index(place, text.index("matrices:"))].count("\n") + 1
    assert any(told.startswith(f"{file}, line {line}: matrices.loyalty") and remedy in told for told in lines)


def test_a_mistake_of_a_matrix_is_told_once_and_says_for_how_many(tmp_path: Path) -> None:
    file, _ = written(tmp_path, MATRIX.replace("      statements: {customer_file_source: USER_PROVIDED_ONLY}\n", "", 1))
    with pytest.raises(PlanError) as refusal:
        load_plan(file)
    assert str(refusal.value).endswith("(for brand lumen, country de and 4 more)")


def test_a_matrix_that_repeats_a_pair_written_out_above_is_refused(tmp_path: Path) -> None:
    """A template without one of the axes names the same pair again and again."""
    file, _ = written(tmp_path, MATRIX.replace("news_{brand}_{country}", "news_{brand}_de", 1))
    with pytest.raises(PlanError, match="named twice"):
        load_plan(file)


AXES = st.dictionaries(
    st.sampled_from(["brand", "country", "channel"]),
    st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, unique=True),
    min_size=1,
)


@settings(max_examples=60, deadline=None)
@given(over=AXES, data=st.data())
def test_a_matrix_has_every_combination_once_but_those_to_skip(over: dict[str, list[str]], data: st.DataObject) -> None:
    one = st.fixed_dictionaries({}, optional={axis: st.sampled_from(values) for axis, values in over.items()})
    skip = data.draw(st.lists(one.filter(bool), max_size=3))
    cells = list(Matrix(over=over, skip=skip, activation={}).cells())
    everything = [dict(zip(over, values, strict=True)) for values in itertools.product(*over.values())]
    assert cells == [c for c in everything if not any(all(c[a] == v for a, v in s.items()) for s in skip)]
