"""Landed files of one segment as one list of rows in our own columns.

Belongs here: which files, in which order, and the report of what was read. Not here: judging a value (identity),
or where files come from (the lake).
"""

from __future__ import annotations

import contextlib
import gzip
import operator
import zlib
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from segment_assets.audience import consent, encodings, parquet_files, text_files
from segment_assets.audience.arrow import kernels
from segment_assets.audience.headers import TARGETS, HeaderMap, require_naming_column
from segment_assets.audience.opened_files import Unpacked, Watched
from segment_assets.audience.read_report import FileReport, ReadReport
from segment_assets.audience.refusals import Refusal
from segment_assets.contracts import PermanentError, TransientError
from segment_assets.tables import SEGMENT_MEMBERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import pyarrow as pa

    Opener = Callable[[], BinaryIO]
    Source = Path | tuple[str, Opener]

BATCH_ROWS = 10_000
# Characters of the lines of one batch. Honest rows stay far below; cells of 100 kB would otherwise need gigabytes.
BATCH_CHARACTERS = 16 * 1024 * 1024
_PIECE = 1024 * 1024
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
    Raises PermanentError for a file that cannot be read at all, naming it, TransientError when storage failed or a
    file changed while it was read.
    """
    known = HeaderMap(headers)
    report = ReadReport()
    sources = sorted((named(file) for file in files), key=lambda source: source[0])
    if not sources:
        raise PermanentError("no files to read: the segment's landing folder is empty; land at least one file")
    return Reading(_batches(sources, known, report), report)


def named(file: Source) -> tuple[str, Opener]:
    """A file as a pair of its name and what opens it."""
    if isinstance(file, Path):
        return file.name, lambda: file.open("rb")
    return file


def _batches(sources: Iterable[tuple[str, Opener]], headers: HeaderMap, report: ReadReport) -> Iterator[pa.RecordBatch]:
    for name, given in sources:
        kind, opener = _format(name, given)
        file = FileReport(name, kind, first_source_row=report.rows)
        report.files.append(file)
        watched, read = Watched(name, opener), _parquet if kind == _PARQUET else _text
        try:
            yield from read(file, watched.open, headers, report)
        except PermanentError:
            # What cannot be read of a file that is just being written will be there at the next try.
            watched.require_unchanged()
            raise
        watched.require_unchanged()


def _format(name: str, opener: Opener) -> tuple[str, Opener]:
    suffixes = [suffix.lower() for suffix in Path(name).suffixes]
    packed = suffixes[-1:] == [".gz"]
    kind = _FORMATS.get((suffixes[:-1] if packed else suffixes or [""])[-1]) if suffixes[packed:] else None
    if kind is None or (packed and kind == _PARQUET):
        raise PermanentError(f"{name}: unknown kind of file; use one of {', '.join(_FORMATS)} (text also with .gz)")
    if not packed:
        return kind, opener
    return kind, lambda: cast("BinaryIO", Unpacked(opener()))


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
        file.encoding = encodings.sniff_encoding(encodings.open_sample(opener), file.name)
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
    if not names:
        raise PermanentError(f"{file.name}: the file is empty; land it again with a header line")
    positions = headers.positions(names)
    require_naming_column(file.name, names, positions)
    file.describe(names, positions)
    rows = text_files.csv_rows(source, file.separator, len(names), lines.number + 1)
    yield from _collect(file, rows, positions, report, lines)


def _json(
    file: FileReport, lines: text_files.Lines, headers: HeaderMap, report: ReadReport
) -> Iterator[pa.RecordBatch]:
    reader = text_files.JsonRows(file.name, headers)
    positions = {column: position for position, column in enumerate(TARGETS)}
    yield from _collect(file, reader.rows(iter(lines)), positions, report, lines)
    if not file.rows:
        raise PermanentError(f"{file.name}: the file is empty; land it again with one JSON object per line")
    if file.unreadable == file.rows:
        raise PermanentError(f"{file.name}: no line is a JSON object; write one object per line")
    keys = list(reader.keys)
    found = headers.positions(keys)
    require_naming_column(file.name, keys, found)
    file.describe(keys, found)


def _collect(
    file: FileReport,
    rows: Iterator[text_files.Row],
    positions: Mapping[str, int],
    report: ReadReport,
    lines: text_files.Lines,
) -> Iterator[pa.RecordBatch]:
    kept, most = _Kept(file.name, positions), BATCH_CHARACTERS
    for line, cells in rows:
        if isinstance(cells, Refusal):
            report.refuse(cells, line, report.rows)
        else:
            kept.add(report.rows, line, cells)
        report.rows += 1
        file.rows += 1
        if len(kept) >= BATCH_ROWS or (lines.characters > most and len(kept)):
            yield kept.batch()
            kept, most = _Kept(file.name, positions), lines.characters + BATCH_CHARACTERS
    if len(kept):
        yield kept.batch()


class _Kept:
    """The readable rows of the next batch: the cells of our columns only, since a file may have hundreds of others."""

    def __init__(self, name: str, positions: Mapping[str, int]) -> None:
        self._name, self._columns, places = name, tuple(positions), list(positions.values())
        # One place twice: of a single one itemgetter would give the cell instead of a row.
        self._choose = operator.itemgetter(*places, *places[:1])
        self._rows: list[tuple[str | None, ...]] = []
        self._numbers, self._lines = array("q"), array("q")

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, number: int, line: int, cells: Sequence[str | None]) -> None:
        self._rows.append(self._choose(cells))
        self._numbers.append(number)
        self._lines.append(line)

    def batch(self) -> pa.RecordBatch:
        import pyarrow as pa

        columns = {
            column: pa.array([cell or None for cell in cells], pa.string())
            for column, cells in zip(self._columns, zip(*self._rows, strict=True), strict=False)
        }
        place = _place(pa.array(self._numbers, pa.int64()), self._name, pa.array(self._lines, pa.int64()))
        return _canonical({**columns, **place})


def _place(numbers: pa.Array[Any], name: str, lines: pa.Array[Any]) -> dict[str, pa.Array[Any]]:
    import pyarrow as pa

    return {
        "source_row": numbers,
        "source_file": pa.repeat(pa.scalar(name), len(numbers)),
        "source_line": lines,
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
            for columns, refusals in parquet_files.parquet_columns(file.name, parquet, positions, BATCH_ROWS):
                readable = pc.is_null(refusals)
                numbers = pa.array(range(report.rows, report.rows + len(refusals)), pa.int64())
                lines = pc.add(numbers, file.rows - report.rows + 1)
                for bad in pc.indices_nonzero(pc.invert(readable)).to_pylist():
                    report.refuse(Refusal(refusals[bad].as_py()), lines[bad].as_py(), numbers[bad].as_py())
                report.rows += len(refusals)
                file.rows += len(refusals)
                place = _place(numbers, file.name, lines)
                yield _canonical({name: cells.filter(readable) for name, cells in {**columns, **place}.items()})
        except (pa.ArrowException, OSError) as error:
            if isinstance(error, OSError) and not _is_damage(error, opened):
                raise
            raise PermanentError(
                f"{file.name}: cannot be read after row {file.rows} ({type(error).__name__}); land the file again"
            ) from None


def _is_damage(error: OSError, opened: BinaryIO) -> bool:
    """Whether Arrow means the content by its OSError: then every byte of the file can be read."""
    if error.errno is not None:
        return False
    try:
        opened.seek(0)
        while opened.read(_PIECE):
            pass
    except OSError:
        return False
    return True


def _canonical(columns: Mapping[str, pa.Array[Any]]) -> pa.RecordBatch:
    """Rows in the schema of SEGMENT_MEMBERS: missing columns are null, the opt-out signal is a boolean."""
    import pyarrow as pa

    arrays, rows = dict(columns), len(columns["source_row"])
    if "gpc_opt_out" in columns:
        arrays["gpc_opt_out"] = consent.signal(columns["gpc_opt_out"])
    schema = SEGMENT_MEMBERS.arrow_schema()
    filled = [arrays.get(field.name, pa.nulls(rows, field.type)) for field in schema]
    return pa.RecordBatch.from_arrays(filled, schema=schema)
