"""Where an audience is a field of people, which somebody makes by hand, two audiences never have one field."""

from __future__ import annotations

import pydantic
import pytest
import yaml

from segment_assets.plan import Plan, default_plan
from segment_assets_tests.conformance.kit.platforms import hubspot, salesforce, zendesk


def complaints(record, *names: str) -> str:
    """What is wrong with a plan of segments whose audiences have these names, on one account."""
    document = yaml.safe_load(default_plan().read_text("utf-8"))
    activation = document["activations"][0] | {"statements": dict(record.said)}
    account = {"destination": record.destination, "account": record.account, "settings": dict(record.settings)}
    document["accounts"] = {activation["account"]: document["accounts"][activation["account"]] | account}
    segments = list(document["segments"])[: len(names)]
    document["activations"] = [
        activation | {"segment": segment, "audience_name": name} for segment, name in zip(segments, names, strict=True)
    ]
    try:
        Plan.model_validate(document)
    except pydantic.ValidationError as refused:
        return str(refused)
    return ""


@pytest.mark.parametrize("record", [hubspot.RECORD, zendesk.RECORD], ids=lambda one: one.destination)
@pytest.mark.parametrize(
    "names",
    [("VIP-Kunden", "vip kunden"), ("Loyal " * 9 + "spring", "Loyal " * 9 + "autumn"), ("K\u00e4ufer", "K-ufer")],
)
def test_two_names_that_come_to_one_field_are_refused(record, names):
    assert "claim one audience" in complaints(record, *names)
    assert "claim one audience" not in complaints(salesforce.RECORD, *names)


@pytest.mark.parametrize("record", [hubspot.RECORD, zendesk.RECORD], ids=lambda one: one.destination)
def test_two_names_that_give_two_fields_are_fine(record):
    assert complaints(record, "VIP 1", "VIP 2") == ""


@pytest.mark.parametrize("record", [hubspot.RECORD, zendesk.RECORD], ids=lambda one: one.destination)
def test_a_name_that_gives_no_field_is_refused(record):
    assert "no Latin letter and no digit" in complaints(record, "\u9867\u5ba2")
    assert complaints(salesforce.RECORD, "\u9867\u5ba2") == ""
