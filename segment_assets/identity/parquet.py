"""Big files: Parquet in, Parquet out, a stream of batches on all cores, in memory that does not grow with the file.

Belongs here: the pipeline. Not here: what a cell becomes (`batch`).
Rows keep their order. A file of several digest columns can be sorted by one of them only, and what is compared later is
sorted by member_id already, itself a keyed hash; sorting here would read and write everything once more for nothing.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import os
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import PermanentError, Reason
from segment_assets.identity.batch import DigestedBatch, Digester
from segment_assets.identity.forms import NORMAL_FORMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from segment_assets.contracts import ColumnState

    _Results = Iterator[tuple[pa.RecordBatch, DigestedBatch]]

BATCH_ROWS = 65_536
# Of these forms nearly every row has its own digest; a Parquet dictionary of them would be built and thrown away.
_SELDOM_SHARED = frozenset({"email", "phone", "mobile_ad_id", "external_id"})


@dataclasses.dataclass(slots=True)
class FileCounts:
    """What became of a file: its rows, and per (form, reason) the cells without a value. All others have one."""

    rows: int = 0
    refused: collections.Counter[tuple[str, str]] = dataclasses.field(default_factory=collections.Counter)


def digest_parquet(
    source: Path,
    target: Path,
    *,
    columns: Mapping[str, str] | None = None,
    forms: Iterable[str] | None = None,
    states: Mapping[str, ColumnState] | None = None,
    carried: Sequence[str] = (),
    batch_rows: int = BATCH_ROWS,
    workers: int | None = None,
) -> FileCounts:
    """Write the wanted forms of a Parquet file's identifiers, row for row, as 32-byte digests (plain forms as text).

    `columns` says which column of the file holds an identifier where its name differs ({"email": "email_address"});
    `carried` are columns that are copied. Memory: about `workers` + 2 batches (default one worker per core, 65,536
    rows a batch). `target` appears only when it is complete. Raises PermanentError for a column that the file lacks.
    """
    import pyarrow.parquet as pq

    digester, counts = Digester(states, forms), FileCounts()
    named = dict(columns or {})
    unfinished = target.with_name(f".{target.name}.unfinished")
    with contextlib.ExitStack() as open_files:
        open_files.callback(unfinished.unlink, missing_ok=True)
        # Pre-buffering would read the whole file ahead.
        file = open_files.enter_context(pq.ParquetFile(source, pre_buffer=False))
        wanted = _wanted(file.schema_arrow, named, digester.columns, carried)
        batches = file.iter_batches(batch_rows, columns=list(dict.fromkeys([*wanted.values(), *carried])))
        writer: Any = None
        for batch, digested in _digested(batches, wanted, digester, workers or os.cpu_count() or 1):
            rows = _rows(batch, digested, carried)
            writer = writer or open_files.enter_context(_writer(unfinished, rows.schema))
            writer.write_batch(rows, row_group_size=batch_rows)
            _count(digested, counts)
        if writer is None:
            empty = _empty(file.schema_arrow, wanted, carried)
            rows = _rows(empty, digester.digest(_named(empty, wanted)), carried)
            writer = open_files.enter_context(_writer(unfinished, rows.schema))
        writer.close()
        unfinished.replace(target)
    return counts


def _wanted(
    schema: pa.Schema, columns: Mapping[str, str], identifiers: Sequence[str], carried: Sequence[str]
) -> dict[str, str]:
    """Per identifier the column of the file that holds it."""
    wanted = {name: columns.get(name, name) for name in identifiers if name in columns or name in schema.names}
    missing = sorted({*columns.values(), *carried} - set(schema.names))
    if missing or not wanted:
        lacks = ", ".join(missing) or "any identifier column"
        raise PermanentError(f"the file lacks {lacks}; it has {', '.join(schema.names)}: correct `columns`")
    return wanted


def _digested(
    batches: Iterator[pa.RecordBatch], wanted: Mapping[str, str], digester: Digester, workers: int
) -> _Results:
    """Digest in threads (pyarrow and the hashing engine leave the GIL alone), a bounded number ahead, in order."""
    ahead: collections.deque[tuple[pa.RecordBatch, Future[DigestedBatch]]] = collections.deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="digest") as pool:
        for batch in batches:
            ahead.append((batch, pool.submit(digester.digest, _named(batch, wanted))))
            if len(ahead) > workers:
                yield _first(ahead)
        while ahead:
            yield _first(ahead)


def _first(
    ahead: collections.deque[tuple[pa.RecordBatch, Future[DigestedBatch]]],
) -> tuple[pa.RecordBatch, DigestedBatch]:
    batch, future = ahead.popleft()
    return batch, future.result()


def _named(batch: pa.RecordBatch, wanted: Mapping[str, str]) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.RecordBatch.from_arrays([batch.column(name) for name in wanted.values()], names=list(wanted))


def _rows(batch: pa.RecordBatch, digested: DigestedBatch, carried: Sequence[str]) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.RecordBatch.from_pydict({**{name: batch.column(name) for name in carried}, **digested.forms})


def _empty(schema: pa.Schema, wanted: Mapping[str, str], carried: Sequence[str]) -> pa.RecordBatch:
    import pyarrow as pa

    names = list(dict.fromkeys([*wanted.values(), *carried]))
    return pa.RecordBatch.from_pylist([], pa.schema([schema.field(name) for name in names]))


def _writer(path: Path, schema: pa.Schema) -> Any:
    import pyarrow.parquet as pq

    shared: Any = [
        name
        for name in schema.names
        if name in NORMAL_FORMS and NORMAL_FORMS[name].match_key.value not in _SELDOM_SHARED
    ]
    # Digests do not compress, and their smallest and largest say nothing.
    return pq.ParquetWriter(path, schema, compression="none", use_dictionary=shared, write_statistics=False)


def _count(digested: DigestedBatch, counts: FileCounts) -> None:
    import numpy as np

    lengths = {len(column) for column in digested.forms.values()}
    counts.rows += lengths.pop()
    for form, reasons in digested.reasons.items():
        codes = np.bincount(np.asarray(reasons.indices.fill_null(len(Reason))), minlength=len(Reason) + 1)
        for number in np.flatnonzero(codes[: len(Reason)]).tolist():
            counts.refused[form, reasons.dictionary[number].as_py()] += int(codes[number])
