"""Digits of whole columns are those that Python writes for each cell."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.identity.hexadecimal import hexadecimal

DIGESTS = st.lists(st.none() | st.binary(min_size=32, max_size=32), max_size=5)
TEXTS = st.lists(st.none() | st.text(max_size=5), max_size=5)


@settings(max_examples=60, deadline=None)
@given(DIGESTS, TEXTS, st.integers(0, 2), st.booleans())
def test_every_cell_has_its_own_digits_also_in_a_part_of_a_column(digests, texts, offset, capital):
    for cells, kind in ((digests, pa.binary(32)), (texts, pa.string())):
        raw = [cell.encode() if isinstance(cell, str) else cell for cell in cells][offset:]
        digits = [None if cell is None else cell.hex() for cell in raw]
        expected = [text and (text.upper() if capital else text) for text in digits]
        assert hexadecimal(pa.array(cells, kind).slice(offset), capital=capital).to_pylist() == expected


def test_every_byte_has_its_two_digits_in_either_half_of_a_pair():
    cells = [bytes([byte, 0] * 8 + [0, byte] * 8) for byte in range(256)]
    assert hexadecimal(pa.array(cells, pa.binary(32))).to_pylist() == [cell.hex() for cell in cells]
