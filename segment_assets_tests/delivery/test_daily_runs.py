"""Deliveries to an account whose platform counts a day: what a run leaves to the next, and who goes all the same."""

from __future__ import annotations

import dataclasses

import pytest

from segment_assets.contracts import NeedsHumanError, Quota, RefusedBatchError, Response, TransientError
from segment_assets.delivery.breaker import Breaker
from segment_assets.delivery.courier import Patience
from segment_assets.delivery.daily import Day, SpentError
from segment_assets.delivery.errands import Errand
from segment_assets.delivery.gate import Gate
from segment_assets.delivery.guards import GuardRails
from segment_assets.delivery.ledger import Pair
from segment_assets.delivery.pacing import Pace
from segment_assets.delivery.run import DeliveryRoom
from segment_assets.delivery.wanted import Wanted
from segment_assets.resources.lake import LocalLake
from segment_assets_tests.fakes import (
    CONTRACT,
    FakeDestination,
    FakePlatform,
    digest,
    marked,
    person,
    publish_audience,
    publish_suppressions,
)

HOUR, DAY = 3_600.0, 86_400.0
MIDNIGHT = 20_000 * DAY


class Office:
    """Runs for one account whose platform counts a day."""

    def __init__(self, tmp_path, per_day: int, platform: FakePlatform | None = None, contract=CONTRACT) -> None:
        self.lake, self.platform = LocalLake(tmp_path / "lake"), platform or FakePlatform()
        self.quota, self.now, self.folder = Quota(100_000, 1, per_day), MIDNIGHT + HOUR, tmp_path / "work"
        self.audience = self.suppressions = None
        self.contract = contract

    def day(self) -> Day:
        day = Day.of(self.lake, "fake", "1", self.quota, clock=lambda: self.now)
        assert day is not None
        return day

    def spends_the_day(self) -> None:
        """Another run does, but for what is kept for opt-outs."""
        other = self.day()
        while other.opens_at(self.now) == self.now:
            other.take()

    def gate(self) -> Gate:
        breaker = Breaker(self.lake, "fake", "1", clock=lambda: self.now)
        return Gate(self.platform, breaker, Pace(self.quota, "1"), day=self.day())

    def wants(self, *names: str) -> None:
        self.audience = publish_audience(self.lake, "seg", [person(name, email=f"{name}@x") for name in names])

    def says_no(self, name: str) -> None:
        self.suppressions = publish_suppressions(self.lake, [("email", digest(f"{name}@x"))])

    def run(self):
        room = DeliveryRoom(
            self.lake,
            FakeDestination(self.contract),
            self.gate(),
            workdir=self.folder,
            clock=lambda: self.now,
            sleep=lambda _: None,
            patience=Patience(attempts=2),
        )
        pair = Pair("tenant", "fake", "1", "seg")
        errand = Errand(pair, Wanted(self.contract, self.contract.forms()), "seg", {}, GuardRails(1.0), b"key")
        return room.run(errand, self.audience, self.suppressions)


def test_a_delivery_that_is_larger_than_the_day_goes_on_when_the_day_opens(tmp_path):
    office = Office(tmp_path, per_day=10)
    office.wants(*(f"p{number:02d}" for number in range(60)))
    with pytest.raises(SpentError) as spent:
        office.run()
    assert len(office.platform.people) == 8 * 3, "one of the nine calls made the audience"
    for _ in range(3):
        office.now += spent.value.retry_after
        try:
            office.run()
        except SpentError as again:
            spent.value.retry_after = again.retry_after
    assert len(office.platform.people) == 60


def test_who_says_no_on_a_spent_day_is_taken_out_and_nobody_is_added(tmp_path):
    office = Office(tmp_path, per_day=10)
    office.wants(*(f"p{number:02d}" for number in range(60)))
    with pytest.raises(SpentError):
        office.run()
    there = next(name for name in (f"p{n:02d}" for n in range(60)) if office.platform.holds(f"{name}@x"))
    office.says_no(there)
    with pytest.raises(SpentError):
        office.run()
    assert not office.platform.holds(f"{there}@x")
    assert len(office.platform.people) == 8 * 3 - 1


class Silent(FakePlatform):
    """Refuses every request with somebody bad in it, and does not say who that is."""

    refused, is_lenient = 0, False

    def _change(self, request):
        if not self.is_lenient and any(marked("bad@x") in row for row in request.json["rows"]):
            self.refused += 1
            raise RefusedBatchError("fake: something in the request is not right")
        return super()._change(request)


def test_who_says_no_in_a_refused_batch_is_found_by_what_is_kept_for_them(tmp_path):
    platform = Silent()
    office = Office(tmp_path, 1_000, platform, dataclasses.replace(CONTRACT, batch_members=64))
    names = ["bad", *(f"p{number}" for number in range(63))]
    platform.is_lenient = True
    office.wants(*names)
    office.run()
    platform.is_lenient = False
    office.spends_the_day()
    office.suppressions = publish_suppressions(office.lake, [("email", digest(f"{name}@x")) for name in names])
    with pytest.raises(NeedsHumanError, match="did not take out 1 people"):
        office.run()
    assert platform.identifiers == {marked("bad@x")}


@pytest.mark.parametrize(("per_day", "refused", "taken"), [(100_000, 4, 63), (30, 2, 48)])
def test_a_refused_batch_is_halved_within_a_tenth_of_what_is_left_of_the_day(tmp_path, per_day, refused, taken):
    platform = Silent()
    office = Office(tmp_path, per_day, platform, dataclasses.replace(CONTRACT, batch_members=64))
    office.wants("bad", *(f"p{number}" for number in range(63)))
    office.run()
    assert (platform.refused, len(platform.people)) == (refused, taken)


def test_a_day_that_is_spent_is_no_failure_of_the_platform(tmp_path):
    office = Office(tmp_path, per_day=1)
    gate = office.gate()
    office.platform.send = lambda _request: Response(200, {}, {})
    gate.send(None)
    with pytest.raises(TransientError):
        gate.send(None)
    assert office.lake.keys("platform_accounts/fake/1/health") == []
