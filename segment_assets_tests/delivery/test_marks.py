"""Marks find every digest that was marked and hardly any other, however many there are."""

from __future__ import annotations

import numpy as np
import pytest

from segment_assets.delivery.marks import Marks


@pytest.mark.parametrize("count", [3, 20_000, 700_000], ids=["a few", "many", "more than the first table has words"])
def test_marks_overlook_none_of_many_and_take_few_others_for_them(count):
    numbers = np.random.default_rng(7).integers(0, 2**64, 2 * count, np.uint64)
    marks, marked, others = Marks(), numbers[:count], numbers[count:]
    for part in np.array_split(marked, 3):
        marks.add_hashes(part)
    assert marks.has_hashes(marked).all()
    assert marks.has_hashes(others).sum() <= count / 1_000


def test_what_is_marked_after_the_first_question_is_found_as_well():
    numbers = np.random.default_rng(8).integers(0, 2**64, 9_000, np.uint64)
    marks = Marks()
    marks.add_hashes(numbers[:5])
    assert marks.has_hashes(numbers[:5]).all()
    marks.add_hashes(numbers)
    assert marks.has_hashes(numbers).all()
