"""Objects of S3 as files of this process: fetched once, whole or not at all.

Belongs here: bringing an object to this machine and how long it stays. Not here: which objects a table has.

Engines read copies and not S3 itself. A body that breaks in the middle is fetched again here, and what stays broken is
one of our errors at the place where rows are asked for; from within a scan it would be whatever the engine makes of it
(DuckDB 2.0 stood still when a file that pyarrow opens through Python was refused). The digest of a whole file can be
held against the snapshot's id. And most rows are scanned more than once.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import time
from typing import TYPE_CHECKING

from segment_assets.contracts import GoneError, PermanentError, SegmentAssetsError, TransientError
from segment_assets.processes import aside
from segment_assets.resources.aws.errors import translated
from segment_assets.resources.aws.objects import reason
from segment_assets.resources.snapshots import sha256_of

if TYPE_CHECKING:
    from pathlib import Path

    from segment_assets.resources.aws.session import AwsSession

# A run is shorter, and ends its process; the daemons' processes would fill the disk.
_UNUSED_SECONDS = 24 * 3600
GONE = frozenset({"404", "NoSuchKey"})
_CHANGED = frozenset({"412", "PreconditionFailed"})


@dataclasses.dataclass(frozen=True, slots=True)
class Copies:
    """Copies below `folder`, which only this user can read: they hold rows about people."""

    session: AwsSession
    folder: Path

    def of(self, bucket: str, key: str, mark: str, *, sha256: str = "") -> Path:
        """A copy of an object. `mark` tells its versions apart (an ETag, a snapshot id).

        `sha256` is the hex digest that the bytes must have. Raises TransientError when the body breaks again and again
        or the object changes meanwhile, GoneError when it is gone, PermanentError when it has other bytes.
        """
        target = self._target(bucket, key, mark)
        with contextlib.suppress(FileNotFoundError):
            os.utime(target)
            return target
        self._remove_unused()
        staged = self.new()
        try:
            fetch(self.session, bucket, key, staged)
            if sha256 and sha256_of(staged) != sha256:
                raise PermanentError(
                    f"S3 bucket {bucket}: the bytes of version {sha256[:12]} are not those that were published; "
                    "restore the object from its earlier version"
                )
            staged.replace(target)
        finally:
            staged.unlink(missing_ok=True)
        return target

    def new(self) -> Path:
        """A name for a file that is being made."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.folder / aside("copy")

    def keep(self, made: Path, bucket: str, key: str, mark: str) -> None:
        """Take over a file that was put there as this object: whoever made it often reads it next."""
        made.replace(self._target(bucket, key, mark))

    def forget(self, bucket: str, key: str, mark: str) -> None:
        """Take a copy away whose rows nobody may read any more."""
        self._target(bucket, key, mark).unlink(missing_ok=True)

    def _target(self, bucket: str, key: str, mark: str) -> Path:
        name = hashlib.sha256(f"{bucket}/{key} {mark}".encode()).hexdigest()
        return self.folder / f"{name}.parquet"

    def _remove_unused(self) -> None:
        if not self.folder.is_dir():
            return
        for copy in self.folder.glob("*.parquet"):
            # Another thread may be doing the same.
            with contextlib.suppress(FileNotFoundError):
                if time.time() - copy.stat().st_mtime > _UNUSED_SECONDS:
                    copy.unlink()


def fetch(session: AwsSession, bucket: str, key: str, target: Path) -> None:
    """Download an object. boto3 reads large ones in parts, and a part again whose body broke; botocore would not."""
    from boto3.exceptions import Boto3Error

    said = f"S3 bucket {bucket}"
    try:
        with translated(said):
            session.client("s3").download_file(bucket, key, str(target))
    except Boto3Error as failure:
        raise TransientError(f"{said}: a body broke again and again ({type(failure).__name__}); try later") from None
    except SegmentAssetsError as refusal:
        if refusal.code in GONE:
            gone = GoneError(f"{said}: an object that was there is gone; look at the bucket's lifecycle")
            gone.code = refusal.code
            raise gone from None
        if refusal.code in _CHANGED:
            raise TransientError(f"{said}: an object changed while it was fetched; tried again later") from None
        raise reason(session, bucket, key, refusal) from None
