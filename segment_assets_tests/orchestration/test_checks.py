"""The blocking checks of an audience: a bad segment fails, a good one beside it passes, and the bad one stays here."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from segment_assets.audience import ColumnTally
from segment_assets.checks import AUDIENCE_CHECK_DEFINITIONS, AUDIENCE_CHECKS, HASHED, members_before
from segment_assets.contracts import ColumnState
from segment_assets.definitions import build_definitions
from segment_assets.delivery.ledger import AudienceLedger, Pair
from segment_assets.deployment import Deployment, Kind
from segment_assets.destinations.meta import CONTRACT
from segment_assets.partitions import SEGMENTS, sync
from segment_assets.plan import Plan, load_plan
from segment_assets.resources.lake import LocalLake
from segment_assets.road import QUIET, Road
from segment_assets_tests import fakes
from segment_assets_tests.orchestration.local_world import ACCOUNT, ACTIVATION, NEWSLETTER, write_plan

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SIZE = 120
DAY = 86_400
Rows = list[dict[str, Any]]


def people(size: int = SIZE) -> Rows:
    return [fakes.person(str(n), email=f"{n}@example.com") for n in range(size)]


def counts(rows: Rows, **other: int) -> dict[str, object]:
    eligible = sum(row["eligibility"] == "eligible" for row in rows)
    return {
        "rows_in": len(rows),
        "members": len(rows),
        "eligible": eligible,
        "no_consent": len(rows) - eligible,
        **other,
    }


def repeated() -> tuple[Rows, Mapping[str, object]]:
    rows = people()
    rows[1] |= {"member_id": rows[0]["member_id"]}
    return rows, counts(rows)


def withheld_with_digest() -> tuple[Rows, Mapping[str, object]]:
    rows = [*people(), fakes.person("no", email="no@example.com", eligibility="no_consent")]
    return rows, counts(rows)


def digest_of_nothing() -> tuple[Rows, Mapping[str, object]]:
    rows = [*people(), fakes.person("blank", phone=" ")]
    return rows, counts(rows)


def too_few() -> tuple[Rows, Mapping[str, object]]:
    rows = people(9)
    return rows, counts(rows)


def quarantined() -> tuple[Rows, Mapping[str, object]]:
    rows = people()
    return rows, counts(rows, rows_in=SIZE + 60, quarantined_rows=60)


def drifted() -> tuple[Rows, Mapping[str, object]]:
    rows = people()
    return rows, counts(rows, members_before=SIZE * 3)


def hashed_where_raw_is_declared() -> tuple[Rows, Mapping[str, object]]:
    rows = people()
    email = ColumnTally(ColumnState.RAW, values=SIZE, sha256=SIZE // 10)
    return rows, counts(rows) | {"columns": {"email": email.as_stats()}}


# check -> an audience that fails it and no other
BAD = {
    "schema": repeated,
    "digest_shape": withheld_with_digest,
    "no_digest_of_empty": digest_of_nothing,
    "minimum_size": too_few,
    "quarantine_share": quarantined,
    "drift": drifted,
    "column_states": hashed_where_raw_is_declared,
}


def test_there_is_a_bad_audience_for_every_check() -> None:
    assert BAD.keys() == AUDIENCE_CHECKS.keys()


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return load_plan(write_plan(tmp_path_factory.mktemp("plan") / "plan.yaml"))


@dg.asset(key=HASHED, partitions_def=SEGMENTS)
def published_by_the_test() -> None:
    """Stands for the asset: its rows are in the lake already, and may be worse than the asset would make them."""


@dataclasses.dataclass(frozen=True)
class Judged:
    """One instance and lake in which segments are judged one after the other."""

    instance: dg.DagsterInstance
    lake: LocalLake
    plan: Plan

    def judge(self, segment: str, rows: Rows, stats: Mapping[str, object]) -> dict[str, bool]:
        """Check -> passed, as the run of this segment says."""
        fakes.publish_audience(self.lake, segment, rows, stats)
        self.instance.add_dynamic_partitions("segments", [segment])
        result = dg.materialize(
            [published_by_the_test, *AUDIENCE_CHECK_DEFINITIONS],
            partition_key=segment,
            instance=self.instance,
            resources={"plan": self.plan, "lake": self.lake},
            raise_on_error=False,
            run_config=QUIET,
        )
        told = {evaluation.check_name: evaluation.passed for evaluation in result.get_asset_check_evaluations()}
        assert result.success == all(told.values())
        return told

    def failed(self, check: str) -> set[str]:
        """Segments whose newest verdict in the instance is bad."""
        verdicts = {}
        for run in reversed(self.instance.get_runs()):
            for entry in self.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
                evaluation = entry.get_dagster_event().asset_check_evaluation_data
                if evaluation.check_name == check:
                    verdicts[evaluation.partition] = evaluation.passed
        assert len(verdicts) == len(BAD) + 2, "every segment has a verdict of its own"
        return {segment for segment, passed in verdicts.items() if not passed}


@pytest.fixture
def judged(instance: dg.DagsterInstance, plan: Plan, tmp_path: Path) -> Judged:
    return Judged(instance, LocalLake(tmp_path / "lake"), plan)


def test_a_bad_segment_fails_its_check_alone_and_the_good_one_beside_it_passes(judged: Judged) -> None:
    good = dict.fromkeys(AUDIENCE_CHECKS, True)
    rows = people()
    assert judged.judge("good_before", rows, counts(rows)) == good
    for check, make in BAD.items():
        assert judged.judge(f"bad_{check}", *make()) == good | {check: False}
    assert judged.judge("good_after", rows, counts(rows)) == good
    for check in BAD:
        assert judged.failed(check) == {f"bad_{check}"}, "the good segment afterwards clears nobody else"


def test_making_a_refused_audience_again_does_not_clear_it(judged: Judged) -> None:
    rows, stats = drifted()
    assert judged.judge("segment", rows, stats)["drift"] is False
    # What the asset compares with when it makes the audience again: not the refused one.
    before = members_before(judged.lake.current("hashed_audience", "segment"), judged.plan, "segment")
    assert judged.judge("segment", rows, counts(rows, members_before=before))["drift"] is False


def test_a_segment_that_the_plan_does_not_name_has_the_default_limits(judged: Judged) -> None:
    rows = people(99)
    assert judged.judge("unplanned", rows, counts(rows))["minimum_size"] is False


# ── the activation asks again, in a run of its own ──


@dataclasses.dataclass
class FakeAccount:
    """In the place of the account's resource: a platform in memory."""

    platform: fakes.FakePlatform
    preview_only = False

    def connect(self, _statements: Mapping[str, str] | None = None) -> tuple[fakes.FakeDestination, fakes.FakePlatform]:
        contract = dataclasses.replace(CONTRACT, batch_members=1_000)
        return fakes.FakeDestination(contract), self.platform

    def page(self) -> str:
        return ""


@dataclasses.dataclass(frozen=True)
class Launched:
    road: Road
    lake: LocalLake
    platform: fakes.FakePlatform


@pytest.fixture
def launched(instance: dg.DagsterInstance, plan: Plan, tmp_path: Path) -> Launched:
    """Activations that are launched by hand on an instance, with the real definitions."""
    deployment = Deployment(Kind.LOCAL, tmp_path / "home", write_plan(tmp_path / "plan.yaml"))
    platform = fakes.FakePlatform()
    sync(instance, plan, [])
    definitions = build_definitions(deployment, {f"account_{ACCOUNT}": FakeAccount(platform)})
    lake = LocalLake(tmp_path / "home" / "lake")
    fakes.publish_suppressions(lake, [])
    return Launched(Road(deployment, instance, definitions), lake, platform)


@pytest.mark.parametrize("check", BAD)
def test_an_audience_that_failed_a_check_is_refused_in_a_run_of_its_own(launched: Launched, check: str) -> None:
    fakes.publish_audience(launched.lake, NEWSLETTER, *BAD[check]())
    outcome = launched.road.run(ACTIVATION, partition=NEWSLETTER)
    assert not outcome.success
    assert "needs a human" in outcome.problems[0]
    assert f"may not be sent: {check}: " in outcome.problems[0]
    assert launched.platform.people == []
    assert launched.platform.audiences == []


def test_a_good_audience_is_sent_and_accounted_for(launched: Launched) -> None:
    rows = people()
    fakes.publish_audience(launched.lake, NEWSLETTER, rows, counts(rows))
    assert launched.road.run(ACTIVATION, partition=NEWSLETTER).success
    assert len(launched.platform.people) == SIZE


def test_an_audience_that_is_published_during_a_delivery_is_still_wanted_afterwards(
    launched: Launched, instance: dg.DagsterInstance, plan: Plan
) -> None:
    """The run reports the version that it set out with, or the change would never be sent."""
    from segment_assets import sensors

    rows, more = people(), people(SIZE + 5)
    fakes.publish_audience(launched.lake, NEWSLETTER, rows, counts(rows))
    launched.platform.before = lambda _call: fakes.publish_audience(launched.lake, NEWSLETTER, more, counts(more))
    assert launched.road.run(ACTIVATION, partition=NEWSLETTER).success
    result = sensors.reconcile(instance, None, plan, launched.lake)
    assert [request.partition_key for request in result.run_requests] == [NEWSLETTER]
    launched.platform.before = lambda _call: None
    assert launched.road.run(ACTIVATION, partition=NEWSLETTER).success
    assert len(launched.platform.people) == SIZE + 5
    assert sensors.reconcile(instance, result.cursor, plan, launched.lake).run_requests == []


def test_a_held_out_person_is_not_targeted(launched: Launched) -> None:
    rows = [*people(), fakes.person("held", email="held@example.com", eligibility="held_out")]
    fakes.publish_audience(launched.lake, NEWSLETTER, rows, {**counts(rows), "no_consent": 0, "held_out": 1})
    assert launched.road.run(ACTIVATION, partition=NEWSLETTER).success
    assert not launched.platform.holds("held@example.com")
    assert launched.platform.holds("0@example.com")


class ShortLived(FakeAccount):
    """An account whose settings say that nobody stays for a second, where Meta's contract says that everybody does."""

    def connect(self, statements: Mapping[str, str] | None = None) -> tuple[fakes.FakeDestination, fakes.FakePlatform]:
        destination, platform = super().connect(statements)
        return fakes.FakeDestination(dataclasses.replace(destination.contract, expiry_days=1e-6)), platform


def test_whoever_stays_for_as_long_as_the_accounts_settings_say_is_sent_again_by_these(
    instance: dg.DagsterInstance, plan: Plan, tmp_path: Path
) -> None:
    deployment = Deployment(Kind.LOCAL, tmp_path / "home", write_plan(tmp_path / "plan.yaml"))
    sync(instance, plan, [])
    lake = LocalLake(tmp_path / "home" / "lake")
    fakes.publish_suppressions(lake, [])
    rows = people()
    fakes.publish_audience(lake, NEWSLETTER, rows, counts(rows))
    road = Road(
        deployment, instance, build_definitions(deployment, {f"account_{ACCOUNT}": ShortLived(fakes.FakePlatform())})
    )
    for adds, refreshed in ((SIZE, 0), (0, SIZE)):
        assert road.run(ACTIVATION, partition=NEWSLETTER).success
        newest = lake.current("deliveries", lake.partitions("deliveries")[-1])
        (row,) = lake.dataset(newest).to_table().to_pylist()
        assert (row["adds"], row["refreshed"]) == (adds, refreshed)


def test_in_an_adopted_audience_people_stay_for_as_long_as_the_plan_says(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    def on_snapchat(document: dict[str, Any]) -> None:
        document["accounts"][ACCOUNT] |= {"destination": "snapchat", "settings": {}}
        said = {"statements": {"source_type": "FIRST_PARTY"}, "adopt": "778", "adopted_expiry_days": 30}
        document["activations"] = [document["activations"][-1] | said]

    file = write_plan(tmp_path / "plan.yaml", on_snapchat)
    deployment, plan, rows = Deployment(Kind.LOCAL, tmp_path / "home", file), load_plan(file), people()
    lake = LocalLake(tmp_path / "home" / "lake")
    sync(instance, plan, [])
    fakes.publish_suppressions(lake, [])
    fakes.publish_audience(lake, NEWSLETTER, rows, counts(rows))
    account = FakeAccount(fakes.FakePlatform())
    road = Road(deployment, instance, build_definitions(deployment, {f"account_{ACCOUNT}": account}))
    assert road.run(["activation", "snapchat", ACCOUNT], partition=NEWSLETTER).success
    last = AudienceLedger(lake, Pair(plan.tenant, "snapchat", "1001", NEWSLETTER), time.time).last()
    assert last is not None
    assert 20 * DAY < last.header["refresh_due"] - time.time() < 30 * DAY
