"""When something that did not get through is tried again."""

from __future__ import annotations

from typing import Any

from segment_assets.backoff import LONGEST_BACKOFF_SECONDS, next_attempt


def test_the_pause_has_an_upper_limit_however_often_it_was_tried():
    asked: dict[str, dict[str, Any]] = {"pair": {"wanted": "v1", "attempt": 5_000, "at": 0.0}}
    assert next_attempt(asked, "pair", "v1", now=LONGEST_BACKOFF_SECONDS - 1) is None
    assert next_attempt(asked, "pair", "v1", now=LONGEST_BACKOFF_SECONDS) == 5_001
