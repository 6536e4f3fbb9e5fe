"""A full resync: everybody once more, on a person's word or since something else is said of them, and then it is over."""

from __future__ import annotations

import dataclasses

import pytest

from segment_assets.contracts import (
    PermanentError,
    TransientError,
)
from segment_assets.delivery.refreshing import ask_for_resync
from segment_assets_tests.delivery.replacing_road import Road, crowd
from segment_assets_tests.fakes import (
    digest,
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


class Saying(Road):
    """A road on which an account's setting makes the platform be told something of everybody."""

    def says(self, word):
        self.contract = dataclasses.replace(self.contract, said_of_people=word)


@pytest.fixture
def saying(tmp_path):
    return Saying(tmp_path)


def test_when_something_else_is_said_of_people_everybody_is_sent_once_more_and_only_then(saying):
    saying.wants(*crowd("abcd"))
    saying.run()
    for word in ("flagged", "flagged otherwise", ""):
        saying.says(word)
        [row] = saying.run()
        assert (row["refreshed"], row["accepted"], row["unchanged"]) == (4, 4, 0)
        assert saying.run() == []
        saying.wants(*crowd("abcd"), *crowd(f"{'efg'[len(word) % 3]}"))
        assert sum(row["refreshed"] for row in saying.run()) == 0
        saying.wants(*crowd("abcd"))
        saying.run()


def test_an_audience_that_began_with_what_is_said_is_not_sent_twice(saying):
    saying.says("flagged")
    saying.wants(*crowd("ab"))
    saying.run()
    assert saying.run() == []
    saying.wants(*crowd("abc"))
    [row] = saying.run()
    assert (row["adds"], row["refreshed"]) == (1, 0)


def test_a_new_word_that_broke_off_goes_on_with_those_who_have_not_been_told_of_also_past_an_opt_out(saying):
    saying.wants(*crowd("abcdefgh"))
    saying.run()
    saying.says("flagged")
    start = len(saying.platform.calls)

    def away(call):
        if call > start:
            raise TransientError("fake: no answer")

    saying.platform.before = away
    with pytest.raises(TransientError):
        saying.run()
    saying.platform.before = lambda call: None
    saying.opt_out(("email", digest("a@x")))
    rows = saying.run()
    assert [row["lane"] for row in rows][-2:] == ["opt_out", "audience"]
    # Three were told of by the batch that got through; all others are sent, in doubt or not.
    assert (rows[-1]["unchanged"], rows[-1]["refreshed"] + rows[-1]["changed"]) == (3, 4)
    assert saying.names() == set("bcdefgh")
    assert saying.run() == []


@pytest.mark.parametrize("reason", ["", "dana@lumen.example is missing", "call +49 171 123 4567", "f" * 64])
def test_a_reason_that_names_a_person_or_nothing_is_refused(road, reason):
    road.wants(*crowd("a"))
    road.run()
    with pytest.raises(PermanentError, match="--reason"):
        ask_for_resync(road.ledger, reason=reason, who="dana")


def test_a_resync_of_a_pair_that_was_never_delivered_is_refused(road):
    with pytest.raises(PermanentError, match="nothing was ever delivered"):
        ask_for_resync(road.ledger, reason="the list shrank", who="dana")
