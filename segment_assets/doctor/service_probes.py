"""Looking at SQS, EventBridge, Glue, Athena, STS and Service Quotas.

Belongs here: their calls. Not here: what is right (`services`), Clean Rooms (`aws.clean_rooms_preflight` looks there).
Tried against MiniStack, which has no Service Quotas; never against AWS.
"""

from __future__ import annotations

import email.utils
import json
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import SegmentAssetsError
from segment_assets.doctor.seeing import seen, there
from segment_assets.doctor.services import CatalogTable, Queue, WorkGroup
from segment_assets.resources.aws.errors import translated

if TYPE_CHECKING:
    from segment_assets.contracts import Clock
    from segment_assets.resources.aws.session import AwsSession

_NO_QUEUE = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
_NO_ENTITY = ("EntityNotFoundException",)
# Athena has one code for everything that is wrong with a call.
_NO_WORKGROUP = ("InvalidRequestException",)


def look_at_identity(session: AwsSession, clock: Clock) -> tuple[str, str, float | None]:
    """Account and ARN of who asks, and by how many seconds this machine's clock is ahead of AWS's, None untold."""
    with translated("AWS credentials"):
        told = session.client("sts").get_caller_identity()
    date = told["ResponseMetadata"]["HTTPHeaders"].get("date", "")
    ahead = clock() - email.utils.parsedate_to_datetime(date).timestamp() if date else None
    return told["Account"], told["Arn"], ahead


def look_at_queue(session: AwsSession, url: str) -> Queue | None:
    """None where there is no such queue."""
    client, what = session.client("sqs"), f"SQS queue {url.rpartition('/')[2]}"

    def attributes(of: str) -> dict[str, str] | None:
        answer = there(what, lambda: client.get_queue_attributes(QueueUrl=of, AttributeNames=["All"]), _NO_QUEUE)
        return None if answer is None else answer.get("Attributes", {})

    told = attributes(url)
    if told is None:
        return None
    redrive = json.loads(told.get("RedrivePolicy", "{}"))
    dead = _dead_letters(client, what, redrive.get("deadLetterTargetArn", ""), attributes)
    rules = seen(
        what,
        lambda: session.client("events").list_rule_names_by_target(TargetArn=told["QueueArn"])["RuleNames"],
    )
    return Queue(
        has_redrive=bool(redrive),
        max_receives=int(redrive.get("maxReceiveCount", 0)),
        dead_letters=-1 if dead is None else int(dead.get("ApproximateNumberOfMessages", 0)),
        keeps_seconds=int(told.get("MessageRetentionPeriod", 0)),
        dead_letters_keep_seconds=int((dead or {}).get("MessageRetentionPeriod", 0)),
        is_encrypted=told.get("SqsManagedSseEnabled") == "true" or bool(told.get("KmsMasterKeyId")),
        rules=rules,
    )


def _dead_letters(client: Any, what: str, arn: str, attributes: Any) -> dict[str, str] | None:
    if not arn:
        return None
    owner, name = arn.split(":")[4:6]
    found = there(what, lambda: client.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=owner), _NO_QUEUE)
    told: dict[str, str] | None = attributes(found["QueueUrl"]) if found else None
    return told


def look_at_workgroup(session: AwsSession, name: str) -> WorkGroup | None:
    """None where there is no such workgroup."""
    client = session.client("athena")
    told = there(f"Athena workgroup {name}", lambda: client.get_work_group(WorkGroup=name)["WorkGroup"], _NO_WORKGROUP)
    if told is None:
        return None
    configuration = told.get("Configuration", {})
    managed = configuration.get("ManagedQueryResultsConfiguration", {}).get("Enabled", False)
    output = configuration.get("ResultConfiguration", {}).get("OutputLocation", "")
    return WorkGroup(
        state=told.get("State", ""),
        output="managed by Athena" if managed else output,
        cutoff=configuration.get("BytesScannedCutoffPerQuery", 0),
        enforced=configuration.get("EnforceWorkGroupConfiguration", False),
        engine=configuration.get("EngineVersion", {}).get("EffectiveEngineVersion", ""),
    )


def is_database(session: AwsSession, name: str) -> bool:
    """Whether a Glue database is there."""
    client = session.client("glue")
    return there(f"Glue database {name}", lambda: client.get_database(Name=name), _NO_ENTITY) is not None


def look_at_table(session: AwsSession, database: str, name: str) -> CatalogTable | None:
    """None where there is no such table. Partition keys are columns as well."""
    client = session.client("glue")
    told = there(
        f"Glue table {database}.{name}",
        lambda: client.get_table(DatabaseName=database, Name=name)["Table"],
        _NO_ENTITY,
    )
    if told is None:
        return None
    storage = told.get("StorageDescriptor", {})
    columns = (*storage.get("Columns", ()), *told.get("PartitionKeys", ()))
    return CatalogTable({column["Name"]: column.get("Type", "") for column in columns}, storage.get("Location", ""))


def look_at_quotas(session: AwsSession, service: str, words: tuple[str, ...]) -> dict[str, float] | None:
    """Quotas whose names hold one of some words (lower case), None where they cannot be told."""
    found: dict[str, float] = {}
    try:
        with translated(f"quotas of {service}"):
            # Once: nobody waits for what is only told.
            client = session.client("service-quotas", attempts=1)
            for page in client.get_paginator("list_service_quotas").paginate(ServiceCode=service):
                for quota in page.get("Quotas", ()):
                    if any(word in quota["QuotaName"].lower() for word in words):
                        found[quota["QuotaName"]] = quota["Value"]
    except SegmentAssetsError:
        # Not all of AWS's Regions and none of the emulators have this service; nothing depends on it.
        return None
    return found
