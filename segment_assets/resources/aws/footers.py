"""What the end of a Parquet object tells: how many rows, and which columns. The rest of it is not fetched.

Belongs here: reading a footer by ranged requests. Not here: which objects, what the columns should be.
"""

from __future__ import annotations

import dataclasses
import functools
import io
from typing import TYPE_CHECKING

from segment_assets.contracts import PermanentError, SegmentAssetsError, TransientError
from segment_assets.resources.aws.errors import translated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segment_assets.resources.aws.session import AwsSession

# Footers of most files fit, so that one request is enough.
_TAIL = 64 * 1024
_BODIES = 4
_REMEMBERED = 20_000


@dataclasses.dataclass(frozen=True, slots=True)
class Footer:
    """Rows of a file, and its columns with their Arrow types as text."""

    rows: int
    columns: Mapping[str, str]


@functools.lru_cache(maxsize=_REMEMBERED)
def footer(session: AwsSession, bucket: str, key: str, etag: str) -> Footer:
    """The footer of one version of an object: asked for once in a process, since that version cannot change.

    Raises TransientError when it has changed since it was listed, PermanentError when it is no Parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    said = f"S3 bucket {bucket}"
    try:
        with pq.ParquetFile(pa.PythonFile(_Ranged(session, bucket, key, etag), mode="r")) as file:
            columns = {field.name: str(field.type) for field in file.schema_arrow}
            return Footer(file.metadata.num_rows, columns)
    except SegmentAssetsError as refusal:
        if refusal.code in {"PreconditionFailed", "412", "NoSuchKey", "404"}:
            raise TransientError(f"{said}: a file changed while it was looked at; tried again later") from None
        raise
    except (pa.ArrowException, OSError):
        raise PermanentError(
            f"{said}: a file of a registered table is no Parquet file; remove it, or let its name begin with _"
        ) from None


class _Ranged(io.RawIOBase):
    """An object as a file that can be read anywhere. Its end is fetched first, other ranges when they are read."""

    def __init__(self, session: AwsSession, bucket: str, key: str, etag: str) -> None:
        super().__init__()
        self._session, self._where = session, {"Bucket": bucket, "Key": key, "IfMatch": etag}
        self._tail, told = self._fetched(f"bytes=-{_TAIL}")
        self._size = int(told.rpartition("/")[2]) if told else len(self._tail)
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        end = self._size if size < 0 else min(self._at + size, self._size)
        if end <= self._at:
            return b""
        known = self._size - len(self._tail)
        if self._at >= known:
            found = self._tail[self._at - known : end - known]
        else:
            found, _ = self._fetched(f"bytes={self._at}-{end - 1}")
        self._at += len(found)
        return found

    def _fetched(self, span: str) -> tuple[bytes, str]:
        """The bytes, and what S3 says of their place. A body that breaks is asked for again."""
        for turn in range(1, _BODIES + 1):
            with translated(f"S3 bucket {self._where['Bucket']}"):
                answer = self._session.client("s3").get_object(Range=span, **self._where)
            try:
                with translated(f"S3 bucket {self._where['Bucket']}"):
                    return answer["Body"].read(), answer.get("ContentRange", "")
            except TransientError:
                if turn == _BODIES:
                    raise
        raise AssertionError("the last turn returns or raises")
