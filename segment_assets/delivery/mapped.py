"""Parquet files on a local disk, read through a memory map: two thirds of the time of a dataset's scanner.

Belongs here: one file, row group by row group. Not here: datasets, and files that are elsewhere (`ranges.stream`).

A map counts as this process's memory as far as it was looked at, so its pages are given back after every batch.
"""

from __future__ import annotations

import mmap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    import pyarrow as pa
    import pyarrow.dataset as pads

_T = TypeVar("_T")


def can_be_mapped(fragment: pads.Fragment, schema: pa.Schema, columns: Sequence[str]) -> bool:
    """Whether a fragment is a local Parquet file that has these columns of a schema as they are."""
    import pyarrow.dataset as pads
    import pyarrow.fs as pafs

    if not isinstance(fragment, pads.ParquetFileFragment) or not isinstance(fragment.filesystem, pafs.LocalFileSystem):
        return False
    there = fragment.physical_schema
    return bool(columns) and all(
        name in there.names and there.field(name).type == schema.field(name).type for name in columns
    )


def mapped_rows(
    fragment: pads.ParquetFileFragment,
    schema: pa.Schema,
    columns: Sequence[str],
    *,
    rows: int,
    coded: Collection[str] = (),
) -> Iterator[Any]:
    """Batches of at most so many rows in the columns of a schema; texts of `coded` columns come as dictionaries.

    The file is opened once: one that is moved over it meanwhile (`Lake.rewrite`) is not seen. Nothing is ever written
    into a file of the lake, so the map cannot lose its pages. Raises OSError where the file is another than the one
    that the fragment has looked at, as a dataset's scanner does: rows of the two must not be told for one table's.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with Path(fragment.path).open("rb") as file:
        pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    content: Any = pages
    texts = [name for name in coded if name in columns]
    parquet = pq.ParquetFile(pa.BufferReader(pa.py_buffer(content)), read_dictionary=texts, pre_buffer=False)
    if parquet.metadata.num_rows != fragment.metadata.num_rows:
        raise OSError("a file was replaced between two looks at it; the next run reads the new one")
    chosen = pa.schema([_coded(schema.field(name)) if name in texts else schema.field(name) for name in columns])
    groups: Any = parquet

    def batches() -> Iterator[Any]:
        for place in range(parquet.num_row_groups):
            for batch in groups.iter_batches(rows, row_groups=[place], columns=[*columns], use_threads=False):
                yield pa.RecordBatch.from_arrays([batch.column(name) for name in columns], schema=chosen)
                pages.madvise(mmap.MADV_DONTNEED)

    return ahead(batches()) if parquet.metadata.num_rows > rows else batches()


def ahead(batches: Iterator[_T]) -> Iterator[_T]:
    """The same, each of which is made by another thread while the one before is worked on."""
    with ThreadPoolExecutor(1) as another:
        coming = another.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = another.submit(next, batches, None)
            yield batch


def _coded(field: Any) -> Any:
    import pyarrow as pa

    return field.with_type(pa.dictionary(pa.int32(), field.type))
