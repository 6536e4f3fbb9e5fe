"""The follower of protected queries, with the runs that it asks for: nothing is lost, started or collected twice."""

from __future__ import annotations

import itertools
import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from segment_assets.assets.clean_room import ASSETS, QUERY_TAG
from segment_assets.automation import ON_NEW_VERSIONS
from segment_assets.cli.demo import Progress, late_answers
from segment_assets.contracts import NeedsHumanError, PermanentError, TransientError
from segment_assets.deployment import Deployment
from segment_assets.partitions import WEEKS
from segment_assets.plan import load_plan
from segment_assets.query_follower import clean_room_queries, follow_queries
from segment_assets.resources.clean_room import ProtectedQuery, QueryState
from segment_assets.resources.clean_room.asking import FAILURES_AT_MOST
from segment_assets.resources.clean_room.record import QueryRecord, Standing
from segment_assets.resources.lake import LocalLake
from segment_assets.resources.metrics import NoMetrics
from segment_assets.road import QUIET
from segment_assets_tests.fake_clean_room import FakeCleanRoom

pytestmark = pytest.mark.slow

OVERLAP = dg.AssetKey(["clean_room", "overlap"])
FIRST, SECOND, THIRD = "2026-10-05", "2026-10-12", "2026-10-19"


@dg.asset(partitions_def=WEEKS, deps=[OVERLAP], automation_condition=ON_NEW_VERSIONS)
def insight() -> dg.MaterializeResult:
    return dg.MaterializeResult(data_version=dg.DataVersion("1"))


PROTECTED_QUERY = next(asset for asset in ASSETS if asset.key == OVERLAP)


class Followed:
    """The sensor with its cursor and the runs that it asks for; `later` seconds have passed for it."""

    def __init__(self, instance: dg.DagsterInstance, folder: Path) -> None:
        self.instance, self.results = instance, folder / "results"
        self.lake = LocalLake(folder / "lake")
        self.later = 0.0
        self.room = FakeCleanRoom(lambda: time.time() + self.later)
        self.cursor: str | None = None
        self.keys: list[str] = []
        self.said = ""

    def tick(self, **clock: Any) -> list[dg.RunRequest]:
        now = lambda: time.time() + self.later  # noqa: E731
        told = follow_queries(self.instance, self.cursor, self.room, self.lake, now=now, **clock)
        self.cursor, self.said = told.cursor, told.said
        self.keys += [request.run_key for request in told.requests]
        return list(told.requests)

    def run(self, week: str = FIRST, **more: Any) -> dg.ExecuteInProcessResult:
        """A run by hand, with what comes after it."""
        return dg.materialize(
            [PROTECTED_QUERY, insight],
            partition_key=week,
            instance=self.instance,
            resources={"clean_room": self.room, "lake": self.lake, "metrics": NoMetrics(), "plan": load_plan()},
            run_config=QUIET,
            raise_on_error=False,
            **more,
        )

    def obey(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        assert request.asset_selection == [OVERLAP]
        return self.run(str(request.partition_key), tags=dict(request.tags), selection=request.asset_selection)

    def answer(self, query_id: str) -> None:
        self.room.answer(query_id, self.results)

    def standing(self, week: str = FIRST) -> Standing:
        return QueryRecord(self.lake, "overlap", week, time.time).standing

    def versions(self, week: str = FIRST) -> list[str]:
        """Data versions of the materialisations, oldest first."""
        wanted = dg.AssetRecordsFilter(asset_key=OVERLAP, asset_partitions=[week])
        records = self.instance.fetch_materializations(wanted, limit=100, ascending=True).records
        return [record.asset_materialization.tags["dagster/data_version"] for record in records]


@pytest.fixture
def followed(instance: dg.DagsterInstance, tmp_path: Path) -> Followed:
    return Followed(instance, tmp_path)


def weeks_of(requests: list[dg.RunRequest]) -> list[str]:
    return [str(request.partition_key) for request in requests]


def said(result: dg.ExecuteInProcessResult) -> str:
    [failed] = [event for event in result.all_events if event.is_step_failure]
    return failed.step_failure_data.user_failure_data.description


def test_without_queries_the_sensor_skips_and_says_so(followed: Followed) -> None:
    resources = {"clean_room": followed.room, "lake": followed.lake}
    for cursor in (None, "{}"):
        context = dg.build_sensor_context(instance=followed.instance, cursor=cursor, resources=resources)
        result = clean_room_queries(context)
        assert (result.run_requests, result.skip_reason.skip_message) == ([], "no query is open")


def test_a_run_that_finds_no_answer_ends_well_without_a_materialisation_and_skips_what_comes_after(
    followed: Followed,
) -> None:
    result = followed.run()
    assert result.success
    assert result.get_asset_materialization_events() == []
    assert {event.step_key for event in result.all_events if event.is_step_skipped} == {"insight"}
    [told] = [event.asset_observation_data.asset_observation for event in result.get_asset_observation_events()]
    assert (told.asset_key, told.partition) == (OVERLAP, FIRST)
    assert "the clean room works on query q1" in told.description
    assert followed.tick() == []
    assert "overlap[2026-10-05] is STARTED since 0 min" in followed.said


def test_an_answer_at_once_needs_no_follower(followed: Followed) -> None:
    followed.room.after_start = followed.answer
    result = followed.run()
    assert len(result.get_asset_materialization_events()) == 2
    assert followed.standing() is Standing.IDLE
    assert followed.tick() == []


def test_three_queries_that_end_at_once_are_three_runs_which_collect_and_start_nothing(followed: Followed) -> None:
    for week in (FIRST, SECOND, THIRD):
        followed.run(week)
    for query_id in ("q1", "q2", "q3"):
        followed.answer(query_id)
    requests = followed.tick()
    assert weeks_of(requests) == [FIRST, SECOND, THIRD]
    for request in requests:
        assert followed.obey(request).success
    assert followed.room.started == ["q1", "q2", "q3"]
    for week in (FIRST, SECOND, THIRD):
        assert followed.versions(week) == [followed.lake.current("overlap", week).id]
    assert followed.tick() == []
    assert json.loads(followed.cursor)["asked"] == {}


def test_a_query_that_has_ended_is_asked_for_once_while_its_run_waits_and_again_when_the_run_died(
    followed: Followed,
) -> None:
    followed.run()
    followed.answer("q1")
    [request] = followed.tick()
    going = dg.DagsterRun("__ASSET_JOB", status=dg.DagsterRunStatus.STARTED, tags={QUERY_TAG: request.tags[QUERY_TAG]})
    followed.instance.add_run(going)
    followed.later += 7200
    assert followed.tick() == []
    followed.instance.report_run_failed(going)
    assert weeks_of(followed.tick()) == [FIRST]
    assert followed.tick() == [], "not before a pause"
    followed.later += 110
    assert followed.tick() == []
    followed.later += 10
    assert weeks_of(followed.tick()) == [FIRST]
    assert len(set(followed.keys)) == 3, "a run key is remembered for ever"


def test_a_run_that_died_after_the_start_is_followed_up_and_the_query_is_not_paid_for_again(followed: Followed) -> None:
    def dies(query_id: str) -> None:
        raise OSError("the machine goes away")

    followed.room.after_start = dies
    assert not followed.run().success
    assert followed.standing() is Standing.IN_DOUBT
    assert followed.tick() == [], "its run may be at it still"
    followed.answer("q1")
    followed.later += 120
    [request] = followed.tick()
    assert len(followed.obey(request).get_asset_materialization_events()) == 1
    assert followed.room.started == ["q1"]


def test_a_run_that_died_between_its_report_and_its_note_is_made_again_with_the_same_version(
    followed: Followed,
) -> None:
    class Dying(LocalLake):
        def put_if_absent(self, key: str, body: bytes) -> bool:
            if json.loads(body)["kind"] == "collected":
                raise OSError("the machine goes away")
            return super().put_if_absent(key, body)

    followed.run()
    followed.answer("q1")
    [request] = followed.tick()
    whole = followed.lake
    followed.lake = Dying(whole._root)
    assert not followed.obey(request).success
    followed.lake = whole
    assert len(followed.versions()) == 1
    followed.later += 60
    [request] = followed.tick()
    assert followed.obey(request).success
    assert len(set(followed.versions())) == 1
    assert followed.standing() is Standing.IDLE
    assert followed.room.started == ["q1"]


def test_a_tick_that_dies_half_way_loses_nothing(followed: Followed) -> None:
    for week in (FIRST, SECOND):
        followed.run(week)
    followed.answer("q1")
    followed.answer("q2")

    def dies(query_id: str) -> None:
        if query_id == "q2":
            raise OSError("the network is away")

    followed.room.before_look = dies
    with pytest.raises(OSError, match="network"):
        followed.tick()
    followed.room.before_look = lambda query_id: None
    assert weeks_of(followed.tick()) == [FIRST, SECOND]


def test_the_other_queries_come_in_the_next_ticks_when_the_time_is_over(followed: Followed) -> None:
    """Each look at the clock is 20 seconds later, so that one query fits into the 30 seconds of a tick."""
    for number, week in enumerate((FIRST, SECOND, THIRD), start=1):
        followed.run(week)
        followed.answer(f"q{number}")
    ticks = []
    for _ in range(3):
        seconds = itertools.count(0.0, 20.0)
        ticks.append(weeks_of(followed.tick(clock=lambda seconds=seconds: next(seconds))))
    assert ticks == [[FIRST], [SECOND], [THIRD]]


def test_a_failure_that_may_pass_is_started_again_by_runs_of_the_follower_and_ends_in_a_failed_run(
    followed: Followed,
) -> None:
    followed.run()
    for number in range(1, FAILURES_AT_MOST):
        followed.room.fail(f"q{number}", retryable=True)
        [learns] = followed.tick()
        result = followed.obey(learns)
        assert result.success
        assert result.get_asset_materialization_events() == []
        followed.later = 30.0
        assert followed.tick() == [], "too early for another start"
        followed.later = 600.0
        [starts] = followed.tick()
        assert followed.obey(starts).success
        assert len(followed.room.started) == number + 1
    followed.room.fail(f"q{FAILURES_AT_MOST}", retryable=True)
    [last] = followed.tick()
    assert said(followed.obey(last)).startswith("permanent: overlap[2026-10-05]: 4 queries in a row have failed")
    followed.later += 7200
    assert followed.tick() == []
    followed.run()
    assert len(followed.room.started) == FAILURES_AT_MOST + 1, "by hand it is asked anew"


def test_a_permanent_failure_a_time_out_and_a_cancellation_fail_the_run_that_collects(followed: Followed) -> None:
    for week in (FIRST, SECOND, THIRD):
        followed.run(week)
    followed.room.fail("q1", retryable=False)
    followed.room.end("q2", QueryState.TIMED_OUT)
    followed.room.end("q3", QueryState.CANCELLED)
    told = [said(followed.obey(request)) for request in followed.tick()]
    assert [text.partition(":")[0] for text in told] == ["permanent", "permanent", "needs a human"]
    followed.later += 7200
    assert followed.tick() == [], "a person has to look first"
    assert len(followed.room.started) == 3


def test_a_room_that_may_not_be_looked_into_fails_a_run_and_one_that_is_silent_none(followed: Followed) -> None:
    followed.run()

    def silent(query_id: str) -> None:
        raise TransientError("throttled")

    def closed(query_id: str) -> None:
        raise NeedsHumanError("allow the role to look")

    followed.room.before_look = silent
    assert followed.tick() == []
    followed.room.before_look = closed
    [request] = followed.tick()
    assert said(followed.obey(request)) == "needs a human: allow the role to look"
    followed.room.before_look = lambda query_id: None
    followed.answer("q1")
    followed.later += 60
    [request] = followed.tick()
    assert followed.obey(request).success
    assert followed.room.started == ["q1"]


def test_a_run_by_hand_follows_an_open_query_and_starts_another_one_after_its_end(followed: Followed) -> None:
    followed.run()
    assert followed.run().get_asset_materialization_events() == []
    followed.answer("q1")
    assert len(followed.run().get_asset_materialization_events()) == 2
    assert followed.room.started == ["q1"]
    followed.run()
    assert followed.room.started == ["q1", "q2"]


def test_a_run_of_the_follower_that_comes_after_one_by_hand_does_nothing(followed: Followed) -> None:
    followed.run()
    followed.answer("q1")
    [request] = followed.tick()
    followed.run()
    result = followed.obey(request)
    assert result.success
    assert result.get_asset_materialization_events() == []
    assert followed.room.started == ["q1"]
    again = dict(request.tags) | {"dagster/parent_run_id": result.run_id}
    followed.run(tags=again)
    assert followed.room.started == ["q1", "q2"], "re-executed by a person, who means a new query"


def test_a_result_that_does_not_fit_its_table_fails_the_run_and_is_not_collected_again(followed: Followed) -> None:
    followed.run()
    followed.room.end("q1", QueryState.SUCCESS, location=(followed.results / "gone").as_uri())
    [request] = followed.tick()
    assert "There is no result at" in said(followed.obey(request))
    followed.later += 7200
    assert followed.tick() == []


def test_notes_about_a_table_or_week_that_is_no_more_are_left_alone(followed: Followed) -> None:
    for table, week in (("retired", FIRST), ("overlap", "2026-10-06")):
        QueryRecord(followed.lake, table, week, time.time).intend("0" * 64)
    followed.later += 7200
    assert followed.tick() == []


def test_a_run_without_a_materialisation_does_not_make_conditions_loop(followed: Followed) -> None:
    definitions = dg.Definitions(
        [PROTECTED_QUERY, insight],
        resources={"clean_room": followed.room, "lake": followed.lake, "metrics": NoMetrics(), "plan": load_plan()},
    )
    cursor = None

    def asked() -> int:
        nonlocal cursor
        result = dg.evaluate_automation_conditions(definitions, followed.instance, cursor=cursor)
        cursor = result.cursor
        return result.total_requested

    assert asked() == 0
    followed.run()
    assert [asked() for _ in range(3)] == [0, 0, 0]
    followed.answer("q1")
    [request] = followed.tick()
    followed.obey(request)
    assert asked() == 1, "its input has come"
    followed.run(selection=[insight], tags={"dagster/from_automation_condition": "true"})
    followed.run()
    assert [asked() for _ in range(3)] == [0, 0, 0], "a refresh that is being worked on is no new version"


def test_the_demo_which_has_no_daemons_follows_until_everything_is_answered(
    followed: Followed, capsys: pytest.CaptureFixture[str]
) -> None:
    for week in (FIRST, SECOND):
        followed.run(week)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        followed.answer(followed.room.working[0])

    def run(*keys: tuple[str, ...], partition: str) -> bool:
        assert keys == (tuple(OVERLAP.path),)
        return followed.run(partition, selection=[OVERLAP]).success

    road = SimpleNamespace(
        instance=followed.instance, resources=SimpleNamespace(clean_room=followed.room, lake=followed.lake)
    )
    assert late_answers(road, run, Progress(0.0), sleep=sleep) == [FIRST, SECOND]
    assert len(slept) == 2
    assert followed.room.started == ["q1", "q2"]
    assert capsys.readouterr().out.count("the clean room works on 2 queries") == 1
    assert late_answers(road, run, Progress(0.0), sleep=sleep) == []


def test_how_late_the_local_room_answers_is_a_setting(tmp_path: Path) -> None:
    name = "SEGMENT_ASSETS_CLEAN_ROOM_ANSWERS_AFTER"
    home = {"SEGMENT_ASSETS_HOME": str(tmp_path)}
    assert Deployment.from_env(home).answers_after == 0
    late = Deployment.from_env(home | {name: "90"}).resources()["clean_room"]
    query = ProtectedQuery("peek", "SELECT * FROM impressions")
    assert late.look(late.start(query)).state is QueryState.STARTED
    at_once = Deployment.from_env(home).resources()["clean_room"]
    assert at_once.look(at_once.start(query)).state is QueryState.FAILED
    for wrong in ("soon", "-1", "nan", "inf"):
        with pytest.raises(PermanentError, match=name):
            Deployment.from_env(home | {name: wrong})
