"""The job that digests large segments on Glue: what its caller may do, and what the job itself may.

Belongs here: both sides of it. Not here: the job (deploy/glue), the other grants of the audience duty (`duties`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_assets.iam.grants import Grant
from segment_assets.iam.parts import READ, READ_KEY, WRITE_KEY, files, key, ours
from segment_assets.resources.aws.uris import bucket_and_prefix

if TYPE_CHECKING:
    from segment_assets.iam.site import Site

_CALLS = ("glue:BatchStopJobRun", "glue:GetJobRun", "glue:StartJobRun")


def caller(site: Site) -> list[Grant]:
    """Starting, following and stopping the job; its messages and its parts, which are the staging bucket's all.

    Dagster Pipes puts its messages below keys of its own choosing, and asks for those that are not there yet.
    """
    told = site.settings
    if not told.glue_job:
        return []
    return [
        Grant(sid="IdentityJob", calls=_CALLS, resources=(site.arn("glue", f"job/{told.glue_job}"),)),
        *files(site, "IdentityStaging", _staging(site), (*READ, "s3:PutObject", "s3:DeleteObject"), finds_gaps=True),
    ]


def job(site: Site) -> list[Grant]:
    """The job's own role: it reads segments, writes parts, and says how it goes. None of it is a call of ours."""
    told = site.settings
    if not told.glue_job:
        return []
    code = f"s3://{bucket_and_prefix(told.glue_wheel)[0]}"
    return [
        *_files(site, "Segments", told.lake, ("s3:GetObject",), below="tables/segment_members/"),
        *_files(site, "Parts", _staging(site), ("s3:DeleteObject", "s3:GetObject", "s3:PutObject")),
        *_files(site, "Code", code, ("s3:GetObject",)),
        Grant(
            sid="Logs",
            calls=(),
            also=("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"),
            resources=(
                site.arn("logs", "log-group:/aws-glue/*"),
                site.arn("logs", "log-group:/aws-glue/*:log-stream:*"),
            ),
        ),
        *key(site, "s3", (*READ_KEY, *WRITE_KEY)),
    ]


def _files(site: Site, what: str, address: str, actions: tuple[str, ...], *, below: str = "") -> list[Grant]:
    """As `parts.files`, for calls that Spark makes."""
    prefix = f"{bucket_and_prefix(address)[1]}{below}"
    within = {"StringLike": {"s3:prefix": f"{prefix}*"}} if prefix else {}
    return [
        Grant(sid=what, calls=(), also=actions, resources=(site.objects(address, below),), condition=ours(site)),
        Grant(
            sid=f"{what}List",
            calls=(),
            also=("s3:ListBucket",),
            resources=(site.bucket(address),),
            condition={**ours(site), **within},
        ),
    ]


def _staging(site: Site) -> str:
    return f"s3://{bucket_and_prefix(site.settings.glue_staging)[0]}"
