"""The quota of a day holds over processes and midnights, costs few objects, and leaves room for who says no."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.contracts import NeedsHumanError, Quota, RefusedBatchError, Response, TransientError
from segment_assets.delivery.breaker import Breaker
from segment_assets.delivery.courier import Patience
from segment_assets.delivery.daily import Day, SpentError, for_ordinary_calls
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
QUOTA = Quota(requests=100_000, per_seconds=1, per_day=1_000)


class Clocked:
    """One lake and a time that the test moves; every process has a day of its own."""

    def __init__(self, lake: LocalLake, now: float = MIDNIGHT + 10 * HOUR, quota: Quota = QUOTA) -> None:
        self.lake, self.now, self.quota = lake, now, quota

    def process(self, account: str = "1") -> Day:
        day = Day.of(self.lake, "fake", account, self.quota, clock=lambda: self.now)
        assert day is not None
        return day

    def calls(self, day: Day, times: int, *, for_opt_out: bool = False) -> int:
        """How many of so many calls may go."""
        for number in range(times):
            try:
                day.take(for_opt_out=for_opt_out)
            except SpentError:
                return number
        return times


@pytest.fixture
def clocked(tmp_path):
    return Clocked(LocalLake(tmp_path / "lake"))


def test_a_platform_without_a_quota_of_a_day_is_not_counted(tmp_path):
    assert Day.of(LocalLake(tmp_path), "fake", "1", Quota(10, 1)) is None


def test_two_processes_side_by_side_spend_one_day(clocked):
    first, second = clocked.process(), clocked.process()
    made = sum(clocked.calls(day, 50) for _ in range(20) for day in (first, second))
    # Each may hold a hundredth of the day that it has not used.
    assert 900 - 10 <= made <= 900


def test_the_calls_of_an_earlier_run_count(clocked):
    assert clocked.calls(clocked.process(), 700) == 700
    clocked.now += HOUR
    assert 190 <= clocked.calls(clocked.process(), 700) <= 200


def test_another_account_has_a_day_of_its_own_and_accounts_of_one_project_share_theirs(clocked):
    assert clocked.calls(clocked.process("1"), 900) == clocked.calls(clocked.process("2"), 900) == 900
    clocked.quota = dataclasses.replace(QUOTA, shared_by="project")
    assert clocked.calls(clocked.process("1"), 900) == 900
    assert clocked.calls(clocked.process("2"), 900) == 0


def test_a_spent_day_is_told_with_the_moment_at_which_it_opens(clocked):
    clocked.calls(clocked.process(), 900)
    clocked.now += HOUR
    with pytest.raises(SpentError, match="fake/1: the 1,000 calls of 24 hours are spent") as spent:
        clocked.process().take()
    assert "2024-10-05 10:30 UTC" in str(spent.value)
    assert spent.value.retry_after == 23.5 * HOUR
    assert clocked.process().opens_at(clocked.now) == clocked.now + 23.5 * HOUR


def test_midnight_gives_nobody_a_new_day(clocked):
    clocked.now = MIDNIGHT - 60
    assert clocked.calls(clocked.process(), 500) == 500
    clocked.now = MIDNIGHT + 60
    day = clocked.process()
    made = clocked.calls(day, 1_000)
    assert 390 <= made <= 400
    clocked.now = MIDNIGHT + 23 * HOUR
    assert clocked.calls(day, 10) == 0
    clocked.now = MIDNIGHT + DAY + HOUR / 4
    assert clocked.calls(day, 1_000) >= 500


def test_in_the_first_minutes_of_a_date_the_day_before_yesterday_still_counts(clocked):
    clocked.now = MIDNIGHT - DAY - 60
    clocked.calls(clocked.process(), 900)
    clocked.now = MIDNIGHT + 60
    assert clocked.calls(clocked.process(), 1) == 0
    clocked.now = MIDNIGHT + HOUR / 4
    assert clocked.calls(clocked.process(), 1) == 1


def test_what_was_reserved_is_not_used_after_its_quarter_of_an_hour(clocked):
    slow = clocked.process()
    assert clocked.calls(slow, 2) == 2, "of three that it has reserved"
    clocked.now += HOUR / 4
    assert clocked.calls(slow, 1) == 1
    assert clocked.calls(clocked.process(), 1_000) == 900 - 4


def test_a_day_opens_by_the_quarter_of_an_hour_as_it_was_spent(clocked):
    for _ in range(9):
        # 1 + 2 + 4 + 8 + 8 * 10: nothing of what is reserved is left over.
        assert clocked.calls(clocked.process(), 95) == 95
        clocked.now += HOUR
    assert clocked.calls(clocked.process(), 1_000) == 45
    clocked.now = MIDNIGHT + 10 * HOUR + DAY + HOUR / 2
    assert clocked.calls(clocked.process(), 1_000) == 95


class Counting:
    """A lake that counts how often it is asked for anything."""

    def __init__(self, lake: LocalLake) -> None:
        self._lake, self.asked = lake, 0

    def __getattr__(self, name: str) -> object:
        self.asked += 1
        return getattr(self._lake, name)


def test_a_run_asks_the_lake_for_a_hundredth_of_the_day_at_once_and_not_for_a_call(clocked):
    lake = Counting(clocked.lake)
    day = Day(lake, "fake/1", 100_000, clock=lambda: clocked.now)
    assert clocked.calls(day, 50_000) == 50_000
    assert lake.asked < 60 * 5
    assert len(clocked.lake.keys("platform_accounts/fake/1/calls")) <= 60


def test_what_is_lost_with_a_process_is_less_than_it_used(clocked):
    for _ in range(100):
        clocked.calls(clocked.process(), 3)
    assert clocked.calls(clocked.process(), 1_000) > 900 - 100 * 3 * 2


def test_the_last_tenth_is_for_who_says_no_and_not_for_what_follows_in_the_same_run(clocked):
    clocked.calls(clocked.process(), 1_000)
    run = clocked.process()
    assert clocked.calls(run, 3, for_opt_out=True) == 3
    assert clocked.calls(run, 1) == 0
    assert clocked.calls(run, 1_000, for_opt_out=True) == 97
    assert clocked.process().opens_at(clocked.now, for_opt_out=True) > clocked.now


def test_even_a_quota_of_one_lets_a_call_out():
    assert [for_ordinary_calls(per_day) for per_day in (1, 2, 10, 1_000)] == [1, 1, 9, 900]


class Overtaken:
    """A lake in which somebody else counts between our look and our own count, once."""

    def __init__(self, lake: LocalLake, somebody_else: Day) -> None:
        self._lake, self._others = lake, [somebody_else]

    def __getattr__(self, name: str) -> object:
        return getattr(self._lake, name)

    def put_if_absent(self, key: str, body: bytes) -> bool:
        for other in [self._others.pop()] if self._others else []:
            other.take()
        return self._lake.put_if_absent(key, body)


def test_of_two_processes_that_count_at_the_same_moment_neither_is_forgotten(clocked):
    lake = Overtaken(clocked.lake, clocked.process())
    Day(lake, "fake/1", 1_000, clock=lambda: clocked.now).take()
    assert clocked.calls(clocked.process(), 1_000) == 900 - 2


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(1, 60), st.floats(0, 30_000), st.booleans()), max_size=40),
    st.integers(5, 200),
)
def test_in_no_24_hours_are_there_more_calls_than_the_quota(tmp_path_factory, events, per_day):
    quota = Quota(1, 1, per_day=per_day)
    clocked = Clocked(LocalLake(tmp_path_factory.mktemp("lake")), quota=quota)
    processes = [clocked.process() for _ in range(3)]
    made: list[float] = []
    for which, times, later, for_opt_out in events:
        clocked.now += later
        made += [clocked.now] * clocked.calls(processes[which], times, for_opt_out=for_opt_out)
    for begins in made:
        assert sum(begins <= at < begins + DAY for at in made) <= per_day


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
