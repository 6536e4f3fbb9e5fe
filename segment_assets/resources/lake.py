"""The lake on a local disk: immutable snapshots, an atomic pointer per partition, conditionally created objects.

Belongs here: how bytes become a version that readers see, and nothing of what the bytes mean.
The S3 class of the same protocol comes with the AWS world; both mint ids the same way.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import PermanentError, Snapshot
from segment_assets.processes import aside
from segment_assets.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pyarrow as pa
    import pyarrow.dataset as pads

# Fixed, so that equal rows give equal bytes and therefore equal snapshot ids, whatever the batches were.
ROWS_PER_GROUP = 131_072
_SAFE_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._=@+-]{0,200}")


class LocalLake:
    """Tables below `root/tables/<table>/<partition>/<snapshot id>/`, objects below `root/objects/`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def __repr__(self) -> str:
        return f"LocalLake({str(self._root)!r})"

    def writer(self, table: str, partition: str) -> LocalSnapshotWriter:
        """Start a new version. A writer that is dropped leaves a staging folder, never a half-written version."""
        return LocalSnapshotWriter(self._partition_folder(table, partition), table, partition)

    def current(self, table: str, partition: str) -> Snapshot | None:
        """The published version of a partition."""
        pointer = self._partition_folder(table, partition) / "current.json"
        try:
            snapshot_id = json.loads(pointer.read_text())["id"]
        except FileNotFoundError:
            return None
        return self.snapshot(table, partition, snapshot_id)

    def snapshot(self, table: str, partition: str, snapshot_id: str) -> Snapshot:
        """One retained version. Raises PermanentError when it was removed by retention."""
        folder = self._partition_folder(table, partition) / snapshot_id
        try:
            manifest = json.loads((folder / "_manifest.json").read_text())
        except FileNotFoundError:
            raise PermanentError(
                f"{table}[{partition}] has no version {snapshot_id[:12]}: it is past its retention or of another lake"
            ) from None
        return Snapshot(table, partition, snapshot_id, str(folder), manifest["rows"], manifest["stats"])

    def partitions(self, table: str) -> list[str]:
        """Partitions that have a published version."""
        base = self._root / "tables" / table
        return sorted(str(path.parent.relative_to(base)) for path in base.glob("**/current.json"))

    def dataset(self, snapshot: Snapshot) -> pads.Dataset:
        """The rows in declared columns."""
        import pyarrow.dataset as pads

        return pads.dataset(snapshot.uri, format="parquet", schema=TABLES[snapshot.table].arrow_schema())

    def put_if_absent(self, key: str, body: bytes) -> bool:
        """Create an object unless it exists. The object is complete as soon as it can be seen."""
        target = self._object(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        staged = target.parent / aside("object")
        with staged.open("xb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        try:
            # A hard link fails when the name is taken: create-if-absent, and atomic with its content.
            os.link(staged, target)
        except FileExistsError:
            return False
        finally:
            staged.unlink()
        return True

    def get(self, key: str) -> bytes | None:
        """An object's bytes, or None."""
        try:
            return self._object(key).read_bytes()
        except FileNotFoundError:
            return None

    def keys(self, prefix: str) -> list[str]:
        """Keys below a prefix (a folder, no trailing slash), sorted."""
        base = self._root / "objects"
        folder = self._object(prefix)
        found = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
        return sorted(str(path.relative_to(base)) for path in found)

    def _object(self, key: str) -> Path:
        return self._root.joinpath("objects", *_checked(key))

    def _partition_folder(self, table: str, partition: str) -> Path:
        if table not in TABLES:
            raise PermanentError(f"table {table!r} is not declared in segment_assets/tables")
        return self._root.joinpath("tables", table, *_checked(partition))


class LocalSnapshotWriter:
    """Writes Parquet into a staging folder, and publishes it under the digest of its bytes."""

    def __init__(self, folder: Path, table: str, partition: str) -> None:
        import pyarrow.parquet as pq

        self._folder, self._table, self._partition = folder, table, partition
        self._schema = TABLES[table].arrow_schema()
        self._staging = folder / aside("staging")
        self._staging.mkdir(parents=True)
        self._file = self._staging / "part-00000.parquet"
        self._parquet = pq.ParquetWriter(self._file, self._schema, compression="zstd")
        self._pending: list[pa.Table] = []
        self._pending_rows = 0
        self._rows = 0

    def write(self, data: pa.RecordBatch | pa.Table) -> None:
        """Append rows; columns are put into declared order, a wrong type is refused."""
        import pyarrow as pa

        table = pa.Table.from_batches([data]) if isinstance(data, pa.RecordBatch) else data
        self._pending.append(table.select(self._schema.names).cast(self._schema))
        self._pending_rows += table.num_rows
        if self._pending_rows >= ROWS_PER_GROUP:
            self._flush(final=False)

    def publish(self, stats: Mapping[str, object]) -> Snapshot:
        """Move the version in place, then the pointer. Of an equal version only the stats are replaced."""
        self._flush(final=True)
        self._parquet.close()
        snapshot_id = _sha256_of(self._file)
        manifest: dict[str, Any] = {"rows": self._rows, "stats": dict(stats)}
        (self._staging / "_manifest.json").write_text(json.dumps(manifest, sort_keys=True))
        target = self._folder / snapshot_id
        try:
            self._staging.replace(target)
        except OSError:
            # The rows are there already (perhaps since a moment ago, by another writer): what is said of them is newer.
            (self._staging / "_manifest.json").replace(target / "_manifest.json")
            shutil.rmtree(self._staging)
        pointer = self._folder / aside("pointer")
        pointer.write_text(json.dumps({"id": snapshot_id}))
        pointer.replace(self._folder / "current.json")
        return Snapshot(self._table, self._partition, snapshot_id, str(target), self._rows, dict(stats))

    def _flush(self, *, final: bool) -> None:
        import pyarrow as pa

        if not self._pending_rows:
            return
        rows = pa.concat_tables(self._pending).combine_chunks()
        whole = rows.num_rows if final else rows.num_rows - rows.num_rows % ROWS_PER_GROUP
        self._parquet.write_table(rows.slice(0, whole), row_group_size=ROWS_PER_GROUP)
        self._rows += whole
        self._pending = [rows.slice(whole)] if whole < rows.num_rows else []
        self._pending_rows = rows.num_rows - whole


def _sha256_of(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _checked(key: str) -> list[str]:
    """Split a key into safe path parts: partition names come from the plan and from file names."""
    parts = key.split("/")
    if not all(_SAFE_PART.fullmatch(part) for part in parts):
        raise PermanentError(
            f"{key!r} cannot be a key of the lake: use letters, digits and . _ = @ + - between slashes"
        )
    return parts
