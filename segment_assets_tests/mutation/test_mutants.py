"""What the mutation check breaks: every module that speaks to a platform, and every match key of every contract."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from segment_assets.destinations import module_of, registry
from segment_assets.identity import NORMAL_FORMS
from segment_assets.tables import HASHED_AUDIENCE
from segment_assets_tests.mutation import groups, mutants


@functools.cache
def forms() -> list[str]:
    return [name for name in HASHED_AUDIENCE.column_names() if name in NORMAL_FORMS]


def test_every_module_of_the_destinations_is_broken_and_in_one_group_only() -> None:
    files = {file.stem for file in Path(groups.DESTINATIONS).glob("*.py")} - groups.SAY_NOTHING
    broken = [stem for stems in groups.groups().values() for stem in stems]

    without = [
        stem
        for group, stems in groups.groups().items()
        for stem in stems
        if next(mutants.of_module(group, stem, forms()), None) is None
    ]

    assert sorted(broken) == sorted(files)
    assert without == []
    assert set(groups.destinations()) == set(registry())


@pytest.mark.parametrize("destination", registry())
def test_each_match_key_of_a_contract_is_sent_to_another_field_in_another_form_and_encoding(destination: str) -> None:
    keys = registry()[destination].match_keys

    found = [
        (mutant.place, mutant.kind)
        for mutant in mutants.of_match_keys(destination, forms())
        if mutant.was != mutant.now
    ]

    assert sorted(found) == sorted(
        (f"CONTRACT.{key.value}", part) for key in keys for part in ("field", "form", "encoding")
    )


def test_a_broken_key_is_what_the_connector_sends_and_nothing_else_has_changed() -> None:
    sent = registry()["amazon_ads"].match_keys
    mutant = next(one for one in mutants.of_match_keys("amazon_ads", forms()) if one.kind == "form")
    broken = dict(vars(module_of("amazon_ads")))

    exec(compile(mutant.source, "amazon_ads.py", "exec", dont_inherit=True), broken)

    connected = broken["connect"]("A1", {"country": "DE"}, {}).contract.match_keys
    assert {key.value for key in sent if connected[key] != sent[key]} == {mutant.place.removeprefix("CONTRACT.")}


def test_what_destinations_share_is_tried_with_the_tests_of_those_that_load_it() -> None:
    assert groups.users("appflow") == ["hubspot", "marketo", "salesforce", "zendesk"]
    own, theirs, kit = groups.tests_of("appflow")

    assert {Path(file).name for file in own} >= {"test_appflow.py", "test_appflow_botocore.py"}
    assert {Path(file).name for file in theirs} >= {f"test_{name}.py" for name in groups.users("appflow")}
    assert kit[:2] == ["-k", "hubspot"]
