"""Rows of two sources that are in the same order as one, a range of keys at a time.

Belongs here: merging. Not here: which rows there are (`plain`, `records`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_assets.delivery.ranges import Rows, side_by_side

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa


def in_one_order(
    some: Iterator[pa.RecordBatch], others: Iterator[pa.RecordBatch], schema: pa.Schema, key: str
) -> Iterator[pa.RecordBatch]:
    """The rows of both, each in the order of its digests in column `key`. Raises UnsortedError.

    Rows that have the first eight bytes of their key in common have to be all of one source.
    """
    one, other = ((Rows(schema, batches), schema.names) for batches in (some, others))
    for rows, keys, more, more_keys in side_by_side(one, other, key):
        yield merged(rows, keys, more, more_keys)


def merged(rows: Any, keys: Any, others: Any, other_keys: Any) -> Any:
    """Rows of both in the order of their keys; those of one key are all of one side."""
    import numpy as np
    import pyarrow as pa

    if not rows.num_rows or not others.num_rows:
        return rows if rows.num_rows else others
    order = np.argsort(np.concatenate([keys, other_keys]), kind="stable")
    arrow: Any = pa
    return arrow.concat_batches([rows, others.cast(rows.schema)]).take(pa.array(order))
