"""The road's own classes with the duties' roles, under MiniStack's enforcement of IAM.

MiniStack asks IAM for S3, SQS, Secrets Manager, EventBridge and STS as AWS would, as far as was tried. It does not for
Glue and Athena (they want every resource), does not know Clean Rooms, and asks nothing for KMS when an object is read:
for these the policies are checked statically only (test_iam), and by its simulation of action and resource.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from segment_assets.aws_settings import AwsSettings
from segment_assets.contracts import NeedsHumanError
from segment_assets.deployment import Deployment, Kind
from segment_assets.iam import documents
from segment_assets.iam.site import Site
from segment_assets.resources.aws.clean_rooms import AwsCleanRoom
from segment_assets.resources.aws.lake import S3Lake
from segment_assets.resources.aws.landing import S3Landing
from segment_assets.resources.aws.pages import S3Pages
from segment_assets.resources.aws.queue import EventQueue
from segment_assets.resources.aws.secrets import AwsSecrets
from segment_assets.resources.aws.session import AwsSession
from segment_assets.resources.stores import Stores
from segment_assets.tables import HASHED_AUDIENCE
from segment_assets.worlds import aws
from segment_assets_tests.aws.emulators import started_ministack
from segment_assets_tests.deploy.sites import ACCOUNT, environment, plan

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.aws, pytest.mark.slow]

HERE = "000000000000"
BUCKETS = ("lumen-lake", "lumen-landing", "lumen-clean-room-results", "lumen-dashboards", "lumen-own", "a-strangers")


@dataclasses.dataclass(frozen=True)
class Account:
    """An account in which the example is set up, without its key: MiniStack's S3 has ideas of its own about it."""

    site: Site
    root: Any
    home: Path

    def session(self, duty: str, name: str = "") -> AwsSession:
        return AwsSession(self.site.settings.region, self.site.settings.roles[duty], duty=name or duty)

    def resources(self) -> dict[str, Any]:
        return aws.resources(Deployment(Kind.AWS, self.home, aws=self.site.settings))


@pytest.fixture(scope="module")
def account(tmp_path_factory):
    told = {name: value.replace(ACCOUNT, HERE) for name, value in environment().items() if "KMS_KEY" not in name}
    with started_ministack(AUTH="true") as emulator, pytest.MonkeyPatch.context() as patch:
        for name, value in emulator.environment().items():
            patch.setenv(name, value)
        queue = told["SEGMENT_ASSETS_LANDING_QUEUE"]
        root = boto3.Session(region_name=told["SEGMENT_ASSETS_REGION"])
        # A queue of MiniStack has its address on it.
        sqs = root.client("sqs")
        dead = sqs.create_queue(QueueName=f"{queue.rpartition('/')[2]}-dead")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
        made = sqs.create_queue(QueueName=queue.rpartition("/")[2], Attributes={"RedrivePolicy": redrive})
        told["SEGMENT_ASSETS_LANDING_QUEUE"] = made["QueueUrl"]
        site = Site(
            account=HERE,
            settings=AwsSettings.from_env(told),
            plan=plan(),
            runtime=f"arn:aws:iam::{HERE}:role/segment-assets-runtime",
            account_data=("s3://lumen-own/crm",),
        )
        for bucket in BUCKETS:
            root.client("s3").create_bucket(
                Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": site.settings.region}
            )
        root.client("events").create_event_bus(Name=site.settings.event_bus)
        _roles(root.client("iam"), site)
        runtime = root.client("sts").assume_role(RoleArn=site.runtime, RoleSessionName="task")["Credentials"]
        patch.setenv("AWS_ACCESS_KEY_ID", runtime["AccessKeyId"])
        patch.setenv("AWS_SECRET_ACCESS_KEY", runtime["SecretAccessKey"])
        patch.setenv("AWS_SESSION_TOKEN", runtime["SessionToken"])
        yield Account(site, root, tmp_path_factory.mktemp("home"))


def _roles(iam: Any, site: Site) -> None:
    made = documents(site)
    by_root = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{HERE}:root"}, "Action": "sts:AssumeRole"}
    trust = {"Version": "2012-10-17", "Statement": [by_root]}
    for role, trusted, policy in [
        ("runtime", trust, made["policy-runtime.json"]),
        *((duty, made[f"trust-{duty}.json"], made[f"policy-{duty}.json"]) for duty in site.settings.roles),
    ]:
        name = f"segment-assets-{role}"
        # For a batch AWS asks for DeleteMessage, and MiniStack for the name of the call.
        text = json.dumps(policy).replace('"sqs:DeleteMessage"', '"sqs:DeleteMessage", "sqs:DeleteMessageBatch"')
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trusted))
        iam.put_role_policy(RoleName=name, PolicyName="duty", PolicyDocument=text)


def test_the_lake_is_written_and_read_with_the_audience_role(account):
    lake = S3Lake(account.session("audience"), account.site.settings.lake, workdir=account.home)

    assert lake.put_if_absent("ledger/a/1.json", b"{}")
    assert not lake.put_if_absent("ledger/a/1.json", b"[]")
    assert lake.get("ledger/a/1.json") == b"{}"
    assert lake.get("ledger/a/2.json") is None
    assert lake.keys("ledger/a") == ["ledger/a/1.json"]
    assert lake.partitions("hashed_audience") == []


@pytest.mark.parametrize("duty", ["collaboration", "delivery", "insight"])
def test_no_other_role_writes_into_the_ledger(account, duty):
    lake = S3Lake(account.session(duty), account.site.settings.lake, workdir=account.home)

    with pytest.raises(NeedsHumanError, match="AccessDenied"):
        lake.put_if_absent("ledger/b/1.json", b"{}")


def test_the_delivery_role_keeps_the_state_of_accounts_in_the_lake(account):
    told = account.site.settings
    lake = Stores(told.region, told.role_delivery).lake(told.lake)

    assert lake.keys("platform_accounts/meta/1/health") == []
    assert lake.put_if_absent("platform_accounts/meta/1/health/000000001.json", b"{}")
    assert lake.get("platform_accounts/meta/1/health/000000002.json") is None
    assert lake.keys("platform_accounts/meta/1/health") == ["platform_accounts/meta/1/health/000000001.json"]
    with pytest.raises(NeedsHumanError, match="AccessDenied"):
        lake.get("ledger/a/1.json")
    with pytest.raises(NeedsHumanError, match="AccessDenied"):
        lake.keys("ledger/a")


def test_landing_files_are_read_with_the_audience_role_and_with_no_other(account):
    uri = account.site.settings.landing
    account.root.client("s3").put_object(Bucket="lumen-landing", Key="prod/segments/news/a.csv", Body=b"email\n")
    landing = S3Landing(account.session("audience"), uri, account.home)

    assert landing.segments() == ["news"]
    with landing.fetched("news") as files:
        assert [file.read_bytes() for file in files] == [b"email\n"]
    with pytest.raises(NeedsHumanError, match="AccessDenied"):
        S3Landing(account.session("delivery"), uri, account.home).segments()


def test_pages_are_put_with_the_audience_role_and_with_no_other(account):
    uri = account.site.settings.dashboards

    assert S3Pages(account.session("audience"), uri).put("a.html", "x") == f"{uri}/a.html"
    with pytest.raises(NeedsHumanError, match="AccessDenied"):
        S3Pages(account.session("insight"), uri).put("a.html", "x")


def test_the_tenants_key_is_the_audience_roles_and_tokens_are_the_delivery_roles(account):
    told = account.site.settings
    keys, tokens = (AwsSecrets(account.session(duty), told.secrets_prefix) for duty in ("audience", "delivery"))
    secret = {"access_token": "a", "refresh_token": "b"}
    account.root.client("secretsmanager").create_secret(
        Name=f"{told.secrets_prefix}/meta.1001", SecretString=json.dumps(secret)
    )

    assert len(keys.tenant_key("lumen_shop")) == 32
    held = tokens.read("meta.1001")
    assert tokens.replace("meta.1001", {**held.values, "access_token": "c"}, held.version)
    assert tokens.read("meta.1001").values["access_token"] == "c"
    with pytest.raises(NeedsHumanError, match="AccessDenied"):
        tokens.tenant_key("lumen_shop")
    with pytest.raises(NeedsHumanError, match="AccessDenied"):
        keys.read("meta.1001")


def test_the_tenants_key_is_made_for_an_empty_lake_and_for_no_other(account):
    """A mistyped prefix names a key that is missing; a new one would draw every pseudonym and hold-out anew."""
    may_create = account.resources()["secrets"].may_create_key
    assert may_create()
    lake = S3Lake(account.session("audience"), account.site.settings.lake, workdir=account.home)
    writer = lake.writer(HASHED_AUDIENCE.name, "summer")
    writer.write(HASHED_AUDIENCE.arrow_schema().empty_table())
    writer.publish({})
    assert not may_create()


def test_what_was_told_is_kept_in_the_lake_with_the_audience_role(account):
    assert account.resources()["alerts"].is_new("run-1")
    account.resources()["alerts"].was_told("run-1")
    assert not account.resources()["alerts"].is_new("run-1")
    assert list((account.home / "alerts").glob("told/*")) == []


def test_events_of_the_landing_area_are_taken_off_the_queue_with_the_audience_role_only(account):
    url = account.site.settings.landing_queue
    account.root.client("sqs").send_message(QueueUrl=url, MessageBody="{}")
    queue = EventQueue(account.session("audience"), url, wait=0)

    for _, done in queue.receive():
        done()
    assert (queue.depth(), queue.dead()) == (0, 0)
    with pytest.raises(NeedsHumanError, match="AccessDenied"):
        EventQueue(account.session("collaboration"), url, wait=0).depth()


def test_the_bus_is_told_with_the_role_that_the_world_has_chosen_for_it(account):
    assert account.resources()["events"].put("segment_assets", "Audience Ready", {"segment": "news"})


def test_results_of_the_clean_room_are_read_with_the_collaboration_role(account):
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"customers": [7]})
    body = pa.BufferOutputStream()
    pq.write_table(table, body)
    key = "prod/query/part-00000.parquet"
    account.root.client("s3").put_object(Bucket="lumen-clean-room-results", Key=key, Body=body.getvalue().to_pybytes())
    told = account.site.settings
    room = AwsCleanRoom(account.session("collaboration"), told.membership, told.clean_room_results)

    (batch,) = room.read("s3://lumen-clean-room-results/prod/query/", table.schema)

    assert batch.to_pydict() == {"customers": [7]}


def test_a_bucket_of_a_stranger_is_out_of_reach_of_all(account):
    for duty in account.site.settings.roles:
        lake = S3Lake(account.session(duty), "s3://a-strangers/prod", workdir=account.home)
        with pytest.raises(NeedsHumanError, match="AccessDenied"):
            lake.put_if_absent("a", b"")


def test_a_role_is_refused_to_the_runtime_under_another_name(account):
    lake = S3Lake(account.session("audience", name="somebody"), account.site.settings.lake, workdir=account.home)

    with pytest.raises(NeedsHumanError, match="AccessDenied"):
        lake.get("ledger/a/1.json")


@pytest.mark.parametrize(
    ("duty", "action", "resource", "decision"),
    [
        ("collaboration", "cleanrooms:StartProtectedQuery", "cleanrooms:eu-central-1:{}:membership/11111111-2222-3333-4444-555555555555", "allowed"),
        ("collaboration", "cleanrooms:StartProtectedQuery", "cleanrooms:eu-central-1:{}:membership/99999999-2222-3333-4444-555555555555", "implicitDeny"),
        ("audience", "cleanrooms:StartProtectedQuery", "cleanrooms:eu-central-1:{}:membership/11111111-2222-3333-4444-555555555555", "implicitDeny"),
        ("audience", "glue:BatchUpdatePartition", "glue:eu-central-1:{}:table/lumen_lake/deliveries", "allowed"),
        ("audience", "glue:BatchUpdatePartition", "glue:eu-central-1:{}:table/lumen_own/customers", "implicitDeny"),
        ("insight", "athena:StartQueryExecution", "athena:eu-central-1:{}:workgroup/segment-assets", "allowed"),
        ("insight", "athena:StartQueryExecution", "athena:eu-central-1:{}:workgroup/primary", "implicitDeny"),
        ("insight", "glue:GetTable", "glue:eu-central-1:{}:table/somebodys/table", "implicitDeny"),
        ("delivery", "appflow:StartFlow", "appflow:eu-central-1:{}:flow/segment-assets-abc", "allowed"),
        ("delivery", "appflow:StartFlow", "appflow:eu-central-1:{}:flow/somebodys", "implicitDeny"),
        ("dashboards", "quicksight:UpdateDashboard", "quicksight:eu-central-1:{}:dashboard/segment-assets-lumen_shop-road", "allowed"),
        ("dashboards", "quicksight:UpdateDashboard", "quicksight:eu-central-1:{}:dashboard/somebodys", "implicitDeny"),
        ("insight", "quicksight:UpdateDashboard", "quicksight:eu-central-1:{}:dashboard/segment-assets-lumen_shop-road", "implicitDeny"),
    ],
)  # fmt: skip
def test_a_simulation_decides_as_the_duty_is_meant(account, duty, action, resource, decision):
    policy = json.dumps(documents(account.site)[f"policy-{duty}.json"])

    told = account.root.client("iam").simulate_custom_policy(
        PolicyInputList=[policy], ActionNames=[action], ResourceArns=[f"arn:aws:{resource.format(HERE)}"]
    )

    assert told["EvaluationResults"][0]["EvalDecision"] == decision
