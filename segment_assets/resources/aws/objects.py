"""Objects of one bucket, and the conditions that keep two writers of one object apart.

Belongs here: reading, putting, creating once, moving a pointer. Not here: which keys there are (`lake`).

Conditional writes, checksums and multipart uploads were tried against MiniStack and SeaweedFS, KMS headers against
MiniStack, nothing against AWS. That conditional writes hold for all clients and that one may be answered with 409 while
another is going on is documented: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html

The role needs s3:ListBucket: without it S3 answers 403 for what is not there. The bucket needs a rule that removes
incomplete multipart uploads.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import json
import time
import uuid
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import SegmentAssetsError, TransientError
from segment_assets.resources.aws.errors import translated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from segment_assets.resources.aws.session import AwsSession

# One request up to here, which lets S3 compare the whole file with its digest; 5 GB would be its limit.
MULTIPART_BYTES = 256 * 2**20
_PART_BYTES, _PARTS_AT_ONCE = 16 * 2**20, 4
_BODIES = 4
# What S3 gives at most.
PAGE_KEYS = 1000
# Writers of one partition or one ledger are few: two that meet ten times in a row are not ours.
MOVES = 10
_PAUSE_SECONDS = 0.05
# Well below every age at which a rule of a bucket may remove versions (docs/aws.md, retention).
_RENEWED_AFTER = dt.timedelta(days=3)
_TAKEN = frozenset({"412", "PreconditionFailed"})
# 404: the object that If-Match speaks of was removed meanwhile.
_MEANWHILE = frozenset({"409", "ConditionalRequestConflict", "404", "NoSuchKey"})


@dataclasses.dataclass(frozen=True, slots=True)
class Objects:
    """A bucket. `kms_key` encrypts what is written; without it the bucket's own setting does."""

    session: AwsSession
    bucket: str
    kms_key: str = ""

    def create(self, key: str, body: bytes) -> bool:
        """Create an object unless it exists.

        When S3's answer is lost botocore asks again, and is told that the object exists: perhaps ours. So every call
        leaves a mark of its own with the object, and whoever is refused, or hears nothing, reads whose mark is there.
        A body would not do: two runs may want to write the same note, and one must stop.

        Raises TransientError when nothing was heard and nothing is there. What may still arrive after that is then
        another writer's object for every later call, which is what a ledger needs.
        """
        mark = uuid.uuid4().hex
        for turn in range(MOVES):
            try:
                self.put(key, body, IfNoneMatch="*", Metadata={"writer": mark})
            except SegmentAssetsError as refusal:
                is_unheard = isinstance(refusal, TransientError)
                if not is_unheard and refusal.code not in _TAKEN | _MEANWHILE:
                    raise
                there = self._mark_of(key)
                if there is not None:
                    return there == mark
                if is_unheard:
                    raise
                time.sleep(_PAUSE_SECONDS * turn)
            else:
                return True
        raise self.too_many("an object")

    def move(self, pointer: str, snapshot_id: str) -> None:
        """Let a pointer name a version: of two publishers the later one wins, as in a folder.

        Each move is a write on the condition that the pointer is as it was read. A plain write that botocore repeats
        after a lost answer would undo what another publisher did in between. `after` is the move before: a write of
        ours that has come through and been overtaken is known by it.
        """
        mine = uuid.uuid4().hex
        for turn in range(MOVES):
            found = self.read(pointer)
            told = json.loads(found[0]) if found else {}
            if told.get("id") == snapshot_id or mine in {told.get("move"), told.get("after")}:
                return
            condition = {"IfMatch": found[1]} if found else {"IfNoneMatch": "*"}
            try:
                body = {"id": snapshot_id, "move": mine, "after": told.get("move")}
                self.put(pointer, json.dumps(body).encode(), **condition)
            except SegmentAssetsError as refusal:
                if refusal.code not in _TAKEN | _MEANWHILE:
                    raise
                time.sleep(_PAUSE_SECONDS * turn)
            else:
                return
        raise self.too_many("a pointer")

    def upload(self, key: str, path: Path, digest: str) -> None:
        """Put a file of an immutable version, unless it is there: its key says what is in it.

        One that has grown old is put again, the same bytes: rules of the bucket go by age, and it is in use.
        """
        there = self.head(key)
        if there is None or dt.datetime.now(dt.UTC) - there["LastModified"] >= _RENEWED_AFTER:
            self.replace(key, path, digest)

    def replace(self, key: str, path: Path, digest: str, metadata: Mapping[str, str] | None = None) -> None:
        """Put a file, whatever is there."""
        more = {"Metadata": dict(metadata)} if metadata else {}
        if path.stat().st_size <= MULTIPART_BYTES:
            with path.open("rb") as body:
                self.put(key, body, ChecksumSHA256=base64.b64encode(bytes.fromhex(digest)).decode(), **more)
            return
        from boto3.s3.transfer import TransferConfig

        config = TransferConfig(
            multipart_threshold=_PART_BYTES, multipart_chunksize=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE
        )
        extra = {"ChecksumAlgorithm": "SHA256", **self._encryption, **more}
        with translated(self._said), path.open("rb") as body:
            # It ends what it began when a part fails; a process that is killed leaves parts to the bucket's rule.
            self._s3.upload_fileobj(body, self.bucket, key, ExtraArgs=extra, Config=config)

    def put(self, key: str, body: Any, **more: Any) -> None:
        """One PUT with a checksum, and with the key where one is given. Raises our kinds; `code` tells conditions."""
        if "ChecksumSHA256" not in more:
            more["ChecksumAlgorithm"] = "SHA256"
        # A data key per object would be a call to KMS for every note of the ledger.
        encryption = {**self._encryption, "BucketKeyEnabled": True} if self.kms_key else {}
        with translated(self._said):
            self._s3.put_object(Bucket=self.bucket, Key=key, Body=body, **encryption, **more)

    def read(self, key: str) -> tuple[bytes, str] | None:
        """An object's bytes and ETag. A body that breaks is asked for again, which botocore does not do."""
        for turn in range(1, _BODIES + 1):
            try:
                with translated(self._said):
                    answer = self._s3.get_object(Bucket=self.bucket, Key=key)
            except SegmentAssetsError as refusal:
                if refusal.code == "NoSuchKey":
                    return None
                raise
            try:
                with translated(self._said):
                    return answer["Body"].read(), answer["ETag"]
            except TransientError:
                if turn == _BODIES:
                    raise
                time.sleep(_PAUSE_SECONDS * turn)
        return None

    def _mark_of(self, key: str) -> str | None:
        """The mark of whoever created an object, empty where they left none; None when nothing is there."""
        head = self.head(key)
        return None if head is None else head["Metadata"].get("writer", "")

    def head(self, key: str) -> dict[str, Any] | None:
        """What S3 says of an object, None when there is none."""
        try:
            with translated(self._said):
                answer: dict[str, Any] = self._s3.head_object(Bucket=self.bucket, Key=key)
        except SegmentAssetsError as refusal:
            # A HEAD has no body that could say NoSuchKey.
            if refusal.code in {"404", "NoSuchKey"}:
                return None
            raise reason(self.session, self.bucket, key, refusal) from None
        return answer

    def listed(self, prefix: str) -> Iterator[str]:
        """Keys that begin with a prefix, page by page."""
        with translated(self._said):
            pages = self._s3.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.bucket, Prefix=prefix, PaginationConfig={"PageSize": PAGE_KEYS}):
                yield from (found["Key"] for found in page.get("Contents", ()))

    def too_many(self, what: str) -> TransientError:
        """For whoever meets other writers again and again."""
        return TransientError(
            f"{self._said}: others kept changing {what} that this run wants to write; try again later"
        )

    @property
    def _s3(self) -> Any:
        return self.session.client("s3")

    @property
    def _said(self) -> str:
        return f"S3 bucket {self.bucket}"

    @property
    def _encryption(self) -> Mapping[str, str]:
        return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.kms_key} if self.kms_key else {}


def reason(session: AwsSession, bucket: str, key: str, refusal: SegmentAssetsError) -> SegmentAssetsError:
    """What was wrong when a HEAD was refused with 400, for instance a token that has ended: only a GET is told."""
    if refusal.code != "400":
        return refusal
    try:
        with translated(f"S3 bucket {bucket}"):
            session.client("s3").get_object(Bucket=bucket, Key=key, Range="bytes=0-0")["Body"].close()
    except SegmentAssetsError as told:
        return told
    return refusal
