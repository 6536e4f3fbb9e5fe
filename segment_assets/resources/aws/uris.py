"""S3 addresses as settings write them: s3://bucket/prefix."""

from __future__ import annotations

from segment_assets.contracts import PermanentError

_S3 = "s3://"


def bucket_and_prefix(uri: str) -> tuple[str, str]:
    """The bucket, and what keys below the address begin with: empty, or with a slash at its end.

    >>> bucket_and_prefix("s3://lake/prod/"), bucket_and_prefix("s3://lake")
    (('lake', 'prod/'), ('lake', ''))
    """
    bucket, _, prefix = uri.removeprefix(_S3).partition("/")
    if not uri.startswith(_S3) or not bucket:
        raise PermanentError(f"{uri}: not an S3 address; write it as s3://bucket/prefix")
    return bucket, f"{prefix.strip('/')}/" if prefix.strip("/") else ""
