"""How the pure rooms reach tables and small objects.

Not here: where these are (`resources`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    import pyarrow.dataset as pads


@dataclasses.dataclass(frozen=True, slots=True)
class Snapshot:
    """An immutable version of one table partition.

    `id` is minted from the content (SHA-256 hex over the data files), so equal content has an equal id.
    `uri` is the folder that holds the Parquet files. `stats` are counts and settings that readers judge
    without opening the data; never an identifier.

    `redacted`: SHA-256 hex of the rows that are left where people were taken out who asked to be forgotten; the id
    stays what it was, since that is the version's name. Empty where nobody was.
    """

    table: str
    partition: str
    id: str
    uri: str
    rows: int
    stats: Mapping[str, object]
    redacted: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 hex of the data file as it has to be now."""
        return self.redacted or self.id


class SnapshotWriter(Protocol):
    """Collects batches for a snapshot that is not visible until `publish`."""

    def write(self, data: pa.RecordBatch | pa.Table) -> None:
        """Append rows of the table's declared columns and types. A nullable column that nobody has may be left out."""
        ...

    def publish(self, stats: Mapping[str, object]) -> Snapshot:
        """Make what was written the current version, in one atomic move, and return it."""
        ...


class Lake(Protocol):
    """Tables as immutable snapshots, and small objects with conditional creation."""

    def writer(self, table: str, partition: str) -> SnapshotWriter:
        """Start a new version of a partition. Nothing is seen by readers before `publish`."""
        ...

    def current(self, table: str, partition: str) -> Snapshot | None:
        """The published version, or None when there is none."""
        ...

    def snapshot(self, table: str, partition: str, snapshot_id: str) -> Snapshot:
        """One retained version. Raises GoneError when it is not retained any more."""
        ...

    def partitions(self, table: str) -> list[str]:
        """The partitions of a table that have a published version, sorted."""
        ...

    def dataset(self, snapshot: Snapshot) -> pads.Dataset:
        """The rows of a snapshot, for streaming (`to_batches`) or for DuckDB. Raises GoneError as `snapshot` does."""
        ...

    def put_if_absent(self, key: str, body: bytes) -> bool:
        """Create an object. False, and no change, when the key exists already."""
        ...

    def get(self, key: str) -> bytes | None:
        """An object's bytes, or None."""
        ...

    def keys(self, prefix: str) -> list[str]:
        """The keys below a prefix, sorted."""
        ...


class Rewrite(Protocol):
    """The rows of a retained version that stay. Nothing is changed before `replace`."""

    def write(self, data: pa.RecordBatch | pa.Table) -> None:
        """Append rows, as SnapshotWriter does."""
        ...

    def close(self) -> str:
        """Finish writing. Returns the digest that the version's data will have."""
        ...

    def replace(self) -> Snapshot:
        """Put the rows in the place of the version's, for good. May be repeated with the same rows."""
        ...


class RedactingLake(Lake, Protocol):
    """A lake that can take people out of versions that are retained (`delivery.redacting`)."""

    def versions(self, table: str, partition: str) -> list[str]:
        """The ids of all retained versions of a partition, sorted."""
        ...

    def rewrite(self, snapshot: Snapshot) -> Rewrite:
        """Start to write a version's rows anew, under its own id."""
        ...
