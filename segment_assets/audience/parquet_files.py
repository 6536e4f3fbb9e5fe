"""Parquet files as rows of text, whatever types their writer chose.

Belongs here: typed columns to the text a CSV would have held. Not here: what a cell means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO, cast

from segment_assets.audience.arrow import kernels, nothing
from segment_assets.contracts import PermanentError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa
    import pyarrow.parquet as pq

# A cell beyond this is no identifier; the same limit as the csv module's own.
CELL_LIMIT = 131_072
# Beyond 2**53 a float no longer says which whole number was meant.
_EXACT_FLOAT = 2.0**53


def open_parquet(name: str, opened: BinaryIO) -> pq.ParquetFile:
    """Open a Parquet file. Raises PermanentError naming it when it is none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(opened)
    except (pa.ArrowInvalid, pa.ArrowException, OSError) as error:
        raise PermanentError(f"{name}: not a readable Parquet file ({type(error).__name__}); land it again") from None


def parquet_columns(
    name: str, file: pq.ParquetFile, positions: Mapping[str, int], batch_rows: int
) -> Iterator[tuple[dict[str, pa.Array[Any]], pa.Array[Any]]]:
    """Yield per batch our columns as strings, and a boolean array of the rows that can be read.

    Raises PermanentError for a mapped column of lists or structs, naming the column.
    """
    headers = file.schema_arrow.names
    wanted = [headers[position] for position in positions.values()]
    for batch in file.iter_batches(batch_size=batch_rows, columns=wanted):
        columns: dict[str, pa.Array[Any]] = {}
        readable: pa.Array[Any] | None = None
        for column, position in positions.items():
            array = batch.column(batch.schema.names.index(headers[position]))
            text, good = as_text(array, f"{name}: column {column}")
            columns[column] = text
            readable = good if readable is None else kernels().and_(readable, good)
        assert readable is not None
        yield columns, readable


def as_text(array: pa.Array[Any], what: str) -> tuple[pa.Array[Any], pa.Array[Any]]:
    """A column of any plain type as strings, with a boolean array saying which cells could be read.

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

    try:
        text = array.cast(pa.string())
        text.validate(full=True)
    except pa.ArrowInvalid:
        text, good = _decoded_one_by_one(array)
    else:
        good = pa.repeat(pa.scalar(True), len(text))  # noqa: FBT003
    tidy = pc.and_(pc.less_equal(pc.binary_length(text), CELL_LIMIT), pc.invert(pc.match_substring(text, "\0")))
    good = pc.and_(good, pc.fill_null(tidy, True))  # noqa: FBT003
    return pc.if_else(good, text, nothing(pa.string())), good


def _decoded_one_by_one(array: pa.Array[Any]) -> tuple[pa.Array[Any], pa.Array[Any]]:
    """The slow path of a batch in which at least one cell is not UTF-8."""
    import pyarrow as pa

    texts: list[str | None] = []
    good: list[bool] = []
    for value in array.cast(pa.binary()).to_pylist():
        try:
            texts.append(None if value is None else value.decode("utf-8"))
            good.append(True)
        except UnicodeDecodeError:
            texts.append(None)
            good.append(False)
    return pa.array(texts, pa.string()), pa.array(good, pa.bool_())
