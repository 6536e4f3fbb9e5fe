"""The delivery room and the real transport against a platform in trouble: who is in the audience afterwards.

Each fault strikes the creation, the first, a middle or the last call. After the run, or after the trouble is over and
the run is repeated, exactly the wanted people are there, everybody is accounted for, and nothing that was
acknowledged was sent again.
"""

from __future__ import annotations

import contextlib
import time

import pytest

from segment_assets.contracts import NeedsHumanError, TransientError
from segment_assets.delivery.courier import Patience
from segment_assets_tests.fakes import digest, marked
from segment_assets_tests.faults.room import (
    BATCH,
    FAULTS,
    USERS,
    Room,
    calls_in_the_end,
    crowd,
    holds_exactly,
    run_until_done,
    strike,
)

PEOPLE = 400
BATCHES = PEOPLE // BATCH
FIRST, MIDDLE, LAST = 1, BATCHES // 2, BATCHES
# Every run of the fast tests has the two that matter most: the answer is lost, and the call is put off.
CORE = {("reset after", LAST), ("throttle", MIDDLE)}
STRIKES = [
    pytest.param(name, nth, id=f"{name}, call {nth}", marks=[] if (name, nth) in CORE else pytest.mark.slow)
    for name in FAULTS
    for nth in (FIRST, MIDDLE, LAST)
    # An outage in the middle has a test of its own below; one kind of a single fault there is enough.
    if nth != MIDDLE or (name, nth) in CORE
]
# What passes by itself is over within the run; an expired token needs a person, so a second run.
OVERCOME_WITHIN_A_RUN = set(FAULTS) - {"expired token"}


@pytest.mark.parametrize(("name", "nth"), STRIKES)
def test_one_fault_anywhere_costs_one_repeated_call_and_nobody(room: Room, name: str, nth: int):
    room.wants(crowd(range(PEOPLE)))
    strike(room, name, nth)
    errors = run_until_done(room)
    assert room.sandbox.hits() == 1 or errors
    assert bool(errors) is (name not in OVERCOME_WITHIN_A_RUN)
    holds_exactly(room, range(PEOPLE))
    room.is_balanced()
    calls = calls_in_the_end(room, BATCHES + 1)
    assert len(calls) == BATCHES + 1
    assert sum(line["records"] for line in calls) <= PEOPLE + BATCH
    assert room.run().deliveries == []


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(FAULTS) - {"expired token"}))
def test_an_outage_that_outlasts_a_run_is_continued_by_the_next_one(room: Room, name: str):
    room.wants(crowd(range(PEOPLE)))
    strike(room, name, MIDDLE, count=1_000)
    with pytest.raises(TransientError) as gave_up:
        room.run()
    assert room.sandbox.hits() == room.patience.attempts
    assert not any(word in str(gave_up.value) for word in ("sandbox-meta-token", marked("p0@x.example")))
    (row,) = room.rows()
    assert (row["outcome"], row["unproven"], row["unsent"]) == ("failed", BATCH, PEOPLE - MIDDLE * BATCH)
    room.is_balanced()
    before = len(room.sandbox.log())
    room.sandbox.faults()
    room.timeout = 20
    room.run()
    holds_exactly(room, range(PEOPLE))
    room.is_balanced()
    # What was acknowledged before the outage is not sent again.
    later = [line for line in room.sandbox.log()[before:] if line["fault"] is None]
    assert sum(line["records"] for line in later) == PEOPLE - (MIDDLE - 1) * BATCH
    assert room.run().deliveries == []


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_at_the_creation_never_leaves_two_audiences(room: Room, name: str):
    room.wants(crowd(range(60)))
    strike(room, name, 1, path="/customaudiences$")
    # A creation that nobody waits for any more still arrives: the next run gives it time to, so pauses are real here.
    errors = run_until_done(room, sleep=time.sleep if name == "slow" else None)
    assert len(errors) == 1
    assert len(room.sandbox.audiences()) == 1
    holds_exactly(room, range(60))
    room.is_balanced()
    assert room.run().deliveries == []


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(OVERCOME_WITHIN_A_RUN))
def test_a_fault_among_removals_leaves_nobody_behind(room: Room, name: str):
    room.wants(crowd(range(PEOPLE)))
    room.run()
    stay = range(120, PEOPLE)
    room.wants(crowd(stay))
    room.sandbox.faults({**FAULTS[name], "method": "DELETE", "nth": 2})
    room.timeout, room.is_impatient = (0.2, True) if name == "slow" else (20, False)
    run_until_done(room)
    holds_exactly(room, stay)
    room.is_balanced()
    assert room.rows()[-1]["removes_acknowledged"] == 120
    assert room.run().deliveries == []


def test_a_throttle_is_waited_out_for_the_minutes_of_the_header(room: Room):
    room.wants(crowd(range(PEOPLE)))
    strike(room, "throttle", 2)
    room.run()
    assert 60.0 in room.waited


@pytest.mark.slow
def test_a_throttle_longer_than_a_runs_patience_goes_to_a_later_run_with_its_wait(room: Room):
    room.patience = Patience(attempts=3, longest_wait=30.0)
    room.wants(crowd(range(PEOPLE)))
    strike(room, "throttle", 2)
    with pytest.raises(TransientError) as later:
        room.run()
    assert later.value.retry_after == 60.0
    assert room.waited == []
    assert len(room.sandbox.log()) == 3, "the creation, one batch, one throttled call, and no more"
    room.run()
    holds_exactly(room, range(PEOPLE))
    room.is_balanced()


@pytest.mark.slow
def test_a_budget_that_runs_out_slows_the_courier_down_before_it_is_refused(room: Room):
    room.sandbox.admin("accounts/meta/1001", {"calls_per_hour": 10})
    room.wants(crowd(range(PEOPLE)))
    run_until_done(room)
    assert [line["status"] for line in room.sandbox.log()].count(400) == 0
    assert max(room.waited) > 0
    holds_exactly(room, range(PEOPLE))


@pytest.mark.slow
def test_waits_between_repeated_calls_stay_within_the_patience(room: Room):
    room.patience = Patience(attempts=5, first_wait=0.5, longest_wait=2.0)
    room.wants(crowd(range(60)))
    strike(room, "status 503", 1, count=4)
    room.run()
    assert len(room.waited) == 4
    assert all(0 <= seconds <= 2.0 for seconds in room.waited)


def test_opt_outs_during_an_outage_leave_first_when_it_is_over(room: Room):
    room.wants(crowd(range(100)))
    room.run()
    room.wants(crowd(range(300)))
    room.sandbox.faults({"kind": "status", "status": 503, "path": USERS})
    for named in (("email", digest("p3@x.example")), ("member", digest("id:p250"))):
        room.opt_out(named, ("member", digest("id:p7")))
        with pytest.raises(TransientError):
            room.run()
    room.opt_out(("email", digest("p3@x.example")), ("member", digest("id:p7")), ("member", digest("id:p250")))
    holds_exactly(room, range(100))
    seen = room.sandbox.log()[-1]["sequence"]
    room.sandbox.faults()
    room.run()
    first, *rest = [line["method"] for line in room.sandbox.log(after=seen)]
    assert first == "DELETE"
    assert set(rest) == {"POST"}
    holds_exactly(room, [n for n in range(300) if n not in {3, 7, 250}])
    room.is_balanced()
    assert room.run().deliveries == []


def test_a_session_that_ends_while_a_run_waits_loses_nobody(room: Room):
    """Meta drops what comes more than 90 minutes after a session's first batch, and answers 200."""
    room.wants(crowd(range(PEOPLE)))
    strike(room, "throttle", MIDDLE)

    def two_hours(_: float) -> None:
        room.sandbox.admin("clock", {"offset": 7_200})

    with contextlib.suppress(TransientError):
        room.run(sleep=two_hours)
    room.run()
    holds_exactly(room, range(PEOPLE))
    room.is_balanced()
    assert room.run().deliveries == []


@pytest.mark.slow
def test_terms_that_nobody_accepted_stop_a_run_at_its_first_call(room: Room):
    room.wants(crowd(range(PEOPLE)))
    room.sandbox.admin("accounts/meta/1001", {"terms_accepted": False})
    with pytest.raises(NeedsHumanError, match="1870090"):
        room.run()
    assert len(room.sandbox.log()) == 1
    room.sandbox.admin("accounts/meta/1001", {"terms_accepted": True})
    room.run()
    holds_exactly(room, range(PEOPLE))


@pytest.mark.slow
def test_a_flagged_audience_asks_a_person_and_is_filled_when_it_is_free_again(room: Room):
    room.wants(crowd(range(100)))
    room.run()
    audience = room.sandbox.audiences()[0]["id"]
    room.sandbox.admin(f"audiences/{audience}", {"flagged": True})
    room.wants(crowd(range(200)))
    with pytest.raises(NeedsHumanError, match="flagged"):
        room.run()
    room.is_balanced()
    holds_exactly(room, range(100))
    room.sandbox.admin(f"audiences/{audience}", {"flagged": False})
    room.run()
    holds_exactly(room, range(200))


def test_a_delivery_without_trouble_makes_no_more_calls_than_it_has_batches(room: Room):
    room.wants(crowd(range(PEOPLE)))
    room.run()
    assert len(room.sandbox.log()) == BATCHES + 1
    assert room.waited == []
