"""Pages in S3, for whoever the bucket lets read them.

Belongs here: putting a page whole. Not here: who may read it (the bucket's policy), what is on it (`dashboard`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from segment_assets.resources.aws.errors import translated

if TYPE_CHECKING:
    from segment_assets.resources.aws.session import AwsSession


@dataclasses.dataclass(frozen=True, slots=True)
class S3Pages:
    """Objects below `uri` (s3://bucket/prefix). S3 shows an object whole or as it was before."""

    session: AwsSession
    uri: str
    kms_key: str = ""

    def put(self, name: str, text: str) -> str:
        """As Pages. Raises our errors with S3's code."""
        bucket, _, prefix = self.uri.removeprefix("s3://").rstrip("/").partition("/")
        key = f"{prefix}/{name}" if prefix else name
        encryption: dict[str, Any] = (
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.kms_key} if self.kms_key else {}
        )
        with translated(f"S3 bucket {bucket}"):
            self.session.client("s3").put_object(
                Bucket=bucket,
                Key=key,
                Body=text.encode("utf-8"),
                ContentType="application/json" if name.endswith(".json") else "text/html; charset=utf-8",
                CacheControl="no-cache",
                ChecksumAlgorithm="SHA256",
                **encryption,
            )
        return f"s3://{bucket}/{key}"
