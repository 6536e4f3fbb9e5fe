"""Digests that are made side by side are those of hashlib."""

from __future__ import annotations

import hashlib

import pytest

from segment_assets.identity.hashing import sha256_of_each


@pytest.mark.parametrize(
    "lengths",
    [[], [5], [0, 63, 64], [0, 1, 63, 64, 65], [70_000, 3, 0, 70_001, 55, 56, 1 << 17], [9_000] * 16, [*range(40)]],
)
def test_texts_of_any_number_and_length_have_their_own_digest(lengths):
    texts = [bytes([place + 1]) * length for place, length in enumerate(lengths)]
    assert sha256_of_each(texts) == [hashlib.sha256(text).hexdigest() for text in texts]
