"""Landed files of one segment as one list of rows in our own columns.

Belongs here: which files, in which order, and the report of what was read. Not here: judging a value (identity),
or where files come from (the lake).
"""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import zlib
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from segment_assets.audience import consent, parquet_files, text_files
from segment_assets.audience.arrow import kernels
from segment_assets.audience.headers import TARGETS, HeaderMap, printable, require_naming_column
from segment_assets.contracts import PermanentError, Reason, TransientError
from segment_assets.tables import QUARANTINE, SEGMENT_MEMBERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import pyarrow as pa

    Opener = Callable[[], BinaryIO]
    Source = Path | tuple[str, Opener]

BATCH_ROWS = 10_000
_LISTED_HEADERS = 1_000
_CSV, _JSON, _PARQUET = "CSV", "JSON lines", "Parquet"
_FORMATS = {
    ".csv": _CSV,
    ".tsv": _CSV,
    ".psv": _CSV,
    ".txt": _CSV,
    ".jsonl": _JSON,
    ".ndjson": _JSON,
    ".json": _JSON,
    ".parquet": _PARQUET,
}


@dataclasses.dataclass(slots=True)
class FileReport:
    """How one file was understood. `mapped` is our column -> header; headers that look like values are numbered."""

    name: str
    format: str
    encoding: str | None = None
    separator: str | None = None
    first_source_row: int = 0
    rows: int = 0
    unreadable: int = 0
    mapped: dict[str, str] = dataclasses.field(default_factory=dict)
    unmapped: list[str] = dataclasses.field(default_factory=list)

    def describe(self, headers: Sequence[str], positions: Mapping[str, int]) -> None:
        """Note which headers were taken for which of our columns and which were left."""
        shown = [printable(header) or f"(column {number})" for number, header in enumerate(headers, 1)]
        self.mapped = {column: shown[position] for column, position in positions.items()}
        taken = set(positions.values())
        left = [header for position, header in enumerate(shown) if position not in taken]
        self.unmapped = left[:_LISTED_HEADERS]


@dataclasses.dataclass(slots=True)
class ReadReport:
    """What was read so far; complete once the rows have been read to the end.

    `rows` counts readable and unreadable rows. `unreadable` holds the source_row of each that could not be read.
    """

    files: list[FileReport] = dataclasses.field(default_factory=list)
    rows: int = 0
    unreadable: array[int] = dataclasses.field(default_factory=lambda: array("q"))

    def quarantine(self) -> pa.Table:
        """The unreadable rows in the schema of tables.QUARANTINE."""
        import pyarrow as pa

        count = len(self.unreadable)
        columns: list[pa.Array[Any]] = [
            pa.array(self.unreadable, pa.int64()),
            pa.repeat(pa.scalar("*"), count),
            pa.repeat(pa.scalar(Reason.UNREADABLE_ROW.value), count),
        ]
        return pa.Table.from_arrays(columns, schema=QUARANTINE.arrow_schema())


class Reading:
    """Batches of canonical rows, to be iterated once, and the report that fills while they are read."""

    def __init__(self, batches: Iterator[pa.RecordBatch], report: ReadReport) -> None:
        self._batches = batches
        self.report = report

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return self._batches

    def __next__(self) -> pa.RecordBatch:
        return next(self._batches)


def read_files(files: Sequence[Source], headers: Mapping[str, str]) -> Reading:
    """Read the files of a segment as one list, in the order of their names.

    Each file is a path or a pair (name, function that opens it for reading bytes, called at most twice). The
    extension says what it is: .csv .tsv .psv .txt, .jsonl .ndjson .json (these also with .gz) or .parquet.
    Yields record batches in the schema of tables.SEGMENT_MEMBERS; `.report` says what was understood.
    Raises PermanentError for a file that cannot be read at all, naming it, TransientError when storage failed.
    """
    known = HeaderMap(headers)
    report = ReadReport()
    sources = sorted((_named(file) for file in files), key=lambda source: source[0])
    if not sources:
        raise PermanentError("no files to read: the segment's landing folder is empty; land at least one file")
    return Reading(_batches(sources, known, report), report)


def _named(file: Source) -> tuple[str, Opener]:
    if isinstance(file, Path):
        return file.name, lambda: file.open("rb")
    return file


def _batches(sources: Iterable[tuple[str, Opener]], headers: HeaderMap, report: ReadReport) -> Iterator[pa.RecordBatch]:
    for name, given in sources:
        kind, opener = _format(name, given)
        file = FileReport(name, kind, first_source_row=report.rows)
        report.files.append(file)
        if kind == _PARQUET:
            yield from _parquet(file, opener, headers, report)
        else:
            yield from _text(file, opener, headers, report)


def _format(name: str, opener: Opener) -> tuple[str, Opener]:
    suffixes = [suffix.lower() for suffix in Path(name).suffixes]
    packed = suffixes[-1:] == [".gz"]
    kind = _FORMATS.get((suffixes[:-1] if packed else suffixes or [""])[-1]) if suffixes[packed:] else None
    if kind is None or (packed and kind == _PARQUET):
        raise PermanentError(f"{name}: unknown kind of file; use one of {', '.join(_FORMATS)} (text also with .gz)")
    if not packed:
        return kind, opener
    return kind, lambda: cast("BinaryIO", _Unpacked(opener()))


class _Unpacked(gzip.GzipFile):
    """A gzip file that closes what it was opened on, which GzipFile leaves open."""

    def __init__(self, packed: BinaryIO) -> None:
        super().__init__(fileobj=packed, mode="rb")
        self._packed = packed

    def close(self) -> None:
        super().close()
        self._packed.close()


@contextlib.contextmanager
def _named_errors(name: str, line: Callable[[], int]) -> Iterator[None]:
    """Turn what libraries raise into one error of ours; their messages may quote cells, so only the class is told."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile, UnicodeError) as error:
        raise PermanentError(
            f"{name}: cannot be read after line {line()} ({type(error).__name__}); land the file again"
        ) from None
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise PermanentError(f"{name}: cannot be opened ({type(error).__name__}); check the landing folder") from None
    except OSError as error:
        raise TransientError(
            f"{name}: storage failed after line {line()} ({type(error).__name__}); run it again"
        ) from None


def _text(file: FileReport, opener: Opener, headers: HeaderMap, report: ReadReport) -> Iterator[pa.RecordBatch]:
    with _named_errors(file.name, lambda: 0):
        file.encoding = text_files.sniff_encoding(text_files.open_sample(opener), file.name)
        opened = opener()
    with opened:
        lines = text_files.Lines(opened, file.encoding)
        with _named_errors(file.name, lambda: lines.number):
            if file.format == _CSV:
                yield from _csv(file, lines, headers, report)
            else:
                yield from _json(file, lines, headers, report)


def _csv(file: FileReport, lines: text_files.Lines, headers: HeaderMap, report: ReadReport) -> Iterator[pa.RecordBatch]:
    source = iter(lines)
    file.separator, names = text_files.csv_header(source, headers)
    positions = headers.positions(names)
    require_naming_column(file.name, names, positions)
    file.describe(names, positions)
    rows = text_files.csv_rows(source, file.separator, len(names))
    yield from _collect(file, rows, positions, report)


def _json(
    file: FileReport, lines: text_files.Lines, headers: HeaderMap, report: ReadReport
) -> Iterator[pa.RecordBatch]:
    reader = text_files.JsonRows(file.name, headers)
    positions = {column: position for position, column in enumerate(TARGETS)}
    yield from _collect(file, reader.rows(iter(lines)), positions, report)
    if file.rows and file.unreadable == file.rows:
        raise PermanentError(f"{file.name}: no line is a JSON object; write one object per line")
    keys = list(reader.keys)
    found = headers.positions(keys)
    require_naming_column(file.name, keys, found)
    file.describe(keys, found)


def _collect(
    file: FileReport,
    rows: Iterator[list[str] | None] | Iterator[list[str | None] | None],
    positions: Mapping[str, int],
    report: ReadReport,
) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    numbers, kept = array("q"), []
    for cells in rows:
        if cells is None:
            report.unreadable.append(report.rows)
            file.unreadable += 1
        else:
            numbers.append(report.rows)
            kept.append(cells)
        report.rows += 1
        file.rows += 1
        if len(kept) == BATCH_ROWS:
            yield _canonical(pa.array(numbers, pa.int64()), _columns(kept, positions))
            numbers, kept = array("q"), []
    if kept:
        yield _canonical(pa.array(numbers, pa.int64()), _columns(kept, positions))


def _columns(rows: Sequence[Sequence[str | None]], positions: Mapping[str, int]) -> dict[str, pa.Array[Any]]:
    import pyarrow as pa

    return {
        column: pa.array([cells[position] or None for cells in rows], pa.string())
        for column, position in positions.items()
    }


def _parquet(file: FileReport, opener: Opener, headers: HeaderMap, report: ReadReport) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    pc = kernels()

    with _named_errors(file.name, lambda: file.rows), opener() as opened:
        parquet = parquet_files.open_parquet(file.name, opened)
        names = parquet.schema_arrow.names
        positions = headers.positions(names)
        require_naming_column(file.name, names, positions)
        file.describe(names, positions)
        try:
            for columns, readable in parquet_files.parquet_columns(file.name, parquet, positions, BATCH_ROWS):
                numbers = pa.array(range(report.rows, report.rows + len(readable)), pa.int64())
                bad = numbers.filter(pc.invert(readable))
                report.unreadable.extend(cast("list[int]", bad.to_pylist()))
                file.unreadable += len(bad)
                report.rows += len(readable)
                file.rows += len(readable)
                kept = {column: cells.filter(readable) for column, cells in columns.items()}
                yield _canonical(numbers.filter(readable), kept)
        except pa.ArrowException as error:
            raise PermanentError(
                f"{file.name}: cannot be read after row {file.rows} ({type(error).__name__}); land the file again"
            ) from None


def _canonical(numbers: pa.Array[Any], columns: Mapping[str, pa.Array[Any]]) -> pa.RecordBatch:
    """Rows in the schema of SEGMENT_MEMBERS: missing columns are null, the opt-out signal is a boolean."""
    import pyarrow as pa

    arrays: dict[str, pa.Array[Any]] = {"source_row": numbers, **columns}
    if "gpc_opt_out" in columns:
        arrays["gpc_opt_out"] = consent.signal(columns["gpc_opt_out"])
    schema = SEGMENT_MEMBERS.arrow_schema()
    filled = [arrays.get(field.name, pa.nulls(len(numbers), field.type)) for field in schema]
    return pa.RecordBatch.from_arrays(filled, schema=schema)
