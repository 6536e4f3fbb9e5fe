"""The followers of platforms that answer later, and the reconciler behind them: nobody is forgotten, nothing is sent twice."""

from __future__ import annotations

import itertools
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from segment_assets import followers, sensors
from segment_assets.account_health import tell_of_troubles
from segment_assets.assets.activations import PAIR_TAG
from segment_assets.audience_sizes import ask_account
from segment_assets.contracts import TransientError
from segment_assets.definitions import build_definitions
from segment_assets.delivery.following import LATE_FAILURES
from segment_assets.delivery.settling import balanced
from segment_assets.deployment import Deployment, Kind
from segment_assets.plan import load_plan
from segment_assets.resources.alerts import Alerts
from segment_assets.resources.lake import LocalLake
from segment_assets_tests import fakes
from segment_assets_tests.orchestration.accounts import EXPIRED, GoogleAccount, House, named
from segment_assets_tests.orchestration.local_world import NEWSLETTER, write_plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dagster._core.definitions.sensor_definition import SensorExecutionData

    from segment_assets.contracts import Response
    from segment_assets.plan import Plan

ADS = "lumen_ads"
SEGMENTS = ("autumn", "summer", "winter")
AN_HOUR = 3600.0


def on_google(document: dict[str, Any]) -> None:
    """Three first-party segments on one account whose platform answers later."""
    newsletter = document["segments"][NEWSLETTER]
    document["segments"] = dict.fromkeys(SEGMENTS, newsletter)
    document["accounts"] = {
        ADS: {
            "destination": "google",
            "account": "1234567890",
            "owner": "team:activation",
            "terms_accepted_by": "dana.reyes@lumen.example",
            "terms_accepted_on": "2026-09-14",
        }
    }
    stated = {
        "terms_of_service": "ACCEPTED",
        "data_source_type": "DATA_SOURCE_TYPE_FIRST_PARTY",
        "consent_ad_user_data": "CONSENT_GRANTED",
        "consent_ad_personalization": "CONSENT_GRANTED",
    }
    pair = {"account": ADS, "purpose": "loyalty", "use": "target", "max_removal_share": 1.0, "statements": stated}
    document["activations"] = [pair | {"segment": segment} for segment in SEGMENTS]
    document["experiments"] = {}


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return load_plan(write_plan(tmp_path_factory.mktemp("plan") / "plan.yaml", on_google))


class Followed(House):
    """The follower of the one account with its cursor, and the reconciler with its own."""

    cursor: dict[str, Any]
    asked: str | None = None

    @property
    def google(self) -> GoogleAccount:
        account = self.accounts[ADS]
        assert isinstance(account, GoogleAccount)
        return account

    def sends(self, *segments: str) -> None:
        """A run for each segment, of which the platform then works on the jobs; an hour passes."""
        for segment in segments:
            self.wants(segment, f"{segment}-ann", f"{segment}-ben", f"{segment}-cyd")
            assert self.run(ADS, segment).waiting
        self.now += AN_HOUR

    def tick(self, **clock: Callable[[], float]) -> dict[str, Any]:
        told = followers.follow_account(self.have, ADS, self.cursor, now=lambda: self.now, **clock)
        self.cursor = json.loads(json.dumps(told["cursor"]))
        return told

    def evaluated(self) -> SensorExecutionData:
        """A tick of the sensor as the daemon has it evaluated."""
        deployment = Deployment(Kind.LOCAL, self.folder, self.folder / "plan.yaml")
        write_plan(self.folder / "plan.yaml", on_google)
        definitions = build_definitions(deployment, self.resources)
        sensor = definitions.get_repository_def().get_sensor_def(f"platform_jobs_{ADS}")
        with dg.build_sensor_context(
            instance=self.instance, definitions=definitions, resources=self.resources
        ) as context:
            return sensor.evaluate_tick(context)

    def reconciled(self, lake: LocalLake | None = None) -> list[str]:
        """Segments that the reconciler asks for."""
        result = sensors.reconcile(self.instance, self.asked, self.plan, lake or self.lake, now=lambda: self.now)
        self.asked = result.cursor
        return [str(request.partition_key) for request in result.run_requests]

    def row(self, segment: str) -> dict[str, Any]:
        """The newest delivery of a segment in the deliveries table; it is balanced."""
        prefix = f"google/1234567890/{segment}/"
        newest = max(name for name in self.lake.partitions("deliveries") if name.startswith(prefix))
        snapshot = self.lake.current("deliveries", newest)
        assert snapshot is not None
        [row] = self.lake.dataset(snapshot).to_table().to_pylist()
        assert balanced(row) == []
        return row


@pytest.fixture
def house(instance: dg.DagsterInstance, plan: Plan, tmp_path: Path) -> Followed:
    made = Followed(plan, tmp_path, instance, {ADS: GoogleAccount("1234567890")})
    made.cursor = {}
    return made


def wanted_again(told: dict[str, Any]) -> list[str]:
    return [request.partition_key for request in told["run_requests"]]


def away() -> Response:
    raise TransientError("google: no answer (ConnectError)")


def test_where_no_job_is_open_the_platform_is_not_asked(house: Followed) -> None:
    house.sends("summer")
    house.google.works()
    house.tick()
    asked = len(house.google.calls)
    told = house.tick()
    assert len(house.google.calls) == asked
    assert (told["run_requests"], told["asset_events"], told["open"]) == ([], [], 0)
    assert told["said"] == "no job has ended since the last look"


def test_three_jobs_that_end_at_once_settle_three_deliveries(house: Followed) -> None:
    house.sends(*SEGMENTS)
    house.google.works()
    told = house.tick()
    assert [(s, house.outcome(ADS, s), house.row(s)["accepted"]) for s in SEGMENTS] == [
        (segment, "done", 3) for segment in SEGMENTS
    ]
    tables = {"deliveries", "receipts", "rejections"}
    assert {event.asset_key.path[-1] for event in told["asset_events"]} == {*tables, ADS}
    assert len(told["asset_events"]) == 4 * len(SEGMENTS)
    said = [event for event in told["asset_events"] if event.asset_key.path[-1] == ADS]
    assert [event.partition for event in said] == list(SEGMENTS)
    assert {event.metadata["jobs_accepted"].value for event in said} == {3}
    assert wanted_again(told) == house.reconciled() == []


class KeyRing:
    """A tenant's key, and how often it was asked for."""

    asked = 0

    def tenant_key(self, _tenant: str) -> bytes:
        self.asked += 1
        return b"key"


@pytest.mark.parametrize("tick", [followers.follow_account, ask_account])
def test_the_tenants_key_is_read_once_for_a_tick_and_not_for_every_segment(house: Followed, tick: Any) -> None:
    ring = KeyRing()
    tick(SimpleNamespace(**house.resources | {"secrets": ring}), ADS, {}, now=lambda: house.now)
    assert len(SEGMENTS) > 1
    assert ring.asked == 1


def test_a_job_is_asked_about_after_half_an_hour_and_then_at_growing_times(house: Followed) -> None:
    house.wants("summer", "ann")
    house.run(ADS, "summer")
    asked_at = []
    begun = house.now
    for _ in range(3 * 60 + 1):
        house.tick()
        if len(house.google.asked("status")) > len(asked_at):
            asked_at.append(house.now - begun)
        house.now += 60
    # 1800 s, then 1.3 times as long each time, at most an hour; the ticks are a minute apart.
    assert asked_at == [1800, 1800 + 2340, 1800 + 2340 + 3060, 1800 + 2340 + 3060 + 3600]


def test_while_jobs_are_open_the_reconciler_asks_for_no_second_run(house: Followed) -> None:
    house.sends(*SEGMENTS)
    assert house.reconciled() == []
    house.tick()
    assert house.reconciled() == []


def test_a_platform_that_is_away_for_one_segment_does_not_stop_the_others(house: Followed) -> None:
    house.sends(*SEGMENTS)
    house.google.works()
    house.google.trouble["autumn"] = away
    told = house.tick()
    assert told["said"] == "autumn: google: no answer (ConnectError)"
    assert [house.outcome(ADS, segment) for segment in SEGMENTS] == ["open", "done", "done"]
    del house.google.trouble["autumn"]
    house.now += AN_HOUR
    house.tick()
    assert house.outcome(ADS, "autumn") == "done"


def test_an_expired_token_is_said_where_a_person_looks(house: Followed) -> None:
    house.sends("summer")
    house.google.trouble["summer"] = lambda: EXPIRED
    house.google.sandbox_home = "its jobs are always due"
    said = house.evaluated().skip_message
    assert "summer: needs a human" in said
    assert "renew them in the secret store" in said
    assert house.outcome(ADS, "summer") == "open"


def slow_clock() -> Callable[[], float]:
    """Each look at it is 20 seconds later, so that one segment fits into the 30 seconds of a tick."""
    times = itertools.count(0.0, 20.0)
    return lambda: next(times)


def test_when_the_time_is_over_the_segments_behind_come_first_in_the_next_tick(house: Followed) -> None:
    house.sends(*SEGMENTS)
    for _ in range(3):
        house.tick(clock=slow_clock())
        house.now += AN_HOUR
    assert house.google.asked("status") == list(SEGMENTS)


def test_a_segment_that_a_tick_did_not_reach_keeps_its_pace(house: Followed) -> None:
    house.sends("autumn", "winter")
    house.tick()
    house.now += 60
    house.cursor["last"] = ""
    house.tick(clock=slow_clock())
    house.tick()
    assert house.google.asked("status") == ["autumn", "winter"], "neither is due a minute later"


def test_jobs_that_have_ended_and_segments_that_are_gone_leave_the_cursor(house: Followed) -> None:
    house.cursor = {"last": "gone", "looks": {"gone": {"7": {"at": 1.0, "looks": 3}}}}
    house.sends("summer")
    house.tick()
    assert list(house.cursor["looks"]) == ["summer"]
    house.google.works()
    house.now += 2 * AN_HOUR
    house.tick()
    assert house.cursor["looks"] == {}


def test_a_tick_that_dies_half_way_loses_neither_an_end_nor_a_failure(house: Followed) -> None:
    """The first segment's job has failed and is noted; the tick dies with the second, so its request is never made."""
    house.sends(*SEGMENTS)
    house.google.works("autumn", state="FAILED")
    house.google.works("summer")
    house.google.works("winter")

    def defect() -> Response:
        raise OSError("the disk is away")

    house.google.trouble["summer"] = defect
    with pytest.raises(OSError, match="the disk is away"):
        house.tick()
    assert house.cursor == {}
    assert house.outcome(ADS, "autumn") == "failed"
    house.google.trouble.clear()
    told = house.tick()
    assert [house.outcome(ADS, segment) for segment in SEGMENTS] == ["failed", "done", "done"]
    assert wanted_again(told) == []
    assert house.reconciled() == ["autumn"], "whoever reads the ledger finds the failure again"
    assert len(house.last(ADS, "autumn").answered("job")) == 1


class Killed(BaseException):
    """The process is gone."""


class Dying(LocalLake):
    """Goes away when a note of one kind is to be made."""

    kind = ""

    def put_if_absent(self, key: str, raw: bytes) -> bool:
        if json.loads(raw)["kind"] == self.kind:
            raise Killed
        return super().put_if_absent(key, raw)


@pytest.mark.parametrize("note", ["job", "closed"])
def test_a_follower_that_is_killed_between_answer_and_note_is_followed_by_the_next(house: Followed, note: str) -> None:
    house.sends("summer")
    house.google.works()
    have, sent = house.have, len(house.google.jobs)
    have.lake = Dying(house.folder / "lake")
    have.lake.kind = note
    with pytest.raises(Killed):
        followers.follow_account(have, ADS, {}, now=lambda: house.now)
    assert house.outcome(ADS, "summer") == "open"
    told = house.tick()
    if note == "closed":
        # All jobs are known to have ended, so a run settles; the reconciler would ask for it as well.
        assert wanted_again(told) == house.reconciled() == ["summer"]
        house.run(ADS, "summer")
    assert (house.outcome(ADS, "summer"), house.row("summer")["accepted"]) == ("done", 3)
    assert len(house.last(ADS, "summer").answered("job")) == 1
    assert len(house.google.jobs) == sent, "nothing was sent again"


def test_a_job_that_fails_late_is_asked_for_again_and_sent_in_full(house: Followed) -> None:
    house.sends("summer")
    house.google.works(state="FAILED")
    told = house.tick()
    assert (house.outcome(ADS, "summer"), house.row("summer")["rejected"]) == ("failed", 3)
    assert wanted_again(told) == house.reconciled() == ["summer"]
    assert house.run(ADS, "summer").waiting
    house.google.works()
    house.now += AN_HOUR
    assert wanted_again(house.tick()) == []
    assert house.row("summer")["accepted"] == 3
    assert len(house.google.people["summer"]) == 3
    assert house.reconciled() == []


def test_an_audience_that_always_fails_late_needs_a_human_and_opt_outs_go_on(house: Followed) -> None:
    house.sends("summer")
    for _ in range(LATE_FAILURES):
        house.google.works(state="FAILED")
        house.now += AN_HOUR
        told = house.tick()
        last, asked = house.last(ADS, "summer").number, wanted_again(told)
        if last < LATE_FAILURES:
            assert asked == ["summer"]
            house.run(ADS, "summer")
    assert asked == house.reconciled() == []
    assert "needs a human" in told["said"]
    alerts = Alerts(house.folder / "alerts")
    cursor: dict[str, Any] = {}
    for _ in range(2):
        cursor = tell_of_troubles(house.plan, house.lake, alerts, cursor)["cursor"]
    assert len((house.folder / "alerts" / "alerts.jsonl").read_text().splitlines()) == 1
    house.wants("summer", "summer-ann", "summer-ben", "summer-cyd", "summer-dan")
    assert house.reconciled() == ["summer"], "other content is tried"


def test_when_the_run_after_a_late_failure_fails_too_it_is_asked_for_once_more(house: Followed) -> None:
    """The follower's request is made once: its run key is remembered for ever."""
    house.sends("summer")
    house.google.works(state="FAILED")
    house.tick()
    assert house.reconciled() == ["summer"]
    house.google.trouble["summer"] = away
    with pytest.raises(TransientError):
        house.run(ADS, "summer")
    assert wanted_again(house.tick()) == []
    house.now += AN_HOUR
    assert house.reconciled() == ["summer"]


def test_of_a_partial_success_the_platform_s_numbers_are_kept(house: Followed) -> None:
    house.sends("summer")
    house.google.works(state="PARTIAL_SUCCESS", denied=1)
    told = house.tick()
    row = house.row("summer")
    assert (row["outcome"], row["accepted"], row["rejected"], row["unproven"]) == ("done", 2, 1, 0)
    assert wanted_again(told) == []


def test_the_next_phase_of_an_open_delivery_is_asked_for_until_all_of_it_is_sent(house: Followed) -> None:
    phone = {"phone_e164": fakes.digest("+49301"), "phone_digits": fakes.digest("49301")}
    house.wants("summer", named("ann", **phone), "ben")
    house.run(ADS, "summer")
    house.google.works()
    house.now += AN_HOUR
    house.tick()
    moved = named("ann", **phone) | {"email_gmail_folded": fakes.digest("ann.new"), "email": fakes.digest("ann.new")}
    house.wants("summer", moved, "ben")
    keys = set()
    for _ in range(2):
        house.run(ADS, "summer")
        house.google.works()
        house.now += AN_HOUR
        told = house.tick()
        assert wanted_again(told) == house.reconciled() == ["summer"]
        assert house.outcome(ADS, "summer") == "open"
        keys |= {request.run_key for request in told["run_requests"]}
    house.run(ADS, "summer")
    house.google.works()
    house.now += AN_HOUR
    assert wanted_again(house.tick()) == house.reconciled() == []
    assert (house.outcome(ADS, "summer"), len(keys)) == ("done", 2)
    assert house.google.asked("ingest") == ["summer"] * 3
    assert house.google.asked("remove") == ["summer"]


def test_an_opt_out_s_open_job_is_waited_for_and_then_the_audience_is_asked_for(house: Followed) -> None:
    house.sends("summer")
    house.google.works()
    house.tick()
    house.wants("summer", "summer-ann", "summer-ben", "summer-cyd", "summer-dan")
    fakes.publish_suppressions(house.lake, [("email_gmail_folded", fakes.digest("summer-ann@example.com"))])
    assert house.reconciled() == ["summer"]
    assert house.run(ADS, "summer").waiting
    assert house.google.asked("remove") == ["summer"]
    assert [house.reconciled() for _ in range(2)] == [[], []], "a run could only wait"
    fakes.publish_suppressions(house.lake, [("email_gmail_folded", fakes.digest("summer-ben@example.com"))])
    assert house.reconciled() == ["summer"], "another opt-out does not wait"
    fakes.publish_suppressions(house.lake, [("email_gmail_folded", fakes.digest("summer-ann@example.com"))])
    house.google.works()
    house.now += AN_HOUR
    house.tick()
    assert house.reconciled() == ["summer"]
    assert house.run(ADS, "summer").waiting
    assert house.reconciled() == []


def test_an_audience_that_goes_back_after_a_broken_run_is_asked_for_again(house: Followed) -> None:
    """The last successful run was for this very audience, and yet the platform has something of the other."""
    house.sends("summer")
    house.google.works()
    house.tick()
    house.wants("summer", "summer-ann", "summer-ben", "summer-cyd", "summer-dan")
    house.google.trouble["summer"] = away
    with pytest.raises(TransientError):
        house.run(ADS, "summer")
    house.google.trouble.clear()
    house.wants("summer", "summer-ann", "summer-ben", "summer-cyd")
    assert house.reconciled() == ["summer"]
    while house.run(ADS, "summer").waiting:
        house.google.works()
        house.now += AN_HOUR
    assert len(house.google.people["summer"]) == 3
    assert house.reconciled() == []


def test_the_sensor_asks_for_no_run_of_a_pair_that_has_one(house: Followed) -> None:
    house.sends("summer")
    house.google.works(state="FAILED")
    tags = {PAIR_TAG: f"{ADS}/summer"}
    house.instance.add_run(dg.DagsterRun("__ASSET_JOB", status=dg.DagsterRunStatus.STARTED, tags=tags))
    house.google.sandbox_home = "its jobs are always due"
    result = house.evaluated()
    assert result.run_requests == []
    assert len(result.asset_events) == 4, "three tables, and what the platform says of the audience"
    assert house.outcome(ADS, "summer") == "failed"
