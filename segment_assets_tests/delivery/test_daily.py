"""The quota of a day holds over processes and midnights, costs few objects, and leaves room for who says no."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.contracts import Quota
from segment_assets.delivery.daily import Day, SpentError, for_ordinary_calls
from segment_assets.resources.lake import LocalLake

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
