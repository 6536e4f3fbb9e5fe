"""The activation reconciler: every pair that differs is asked for, once, and again when its run failed."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from segment_assets import sensors
from segment_assets.assets.activations import PAIR_TAG, activation_key, wanted_version
from segment_assets.plan import Plan, load_plan
from segment_assets.resources.lake import LocalLake
from segment_assets_tests import fakes
from segment_assets_tests.orchestration.local_world import ACCOUNT, EXPOSED, NEWSLETTER, VALUABLE, write_plan

if TYPE_CHECKING:
    from pathlib import Path

    from segment_assets.contracts import Snapshot
    from segment_assets_tests.orchestration.conftest import Walked
    from segment_assets_tests.orchestration.local_world import Change

PAIRS = {f"{ACCOUNT}/{segment}" for segment in (EXPOSED, VALUABLE, NEWSLETTER)}


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return load_plan(write_plan(tmp_path_factory.mktemp("plan") / "plan.yaml"))


class Reconciled:
    """The reconciler with its cursor, a lake with audiences, and a time that the test moves."""

    def __init__(self, instance: dg.DagsterInstance, plan: Plan, lake: LocalLake) -> None:
        self.instance, self.plan, self.lake = instance, plan, lake
        self.cursor: str | None = None
        self.now = 1_000_000.0
        self.keys: list[str] = []

    def publish(self, segment: str, *names: str) -> Snapshot:
        people = [fakes.person(name, email=f"{name}@example.com") for name in names]
        return fakes.publish_audience(self.lake, segment, people)

    def tick(self, **clock: Any) -> list[str]:
        result = sensors.reconcile(self.instance, self.cursor, self.plan, self.lake, now=lambda: self.now, **clock)
        self.cursor = result.cursor
        self.keys += [request.run_key for request in result.run_requests]
        for request in result.run_requests:
            name, _, segment = request.tags[PAIR_TAG].partition("/")
            assert request.asset_selection == [activation_key(name, self.plan.accounts[name])]
            assert request.partition_key == segment
        return [request.tags[PAIR_TAG] for request in result.run_requests]

    def delivered(self, segment: str, name: str = ACCOUNT) -> None:
        """Report what a successful run of the pair would have reported."""
        version = wanted_version(self.plan, name, segment, self.lake)
        key = activation_key(name, self.plan.accounts[name])
        event = dg.AssetMaterialization(key, partition=segment, tags={"dagster/data_version": version})
        self.instance.report_runless_asset_event(event)

    def run(self, segment: str) -> dg.DagsterRun:
        """A run of the pair that is going."""
        run = dg.DagsterRun("__ASSET_JOB", status=dg.DagsterRunStatus.STARTED, tags={PAIR_TAG: f"{ACCOUNT}/{segment}"})
        return self.instance.add_run(run)


@pytest.fixture
def reconciled(instance: dg.DagsterInstance, plan: Plan, tmp_path: Path) -> Reconciled:
    """Three audiences, one of which is on the platform already."""
    made = Reconciled(instance, plan, LocalLake(tmp_path / "lake"))
    for segment in (EXPOSED, NEWSLETTER, VALUABLE):
        made.publish(segment, "ann", "ben")
    return made


def settled(reconciled: Reconciled) -> Reconciled:
    for segment in (EXPOSED, NEWSLETTER, VALUABLE):
        reconciled.delivered(segment)
    assert reconciled.tick() == []
    return reconciled


@pytest.mark.slow
def test_after_a_road_by_hand_nothing_is_asked_for(walked: Walked) -> None:
    resources = walked.world.deployment.resources() | {"plan": walked.world.plan}
    with walked.world.opened() as instance:
        for sensor in (sensors.landing_sensor, sensors.activation_reconciler):
            names = ("plan", "landing") if sensor is sensors.landing_sensor else ("plan", "lake")
            cursor = None
            for _ in range(2):
                context = dg.build_sensor_context(
                    instance=instance, cursor=cursor, resources={name: resources[name] for name in names}
                )
                result = sensor(context)
                assert result.run_requests == []
                assert result.dynamic_partitions_requests == []
                assert result.skip_reason is not None
                cursor = result.cursor


def test_a_pair_without_an_audience_is_not_asked_for(instance: dg.DagsterInstance, plan: Plan, tmp_path: Path) -> None:
    empty = Reconciled(instance, plan, LocalLake(tmp_path / "empty"))
    assert empty.tick() == []


def test_three_audiences_that_change_at_once_are_three_requests(reconciled: Reconciled) -> None:
    assert set(reconciled.tick()) == PAIRS


def test_a_changed_audience_is_asked_for_once_while_its_run_is_going(reconciled: Reconciled) -> None:
    settled(reconciled).publish(NEWSLETTER, "cleo")
    assert reconciled.tick() == [f"{ACCOUNT}/{NEWSLETTER}"]
    reconciled.run(NEWSLETTER)
    for _ in range(3):
        reconciled.now += 7_200
        assert reconciled.tick() == []


def test_a_change_that_comes_while_a_run_is_going_is_asked_for_when_it_has_ended(reconciled: Reconciled) -> None:
    settled(reconciled).publish(NEWSLETTER, "cleo")
    assert reconciled.tick() == [f"{ACCOUNT}/{NEWSLETTER}"]
    run = reconciled.run(NEWSLETTER)
    reconciled.delivered(NEWSLETTER)
    reconciled.publish(NEWSLETTER, "cleo", "dan")
    assert reconciled.tick() == []
    reconciled.instance.report_run_failed(run)
    assert reconciled.tick() == [f"{ACCOUNT}/{NEWSLETTER}"]


def test_a_failed_run_is_asked_for_again_only_after_a_growing_time(reconciled: Reconciled) -> None:
    settled(reconciled).publish(NEWSLETTER, "cleo")
    assert reconciled.tick() == [f"{ACCOUNT}/{NEWSLETTER}"]
    for wait in (60, 120, 240, 480, 960, 1920, 3600, 3600):
        reconciled.instance.report_run_failed(reconciled.run(NEWSLETTER))
        reconciled.now += wait - 1
        assert reconciled.tick() == []
        reconciled.now += 1
        assert reconciled.tick() == [f"{ACCOUNT}/{NEWSLETTER}"]
    reconciled.publish(NEWSLETTER, "dan")
    assert reconciled.tick() == [f"{ACCOUNT}/{NEWSLETTER}"], "another wish does not wait for the old one"


def test_no_run_key_is_used_twice_when_an_audience_goes_back_and_forth(reconciled: Reconciled) -> None:
    """A run key is remembered for ever, so an equal one would never run."""
    settled(reconciled)
    for names in (["cleo"], ["ann", "ben"], ["cleo"]):
        reconciled.publish(NEWSLETTER, *names)
        assert reconciled.tick() == [f"{ACCOUNT}/{NEWSLETTER}"]
        reconciled.delivered(NEWSLETTER)
        reconciled.now += 60
        assert reconciled.tick() == []
    assert len(set(reconciled.keys)) == 3


def test_a_new_opt_out_asks_for_every_pair(reconciled: Reconciled) -> None:
    settled(reconciled)
    fakes.publish_suppressions(reconciled.lake, [("email", fakes.digest("ann@example.com"))])
    assert set(reconciled.tick()) == PAIRS


def another_purpose(document: dict[str, Any]) -> None:
    document["activations"][2]["purpose"] = "win back"


def another_limit(document: dict[str, Any]) -> None:
    document["activations"][2]["max_removal_share"] = 0.9


def test_a_limit_that_is_raised_is_a_yes_and_does_not_wait_out_the_pause(
    reconciled: Reconciled, tmp_path: Path
) -> None:
    """A refused audience is asked for at growing times; the person who approves it does so in the plan."""
    raised_limit = lambda document: document["segments"][NEWSLETTER].update(guards={"max_drift": 3.0})  # noqa: E731
    settled(reconciled).publish(NEWSLETTER, "cleo")
    for expected in ([f"{ACCOUNT}/{NEWSLETTER}"], []):
        assert reconciled.tick() == expected
        reconciled.instance.report_run_failed(reconciled.run(NEWSLETTER))
    reconciled.plan = load_plan(write_plan(tmp_path / "approved.yaml", raised_limit))
    assert reconciled.tick() == [f"{ACCOUNT}/{NEWSLETTER}"]
    assert reconciled.tick() == []


@pytest.mark.parametrize("edit", [another_purpose, another_limit])
def test_an_edit_of_a_pair_in_the_plan_asks_for_that_pair(reconciled: Reconciled, tmp_path: Path, edit: Change) -> None:
    settled(reconciled).plan = load_plan(write_plan(tmp_path / "edited.yaml", edit))
    assert reconciled.tick() == [f"{ACCOUNT}/{NEWSLETTER}"]


def test_an_edit_of_an_account_asks_for_its_pairs(reconciled: Reconciled, tmp_path: Path) -> None:
    edit = lambda document: document["accounts"][ACCOUNT].update(account="1002")  # noqa: E731
    settled(reconciled).plan = load_plan(write_plan(tmp_path / "edited.yaml", edit))
    assert set(reconciled.tick()) == PAIRS


def second_account(document: dict[str, Any]) -> None:
    document["accounts"]["lumen_us"] = document["accounts"][ACCOUNT] | {"account": "2002"}
    document["activations"] += [a | {"account": "lumen_us"} for a in document["activations"]]


def test_the_pairs_of_a_new_account_are_asked_for(reconciled: Reconciled, tmp_path: Path) -> None:
    settled(reconciled).plan = load_plan(write_plan(tmp_path / "more.yaml", second_account))
    assert set(reconciled.tick()) == {f"lumen_us/{segment}" for segment in (EXPOSED, VALUABLE, NEWSLETTER)}


def test_a_pair_that_the_plan_names_no_more_is_never_asked_for(reconciled: Reconciled, tmp_path: Path) -> None:
    less = load_plan(write_plan(tmp_path / "less.yaml", lambda document: document["activations"].pop()))
    settled(reconciled).plan = less
    reconciled.publish(NEWSLETTER, "cleo")
    assert reconciled.tick() == []


def test_a_reconciling_tick_that_dies_half_way_loses_nothing(reconciled: Reconciled) -> None:
    whole = reconciled.lake

    class Dying(LocalLake):
        def current(self, table: str, partition: str) -> Snapshot | None:
            if partition == NEWSLETTER:
                raise OSError("the disk is away")
            return whole.current(table, partition)

    reconciled.lake = Dying(whole._root)
    with pytest.raises(OSError, match="the disk is away"):
        reconciled.tick()
    reconciled.lake = whole
    assert reconciled.cursor is None
    assert set(reconciled.tick()) == PAIRS


def test_the_other_pairs_come_in_the_next_ticks_when_the_time_is_over(reconciled: Reconciled) -> None:
    """Each look at the clock is 20 seconds later, so that one pair fits into the 30 seconds of a tick."""

    def slow_tick() -> list[str]:
        times = itertools.count(0.0, 20.0)
        return reconciled.tick(clock=lambda: next(times))

    ticks = [slow_tick() for _ in range(3)]
    assert [len(pairs) for pairs in ticks] == [1, 1, 1]
    assert {pair for pairs in ticks for pair in pairs} == PAIRS


def test_the_cursor_holds_no_pair_that_is_done(reconciled: Reconciled) -> None:
    reconciled.tick()
    for segment in (EXPOSED, NEWSLETTER, VALUABLE):
        reconciled.delivered(segment)
    reconciled.tick()
    assert json.loads(reconciled.cursor)["asked"] == {}
