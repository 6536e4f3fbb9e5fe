"""The delivery room and our Reddit connector against a running Reddit: what the platform's own ways cost, and whom.

What every destination has to survive is in `conformance/kit`; here is what Reddit alone does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from segment_assets.contracts import TransientError
from segment_assets.contracts.sizes import SizeState
from segment_assets_tests.conformance.kit.house import House
from segment_assets_tests.conformance.kit.outside import InProcess, Outside
from segment_assets_tests.conformance.kit.platforms.reddit import RECORD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PEOPLE = 12


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    inside = InProcess(tmp_path_factory.mktemp("sandbox"), ())
    outside = Outside(inside)
    yield outside
    outside.close()
    inside.end()


@pytest.fixture
def house(outside: Outside, tmp_path: Path) -> House:
    outside.reset()
    return House(RECORD, tmp_path, outside)


def test_nobody_is_proven_where_reddit_proves_nobody_also_not_those_whom_it_drops_in_silence(house: House):
    house.outside.admin("platforms/reddit", {"dropped_share": 0.5})
    house.wants(range(PEOPLE))
    (row,) = house.run().deliveries
    assert 0 < len(house.outside.people()) < 2 * PEOPLE
    assert (row["accepted"], row["rejected"], row["unproven"]) == (0, 0, PEOPLE)
    house.is_balanced()
    assert house.run().deliveries == [], "unproven is not unsent"


def test_a_budget_of_a_minute_is_waited_for_and_one_of_a_quarter_of_an_hour_is_left_to_a_later_run(house: House):
    outside = house.outside
    outside.later(1_800 - outside._get("clock")["now"] % 900)
    outside.admin("platforms/reddit", {"budgets": {"ads-custom-audience-ingestion-burst": 3}})
    house.wants(range(PEOPLE))
    house.run()
    waits = [seconds for seconds in house.waited if seconds > 10]
    assert waits
    assert max(waits) <= 60
    house.holds_exactly(range(PEOPLE))
    outside.admin("platforms/reddit", {"budgets": {"ads-custom-audience-ingestion": 1}})
    house.wants(range(2, PEOPLE))
    with pytest.raises(TransientError, match="throttled"):
        house.run()
    outside.admin("platforms/reddit", {"budgets": {}})
    house.until_done()
    house.holds_exactly(range(2, PEOPLE))
    house.is_balanced()


def test_the_size_that_reddit_shows_comes_a_day_after_the_people(house: House):
    house.batch = 1_200
    house.wants(range(600))
    house.run()
    (audience,) = house.outside.audiences()
    destination, transport = house.destination(), house.transport()

    def size():
        return destination.read_size(transport.send(destination.size_request(audience["id"])))

    assert size().state is SizeState.UPDATING
    house.outside.later(86_401)
    assert (size().state, size().lower, size().upper) == (SizeState.READY, 1_000, 1_500)
    transport.close()
