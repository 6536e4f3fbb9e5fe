"""The delivery room and the real transport against a platform in trouble: who is in the audience afterwards.

Each fault strikes at one place here; the drill (`python -m segment_assets_tests.drill`) has them at all places and on
every platform. After the run, or after the trouble is over and the run is repeated, exactly the wanted people are
there, everybody is accounted for, and nothing that was acknowledged was sent again.
"""

from __future__ import annotations

import contextlib

import pytest

from segment_assets.contracts import NeedsHumanError, TransientError
from segment_assets.delivery.courier import Patience
from segment_assets.resources.credentials import AccountToken
from segment_assets.resources.secrets import LocalSecrets
from segment_assets_tests.fakes import digest
from segment_assets_tests.faults.room import FAULTS, Room, crowd, holds_exactly, run_until_done, strike
from segment_assets_tests.faults.scenarios import (
    BATCHES,
    FIRST,
    LAST,
    MIDDLE,
    PEOPLE,
    a_fault_among_removals_leaves_nobody_behind,
    a_fault_at_the_creation_never_leaves_two_audiences,
    an_outage_that_outlasts_a_run_is_continued_by_the_next,
    one_fault_costs_one_repeated_call_and_nobody,
)

# Every run of the fast tests has the two that matter most: the answer is lost, and the call is put off.
CORE = {"reset after": LAST, "throttle": MIDDLE}
STRIKES = [
    pytest.param(name, CORE.get(name, FIRST), marks=[] if name in CORE else pytest.mark.slow, id=name)
    for name in FAULTS
]


@pytest.mark.parametrize(("name", "nth"), STRIKES)
def test_one_fault_costs_one_repeated_call_and_nobody(room: Room, name: str, nth: int):
    one_fault_costs_one_repeated_call_and_nobody(room, name, nth)


@pytest.mark.slow
def test_an_outage_that_outlasts_a_run_is_continued_by_the_next_one(room: Room):
    an_outage_that_outlasts_a_run_is_continued_by_the_next(room, "status 503")


@pytest.mark.slow
def test_a_fault_at_the_creation_never_leaves_two_audiences(room: Room):
    a_fault_at_the_creation_never_leaves_two_audiences(room, "reset after")


@pytest.mark.slow
def test_a_fault_among_removals_leaves_nobody_behind(room: Room):
    a_fault_among_removals_leaves_nobody_behind(room, "truncated")


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
    room.sandbox.faults({"kind": "status", "status": 503, "path": room.side.people})
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


def test_a_token_that_was_renewed_in_the_secret_store_is_read_again_within_the_run(room: Room):
    room.wants(crowd(range(60)))
    room.sandbox.admin("platforms/meta", {"tokens": ["renewed"]})
    room.refresh = lambda: "renewed"
    room.run()
    holds_exactly(room, range(60))
    assert [line["status"] for line in room.sandbox.log()] == [401, 200, 200, 200]


def test_a_token_that_expires_between_two_batches_is_had_from_the_store_and_no_batch_is_sent_twice(room: Room):
    secrets = LocalSecrets(room.folder / "secrets")
    assert secrets.replace("meta.1001", {"access_token": room.side.token}, "")
    token = AccountToken(secrets, "meta.1001")
    assert token.current() == room.side.token
    assert secrets.replace("meta.1001", {"access_token": "renewed"}, secrets.read("meta.1001").version)
    room.sandbox.admin("platforms/meta", {"tokens": [room.side.token, "renewed"]})
    strike(room, "expired token", 2)
    room.refresh = token.renewed
    room.wants(crowd(range(60)))
    room.run()
    holds_exactly(room, range(60))
    assert [line["status"] for line in room.sandbox.log()] == [200, 200, 401, 200]


def test_a_token_that_nobody_renewed_is_asked_for_once_and_then_asks_a_person(room: Room):
    asked = []
    room.wants(crowd(range(60)))
    room.sandbox.admin("platforms/meta", {"tokens": ["renewed"]})
    room.refresh = lambda: asked.append(1) or room.side.token
    with pytest.raises(NeedsHumanError, match="renew the token"):
        room.run()
    assert len(asked) == 1
    assert len(room.sandbox.log()) == 1, "the same token is not tried twice"


def test_a_delivery_at_its_deadline_leaves_the_rest_to_later_runs_and_every_run_gets_on(room: Room):
    room.patience = Patience(longest_delivery=0.0)
    room.wants(crowd(range(120)))
    for carried in (50, 100):
        with pytest.raises(TransientError, match="later run"):
            room.run()
        assert len(room.sandbox.people()) == carried
    room.run()
    holds_exactly(room, range(120))
    room.is_balanced()
