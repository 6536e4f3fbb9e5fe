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


def test_a_reading_that_no_plan_can_choose_is_not_called_a_setting():
    """Ten stood there as settings, and every connector refused them."""
    line = r"^- Readings of `(\w+)`: .*, which is delivered; `(\w+)` for `segment-assets hash` only"
    others = re.findall(line, page(), re.MULTILINE)

    assert set(others) == OTHER_READINGS
    assert "Setting `" not in page()


@pytest.mark.parametrize("record", records(), ids=lambda one: one.destination)
def test_no_connector_takes_another_reading_from_the_plan(record):
    for name, reading in OTHER_READINGS:
        with pytest.raises(PermanentError, match=f"no setting {name};"):
            dataclasses.replace(record, settings={**record.settings, name: reading}).connect()
