"""Every test of the kit runs for every destination: on a sandbox as on a first start, with a lake of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from segment_assets_tests.conformance.kit.house import House
from segment_assets_tests.conformance.kit.outside import InProcess, Outside
from segment_assets_tests.conformance.kit.record import records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from segment_assets_tests.conformance.kit.record import Record


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marks = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
    own = {name for names in marks for name in ([names] if isinstance(names, str) else names)}
    if "record" in metafunc.fixturenames and "record" not in own:
        every = records()
        metafunc.parametrize("record", every, ids=[record.destination for record in every], scope="session")


@pytest.fixture(scope="session")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    inside = InProcess(tmp_path_factory.mktemp("sandbox"), [one.platform() for one in records() if one.platform])
    outside = Outside(inside)
    yield outside
    outside.close()
    inside.end()


@pytest.fixture(scope="module")
def new_house(record: Record, tmp_path_factory: pytest.TempPathFactory, outside: Outside) -> Callable[[], House]:
    """Makes houses; with each the sandbox is as on a first start."""

    def make() -> House:
        outside.reset()
        return House(record, tmp_path_factory.mktemp("house"), outside)

    return make


@pytest.fixture
def house(new_house: Callable[[], House]) -> House:
    return new_house()
