"""The landing sensor: no folder that changed is lost, and none is asked for twice."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from segment_assets import sensors
from segment_assets.assets.segments import LANDING_MEMBERS, LANDING_VERSION
from segment_assets.partitions import sync
from segment_assets.plan import Plan, load_plan
from segment_assets.resources.aws.queue import Changed
from segment_assets.resources.landing import LocalLanding
from segment_assets_tests.orchestration.local_world import ACCOUNT, EXPOSED, NEWSLETTER, VALUABLE, write_plan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return load_plan(write_plan(tmp_path_factory.mktemp("plan") / "plan.yaml"))


class Whole(LocalLanding):
    """Where files appear whole, as in S3."""

    @property
    def appears_whole(self) -> bool:
        return True


@pytest.fixture
def landing(tmp_path: Path) -> LocalLanding:
    return Whole(tmp_path / "landing")


def land(landing: LocalLanding, segment: str, text: str = "email\na@example.com\n", name: str = "list.csv") -> None:
    file = landing.root / segment / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


class Asked:
    """The landing sensor with the cursor that Dagster would keep: only that of a tick that came to its end."""

    def __init__(self, instance: dg.DagsterInstance, plan: Plan, landing: LocalLanding) -> None:
        self.instance, self.plan, self.landing = instance, plan, landing
        self.cursor: str | None = None
        self.skipped: str | None = None
        self.run_keys: set[str | None] = set()

    def tick(self) -> list[str]:
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, resources={"plan": self.plan, "landing": self.landing}
        )
        return self._take(sensors.landing_sensor(context))

    def tick_with_clock(self, seconds: Iterator[float]) -> list[str]:
        look = sensors.look_at_landing
        return self._take(look(self.instance, self.cursor, self.plan, self.landing, clock=lambda: next(seconds)))

    def tick_at(self, now: float) -> list[str]:
        return self._take(sensors.look_at_landing(self.instance, self.cursor, self.plan, self.landing, now=lambda: now))

    def _take(self, result: dg.SensorResult) -> list[str]:
        self.cursor, self.skipped = result.cursor, getattr(result.skip_reason, "skip_message", None)
        for request in result.dynamic_partitions_requests:
            self.instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
        known = set(self.instance.get_dynamic_partitions("landing_segments"))
        for request in result.run_requests:
            assert request.asset_selection == [LANDING_MEMBERS]
            assert request.run_key not in self.run_keys
            self.run_keys.add(request.run_key)
            assert request.partition_key in known
        return [request.partition_key for request in result.run_requests]


@pytest.fixture
def asked(instance: dg.DagsterInstance, plan: Plan, landing: LocalLanding) -> Asked:
    return Asked(instance, plan, landing)


def test_an_empty_landing_folder_is_skipped_with_a_reason(asked: Asked) -> None:
    assert asked.tick() == []
    assert asked.skipped == "no landing folder has changed"


def test_three_folders_that_land_between_two_ticks_are_three_requests(asked: Asked, landing: LocalLanding) -> None:
    assert asked.tick() == []
    for segment in ("b", "a", "c"):
        land(landing, segment)
    assert asked.tick() == ["a", "b", "c"]
    assert asked.tick() == []


def test_a_changed_folder_is_asked_for_again_and_under_another_run_key(asked: Asked, landing: LocalLanding) -> None:
    land(landing, "a")
    first = sensors.look_at_landing(asked.instance, None, asked.plan, landing).run_requests
    assert asked.tick() == ["a"]
    land(landing, "a", name="second.csv")
    second = sensors.look_at_landing(asked.instance, asked.cursor, asked.plan, landing).run_requests
    assert asked.tick() == ["a"]
    assert first[0].run_key != second[0].run_key


@pytest.mark.parametrize("name", [".list.csv", "list.csv.tmp", "list.csv.part", "list.csv.filepart", "l.CRDOWNLOAD"])
def test_a_file_that_is_still_being_copied_is_not_asked_for(asked: Asked, landing: LocalLanding, name: str) -> None:
    land(landing, "a", name=name)
    assert asked.tick() == []


def test_a_tick_that_dies_half_way_loses_nothing(
    asked: Asked, instance: dg.DagsterInstance, plan: Plan, landing: LocalLanding
) -> None:
    for segment in ("a", "b", "c"):
        land(landing, segment)

    class Dying(Whole):
        def version(self, segment: str) -> str:
            if segment == "b":
                raise OSError("the disk is away")
            return super().version(segment)

    dying = Asked(instance, plan, Dying(landing.root))
    with pytest.raises(OSError, match="the disk is away"):
        dying.tick()
    assert dying.cursor is None
    assert asked.tick() == ["a", "b", "c"]


def test_the_rest_comes_in_the_next_tick_when_the_time_is_over(asked: Asked, landing: LocalLanding) -> None:
    for segment in ("a", "b", "c"):
        land(landing, segment)
    # Each look at the clock is 20 seconds later: the second folder is beyond the 30 seconds of a tick.
    assert asked.tick_with_clock(itertools.count(0.0, 20.0)) == ["a", "b"]
    assert asked.tick_with_clock(itertools.count(0.0, 20.0)) == ["c"]
    assert asked.tick() == []


def test_more_folders_than_a_page_are_asked_for_page_by_page(asked: Asked, landing: LocalLanding) -> None:
    names = [f"s{number:04d}" for number in range(sensors.PAGE + 5)]
    for name in names:
        land(landing, name)
    assert asked.tick() == names[: sensors.PAGE]
    assert asked.tick() == names[sensors.PAGE :]
    assert asked.tick() == []
    land(landing, names[0], "email\nb@example.com\n")
    assert [*asked.tick(), *asked.tick()] == [names[0]]


def test_a_folder_whose_run_failed_is_asked_for_again_with_a_growing_pause_until_it_is_read(
    asked: Asked, landing: LocalLanding
) -> None:
    land(landing, "a")
    told = [now for now in range(0, 600, 30) if asked.tick_at(1e9 + now)]
    assert told == [0, 60, 180, 420]
    read_by_hand(asked.instance, landing, "a")
    assert asked.tick_at(2e9) == []


def test_a_folder_is_not_asked_for_again_while_the_run_that_reads_it_is_going_unless_it_changed(
    asked: Asked, landing: LocalLanding
) -> None:
    land(landing, "a")
    assert asked.tick_at(1e9) == ["a"]
    asked.instance.add_run(
        dg.DagsterRun(job_name="any", status=dg.DagsterRunStatus.STARTED, tags={sensors.FOLDER_TAG: "a"})
    )
    assert asked.tick_at(1e9 + 3600) == []
    land(landing, "a", name="second.csv")
    assert asked.tick_at(1e9 + 3601) == ["a"]


def test_where_events_tell_a_folder_whose_run_failed_is_asked_for_again_at_the_next_walk(
    instance: dg.DagsterInstance, plan: Plan, landing: LocalLanding
) -> None:
    done: list[int] = []

    class Told(Whole):
        def changed(self) -> Changed:
            return Changed(frozenset({"b"} if not done else ()), lambda: done.append(1))

    asked = Asked(instance, plan, Told(landing.root))
    land(landing, "a")
    assert asked.tick_at(1e9) == ["a"]
    land(landing, "b")
    assert [asked.tick_at(1e9 + 100 * tick) for tick in range(1, 11)] == [["b"], *[[]] * 7, ["a", "b"], []]


def read_by_hand(instance: dg.DagsterInstance, landing: LocalLanding, segment: str) -> None:
    instance.report_runless_asset_event(
        dg.AssetMaterialization(
            LANDING_MEMBERS, partition=segment, metadata={LANDING_VERSION: landing.version(segment)}
        )
    )


def test_what_a_run_by_hand_has_read_is_not_asked_for(asked: Asked, landing: LocalLanding) -> None:
    land(landing, "a")
    land(landing, "b")
    read_by_hand(asked.instance, landing, "a")
    assert asked.tick() == ["b"]
    land(landing, "b", name="second.csv")
    read_by_hand(asked.instance, landing, "b")
    assert asked.tick() == []


def test_a_folder_that_changed_after_a_run_by_hand_is_asked_for_at_first_sight(
    asked: Asked, landing: LocalLanding
) -> None:
    land(landing, "a")
    read_by_hand(asked.instance, landing, "a")
    land(landing, "a", name="later.csv")
    assert asked.tick() == ["a"]


def test_the_partitions_follow_the_plan_and_what_has_landed(asked: Asked, landing: LocalLanding) -> None:
    land(landing, "walk_ins")
    asked.tick()
    there = asked.instance.get_dynamic_partitions
    assert set(there("landing_segments")) == {NEWSLETTER, "walk_ins"}
    assert set(there("clean_room_segments")) == {EXPOSED, VALUABLE}
    assert set(there("segments")) == {EXPOSED, VALUABLE, NEWSLETTER, "walk_ins"}
    assert set(there(f"activated_{ACCOUNT}")) == {EXPOSED, VALUABLE, NEWSLETTER}


def test_a_pair_that_leaves_the_plan_leaves_the_partitions_and_its_segment_stays(
    instance: dg.DagsterInstance, plan: Plan, landing: LocalLanding, tmp_path: Path
) -> None:
    sync(instance, plan, [])
    less = load_plan(write_plan(tmp_path / "less.yaml", lambda document: document["activations"].pop()))
    result = sensors.look_at_landing(instance, None, less, landing)
    asked = result.dynamic_partitions_requests
    assert [(type(one), one.partitions_def_name, one.partition_keys) for one in asked] == [
        (dg.DeleteDynamicPartitionsRequest, f"activated_{ACCOUNT}", [NEWSLETTER])
    ]


def test_a_file_that_is_still_being_written_is_not_read_before_two_ticks_find_the_same(
    instance: dg.DagsterInstance, plan: Plan, tmp_path: Path
) -> None:
    """Its last line was cut: half an address is an address of somebody else."""
    landing = LocalLanding(tmp_path / "landing")
    asked = Asked(instance, plan, landing)
    land(landing, "a", "email\np500@exa")
    assert asked.tick() == []
    land(landing, "a", "email\np500@example.com\np501@exam")
    assert asked.tick() == []
    assert asked.tick() == ["a"]
    assert asked.tick() == []
    read_by_hand(instance, landing, "a")
    land(landing, "a", "email\n")
    assert (asked.tick(), asked.tick()) == ([], ["a"])


def test_a_folder_with_folders_alone_is_asked_for_so_that_somebody_hears_of_it(
    asked: Asked, landing: LocalLanding
) -> None:
    land(landing, "a", name="dt=2026-11-23/part-0.csv")
    assert asked.tick() == ["a"]
    land(landing, "a", name="dt=2026-11-30/part-0.csv")
    assert asked.tick() == ["a"]
