"""Grants that several duties have: files, queues, the key.

Belongs here: their calls and conditions. Not here: who has them (`duties`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_assets.iam.grants import Grant
from segment_assets.resources.aws.uris import bucket_and_prefix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segment_assets.iam.site import Site

READ = ("s3:GetObject", "s3:HeadObject")
WRITE = (
    "s3:PutObject",
    "s3:CreateMultipartUpload",
    "s3:UploadPart",
    "s3:CompleteMultipartUpload",
    "s3:AbortMultipartUpload",
)
LIST = ("s3:ListObjectsV2",)
READ_KEY, WRITE_KEY = ("kms:Decrypt",), ("kms:Decrypt", "kms:GenerateDataKey")
QUEUE = ("sqs:ReceiveMessage", "sqs:DeleteMessageBatch", "sqs:GetQueueAttributes", "sqs:GetQueueUrl")
REDRIVE = ("sqs:SendMessage", "sqs:StartMessageMoveTask")


def files(
    site: Site,
    what: str,
    address: str,
    calls: Sequence[str],
    *,
    below: str = "",
    also: Sequence[str] = (),
    finds_gaps: bool = False,
) -> list[Grant]:
    """Objects below an address, and listing them there only.

    `finds_gaps`: objects are asked for that may not be there. S3 says 404 only to who may list, and asks that question
    without a prefix, so a condition on it would turn every gap into AccessDenied. Not tried in an account.
    """
    prefix = f"{bucket_and_prefix(address)[1]}{below}"
    within = {"StringLikeIfExists" if finds_gaps else "StringLike": {"s3:prefix": f"{prefix}*"}} if prefix else {}
    objects = (site.objects(address, below),)
    return [
        Grant(sid=f"{what}Objects", calls=calls, also=also, resources=objects, condition=ours(site)),
        Grant(sid=f"{what}List", calls=LIST, resources=(site.bucket(address),), condition={**ours(site), **within}),
    ]


def folders(site: Site, what: str, address: str, names: Sequence[str], calls: Sequence[str]) -> list[Grant]:
    """Objects in some folders below an address, and listing these only."""
    prefix = bucket_and_prefix(address)[1]
    listed = {"StringLike": {"s3:prefix": [f"{prefix}{name}/*" for name in names]}}
    objects = tuple(site.objects(address, f"{name}/") for name in names)
    return [
        Grant(sid=f"{what}Objects", calls=calls, resources=objects, condition=ours(site)),
        Grant(sid=f"{what}List", calls=LIST, resources=(site.bucket(address),), condition={**ours(site), **listed}),
    ]


def ours(site: Site) -> dict[str, dict[str, Any]]:
    """A bucket that was deleted can be made again by a stranger."""
    return {"StringEquals": {"aws:ResourceAccount": site.account}}


def queue(site: Site, what: str, url: str) -> list[Grant]:
    """Taking messages off a queue, and bringing its dead letters back."""
    return [Grant(sid=what, calls=(*QUEUE, *REDRIVE), resources=queues(site, url))]


def queues(site: Site, url: str) -> tuple[str, ...]:
    """A queue and the one for its dead letters, whose name begins with the queue's; none without a queue."""
    return (site.queue(url), f"{site.queue(url)}-*") if url else ()


def key(site: Site, service: str, actions: Sequence[str]) -> list[Grant]:
    """The key, through one service only: S3, Secrets Manager and SQS ask KMS in the caller's name."""
    if not site.settings.kms_key:
        return []
    resource, condition = site.key()
    via = {"StringEquals": {"kms:ViaService": f"{service}.{site.settings.region}.{site.dns}"}}
    return [
        Grant(
            sid=f"KeyFor{service.capitalize()}",
            calls=(),
            also=actions,
            resources=(resource,),
            condition=via | condition,
        )
    ]
