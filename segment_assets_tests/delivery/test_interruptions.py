"""Deliveries that end in the middle, are overtaken or hear no answer: the next run makes them good."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segment_assets.contracts import TransientError
from segment_assets.delivery.ledger import AudienceLedger, FencedError
from segment_assets.delivery.wanted import LATE_SECONDS
from segment_assets_tests.delivery.road import PAIR, Crash, Road, crowd
from segment_assets_tests.examples import examples
from segment_assets_tests.fakes import CONTRACT, FakePlatform, digest, marked, person


@pytest.fixture
def road(tmp_path):
    return Road(tmp_path)


def test_a_crash_at_any_call_is_continued_without_sending_again_what_was_acknowledged(tmp_path):
    names = [f"p{n}" for n in range(10)]
    for crash_at in range(4):
        for moment in ("before", "after"):
            road = Road(tmp_path / f"{crash_at}{moment}")
            road.wants(*crowd(*names))

            def crash(call, crash_at=crash_at):
                if call == crash_at:
                    raise Crash

            setattr(road.platform, moment, crash)
            with pytest.raises(Crash):
                road.run()
            setattr(road.platform, moment, lambda call: None)
            rows = road.run().deliveries
            road.expected(*(f"{n}@x" for n in names))
            assert sum(size for _, size in road.platform.calls) <= len(names) + CONTRACT.batch_members
            if road.platform.calls:
                assert rows[0]["outcome"] == "interrupted" or len(rows) == 1
            assert len(road.platform.audiences) == 1
            assert road.run().deliveries == []


def test_a_run_that_was_overtaken_stops_before_it_sends_anything_more(road):
    road.wants(*crowd(*"abcdefgh"))
    overtaken = []

    def overtake(call):
        if call == 1 and not overtaken:
            overtaken.append(True)
            road.run()

    road.platform.before = overtake
    with pytest.raises(FencedError):
        road.run()
    road.platform.before = lambda call: None
    road.expected(*(f"{n}@x" for n in "abcdefgh"))
    assert road.run().deliveries == []


def test_a_platform_that_stays_away_leaves_an_honest_row_and_the_next_run_goes_on(road):
    road.wants(*crowd(*"abcdefgh"))

    def away(call):
        if call >= 1:
            raise TransientError("fake: no answer")

    road.platform.before = away
    with pytest.raises(TransientError):
        road.run()
    road.platform.before = lambda call: None
    last = AudienceLedger(road.lake, PAIR, lambda: 0.0).last()
    assert last.closed.body["outcome"] == "failed"
    assert last.closed.body["accounting"]["unproven"] == 3
    assert last.closed.body["accounting"]["unsent"] == 2
    road.run()
    road.expected(*(f"{n}@x" for n in "abcdefgh"))


def test_an_addition_that_lands_after_its_removal_is_taken_out_once_more(road):
    road.wants(*crowd(*"abc"))
    late = []

    def lost(call):
        # The platform is still working on it when we stop waiting.
        late.append(True)
        raise TransientError("fake: no answer")

    road.platform.before = lambda call: None if not road.platform.audiences else lost(call)
    with pytest.raises(TransientError):
        road.run()
    road.platform.before = lambda call: None
    road.opt_out(("email", digest("a@x")))
    road.wants(*crowd(*"bc"))
    road.run()
    road.platform.people.append({marked("a@x")})
    clock = time.time() + LATE_SECONDS + 1
    assert road.run().deliveries == []
    road.run(clock=lambda: clock)
    road.expected("b@x", "c@x")
    assert road.run(clock=lambda: clock + 9999).deliveries == []


@st.composite
def histories(draw):
    """A few versions of an audience over few identifiers, with a fault somewhere in each run."""
    steps = []
    for _ in range(draw(st.integers(1, 4))):
        names = draw(st.sets(st.sampled_from("abcdef"), min_size=1))
        people = [
            (n, draw(st.sampled_from([f"{n}1", f"{n}2"])), draw(st.sampled_from([None, "p1", f"q{n}"])))
            for n in sorted(names)
        ]
        steps.append((people, draw(st.sampled_from([None, "before", "after"])), draw(st.integers(0, 3))))
    return steps


@settings(
    max_examples=examples(4),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(history=histories())
def test_any_history_of_changes_and_crashes_converges_to_who_is_wanted(history, tmp_path_factory):
    road = Road(tmp_path_factory.mktemp("history"))
    road.platform = RowPlatform()
    for people, moment, place in history:
        road.wants(*(person(n, email=e, phone=p) for n, e, p in people))
        if moment is not None:
            start = len(road.platform.calls)

            def crash(call, at=start + place):
                if call == at:
                    raise Crash

            setattr(road.platform, moment, crash)
            with contextlib.suppress(Crash):
                road.run()
            setattr(road.platform, moment, lambda call: None)
        road.run()
        wanted = {frozenset({marked(e)} | ({marked(p)} if p else set())) for _, e, p in people}
        held = {frozenset(row) for row in road.platform.people}
        assert wanted <= held
        # An older record of a person may linger, but only with identifiers that somebody who is wanted holds now.
        assert frozenset().union(*held) == frozenset().union(*wanted)
        assert road.run().deliveries == []


class RowPlatform(FakePlatform):
    """Keeps records apart (a shared phone does not merge two people); any one identifier takes a record out."""

    def _change(self, request):
        rows = [set(row) for row in request.json["rows"]]
        self.calls.append((request.method, len(rows)))
        for row in rows:
            if request.method == "DELETE":
                self.people = [person for person in self.people if not person & row]
            elif row not in self.people:
                self.people.append(row)
        return {"received": len(rows), "bad": []}
