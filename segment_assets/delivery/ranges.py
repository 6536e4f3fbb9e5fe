"""Two sorted tables read side by side, range by range of their keys: memory is that of a range, however long they are.

Belongs here: streams, ranges, rows kept aside in a file. Not here: what a row means (`unaffected`), cells (`cells`).

Measured by `benchmarks.bench_delivery`.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from segment_assets.delivery.cells import first_bytes, is_digest, validity, words
from segment_assets.delivery.mapped import can_be_mapped, mapped_rows
from segment_assets.delivery.marks import Marks

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa
    import pyarrow.dataset as pads

# Some of them are of `cells` and `marks`, for whoever reads ranges.
__all__ = [
    "Kept",
    "Marks",
    "Rows",
    "UnsortedError",
    "filled",
    "first_bytes",
    "in_columns",
    "is_digest",
    "side_by_side",
    "stream",
    "validity",
    "words",
]

# Cells of so many rows stay in a core's own cache.
_ROWS = 32_768
_KEPT_ROWS = 8_192
# A third of the lake's row groups. Two tables are cut at the ends of the batches of both, so ranges are half as long,
# and up to four batches of each are held at once: halves of row groups took 40 MiB more and hardly less time.
_ROWS_SIDE_BY_SIDE = 43_691


class UnsortedError(Exception):
    """The rows are not in the order of their keys, so two tables cannot be read side by side."""


class Kept:
    """Rows of a table that are kept in a file. `columns` are those that are there, the others are read as null.

    `tell` is told of all of them, many at a time, at the latest with `flush`.
    """

    def __init__(
        self,
        file: Path,
        schema: pa.Schema,
        columns: Sequence[str],
        *,
        tell: Callable[[pa.RecordBatch], None] | None = None,
    ) -> None:
        import pyarrow as pa

        self._file, self._schema, self._tell = file, schema, tell
        self.columns = [name for name in schema.names if name in columns]
        self.schema = pa.schema([schema.field(name).with_nullable(nullable=True) for name in self.columns])
        # Not compressed: these are digests for the most part, in which a compressor finds nothing.
        self._writer = pa.ipc.new_file(str(file), self.schema)
        self._nobody = pa.RecordBatch.from_pylist([], schema=self.schema)
        self._waiting: list[Any] = []
        self._rows_written = 0
        self.rows = 0

    def add(self, rows: pa.RecordBatch, mask: Any = None) -> pa.RecordBatch:
        """Keep the rows of a numpy mask, or all, and give them back."""
        import numpy as np
        import pyarrow as pa

        if mask is not None and not mask.any():
            return self._nobody
        chosen = rows.select(self.columns)
        # Places, since a mask is looked through for each column, and few rows are chosen of most ranges.
        places: Any = None if mask is None else pa.array(np.flatnonzero(mask))
        chosen = chosen if mask is None else chosen.take(places)
        if chosen.schema != self.schema:
            chosen = chosen.cast(self.schema)
        if chosen.num_rows:
            self._waiting.append(chosen)
            self.rows += chosen.num_rows
            if self.rows - self._rows_written >= _KEPT_ROWS:
                self.flush()
        return chosen

    def flush(self) -> None:
        """Write what waits to be written."""
        import pyarrow as pa

        arrow: Any = pa
        if self._waiting:
            rows = arrow.concat_batches(self._waiting)
            self._writer.write_batch(rows)
            if self._tell is not None:
                self._tell(rows)
        self._waiting, self._rows_written = [], self.rows

    def _close(self) -> None:
        self.flush()
        self._writer.close()

    def dataset(self) -> pads.Dataset:
        """What was kept, in all columns of the table. Nothing can be added any more."""
        import pyarrow as pa
        import pyarrow.dataset as pads

        self._close()
        loose = pa.schema([field.with_nullable(nullable=True) for field in self._schema])
        return pads.dataset(str(self._file), schema=loose, format="ipc")

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """What was kept, a batch at a time. Nothing can be added any more.

        A scan of `dataset` reads the whole file ahead of a slow reader: 1.5 GB of ten million records.
        """
        import pyarrow as pa

        self._close()
        with pa.OSFile(str(self._file), "rb") as file:
            reader = pa.ipc.open_file(file)
            for place in range(reader.num_record_batches):
                yield reader.get_batch(place).select(list(columns))


@dataclasses.dataclass(frozen=True, slots=True)
class Rows:
    """Rows in the place of a dataset, which can be read once."""

    schema: pa.Schema
    batches: Iterator[Any]


class _Stream:
    """The rows of one table in the order of their keys: those at hand, and the batch that comes after them."""

    def __init__(
        self, table: pads.Dataset | Rows, key: str, columns: Sequence[str], coded: Collection[str] = ()
    ) -> None:
        import pyarrow as pa

        empty = pa.RecordBatch.from_pylist([], pa.schema([table.schema.field(name) for name in columns]))
        batches = table.batches if isinstance(table, Rows) else stream(table, columns, coded, rows=_ROWS_SIDE_BY_SIDE)
        self._batches = (batch for batch in batches if batch.num_rows)
        self._key = key
        self.rows, self.keys = self._keyed(empty)
        self._ahead = self._next()
        self.go_on()

    def go_on(self) -> None:
        """Take the next batch at hand when there are no rows left."""
        import numpy as np
        import pyarrow as pa

        if self.rows.num_rows or self._ahead is None:
            return
        self.rows, self.keys = self._ahead
        self._ahead = self._next()
        arrow: Any = pa
        while self._ahead is not None and self._ahead[1][0] <= self.keys[-1]:
            # A key whose rows are in two batches, or rows that are out of order.
            self.rows = arrow.concat_batches([self.rows, self._ahead[0]])
            self.keys = _in_order(np.concatenate([self.keys, self._ahead[1]]))
            self._ahead = self._next()

    def until(self, key: int) -> tuple[Any, Any]:
        """Give away the rows up to a key."""
        import numpy as np

        end = int(np.searchsorted(self.keys, np.uint64(key), side="right"))
        given = self.rows.slice(0, end), self.keys[:end]
        self.rows, self.keys = self.rows.slice(end), self.keys[end:]
        return given

    @property
    def last(self) -> int | None:
        """The highest key at hand, all of whose rows are. None when there are no more rows."""
        return int(self.keys[-1]) if len(self.keys) else None

    def _next(self) -> tuple[Any, Any] | None:
        batch = next(self._batches, None)
        return None if batch is None else self._keyed(batch)

    def _keyed(self, batch: Any) -> tuple[Any, Any]:
        return batch, _in_order(first_bytes(batch.column(self._key)))


def _in_order(keys: Any) -> Any:
    if (keys[1:] < keys[:-1]).any():
        raise UnsortedError
    return keys


def side_by_side(
    left: tuple[pads.Dataset | Rows, Sequence[str]],
    right: tuple[pads.Dataset | Rows, Sequence[str]],
    key: str,
    *,
    coded: Collection[str] = (),
) -> Iterator[tuple[Any, Any, Any, Any]]:
    """Ranges of two tables that are sorted by `key`: left rows, their keys, right rows, their keys.

    Keys are the first eight bytes as numbers, so different rows may have equal ones; rows of one key are in one range.
    Each table comes with the columns that are read; `coded`: see `stream`. Raises UnsortedError.
    """
    sides = [_Stream(table, key, columns, coded) for table, columns in (left, right)]
    while ends := [side.last for side in sides if side.last is not None]:
        (rows, keys), (other_rows, other_keys) = (side.until(min(ends)) for side in sides)
        yield rows, keys, other_rows, other_keys
        for side in sides:
            side.go_on()


def stream(
    table: pads.Dataset, columns: Sequence[str], coded: Collection[str] = (), *, rows: int = _ROWS
) -> Iterator[Any]:
    """The batches of a dataset in its order, a few at a time. Texts of `coded` columns may come as dictionaries."""
    import pyarrow.dataset as pads

    unbuffered = pads.ParquetFragmentScanOptions(pre_buffer=False)
    for fragment in table.get_fragments():
        if can_be_mapped(fragment, table.schema, columns):
            yield from mapped_rows(fragment, table.schema, columns, rows=rows, coded=coded)
            continue
        is_parquet = isinstance(fragment, pads.ParquetFileFragment)
        # One row group at a time: a scan over the whole reads far ahead of a slow reader, whatever it is told.
        for piece in fragment.split_by_row_group() if is_parquet else (fragment,):
            yield from piece.to_batches(
                schema=table.schema,
                columns=list(columns),
                batch_size=rows,
                batch_readahead=1,
                **({"fragment_scan_options": unbuffered} if is_parquet else {}),
            )


def filled(table: pads.Dataset, among: Collection[str]) -> list[str]:
    """Columns of a dataset that are not known to be all null: absent digests cost as much as present ones."""
    import pyarrow.dataset as pads

    empty: set[str] | None = None
    for fragment in table.get_fragments():
        is_parquet = isinstance(fragment, pads.ParquetFileFragment)
        nulls = _all_null(fragment.metadata, table.schema.names) if is_parquet else set()
        empty = nulls if empty is None else empty & nulls
    return [name for name in table.schema.names if name in among and name not in (empty or set())]


def _all_null(metadata: Any, declared: Collection[str]) -> set[str]:
    names = metadata.schema.names
    # Of a table without rows nothing is known, and its columns are still asked for. Nobody has a column that was
    # declared after the file was written.
    empty = {*names, *declared} if metadata.num_row_groups else set()
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group)
        for place, name in enumerate(names):
            said = rows.column(place).statistics
            if name in empty and (said is None or not said.has_null_count or said.null_count < rows.num_rows):
                empty.discard(name)
    return empty


def in_columns(rows: pa.RecordBatch, schema: pa.Schema, cells: Mapping[str, Any] | None = None) -> pa.RecordBatch:
    """Rows in the columns of a schema, of which `cells` are given; the others that are not there are null."""
    import pyarrow as pa

    found = {**{name: rows.column(name) for name in schema.names if name in rows.schema.names}, **(cells or {})}
    arrays = [found[f.name] if f.name in found else pa.nulls(rows.num_rows, f.type) for f in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
