"""A full resync: everybody once more, on a person's word, and then it is over."""

from __future__ import annotations

import pytest

from segment_assets.contracts import (
    PermanentError,
    TransientError,
)
from segment_assets.delivery.refreshing import ask_for_resync
from segment_assets_tests.delivery.replacing_road import Road, crowd
from segment_assets_tests.fakes import (
    marked,
)


@pytest.fixture
def road(tmp_path):
    return Road(tmp_path)


def test_a_resync_sends_everybody_once_and_brings_back_whom_the_platform_lost(road):
    road.wants(*crowd("abcde"))
    road.platform.refuse = {marked("e@x")}
    road.run()
    road.platform.people = [row for row in road.platform.people if marked("a@x") not in row]
    road.platform.refuse = set()
    assert road.run() == []
    ask_for_resync(road.ledger, reason="the list shrank", who="dana")
    road.wants(*crowd("bcde"), *crowd("a"), *crowd("f"))
    [row] = road.run()
    assert (row["refreshed"], row["adds"], row["unchanged"]) == (4, 2, 0)
    assert road.names() == set("abcdef")
    assert road.run() == []


def test_a_resync_that_broke_off_goes_on_with_those_who_are_left(road):
    road.wants(*crowd("abcdefgh"))
    road.run()
    ask_for_resync(road.ledger, reason="the list shrank", who="dana")
    start = len(road.platform.calls)

    def away(call):
        if call > start:
            raise TransientError("fake: no answer")

    road.platform.before = away
    with pytest.raises(TransientError):
        road.run()
    road.platform.before = lambda call: None
    rows = road.run()
    assert sum(row["refreshed"] + row["changed"] for row in rows) == 5
    assert road.run() == []


@pytest.mark.parametrize("reason", ["", "dana@lumen.example is missing", "call +49 171 123 4567", "f" * 64])
def test_a_reason_that_names_a_person_or_nothing_is_refused(road, reason):
    road.wants(*crowd("a"))
    road.run()
    with pytest.raises(PermanentError, match="--reason"):
        ask_for_resync(road.ledger, reason=reason, who="dana")


def test_a_resync_of_a_pair_that_was_never_delivered_is_refused(road):
    with pytest.raises(PermanentError, match="nothing was ever delivered"):
        ask_for_resync(road.ledger, reason="the list shrank", who="dana")
