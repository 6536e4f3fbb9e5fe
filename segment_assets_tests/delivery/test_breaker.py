"""The circuit breaker: one platform's outage is noticed once, by everybody, and costs nobody else anything."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.contracts import Quota, Request, Response, TransientError
from segment_assets.delivery.breaker import AwayError, Breaker, Health, Tolerance
from segment_assets.delivery.gate import Gate
from segment_assets.delivery.pacing import Pace
from segment_assets.resources.lake import LocalLake

TOLERANCE = Tolerance(failures=3, within=600.0, cool_down=60.0, longest=240.0, probe=120.0)
ASK = Request("GET", "/")


class Platform:
    """Answers with the next of `answers`, the last for ever; None is no answer."""

    def __init__(self, *answers: Response | int | None) -> None:
        self.answers, self.calls = list(answers), 0

    def send(self, _request: Request) -> Response:
        self.calls += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            raise TransientError("no answer (ConnectError)")
        return Response(answer, {}, {}) if isinstance(answer, int) else answer


class Outage:
    """One account, its platform, and a time that the test moves. Every run has a gate and a breaker of its own."""

    def __init__(self, lake: LocalLake, *answers: Response | int | None, account: str = "1") -> None:
        self.lake, self.account, self.platform, self.now = lake, account, Platform(*answers), 1_000_000.0
        self.slept: list[float] = []

    @property
    def breaker(self) -> Breaker:
        return Breaker(self.lake, "fake", self.account, clock=lambda: self.now, tolerance=TOLERANCE)

    def run(self, **more) -> Gate:
        breaker = self.breaker
        quota = Quota(requests=1000, per_seconds=1000)
        pace = Pace(quota, "a", share=breaker.pace, sleep=self.slept.append, clock=lambda: self.now)
        return Gate(self.platform, breaker, pace, clock=lambda: self.now, **more)

    def calls(self, run: Gate, times: int) -> int:
        """How many of so many calls reach the platform."""
        before = self.platform.calls
        for _ in range(times):
            try:
                run.send(ASK)
            except TransientError:
                continue
        return self.platform.calls - before


@pytest.fixture
def lake(tmp_path):
    return LocalLake(tmp_path / "lake")


@pytest.mark.parametrize("answer", [None, 500, 503])
def test_after_the_declared_failures_nothing_is_sent_any_more(lake, answer):
    outage = Outage(lake, answer)
    assert outage.calls(outage.run(), 10) == TOLERANCE.failures
    assert outage.breaker.look().is_held_back(outage.now)
    assert not outage.breaker.look().is_held_back(outage.now + TOLERANCE.cool_down)


@pytest.mark.parametrize("answer", [200, 400, 401, 404, 429])
def test_a_platform_that_answers_is_there_whatever_it_says(lake, answer):
    outage = Outage(lake, answer)
    assert outage.calls(outage.run(), 10) == 10
    assert not outage.breaker.look().is_open


def test_another_process_sees_the_outage_and_another_account_does_not(lake):
    outage, other = Outage(lake, None), Outage(lake, 200, account="2")
    outage.calls(outage.run(), 5)
    run = outage.run()
    assert outage.calls(run, 1) == 1, "its probe"
    with pytest.raises(AwayError, match="fake/1 does not answer"):
        run.send(ASK)
    assert other.calls(other.run(), 5) == 5


def test_failures_of_different_processes_are_counted_together(lake):
    outage = Outage(lake, None)
    first, second = outage.run(), outage.run()
    assert [outage.calls(run, 1) for run in (first, second, first, second)] == [1, 1, 1, 0]


def test_failures_that_are_far_apart_are_no_outage(lake):
    outage = Outage(lake, None)
    run = outage.run(longest=1e9)
    for _ in range(10):
        assert outage.calls(run, 1) == 1
        outage.now += TOLERANCE.within + 1


def test_one_answer_between_failures_begins_the_count_anew(lake):
    outage = Outage(lake, None, 503, 200, None, 503, 200)
    assert outage.calls(outage.run(), 6) == 6
    assert outage.breaker.look() == Health()


def test_when_its_time_is_up_one_probe_goes_out_and_an_answer_closes_the_breaker(lake):
    outage = Outage(lake, None)
    run, other = outage.run(longest=1e9), outage.run(longest=1e9)
    outage.calls(other, 1)
    outage.calls(run, 3)
    outage.now += TOLERANCE.cool_down
    outage.platform.answers = [200]
    run.take_a_turn()
    with pytest.raises(AwayError):
        other.send(ASK)
    run.send(ASK)
    assert other.send(ASK).status == 200
    assert not outage.breaker.look().is_open


def test_a_probe_that_fails_waits_twice_as_long_up_to_the_longest(lake):
    outage = Outage(lake, None)
    run = outage.run(longest=1e9)
    outage.calls(run, 3)
    waits = []
    for _ in range(4):
        waits.append(outage.breaker.look().until - outage.now)
        outage.now += waits[-1]
        assert outage.calls(run, 3) == 1
    assert waits == [60, 120, 240, 240]


def test_a_probe_whose_process_died_is_forgotten(lake):
    outage = Outage(lake, None)
    outage.calls(outage.run(), 3)
    outage.now += TOLERANCE.cool_down
    outage.run().take_a_turn()
    with pytest.raises(AwayError):
        outage.run().take_a_turn()
    outage.now += TOLERANCE.probe
    outage.run().take_a_turn()


def test_the_first_call_of_a_run_is_a_probe_before_the_time_is_up(lake):
    """An opt-out, or a person: nobody else starts a run while the breaker is open."""
    outage = Outage(lake, None)
    outage.calls(outage.run(), 3)
    assert outage.calls(outage.run(), 5) == 1
    outage.platform.answers = [200]
    assert outage.calls(outage.run(), 5) == 5


def test_a_refusal_of_ours_ends_a_run_at_once_instead_of_waiting_in_it(lake):
    outage = Outage(lake, None)
    run = outage.run()
    outage.calls(run, 3)
    with pytest.raises(AwayError) as refused:
        run.send(ASK)
    assert refused.value.retry_after >= 600


def test_a_run_ends_itself_before_the_daemon_does(lake):
    outage = Outage(lake, 200)
    run = outage.run(longest=100.0)
    outage.now += 200
    assert run.send(ASK).status == 200, "every run gets on by one call"
    with pytest.raises(TransientError, match="the rest goes with a later run"):
        run.send(ASK)


def test_a_throttle_without_advice_halves_the_pace_and_the_pace_comes_back(lake):
    outage = Outage(lake, 200, 429, 200)
    run = outage.run()
    outage.calls(run, 2)
    assert outage.slept == []
    outage.calls(run, 1)
    assert outage.slept == [2.0], "a second between two calls, at half the pace two"
    assert [outage.breaker.look().pace_at(outage.now + seconds) for seconds in (0, 60, 300, 600)] == [0.5, 0.6, 1, 1]


@pytest.mark.parametrize("headers", [{"Retry-After": "7"}, {"RateLimit": '"default";r=0;t=7'}])
def test_a_throttle_with_advice_leaves_the_pace_alone(lake, headers):
    outage = Outage(lake, Response(429, headers, {}))
    outage.calls(outage.run(), 3)
    assert outage.breaker.look().pace_at(outage.now) == 1


def test_a_platform_with_a_throttle_of_its_own_form_tells_by_its_destination(lake):
    outage = Outage(lake, Response(200, {}, {"code": 40100}))
    outage.run(is_throttle=lambda answer: answer.json["code"] == 40100).send(ASK)
    assert outage.breaker.look().pace_at(outage.now) == 0.5


def test_nothing_is_written_while_all_is_well(lake):
    outage = Outage(lake, 200)
    outage.calls(outage.run(), 20)
    assert lake.keys("platform_accounts") == []


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["fail", "answer", "throttle"]), st.floats(0, 2000)), max_size=30))
def test_whatever_happens_an_account_is_never_held_back_for_longer_than_declared(events):
    health, now = Health(), 1_000_000.0
    for what, seconds in events:
        now += seconds
        if what == "fail":
            if health.is_open and now >= health.until:
                health = dataclasses.replace(health, probed_until=now + TOLERANCE.probe)
            health = health.after_failure("503", now, TOLERANCE)
        else:
            health = health.after_answer() if what == "answer" else health.after_throttle(now)
        assert not health.is_held_back(now + TOLERANCE.longest)
        assert 0 < health.pace_at(now) <= 1
        assert health.pace_at(now + 600) == 1
        assert Health(**json.loads(json.dumps(dataclasses.asdict(health)))) == health
