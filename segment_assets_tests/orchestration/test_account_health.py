"""An account that is away, and audiences as the platform counts them: what is held back, asked, kept and told."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from click.testing import CliRunner

from segment_assets import account_health, sensors
from segment_assets.account_health import tell_of_troubles
from segment_assets.assets.activations import PAIR_TAG, resource_name
from segment_assets.audience_sizes import LOOK_AGAIN_SECONDS, ask_account
from segment_assets.cli import main
from segment_assets.contracts import Counted, Kept, Limit, Request, Response, TransientError
from segment_assets.contracts.sizes import SizeReport, SizeState
from segment_assets.definitions import build_definitions
from segment_assets.delivery.breaker import Breaker, Tolerance
from segment_assets.delivery.sizes import SETTLED_SECONDS, sizes_of
from segment_assets.deployment import Deployment, Kind
from segment_assets.destinations.meta import MetaCustomAudiences
from segment_assets.logins import tell_of_logins
from segment_assets.plan import Plan, load_plan
from segment_assets.resources.alerts import Alerts
from segment_assets.resources.destination_account import DestinationAccount
from segment_assets.resources.secrets import LocalSecrets
from segment_assets_tests import fakes
from segment_assets_tests.orchestration.accounts import House, MetaAccount
from segment_assets_tests.orchestration.local_world import ACCOUNT, NEWSLETTER, VALUABLE, write_plan

if TYPE_CHECKING:
    from pathlib import Path

    from segment_assets.contracts import Transport


OTHER = "lumen_us"
PAIR = f"meta/1001/{NEWSLETTER}"


def two_accounts(document: dict[str, Any]) -> None:
    document["accounts"][ACCOUNT]["account"] = "1001"
    document["accounts"][OTHER] = document["accounts"][ACCOUNT] | {"account": "2002"}
    theirs = [a for a in document["activations"] if a["segment"] in {NEWSLETTER, VALUABLE}]
    document["activations"] = [*theirs, *(a | {"account": OTHER} for a in theirs)]


class Counting(MetaAccount):
    """Says how large the audience is, too."""

    lower, upper, delivery_code = 0, 1000, 200

    def send(self, request: Request) -> Response:
        if request.method != "GET":
            return super().send(request)
        segment = self.names[request.path.split("/")[2]]
        refused = self.called("size", segment)
        if refused is not None:
            return refused
        bounds = {"approximate_count_lower_bound": self.lower, "approximate_count_upper_bound": self.upper}
        codes = {"operation_status": {"code": 200}, "delivery_status": {"code": self.delivery_code}}
        return Response(200, {}, {**bounds, **codes})


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return load_plan(write_plan(tmp_path_factory.mktemp("plan") / "plan.yaml", two_accounts))


class Watched(House):
    """The reconciler and the two sensors of this file, each with its cursor."""

    asked: str | None = None
    sizes: dict[str, Any]
    told: dict[str, Any]

    @property
    def meta(self) -> Counting:
        account = self.accounts[ACCOUNT]
        assert isinstance(account, Counting)
        return account

    @property
    def breaker(self) -> Breaker:
        return Breaker(self.lake, "meta", "1001", clock=lambda: self.now)

    def goes_away(self) -> None:
        breaker = self.breaker
        breaker.look()
        for _ in range(Tolerance().failures):
            breaker.failed("503")

    def asks_for_rest(self, seconds: float) -> None:
        self.breaker.rest(seconds)

    def reconciled(self) -> set[str]:
        result = sensors.reconcile(self.instance, self.asked, self.plan, self.lake, now=lambda: self.now)
        self.asked = result.cursor
        return {request.tags[PAIR_TAG] for request in result.run_requests}

    def alerted(self) -> list[str]:
        alerts = Alerts(self.folder / "alerts")
        told = tell_of_troubles(self.plan, self.lake, alerts, self.told, now=lambda: self.now)
        self.told = json.loads(json.dumps(told["cursor"]))
        file = self.folder / "alerts" / "alerts.jsonl"
        return [json.loads(line)["title"] for line in file.read_text().splitlines()] if file.exists() else []

    def counted(self) -> dict[str, Any]:
        told = ask_account(self.have, ACCOUNT, self.sizes, now=lambda: self.now)
        self.sizes = json.loads(json.dumps(told["cursor"]))
        return told

    def row(self) -> dict[str, Any]:
        return sizes_of(self.lake, PAIR)[-1]


@pytest.fixture
def house(instance: dg.DagsterInstance, plan: Plan, tmp_path: Path) -> Watched:
    made = Watched(plan, tmp_path, instance, {ACCOUNT: Counting("1001"), OTHER: MetaAccount("2002")})
    made.sizes, made.told = {}, {}
    return made


def test_no_run_is_started_for_an_account_that_is_away_and_the_others_go_on(house: Watched) -> None:
    for segment in (NEWSLETTER, VALUABLE):
        house.wants(segment, "ann", "ben")
    house.goes_away()
    assert house.reconciled() == {f"{OTHER}/{NEWSLETTER}", f"{OTHER}/{VALUABLE}"}
    house.now += Tolerance().cool_down
    assert {f"{ACCOUNT}/{NEWSLETTER}", f"{ACCOUNT}/{VALUABLE}"} <= house.reconciled()


def test_an_opt_out_goes_to_an_account_that_is_away_and_nothing_else_does(house: Watched) -> None:
    for segment in (NEWSLETTER, VALUABLE):
        house.wants(segment, f"{segment}-ann", f"{segment}-ben")
        house.run(ACCOUNT, segment)
        house.run(OTHER, segment)
    house.goes_away()
    assert house.reconciled() == set()
    fakes.publish_suppressions(house.lake, [("email", fakes.digest(f"{NEWSLETTER}-ann@example.com"))])
    assert house.reconciled() == {f"{ACCOUNT}/{NEWSLETTER}", f"{OTHER}/{NEWSLETTER}", f"{OTHER}/{VALUABLE}"}


def test_an_outage_is_told_once_and_so_is_its_end(house: Watched) -> None:
    assert house.alerted() == []
    house.goes_away()
    assert house.alerted() == house.alerted() == [f"meta/{ACCOUNT} does not answer"]
    breaker = house.breaker
    house.now += 60
    breaker.enter(is_first=True)
    breaker.answered()
    house.alerted()
    assert house.alerted() == [f"meta/{ACCOUNT} does not answer", f"meta/{ACCOUNT} answers again"]


def test_no_run_is_started_for_an_account_that_asked_for_rest_until_that_is_over(house: Watched) -> None:
    for segment in (NEWSLETTER, VALUABLE):
        house.wants(segment, "ann", "ben")
    house.asks_for_rest(3_600)
    assert house.reconciled() == {f"{OTHER}/{NEWSLETTER}", f"{OTHER}/{VALUABLE}"}
    house.now += 3_599
    assert not {f"{ACCOUNT}/{NEWSLETTER}", f"{ACCOUNT}/{VALUABLE}"} & house.reconciled()
    house.now += 1
    assert {f"{ACCOUNT}/{NEWSLETTER}", f"{ACCOUNT}/{VALUABLE}"} <= house.reconciled()


def test_an_opt_out_waits_for_the_moment_of_a_probe_and_not_for_the_end_of_a_rest(house: Watched) -> None:
    for segment in (NEWSLETTER, VALUABLE):
        house.wants(segment, f"{segment}-ann", f"{segment}-ben")
        house.run(ACCOUNT, segment)
        house.run(OTHER, segment)
    house.asks_for_rest(86_400)
    fakes.publish_suppressions(house.lake, [("email", fakes.digest(f"{NEWSLETTER}-ann@example.com"))])
    assert house.reconciled() == {f"{OTHER}/{NEWSLETTER}", f"{OTHER}/{VALUABLE}"}
    house.now += Tolerance().longest
    assert {pair for pair in house.reconciled() if pair.startswith(ACCOUNT)} == {f"{ACCOUNT}/{NEWSLETTER}"}


def test_a_rest_is_said_plainly_and_alerts_nobody(
    house: Watched, monkeypatch: pytest.MonkeyPatch, instance: dg.DagsterInstance
) -> None:
    write_plan(house.folder / "plan.yaml", two_accounts)
    monkeypatch.setenv("SEGMENT_ASSETS_HOME", str(house.folder))
    monkeypatch.setenv("SEGMENT_ASSETS_PLAN", str(house.folder / "plan.yaml"))
    house.asks_for_rest(3_600)
    until = dt.datetime.fromtimestamp(house.breaker.look().rest_until, dt.UTC).strftime("%Y-%m-%d %H:%M")
    assert house.alerted() == []
    resources = house.resources | {"alerts": Alerts(house.folder / "alerts")}
    definitions = build_definitions(Deployment(Kind.LOCAL, house.folder, house.folder / "plan.yaml"), resources)
    sensor = definitions.get_repository_def().get_sensor_def("platform_health")
    with dg.build_sensor_context(instance=instance, definitions=definitions, resources=resources) as context:
        assert sensor.evaluate_tick(context).skip_message == f"{ACCOUNT} asked for rest until {until} UTC"
    said = " ".join(CliRunner().invoke(main, ["status"], env={"COLUMNS": "240"}).output.split())
    assert f"meta/{ACCOUNT} asked for rest until {until} UTC; opt-outs may be sent there" in said
    assert f"{OTHER} asked" not in said
    assert "does not answer" not in said


def test_status_shows_an_account_that_is_away_and_what_the_platform_counts(
    house: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_plan(house.folder / "plan.yaml", two_accounts)
    monkeypatch.setenv("SEGMENT_ASSETS_HOME", str(house.folder))
    monkeypatch.setenv("SEGMENT_ASSETS_PLAN", str(house.folder / "plan.yaml"))
    house.wants(NEWSLETTER, "ann", "ben")
    house.run(ACCOUNT, NEWSLETTER)
    house.counted()
    house.goes_away()
    said = " ".join(CliRunner().invoke(main, ["status"], env={"COLUMNS": "240"}).output.split())
    assert f"meta/{ACCOUNT} does not answer (503)" in said
    assert "ready 0-1,000" in said
    assert OTHER in said
    assert f"{OTHER} does not answer" not in said


def test_an_audience_is_asked_about_after_a_delivery_and_then_a_few_times_a_day(house: Watched) -> None:
    house.wants(NEWSLETTER, "ann", "ben")
    assert house.counted()["asset_events"] == []
    house.run(ACCOUNT, NEWSLETTER)
    house.now += 1
    event, table = house.counted()["asset_events"]
    assert table.asset_key == dg.AssetKey(["ledger", "audience_sizes"])
    assert (event.partition, event.metadata["state"].value, event.metadata["is_ready"].value) == (
        NEWSLETTER,
        "ready",
        True,
    )
    assert house.counted()["asset_events"] == []
    house.now += LOOK_AGAIN_SECONDS + 1
    house.meta.delivery_code, house.meta.lower, house.meta.upper = 300, -1, -1
    event, _ = house.counted()["asset_events"]
    assert event.metadata["is_ready"].value is False
    first, second = sizes_of(house.lake, PAIR)
    assert (first["state"], first["size_lower"], first["size_upper"], first["acknowledged"]) == ("ready", 0, 1000, 2)
    assert (second["state"], second["size_lower"], second["platform_code"]) == ("too_small", None, "300")


class Particular(MetaCustomAudiences):
    """Takes more than one call to tell a size, and has something to say about it."""

    def ask_size(self, transport: Transport, audience_id: str) -> SizeReport:
        return SizeReport(SizeState.UNKNOWN, None, None, "READY", f"make an audience of list {audience_id}")


class Full(Counting):
    """Its lists take one file, and have it."""

    def connect(self, statements: Any = None, **to_follow: bool) -> tuple[Any, Any]:
        made, transport = super().connect(statements, **to_follow)
        full = Limit(Counted.FILES, 1, "list", Kept.COUNTED, source="a page")
        contract = dataclasses.replace(made.contract, more_limits=(full,))
        return (Particular("1001", contract=contract) if to_follow else made), transport


def test_what_a_person_has_to_do_stands_with_the_size_before_the_platform_is_through(
    house: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.accounts = {**house.accounts, ACCOUNT: Full("1001")}
    house.wants(NEWSLETTER, "ann", "ben")
    house.run(ACCOUNT, NEWSLETTER)
    house.now += 1
    event, _ = house.counted()["asset_events"]
    warning = event.metadata["warning"].value
    assert warning == house.row()["warning"] == event.description
    assert warning.startswith("make an audience of list ")
    assert "the list has taken 1 of the 1 files that meta takes" in warning
    write_plan(house.folder / "plan.yaml", two_accounts)
    monkeypatch.setenv("SEGMENT_ASSETS_HOME", str(house.folder))
    monkeypatch.setenv("SEGMENT_ASSETS_PLAN", str(house.folder / "plan.yaml"))
    said = " ".join(CliRunner().invoke(main, ["status"], env={"COLUMNS": "240"}).output.split())
    assert f"{NEWSLETTER}]: make an audience of list " in said


def test_a_size_far_below_what_was_accepted_is_a_warning_once_the_platform_is_through(house: Watched) -> None:
    house.wants(NEWSLETTER, *(f"p{n}" for n in range(20)))
    house.run(ACCOUNT, NEWSLETTER)
    house.meta.lower, house.meta.upper = 1, 3
    house.now += 1
    house.counted()
    assert house.row()["warning"] == "", "the platform still matches"
    house.now += SETTLED_SECONDS
    assert "at most 3 of the 20 people" in house.counted()["told"][0]
    assert "at most 3 of the 20 people" in house.row()["warning"]


def test_a_size_that_falls_without_removals_is_a_warning_and_one_that_falls_with_them_is_not(house: Watched) -> None:
    house.wants(NEWSLETTER, *(f"p{n}" for n in range(20)))
    house.run(ACCOUNT, NEWSLETTER)
    seen = []
    for lower, upper in ((15, 16), (14, 15), (10, 11)):
        house.now += SETTLED_SECONDS
        house.meta.lower, house.meta.upper = lower, upper
        house.counted()
        seen.append(house.row()["warning"][:25])
    assert seen == ["", "", "the platform's count fell"]
    house.wants(NEWSLETTER, *(f"p{n}" for n in range(14)))
    house.run(ACCOUNT, NEWSLETTER)
    house.now += SETTLED_SECONDS
    house.counted()
    assert (house.row()["acknowledged"], house.row()["warning"]) == (14, "")


def away() -> Response:
    raise TransientError("meta: no answer (ConnectError)")


def test_trouble_with_one_audience_leaves_no_row_and_the_next_is_asked(house: Watched) -> None:
    for segment in (NEWSLETTER, VALUABLE):
        house.wants(segment, "ann")
        house.run(ACCOUNT, segment)
    house.now += 1
    house.meta.trouble[VALUABLE] = away
    told = house.counted()
    assert told["told"] == [f"{VALUABLE}: meta: no answer (ConnectError)"]
    assert [event.partition for event in told["asset_events"] if event.partition] == [NEWSLETTER]
    assert sizes_of(house.lake, f"meta/1001/{VALUABLE}") == []


def test_sizes_of_an_account_that_is_away_are_not_asked_for(house: Watched) -> None:
    house.wants(NEWSLETTER, "ann")
    house.run(ACCOUNT, NEWSLETTER)
    house.now += 1
    house.goes_away()
    assert house.counted()["told"] == [f"{ACCOUNT} does not answer; its sizes are asked for later"]
    assert house.meta.asked("size") == []


def test_sizes_of_an_account_that_asked_for_rest_are_not_asked_for(house: Watched) -> None:
    house.wants(NEWSLETTER, "ann")
    house.run(ACCOUNT, NEWSLETTER)
    house.now += 1
    house.asks_for_rest(3_600)
    (told,) = house.counted()["told"]
    assert told.startswith(f"{ACCOUNT} asked for rest until ")
    assert house.meta.asked("size") == []


class TestLogins:
    """LinkedIn's refresh token ends after a year whatever is done with it, and no answer of LinkedIn's says when."""

    @pytest.fixture
    def told(self, plan: Plan, tmp_path: Path) -> Any:
        secrets, alerts = LocalSecrets(tmp_path / "secrets"), Alerts(tmp_path / "alerts")
        kept = DestinationAccount(destination="linkedin", account="5123", secrets_home=str(tmp_path / "secrets"))
        accounts = {
            name: account.model_copy(update={"destination": "linkedin", "account": "5123"} if name == OTHER else {})
            for name, account in plan.accounts.items()
        }
        theirs = plan.model_copy(update={"accounts": accounts})

        def on(day: str, **secret: str) -> list[str]:
            secrets.replace("linkedin.5123", secret, secrets.read("linkedin.5123").version)
            before = len(said(tmp_path))
            assert tell_of_logins(theirs, {OTHER: kept}, alerts, dt.date.fromisoformat(day)) == []
            return said(tmp_path)[before:]

        return on

    def test_a_login_that_cannot_be_read_is_told_once_a_day(self, plan, tmp_path):
        (tmp_path / "secrets").mkdir()
        (tmp_path / "secrets" / "linkedin.5123.json").write_text("no json, s3cr3t")
        kept = DestinationAccount(destination="linkedin", account="5123", secrets_home=str(tmp_path / "secrets"))
        linkedin = {OTHER: plan.accounts[OTHER].model_copy(update={"destination": "linkedin", "account": "5123"})}
        theirs, alerts = plan.model_copy(update={"accounts": linkedin}), Alerts(tmp_path / "alerts")
        for day in (1, 1, 2):
            assert tell_of_logins(theirs, {OTHER: kept}, alerts, dt.date(2026, 11, day)) == []
        first, second = said(tmp_path)
        assert "linkedin/lumen_us cannot be read" in first
        assert "s3cr3t" not in first + second

    def test_a_login_is_read_through_its_own_account_and_never_with_the_rights_to_the_tenant_s_key(self, plan):
        linkedin = {OTHER: plan.accounts[OTHER].model_copy(update={"destination": "linkedin", "account": "5123"})}
        sensor = account_health.build(plan.model_copy(update={"accounts": linkedin}))
        assert resource_name(OTHER) in sensor.required_resource_keys
        assert "secrets" not in sensor.required_resource_keys

    def test_people_are_told_a_month_a_week_and_a_day_before_each_once_and_when_it_is_over(self, told):
        held = {"refresh_token": "r", "authorised_on": "2025-12-01"}
        days = ["2026-10-31", "2026-11-01", "2026-11-02", "2026-11-24", "2026-11-30", "2026-12-01", "2026-12-05"]
        assert [len(told(day, **held)) for day in days] == [0, 1, 0, 1, 1, 1, 0]
        (again,) = told("2027-11-15", **held | {"authorised_on": "2026-11-29"})
        assert "ends on 2027-11-29" in again
        assert "linkedin/lumen_us" in again

    def test_a_day_that_nobody_wrote_down_is_asked_for_once(self, told):
        (said,) = told("2026-11-01", refresh_token="r")
        assert "authorised_on" in said
        assert told("2026-11-02", refresh_token="r") == []

    def test_a_token_without_a_refresh_token_is_not_renewed_and_has_no_such_end(self, told):
        assert told("2026-11-01", access_token="t") == []


def said(folder: Path) -> list[str]:
    """The lines of the alerts' own file."""
    file = folder / "alerts" / "alerts.jsonl"
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []
