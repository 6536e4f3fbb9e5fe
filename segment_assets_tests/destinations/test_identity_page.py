"""docs/identity.md is what the declarations say."""

from __future__ import annotations

import dataclasses
import re

import pytest

from segment_assets.contracts import PermanentError
from segment_assets.destinations.match_keys import PLATFORMS
from segment_assets.destinations.match_keys.documentation import PAGE, page
from segment_assets.identity import NORMAL_FORMS
from segment_assets_tests.conformance.kit.record import records

# A name, and a reading of it that is not the first.
OTHER_READINGS = {
    (name, list(setting.choices)[-1])
    for platform in PLATFORMS.values()
    for route in platform.routes.values()
    for name, setting in route.settings.items()
}
# A connector, and a reading that an account of it can choose.
CHOSEN = {
    (record.destination, name, list(reading.choices)[-1])
    for record in records()
    for name, reading in record.contract.readings.items()
}


def test_the_page_is_up_to_date():
    again = "run: python -m segment_assets.destinations.match_keys.documentation"
    assert PAGE.read_text(encoding="utf-8") == page(), again


def test_the_page_names_every_form_and_platform():
    text = page()
    assert [name for name in NORMAL_FORMS if f"| `{name}` |" not in text] == []
    assert [name for name in PLATFORMS if f"### {name} · " not in text] == []


def test_only_platforms_without_a_connector_are_said_to_have_none():
    without = {line.split()[1] for line in page().splitlines() if line.endswith("(no connector yet)")}
    assert without == {"x_ads", "yahoo_dsp"}


def test_a_reading_that_no_account_can_choose_is_not_called_a_setting():
    """Ten stood there as settings once, and every connector refused them."""
    settings = re.findall(r"^- Setting `(\w+)` of an account: .*", page(), re.MULTILINE)
    others = re.findall(r"^- Readings of `(\w+)`: .* for `segment-assets hash` only", page(), re.MULTILINE)

    assert set(settings) == {name for _, name, _ in CHOSEN}
    assert {"email_digest", "mobile_ad_id_digest"} <= set(others)
    assert set(settings) | set(others) == {name for name, _ in OTHER_READINGS}


@pytest.mark.parametrize("record", records(), ids=lambda one: one.destination)
def test_a_connector_takes_from_the_plan_the_readings_that_its_page_names_and_no_others(record):
    for name, reading in OTHER_READINGS:
        changed = dataclasses.replace(record, settings={**record.settings, name: reading})
        if (record.destination, name, reading) in CHOSEN:
            assert changed.connect().contract.match_keys != record.connect().contract.match_keys
            continue
        own = record.contract.readings.get(name)
        if own is not None and reading == own.default:
            assert changed.connect() == record.connect()
            continue
        with pytest.raises(PermanentError, match=rf"no setting {name};|{name} '{reading}' is not one of "):
            changed.connect()
