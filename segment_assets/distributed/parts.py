"""Reading a job's parts back, in the order of the source, every row exactly once.

Belongs here: the caller's side of a job's result. Not here: what is made of the rows (audience).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_assets.audience.arrow import scan
from segment_assets.contracts import PermanentError, TransientError
from segment_assets.distributed import flat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pyarrow as pa
    import pyarrow.dataset as pads
    import pyarrow.fs as pafs

    from segment_assets.identity import DigestedBatch

_BATCH_ROWS = 20_000
_COMPLETE = "_SUCCESS"


def read_parts(
    uri: str, rows: int, forms: Sequence[str], files: Callable[[], pafs.FileSystem] | None = None
) -> Iterator[tuple[pa.RecordBatch, DigestedBatch]]:
    """Yield the digested rows of a finished job, ordered by source_row, in bounded memory.

    `uri` is the folder that the job created (a path or s3://…), `rows` and `forms` what it was given.
    `files`: whose keys are used for s3://, asked anew for each part, by default those of this process. Raises
    TransientError where the job did not finish or a part breaks off, PermanentError where rows are missing or twice;
    publish nothing then.
    """
    seen, last = 0, -1
    for batch in _rows(uri, flat.flat_schema(forms), files):
        numbers = batch.column(flat.ROW).to_numpy()
        if numbers[0] <= last or bool((numbers[1:] <= numbers[:-1]).any()):
            raise PermanentError(
                "the identity job's parts hold a row twice, or out of order; nothing was published, report this as a "
                "defect with the segment's name"
            )
        seen, last = seen + batch.num_rows, int(numbers[-1])
        yield flat.unflatten(batch)
    if seen != rows:
        raise PermanentError(
            f"the identity job's parts hold {seen} rows, and the snapshot has {rows}; nothing was published, report "
            "this as a defect with the segment's name"
        )


def _rows(uri: str, schema: pa.Schema, files: Callable[[], pafs.FileSystem] | None) -> Iterator[pa.RecordBatch]:
    import pyarrow.dataset as pads
    import pyarrow.fs as pafs

    try:
        filesystem, folder = (files(), uri.removeprefix("s3://")) if files else pafs.FileSystem.from_uri(uri)
        if filesystem.get_file_info(f"{folder}/{_COMPLETE}").type is pafs.FileType.NotFound:
            raise TransientError("the identity job left no complete result; make the audience again")
        for path in _in_source_order(filesystem, folder, schema):
            # An assumed role's keys end in the middle of a long audience, and pyarrow does not renew those it is given.
            opened = files() if files else filesystem
            yield from scan(pads.dataset(path, filesystem=opened, format="parquet", schema=schema), _BATCH_ROWS)
    except OSError as broken:
        # Its text may hold an address that was signed.
        raise TransientError(
            f"the identity job's parts were not read to their end ({type(broken).__name__}); make the audience again, "
            "and if it stays look at this role's rights on the staging folder"
        ) from None


def _in_source_order(filesystem: pafs.FileSystem, folder: str, schema: pa.Schema) -> list[str]:
    """The parts' paths by their first row: Spark numbers its parts by size, not by place."""
    import pyarrow.dataset as pads

    found = pads.dataset(folder, filesystem=filesystem, format="parquet", schema=schema)
    return [part.path for part in sorted((part for part in found.get_fragments() if part.count_rows()), key=_first_row)]


def _first_row(part: pads.ParquetFileFragment) -> int:
    return min(int(group.statistics[flat.ROW]["min"]) for group in part.row_groups)
