"""One question to a clean room: paid for once, whatever dies, and every end has its consequence."""

from __future__ import annotations

import contextlib
import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.contracts import NeedsHumanError, PermanentError, TransientError
from segment_assets.resources.clean_room import Pace, ProtectedQuery, QueryOutcome, QueryState, UnansweredError
from segment_assets.resources.clean_room.asking import FAILURES_AT_MOST, Pending, ask
from segment_assets.resources.clean_room.record import QueryRecord, Standing, newest_notes
from segment_assets_tests.fake_clean_room import FakeCleanRoom, Killed, NotesInMemory

WEEK = "2026-10-05"
QUERY = ProtectedQuery("overlap", "SELECT 1")


@dataclasses.dataclass
class World:
    """A room, the notes about one table and week, and a time that the test moves."""

    now: float = 1_000_000.0
    slept: float = 0.0

    def __post_init__(self) -> None:
        self.lake = NotesInMemory()
        self.room = FakeCleanRoom(lambda: self.now)

    def record(self) -> QueryRecord:
        return QueryRecord(self.lake, "overlap", WEEK, lambda: self.now)

    def ask(self, query: ProtectedQuery = QUERY, **more: object) -> QueryOutcome | Pending:
        return ask(self.record(), self.room, query, clock=lambda: self.now, sleep=self.sleep, **more)

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.now += seconds

    def collect(self) -> None:
        self.record().collected("snapshot")

    @property
    def standing(self) -> Standing:
        return self.record().standing


@pytest.fixture
def world() -> World:
    return World()


def raising(error: BaseException):
    def hook(*_: object) -> None:
        raise error

    return hook


def test_a_query_is_started_once_and_followed_until_it_is_collected(world):
    for _ in range(3):
        assert isinstance(world.ask(), Pending)
    assert world.room.started == ["q1"]
    world.room.answer("q1")
    assert world.ask().state is QueryState.SUCCESS
    assert world.ask().query_id == "q1", "not noted as collected yet, so it is offered again"
    world.collect()
    assert world.standing is Standing.IDLE
    assert isinstance(world.ask(), Pending), "asked by hand again, which is how a week is refreshed"
    assert world.room.started == ["q1", "q2"]


def test_a_run_looks_as_long_as_the_pace_says_and_no_longer(world):
    world.room.pace = Pace(look_for=5.0, look_every=2.0)
    told = world.ask()
    assert (told.query_id, world.slept) == ("q1", 4.0)
    assert "the clean room works on query q1 (it is STARTED)" in told.said


def test_an_answer_within_the_look_needs_no_follower(world):
    world.room.pace = Pace(look_for=5.0, look_every=2.0)
    world.room.after_start = world.room.answer
    assert world.ask().state is QueryState.SUCCESS
    assert world.slept == 0.0


class TestDying:
    """The process ends at the worst moments."""

    def test_a_query_whose_id_was_not_noted_is_found_again(self, world):
        world.room.after_start = raising(Killed())
        with pytest.raises(Killed):
            world.ask()
        assert world.standing is Standing.IN_DOUBT
        world.room.answer("q1")
        assert world.ask().query_id == "q1"
        assert world.room.started == ["q1"]

    def test_a_start_that_never_arrived_is_repeated_when_it_can_arrive_no_more(self, world):
        world.room.before_start = raising(Killed())
        with pytest.raises(Killed):
            world.ask()
        world.room.before_start = lambda: None
        world.now += 119
        assert "is given 120 s to arrive" in world.ask().said
        assert world.room.started == []
        world.now += 1
        assert isinstance(world.ask(), Pending)
        assert world.room.started == ["q1"]

    def test_an_earlier_query_with_the_same_text_is_not_taken_for_the_lost_one(self, world):
        world.ask()
        world.room.answer("q1")
        world.ask()
        world.collect()
        world.room.before_start = raising(Killed())
        with pytest.raises(Killed):
            world.ask()
        assert "is not found" in world.ask().said

    def test_whether_it_was_started_cannot_be_learnt_now(self, world):
        world.room.after_start = raising(UnansweredError("no answer within 60 s"))
        assert "the start was not answered" in world.ask().said
        find, world.room.find = world.room.find, raising(TransientError("throttled"))
        world.now += 3600
        assert "cannot be learnt now" in world.ask().said
        world.room.find = find
        assert world.ask().query_id == "q1"
        assert world.room.started == ["q1"]

    def test_a_process_that_was_given_up_cancels_the_query_that_it_started_too_late(self, world):
        def woken_up(query_id: str) -> None:
            """While the first start is on its way for an hour, a second run has started another query."""
            world.room.after_start = lambda query_id: None
            world.now += 3600
            del world.room.texts[query_id]  # not there yet
            world.room.texts["q0"] = ("-", 0.0)
            assert isinstance(world.ask(), Pending)
            world.room.texts[query_id] = (QUERY.sql, world.now)

        world.room.after_start = woken_up
        assert "another run looks after this query" in world.ask().said
        assert world.record().query_id == "q2"
        assert world.room.look("q1").state is QueryState.CANCELLED
        assert world.room.look("q2").state is QueryState.STARTED

    def test_a_slow_process_whose_query_was_found_by_another_run_lets_it_be(self, world):
        def found_meanwhile(query_id: str) -> None:
            world.room.after_start = lambda query_id: None
            assert world.ask().query_id == query_id

        world.room.after_start = found_meanwhile
        assert isinstance(world.ask(), Pending)
        assert world.room.working == ["q1"]


class TestEndings:
    """What follows from each end."""

    def end(self, world: World, state: QueryState, **more: object) -> None:
        world.ask()
        world.room.end("q1", state, **more)

    def test_a_failure_that_may_pass_is_tried_again_with_growing_pauses_and_a_limit(self, world):
        pauses = []
        world.ask()
        for number in range(1, FAILURES_AT_MOST):
            world.room.fail(f"q{number}", retryable=True)
            assert f"failure {number} of {FAILURES_AT_MOST}" in world.ask().said
            assert len(world.room.started) == number, "the run that learns of a failure starts nothing"
            pauses.append(world.record().due - world.now)
            world.ask()
            assert len(world.room.started) == number + 1
        world.room.fail(f"q{FAILURES_AT_MOST}", retryable=True)
        with pytest.raises(PermanentError, match="4 queries in a row have failed, the last with TRANSIENT_ERROR"):
            world.ask()
        assert pauses == [60.0, 120.0, 240.0]
        assert world.standing is Standing.IDLE
        world.ask()
        world.room.fail("q5", retryable=True)
        assert "failure 1 of 4" in world.ask().said, "by hand it begins anew"

    def test_a_permanent_failure_fails_the_run_that_collects_and_the_next_one_starts_anew(self, world):
        world.ask()
        world.room.fail("q1", retryable=False)
        with pytest.raises(PermanentError, match=r"overlap\[2026-10-05\].*RESOURCE_ACCESS_DENIED: as the test says"):
            world.ask()
        assert isinstance(world.ask(), Pending)
        assert world.room.started == ["q1", "q2"]

    def test_a_time_out_is_permanent(self, world):
        self.end(world, QueryState.TIMED_OUT)
        with pytest.raises(PermanentError, match="larger workers"):
            world.ask()
        assert world.standing is Standing.IDLE

    def test_a_query_that_somebody_cancelled_needs_a_human(self, world):
        self.end(world, QueryState.CANCELLED)
        with pytest.raises(NeedsHumanError, match="ask the members of the collaboration"):
            world.ask()
        assert world.standing is Standing.IDLE

    def test_a_full_room_is_asked_again_without_counting_as_a_failure(self, world):
        world.room.before_start = raising(TransientError("5 queries at a time"))
        dues = []
        for _ in range(9):
            assert "not started (5 queries at a time)" in world.ask().said
            dues.append(world.record().due - world.now)
        assert dues[:4] == [60.0, 120.0, 240.0, 480.0]
        assert dues[-1] == 3600.0
        world.room.before_start = lambda: None
        assert world.ask().query_id == "q1"

    def test_a_refused_start_fails_the_run_and_is_not_repeated_by_itself(self, world):
        world.room.before_start = raising(PermanentError("the role may not query; add CAN_QUERY"))
        with pytest.raises(PermanentError, match="CAN_QUERY"):
            world.ask()
        assert world.standing is Standing.IDLE

    @pytest.mark.parametrize(
        ("error", "standing"),
        [(PermanentError("gone"), Standing.IDLE), (NeedsHumanError("allow the role to look"), Standing.OPEN)],
    )
    def test_a_query_that_is_gone_is_given_up_and_one_that_may_not_be_seen_is_kept(self, world, error, standing):
        world.ask()
        world.room.before_look = raising(error)
        with pytest.raises(type(error)):
            world.ask()
        assert world.standing is standing

    def test_silence_is_no_end(self, world):
        world.ask()
        world.room.before_look = raising(TransientError("throttled"))
        assert "throttled" in world.ask().said
        assert world.standing is Standing.OPEN


def test_a_changed_text_supersedes_the_open_query(world):
    world.ask()
    assert world.ask(ProtectedQuery("overlap", "SELECT 2")).query_id == "q2"
    assert world.room.working == ["q2"]
    world.room.answer("q2")
    assert world.ask(ProtectedQuery("overlap", "SELECT 2")).query_id == "q2"


def test_a_run_of_the_follower_does_nothing_when_somebody_was_quicker(world):
    world.ask()
    seen = world.record().number
    world.room.answer("q1")
    world.ask(seen=seen)
    world.collect()
    assert "nothing is left to do" in world.ask(seen=seen).said
    assert world.room.started == ["q1"]


def test_notes_hold_no_text_of_the_query(world):
    world.ask(ProtectedQuery("overlap", "SELECT 'jane@example.com'"))
    assert newest_notes(world.lake) == {("overlap", WEEK): 2}
    assert "jane" not in str(world.lake.objects)


class Collecting(World):
    """A world whose runs also collect, and may die."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.collected: list[str] = []
        self.hooks = {
            "die before start": (self.room, "before_start"),
            "die after start": (self.room, "after_start"),
            "die at a note": (self.lake, "before_put"),
        }

    def step(self, what: str) -> None:
        if what in self.hooks:
            self.die(*self.hooks[what])
        elif what == "run":
            self.run()
        elif what == "time passes":
            self.now += 200
        elif self.room.working:
            query_id = self.room.working[0]
            self.room.answer(query_id) if what == "answer" else self.room.fail(query_id, retryable=True)

    def run(self) -> None:
        with contextlib.suppress(PermanentError):
            told = self.ask()
            if isinstance(told, QueryOutcome):
                self.collect()
                self.collected.append(told.query_id)

    def die(self, place: object, hook: str) -> None:
        setattr(place, hook, raising(Killed()))
        with contextlib.suppress(Killed):
            self.run()
        setattr(place, hook, lambda *_: None)


STEPS = ("run", "die before start", "die after start", "die at a note", "answer", "fail", "time passes")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(STEPS), max_size=25))
def test_whatever_dies_no_two_queries_are_paid_for_at_a_time_and_the_result_comes(steps):
    world = Collecting()
    for step in steps:
        world.step(step)
        assert len(world.room.working) <= 1
    before = len(world.collected)
    for _ in range(4):
        for step in ("time passes", "run", "answer"):
            world.step(step)
    assert len(world.collected) > before
    assert len(set(world.collected)) == len(world.collected), "no result is collected twice"
