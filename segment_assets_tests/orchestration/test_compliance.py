"""The deadline of opt-outs in Dagster: a check for every account, made by the clock, and people who are told."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import dagster as dg
import pytest

from segment_assets.compliance import JOB, LEDGER
from segment_assets.definitions import build_definitions
from segment_assets.delivery.errands import Errand
from segment_assets.delivery.guards import GuardRails
from segment_assets.delivery.ledger import Pair
from segment_assets.delivery.run import DeliveryRoom
from segment_assets.delivery.wanted import Wanted
from segment_assets.deployment import Deployment, Kind
from segment_assets.plan import load_plan
from segment_assets.resources.alerts import Alerts
from segment_assets.resources.lake import LocalLake
from segment_assets_tests.fakes import (
    CONTRACT,
    FakeDestination,
    FakePlatform,
    digest,
    person,
    publish_audience,
    publish_suppressions,
)

PLAN = load_plan()
ACCOUNT, SEGMENT = "lumen_eu", "newsletter_subscribers"


def delivered(lake: LocalLake, folder: Path) -> None:
    account = PLAN.accounts[ACCOUNT]
    pair = Pair(PLAN.tenant, account.destination, account.account, SEGMENT)
    errand = Errand(pair, Wanted(CONTRACT, CONTRACT.forms()), "seg", {}, GuardRails(1.0), b"key")
    audience = publish_audience(lake, SEGMENT, [person(name, email=f"{name}@x") for name in "abc"])
    DeliveryRoom(lake, FakeDestination(), FakePlatform(), workdir=folder).run(errand, audience, None)


@pytest.fixture
def job(tmp_path: Path):
    """Makes the checks and gives them by account. Alerts go to files."""
    lake, alerts = LocalLake(tmp_path / "lake"), Alerts(tmp_path / "alerts")
    delivered(lake, tmp_path / "work")
    definitions = build_definitions(
        Deployment(Kind.LOCAL, tmp_path / "home"), {"lake": lake, "alerts": alerts, "workdir": tmp_path / "work"}
    )

    def run() -> dict[str, dg.AssetCheckEvaluation]:
        with dg.DagsterInstance.ephemeral() as instance, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = definitions.resolve_job_def(JOB).execute_in_process(instance=instance)
        assert result.success
        found = {one.check_name: one for one in result.get_asset_check_evaluations()}
        assert {one.asset_key for one in found.values()} == {LEDGER}
        return {name: found[f"opt_outs_in_time_{name}"] for name in PLAN.accounts}

    run.lake, run.folder = lake, tmp_path
    return run


def told(folder: Path) -> list[dict]:
    file = folder / "alerts" / "alerts.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_every_account_has_a_check_that_passes_while_nobody_waits(job):
    found = job()
    assert all(one.passed for one in found.values())
    assert found[ACCOUNT].metadata["deadline_hours"].value == PLAN.opt_out_deadline_hours
    assert SEGMENT in found[ACCOUNT].metadata["pairs"].value
    assert told(job.folder) == []


def test_an_overdue_opt_out_fails_its_account_s_check_with_numbers_and_is_told_once_a_day(job):
    publish_suppressions(job.lake, [("email", digest("a@x")), ("email", digest("stranger@x"))])
    for _ in range(2):
        found = job()
        assert {name for name, one in found.items() if not one.passed} == {ACCOUNT}
    late = found[ACCOUNT]
    assert (late.metadata["overdue"].value, late.metadata["waiting"].value) == (1, 1)
    assert late.metadata["oldest_waiting_hours"].value > PLAN.opt_out_deadline_hours
    assert late.description.startswith("1 people opted out more than 24 hours ago")
    [alert] = told(job.folder)
    lines = [json.loads(line) for line in (job.folder / "alerts" / "metrics.jsonl").read_text().splitlines()]
    hours = late.metadata["oldest_waiting_hours"].value
    account = PLAN.accounts[ACCOUNT]
    latest = [line for line in lines if "opt_out_latency" in line][-1]
    assert latest["opt_out_latency"] == pytest.approx(hours * 3600)
    assert (latest["platform"], latest["account"]) == (account.destination, account.account)
    assert [line["opt_outs_overdue"] for line in lines if line["account"] == ACCOUNT] == [1, 1]
    assert ACCOUNT in alert["title"]
    shown = json.dumps([alert, late.description, *(str(value.value) for value in late.metadata.values())])
    assert not [name for name in ("a@x", digest("a@x").hex(), digest("id:a").hex()) if name in shown]


def test_the_clock_makes_the_checks_every_hour(tmp_path: Path) -> None:
    definitions = build_definitions(Deployment(Kind.LOCAL, tmp_path))
    schedule = definitions.get_repository_def().get_schedule_def(JOB)
    assert (schedule.cron_schedule, schedule.default_status.value) == ("0 * * * *", "RUNNING")
    assert schedule.job_name == JOB
