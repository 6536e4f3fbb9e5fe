"""pyarrow, in two small doors: its kernels, and reading a dataset in bounded memory.

Belongs here: what every module of this room needs of pyarrow and what its defaults get wrong for us.
Not here: any rule about people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa
    import pyarrow.dataset as pads


def kernels() -> Any:
    """Import pyarrow.compute when it is first needed.

    Any, because the stubs know no null scalars and no mixed arguments (67 false alarms when this room was first
    checked); arrays and batches keep their types in every signature.
    """
    import pyarrow.compute

    return pyarrow.compute


def nothing(kind: Any) -> Any:
    """The null of an Arrow type."""
    import pyarrow as pa

    return pa.scalar(None, kind)


def scan(dataset: pads.Dataset, batch_rows: int, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield a dataset's rows in non-empty batches of at most `batch_rows`, holding little more than one at a time."""
    # One row group at a time: a scan over the whole dataset reads far ahead of a slow reader whatever its read-ahead
    # is set to (175 MB were waiting at the first of a million rows).
    for piece in _pieces(dataset):
        batches = piece.to_batches(
            schema=dataset.schema,
            columns=None if columns is None else list(columns),
            batch_size=batch_rows,
            batch_readahead=2,
        )
        yield from (batch for batch in batches if batch.num_rows)


def _pieces(dataset: pads.Dataset) -> Iterator[pads.Fragment]:
    import pyarrow.dataset as pads

    for fragment in dataset.get_fragments():
        if isinstance(fragment, pads.ParquetFileFragment):
            yield from fragment.split_by_row_group()
        else:
            yield fragment
