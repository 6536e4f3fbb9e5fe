"""What a plan states for everybody is held against whom its segment keeps."""

from __future__ import annotations

import pydantic
import pytest
import yaml

from segment_assets.plan import Activation, Plan, default_plan
from segment_assets_tests.conformance.kit.platforms import (
    amazon_ads,
    amc,
    google,
    microsoft_ads,
    snapchat,
    the_trade_desk,
    the_trade_desk_crm,
    tiktok,
    tiktok_file,
)


def complaints(
    record, statements: dict[str, str], activated: dict[str, object] | None = None, **segment: object
) -> str:
    """What is wrong with a plan of one activation on an account of this destination."""
    document = yaml.safe_load(default_plan().read_text("utf-8"))
    activation = document["activations"][0] | {"statements": {**record.said, **statements}} | (activated or {})
    account = {"destination": record.destination, "account": record.account, "settings": dict(record.settings)}
    document["accounts"] = {activation["account"]: document["accounts"][activation["account"]] | account}
    document["segments"][activation["segment"]] |= segment
    try:
        Plan.model_validate(document | {"activations": [activation]})
    except pydantic.ValidationError as refused:
        return str(refused)
    return ""


@pytest.mark.parametrize("record", [amazon_ads.RECORD, amc.RECORD], ids=lambda one: one.destination)
def test_that_everybody_said_yes_is_stated_of_a_segment_only_that_keeps_nobody_else(record):
    words = "states that everybody consented"
    assert words in complaints(record, {"amzn_user_data": "GRANTED"})
    assert words not in complaints(record, {"amzn_user_data": "GRANTED"}, opt_in_everywhere=True)
    for unsaid in ("UNKNOWN", "NOT_APPLICABLE"):
        assert words not in complaints(record, {"amzn_user_data": unsaid, "amzn_ad_storage": "GRANTED"})


@pytest.mark.parametrize("record", [amazon_ads.RECORD, amc.RECORD], ids=lambda one: one.destination)
def test_a_removal_signal_has_to_be_stated(record):
    assert "statements.removal_signal is not in the words of" in complaints(record, {"removal_signal": "UNKNOWN"})


@pytest.mark.parametrize(
    ("adopt", "is_fine"),
    [
        ("email:7038 phone:7039 mobile_ad_id:7040", True),
        ("phone:7039 mobile_ad_id:7040 email:7038", True),
        # One id would take every kind of identifier into the same list.
        ("7038", False),
        ("email:7038 phone:7039", False),
        ("email:7038 phone:7039 mobile_ad_id:", False),
        ("email:7038 email:7039 mobile_ad_id:7040", False),
    ],
)
def test_an_adopted_audience_of_several_lists_is_named_list_by_list(adopt, is_fine):
    said = complaints(tiktok_file.RECORD, {}, {"adopt": adopt})
    assert ("name each of them (email:ID phone:ID mobile_ad_id:ID)" in said) is not is_fine


@pytest.mark.parametrize("mode", ["add_only", "replace"])
def test_a_segment_of_the_trade_desk_s_that_was_there_before_is_not_adopted(mode):
    """A no could be heard there only by taking out also whom somebody else put in."""
    words = "adopt: the_trade_desk_crm takes nobody out of an audience but all at once"
    assert words in complaints(the_trade_desk_crm.RECORD, {}, {"mode": mode, "adopt": "7038"})
    assert "adopt" not in complaints(the_trade_desk_crm.RECORD, {}, {"mode": mode, "on_removal": "empty"})


def test_only_the_lists_of_the_planned_match_keys_have_to_be_named():
    activated = {"adopt": "email:7038", "match_keys": ["email"]}
    assert "adopt" not in complaints(tiktok_file.RECORD, {}, activated)


@pytest.mark.parametrize("record", [amc, google, microsoft_ads, snapchat], ids=lambda one: one.RECORD.destination)
def test_of_an_adopted_audience_the_plan_says_how_long_people_stay_where_that_is_a_matter_of_the_audience(record):
    words = "adopted_expiry_days"
    assert f"{words} is missing" in complaints(record.RECORD, {}, {"adopt": "778"})
    assert words not in complaints(record.RECORD, {}, {"adopt": "778", words: 30})
    assert f"{words}: only an adopted audience" in complaints(record.RECORD, {}, {words: 30})


@pytest.mark.parametrize("record", [the_trade_desk, tiktok], ids=lambda one: one.RECORD.destination)
def test_where_people_stay_for_as_long_as_a_request_says_or_for_good_there_is_no_such_number(record):
    assert "adopted_expiry_days" not in complaints(record.RECORD, {}, {"adopt": "778"})
    assert "leave it out" in complaints(record.RECORD, {}, {"adopt": "778", "adopted_expiry_days": 30})


@pytest.mark.parametrize(("stated", "expected"), [(30, 30), (9_999, 540)])
def test_people_stay_in_an_adopted_audience_no_longer_than_the_platform_lets_anybody(stated, expected):
    permission = Activation(
        segment="seg", account="ads", purpose="loyalty", use="target", adopt="778", adopted_expiry_days=stated
    )
    assert permission.held_to(google.RECORD.contract).expiry_days == expected
    assert permission.held_to(snapchat.RECORD.contract).expiry_days == stated
