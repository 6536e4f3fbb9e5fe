"""Stored tables: what Glue says of them, and their rows out of S3 in Athena's types.

As documented: external tables of Parquet, columns found by name, a partition's files below its location; TIMESTAMP has
milliseconds (finer digits are cut off here; whether AWS cuts or rounds is not said), and no time zone: values are UTC.
Our reading: a filter on a partition key counts when it is `key = 'v'` or `key IN ('v', …)` beside the table; the bytes
of a scan are those of whole files.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.aws.athena.errors import BAD_DATA, DENIED, NOT_FOUND, QueryFailed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from segment_assets.resources.aws.session import AwsSession


@dataclasses.dataclass(frozen=True, slots=True)
class Stored:
    """A table: columns and partition keys with their Glue types, and a location for each tuple of partition values."""

    database: str
    name: str
    columns: Mapping[str, str]
    keys: Mapping[str, str]
    locations: Mapping[tuple[str, ...], str]

    @property
    def types(self) -> dict[str, str]:
        """Column -> Glue type, partition keys last, as SELECT * has them."""
        return {**self.columns, **self.keys}


def arrow_type(glue: str) -> pa.DataType:
    """The Arrow type of a Glue type. Raises QueryFailed for those that no table of ours has."""
    import pyarrow as pa

    types: dict[str, pa.DataType] = {
        "string": pa.string(), "bigint": pa.int64(), "int": pa.int32(), "double": pa.float64(), "boolean": pa.bool_(),
        "date": pa.date32(), "timestamp": pa.timestamp("ms"), "binary": pa.binary(),
    }  # fmt: skip
    if glue not in types:
        raise QueryFailed(f"NOT_SUPPORTED: Unsupported Hive type: {glue}", NOT_FOUND)
    return types[glue]


@dataclasses.dataclass(frozen=True, slots=True)
class Catalog:
    """Glue and S3 as a session reaches them."""

    session: AwsSession

    def table(self, database: str, name: str) -> Stored:
        """What Glue says. Raises QueryFailed where there is no such table."""
        from botocore.exceptions import ClientError

        glue = self.session.client("glue")
        try:
            told = glue.get_table(DatabaseName=database, Name=name)["Table"]
        except ClientError:
            raise QueryFailed(
                f"TABLE_NOT_FOUND: Table 'awsdatacatalog.{database}.{name}' does not exist", NOT_FOUND
            ) from None
        columns = {one["Name"]: one["Type"] for one in told["StorageDescriptor"]["Columns"]}
        keys = {one["Name"]: one["Type"] for one in told.get("PartitionKeys", ())}
        locations: dict[tuple[str, ...], str] = {(): told["StorageDescriptor"].get("Location", "")}
        if keys:
            pages = glue.get_paginator("get_partitions").paginate(DatabaseName=database, TableName=name)
            locations = {
                tuple(one["Values"]): one["StorageDescriptor"]["Location"]
                for page in pages
                for one in page["Partitions"]
            }
        return Stored(database, name, columns, keys, locations)

    def rows(self, stored: Stored, wanted: Mapping[str, Sequence[str]]) -> tuple[pa.Table, int]:
        """The rows of the partitions whose keys have one of the values wanted, and the bytes of their files."""
        import pyarrow as pa

        parts, scanned = [], 0
        for values, location in sorted(stored.locations.items()):
            told = dict(zip(stored.keys, values, strict=True))
            if all(told[key] in among for key, among in wanted.items()):
                for file, size in self._files(location):
                    scanned += size
                    parts.append(self._read(file, stored, told))
        schema = pa.schema([(name, arrow_type(kind)) for name, kind in stored.types.items()])
        return (pa.concat_tables(parts) if parts else schema.empty_table()), scanned

    def _files(self, location: str) -> list[tuple[str, int]]:
        from pyarrow import fs as pafs

        folder = location.removeprefix("s3://").rstrip("/")
        try:
            below = self.session.filesystem().get_file_info(pafs.FileSelector(folder, recursive=True))
        except OSError:
            raise QueryFailed("PERMISSION_DENIED: Access Denied (Service: Amazon S3)", DENIED) from None
        # Hive takes no file whose name begins with one of these.
        return sorted((one.path, one.size) for one in below if one.is_file and one.base_name[0] not in "_.")

    def _read(self, file: str, stored: Stored, keys: Mapping[str, str]) -> pa.Table:
        import pyarrow as pa
        import pyarrow.parquet as pq

        found = pq.read_table(file, filesystem=self.session.filesystem(), partitioning=None)
        arrays: list[Any] = []
        for name, kind in stored.types.items():
            wanted = arrow_type(kind)
            if name in keys:
                arrays.append(pa.repeat(pa.scalar(keys[name], pa.string()), len(found)).cast(wanted))
            elif name not in found.column_names:
                arrays.append(pa.array([None] * len(found), wanted))
            else:
                arrays.append(_in_type(found[name], wanted))
        return pa.table(arrays, names=list(stored.types))


def _in_type(values: Any, wanted: pa.DataType) -> Any:
    import pyarrow as pa

    if pa.types.is_timestamp(wanted) and pa.types.is_timestamp(values.type):
        # Without the zone first: from a zone to none Arrow keeps the instant, in UTC.
        return values.cast(pa.timestamp(values.type.unit)).cast(wanted, safe=False)
    try:
        return values.cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise QueryFailed(
            "HIVE_BAD_DATA: a field's type in Parquet is not the one of the table schema", BAD_DATA
        ) from None
