"""The lake on S3: immutable snapshots, a pointer per partition that is moved by conditional writes, objects made once.

Belongs here: which keys there are, and which conditions keep two writers apart. Not here: the bytes of a snapshot
(`resources.snapshots`, the same as locally), the Data Catalog (`catalog`).

    <prefix>/tables/<table>/<partition>/<snapshot id>/part-00000.parquet, _manifest.json
    <prefix>/pointers/<table>/<partition>/current.json      beside the tables, so that partitions are listed by these
    <prefix>/objects/<key>

Tried against MiniStack and SeaweedFS, never against AWS; `objects` says what is known about conditional writes.
"""

from __future__ import annotations

import json
import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import PermanentError, SegmentAssetsError
from segment_assets.processes import workdir as process_workdir
from segment_assets.resources.aws.copies import Copies
from segment_assets.resources.aws.kept import Kept
from segment_assets.resources.aws.objects import MOVES, Objects
from segment_assets.resources.aws.uris import bucket_and_prefix
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

    import pyarrow as pa
    import pyarrow.dataset as pads

    from segment_assets.contracts import Snapshot
    from segment_assets.resources.aws.catalog import GlueCatalog
    from segment_assets.resources.aws.session import AwsSession

_REDACTED = "redacted"
_LOG = logging.getLogger(__name__)


class S3Lake:
    """Fulfils `contracts.Lake`. `uri` is s3://bucket/prefix, `workdir` scratch space of this process.

    `kms_key` encrypts what is written; without it the bucket's own setting does. A `catalog` is told of every version.
    """

    def __init__(
        self,
        session: AwsSession,
        uri: str,
        *,
        kms_key: str = "",
        catalog: GlueCatalog | None = None,
        workdir: Path | None = None,
    ) -> None:
        self.bucket, self._prefix = bucket_and_prefix(uri)
        self._objects, self._catalog = Objects(session, self.bucket, kms_key), catalog
        self._kept = Kept()
        scratch = workdir or process_workdir(Path(tempfile.gettempdir()) / "segment-assets")
        self.copies = Copies(session, scratch / "copies")

    def __repr__(self) -> str:
        return f"S3Lake('s3://{self.bucket}/{self._prefix}')"

    def writer(self, table: str, partition: str) -> S3SnapshotWriter:
        """Start a new version, on this machine's disk: a writer that is dropped leaves nothing in S3."""
        return S3SnapshotWriter(self, declared(table), "/".join(safe_parts(partition)))

    def current(self, table: str, partition: str) -> Snapshot | None:
        """The published version of a partition: two GETs."""
        found = self._objects.read(self._pointer(table, partition))
        return None if found is None else self.snapshot(table, partition, json.loads(found[0])["id"])

    def snapshot(self, table: str, partition: str, snapshot_id: str) -> Snapshot:
        """One retained version. Raises PermanentError when it was removed by retention."""
        folder = self._version(table, partition, snapshot_id)
        found = self._objects.read(f"{folder}/{MANIFEST}")
        if found is None:
            raise not_retained(table, partition, snapshot_id)
        return described(table, partition, snapshot_id, f"s3://{self.bucket}/{folder}", json.loads(found[0]))

    def partitions(self, table: str) -> list[str]:
        """Partitions that have a published version: one LIST for each thousand, however many versions they have."""
        base = f"{self._prefix}pointers/{table}/"
        return sorted(key.removeprefix(base).removesuffix(f"/{POINTER}") for key in self._objects.listed(base))

    def dataset(self, snapshot: Snapshot) -> pads.Dataset:
        """The rows in declared columns, of a copy on this machine whose digest is the snapshot's."""
        import pyarrow.dataset as pads

        bucket, folder = bucket_and_prefix(snapshot.uri)
        try:
            copy = self.copies.of(bucket, f"{folder}{DATA_FILE}", snapshot.digest, sha256=snapshot.digest)
        except PermanentError:
            # People may have been taken out of it since, by a run that has not said so yet: the object does.
            told = self._objects.head(f"{folder}{DATA_FILE}")
            digest = told["Metadata"].get(_REDACTED, "") if told is not None else ""
            if digest in {"", snapshot.digest}:
                raise
            copy = self.copies.of(bucket, f"{folder}{DATA_FILE}", digest, sha256=digest)
        return pads.dataset(copy, format="parquet", schema=TABLES[snapshot.table].arrow_schema())

    def versions(self, table: str, partition: str) -> list[str]:
        """The ids of all retained versions of a partition, sorted."""
        base = f"{self._version(table, partition, '')}"
        keys = (key.removeprefix(base).split("/") for key in self._objects.listed(base))
        return sorted(parts[0] for parts in keys if parts[1:] == [MANIFEST])

    def rewrite(self, snapshot: Snapshot) -> S3Rewrite:
        """Start to write a version's rows anew, under its own id, on this machine's disk."""
        return S3Rewrite(self, snapshot)

    def put_if_absent(self, key: str, body: bytes) -> bool:
        """Create an object. False, and no change, when the key exists already (`Objects.create`)."""
        return self._objects.create(self._object(key), body)

    def get(self, key: str) -> bytes | None:
        """An object's bytes, or None. One GET for as long as this process keeps them: no object is ever replaced."""
        name = self._object(key)
        kept = self._kept.get(name)
        if kept is not None:
            return kept
        found = self._objects.read(name)
        if found is None:
            return None
        self._kept.put(name, found[0])
        return found[0]

    def keys(self, prefix: str) -> list[str]:
        """Keys below a prefix (a folder, no trailing slash), sorted."""
        base = f"{self._prefix}objects/"
        return sorted(key.removeprefix(base) for key in self._objects.listed(f"{self._object(prefix)}/"))

    def publish(self, file: SnapshotFile, table: str, partition: str, stats: Mapping[str, object]) -> Snapshot:
        """Put a version's file, what is said of it, and then the pointer; last tell the catalogue.

        What the catalogue cannot be told is in the log: the version is published, and no run may fail for a view of it,
        an opt-out least of all. `tell_again` mends it.
        """
        snapshot_id = file.close()
        folder = self._version(table, partition, snapshot_id)
        data = f"{folder}/{DATA_FILE}"
        manifest: dict[str, Any] = {"rows": file.rows, "stats": dict(stats)}
        there = self._objects.read(f"{folder}/{MANIFEST}")
        manifest = kept_redacted(manifest, json.loads(there[0])) if there is not None else manifest
        if not manifest.get("redacted"):
            self._objects.upload(data, file.path, snapshot_id)
        # Of an equal version only this is replaced.
        self._objects.put(f"{folder}/{MANIFEST}", json.dumps(manifest, sort_keys=True).encode())
        self._objects.move(self._pointer(table, partition), snapshot_id)
        made = described(table, partition, snapshot_id, f"s3://{self.bucket}/{folder}", manifest)
        try:
            self._tell(made)
        except SegmentAssetsError as trouble:
            _LOG.warning("a version of %s is published, and the catalogue does not name it yet: %s", table, trouble)
        if made.redacted:
            file.path.unlink()
        else:
            self.copies.keep(file.path, self.bucket, data, snapshot_id)
        return made

    def put_instead(self, file: SnapshotFile, told: Snapshot, digest: str) -> Snapshot:
        """Put the rows of a version that stay over its own, then say so.

        Where the bucket keeps earlier versions of objects, the old rows go by its rule for these.
        """
        folder = self._version(told.table, told.partition, told.id)
        manifest = {"rows": file.rows, "stats": dict(told.stats), "redacted": digest}
        self._objects.replace(f"{folder}/{DATA_FILE}", file.path, digest, {_REDACTED: digest})
        self._objects.put(f"{folder}/{MANIFEST}", json.dumps(manifest, sort_keys=True).encode())
        self.copies.forget(self.bucket, f"{folder}/{DATA_FILE}", told.digest)
        self.copies.keep(file.path, self.bucket, f"{folder}/{DATA_FILE}", digest)
        return described(told.table, told.partition, told.id, told.uri, manifest)

    def tell_again(self, table: str, partition: str) -> None:
        """Let the catalogue name a partition's current version, where its publisher could not tell it."""
        now = self.current(table, partition)
        if now is not None:
            self._tell(now)

    def _tell(self, made: Snapshot) -> None:
        """Let the catalogue name what the pointer names.

        Two publishers may come here in another order than at the pointer. Each looks at the pointer after it has
        spoken, so whoever speaks last has spoken of the newest version.
        """
        if self._catalog is None:
            return
        spoken = made
        for _ in range(MOVES):
            self._catalog.point(spoken, f"s3://{self.bucket}/{self._prefix}tables/{spoken.table}")
            now = self.current(made.table, made.partition)
            if now is None or now.id == spoken.id:
                return
            spoken = now
        raise self._objects.too_many("a partition of the catalogue")

    def _object(self, key: str) -> str:
        return f"{self._prefix}objects/{'/'.join(safe_parts(key))}"

    def _pointer(self, table: str, partition: str) -> str:
        return f"{self._prefix}pointers/{declared(table)}/{'/'.join(safe_parts(partition))}/{POINTER}"

    def _version(self, table: str, partition: str, snapshot_id: str) -> str:
        return f"{self._prefix}tables/{declared(table)}/{'/'.join(safe_parts(partition))}/{snapshot_id}"


class S3SnapshotWriter:
    """Writes Parquet on this machine, and puts it into S3 when it is published."""

    def __init__(self, lake: S3Lake, table: str, partition: str) -> None:
        self._lake, self._table, self._partition = lake, table, partition
        self._file = SnapshotFile(lake.copies.new(), table)

    def write(self, data: pa.RecordBatch | pa.Table) -> None:
        """Append rows; columns are put into declared order, a wrong type is refused."""
        self._file.write(data)

    def publish(self, stats: Mapping[str, object]) -> Snapshot:
        """Upload the version, then move the pointer. Of an equal version only the stats are replaced."""
        return self._lake.publish(self._file, self._table, self._partition, stats)


class S3Rewrite:
    """Writes the rows of a version that stay on this machine, and puts them in the place of its own."""

    def __init__(self, lake: S3Lake, snapshot: Snapshot) -> None:
        self._lake, self._snapshot, self._digest = lake, snapshot, ""
        self._file = SnapshotFile(lake.copies.new(), snapshot.table)

    def write(self, data: pa.RecordBatch | pa.Table) -> None:
        """Append rows, as a writer does."""
        self._file.write(data)

    def close(self) -> str:
        """Finish writing. Returns the digest that the version's data will have."""
        self._digest = self._digest or self._file.close()
        return self._digest

    def replace(self) -> Snapshot:
        """Upload the rows over the version's own."""
        return self._lake.put_instead(self._file, self._snapshot, self.close())
