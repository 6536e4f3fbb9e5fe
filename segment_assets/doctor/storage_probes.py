"""Looking at buckets and their key.

Belongs here: calls of S3 and KMS. Not here: what is right (`storage`).
Configuration is read with the keys of whoever runs the doctor; the probe is written with the role that the lake uses.
Tried against MiniStack, which lets a disabled key encrypt and ignores bucket policies; never against AWS.
"""

from __future__ import annotations

import contextlib
import json
import uuid
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import SegmentAssetsError
from segment_assets.doctor.seeing import seen, there
from segment_assets.doctor.storage import BLOCKS, Bucket, ConditionalWrites, Key, LifecycleRule
from segment_assets.resources.aws.errors import translated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segment_assets.resources.aws.session import AwsSession

_NO_BUCKET = ("404", "NoSuchBucket", "NotFound")
_FAILED_CONDITION = ("412", "PreconditionFailed", "409", "ConditionalRequestConflict")
_STALE = '"00000000000000000000000000000000"'


def look_at_bucket(session: AwsSession, name: str) -> Bucket | None:
    """None where there is no such bucket. Raises NeedsHumanError where it may not even be asked for."""
    client, what = session.client("s3"), f"S3 bucket {name}"
    head = there(what, lambda: client.head_bucket(Bucket=name), _NO_BUCKET)
    if head is None:
        return None
    region = head.get("BucketRegion") or session.region

    def asked(operation: str, part: str, absent: str, otherwise: Any) -> Any:
        call = getattr(client, operation)
        return seen(what, lambda: call(Bucket=name)[part], absent=(absent,), otherwise=otherwise)

    blocks = asked(
        "get_public_access_block", "PublicAccessBlockConfiguration", "NoSuchPublicAccessBlockConfiguration", {}
    )
    encryption = asked(
        "get_bucket_encryption",
        "ServerSideEncryptionConfiguration",
        "ServerSideEncryptionConfigurationNotFoundError",
        {},
    )
    rules = asked("get_bucket_lifecycle_configuration", "Rules", "NoSuchLifecycleConfiguration", [])
    policy = asked("get_bucket_policy", "Policy", "NoSuchBucketPolicy", "{}")
    public = asked("get_bucket_policy_status", "PolicyStatus", "NoSuchBucketPolicy", {})
    versioning = seen(what, lambda: client.get_bucket_versioning(Bucket=name).get("Status", ""))
    events = seen(what, lambda: client.get_bucket_notification_configuration(Bucket=name))
    default = _default_encryption(encryption)
    return Bucket(
        region=region,
        blocks=None if blocks is None else frozenset(block for block in BLOCKS if blocks.get(block)),
        algorithm=default[0],
        key=default[1],
        versioning=versioning,
        rules=None if rules is None else [_rule(rule) for rule in rules if rule.get("Status") == "Enabled"],
        policy=None if policy is None else json.loads(policy),
        is_public=None if public is None else bool(public.get("IsPublic")),
        tells_eventbridge=None if events is None else "EventBridgeConfiguration" in events,
    )


def _default_encryption(told: Mapping[str, Any] | None) -> tuple[str | None, str]:
    """Algorithm and key; empty where there is none, None where it may not be seen."""
    if told is None:
        return None, ""
    for rule in told.get("Rules", ()):
        default = rule.get("ApplyServerSideEncryptionByDefault", {})
        return default.get("SSEAlgorithm", ""), default.get("KMSMasterKeyID", "")
    return "", ""


def _rule(rule: Mapping[str, Any]) -> LifecycleRule:
    asked = rule.get("Filter", {})
    prefix = asked.get("Prefix") or asked.get("And", {}).get("Prefix") or rule.get("Prefix") or ""
    return LifecycleRule(
        rule.get("ID", "without a name"),
        prefix,
        rule.get("Expiration", {}).get("Days"),
        rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays"),
    )


def try_writes(session: AwsSession, bucket: str, prefix: str, kms_key: str) -> ConditionalWrites:
    """Write one small object below `<prefix>doctor/` in every way that the lake needs, and remove it."""
    client, what = session.client("s3"), f"S3 bucket {bucket}"
    where = {"Bucket": bucket, "Key": f"{prefix}doctor/{uuid.uuid4().hex}"}
    key = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key} if kms_key else {}

    def put(**condition: str) -> dict[str, Any] | None:
        """The answer, None where the condition was not fulfilled."""
        answer: dict[str, Any] | None = there(
            what, lambda: client.put_object(**where, Body=b"doctor", **key, **condition), _FAILED_CONDITION
        )
        return answer

    try:
        first = put(IfNoneMatch="*")
        again, stale = put(IfNoneMatch="*"), put(IfMatch=_STALE)
        current = put(IfMatch=first["ETag"]) if first else None
    finally:
        removed = False
        # What went wrong before is the news; that the probe could not be removed is told beside it.
        with contextlib.suppress(SegmentAssetsError), translated(what):
            client.delete_object(**where)
            removed = True
    return ConditionalWrites(
        created=first is not None,
        created_again=again is not None,
        replaced_by_stale=stale is not None,
        replaced_by_current=current is not None,
        encryption=str((first or {}).get("ServerSideEncryption", "")),
        removed=removed,
    )


def try_reading(session: AwsSession, bucket: str, prefix: str) -> None:
    """List one key below a prefix. Raises as `translated` does."""
    with translated(f"S3 bucket {bucket}"):
        session.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)


def look_at_key(session: AwsSession, key: str) -> Key | None:
    """None where it may not be seen. Raises NeedsHumanError where there is no such key."""
    client = session.client("kms")
    told = seen("the KMS key", lambda: client.describe_key(KeyId=key)["KeyMetadata"])
    if told is None:
        return None
    return Key(told["KeyState"], told.get("KeyUsage", ""), told["Arn"].split(":")[3])
