"""Lists in pages are walked to their end, or not at all."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.contracts import TransientError
from segment_assets.destinations.pages import Page, walked


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=6))
def test_everything_on_all_pages_is_seen_once_and_in_order(sizes):
    numbers = itertools.count()
    pages = [[{"id": next(numbers)} for _ in range(size)] for size in sizes] or [[]]

    def ask(params):
        place = int(params.get("cursor", 0))
        last = place == len(pages) - 1
        return Page(pages[place], None if last else f"https://elsewhere.example/x?cursor={place + 1}")

    assert [one["id"] for one in walked(ask, {"limit": "3"}, "here")] == list(range(sum(sizes)))


@pytest.mark.parametrize(
    "following", ["https://x.example/y?limit=3", "https://x.example/y?a=1", "nowhere", 7, {"a": 1}]
)
def test_an_address_that_leads_back_or_nowhere_is_no_end_of_the_list(following):
    with pytest.raises(TransientError, match=r"^here: the list of audiences does not come to an end"):
        list(walked(lambda _: Page([], following), {"limit": "3"}, "here"))


def test_a_list_with_ever_new_pages_ends_as_an_error_and_not_as_a_list():
    asked = itertools.count(1)
    with pytest.raises(TransientError, match="does not come to an end"):
        list(walked(lambda _: Page([], f"?cursor={next(asked)}"), {}, "here"))
    assert next(asked) == 10_000 + 1
