"""Vectorised writing of text columns: joining, padding, digests, and columns whose cells are of several kinds.

Belongs here: Arrow helpers that know nothing about people. Not here: shares and spellings (spellings, contacts).
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.sandbox.world.randomness import by_share

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

_HEX_DIGITS = 64


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """One way in which a cell is written: its share of all cells, and the writer from true records to cells."""

    name: str
    share: float
    write: Callable[[pa.Table], Any]


def draw_kinds(rng: np.random.Generator, kinds: Sequence[Kind], size: int) -> npt.NDArray[np.int64]:
    """For each of `size` rows, the position of its kind."""
    return by_share(rng, [kind.share for kind in kinds], size)


def write_by_kind(people: pa.Table, kinds: Sequence[Kind], drawn: npt.NDArray[np.int64]) -> pa.Array:
    """One string per row of `people`, each written by the kind that was drawn for it."""
    parts, rows = [], []
    for position, kind in enumerate(kinds):
        mine = np.flatnonzero(drawn == position)
        if len(mine):
            parts.append(as_strings(kind.write(people.take(pa.array(mine))), len(mine)))
            rows.append(mine)
    if not parts:
        return pa.array([], pa.string())
    back = np.argsort(np.concatenate(rows), kind="stable")
    return pa.concat_arrays(parts).take(pa.array(back))


def as_strings(values: Any, size: int) -> pa.Array:
    """A plain string array from a column, an array or one value for all rows."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if isinstance(values, pa.Array):
        return values.cast(pa.string())
    return pa.nulls(size, pa.string()) if values is None else pa.repeat(pa.scalar(values, pa.string()), size)


def words(values: Sequence[str | None], index: npt.NDArray[np.int64]) -> pa.Array:
    """The words at the given positions."""
    return pa.array(values, pa.string()).take(pa.array(index))


def joined(*parts: Any) -> Any:
    """Concatenate columns and literals, row by row; null where any part is null."""
    return pc.binary_join_element_wise(*parts, "")


def padded(numbers: npt.NDArray[np.int64], width: int) -> pa.Array:
    """Numbers as decimal strings with leading zeros."""
    return pc.utf8_lpad(pa.array(numbers).cast(pa.string()), width=width, padding="0")


def rewritten(values: pa.Array, where: npt.NDArray[np.bool_], rewrite: Callable[[Any], Any]) -> pa.Array:
    """Replace the cells at `where` by `rewrite` of them."""
    mask = pa.array(where)
    chosen = values.filter(mask)
    return pc.replace_with_mask(values, mask, as_strings(rewrite(chosen), len(chosen)))


def blanked(values: pa.Array, where: npt.NDArray[np.bool_]) -> pa.Array:
    """Make the cells at `where` null."""
    return pc.if_else(pa.array(where), pa.scalar(None, values.type), values)


def sha256(values: pa.Array) -> pa.Array:
    """SHA-256 of each string (UTF-8) as 32 bytes; null stays null."""
    known = values.drop_null().to_pylist()
    raw = b"".join([hashlib.sha256(text.encode()).digest() for text in known])
    digests = pa.FixedSizeBinaryArray.from_buffers(pa.binary(32), len(known), [None, pa.py_buffer(raw)])
    if len(known) == len(values):
        return digests
    return pc.replace_with_mask(pa.nulls(len(values), pa.binary(32)), values.is_valid(), digests)


def as_hex(digests: pa.Array) -> pa.Array:
    """32-byte digests as 64 lower-case hex characters; null stays null."""
    known = digests.drop_null()
    text = b"".join(known.to_pylist()).hex().encode()
    offsets = pa.array(np.arange(0, len(text) + 1, _HEX_DIGITS, dtype=np.int32))
    hexes = pa.StringArray.from_buffers(len(known), offsets.buffers()[1], pa.py_buffer(text))
    if len(known) == len(digests):
        return hexes
    return pc.replace_with_mask(pa.nulls(len(digests), pa.string()), digests.is_valid(), hexes)


def flags(column: Any) -> npt.NDArray[np.bool_]:
    """A Boolean column without nulls as numpy."""
    return np.asarray(
        column.to_numpy() if isinstance(column, pa.ChunkedArray) else column.to_numpy(zero_copy_only=False)
    )
