"""A replace by the platform's own call: nobody is missing in the end, wherever it breaks off."""

from __future__ import annotations

import contextlib
import dataclasses

import pytest

from segment_assets.contracts import (
    Mode,
    NeedsHumanError,
    PermanentError,
    Replacing,
    TransientError,
)
from segment_assets.delivery.guards import GuardRails
from segment_assets_tests.delivery.replacing_road import REPLACING, Crash, ReplacingPlatform, Road, crowd
from segment_assets_tests.fakes import (
    CONTRACT,
    digest,
    person,
    publish_suppressions,
)


@pytest.fixture
def road(tmp_path):
    return Road(tmp_path)


def test_a_replace_puts_the_whole_list_in_the_place_of_the_old_one(road):
    road.mode = Mode.REPLACE
    road.wants(*crowd("abcd"))
    road.run()
    road.wants(*crowd("bcde"), person("f", email="f@x"))
    [row] = road.run()
    assert road.names() == set("bcdef")
    assert (row["adds"], row["refreshed"], row["unchanged"], row["removes"], row["mode"]) == (2, 3, 0, 1, "replace")
    assert (row["accepted"], row["removes_acknowledged"]) == (5, 1)
    assert {method for method, _ in road.platform.calls} == {"PUT"}
    assert road.run() == []


def test_an_emptied_segment_asks_a_person_before_a_replace_begins(road):
    road.mode = Mode.REPLACE
    road.wants(*crowd("abcd"))
    road.run()
    calls = len(road.platform.calls)
    for people in ([], crowd("a")):
        road.wants(*people)
        road.rails = GuardRails(0.5)
        with pytest.raises(NeedsHumanError):
            road.run()
    assert len(road.platform.calls) == calls


def test_a_replace_that_stops_before_its_first_batch_leaves_the_old_members(road):
    road.mode = Mode.REPLACE
    road.wants(*crowd("abcdef"))
    road.run()

    def away(call):
        raise TransientError("fake: no answer")

    road.platform.before = away
    road.wants(*crowd("bcdefg"))
    with pytest.raises(TransientError):
        road.run()
    assert road.names() == set("abcdef")
    road.platform.before = lambda call: None
    road.run()
    assert road.names() == set("bcdefg")


@pytest.mark.parametrize(
    ("moment", "place"),
    [
        pytest.param(moment, place, marks=[] if (moment, place) in {("after", 0), ("before", 1)} else pytest.mark.slow)
        for moment in ("before", "after")
        for place in range(3)
    ],
)
def test_a_replace_that_is_killed_is_finished_by_the_next_run_also_when_its_audience_is_refused_by_then(
    tmp_path, moment, place
):
    road = Road(tmp_path, Mode.REPLACE)
    road.wants(*crowd("abcdefgh"))
    road.run()
    road.wants(*crowd("bcdefghi"))
    start = len(road.platform.calls)

    def crash(call):
        if call == start + place:
            raise Crash

    setattr(road.platform, moment, crash)
    with pytest.raises(Crash):
        road.run()
    setattr(road.platform, moment, lambda call: None)

    def refused():
        raise NeedsHumanError("the audience has drifted")

    with contextlib.suppress(NeedsHumanError):
        road.run(approve=refused)
    # Of a replace that never began the old members are left, and nothing is finished without approval.
    assert road.names() in ({*"bcdefghi"}, {*"abcdefgh"} if place == 0 else None)
    road.run()
    assert road.names() == set("bcdefghi")
    assert road.run() == []


def test_a_no_in_the_middle_of_a_replace_ends_it_and_is_heard_at_once(road):
    road.mode = Mode.REPLACE
    road.wants(*crowd("abcdefgh"))
    road.run()
    road.wants(*crowd("bcdefghi"))
    start = len(road.platform.calls)
    said = []

    def newest():
        if len(road.platform.calls) > start and not said:
            said.append(publish_suppressions(road.lake, [("email", digest(f"{n}@x")) for n in "bh"]))
        return said[-1] if said else road.suppressions

    rows = road.run(newest=newest)
    assert [row["lane"] for row in rows][1] == "opt_out"
    assert rows[0]["outcome"] == "interrupted"
    assert road.names() == set("cdefgi")
    assert road.platform.open() == []
    road.suppressions = said[-1]
    assert road.run() == []


def test_a_session_that_cannot_be_ended_ends_by_itself_and_the_audience_is_filled_up_then(road):
    road.mode = Mode.REPLACE
    road.wants(*crowd("abcdef"))
    road.run()
    road.wants(*crowd("bcdefg"))
    start = len(road.platform.calls)

    def away(call):
        if call > start:
            raise TransientError("fake: no answer")

    road.platform.before = away
    with pytest.raises(TransientError):
        road.run()
    road.platform.before = lambda call: None
    with pytest.raises(TransientError, match="being replaced"):
        road.run()
    road.platform.now += ReplacingPlatform.WINDOW + 1
    road.run()
    assert road.names() == set("bcdefg")


def test_a_replace_that_the_platform_would_not_take_in_time_is_refused_before_anything_is_sent(tmp_path):
    for replacing, said in ((Replacing(5_400, 3), "at most 3 members"), (Replacing(0.0, 10), "gives a replace")):
        road = Road(tmp_path / said, Mode.REPLACE, dataclasses.replace(REPLACING, replacing=replacing))
        road.wants(*crowd("abcd"))
        with pytest.raises(PermanentError, match=said):
            road.run()
        assert road.platform.calls == []
    road = Road(tmp_path / "none", Mode.REPLACE, CONTRACT)
    road.wants(*crowd("abcd"))
    with pytest.raises(PermanentError, match="mirror, add_only, remove_only"):
        road.run()
