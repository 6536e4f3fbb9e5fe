"""Arrow columns of digests and texts as numpy sees them, without a copy where they are digests.

Belongs here: bytes and masks. Not here: what a cell means (`comparing`), and where it is from (`ranges`).
"""

from __future__ import annotations

from typing import Any

from segment_assets.identity.hashing import DIGEST_BYTES, sha256_matrix


def first_bytes(cells: Any) -> Any:
    """The first eight bytes of each digest as a number, in the digests' order; of a text, those of its SHA-256.

    A null's number means nothing.
    """
    return words(cells)[:, 0].byteswap() if is_digest(cells) else _hashed(cells)


def words(cells: Any) -> Any:
    """Digests as a numpy matrix of four words of 64 bits each, without a copy. A null's row means nothing."""
    import numpy as np

    if not len(cells):
        return np.zeros((0, 4), np.uint64)
    content = np.frombuffer(cells.buffers()[1], np.uint64, offset=DIGEST_BYTES * cells.offset, count=4 * len(cells))
    return content.reshape(-1, 4)


def validity(cells: Any) -> Any:
    """A numpy mask of the cells that are not null."""
    import numpy as np

    if not cells.null_count:
        return np.ones(len(cells), np.bool_)
    return cells.is_valid().to_numpy(zero_copy_only=False)


def is_digest(cells: Any) -> bool:
    """Whether an array holds digests, not texts."""
    import pyarrow as pa

    return bool(cells.type == pa.binary(DIGEST_BYTES))


def _hashed(texts: Any) -> Any:
    import numpy as np

    return sha256_matrix(texts).view(np.uint64).reshape(-1, 4)[:, 0].byteswap()
