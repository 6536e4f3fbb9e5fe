"""The doctor on a deployment over HTTP: nothing is wrong with a good one, and each planted fault is named."""

from __future__ import annotations

import dataclasses
import json
import os
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from click.testing import CliRunner

from segment_assets import collaboration
from segment_assets.aws_settings import PREFIX
from segment_assets.cli import main
from segment_assets.deployment import Deployment, Kind
from segment_assets.doctor import Finding, Level
from segment_assets.doctor.aws import AwsDoctor
from segment_assets.doctor.local import judge_alerts
from segment_assets.plan import default_plan
from segment_assets.sandbox.aws.clean_rooms import app as clean_rooms_app
from segment_assets.sandbox.aws.clean_rooms.service import CleanRooms
from segment_assets_tests.aws.deployed import (
    BLOCKED,
    OWN_TABLES,
    PLAN,
    Account,
    forget_clients,
    in_environment,
    set_up,
    settings_of,
)
from segment_assets_tests.aws.emulators import REGION, Emulator
from segment_assets_tests.aws.modelled import RefusalError, answering, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from segment_assets.sandbox.aws.clean_rooms.catalog import Catalog

pytestmark = pytest.mark.aws


@pytest.fixture(scope="module")
def catalog(ministack: Emulator) -> Iterator[Catalog]:
    """AWS on loopback for this module: its clients take seconds to make, and are kept."""
    room = CleanRooms(collaboration.document(), region=REGION)
    with (
        pytest.MonkeyPatch.context() as patch,
        clean_rooms_app.serving(clean_rooms_app.App(room)) as endpoint,
        # MiniStack takes seconds to say that it has no such service.
        served({"service-quotas": {"ListServiceQuotas": quotas}}) as of_quotas,
    ):
        for name in [name for name in os.environ if name.startswith(("AWS_", PREFIX))]:
            patch.delenv(name)
        for name, value in ministack.environment().items():
            patch.setenv(name, value)
        patch.setenv("AWS_ENDPOINT_URL_CLEANROOMS", endpoint)
        patch.setenv("AWS_ENDPOINT_URL_SERVICE_QUOTAS", of_quotas)
        forget_clients()
        yield room.catalog
        forget_clients()


@pytest.fixture
def account(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """A good deployment of its own, named in the environment."""
    made = set_up(f"doctor-{uuid.uuid4().hex[:8]}", catalog)
    in_environment(made.settings, monkeypatch)
    yield made
    catalog.changes, catalog.membership_changes = {}, {}


def quotas(params: dict[str, Any]) -> dict[str, Any]:
    if params["ServiceCode"] != "cleanrooms":
        raise RefusalError("NoSuchResourceException")
    told = {"Concurrent queries per membership": 5.0, "Collaborations per account": 10.0}
    return {"Quotas": [{"QuotaName": name, "Value": value} for name, value in told.items()]}


def doctor(*options: str) -> tuple[int, list[Finding], str]:
    """Exit code, findings, and everything that was printed. No platform is asked: these are real addresses."""
    told = CliRunner().invoke(main, ["doctor", "--json", "--without-platforms", *options])
    findings = [Finding(**finding | {"level": Level(finding["level"])}) for finding in json.loads(told.stdout)]
    return told.exit_code, findings, told.output


def of_level(findings: list[Finding], level: Level) -> set[tuple[str, str, str]]:
    return {(finding.area, finding.subject, finding.code) for finding in findings if finding.level is level}


def test_nothing_is_wrong_with_a_good_deployment_and_the_probe_is_gone(account: Account) -> None:
    code, findings, output = doctor()
    assert of_level(findings, Level.WRONG) == of_level(findings, Level.ADVICE) == set()
    assert of_level(findings, Level.UNKNOWN) == {("quotas", "athena", "quotas")}
    (quota,) = [finding for finding in findings if (finding.area, finding.subject) == ("quotas", "cleanrooms")]
    assert quota.said == "Concurrent queries per membership: 5"
    assert code == 0
    assert "s3cr3t-value" not in output
    assert account.client("s3").list_objects_v2(Bucket=f"{account.name}-lake")["KeyCount"] == 0
    areas = {
        "plan",
        "alerts",
        "credentials",
        "kms",
        "s3",
        "sqs",
        "glue",
        "athena",
        "clean rooms",
        "secrets",
        "accounts",
        "quotas",
    }
    assert {finding.area for finding in findings} == areas


def break_everything(account: Account, monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, str, str]]:
    """Plant the faults and say how each has to be named: area, subject, code."""
    name, s3, sqs = account.name, account.client("s3"), account.client("sqs")
    s3.put_public_access_block(
        Bucket=f"{name}-landing", PublicAccessBlockConfiguration=BLOCKED | {"IgnorePublicAcls": False}
    )
    s3.put_bucket_notification_configuration(Bucket=f"{name}-landing", NotificationConfiguration={})
    s3.delete_bucket(Bucket=f"{name}-pages")
    aes = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
    s3.put_bucket_encryption(Bucket=f"{name}-results", ServerSideEncryptionConfiguration=aes)
    account.client("kms").disable_key(KeyId=account.settings.kms_key)
    sqs.set_queue_attributes(QueueUrl=account.settings.landing_queue, Attributes={"RedrivePolicy": ""})
    account.client("events").remove_targets(Rule=name, Ids=["queue"])
    monkeypatch.setenv(f"{PREFIX}LAKE_DATABASE", "nowhere")
    glue, database = account.client("glue"), account.settings.account_database
    columns = [{"Name": column.name, "Type": column.type.value} for column in OWN_TABLES[1].columns[1:]]
    storage = {"Columns": columns, "Location": f"s3://{name}-results/conversions/"}
    glue.update_table(DatabaseName=database, TableInput={"Name": "conversions", "StorageDescriptor": storage})
    glue.delete_table(DatabaseName=database, Name="opt_outs")
    account.client("athena").update_work_group(
        WorkGroup=name, ConfigurationUpdates={"ResultConfigurationUpdates": {"RemoveOutputLocation": True}}
    )
    account.catalog.membership_changes = {"memberAbilities": ["CAN_QUERY"]}
    not_ready = {"status": "NOT_READY", "analysisType": "DIRECT_ANALYSIS", "configurations": []}
    not_ready["reasons"] = [{"code": "ANALYSIS_RULE_MISSING", "message": "x"}]
    account.catalog.changes = {"impressions": {"schemaStatusDetails": [not_ready]}, "customers": None}
    secrets = account.client("secretsmanager")
    secrets.put_secret_value(
        SecretId=account.secret("meta"), SecretString=json.dumps({"refresh_token": "s3cr3t-value", "client_id": "x"})
    )
    secrets.delete_secret(SecretId=account.secret("google"), ForceDeleteWithoutRecovery=True)
    return {
        ("s3", f"{name}-landing", "public_access"),
        ("s3", f"{name}-landing", "events_off"),
        ("s3", f"{name}-pages", "bucket_missing"),
        ("s3", f"{name}-results", "encryption_key"),
        ("kms", "key", "key_disabled"),
        ("sqs", "landing queue", "no_dead_letters"),
        ("sqs", "landing queue", "no_rule"),
        ("glue", "nowhere", "database_missing"),
        ("glue", f"{database}.conversions", "columns_missing"),
        ("glue", f"{database}.conversions", "results_beside_sources"),
        ("glue", f"{database}.opt_outs", "table_missing"),
        ("athena", name, "no_output"),
        ("clean rooms", "membership", "ability_can_receive_results"),
        ("clean rooms", "table impressions", "schema"),
        ("clean rooms", "table customers", "schema"),
        ("accounts", "lumen_eu", "secret_fields"),
        ("accounts", "lumen_ads", "secret_missing"),
    }


def test_each_planted_fault_is_named_with_what_to_do_and_no_other(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = break_everything(account, monkeypatch)
    code, findings, output = doctor()
    assert of_level(findings, Level.WRONG) == planted
    assert len(planted) >= 10
    assert code == 1
    assert all(finding.said and finding.action for finding in findings if finding.level is Level.WRONG)
    assert "s3cr3t-value" not in output
    table = CliRunner().invoke(main, ["doctor", "--without-platforms"])
    assert table.exit_code == 1
    assert f"{len(planted)} wrong" in table.output
    assert "ANALYSIS_RULE_MISSING" in table.output
    assert f"there is no secret {account.secret('google')}" in {finding.said for finding in findings}


def test_a_platform_is_asked_on_the_way_of_a_run_once(
    account: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    document = yaml.safe_load(default_plan().read_text(encoding="utf-8"))
    document["accounts"] = {"lumen_eu": document["accounts"]["lumen_eu"]}
    document["activations"] = [one for one in document["activations"] if one["account"] == "lumen_eu"]
    document.pop("matrices", None)
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    monkeypatch.setenv(f"{PREFIX}PLAN", str(tmp_path / "plan.yaml"))
    with answering(200, b'{"data": []}') as (endpoint, asked):
        monkeypatch.setenv(f"{PREFIX}ENDPOINTS", json.dumps({"meta": endpoint}))
        told = CliRunner().invoke(main, ["doctor", "--all"])
    assert told.exit_code == 0, told.output
    assert "the platform takes its token" in told.output
    assert asked == ["GET"]
    assert account.name in told.output


def test_a_deployment_in_which_nobody_is_told_of_failures_is_advised_to_tell_somebody(tmp_path: Path) -> None:
    quiet = Deployment(Kind.AWS, tmp_path, aws=settings_of("nobody"))
    (finding,) = judge_alerts(quiet)
    assert (finding.level, finding.code) == (Level.ADVICE, "nobody_told")
    for told in ({"webhook": "https://hooks.example/x"}, {"mail": ("mail.example", "", "ops@x.example")}):
        (finding,) = judge_alerts(dataclasses.replace(quiet, **told))
        assert finding.level is Level.OK


@pytest.mark.usefixtures("catalog")
def test_without_credentials_there_is_one_finding_and_no_other_call(monkeypatch: pytest.MonkeyPatch) -> None:
    # A Region whose clients nobody has made yet.
    in_environment(dataclasses.replace(settings_of("nobody"), region="eu-north-1"), monkeypatch)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/nonexistent")
    code, findings, _ = doctor()
    assert code == 1
    (wrong,) = [finding for finding in findings if finding.level is Level.WRONG]
    assert (wrong.area, wrong.action) == ("credentials", "give this deployment a role or a profile")
    assert not any(finding.area == "s3" for finding in findings)


@pytest.mark.usefixtures("catalog")
@pytest.mark.parametrize("seconds", [600, -600])
def test_a_clock_that_is_minutes_off_is_named_and_the_rest_is_looked_at(seconds: float) -> None:
    off = AwsDoctor(settings_of("nobody"), PLAN, clock=lambda: time.time() + seconds)
    findings = off.findings()
    assert ("credentials", "clock", "clock_skew") in of_level(findings, Level.WRONG)
    assert ("s3", "nobody-lake", "bucket_missing") in of_level(findings, Level.WRONG)


def test_a_local_deployment_is_looked_at_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv(f"{PREFIX}HOME", str(tmp_path / "home"))
    code, findings, _ = doctor()
    assert code == 0
    off = ("sandbox", "platforms", "sandbox_off")
    assert of_level(findings, Level.ADVICE) == {("home", "folder", "nothing_made"), off}
    (tmp_path / "home" / "lake").mkdir()
    assert of_level(doctor()[1], Level.ADVICE) == {off}
    (tmp_path / "file").write_text("")
    (tmp_path / "plan.yaml").write_text("tenant: x\n")
    monkeypatch.setenv(f"{PREFIX}HOME", str(tmp_path / "file"))
    monkeypatch.setenv(f"{PREFIX}PLAN", str(tmp_path / "plan.yaml"))
    code, findings, _ = doctor()
    assert code == 1
    assert {finding.area for finding in findings if finding.level is Level.WRONG} == {"plan", "home"}


def test_variables_that_are_missing_are_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv(f"{PREFIX}WORLD", "aws")
    code, findings, _ = doctor()
    assert code == 1
    assert of_level(findings, Level.WRONG) == {("settings", "environment", "settings")}
    assert f"{PREFIX}LAKE is missing" in findings[0].said
