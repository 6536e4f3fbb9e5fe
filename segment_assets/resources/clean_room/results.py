"""Reading what a clean room left in a folder, local or on S3.

Belongs here: which objects are the result and how their bytes become rows.
Not here: running queries. File names of the Spark engine are not documented, so none is relied on: the format is
the one that was asked for, markers and empty objects are skipped, and no object at all is a legal empty result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_assets.contracts import PermanentError
from segment_assets.resources.clean_room import ResultFormat

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from pyarrow import fs as pafs


def read_result(
    location: str, schema: pa.Schema | None = None, result_format: ResultFormat = ResultFormat.PARQUET
) -> pa.Table:
    """All rows of a result, for results that are small by nature (aggregates).

    With a `schema`, columns are picked by name and cast. Raises PermanentError when the folder of a local result
    is missing, when a column is missing or does not fit, and for an empty folder without a schema.
    """
    import pyarrow as pa

    batches = list(read_batches(location, schema, result_format))
    if not batches and schema is None:
        raise PermanentError(f"The result at {location} is empty; pass the table's schema to read it as no rows")
    return pa.Table.from_batches(batches, schema=schema)


def read_batches(
    location: str, schema: pa.Schema | None = None, result_format: ResultFormat = ResultFormat.PARQUET
) -> Iterator[pa.RecordBatch]:
    """The rows of a result in batches, for results of any size (lists). Errors as in `read_result`."""
    from pyarrow import fs as pafs

    filesystem, folder = pafs.FileSystem.from_uri(location)
    for path in _objects(filesystem, folder, location):
        opened = _parquet(filesystem, path) if result_format is ResultFormat.PARQUET else _csv(filesystem, path, schema)
        yield from _fitted(opened, schema, location)


def _objects(filesystem: pafs.FileSystem, folder: str, location: str) -> list[str]:
    from pyarrow import fs as pafs

    # S3 has no folders: there, no object is what an empty result looks like.
    if (
        isinstance(filesystem, pafs.LocalFileSystem)
        and filesystem.get_file_info(folder).type != pafs.FileType.Directory
    ):
        raise PermanentError(f"There is no result at {location}; run the query again")
    found = filesystem.get_file_info(pafs.FileSelector(folder, recursive=True, allow_not_found=True))
    return sorted(
        info.path
        for info in found
        if info.type == pafs.FileType.File and info.size and not info.base_name.startswith(("_", "."))
    )


def _parquet(filesystem: pafs.FileSystem, path: str) -> Iterator[pa.RecordBatch]:
    import pyarrow.parquet as pq

    with filesystem.open_input_file(path) as source, pq.ParquetFile(source) as file:
        if file.metadata.num_rows == 0:
            yield _empty(file.schema_arrow)
        yield from file.iter_batches()


def _empty(schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.RecordBatch.from_pylist([], schema=schema)


def _csv(filesystem: pafs.FileSystem, path: str, schema: pa.Schema | None) -> Iterator[pa.RecordBatch]:
    """Whether Clean Rooms writes a header is not documented: a first line with the schema's names is one."""
    from pyarrow import csv

    names = list(schema.names) if schema is not None else []
    with filesystem.open_input_stream(path) as source:
        first = source.read(64 * 1024).split(b"\n", 1)[0].decode("utf-8", "replace").strip("\r")
    header = not names or [part.strip('"') for part in first.split(",")] == names
    types = {field.name: field.type for field in schema} if schema is not None else {}
    with (
        filesystem.open_input_stream(path) as source,
        csv.open_csv(
            source,  # type: ignore[arg-type]  # the stubs know files of Python only
            read_options=csv.ReadOptions(column_names=None if header else names),
            convert_options=csv.ConvertOptions(
                column_types=types, strings_can_be_null=True, quoted_strings_can_be_null=False
            ),
        ) as reader,
    ):
        yield from reader


def _fitted(batches: Iterator[pa.RecordBatch], schema: pa.Schema | None, location: str) -> Iterator[pa.RecordBatch]:
    """The batches in the declared columns and types. Arrow quotes a value that does not fit; we do not."""
    import pyarrow as pa

    while True:
        try:
            batch = next(batches, None)
            fitted = batch if batch is None or schema is None else _picked(batch, schema, location)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            break
        if fitted is None:
            return
        yield fitted
    raise PermanentError(
        f"The result at {location} does not fit its table; compare types and format with segment_assets/tables"
    )


def _picked(batch: pa.RecordBatch, schema: pa.Schema, location: str) -> pa.RecordBatch:
    if missing := [name for name in schema.names if name not in batch.schema.names]:
        raise PermanentError(
            f"The result at {location} lacks {', '.join(missing)}; compare the query with segment_assets/tables"
        )
    return batch.select(list(schema.names)).cast(schema)
