"""Reading what a clean room left in a folder, local or on S3.

Belongs here: which objects are the result, how their bytes become rows, and reading again what broke in the middle.
Not here: running queries. File names of the Spark engine are not documented, so none is relied on: the format is
the one that was asked for, markers and empty objects are skipped, and no object at all is a legal empty result. Nor
is the layout of keys below the location relied on: AWS's own connector shows `collaboration=<id>/<query id>/`, the
export of logs `collaboration=<id>/analysis=<query id>/`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from segment_assets.contracts import NeedsHumanError, PermanentError, SegmentAssetsError, TransientError
from segment_assets.resources.clean_room import ResultFormat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa
    from pyarrow import fs as pafs

# How often one object is opened again after its body broke.
_ATTEMPTS = 3
_CODE = re.compile(r"AWS Error ([A-Z_]+)")
_FOR_A_PERSON = frozenset(
    {"ACCESS_DENIED", "EXPIRED_TOKEN", "INVALID_ACCESS_KEY_ID", "INVALID_CLIENT_TOKEN_ID", "SIGNATURE_DOES_NOT_MATCH"}
)
_ELSEWHERE = "HTTP status 301"
_GONE = frozenset({"NO_SUCH_BUCKET", "NO_SUCH_KEY", "RESOURCE_NOT_FOUND"})


def read_result(
    location: str,
    schema: pa.Schema | None = None,
    result_format: ResultFormat = ResultFormat.PARQUET,
    filesystem: pafs.FileSystem | None = None,
) -> pa.Table:
    """All rows of a result, for results that are small by nature (aggregates).

    With a `schema`, columns are picked by name and cast. Raises PermanentError when the folder of a local result
    is missing, when a column is missing or does not fit, and for an empty folder without a schema.
    """
    import pyarrow as pa

    batches = list(read_batches(location, schema, result_format, filesystem))
    if not batches and schema is None:
        raise PermanentError(f"The result at {location} is empty; pass the table's schema to read it as no rows")
    return pa.Table.from_batches(batches, schema=schema)


def read_batches(
    location: str,
    schema: pa.Schema | None = None,
    result_format: ResultFormat = ResultFormat.PARQUET,
    filesystem: pafs.FileSystem | None = None,
) -> Iterator[pa.RecordBatch]:
    """The rows of a result in batches, for results of any size (lists). Errors as in `read_result`.

    `location` is a folder or one object. `filesystem` is whose credentials are used; by default those that the URI
    gives. An object whose body breaks is read again from where it broke; TransientError when it breaks too often,
    NeedsHumanError when it may not be read.
    """
    filesystem, folder = _opened(location, filesystem)
    for path in _objects(filesystem, folder, location):

        def batches(path: str = path) -> Iterator[pa.RecordBatch]:
            if result_format is ResultFormat.PARQUET:
                return _parquet(filesystem, path)
            return _csv(filesystem, path, schema)

        yield from _fitted(_unbroken(batches, location), schema, location)


def _opened(location: str, filesystem: pafs.FileSystem | None) -> tuple[pafs.FileSystem, str]:
    from pyarrow import fs as pafs

    scheme, _, path = location.partition("://")
    if scheme not in {"file", "s3"} or not path:
        raise PermanentError(
            "The result of this query is nowhere that we can read; let our own member receive it, then run it again"
        )
    if filesystem is not None and scheme == "s3":
        return filesystem, path.rstrip("/")
    return pafs.FileSystem.from_uri(location)


def _unbroken(batches: Callable[[], Iterator[pa.RecordBatch]], location: str) -> Iterator[pa.RecordBatch]:
    """The batches of one object, whose bytes never change: after a break it is opened again and the known skipped."""
    given = 0
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            for number, batch in enumerate(batches()):
                if number >= given:
                    yield batch
                    given += 1
        except OSError as broken:
            error = _trouble(broken, location)
            if attempt == _ATTEMPTS or not isinstance(error, TransientError):
                raise error from None
        else:
            return


def _trouble(broken: OSError, location: str) -> SegmentAssetsError:
    """What an error of a file system means. Its text may hold an address that was signed, so it is not passed on."""
    told = _CODE.search(str(broken))
    code = told[1] if told else type(broken).__name__
    if code in _FOR_A_PERSON or isinstance(broken, PermissionError):
        return NeedsHumanError(f"The result at {location} may not be read ({code}); let our role read that folder")
    if _ELSEWHERE in str(broken):
        return PermanentError(f"The result at {location} is in another Region; let results be written to our own")
    if code in _GONE or isinstance(broken, FileNotFoundError):
        return PermanentError(f"There is no result at {location} ({code}); run the query again")
    return TransientError(f"The result at {location} broke off while it was read ({code}); tried again later")


def _objects(filesystem: pafs.FileSystem, folder: str, location: str) -> list[str]:
    from pyarrow import fs as pafs

    try:
        told = filesystem.get_file_info(folder)
        if told.type == pafs.FileType.File:
            return [folder] if told.size else []
        found = filesystem.get_file_info(pafs.FileSelector(folder, recursive=True, allow_not_found=True))
        if not found:
            _check_place(filesystem, folder, location)
    except OSError as broken:
        raise _trouble(broken, location) from None
    return sorted(
        info.path
        for info in found
        if info.type == pafs.FileType.File and info.size and not info.base_name.startswith(("_", "."))
    )


def _check_place(filesystem: pafs.FileSystem, folder: str, location: str) -> None:
    """S3 has no folders: there, no object is what an empty result looks like, and what a bucket that is gone does."""
    from pyarrow import fs as pafs

    place = folder if isinstance(filesystem, pafs.LocalFileSystem) else folder.partition("/")[0]
    if filesystem.get_file_info(place).type == pafs.FileType.NotFound:
        raise PermanentError(
            f"There is no result at {location}, not even its bucket or folder; run the query again, or look whose it is"
        )


def _parquet(filesystem: pafs.FileSystem, path: str) -> Iterator[pa.RecordBatch]:
    import pyarrow.parquet as pq

    with filesystem.open_input_file(path) as source, pq.ParquetFile(source) as file:
        if file.metadata.num_rows == 0:
            yield _empty(file.schema_arrow)
        # Asked for all groups at once, pyarrow 26 fetches the whole file before it gives the first batch.
        for group in range(file.num_row_groups):
            yield from file.iter_batches(row_groups=[group])


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
