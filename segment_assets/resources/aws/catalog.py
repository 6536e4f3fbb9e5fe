"""The Glue Data Catalog: our declared tables as Athena and others find them, each partition at its published version.

Belongs here: what a declared table is in Glue's words, and moving a partition. Not here: which version is published
(`lake`), account A's own tables (`account_tables`).

Tried against MiniStack and against botocore's model of the service, never against AWS.
https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-catalog.html
"""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import SegmentAssetsError, TransientError
from segment_assets.resources.aws.errors import of_code, translated
from segment_assets.tables import TABLES, Table, Type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from segment_assets.contracts import Snapshot
    from segment_assets.resources.aws.session import AwsSession

PARTITION_KEY = "partition"
# Hive's names. A digest has a fixed length in Parquet only.
GLUE_TYPES: Mapping[Type, str] = {kind: kind.value for kind in Type} | {Type.DIGEST: "binary"}
_PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
}
# Glue's limits, in characters.
_COMMENT, _DESCRIPTION = 255, 2048
_TRIES, _PAUSE_SECONDS = 6, 0.1
_MISSING, _THERE, _BUSY = "EntityNotFoundException", "AlreadyExistsException", "ConcurrentModificationException"


@dataclasses.dataclass(frozen=True, slots=True)
class GlueCatalog:
    """One database of our tables. Everything may be said twice, and by several processes at the same time.

    Its role needs CreateTable, GetTable, UpdateTable, CreatePartition and BatchUpdatePartition, and CreateDatabase
    where nobody else creates the database.
    """

    session: AwsSession
    database: str
    # Tables that this process has seen to be as declared.
    _seen: set[str] = dataclasses.field(default_factory=set, init=False, compare=False, repr=False)

    def create(self, location: str, tables: Iterable[str] | None = None) -> None:
        """Create tables, and the database, or bring them up to what is declared. `location` is s3://…/tables.

        Without `tables`: all declared ones.
        """
        for name in TABLES if tables is None else tables:
            self._ensure(table_input(TABLES[name], f"{location}/{name}/"))

    def point(self, snapshot: Snapshot, location: str) -> None:
        """Move a partition to a version, and create what is missing for that. `location` is the table's folder."""
        table = TABLES[snapshot.table]
        partition = partition_input(table, snapshot)
        told = {"DatabaseName": self.database, "TableName": table.name, "PartitionInput": partition}
        # A second time where another process creates the partition, or somebody removed the table, in between.
        for _ in range(2):
            if table.name not in self._seen:
                self._ensure(table_input(table, f"{location}/"))
                self._seen.add(table.name)
            if self._moved(table.name, partition) or not self._said("create_partition", **told):
                return
            self._seen.discard(table.name)
        raise TransientError(
            f"{self._what}: a partition of {table.name} can neither be created nor moved; tried again later"
        )

    def _moved(self, table: str, partition: Mapping[str, Any]) -> bool:
        """Whether a partition was there to be moved. A batch of one, because MiniStack knows no other call."""
        entry = {"PartitionValueList": partition["Values"], "PartitionInput": partition}

        def ask(glue: Any) -> None:
            answer = glue.batch_update_partition(DatabaseName=self.database, TableName=table, Entries=[entry])
            # An answer of 200 tells in its body what went wrong.
            for error in answer.get("Errors", ()):
                raise of_code(self._what, error["ErrorDetail"]["ErrorCode"])

        try:
            self._call(ask)
        except SegmentAssetsError as refusal:
            if refusal.code == _MISSING:
                return False
            raise
        return True

    def _ensure(self, wanted: Mapping[str, Any]) -> None:
        """Have a table as it is declared."""
        told = {"DatabaseName": self.database, "TableInput": wanted}
        said = self._said("create_table", **told)
        if said == _MISSING:
            described = {"Name": self.database, "Description": "Tables of segment_assets, see docs/aws.md"}
            self._said("create_database", DatabaseInput=described)
            said = self._said("create_table", **told)
        if said != _THERE:
            return
        there = self._call(lambda glue: glue.get_table(DatabaseName=self.database, Name=wanted["Name"]))["Table"]
        if not _holds(there, wanted):
            # Glue keeps every version of a table otherwise.
            self._said("update_table", **told, SkipArchive=True)

    def _said(self, operation: str, **arguments: Any) -> str:
        """Call, and give the code of an answer that means "there already" or "not there", else nothing."""
        try:
            self._call(lambda glue: getattr(glue, operation)(**arguments))
        except SegmentAssetsError as refusal:
            if refusal.code in {_MISSING, _THERE}:
                return refusal.code
            raise
        return ""

    def _call(self, ask: Callable[[Any], Any]) -> Any:
        """Ask Glue; who meets another writer asks again."""
        for turn in range(1, _TRIES + 1):
            try:
                with translated(self._what):
                    return ask(self.session.client("glue"))
            except SegmentAssetsError as refusal:
                if refusal.code != _BUSY:
                    raise
                time.sleep(_PAUSE_SECONDS * turn)
        raise TransientError(f"{self._what}: others kept changing the same table; try again later")

    @property
    def _what(self) -> str:
        return f"Glue database {self.database}"


def table_input(table: Table, location: str, partition_key: str = PARTITION_KEY) -> dict[str, Any]:
    """A declared table as Glue's TableInput: external Parquet, one partition key (none where that is empty)."""
    keys = [{"Name": partition_key, "Type": "string"}] if partition_key else []
    return {
        "Name": table.name,
        "Description": table.description[:_DESCRIPTION],
        "TableType": "EXTERNAL_TABLE",
        "PartitionKeys": keys,
        "Parameters": {
            "EXTERNAL": "TRUE",
            "classification": "parquet",
            "computed_in": table.computed_in.value,
            "grain": ", ".join(table.grain),
            "retention_days": str(table.retention_days),
        },
        "StorageDescriptor": _storage(table, location),
    }


def partition_input(table: Table, snapshot: Snapshot) -> dict[str, Any]:
    """A published version as Glue's PartitionInput."""
    return {
        "Values": [snapshot.partition],
        "StorageDescriptor": _storage(table, f"{snapshot.uri}/"),
        "Parameters": {"snapshot": snapshot.id, "rows": str(snapshot.rows)},
    }


def _storage(table: Table, location: str) -> dict[str, Any]:
    columns = [
        {
            "Name": column.name,
            "Type": GLUE_TYPES[column.type],
            "Comment": column.description[:_COMMENT],
            "Parameters": {"pii": column.pii.value, "nullable": str(column.nullable).lower()},
        }
        for column in table.columns
    ]
    return {"Columns": columns, "Location": location, **_PARQUET}


def _holds(there: Any, wanted: Any) -> bool:
    """Whether an answer says everything that is wanted; Glue adds fields of its own."""
    if isinstance(wanted, dict):
        return isinstance(there, dict) and all(_holds(there.get(name), value) for name, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(there, list) and len(there) == len(wanted) and all(map(_holds, there, wanted))
    return bool(there == wanted)
