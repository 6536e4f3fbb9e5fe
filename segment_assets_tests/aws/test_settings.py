"""What a deployment in AWS is told: each variable once, wrong ones named and never quoted."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from segment_assets.aws_settings import AwsSettings
from segment_assets.contracts import NeedsHumanError, PermanentError
from segment_assets.deployment import Deployment, Kind
from segment_assets.plan import load_plan
from segment_assets.resources.aws_transport import AwsTransport
from segment_assets.resources.destination_account import DestinationAccount

GIVEN = {
    "SEGMENT_ASSETS_WORLD": "aws",
    "SEGMENT_ASSETS_REGION": "eu-central-1",
    "SEGMENT_ASSETS_LAKE": "s3://lumen-lake/prod",
    "SEGMENT_ASSETS_LANDING": "s3://lumen-landing",
    "SEGMENT_ASSETS_CLEAN_ROOM_RESULTS": "s3://lumen-results/clean-room",
    "SEGMENT_ASSETS_DASHBOARDS": "s3://lumen-pages",
    "SEGMENT_ASSETS_LAKE_DATABASE": "lumen_lake",
    "SEGMENT_ASSETS_ACCOUNT_DATABASE": "lumen_account",
    "SEGMENT_ASSETS_WORKGROUP": "insight",
    "SEGMENT_ASSETS_MEMBERSHIP": "8f2b6a1e-0f3d-4d3f-9b59-0a4f1f6d2c11",
    "SEGMENT_ASSETS_SECRETS_PREFIX": "segment-assets/prod",
}


def test_a_deployment_that_is_told_all_it_needs_makes_every_resource_without_asking_aws_anything() -> None:
    deployment = Deployment.from_env(GIVEN)
    assert deployment.kind is Kind.AWS
    local = Deployment.from_env({}).resources()
    assert set(deployment.resources()) == set(local)


def test_every_variable_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(PermanentError) as caught:
        Deployment.from_env({"SEGMENT_ASSETS_WORLD": "aws"})
    needed = [name for name, _, is_needed in AwsSettings.variables() if is_needed]
    assert len(needed) == len(GIVEN) - 1
    assert all(f"{name} is missing" in str(caught.value) for name in needed)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REGION", "Frankfurt"),
        ("LAKE", "https://lumen-lake.s3.amazonaws.com/"),
        ("LAKE", "s3://Lumen_Lake"),
        ("MEMBERSHIP", "arn:aws:cleanrooms:eu-central-1:111122223333:membership/x"),
        ("CLEAN_ROOM_TEMPLATES", "overlap=arn"),
        ("CLEAN_ROOM_TEMPLATES", '{"overlap": "not an arn"}'),
        ("CLEAN_ROOM_WORKER", "CR.2Xx4"),
        ("ROLE_DELIVERY", "delivery"),
        ("USD_PER_TB_SCANNED", "-1"),
        ("KMS_KEY", "my key"),
        ("LANDING_QUEUE", "our-own-queue"),
    ],
)
def test_a_value_without_its_form_is_refused_by_name_and_not_quoted(name: str, value: str) -> None:
    with pytest.raises(PermanentError) as caught:
        Deployment.from_env({**GIVEN, f"SEGMENT_ASSETS_{name}": value})
    assert f"SEGMENT_ASSETS_{name} has not its form" in str(caught.value)
    assert value not in str(caught.value)


def test_a_glue_job_needs_its_folder_and_its_wheel() -> None:
    with pytest.raises(PermanentError, match="GLUE_STAGING"):
        Deployment.from_env({**GIVEN, "SEGMENT_ASSETS_GLUE_JOB": "digest"})


def test_platforms_are_reached_at_their_own_address_and_aws_services_in_the_deployments_region() -> None:
    deployment = Deployment.from_env(GIVEN)
    assert deployment.account_settings("meta")["endpoint"] == "https://graph.facebook.com"
    assert deployment.account_settings("salesforce")["endpoint"] == "https://appflow.eu-central-1.amazonaws.com"
    named = {**GIVEN, "SEGMENT_ASSETS_ENDPOINTS": '{"meta": "https://proxy.example"}'}
    assert Deployment.from_env(named).account_settings("meta")["endpoint"] == "https://proxy.example"


AMAZON = {
    "amazon_ads": ("ENTITY1", {"country": "DE"}, {"country": "DE", "region": "fe"}),
    "amc": ("77", {"country": "DE"}, {"country": "DE", "region": "fe"}),
    "amc_data": (
        "amc1",
        {"amc_account": "E1", "country": "DE", "bucket": "our-bucket"},
        {"amc_account": "E1", "marketplace": "A1", "region": "fe", "bucket": "our-bucket"},
    ),
}


@pytest.mark.parametrize("destination", AMAZON)
def test_two_amazon_accounts_of_two_regions_ask_two_hosts(destination: str) -> None:
    deployment, (account, *settings) = Deployment.from_env(GIVEN), AMAZON[destination]
    hosts = [deployment.account_settings(destination, account, one)["endpoint"] for one in settings]
    assert hosts == ["https://advertising-api-eu.amazon.com", "https://advertising-api-fe.amazon.com"]
    assert deployment.account_settings(destination)["endpoint"] == "https://advertising-api.amazon.com"
    named = {**GIVEN, "SEGMENT_ASSETS_ENDPOINTS": json.dumps({destination: "https://proxy.example"})}
    told = Deployment.from_env(named).account_settings(destination, account, settings[0])
    assert (told["endpoint"], told["is_diverted"]) == ("https://proxy.example", True)


def test_a_wrong_setting_of_one_account_is_left_to_its_own_runs() -> None:
    told = Deployment.from_env(GIVEN).account_settings("amazon_ads", "ENTITY1", {"region": "mars"})
    assert told["endpoint"] == "https://advertising-api.amazon.com"


def test_an_address_in_the_place_of_a_platform_is_known_as_such_with_its_map_and_its_files() -> None:
    told = {"the_trade_desk": "https://desk", "the_trade_desk.identity_map": "https://map", "s3": "https://files"}
    named = Deployment.from_env({**GIVEN, "SEGMENT_ASSETS_ENDPOINTS": json.dumps(told)})
    desk, crm = named.account_settings("the_trade_desk"), named.account_settings("salesforce")
    assert (desk["is_diverted"], desk["identity_map"]) == (True, "https://map")
    assert (crm["is_diverted"], crm["identity_map"], crm["files_endpoint"]) == (False, "", "https://files")


@pytest.mark.parametrize(
    ("endpoints", "files"),
    [({}, None), ({"s3": "https://files"}, "https://files"), ({"salesforce": "https://crm"}, None)],
)
def test_files_of_a_flow_go_to_s3_itself_unless_another_address_is_named(
    monkeypatch: pytest.MonkeyPatch, endpoints: dict[str, str], files: str | None
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t")
    deployment = Deployment.from_env({**GIVEN, "SEGMENT_ASSETS_ENDPOINTS": json.dumps(endpoints)})
    account = next(one for one in load_plan().accounts.values() if one.destination == "salesforce")
    told = deployment.account_settings("salesforce") | {"lake_home": "", "role_arn": ""}
    made = DestinationAccount(
        destination="salesforce", account=account.account, settings=dict(account.settings), **told
    )
    _, transport = made.connect()
    assert isinstance(transport, AwsTransport)
    assert transport.endpoints.get("s3") == files


def test_code_of_a_branch_never_runs_in_the_aws_world() -> None:
    branch = {"DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT": "1"}
    assert Deployment.from_env(branch).kind is Kind.BRANCH
    with pytest.raises(PermanentError, match="branch deployment"):
        Deployment.from_env({**GIVEN, **branch})


def test_a_deployment_that_was_told_nothing_of_aws_says_what_to_set() -> None:
    with pytest.raises(NeedsHumanError, match="SEGMENT_ASSETS_WORLD=aws"):
        Deployment(Kind.AWS, Path("nowhere")).resources()


def test_variables_are_told_in_the_form_in_which_they_are_set() -> None:
    assert all(
        re.fullmatch(r"SEGMENT_ASSETS_[A-Z_]+", name) and meaning for name, meaning, _ in AwsSettings.variables()
    )
