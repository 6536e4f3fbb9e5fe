"""The tables of both accounts, as the Glue Data Catalog and the clean room know them.

Belongs here: which files a registered table has, and whether they are what is declared. Not here: what is in them;
account B's rows are read by nobody but the clean room, which tells what it knows of them (`schemas`).

A table's version follows from the ETags and sizes of its objects: a LIST for each 1,000 of them. Glue's own version and
its list of partitions say nothing of a file that is written into a registered folder, which is how most tables grow. A
week counts when it is registered and has files: Athena and Clean Rooms see no others.

Tried against MiniStack, never against AWS.
"""

from __future__ import annotations

import dataclasses
import hashlib
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import PermanentError, SegmentAssetsError, TransientError
from segment_assets.processes import workdir as process_workdir
from segment_assets.resources.aws.catalog import GLUE_TYPES
from segment_assets.resources.aws.copies import GONE, Copies
from segment_assets.resources.aws.errors import translated
from segment_assets.resources.aws.footers import footer
from segment_assets.resources.aws.uris import bucket_and_prefix
from segment_assets.resources.ports import CatalogEntry
from segment_assets.tables import TABLES, ComputedIn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pyarrow.dataset as pads

    from segment_assets.resources.aws.session import AwsSession

WEEK = "week"
_AT_ONCE = 8


@dataclasses.dataclass(frozen=True, slots=True)
class _File:
    """One object of a table, as a listing tells it. `week` is empty in a table without weeks."""

    bucket: str
    key: str
    mark: str
    size: int
    week: str


@dataclasses.dataclass(frozen=True, slots=True)
class GlueAccountTables:
    """Account A's tables in one Glue database; weekly ones are partitioned by `week` alone.

    `schemas` tells what the clean room knows of a partner's table, None when it was not contributed. `workdir` is
    scratch space of this process.
    """

    session: AwsSession
    database: str
    schemas: Callable[[str], CatalogEntry | None] = lambda _table: None
    workdir: Path | None = None

    def version(self, table: str) -> str:
        """Changes when a file of a table appears, vanishes or is written again, or when a week is registered."""
        if _is_partners(table):
            entry = self.schemas(table)
            return "" if entry is None else entry.version
        return _version(self._files(table))

    def weeks(self, table: str) -> list[str]:
        """Registered weeks that have files, sorted. The clean room does not tell those of a partner's table."""
        return [] if _is_partners(table) else sorted({file.week for file in self._files(table)} - {""})

    def catalogue(self, table: str, week: str | None = None) -> CatalogEntry | None:
        """Rows are counted from the files' footers; every way in which columns differ is named.

        Of a partner's table the clean room knows no weeks: every week is told the same. None when there are no files.
        """
        if _is_partners(table):
            return self.schemas(table)
        described = self._described(table)
        files = [] if described is None else self._files_of(described, week)
        if described is None or not files:
            return None
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            footers = list(pool.map(lambda file: footer(self.session, file.bucket, file.key, file.mark), files))
        differences = set(_differences_in_glue(table, described)) | {
            difference for found in footers for difference in _differences(table, found.columns)
        }
        rows = sum(found.rows for found in footers)
        return CatalogEntry(rows, len(files), _version(files), sorted(differences))

    def dataset(self, table: str, week: str | None = None) -> pads.Dataset:
        """The rows of one of account A's own tables, from copies on this machine (`copies` says why)."""
        import pyarrow.dataset as pads

        if _is_partners(table):
            raise PermanentError(f"{table}: the partner's rows never leave the clean room; write a query for it")
        schema, files = TABLES[table].arrow_schema(), self._files(table, week)
        if not files:
            return pads.dataset(schema.empty_table())
        scratch = self.workdir or process_workdir(Path(tempfile.gettempdir()) / "segment-assets")
        copies = Copies(self.session, scratch / "copies")
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            paths = list(pool.map(lambda file: _copied(copies, table, file), files))
        return pads.dataset(paths, format="parquet", schema=schema)

    def _files(self, table: str, week: str | None = None) -> list[_File]:
        described = self._described(table)
        return [] if described is None else self._files_of(described, week)

    def _described(self, table: str) -> Mapping[str, Any] | None:
        """The table in Glue's words, None when it is not registered."""
        try:
            with translated(self._said):
                answer = self.session.client("glue").get_table(DatabaseName=self.database, Name=table)
        except SegmentAssetsError as refusal:
            if refusal.code == "EntityNotFoundException":
                return None
            raise
        described: Mapping[str, Any] = answer["Table"]
        return described

    def _files_of(self, described: Mapping[str, Any], week: str | None) -> list[_File]:
        """The files of a table, or of one week, sorted by key."""
        keys = [key["Name"] for key in described.get("PartitionKeys", ())]
        if not keys:
            return sorted(self._in_folder(_location(described), ""), key=lambda file: file.key)
        if keys != [WEEK]:
            raise PermanentError(
                f"{self._said}: {described['Name']} is partitioned by {', '.join(keys)}; "
                f"the project reads tables partitioned by {WEEK} alone"
            )
        return sorted(self._in_weeks(described, week), key=lambda file: file.key)

    def _in_weeks(self, described: Mapping[str, Any], week: str | None) -> Iterator[_File]:
        """One listing for all weeks that are in folders of the table, and one for each that is elsewhere."""
        folders = {folder: name for name, folder in self._partitions(described["Name"]) if week in {None, name}}
        base = _location(described)
        elsewhere = {folder: name for folder, name in folders.items() if week or not folder.startswith(base)}
        for folder, name in elsewhere.items():
            yield from self._in_folder(folder, name)
        if len(elsewhere) < len(folders):
            for file in self._in_folder(base, ""):
                folder = f"s3://{file.bucket}/{file.key.rpartition('/')[0]}/"
                name = next((folders[f] for f in _itself_and_above(folder) if f in folders), "")
                if name:
                    yield dataclasses.replace(file, week=name)

    def _partitions(self, table: str) -> Iterator[tuple[str, str]]:
        """(week, folder) of every registered week."""
        pages = self.session.client("glue").get_paginator("get_partitions")
        asked = {"DatabaseName": self.database, "TableName": table, "ExcludeColumnSchema": True}
        with translated(self._said):
            for page in pages.paginate(**asked):
                yield from ((found["Values"][0], _location(found)) for found in page["Partitions"])

    def _in_folder(self, uri: str, week: str) -> Iterator[_File]:
        """Objects below a folder. What begins with . or _ is no data, as for Athena, and an empty object is none."""
        bucket, prefix = bucket_and_prefix(uri)
        with translated(f"S3 bucket {bucket}"):
            for page in (
                self.session.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            ):
                for found in page.get("Contents", ()):
                    parts = found["Key"].removeprefix(prefix).split("/")
                    if found["Size"] and not any(part.startswith((".", "_")) for part in parts):
                        yield _File(bucket, found["Key"], found["ETag"], found["Size"], week)

    @property
    def _said(self) -> str:
        return f"Glue database {self.database}"


def _copied(copies: Copies, table: str, file: _File) -> str:
    """Raises TransientError for a file that is gone: its owner replaces files while the table is read."""
    try:
        return str(copies.of(file.bucket, file.key, file.mark))
    except PermanentError as refusal:
        if refusal.code not in GONE:
            raise
        raise TransientError(f"{table}: a file went away while the table was read; read again later") from None


def _is_partners(table: str) -> bool:
    return TABLES[table].computed_in is ComputedIn.PARTNER


def _location(described: Mapping[str, Any]) -> str:
    return f"{described['StorageDescriptor']['Location'].rstrip('/')}/"


def _itself_and_above(folder: str) -> Iterator[str]:
    while folder.count("/") > len(("s3:", "", "bucket")):
        yield folder
        folder = f"{folder.rstrip('/').rpartition('/')[0]}/"


def _version(files: Sequence[_File]) -> str:
    marks = [(file.week, file.bucket, file.key, file.mark, file.size) for file in files]
    return hashlib.sha256(repr(sorted(marks)).encode()).hexdigest()


def _differences_in_glue(table: str, described: Mapping[str, Any]) -> Iterator[str]:
    """Athena and Clean Rooms read by these columns, whatever the files say."""
    found = {column["Name"]: column["Type"] for column in described["StorageDescriptor"]["Columns"]}
    for column in TABLES[table].columns:
        if column.name not in found:
            yield f"{column.name} is missing in Glue"
        elif found[column.name] != GLUE_TYPES[column.type]:
            yield f"{column.name} is {found[column.name]} in Glue"


def _differences(table: str, found: Mapping[str, str]) -> Iterator[str]:
    """Files may say nullable where the declaration does not: most engines know no other columns."""
    declared = {field.name: str(field.type) for field in TABLES[table].arrow_schema()}
    for name, kind in found.items():
        if declared.get(name) != kind:
            yield f"{name} is {kind}"
    for name in declared.keys() - found.keys():
        yield f"{name} is missing"
