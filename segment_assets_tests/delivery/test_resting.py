"""A wait that a platform asks for is kept by everybody who calls the account, not only by the run that was told."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.contracts import Response
from segment_assets.delivery.breaker import AwayError, Breaker, Health
from segment_assets_tests.delivery.test_breaker import ASK, TOLERANCE, Outage
from segment_assets_tests.delivery.test_breaker import lake as lake  # noqa: PLC0414 - a fixture

HOUR, DAY = 3_600.0, 86_400.0
THROTTLED = Response(429, {"Retry-After": "3600"}, {})


def test_a_wait_that_no_run_waits_out_is_kept_by_every_other_process(lake):
    outage = Outage(lake, THROTTLED, 200)
    outage.run().send(ASK)
    outage.now += 1
    for _ in range(3):
        with pytest.raises(AwayError, match="fake/1 asked for rest until 1970-01-12 14:46 UTC") as refused:
            outage.run().send(ASK)
        assert refused.value.retry_after == HOUR - 1
    assert outage.platform.calls == 1
    outage.now += HOUR - 1
    assert outage.calls(outage.run(), 5) == 5
    assert len(lake.keys("platform_accounts")) == 1, "a rest that is over needs no word"


def test_another_account_of_the_platform_does_not_rest(lake):
    outage, other = Outage(lake, THROTTLED), Outage(lake, 200, account="2")
    outage.run().send(ASK)
    assert other.run().send(ASK).status == 200


@pytest.mark.parametrize("response", [
    Response(429, {"Retry-After": "30"}, {}),
    Response(429, {}, {}),
    Response(429, {"Retry-After": "soon"}, {}),
    Response(429, {"Retry-After": "900000"}, {}),
    # That the call was taken, and when to ask about its job: this says nothing about other calls.
    Response(202, {"Retry-After": "3600"}, {}),
    Response(200, {"RateLimit": '"default";r=0;t=3600'}, {}),
])  # fmt: skip
def test_what_a_run_waits_out_or_nobody_asked_for_is_no_rest(lake, response):
    outage = Outage(lake, response)
    outage.run().send(ASK)
    assert not outage.breaker.look().is_resting(outage.now)


@pytest.mark.parametrize("response", [
    Response(503, {"Retry-After": "3600"}, {}),
    Response(429, {"RateLimit": '"burst";r=0;t=3600'}, {}),
])  # fmt: skip
def test_other_refusals_that_tell_a_time_are_kept_as_well(lake, response):
    outage = Outage(lake, response)
    outage.run().send(ASK)
    assert outage.breaker.look().rest_until == outage.now + HOUR


def test_no_rest_is_longer_than_a_day(lake):
    outage = Outage(lake, 200)
    outage.run().rest(30 * DAY)
    assert outage.breaker.look().rest_until == outage.now + DAY


def test_a_shorter_wait_of_a_call_that_was_on_its_way_does_not_end_a_longer_one(lake):
    outage = Outage(lake, 200)
    late = outage.run()
    late.take_a_turn()
    outage.run().rest(HOUR)
    late.send(ASK)
    assert outage.breaker.look().is_resting(outage.now), "its answer is about the time before"
    late.rest(60)
    assert outage.breaker.look().rest_until == outage.now + HOUR


def test_one_wait_that_is_read_twice_is_written_once(lake):
    outage = Outage(lake, THROTTLED)
    run = outage.run()
    run.send(ASK)
    outage.now += 0.5
    run.rest(HOUR)
    assert len(lake.keys("platform_accounts")) == 1


class TestProbes:
    """A no waits for minutes, and what is called against the platform's word is one call in that time."""

    def test_nobody_asks_a_platform_that_has_just_said_no(self, lake):
        outage = Outage(lake, THROTTLED)
        outage.run().send(ASK)
        for _ in range(10):
            outage.now += TOLERANCE.longest / 20
            assert outage.calls(outage.run(), 3) == 0

    def test_however_many_runs_begin_one_call_goes_out_in_the_time_of_a_probe(self, lake):
        outage = Outage(lake, THROTTLED)
        outage.run().rest(DAY)
        begins = outage.now
        while outage.now < begins + HOUR:
            outage.now += 10
            outage.calls(outage.run(), 3)
        assert outage.platform.calls == HOUR / TOLERANCE.longest

    def test_a_call_that_is_not_the_first_of_its_run_is_no_probe(self, lake):
        outage = Outage(lake, 200)
        run = outage.run(longest=1e9)
        run.send(ASK)
        run.rest(HOUR)
        outage.now += TOLERANCE.longest
        assert outage.calls(run, 1) == 0

    def test_a_probe_that_was_taken_ends_the_rest_for_everybody(self, lake):
        outage = Outage(lake, 200)
        outage.run().rest(HOUR)
        outage.now += TOLERANCE.longest
        assert outage.calls(outage.run(), 5) == 5
        assert outage.calls(outage.run(), 5) == 5

    @pytest.mark.parametrize("answer", [429, 500, None, 400, Response(429, {"Retry-After": "60"}, {})])
    def test_a_probe_that_was_not_taken_leaves_the_rest_as_it_was(self, lake, answer):
        outage = Outage(lake, answer)
        outage.run().rest(HOUR)
        until = outage.now + HOUR
        outage.now += TOLERANCE.longest
        assert outage.calls(outage.run(), 5) == 1
        assert outage.breaker.look().rest_until == until

    def test_a_throttle_that_comes_with_200_does_not_end_a_rest(self, lake):
        outage = Outage(lake, Response(200, {}, {"code": 40100}))
        outage.run().rest(HOUR)
        outage.now += TOLERANCE.longest
        outage.run(is_throttle=lambda answer: answer.json["code"] == 40100).send(ASK)
        assert outage.breaker.look().is_resting(outage.now)

    def test_a_probe_does_not_end_a_longer_rest_that_was_asked_for_meanwhile(self, lake):
        outage = Outage(lake, 200)
        outage.run().rest(HOUR)
        outage.now += TOLERANCE.longest
        probe = outage.run()
        probe.take_a_turn()
        outage.run().rest(2 * HOUR)
        probe.send(ASK)
        assert outage.breaker.look().rest_until == outage.now + 2 * HOUR

    def test_an_account_that_is_away_and_rests_is_probed_by_one_call_for_both(self, lake):
        outage = Outage(lake, Response(503, {"Retry-After": "3600"}, {}))
        outage.calls(outage.run(), 1)
        for _ in range(TOLERANCE.failures):
            outage.now += TOLERANCE.longest
            outage.calls(outage.run(), 3)
        assert outage.platform.calls == TOLERANCE.failures + 1
        assert outage.breaker.look().is_open
        outage.platform.answers = [200]
        outage.now += TOLERANCE.longest
        assert outage.calls(outage.run(), 3) == 3


def test_a_state_of_before_there_were_rests_is_read(lake):
    old = {field.name: getattr(Health(), field.name) for field in dataclasses.fields(Health)}
    del old["rest_until"], old["probe_from"]
    lake.put_if_absent("platform_accounts/fake/1/health/000000001.json", json.dumps(old).encode())
    assert Breaker(lake, "fake", "1").look() == Health()


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["rest", "call", "run"]), st.floats(1, 2e5), st.floats(0, 4_000)), max_size=20)
)
def test_whatever_is_asked_for_everybody_may_call_again_after_a_day(events):
    health, now = Health(), 1_000_000.0
    for what, seconds, later in events:
        now += later
        if what == "rest":
            health = health.after_request(seconds, now, TOLERANCE)
        elif health.wait(now, is_first=what == "run") == 0:
            health = health.after_entry(now, TOLERANCE)
        assert health.wait(now + DAY, is_first=False) == 0
        assert health.wait(now, is_first=True) <= TOLERANCE.longest
