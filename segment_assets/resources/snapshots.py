"""What every lake has in common: the bytes of a snapshot, and which names are safe.

Belongs here: how rows become the one Parquet file whose digest is the snapshot's id. Not here: where it is put.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from segment_assets.contracts import PermanentError
from segment_assets.tables import TABLES

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

# Fixed, so that equal rows give equal bytes and therefore equal snapshot ids, whatever the batches were.
ROWS_PER_GROUP = 131_072
DATA_FILE, MANIFEST, POINTER = "part-00000.parquet", "_manifest.json", "current.json"
_SAFE_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._=@+-]{0,200}")


class SnapshotFile:
    """Rows of one declared table, streamed into a Parquet file that does not depend on how they were batched."""

    def __init__(self, path: Path, table: str) -> None:
        import pyarrow.parquet as pq

        self.path = path
        self.rows = 0
        self._schema = TABLES[table].arrow_schema()
        self._parquet = pq.ParquetWriter(path, self._schema, compression="zstd")
        self._pending: list[pa.Table] = []
        self._pending_rows = 0

    def write(self, data: pa.RecordBatch | pa.Table) -> None:
        """Append rows; columns are put into declared order, a wrong type is refused."""
        import pyarrow as pa

        table = pa.Table.from_batches([data]) if isinstance(data, pa.RecordBatch) else data
        self._pending.append(table.select(self._schema.names).cast(self._schema))
        self._pending_rows += table.num_rows
        if self._pending_rows >= ROWS_PER_GROUP:
            self._flush(final=False)

    def close(self) -> str:
        """Complete the file and give its id: the SHA-256 of its bytes, in hex."""
        self._flush(final=True)
        self._parquet.close()
        return sha256_of(self.path)

    def _flush(self, *, final: bool) -> None:
        import pyarrow as pa

        if not self._pending_rows:
            return
        rows = pa.concat_tables(self._pending).combine_chunks()
        whole = rows.num_rows if final else rows.num_rows - rows.num_rows % ROWS_PER_GROUP
        self._parquet.write_table(rows.slice(0, whole), row_group_size=ROWS_PER_GROUP)
        self.rows += whole
        self._pending = [rows.slice(whole)] if whole < rows.num_rows else []
        self._pending_rows = rows.num_rows - whole


def sha256_of(file: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def safe_parts(key: str) -> list[str]:
    """Split a key into safe path parts: partition names come from the plan and from file names."""
    parts = key.split("/")
    if not all(_SAFE_PART.fullmatch(part) for part in parts):
        raise PermanentError(
            f"{key!r} cannot be a key of the lake: use letters, digits and . _ = @ + - between slashes"
        )
    return parts


def declared(table: str) -> str:
    """The name of a table. Raises PermanentError for one that is not declared."""
    if table not in TABLES:
        raise PermanentError(f"table {table!r} is not declared in segment_assets/tables")
    return table


def not_retained(table: str, partition: str, snapshot_id: str) -> PermanentError:
    """For whoever asks for a version that is not there."""
    return PermanentError(
        f"{table}[{partition}] has no version {snapshot_id[:12]}: it is past its retention or of another lake"
    )
