"""What every lake has in common: the bytes of a snapshot, and which names are safe.

Belongs here: how rows become the one Parquet file whose digest is the snapshot's id. Not here: where it is put.
"""

from __future__ import annotations

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import GoneError, PermanentError, Snapshot
from segment_assets.identity.hashing import DIGEST_BYTES
from segment_assets.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    import pyarrow as pa

# Fixed, so that equal rows give equal bytes and therefore equal snapshot ids, whatever the batches were.
ROWS_PER_GROUP = 131_072
DATA_FILE, MANIFEST, POINTER = "part-00000.parquet", "_manifest.json", "current.json"
_PIECE = 1 << 18
_SAFE_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._=@+-]{0,200}")
# Columns of digests that hardly two rows share: a dictionary or a compressor finds nothing in them. Without either,
# people are written in half the time and read in two thirds; names, places and birthdays keep both.
_HARDLY_SHARED = re.compile(r".+_id|digest|email.*|phone.*|mobile_ad_id.*")


class SnapshotFile:
    """Rows of one declared table, streamed into a Parquet file that does not depend on how they were batched."""

    def __init__(self, path: Path, table: str) -> None:
        import pyarrow.parquet as pq

        self.path = path
        self.rows = 0
        self._table, self._schema = table, TABLES[table].arrow_schema()
        own = {name for name in self._schema.names if _is_hardly_shared(self._schema.field(name))}
        self._parquet = pq.ParquetWriter(
            path,
            self._schema,
            compression={name: "none" if name in own else "zstd" for name in self._schema.names},
            use_dictionary=[name for name in self._schema.names if name not in own],
        )
        self._pending: list[pa.Table] = []
        self._pending_rows = 0
        self._digest = _GrowingDigest(path)

    def write(self, data: pa.RecordBatch | pa.Table) -> None:
        """Append rows; columns are put into declared order.

        A wrong type is refused, and so is a row without a column: only of a sparse table those that may be null can be
        left out. There a column that is not declared is refused, since its rows are without the one that was meant.
        """
        import pyarrow as pa

        table = pa.Table.from_batches([data]) if isinstance(data, pa.RecordBatch) else data
        self._check_columns(table.column_names)
        # What nobody has is not kept waiting: absent digests take as much memory as present ones.
        held = [field for field in self._schema if not _is_absent(table, field)] or [self._schema.field(0)]
        self._pending.append(table.select([field.name for field in held]).cast(pa.schema(held)))
        self._pending_rows += table.num_rows
        if self._pending_rows >= ROWS_PER_GROUP:
            self._flush(final=False)
            self._digest.follow()

    def close(self) -> str:
        """Complete the file and give its id: the SHA-256 of its bytes, in hex."""
        self._flush(final=True)
        self._parquet.close()
        return self._digest.hexdigest()

    def _check_columns(self, there: Collection[str]) -> None:
        is_sparse = TABLES[self._table].is_sparse
        missing = [f.name for f in self._schema if f.name not in there and not (is_sparse and f.nullable)]
        if missing:
            raise PermanentError(f"rows for table {self._table!r} come without its columns {', '.join(missing)}")
        unknown = sorted(set(there) - set(self._schema.names)) if is_sparse else []
        if unknown:
            raise PermanentError(
                f"rows for table {self._table!r} come with columns that are not declared: {', '.join(unknown)}"
            )

    def _flush(self, *, final: bool) -> None:
        import pyarrow as pa

        if not self._pending_rows:
            return
        pending = pa.concat_tables(self._pending, promote_options="default")
        whole = pending.num_rows if final else pending.num_rows - pending.num_rows % ROWS_PER_GROUP
        # Rows are held once: what was combined is let go of before more come, and what came before it is written.
        rows, pending = pending.slice(0, whole).combine_chunks(), pending.slice(whole)
        self._pending, self._pending_rows = ([pending] if pending.num_rows else []), pending.num_rows
        self._parquet.write_table(self._in_all_columns(rows), row_group_size=ROWS_PER_GROUP)
        self.rows += whole

    def _in_all_columns(self, rows: pa.Table) -> pa.Table:
        import pyarrow as pa

        absent = {field.type for field in self._schema if field.name not in rows.column_names}
        nulls = {kind: pa.nulls(rows.num_rows, kind) for kind in absent}
        cells = [rows[f.name] if f.name in rows.column_names else nulls[f.type] for f in self._schema]
        return pa.table(cells, schema=self._schema)


class _GrowingDigest:
    """The SHA-256 of a file that is only ever written on at its end.

    Another thread keeps up with a long file: hashlib lets go of the interpreter, and no core makes it any faster.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._sha256, self._hashed = path, hashlib.sha256(), 0
        self._thread: ThreadPoolExecutor | None = None

    def follow(self) -> None:
        """Take in what there is by now, meanwhile."""
        self._thread = self._thread or ThreadPoolExecutor(1)
        self._thread.submit(self._read_on)

    def hexdigest(self) -> str:
        """The digest of all that there is, in hex. Nothing may be written any more."""
        if self._thread is not None:
            self._thread.shutdown()
        # The rest, and what the thread could not read: then this raises why.
        self._read_on()
        return self._sha256.hexdigest()

    def _read_on(self) -> None:
        piece = memoryview(bytearray(_PIECE))
        with self._path.open("rb", buffering=0) as file:
            file.seek(self._hashed)
            while read := file.readinto(piece):
                self._sha256.update(piece[:read])
                self._hashed += read


def _is_absent(table: pa.Table, field: pa.Field[Any]) -> bool:
    """Whether a table has nothing in a column that may be null."""
    if not field.nullable:
        return False
    return field.name not in table.column_names or table[field.name].null_count == table.num_rows


def _is_hardly_shared(field: pa.Field[Any]) -> bool:
    import pyarrow as pa

    return bool(field.type == pa.binary(DIGEST_BYTES) and _HARDLY_SHARED.fullmatch(field.name))


def described(table: str, partition: str, snapshot_id: str, uri: str, manifest: Mapping[str, Any]) -> Snapshot:
    """A version as its manifest tells it."""
    redacted = manifest.get("redacted", "")
    return Snapshot(table, partition, snapshot_id, uri, manifest["rows"], manifest["stats"], redacted)


def kept_redacted(manifest: Mapping[str, Any], there: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of an equal version that is published again: whoever was taken out of it does not come back."""
    if not there.get("redacted"):
        return dict(manifest)
    return {**manifest, "rows": there["rows"], "redacted": there["redacted"]}


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


def not_retained(table: str, partition: str, snapshot_id: str) -> GoneError:
    """For whoever asks for a version that is not there."""
    return GoneError(
        f"{table}[{partition}] has no version {snapshot_id[:12]}: it is past its retention or of another lake"
    )
