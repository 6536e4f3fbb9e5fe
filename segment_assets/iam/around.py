"""What stands around the duties: who may assume them, and what buckets, key and queues refuse to anybody.

Belongs here: trust policies, resource policies, and the two settings of a bucket that a policy cannot say. Not here:
what a duty may do (`duties`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_assets.destinations.appflow import DEFAULT_PREFIX
from segment_assets.iam.grants import VERSION, Document
from segment_assets.resources.aws.uris import bucket_and_prefix

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from segment_assets.iam.site import Site

# Who uses the key in the name of a caller.
_THROUGH = ("athena", "glue", "s3", "secretsmanager", "sqs")


def documents(site: Site) -> Mapping[str, Document]:
    """Name -> document."""
    made = {f"trust-{duty}": trust(site, duty) for duty in _duties(site)}
    made["policy-runtime"] = runtime(site)
    made |= {f"bucket-{name}": bucket(site, name, addresses) for name, addresses in _buckets(site).items()}
    made["bucket-encryption"] = encryption(site)
    made["bucket-public-access"] = dict.fromkeys(
        ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
    )
    made |= {f"queue-{url.rpartition('/')[2]}": queue(site, url) for url in _queues(site)}
    if site.settings.kms_key:
        made["key"] = key(site)
    if site.settings.glue_job:
        made["trust-identity-job"] = of_glue(site)
    return made


def trust(site: Site, duty: str) -> Document:
    """Who may assume the role of a duty: the role in which our code runs, under the duty's own name."""
    asked = {"sts:RoleSessionName": duty} | ({"sts:ExternalId": site.external_id} if site.external_id else {})
    return _policy(
        {
            "Sid": "OnlyTheRuntime",
            "Effect": "Allow",
            "Principal": {"AWS": site.runtime},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": asked},
        }
    )


def of_glue(site: Site) -> Document:
    """Glue becomes the job's role, for jobs of this account."""
    return _policy(
        {
            "Sid": "OnlyGlue",
            "Effect": "Allow",
            "Principal": {"Service": "glue.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": site.account}},
        }
    )


def runtime(site: Site) -> Document:
    """Of the role in which our code runs: it may become one of the duties', and can do nothing by itself."""
    roles = sorted(
        arn or f"arn:{site.partition}:iam::{site.account}:role/segment-assets-{duty}"
        for duty, arn in _duties(site).items()
    )
    return _policy({"Sid": "AssumeDuties", "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": roles})


def bucket(site: Site, name: str, addresses: Iterable[str]) -> Document:
    """What a bucket refuses: unencrypted lines, another key than ours, strangers. And what AppFlow may read there."""
    everything = [f"arn:{site.partition}:s3:::{name}", f"arn:{site.partition}:s3:::{name}/*"]
    refused: list[Document] = [
        {
            "Sid": "OnlyOverTls",
            "Action": "s3:*",
            "Resource": everything,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
        {
            "Sid": "OnlyWithinTheAccount",
            "Action": "s3:*",
            "Resource": everything,
            "Condition": {
                "StringNotEquals": {"aws:PrincipalAccount": site.account},
                "Bool": {"aws:PrincipalIsAWSService": "false"},
            },
        },
    ]
    if site.settings.kms_key:
        refused += _only_our_key(site, everything[1])
    if site.settings.landing in addresses:
        # Who drops files may be of another account; nothing lets them in but a statement that you add.
        refused = [one for one in refused if one["Sid"] != "OnlyWithinTheAccount"]
    stated = [{**one, "Effect": "Deny", "Principal": "*"} for one in refused]
    return _policy(*stated, *_for_appflow(site, name))


def encryption(site: Site) -> Document:
    """The input of PutBucketEncryption for each bucket: Arrow, Athena and Clean Rooms name no key when they write."""
    told = site.settings.kms_key
    by = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": told} if told else {"SSEAlgorithm": "AES256"}
    return {"Rules": [{"ApplyServerSideEncryptionByDefault": by, **({"BucketKeyEnabled": True} if told else {})}]}


def key(site: Site) -> Document:
    """Of the KMS key: the account governs it, the duties use it through the services that they write with."""
    services = [f"{service}.{site.settings.region}.{site.dns}" for service in _THROUGH]
    return _policy(
        {
            "Sid": "TheAccountGoverns",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:{site.partition}:iam::{site.account}:root"},
            "Action": "kms:*",
            "Resource": "*",
        },
        {
            "Sid": "NobodyElse",
            "Effect": "Deny",
            "Principal": "*",
            "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
            "Resource": "*",
            "Condition": {
                "StringNotEquals": {"kms:ViaService": services},
                "Bool": {"aws:PrincipalIsAWSService": "false"},
            },
        },
        {
            "Sid": "EventsOntoQueuesAndFlows",
            "Effect": "Allow",
            "Principal": {"Service": _services(site)},
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:SourceAccount": site.account}},
        },
    )


def queue(site: Site, url: str) -> Document:
    """Of a queue: EventBridge puts events of this account on it, and nobody speaks to it in the clear."""
    arn = site.queue(url)
    return _policy(
        {
            "Sid": "EventsOfThisAccount",
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"StringEquals": {"aws:SourceAccount": site.account}},
        },
        {
            "Sid": "OnlyOverTls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sqs:*",
            "Resource": arn,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    )


def _services(site: Site) -> list[str]:
    return [*(["appflow.amazonaws.com"] if site.signed("appflow") else []), "events.amazonaws.com"]


def _only_our_key(site: Site, objects: str) -> list[Document]:
    """A write that names an encryption names ours; one that names none gets the bucket's own, which is ours."""
    named, keyed = "s3:x-amz-server-side-encryption", "s3:x-amz-server-side-encryption-aws-kms-key-id"
    arn, by_alias = site.key()
    refused: list[Document] = [
        {
            "Sid": "OnlyWithKms",
            "Action": "s3:PutObject",
            "Resource": objects,
            "Condition": {"Null": {named: "false"}, "StringNotEquals": {named: "aws:kms"}},
        }
    ]
    if not by_alias:
        # S3 tells the key of a request as its ARN, whatever the request calls it.
        refused.append(
            {
                "Sid": "OnlyWithOurKey",
                "Action": "s3:PutObject",
                "Resource": objects,
                "Condition": {"Null": {keyed: "false"}, "ArnNotEquals": {keyed: arn}},
            }
        )
    return refused


def _for_appflow(site: Site, name: str) -> list[Document]:
    """AppFlow reads the files of a flow, and writes which records failed, as itself."""
    prefixes = sorted(
        {told.get("prefix", DEFAULT_PREFIX) for _, told in site.signed("appflow") if told.get("bucket") == name}
    )
    if not prefixes:
        return []
    ours = {"StringEquals": {"aws:SourceAccount": site.account}}
    allowed = {"Effect": "Allow", "Principal": {"Service": "appflow.amazonaws.com"}, "Condition": ours}
    whole = f"arn:{site.partition}:s3:::{name}"
    return [
        {**allowed, "Sid": "AppFlowFinds", "Action": "s3:ListBucket", "Resource": whole},
        {
            **allowed,
            "Sid": "AppFlowReadsAndSaysWhatFailed",
            "Action": ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"],
            "Resource": [f"{whole}/{prefix}/*" for prefix in prefixes],
        },
    ]


def _duties(site: Site) -> Mapping[str, str]:
    """Duty -> role, of those that the deployment has."""
    told = site.settings
    return {duty: arn for duty, arn in told.roles.items() if duty != "dashboards" or told.quicksight_account}


def _buckets(site: Site) -> dict[str, list[str]]:
    """Bucket -> our addresses in it."""
    told = site.settings
    found: dict[str, list[str]] = {}
    for address in (told.lake, told.landing, told.clean_room_results, told.dashboards, *site.account_data):
        found.setdefault(bucket_and_prefix(address)[0], []).append(address)
    if told.glue_job:
        found.setdefault(bucket_and_prefix(told.glue_staging)[0], []).append(told.glue_staging)
    for _, settings in site.signed("appflow"):
        found.setdefault(settings.get("bucket", ""), [])
    return found


def _queues(site: Site) -> list[str]:
    return [url for url in (site.settings.landing_queue, site.settings.clean_room_queue) if url]


def _policy(*statements: Mapping[str, Any]) -> Document:
    order = ("Sid", "Effect", "Principal", "Action", "Resource", "Condition")
    return {"Version": VERSION, "Statement": [{name: one[name] for name in order if name in one} for one in statements]}
