"""A good deployment in an AWS account on loopback, for tests that break it.

Belongs here: what an account has before the doctor looks at it. Not here: the faults, any expectation.
"""

from __future__ import annotations

import dataclasses
import json
import uuid
from typing import TYPE_CHECKING, Any

from segment_assets.aws_settings import PREFIX, AwsSettings
from segment_assets.destinations import registry
from segment_assets.plan import load_plan
from segment_assets.resources.aws import session as sessions
from segment_assets.resources.aws.session import AwsSession
from segment_assets.tables import CONVERSIONS, CUSTOMERS, OPT_OUTS, Type
from segment_assets_tests.aws.emulators import REGION

if TYPE_CHECKING:
    import pytest

    from segment_assets.contracts import Contract
    from segment_assets.sandbox.aws.clean_rooms.catalog import Catalog

OWN_TABLES = (CUSTOMERS, CONVERSIONS, OPT_OUTS)
BLOCKED = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
PLAN = load_plan()
GLUE = {Type.DIGEST: "binary"}


@dataclasses.dataclass
class Account:
    """An AWS account with everything that a deployment needs, and the handles by which a test breaks it."""

    name: str
    session: AwsSession
    settings: AwsSettings
    catalog: Catalog

    def client(self, service: str) -> Any:
        return self.session.client(service)

    def secret(self, destination: str) -> str:
        account = next(a for a in PLAN.accounts.values() if a.destination == destination)
        return f"{self.name}/{destination}.{account.account}"


def forget_clients() -> None:
    sessions._client.cache_clear()
    sessions._boto_session.cache_clear()


def settings_of(name: str, **more: str) -> AwsSettings:
    return AwsSettings(
        region=REGION,
        lake=f"s3://{name}-lake/prod",
        landing=f"s3://{name}-landing/drop",
        clean_room_results=f"s3://{name}-results/queries",
        dashboards=f"s3://{name}-pages/pages",
        lake_database=f"{name}_lake".replace("-", "_"),
        account_database=f"{name}_account".replace("-", "_"),
        workgroup=name,
        secrets_prefix=name,
        role_audience="arn:aws:iam::000000000000:role/audience",
        **{"membership": str(uuid.uuid4()), **more},
    )


def in_environment(settings: AwsSettings, patch: pytest.MonkeyPatch) -> None:
    patch.setenv(f"{PREFIX}WORLD", "aws")
    patch.setenv(f"{PREFIX}ALERT_WEBHOOK", "https://hooks.example/nobody")
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if isinstance(value, str) and value:
            patch.setenv(f"{PREFIX}{field.name.upper()}", value)


def set_up(name: str, catalog: Catalog) -> Account:
    session = AwsSession(REGION)
    key = session.client("kms").create_key()["KeyMetadata"]["Arn"]
    queue = make_queue(session, name)
    settings = settings_of(name, landing_queue=queue, kms_key=key, membership=catalog.membership)
    for bucket in ("lake", "landing", "results", "pages", "accounts"):
        make_bucket(session.client("s3"), f"{name}-{bucket}", key)
    session.client("s3").put_bucket_notification_configuration(
        Bucket=f"{name}-landing", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    make_catalogue(session.client("glue"), settings, f"s3://{name}-accounts")
    group = {
        "ResultConfiguration": {"OutputLocation": f"s3://{name}-lake/athena/"},
        "BytesScannedCutoffPerQuery": 10**12,
        "EnforceWorkGroupConfiguration": True,
    }
    session.client("athena").create_work_group(Name=name, Configuration=group)
    made = Account(name, session, settings, catalog)
    secrets = session.client("secretsmanager")
    secrets.create_secret(Name=f"{name}/{PLAN.tenant}.key", SecretString="ab" * 32)
    for destination, contract in registry().items():
        if destination in {one.destination for one in PLAN.accounts.values()} and not contract.signed_for:
            secrets.create_secret(Name=made.secret(destination), SecretString=json.dumps(fields(contract)))
    return made


def fields(contract: Contract) -> dict[str, str]:
    names = [
        "access_token",
        "refresh_token",
        "token_url",
        "client_id",
        "client_secret",
        *contract.secret_headers.values(),
    ]
    return dict.fromkeys([*names, "identity_map_key", "identity_map_secret"], "s3cr3t-value")


def make_queue(session: AwsSession, name: str) -> str:
    sqs, events = session.client("sqs"), session.client("events")
    dead = sqs.create_queue(QueueName=f"{name}-dead", Attributes={"MessageRetentionPeriod": "1209600"})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "5"})
    attributes = {"RedrivePolicy": policy, "SqsManagedSseEnabled": "true"}
    url: str = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    events.put_rule(Name=name, EventPattern=json.dumps({"source": ["aws.s3"]}))
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn.removesuffix("-dead")}])
    return url


def make_bucket(s3: Any, name: str, key: str) -> None:
    s3.create_bucket(Bucket=name)
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=BLOCKED)
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    rules = {"Rules": [{"ApplyServerSideEncryptionByDefault": default}]}
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration=rules)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    rule = {"ID": "all", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 30}}
    rule["NoncurrentVersionExpiration"] = {"NoncurrentDays": 7}
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [rule]})
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{name}/*"}
    deny["Condition"] = {"Bool": {"aws:SecureTransport": "false"}}
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))


def make_catalogue(glue: Any, settings: AwsSettings, where: str) -> None:
    for database in (settings.lake_database, settings.account_database):
        glue.create_database(DatabaseInput={"Name": database})
    for table in OWN_TABLES:
        columns = [{"Name": c.name, "Type": GLUE.get(c.type, c.type.value)} for c in table.columns]
        storage = {"Columns": columns, "Location": f"{where}/{table.name}/"}
        glue.create_table(
            DatabaseName=settings.account_database, TableInput={"Name": table.name, "StorageDescriptor": storage}
        )
