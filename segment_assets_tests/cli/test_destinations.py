"""`segment-assets destinations`: every destination by its contract."""

from __future__ import annotations

import json

from click.testing import CliRunner

from segment_assets.cli import main
from segment_assets.destinations import registry


def shown(*options: str) -> str:
    result = CliRunner().invoke(main, ["destinations", *options])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_json_says_of_every_destination_what_its_contract_declares():
    told = {one["destination"]: one for one in json.loads(shown("--json"))}
    assert list(told) == list(registry())
    for name, contract in registry().items():
        one = told[name]
        assert one["pattern"] == contract.pattern.value
        assert one["match_keys"] == [key.value for key in contract.match_keys]
        assert one["modes"] == [mode.value for mode in contract.modes]
        assert one["limits"]["members_per_request"] == contract.batch_members
        assert (one["minimum"], one["expiry_days"]) == (contract.minimum_members, contract.expiry_days)
        assert one["policy"]["first_party_only"] == contract.first_party_only
        assert one["verified_by"] == contract.verified_by.value


def test_the_table_shows_every_destination_with_its_limit():
    text = shown()
    assert [
        c.platform for c in registry().values() if c.platform not in text or f"{c.batch_members:,}" not in text
    ] == []
