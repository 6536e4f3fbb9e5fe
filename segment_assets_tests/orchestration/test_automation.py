"""What makes itself and when: exactly what a new version concerns, once, and nothing that was made by hand."""

from __future__ import annotations

import dataclasses
import datetime as dt
import shutil
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from segment_assets.automation import ON_NEW_VERSIONS, UNTIL_IT_IS_MADE
from segment_assets.partitions import sync
from segment_assets.road import QUIET, open_instance
from segment_assets_tests.orchestration import local_world
from segment_assets_tests.orchestration.local_world import (
    CLEAN_ROOM_MEMBERS,
    EXPOSED,
    HASHED,
    HELD,
    LANDING_MEMBERS,
    NEWSLETTER,
    OPT_OUTS,
    SUPPRESSIONS,
    VALUABLE,
    LocalWorld,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from segment_assets_tests.orchestration.conftest import Walked

WEEKS = ["2026-10-05", "2026-10-12"]
NEXT_WEEK = "2026-10-19"
# The Tuesday on which the second week is the newest one that is over, and the one after.
THEN, LATER = dt.datetime(2026, 10, 20, tzinfo=dt.UTC), dt.datetime(2026, 10, 27, tzinfo=dt.UTC)
LISTED, CONVERSIONS = ("clean_room", "exposed_customers"), ("account_a", "conversions")
ROAD = {None, "default", "segments", "audiences", "activation"}  # default: the two assets of a test's own
EVERY_SEGMENT = {EXPOSED, VALUABLE, NEWSLETTER, HELD}

Requested = dict[tuple[str, ...], set[str | None]]


@dataclasses.dataclass
class Ticked:
    """The automation sensor's ticks on an instance, with the cursor that Dagster would keep."""

    definitions: dg.Definitions
    instance: dg.DagsterInstance
    cursor: object = None
    time: dt.datetime = THEN

    def tick(self) -> Requested:
        """What is asked for of the road; insight tables have their own questions, which cost six times as much."""
        graph = self.definitions.resolve_asset_graph()
        road = {key for key in graph.get_all_asset_keys() if graph.get(key).group_name in ROAD}
        asked = self._tick(dg.AssetSelection.assets(*road).upstream())
        return {key: partitions for key, partitions in asked.items() if dg.AssetKey(key) in road}

    def tick_all(self) -> Requested:
        return self._tick(dg.AssetSelection.all())

    def _tick(self, selection: dg.AssetSelection) -> Requested:
        result = dg.evaluate_automation_conditions(
            defs=self.definitions,
            instance=self.instance,
            asset_selection=selection,
            cursor=self.cursor,
            evaluation_time=self.time,
        )
        self.cursor = result.cursor
        keys = self.definitions.resolve_asset_graph().get_all_asset_keys()
        return {
            tuple(key.path): set(result.get_requested_partitions(key)) for key in keys if result.get_num_requested(key)
        }

    def made(self, key: tuple[str, ...], partition: str | None = None, version: str = "1") -> None:
        """What a run that made this would report."""
        tags = {"dagster/data_version": version}
        event = dg.AssetMaterialization(dg.AssetKey(list(key)), partition=partition, tags=tags)
        self.instance.report_runless_asset_event(event)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> LocalWorld:
    """A plan, and nothing in the lake."""
    made = LocalWorld(tmp_path_factory.mktemp("home"))
    local_world.write_plan(made.home / "plan.yaml")
    return made


@pytest.fixture(scope="module")
def by_hand(world: LocalWorld, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ticked]:
    """Everything made once, as by hand, and the daemons started after it: the folder of an instance that is closed."""
    folder = tmp_path_factory.mktemp("by_hand")
    with open_instance(folder) as instance:
        made = Ticked(world.definitions(), instance)
        sync(instance, world.plan, [NEWSLETTER, HELD])
        graph = made.definitions.resolve_asset_graph()
        for key in graph.toposorted_asset_keys:
            partitions = graph.get(key).partitions_def
            if partitions is None:
                made.made(tuple(key.path))
                continue
            weekly = isinstance(partitions, dg.TimeWindowPartitionsDefinition)
            for partition in WEEKS if weekly else instance.get_dynamic_partitions(partitions.name):
                made.made(tuple(key.path), partition)
        assert made.tick_all() == {}
    return folder, made


@pytest.fixture
def ticked(by_hand: tuple[Path, Ticked], tmp_path: Path) -> Iterator[Ticked]:
    """A copy, to be changed."""
    folder, made = by_hand
    shutil.copytree(folder, tmp_path / "instance")
    with open_instance(tmp_path / "instance") as instance:
        yield dataclasses.replace(made, instance=instance)


@pytest.mark.slow
@pytest.mark.parametrize("time", [THEN, None], ids=["while the newest week is fresh", "today"])
def test_after_a_road_by_hand_the_daemons_recompute_nothing(walked: Walked, time: dt.datetime | None) -> None:
    with walked.world.opened() as instance:
        ticked = Ticked(walked.world.definitions(), instance, time=time or dt.datetime.now(dt.UTC))
        assert ticked.tick_all() == {}
        assert ticked.tick_all() == {}


def test_a_second_tick_after_nothing_happened_asks_for_nothing(ticked: Ticked) -> None:
    assert ticked.tick_all() == {}


def test_a_landed_segment_with_a_new_version_asks_for_its_audience_alone(ticked: Ticked) -> None:
    ticked.made(LANDING_MEMBERS, NEWSLETTER, "2")
    assert ticked.tick() == {HASHED: {NEWSLETTER}}
    ticked.made(HASHED, NEWSLETTER, "2")
    assert ticked.tick() == {}


def test_a_segment_that_is_made_again_with_the_same_version_asks_for_nothing(ticked: Ticked) -> None:
    ticked.made(LANDING_MEMBERS, NEWSLETTER, "1")
    assert ticked.tick() == {}


def test_a_version_that_comes_while_its_audience_is_being_made_is_asked_for_afterwards(ticked: Ticked) -> None:
    ticked.made(LANDING_MEMBERS, NEWSLETTER, "2")
    assert ticked.tick() == {HASHED: {NEWSLETTER}}
    ticked.made(LANDING_MEMBERS, NEWSLETTER, "3")
    assert ticked.tick() == {HASHED: {NEWSLETTER}}


def test_suppressions_wait_for_no_request_to_be_forgotten(instance: dg.DagsterInstance) -> None:
    """The files of these may be broken, and a run that reads them going, for as long as nobody looks at them."""
    during: list[Requested] = []

    @dg.asset(key=["audiences", "erasures"])
    def requests() -> None:
        ticked.made(("customers",), None, "2")
        during.append(ticked.tick())

    @dg.asset(deps=[requests, "customers"], automation_condition=ON_NEW_VERSIONS)
    def target() -> None: ...

    ticked = Ticked(dg.Definitions([dg.AssetSpec("customers"), requests, target]), instance)
    ticked.made(("customers",))
    assert ticked.tick() == {("target",): {None}}
    dg.materialize([requests], instance=instance, run_config=QUIET)
    assert during == [{("target",): {None}}]


def test_versions_that_come_during_a_run_are_asked_for_after_it_and_a_run_by_hand_is_the_last_word(
    instance: dg.DagsterInstance,
) -> None:
    source, target = ("source",), ("target",)
    during: list[Requested] = []

    @dg.asset(key=list(target), deps=[dg.AssetKey(list(source))], automation_condition=ON_NEW_VERSIONS)
    def made_from_source() -> dg.MaterializeResult:
        # While this run is going, another version comes and the daemon ticks.
        ticked.made(source, None, "late")
        during.append(ticked.tick())
        return dg.MaterializeResult(data_version=dg.DataVersion("x"))

    definitions = dg.Definitions([dg.AssetSpec(list(source)), made_from_source])
    ticked = Ticked(definitions, instance)
    ticked.made(source)
    ticked.made(target)
    assert ticked.tick() == {}
    ticked.made(source, None, "2")
    assert ticked.tick() == {target: {None}}
    quiet = {"instance": instance, "run_config": QUIET}
    dg.materialize([made_from_source], tags={"dagster/from_automation_condition": "true"}, **quiet)
    assert during == [{}], "one run at a time"
    assert ticked.tick() == {target: {None}}, "the late version is not forgotten"
    ticked.made(source, None, "3")
    ticked.made(target)
    assert ticked.tick() == {}, "a person made it meanwhile"
    assert ticked.tick() == {}


def test_a_new_week_asks_for_the_segments_of_the_clean_room_and_not_for_landed_ones(ticked: Ticked) -> None:
    ticked.time = LATER
    assert ticked.tick() == {}
    ticked.made(LISTED, NEXT_WEEK, "week 3")
    assert ticked.tick() == {}, "its conversions are missing still"
    ticked.made(CONVERSIONS, NEXT_WEEK, "week 3")
    assert ticked.tick() == {CLEAN_ROOM_MEMBERS: {EXPOSED, VALUABLE}}
    ticked.made(CLEAN_ROOM_MEMBERS, EXPOSED, "week 3")
    ticked.made(CLEAN_ROOM_MEMBERS, VALUABLE, "1")
    assert ticked.tick() == {HASHED: {EXPOSED}}


def test_an_older_week_that_is_made_again_concerns_no_segment(ticked: Ticked) -> None:
    ticked.made(LISTED, WEEKS[0], "again")
    assert ticked.tick() == {}


def test_a_result_of_one_week_asks_for_the_overlap_of_that_week(ticked: Ticked) -> None:
    ticked.made(("clean_room", "matched_customers"), WEEKS[0], "again")
    asked = ticked.tick_all()
    assert asked[("planning", "audience_overlap")] == {WEEKS[0]}
    assert all(partitions == {WEEKS[0]} for partitions in asked.values())


def test_suppressions_with_a_new_version_ask_for_all_audiences(ticked: Ticked) -> None:
    ticked.made(OPT_OUTS, None, "2")
    assert ticked.tick() == {SUPPRESSIONS: {None}}
    ticked.made(SUPPRESSIONS, None, "2")
    assert ticked.tick() == {HASHED: EVERY_SEGMENT}
    for segment in EVERY_SEGMENT:
        ticked.made(HASHED, segment, "2")
    assert ticked.tick() == {}


def test_deliveries_ask_for_their_summary(ticked: Ticked) -> None:
    ticked.made(("ledger", "deliveries"), None, "2")
    assert ticked.tick_all()[("activation_insights", "delivery_summary")] == {None}


def test_no_activation_is_ever_asked_for_by_a_condition(ticked: Ticked) -> None:
    ticked.made(HASHED, NEWSLETTER, "2")
    assert ticked.tick() == {}


def test_a_new_segment_is_asked_for_once_although_it_is_held(ticked: Ticked, world: LocalWorld) -> None:
    sync(ticked.instance, world.plan, [NEWSLETTER, HELD, "walk_ins"])
    assert ticked.tick() == {}, "it is not read yet"
    ticked.made(LANDING_MEMBERS, "walk_ins")
    assert ticked.tick() == {HASHED: {"walk_ins"}}
    assert ticked.tick() == {}
    ticked.made(HASHED, "walk_ins")
    assert ticked.tick() == {}


def test_a_run_that_failed_is_not_asked_for_in_a_loop(ticked: Ticked, world: LocalWorld) -> None:
    # Within an hour: with its beginning a run that failed is asked for again (see below).
    ticked.time += dt.timedelta(minutes=30)
    assert ticked.tick() == {}
    ticked.made(LANDING_MEMBERS, NEWSLETTER, "2")
    assert ticked.tick() == {HASHED: {NEWSLETTER}}
    # Nothing is in the lake of this world, so the run fails by itself.
    outcome = world.road(ticked.instance).run(HASHED, partition=NEWSLETTER)
    assert not outcome.success
    assert "materialise segment_members first" in outcome.problems[0]
    for _ in range(3):
        assert ticked.tick() == {}
    ticked.made(LANDING_MEMBERS, NEWSLETTER, "3")
    assert ticked.tick() == {HASHED: {NEWSLETTER}}, "another version is another reason"


def test_what_must_not_be_missed_is_asked_for_once_an_hour_until_its_run_succeeds(instance: dg.DagsterInstance) -> None:
    fails = False

    @dg.asset(deps=["source"], automation_condition=UNTIL_IT_IS_MADE)
    def target() -> None:
        if fails:
            raise RuntimeError

    def run() -> None:
        tags = {"dagster/from_automation_condition": "true"}
        dg.materialize([target], instance=instance, run_config=QUIET, tags=tags, raise_on_error=False)

    asked = {("target",): {None}}
    ticked = Ticked(dg.Definitions([dg.AssetSpec("source"), target]), instance)
    ticked.time += dt.timedelta(minutes=30)
    ticked.made(("source",))
    assert ticked.tick() == asked
    run()
    fails = True
    ticked.made(("source",), None, "2")
    assert ticked.tick() == asked
    for _ in range(3):
        run()
        assert ticked.tick() == {}
        ticked.time += dt.timedelta(hours=1)
        assert ticked.tick() == asked
        assert ticked.tick() == {}
    fails = False
    run()
    ticked.time += dt.timedelta(hours=1)
    assert ticked.tick() == {}
