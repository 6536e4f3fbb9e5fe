"""What a contract declares, works; what it does not, the plan refuses by name."""

from __future__ import annotations

import pydantic
import pytest
import yaml

from segment_assets.contracts import Mode
from segment_assets.plan import Plan, default_plan
from segment_assets_tests.conformance.kit.house import BATCH
from segment_assets_tests.conformance.kit.outside import KilledError, killing
from segment_assets_tests.conformance.kit.record import records


def test_a_mode_that_a_platform_has_not_is_refused_by_the_plan():
    tried = [(record, mode) for record in records() if not record.connector for mode in Mode]
    for record, mode in tried:
        document = yaml.safe_load(default_plan().read_text("utf-8"))
        activation = document["activations"][0] | {"mode": mode.value, "statements": dict(record.said)}
        account = document["accounts"][activation["account"]]
        account |= {"destination": record.destination, "account": record.account, "settings": dict(record.settings)}
        document |= {"activations": [activation], "accounts": {activation["account"]: account}}
        words = f"{record.destination} has no {mode.value}"
        assert (words in complaints(document)) == (mode not in record.contract.modes)
    assert any(mode not in record.contract.modes for record, mode in tried)


def complaints(document: dict) -> str:
    try:
        Plan.model_validate(document)
    except pydantic.ValidationError as refused:
        return str(refused)
    return ""


REPLACING = [one for one in records() if one.contract.replacing]


@pytest.mark.parametrize("record", REPLACING, ids=lambda one: one.destination, scope="session")
def test_a_replace_that_is_broken_off_is_finished_by_the_next_run_and_leaves_the_new_audience_only(house):
    house.wants(range(BATCH + 2))
    house.run()
    house.mode = Mode.REPLACE
    house.wants(range(4, 4 + 2 * BATCH + 3))
    house.line.after = killing(lambda call: call.nth == 2)
    with pytest.raises(KilledError):
        house.run()
    house.line.after = lambda call, answer: answer
    house.until_done()
    house.holds_exactly(range(4, 4 + 2 * BATCH + 3))
    house.is_balanced()
