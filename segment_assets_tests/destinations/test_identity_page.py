"""docs/identity.md is what the declarations say."""

from __future__ import annotations

from segment_assets.destinations.match_keys import PLATFORMS
from segment_assets.destinations.match_keys.documentation import PAGE, page
from segment_assets.identity import NORMAL_FORMS


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
