"""Parquet files as rows of text, whatever types their writer chose.

Belongs here: typed columns to the text a CSV would have held. Not here: what a cell means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO, cast

from segment_assets.audience.arrow import kernels, nothing
from segment_assets.audience.refusals import Refusal
from segment_assets.audience.text_files import CELL_LIMIT
from segment_assets.contracts import PermanentError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa
    import pyarrow.parquet as pq

# Bytes of one row's identifiers above which it is looked at row by row, and bytes of a batch then.
_HONEST_ROW = 4096
_BATCH_BYTES = 32 * 1024 * 1024
# Beyond 2**53 a float no longer says which whole number was meant.
_EXACT_FLOAT = 2.0**53


def open_parquet(name: str, opened: BinaryIO) -> pq.ParquetFile:
    """Open a Parquet file. Raises PermanentError naming it when it is none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Pre-buffering holds the whole file: 1,000 MiB at 10 M rows in a trial.
        return pq.ParquetFile(opened, pre_buffer=False, page_checksum_verification=True)
    except (pa.ArrowInvalid, pa.ArrowException, OSError) as error:
        raise PermanentError(f"{name}: not a readable Parquet file ({type(error).__name__}); land it again") from None


def parquet_columns(
    name: str, file: pq.ParquetFile, positions: Mapping[str, int], batch_rows: int
) -> Iterator[tuple[dict[str, pa.Array[Any]], pa.Array[Any]]]:
    """Yield per batch our columns as strings, and an array of the rows' refusals, null where a row can be read.

    Raises PermanentError for a mapped column of lists or structs, naming the column.
    """
    headers = file.schema_arrow.names
    wanted = [headers[position] for position in positions.values()]
    for group in range(file.num_row_groups):
        rows = _rows_at_once(file, group, set(wanted), batch_rows)
        for batch in file.iter_batches(batch_size=rows, row_groups=[group], columns=wanted):
            columns: dict[str, pa.Array[Any]] = {}
            refusals: list[pa.Array[Any]] = []
            for column, position in positions.items():
                array = batch.column(batch.schema.names.index(headers[position]))
                text, refused = as_text(array, f"{name}: column {column}")
                columns[column] = text
                refusals.append(refused)
            yield columns, kernels().coalesce(*refusals)


def _rows_at_once(file: pq.ParquetFile, group: int, wanted: set[str], batch_rows: int) -> int:
    """Fewer rows where they are so big that a batch would fill the memory.

    The size of a repeated cell is told once, however often it is repeated, so big rows are taken as if every row had
    the biggest cell that there can be.
    """
    found = file.metadata.row_group(group)
    chunks = [found.column(place) for place in range(found.num_columns)]
    size = sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema in wanted)
    if size <= _HONEST_ROW * found.num_rows:
        return batch_rows
    return max(1, min(batch_rows, _BATCH_BYTES // size))


def as_text(array: pa.Array[Any], what: str) -> tuple[pa.Array[Any], pa.Array[Any]]:
    """A column of any plain type as strings, with an array of the refusals of the cells that could not be read.

    Whole floats lose their ".0"; dates and timestamps become ISO text. Raises PermanentError for nested types.
    """
    import pyarrow as pa

    pc = kernels()

    if pa.types.is_dictionary(array.type):
        array = array.cast(cast("pa.DictionaryType[Any, Any]", array.type).value_type)
    kind = array.type
    if pa.types.is_nested(kind):
        raise PermanentError(f"{what} holds lists or structs; land one plain value per cell")
    if pa.types.is_floating(kind):
        array = _floats_as_text(array.cast(pa.float64()))
    elif pa.types.is_decimal(kind):
        array = pc.replace_substring_regex(array.cast(pa.string()), r"\.0+$", "")
    elif pa.types.is_null(kind):
        array = pa.nulls(len(array), pa.string())
    return _checked(array)


def _floats_as_text(array: pa.Array[Any]) -> pa.Array[Any]:
    import pyarrow as pa

    pc = kernels()

    array = pc.if_else(pc.is_nan(array), nothing(pa.float64()), array)
    whole = pc.and_(pc.equal(pc.floor(array), array), pc.less(pc.abs(array), _EXACT_FLOAT))
    integers = pc.if_else(whole, array, nothing(pa.float64())).cast(pa.int64())
    texts: pa.Array[Any] = pc.if_else(pc.fill_null(whole, False), integers.cast(pa.string()), array.cast(pa.string()))  # noqa: FBT003
    return texts


def _checked(array: pa.Array[Any]) -> tuple[pa.Array[Any], pa.Array[Any]]:
    import pyarrow as pa

    pc = kernels()

    fine = nothing(pa.string())
    try:
        text = array.cast(pa.string())
        text.validate(full=True)
    except pa.ArrowInvalid:
        text, undecoded = _decoded_one_by_one(array)
    else:
        undecoded = pa.nulls(len(text), pa.string())
    not_text = pc.if_else(pc.match_substring(text, "\0"), pa.scalar(Refusal.NOT_TEXT.value), fine)
    too_long = pc.if_else(pc.greater(pc.binary_length(text), CELL_LIMIT), pa.scalar(Refusal.TOO_LONG.value), fine)
    refused = pc.coalesce(undecoded, too_long, not_text)
    return pc.if_else(pc.is_null(refused), text, fine), refused


def _decoded_one_by_one(array: pa.Array[Any]) -> tuple[pa.Array[Any], pa.Array[Any]]:
    """The slow path of a batch in which at least one cell is not UTF-8."""
    import pyarrow as pa

    texts: list[str | None] = []
    refused: list[str | None] = []
    for value in array.cast(pa.binary()).to_pylist():
        try:
            texts.append(None if value is None else value.decode("utf-8"))
            refused.append(None)
        except UnicodeDecodeError:
            texts.append(None)
            refused.append(Refusal.NOT_TEXT.value)
    return pa.array(texts, pa.string()), pa.array(refused, pa.string())
