"""Where a query's sources are in the Glue Data Catalog, and whether they are still what was asked for.

Belongs here: Source -> Relation, and the look at what is published before and after a statement. A reader on S3 sees
one snapshot because its folder never changes; Athena goes by the catalogue, whose partition may be moved to the next
version while a query runs. Not here: who moves it (`catalog`), the statement.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import SegmentAssetsError, TransientError
from segment_assets.resources.aws.account_tables import WEEK
from segment_assets.resources.aws.catalog import PARTITION_KEY
from segment_assets.resources.aws.errors import translated
from segment_assets.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from segment_assets.resources.aws.athena_statement import Relation
    from segment_assets.resources.ports import Source

    TellAgain = Callable[[str, str], None]

SNAPSHOT = "snapshot"
# BatchGetPartition takes 1,000 by botocore's model; an answer holds a partition's whole description.
_AT_ONCE = 100
_NO_TABLE = "EntityNotFoundException"


@dataclasses.dataclass(frozen=True, slots=True)
class Sources:
    """The databases of the lake's tables and of account A's own. `account_version` tells a change of the latter."""

    glue: Any
    database: str
    account_database: str
    account_version: Callable[[str], str] | None

    def relation(self, source: Source) -> Relation:
        """What the source's name stands for in a statement."""
        from segment_assets.resources.aws.athena_statement import Relation

        table = TABLES[source.table]
        if source.snapshots is None:
            return Relation(self.account_database, table, WEEK, None if source.week is None else [source.week])
        return Relation(self.database, table, PARTITION_KEY, sorted(one.partition for one in source.snapshots))

    def marks(self, sources: Iterable[Source], tell_again: TellAgain | None = None) -> list[str]:
        """What decides which rows the sources have, for comparing before with after. Empty marks decide nothing.

        `tell_again` (table, partition) is called for what the catalogue does not name, which its publisher may not have
        been able to tell. Raises TransientError where the catalogue has another version of a snapshot's partition.
        """
        found = []
        for source in sorted(sources, key=lambda one: one.table):
            if source.snapshots is None:
                version = self.account_version(source.table) if self.account_version is not None else ""
                found.append(f"{source.table} {source.week or ''} {version}")
            else:
                ids = {one.partition: one.id for one in source.snapshots}
                self._compare(source.table, ids, tell_again)
                found += [f"{source.table} {partition} {ids[partition]}" for partition in sorted(ids)]
        return found

    def is_told_by_marks(self, sources: Iterable[Source]) -> bool:
        """Whether equal marks mean equal rows."""
        return self.account_version is not None or all(source.snapshots is not None for source in sources)

    def _compare(self, table: str, ids: Mapping[str, str], tell_again: TellAgain | None) -> None:
        published = self._published(table, sorted(ids), may_be_missing=tell_again is not None)
        behind = sorted(name for name, wanted in ids.items() if published.get(name) != wanted)
        if behind and tell_again is not None:
            for name in behind:
                tell_again(table, name)
            published |= self._published(table, behind)
        for partition, wanted in ids.items():
            if published.get(partition) != wanted:
                raise TransientError(
                    f"{table}[{partition}] changed while it was read: the catalogue has not the version that was asked "
                    "for; read the newest version and ask again"
                )

    def _published(self, table: str, partitions: list[str], *, may_be_missing: bool = False) -> dict[str, str]:
        """Partition -> the snapshot's id, of those that the catalogue has."""
        found = {}
        for start in range(0, len(partitions), _AT_ONCE):
            asked = [{"Values": [name]} for name in partitions[start : start + _AT_ONCE]]
            try:
                with translated(f"Glue table {self.database}.{table}"):
                    answer = self.glue.batch_get_partition(
                        DatabaseName=self.database, TableName=table, PartitionsToGet=asked
                    )
            except SegmentAssetsError as refusal:
                if may_be_missing and refusal.code == _NO_TABLE:
                    return {}
                raise
            # Also those that the table has not.
            if answer.get("UnprocessedKeys") and not may_be_missing:
                raise TransientError(f"Glue table {self.database}.{table}: not all partitions were told; ask again")
            for one in answer.get("Partitions", ()):
                found[one["Values"][0]] = one.get("Parameters", {}).get(SNAPSHOT, "")
        return found
