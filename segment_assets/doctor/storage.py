"""Buckets, their key, and what the lake needs of S3: judged from what was seen.

Belongs here: pure judging. Not here: looking (`storage_probes`).
`None` in an observation is what whoever looked was not allowed to see; what is not there is empty.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from segment_assets.doctor.findings import Finding, Subject

BLOCKS = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
_LANDING_DAYS = 30


@dataclasses.dataclass(frozen=True, slots=True)
class LifecycleRule:
    """An enabled rule: which keys, and after how many days objects (or their old versions) go; None is never."""

    name: str
    prefix: str
    days: int | None
    old_versions_days: int | None

    def covers(self, prefix: str) -> bool:
        """Whether everything below a prefix is under this rule."""
        return prefix.startswith(self.prefix)


@dataclasses.dataclass(frozen=True, slots=True)
class Bucket:
    """What was seen of a bucket. `blocks` are the settings against public access that are on."""

    region: str
    blocks: frozenset[str] | None
    algorithm: str | None
    key: str
    versioning: str | None
    rules: Sequence[LifecycleRule] | None
    policy: Mapping[str, Any] | None
    is_public: bool | None
    tells_eventbridge: bool | None


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """What a bucket is for: `prefix` is ours in it. `raw` is true where raw identifiers land."""

    region: str
    kms_key: str
    prefix: str
    raw: bool = False
    is_lake: bool = False
    has_queue: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class ConditionalWrites:
    """What S3 did with one small object: created once, refused twice, replaced by its ETag only, removed."""

    created: bool
    created_again: bool
    replaced_by_stale: bool
    replaced_by_current: bool
    encryption: str
    removed: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Key:
    """A KMS key: its state in AWS's words, what it is for, the Region it is in."""

    state: str
    usage: str
    region: str


def judge_bucket(bucket: Bucket | None, wanted: Wanted, subject: Subject) -> Iterator[Finding]:
    """Everything about one bucket that this deployment uses."""
    if bucket is None:
        yield subject.wrong("bucket_missing", "there is no such bucket", f"create it in {wanted.region}")
        return
    if bucket.region != wanted.region:
        yield subject.wrong(
            "bucket_region",
            f"it is in {bucket.region}, the deployment in {wanted.region}",
            f"use a bucket in {wanted.region}: nothing may be stored elsewhere",
        )
        return
    yield subject.fine(f"it is there, in {bucket.region}")
    yield from _access(bucket, subject)
    yield from _encryption(bucket, wanted, subject)
    yield from _retention(bucket, wanted, subject)
    if wanted.has_queue:
        yield from _events(bucket, subject)


def _access(bucket: Bucket, subject: Subject) -> Iterator[Finding]:
    if bucket.blocks is None:
        yield subject.unseen("whether public access is blocked", "s3:GetBucketPublicAccessBlock")
    elif missing := [name for name in BLOCKS if name not in bucket.blocks]:
        yield subject.wrong(
            "public_access", f"public access is not blocked ({', '.join(missing)})", "turn all four settings on"
        )
    else:
        yield subject.fine("public access is blocked")
    if bucket.is_public:
        yield subject.wrong("public_policy", "its policy makes it public", "take the public statement out")
    if bucket.policy is None:
        yield subject.unseen("its policy", "s3:GetBucketPolicy")
    elif not _only_tls(bucket.policy):
        yield subject.advice(
            "plain_http", "its policy allows requests without TLS", "deny them (aws:SecureTransport false)"
        )


def _only_tls(policy: Mapping[str, Any]) -> bool:
    statements = policy.get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        asked = statement.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport")
        if statement.get("Effect") == "Deny" and str(asked).lower() == "false":
            return True
    return False


def _encryption(bucket: Bucket, wanted: Wanted, subject: Subject) -> Iterator[Finding]:
    if bucket.algorithm is None:
        yield subject.unseen("its default encryption", "s3:GetEncryptionConfiguration")
    elif not bucket.algorithm:
        yield subject.wrong("encryption_off", "it has no default encryption", "set SSE-KMS with the deployment's key")
    elif wanted.kms_key and not bucket.algorithm.startswith("aws:kms"):
        yield subject.wrong(
            "encryption_key",
            f"its default encryption is {bucket.algorithm}, and others' objects get no key of ours",
            "set SSE-KMS with the deployment's key",
        )
    elif wanted.kms_key and not _same_key(bucket.key, wanted.kms_key):
        yield subject.advice("encryption_key", "its default key is not the deployment's", "set the same key in both")
    else:
        yield subject.fine(f"it is encrypted by default ({bucket.algorithm})")


def _same_key(one: str, other: str) -> bool:
    """By the last part: a key is named by its id or its ARN. An alias says nothing of the id behind it."""
    ends = {text.rpartition("/")[2] for text in (one, other)}
    return len(ends) == 1 or "alias/" in one or "alias/" in other


def _retention(bucket: Bucket, wanted: Wanted, subject: Subject) -> Iterator[Finding]:
    if bucket.rules is None:
        yield subject.unseen("its lifecycle rules", "s3:GetLifecycleConfiguration")
        return
    covering = [rule for rule in bucket.rules if rule.covers(wanted.prefix)]
    if wanted.raw and not any(rule.days for rule in covering):
        others = [rule.name for rule in bucket.rules if rule.days and not rule.covers(wanted.prefix)]
        # The reference implementation's own mistake: a rule on a prefix that nothing is written to.
        aside = f" (the rules {', '.join(others)} are about other prefixes)" if others else ""
        yield subject.advice(
            "raw_kept",
            f"nothing that lands ever expires{aside}",
            f"expire objects below {wanted.prefix or 'it'} after {_LANDING_DAYS} days: they hold raw identifiers",
        )
    if bucket.versioning == "Enabled" and not any(rule.old_versions_days for rule in covering):
        yield subject.advice(
            "old_versions_kept",
            "old versions stay for ever, also of what was erased",
            "let old versions expire, within the time in which an erasure has to be done",
        )
    if wanted.is_lake and bucket.versioning == "":
        yield subject.advice(
            "no_versions",
            "it keeps no versions, so what is deleted by mistake is gone",
            "turn versioning on, and let old versions expire",
        )


def _events(bucket: Bucket, subject: Subject) -> Iterator[Finding]:
    if bucket.tells_eventbridge is None:
        yield subject.unseen("whether it tells EventBridge of new objects", "s3:GetBucketNotification")
    elif not bucket.tells_eventbridge:
        yield subject.wrong(
            "events_off",
            "it tells EventBridge nothing, so the landing queue stays empty",
            "turn on its EventBridge notifications, or leave SEGMENT_ASSETS_LANDING_QUEUE out",
        )
    else:
        yield subject.fine("it tells EventBridge of new objects")


def judge_writes(writes: ConditionalWrites, wanted: Wanted, subject: Subject) -> Iterator[Finding]:
    """What the ledger's fencing stands on."""
    ignored = writes.created_again or writes.replaced_by_stale
    if not (writes.created and writes.replaced_by_current):
        yield subject.wrong("not_writable", "a small object could not be written and replaced", "let the role write it")
    elif ignored:
        yield subject.wrong(
            "conditional_writes",
            "conditions on writes are ignored, so two runs could both believe that they are alone",
            "use S3 itself, or a store that keeps If-None-Match and If-Match",
        )
    else:
        yield subject.fine("conditions on writes are kept")
    if wanted.kms_key and not writes.encryption.startswith("aws:kms"):
        yield subject.wrong(
            "not_encrypted", "a written object has not our key", "let the role use the deployment's key"
        )
    if not writes.removed:
        yield subject.advice(
            "probe_left", "the probe below doctor/ stays", "let the role delete objects, and remove it"
        )


def judge_key(key: Key | None, region: str, subject: Subject) -> Iterator[Finding]:
    """The deployment's KMS key."""
    if key is None:
        yield subject.unseen("the key", "kms:DescribeKey")
    elif key.state != "Enabled":
        yield subject.wrong(
            "key_disabled", f"it is {key.state}", "enable it, or cancel its deletion: nothing can be read without it"
        )
    elif key.usage != "ENCRYPT_DECRYPT":
        yield subject.wrong("key_usage", f"it is for {key.usage}", "use a symmetric key for encryption")
    elif key.region != region:
        yield subject.wrong("key_region", f"it is in {key.region}, the deployment in {region}", f"use one in {region}")
    else:
        yield subject.fine("it is enabled")
