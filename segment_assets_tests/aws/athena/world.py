"""Lake tables and account A's own in Glue and S3, as the AWS world registers them, and warehouses on the stand-in."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import itertools
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from segment_assets.contracts import Snapshot
from segment_assets.resources.aws.athena import AthenaWarehouse
from segment_assets.resources.aws.athena_execution import Patience
from segment_assets.resources.aws.catalog import PARTITION_KEY, table_input
from segment_assets.resources.ports import Source
from segment_assets.tables import TABLES
from segment_assets.tables.model import Column, Type

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from segment_assets.resources.aws.session import AwsSession
    from segment_assets.sandbox.aws.athena import AthenaStandIn

BUCKET, LAKE, ACCOUNT = "athena-bucket", "lake", "account_a"
# Account A's tables and their partition keys.
OWN = {"customers": "", "conversions": "week"}
MONDAY = dt.date(2026, 10, 5)
PEOPLE = pa.schema([("people", pa.int64())])
SQL = "SELECT people FROM exposure_frequency ORDER BY people"
# Few words for each column, so that rows of different tables meet.
_WORDS: Mapping[str, Sequence[str]] = {
    "channel": ("audio", "ctv", "display"),
    "lane": ("audience", "opt_outs"),
    "arm": ("treatment", "held_out"),
    "price_band": ("25-50", "250+"),
}
_FLAGS = ("audio", "ctv", "display", "olv", "social")


@dataclasses.dataclass(frozen=True)
class Tables:
    """What is registered through a session."""

    session: AwsSession
    filled: dict[str, Source] = dataclasses.field(default_factory=dict)

    def prepare(self) -> Tables:
        self.session.client("s3").create_bucket(Bucket=BUCKET)
        for database in (LAKE, ACCOUNT):
            self.session.client("glue").create_database(DatabaseInput={"Name": database})
        return self

    def of_lake(self, name: str, partitions: Mapping[str, Sequence[Mapping[str, Any]]]) -> Source:
        """A lake table with these partitions, and the source that reads all of them."""
        self._create(LAKE, name, PARTITION_KEY)
        found = [self.publish(name, partition, rows) for partition, rows in partitions.items()]
        return Source(name, _dataset(name, *partitions.values()), found)

    def with_rows(self, name: str) -> Source:
        """Any table with rows, made once: two partitions of the lake's, one week of account A's."""
        if name not in self.filled:
            rows = made_rows(name, 400 if name in OWN else 24)
            monday = MONDAY.isoformat()
            self.filled[name] = (
                self.of_account(name, rows, monday if OWN[name] else "")
                if name in OWN
                else self.of_lake(name, {f"{monday}-a": rows[:15], f"{monday}-b": rows[15:]})
            )
        return self.filled[name]

    def publish(self, name: str, partition: str, rows: Sequence[Mapping[str, Any]]) -> Snapshot:
        """Write a version of a partition and move the catalogue to it."""
        table = _table(name, rows)
        version = hashlib.sha256(repr((name, partition, table.to_pylist())).encode()).hexdigest()
        self._write(table, f"{LAKE}/{name}", PARTITION_KEY, partition, version)
        return Snapshot(name, partition, version, "", len(table), {})

    def of_account(self, name: str, rows: Sequence[Mapping[str, Any]], week: str = "") -> Source:
        """One of account A's tables, or one week of it."""
        self._create(ACCOUNT, name, OWN[name])
        self._write(_table(name, rows), f"{ACCOUNT}/{name}", OWN[name], week)
        return Source(name, _dataset(name, rows), week=week or None)

    def _create(self, database: str, name: str, key: str) -> None:
        glue = self.session.client("glue")
        made = table_input(TABLES[name], f"s3://{BUCKET}/{database}/{name}/", key)
        try:
            glue.create_table(DatabaseName=database, TableInput=made)
        except glue.exceptions.AlreadyExistsException:
            return

    def _write(self, table: pa.Table, where: str, key: str, partition: str, version: str = "") -> None:
        folder = "/".join(part for part in (BUCKET, where, partition, version) if part)
        pq.write_table(table, f"{folder}/part-00000.parquet", filesystem=self.session.filesystem())
        if not key:
            return
        glue, (database, name) = self.session.client("glue"), where.split("/")
        of_table = {"DatabaseName": database, "TableName": name}
        made = {
            "Values": [partition],
            "StorageDescriptor": {"Location": f"s3://{folder}/"},
            "Parameters": {"snapshot": version},
        }
        try:
            glue.create_partition(**of_table, PartitionInput=made)
        except glue.exceptions.AlreadyExistsException:
            # MiniStack has no UpdatePartition.
            glue.delete_partition(**of_table, PartitionValues=[partition])
            glue.create_partition(**of_table, PartitionInput=made)


@dataclasses.dataclass(frozen=True)
class World:
    """The tables, the stand-in, and warehouses that do not know of each other, as in different processes."""

    tables: Tables
    athena: AthenaStandIn
    reach: Source

    def warehouse(self, **more: Any) -> AthenaWarehouse:
        settings: dict[str, Any] = {"results": f"s3://{BUCKET}/results/", "patience": Patience(0.05)}
        return AthenaWarehouse(self.tables.session, "insights", LAKE, ACCOUNT, **settings | more)

    def asked(self, warehouse: AthenaWarehouse | None = None, sql: str = SQL) -> list[int]:
        rows = (warehouse or self.warehouse()).select(sql, {"exposure_frequency": self.reach}, PEOPLE)
        return rows["people"].to_pylist()

    @property
    def begun(self) -> int:
        return self.athena.executions.started


_salt = itertools.count(100)


def unlike() -> int:
    """A number that no other test is given."""
    return next(_salt)


def made_rows(name: str, number: int) -> list[dict[str, Any]]:
    """At most so many rows of a table, one for each value of its grain, made from nothing but the columns."""
    table = TABLES[name]
    rows = [{column.name: _value(column, place, table.grain) for column in table.columns} for place in range(number)]
    return list({tuple(row[column] for column in table.grain): row for row in rows}.values())


def _value(column: Column, place: int, grain: Sequence[str]) -> Any:
    if column.nullable and column.name not in grain and (place + len(column.name)) % 7 == 0:
        return None
    if column.name in _FLAGS:
        return place >> _FLAGS.index(column.name) & 1
    words = _WORDS.get(column.name, (f"{column.name}-{place % 4}", f"{column.name}-{place % 3}"))
    if grain == (column.name,):
        words = (f"{column.name}-{place}",)
    values = {
        Type.STRING: words[place % len(words)] if not column.name.endswith("_sha256") else f"person-{place % 150}",
        Type.INTEGER: 1 + place * 37 % 500,
        Type.DOUBLE: place / 8,
        Type.BOOLEAN: place % 2 == 0,
        Type.DATE: MONDAY + dt.timedelta(days=place % 7),
        Type.TIMESTAMP: dt.datetime(2026, 10, 5 + place % 3, place % 24, 30, 15, 250_000, tzinfo=dt.UTC),
        Type.DIGEST: hashlib.sha256(f"{column.name}{place}".encode()).digest(),
    }
    return values[column.type]


def _dataset(name: str, *parts: Sequence[Mapping[str, Any]]) -> pads.Dataset:
    return pads.dataset(pa.concat_tables([_table(name, rows) for rows in parts] or [_table(name, ())]))


def _table(name: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    schema = TABLES[name].arrow_schema()
    nullable = pa.schema([field.with_nullable(nullable=True) for field in schema])
    return pa.Table.from_pylist([dict.fromkeys(schema.names) | dict(row) for row in rows], nullable)
