"""A lake over a lake: reads see both, writes stay above, so that a run can be rehearsed or repeated without a trace.

Belongs here: `OverlayLake`. Not here: what is rehearsed (`preview`) or repeated (`verifying`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from segment_assets.contracts import PermanentError

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow.dataset as pads

    from segment_assets.contracts import Lake, Snapshot, SnapshotWriter


@dataclasses.dataclass(frozen=True, slots=True)
class OverlayLake:
    """`above` takes what is written, `below` is only read. Objects of `below` that `hides` says yes to do not exist."""

    below: Lake
    above: Lake
    hides: Callable[[str], bool] = lambda _key: False

    def writer(self, table: str, partition: str) -> SnapshotWriter:
        """Start a new version, above."""
        return self.above.writer(table, partition)

    def current(self, table: str, partition: str) -> Snapshot | None:
        """The version published above, else the one below."""
        return self.above.current(table, partition) or self.below.current(table, partition)

    def snapshot(self, table: str, partition: str, snapshot_id: str) -> Snapshot:
        """One retained version of either. Raises PermanentError when neither has it."""
        try:
            return self.above.snapshot(table, partition, snapshot_id)
        except PermanentError:
            return self.below.snapshot(table, partition, snapshot_id)

    def partitions(self, table: str) -> list[str]:
        """Partitions of both."""
        return sorted({*self.above.partitions(table), *self.below.partitions(table)})

    def dataset(self, snapshot: Snapshot) -> pads.Dataset:
        """The rows of a snapshot of either: its address says where they are."""
        return self.above.dataset(snapshot)

    def put_if_absent(self, key: str, body: bytes) -> bool:
        """Create an object above, unless either has it."""
        return self._below(key) is None and self.above.put_if_absent(key, body)

    def get(self, key: str) -> bytes | None:
        """An object of either."""
        found = self.above.get(key)
        return self._below(key) if found is None else found

    def keys(self, prefix: str) -> list[str]:
        """Keys of both."""
        seen = (key for key in self.below.keys(prefix) if not self.hides(key))
        return sorted({*self.above.keys(prefix), *seen})

    def _below(self, key: str) -> bytes | None:
        return None if self.hides(key) else self.below.get(key)
