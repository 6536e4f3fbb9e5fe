"""The lake on a local disk: immutable snapshots, an atomic pointer per partition, conditionally created objects.

Belongs here: how bytes become a version that readers see, and nothing of what the bytes mean.
The S3 class of the same protocol is `resources.aws.lake`; both mint ids the same way (`snapshots`).
"""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any

from segment_assets.processes import aside
from segment_assets.resources.snapshots import (
    DATA_FILE,
    MANIFEST,
    POINTER,
    SnapshotFile,
    declared,
    described,
    kept_redacted,
    not_retained,
    safe_parts,
)
from segment_assets.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pyarrow as pa
    import pyarrow.dataset as pads

    from segment_assets.contracts import Snapshot


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
        pointer = self._partition_folder(table, partition) / POINTER
        try:
            snapshot_id = json.loads(pointer.read_text())["id"]
        except FileNotFoundError:
            return None
        return self.snapshot(table, partition, snapshot_id)

    def snapshot(self, table: str, partition: str, snapshot_id: str) -> Snapshot:
        """One retained version. Raises GoneError when it was removed by retention."""
        folder = self._partition_folder(table, partition) / snapshot_id
        try:
            manifest = json.loads((folder / MANIFEST).read_text())
        except FileNotFoundError:
            raise not_retained(table, partition, snapshot_id) from None
        return described(table, partition, snapshot_id, str(folder), manifest)

    def partitions(self, table: str) -> list[str]:
        """Partitions that have a published version."""
        base = self._root / "tables" / table
        return sorted(str(path.parent.relative_to(base)) for path in base.glob(f"**/{POINTER}"))

    def dataset(self, snapshot: Snapshot) -> pads.Dataset:
        """The rows in declared columns. Raises GoneError when they were removed by retention."""
        import pyarrow.dataset as pads

        try:
            return pads.dataset(snapshot.uri, format="parquet", schema=TABLES[snapshot.table].arrow_schema())
        except FileNotFoundError:
            raise not_retained(snapshot.table, snapshot.partition, snapshot.id) from None

    def versions(self, table: str, partition: str) -> list[str]:
        """The ids of all retained versions of a partition, sorted."""
        folder = self._partition_folder(table, partition)
        return sorted(path.parent.name for path in folder.glob(f"[!.]*/{MANIFEST}"))

    def rewrite(self, snapshot: Snapshot) -> LocalRewrite:
        """Start to write a version's rows anew, under its own id."""
        return LocalRewrite(self._partition_folder(snapshot.table, snapshot.partition), snapshot)

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
        before = len(str(self._root / "objects")) + 1
        # A ledger is listed several times in each delivery: a path object for every entry took most of that.
        found = ((folder[before:], name) for folder, _, names in os.walk(self._object(prefix)) for name in names)
        return sorted(f"{folder}/{name}" for folder, name in found if not name.startswith("."))

    def _object(self, key: str) -> Path:
        return self._root.joinpath("objects", *safe_parts(key))

    def _partition_folder(self, table: str, partition: str) -> Path:
        return self._root.joinpath("tables", declared(table), *safe_parts(partition))


class LocalSnapshotWriter:
    """Writes Parquet into a staging folder, and publishes it under the digest of its bytes."""

    def __init__(self, folder: Path, table: str, partition: str) -> None:
        self._folder, self._table, self._partition = folder, table, partition
        self._staging = folder / aside("staging")
        self._staging.mkdir(parents=True)
        self._file = SnapshotFile(self._staging / DATA_FILE, table)

    def write(self, data: pa.RecordBatch | pa.Table) -> None:
        """Append rows; columns are put into declared order, a wrong type is refused."""
        self._file.write(data)

    def publish(self, stats: Mapping[str, object]) -> Snapshot:
        """Move the version in place, then the pointer. Of an equal version only the stats are replaced."""
        snapshot_id = self._file.close()
        manifest: dict[str, Any] = {"rows": self._file.rows, "stats": dict(stats)}
        (self._staging / MANIFEST).write_text(json.dumps(manifest, sort_keys=True))
        target = self._folder / snapshot_id
        try:
            self._staging.replace(target)
        except OSError:
            # The rows are there already (perhaps since a moment ago, by another writer): what is said of them is newer.
            manifest = kept_redacted(manifest, json.loads((target / MANIFEST).read_text()))
            (self._staging / MANIFEST).write_text(json.dumps(manifest, sort_keys=True))
            (self._staging / MANIFEST).replace(target / MANIFEST)
            shutil.rmtree(self._staging)
        pointer = self._folder / aside("pointer")
        pointer.write_text(json.dumps({"id": snapshot_id}))
        pointer.replace(self._folder / POINTER)
        return described(self._table, self._partition, snapshot_id, str(target), manifest)


class LocalRewrite:
    """Writes the rows of a version that stay beside it, and moves them over its own."""

    def __init__(self, folder: Path, snapshot: Snapshot) -> None:
        self._folder, self._snapshot, self._digest = folder, snapshot, ""
        self._staging = folder / aside("staging")
        self._staging.mkdir(parents=True)
        self._file = SnapshotFile(self._staging / DATA_FILE, snapshot.table)

    def write(self, data: pa.RecordBatch | pa.Table) -> None:
        """Append rows, as a writer does."""
        self._file.write(data)

    def close(self) -> str:
        """Finish writing. Returns the digest that the version's data will have."""
        self._digest = self._digest or self._file.close()
        return self._digest

    def replace(self) -> Snapshot:
        """Move the rows over the version's own, then say so.

        A scan that has begun reads the old file to its end. A dataset that was scanned before and is scanned again
        knows where the columns of the old file were: that raises OSError, and whoever asks the lake anew reads on.
        """
        digest, told = self.close(), self._snapshot
        target = self._folder / told.id
        manifest: dict[str, Any] = {"rows": self._file.rows, "stats": dict(told.stats), "redacted": digest}
        (self._staging / DATA_FILE).replace(target / DATA_FILE)
        (self._staging / MANIFEST).write_text(json.dumps(manifest, sort_keys=True))
        (self._staging / MANIFEST).replace(target / MANIFEST)
        self._staging.rmdir()
        return described(told.table, told.partition, told.id, str(target), manifest)
