"""The life of a question (`asking`) over the API of Clean Rooms: paid for once, whatever is lost between us and AWS."""

from __future__ import annotations

import contextlib
import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segment_assets.contracts import NeedsHumanError, PermanentError
from segment_assets.resources.clean_room import ErrorCode, ProtectedQuery, QueryOutcome, QueryState
from segment_assets.resources.clean_room.asking import FAILURES_AT_MOST, Pending, ask
from segment_assets.resources.clean_room.record import QueryRecord, Standing
from segment_assets.sandbox.aws.clean_rooms.faults import Trouble
from segment_assets_tests.aws.clean_rooms.world import Aws
from segment_assets_tests.fake_clean_room import Killed, NotesInMemory

WEEK = "2026-10-05"
QUERY = ProtectedQuery("overlap", "SELECT 1")
LOST = [Trouble.ANSWER_LOST, Trouble.ANSWER_BROKEN, Trouble.ANSWER_GARBLED, Trouble.SERVER_ERROR_AFTER]
PASSING = {"message": "", "code": "TRANSIENT_ERROR", "retry": {"retryable": True}}


@dataclasses.dataclass
class World:
    """A membership, the notes about one table and week, and a time that the test moves."""

    aws: Aws
    now: float = 1_000_000.0

    def __post_init__(self) -> None:
        self.lake, self.room = NotesInMemory(), self.aws.room()

    def record(self) -> QueryRecord:
        return QueryRecord(self.lake, "overlap", WEEK, lambda: self.now)

    def ask(self, query: ProtectedQuery = QUERY) -> QueryOutcome | Pending:
        return ask(self.record(), self.room, query, clock=lambda: self.now, sleep=lambda _: None)

    def answer(self) -> None:
        """Let all queries end that are at work."""
        self.aws.service.queries.held = False
        self.aws.service.queries.settled()
        self.aws.service.queries.held = True

    @property
    def started(self) -> list[str]:
        return self.aws.service.started

    @property
    def working(self) -> list[str]:
        return [query.id for query in self.aws.service.queries.every() if query.status in ("SUBMITTED", "STARTED")]

    @property
    def standing(self) -> Standing:
        return self.record().standing


@pytest.fixture
def world(aws):
    aws.service.queries.held = True
    yield World(aws)
    aws.service.queries.held = False


def test_a_query_is_started_once_and_followed_until_it_is_collected(world):
    for _ in range(3):
        assert isinstance(world.ask(), Pending)
    [query_id] = world.started
    world.answer()
    assert world.ask().state is QueryState.SUCCESS
    assert world.ask().query_id == query_id, "not noted as collected yet, so it is offered again"
    world.record().collected("snapshot")
    assert isinstance(world.ask(), Pending)
    assert len(world.started) == 2


@pytest.mark.parametrize("trouble", LOST)
def test_a_query_whose_answer_was_lost_is_found_and_not_paid_for_again(world, trouble):
    world.aws.service.plans.fault("StartProtectedQuery", trouble)
    assert "the start was not answered" in world.ask().said
    assert world.standing is Standing.IN_DOUBT
    assert world.ask().query_id == world.started[0]
    world.answer()
    assert world.ask().state is QueryState.SUCCESS
    assert len(world.started) == 1


def test_a_start_that_never_arrived_is_repeated_when_it_can_arrive_no_more(world):
    world.aws.service.plans.fault("StartProtectedQuery", Trouble.REQUEST_LOST)
    world.ask()
    world.now += 119
    assert "is given 120 s to arrive" in world.ask().said
    world.now += 1
    assert world.ask().query_id == world.started[0]
    assert len(world.started) == 1


def test_a_process_that_dies_before_it_notes_the_id_costs_no_second_query(world):
    def dies(key: str) -> None:
        if len(world.lake.objects) == 1:
            raise Killed

    world.lake.before_put = dies
    with pytest.raises(Killed):
        world.ask()
    world.lake.before_put = lambda key: None
    assert world.ask().query_id == world.started[0]
    assert len(world.started) == 1


def test_an_approved_template_whose_answer_was_lost_is_found_too(world):
    arn = world.aws.service.catalog.template("overlap", "SELECT 1 WHERE d >= :week_start")
    world.room = world.aws.room(templates={"overlap": arn})
    query = dataclasses.replace(QUERY, parameters={"week_start": "2026-10-05"})
    world.aws.service.plans.fault("StartProtectedQuery", Trouble.ANSWER_LOST)
    world.ask(query)
    assert world.ask(query).query_id == world.started[0]
    assert len(world.started) == 1


def test_five_queries_of_others_make_ours_come_later_with_growing_pauses(world):
    for number in range(5):
        world.room.start(ProtectedQuery("other", f"SELECT {number}"))
    dues = []
    for _ in range(3):
        assert "not started (Clean Rooms, starting overlap: a quota is used up" in world.ask().said
        dues.append(world.record().due - world.now)
    assert dues == [60.0, 120.0, 240.0]
    world.answer()
    assert world.ask().query_id == world.started[-1]
    assert len(world.started) == 6


@pytest.mark.parametrize(
    ("told", "standing"),
    [
        ({"code": "ThrottlingException", "status": 400}, Standing.TO_RETRY),
        (
            {
                "code": "ValidationException",
                "told": {"message": "", "reason": "IAM_SYNCHRONIZATION_DELAY"},
            },
            Standing.TO_RETRY,
        ),
        ({"code": "AccessDeniedException"}, Standing.IDLE),
        ({"code": "ValidationException", "told": {"message": "", "reason": "INVALID_QUERY"}}, Standing.IDLE),
    ],
)
def test_a_refused_start_is_repeated_where_that_may_help_and_otherwise_fails_the_run(world, told, standing):
    world.aws.service.plans.fault("StartProtectedQuery", Trouble.REFUSED, **told)
    if standing is Standing.TO_RETRY:
        assert "not started" in world.ask().said
    else:
        with pytest.raises((NeedsHumanError, PermanentError)):
            world.ask()
    assert world.standing is standing
    assert world.started == []


def test_a_failure_that_may_pass_is_tried_again_up_to_a_limit(world):
    for number in range(1, FAILURES_AT_MOST):
        world.aws.service.plans.end("FAILED", error=PASSING)
        assert isinstance(world.ask(), Pending)
        world.answer()
        assert f"failure {number} of {FAILURES_AT_MOST}" in world.ask().said
    world.aws.service.plans.end("FAILED", error=PASSING)
    world.ask()
    world.answer()
    with pytest.raises(PermanentError, match="4 queries in a row have failed, the last with TRANSIENT_ERROR"):
        world.ask()
    assert len(world.started) == FAILURES_AT_MOST
    assert world.standing is Standing.IDLE


@pytest.mark.parametrize("code", [code for code in ErrorCode if code not in ("TRANSIENT_ERROR", "INTERNAL_ERROR")])
def test_a_failure_that_does_not_pass_fails_the_run_with_its_code(world, code):
    world.aws.service.plans.end("FAILED", error={"message": "", "code": code.value, "retry": {"retryable": False}})
    world.ask()
    world.answer()
    with pytest.raises(PermanentError, match=code.value):
        world.ask()
    assert world.standing is Standing.IDLE


@pytest.mark.parametrize(
    ("status", "kind", "says"),
    [("TIMED_OUT", PermanentError, "larger workers"), ("CANCELLED", NeedsHumanError, "ask the members")],
)
def test_a_time_out_and_somebody_elses_cancelling_are_told_as_such(world, status, kind, says):
    world.aws.service.plans.end(status)
    world.ask()
    world.answer()
    with pytest.raises(kind, match=says):
        world.ask()


def test_a_query_that_may_not_be_looked_at_is_kept(world):
    world.ask()
    world.aws.service.plans.fault("GetProtectedQuery", Trouble.REFUSED, code="AccessDeniedException")
    with pytest.raises(NeedsHumanError, match="AccessDeniedException"):
        world.ask()
    assert world.standing is Standing.OPEN
    world.answer()
    assert world.ask().state is QueryState.SUCCESS


def test_a_changed_text_ends_the_open_query_and_asks_anew(world):
    world.ask()
    world.ask(ProtectedQuery("overlap", "SELECT 2"))
    first, second = world.started
    world.answer()
    assert world.room.look(first).state is QueryState.CANCELLED
    assert world.room.look(second).state is QueryState.SUCCESS


STEPS = ("run", "answer", "fail", "time passes", *(trouble.value for trouble in (*LOST, Trouble.REQUEST_LOST)))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(STEPS), max_size=8))
def test_whatever_is_lost_no_two_queries_are_at_work_and_the_result_comes(served, steps):
    served.renew().queries.held = True
    world = World(served)
    collected = []

    def run() -> None:
        with contextlib.suppress(PermanentError):
            told = world.ask()
            if isinstance(told, QueryOutcome):
                world.record().collected("snapshot")
                collected.append(told.query_id)

    for step in steps:
        if step in ("run", "fail") or step in set(Trouble):
            if step == "fail":
                served.service.plans.end("FAILED", error=PASSING)
            elif step != "run":
                served.service.plans.fault("StartProtectedQuery", Trouble(step))
            run()
        elif step == "answer":
            world.answer()
        else:
            world.now += 200
        assert len(world.working) <= 1
    before = len(collected)
    served.service.plans.forget()
    for _ in range(4):
        world.now += 200
        run()
        world.answer()
    assert len(collected) > before
    assert len(set(collected)) == len(collected), "no result is collected twice"
