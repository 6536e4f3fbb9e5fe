"""The rows that an UNLOAD left in its folder, only as a whole.

Belongs here: files of Parquet -> rows in a declared schema. Not here: how they were asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_assets.contracts import PermanentError, TransientError

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import fs as pafs

# Columns that a statement adds: a row's number in the query's order, and how many rows there are.
ROW, ROWS = "answer_row", "answer_rows"


class IncompleteError(Exception):
    """The folder does not hold exactly the rows of one answer."""


def rows_in(filesystem: pafs.FileSystem, folder: str, schema: pa.Schema) -> pa.Table:
    """The rows below `folder` (`bucket/prefix`) in the query's order, cast to `schema`.

    Raises IncompleteError where rows are missing or there twice, TransientError where S3 broke off, PermanentError
    where a value does not fit the schema (no value is repeated).
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    found = _read(filesystem, folder)
    if found is None:
        raise IncompleteError
    numbers, counts = found[ROW], found[ROWS].unique().to_pylist()
    if counts == [None] and len(numbers) == 1:
        found = found.slice(0, 0)
    elif counts != [len(numbers)] or pc.count_distinct(numbers).as_py() != len(numbers):
        raise IncompleteError
    try:
        return found.sort_by(ROW).select(schema.names).cast(schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError):
        raise PermanentError(
            f"Athena's answer does not fit the declared columns {', '.join(schema.names)}; compare the query with "
            "segment_assets/tables"
        ) from None


def _read(filesystem: pafs.FileSystem, folder: str) -> pa.Table | None:
    """All files below the folder, None where there is none. Athena gives them names without an ending."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyarrow import fs as pafs

    try:
        below = filesystem.get_file_info(pafs.FileSelector(folder, recursive=True, allow_not_found=True))
        paths = sorted(one.path for one in below if one.is_file and one.size)
        tables = [pq.read_table(path, filesystem=filesystem, partitioning=None) for path in paths]
        return pa.concat_tables(tables) if tables else None
    except pa.ArrowInvalid:
        raise PermanentError("Athena's answer is not Parquet of one schema; look at the folder of results") from None
    except OSError:
        raise TransientError("Athena's answer was not read to its end; ask again") from None
