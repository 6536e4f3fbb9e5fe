"""What a plan needs before people go with what they are worth."""

from __future__ import annotations

import pydantic
import pytest
import yaml

from segment_assets.plan import Plan, default_plan
from segment_assets_tests.conformance.kit.platforms import meta, snapchat


def complaints(record, currency: str | None = "EUR", **activation: object) -> str:
    """What is wrong with a plan of one activation of a clean-room segment on an account of this destination."""
    document = yaml.safe_load(default_plan().read_text("utf-8"))
    wanted = document["activations"][0] | {"statements": record.said, "use": "seed", "value_based": True, **activation}
    account = {"destination": record.destination, "account": record.account, "settings": dict(record.settings)}
    document["accounts"] = {wanted["account"]: document["accounts"][wanted["account"]] | account}
    segment = document["segments"]["high_value_converters"]
    document["segments"] = {"high_value_converters": segment | ({"value_currency": currency} if currency else {})}
    try:
        Plan.model_validate(document | {"activations": [wanted | {"segment": "high_value_converters"}]})
    except pydantic.ValidationError as refused:
        return str(refused)
    return ""


def test_a_seed_by_value_on_a_platform_that_takes_values_is_fine():
    assert complaints(meta.RECORD) == ""


@pytest.mark.parametrize(
    ("record", "change", "said"),
    [
        (snapchat.RECORD, {}, "snapchat takes no value of people"),
        (meta.RECORD, {"use": "target"}, "say use: seed"),
        (meta.RECORD, {"adopt": "778"}, "leave adopt out"),
        (meta.RECORD, {"currency": None}, "name a value_currency on the segment"),
        (meta.RECORD, {"currency": "euro"}, "value_currency"),
        (meta.RECORD, {"statements": meta.RECORD.said | {"is_value_based": "true"}}, "write value_based: true"),
    ],
)
def test_whatever_is_missing_for_values_is_named(record, change, said):
    assert said in complaints(record, **change)
