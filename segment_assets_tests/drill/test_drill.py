"""What the drill tries, without trying it: `make drill` takes minutes."""

from __future__ import annotations

from segment_assets.destinations import registry
from segment_assets_tests.conformance.kit.outside import Call
from segment_assets_tests.drill.any_platform import Undisturbed
from segment_assets_tests.drill.deployed import drilled
from segment_assets_tests.drill.erasures import erasing
from segment_assets_tests.drill.lane import ALL_FAULTS
from segment_assets_tests.faults.sides import SIDES


def test_every_destination_is_drilled():
    assert set(drilled()) == set(registry())


def test_one_destination_of_each_pattern_has_every_fault():
    thorough = {name: contract.pattern for name, contract in registry().items() if name in {*SIDES, *ALL_FAULTS}}
    assert set(thorough.values()) == {contract.pattern for contract in registry().values()}
    assert len(thorough) == len(set(thorough.values())), "one of each is enough"


def test_people_are_forgotten_on_every_destination_that_has_a_call_for_it():
    assert erasing() == [name for name, contract in registry().items() if contract.erasure is not None]


def test_faults_strike_each_kind_of_call_first_and_those_with_people_also_in_the_middle_and_last():
    def line(path: str) -> dict:
        return {"method": "PUT", "path": path}

    paths = ["create", "open", "people", "close", "open", "people", "close", "open", "people", "close"]
    calls = tuple(Call("PUT", path, "", b"", (1,) if path == "people" else ()) for path in paths)
    undisturbed = Undisturbed(calls, tuple(map(line, paths)))
    assert undisturbed.carrying == {("PUT", "people")}
    assert undisturbed.places == (0, 1, 2, 3, 5, 8)
