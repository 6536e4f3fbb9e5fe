"""What each mode of an activation promises, whatever happens in between."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from segment_assets.contracts import (
    Mode,
    TransientError,
)
from segment_assets.delivery.refreshing import ask_for_resync
from segment_assets.delivery.settling import acknowledged_state
from segment_assets_tests.delivery.replacing_road import Crash, ReplacingPlatform, Road, crowd
from segment_assets_tests.examples import examples
from segment_assets_tests.fakes import (
    digest,
    marked,
    person,
)


@pytest.fixture
def road(tmp_path):
    return Road(tmp_path)


def test_add_only_takes_out_nobody_but_those_who_said_no(road):
    road.mode = Mode.ADD_ONLY
    road.wants(*crowd("abcd"))
    road.run()
    road.wants(*crowd("cde"), person("b", email="b@x", eligibility="no_consent"))
    [row] = road.run()
    assert road.names() == set("acde")
    assert (row["adds"], row["removes"], row["kept"], row["unchanged"]) == (1, 1, 1, 2)
    assert road.run() == []
    road.opt_out(("email", digest("a@x")))
    road.run()
    assert road.names() == set("cde")


def test_an_identifier_of_somebody_whom_add_only_keeps_is_not_removed_with_another(road):
    road.mode = Mode.ADD_ONLY
    road.wants(person("a", email="a@x", phone="1"), person("b", email="b@x", phone="1"))
    road.run()
    road.wants(person("b", email="b@x", phone="1", eligibility="no_consent"), *crowd("c"))
    road.run()
    assert road.names() == set("ac")


def test_a_changed_person_of_add_only_is_known_by_the_old_and_the_new(road):
    road.mode = Mode.ADD_ONLY
    road.wants(person("a", email="old@x", phone="1"))
    road.run()
    road.wants(person("a", email="a@x", phone="1"))
    [row] = road.run()
    assert (row["changed"], row["removes"], row["kept"]) == (1, 0, 0)
    assert road.platform.holds("old@x")
    assert road.platform.holds("a@x")
    assert road.run() == []
    road.mode = Mode.MIRROR
    road.run()
    assert not road.platform.holds("old@x")


def test_remove_only_adds_nobody_and_leaves_the_changed_as_they_are(road):
    road.wants(*crowd("abc"), person("d", email="d@x", phone="1"))
    road.run()
    road.mode = Mode.REMOVE_ONLY
    road.wants(*crowd("bce"), person("d", email="new@x", phone="1"))
    [row] = road.run()
    assert road.names() == set("bcd")
    assert (row["adds"], row["changed"], row["not_added"], row["kept"], row["removes"]) == (0, 0, 2, 1, 1)
    assert {method for method, _ in road.platform.calls[2:]} == {"DELETE"}
    assert road.run() == []
    road.mode = Mode.MIRROR
    road.run()
    assert road.names() == set("bce")
    assert road.platform.holds("new@x")


@pytest.mark.parametrize("mode", [Mode.MIRROR, Mode.ADD_ONLY, Mode.REPLACE])
def test_who_is_taken_out_with_the_shared_phone_of_a_no_is_sent_again(road, mode):
    road.mode = mode
    road.wants(person("a", email="a@x", phone="1"), person("b", email="b@x", phone="1"), *crowd("c"))
    road.run()
    road.opt_out(("member", digest("id:a")))
    road.run()
    assert road.names() == set("bc")
    assert road.run() == []


def test_who_is_taken_out_with_the_shared_phone_of_a_no_is_in_doubt_where_nobody_may_be_added(road):
    road.wants(person("a", email="a@x", phone="1"), person("b", email="b@x", phone="1"), *crowd("c"))
    road.run()
    road.mode = Mode.REMOVE_ONLY
    road.opt_out(("member", digest("id:a")))
    road.run()
    assert road.names() == _acknowledged(road) == {"c"}
    assert road.run() == []


@pytest.mark.parametrize("mode", list(Mode))
def test_people_add_up_in_every_mode_when_a_change_of_theirs_is_refused_by_name(tmp_path, mode):
    road = Road(tmp_path)
    road.wants(person("a", email="a@x", phone="1"), *crowd("b"))
    road.run()
    road.mode, road.platform.refuse = Mode.ADD_ONLY, {marked("new@x")}
    road.wants(person("a", email="new@x", phone="1"), *crowd("b"))
    road.run()
    road.mode = mode
    road.wants(person("a", email="new@x", phone="1"), *crowd("bc"))
    road.run()
    # Who is refused when they are affirmed is in doubt, and is asked about once more.
    road.run()
    assert road.run() == []


@st.composite
def histories(draw):
    """Audiences over few people, a mode and a fault for each, and perhaps a no or a resync."""
    steps = []
    for _ in range(draw(st.integers(2, 3))):
        # Somebody never says no: an audience that has become empty asks a person instead.
        names = draw(st.sets(st.sampled_from("abcdef"))) | {"g"}
        people = [(n, draw(st.sampled_from([None, "p1", f"q{n}"]))) for n in sorted(names)]
        steps.append(
            (
                draw(st.sampled_from(list(Mode))),
                people,
                draw(st.sampled_from([None, "before", "after", "away"])),
                draw(st.integers(0, 3)),
                draw(st.sampled_from(["", "", "", *"abc"])),
                draw(st.booleans()),
            )
        )
    return steps


@settings(
    max_examples=examples(3),
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(history=histories())
@example(
    history=[
        (Mode.MIRROR, [("a", "p1"), ("b", "qb"), ("c", "p1"), ("g", "p1")], "away", 3, "", True),
        (Mode.ADD_ONLY, [("a", "qa"), ("b", "qb"), ("g", "qg")], "before", 1, "a", True),
    ]
)
def test_any_history_of_modes_faults_and_noes_keeps_what_the_last_mode_promises(history, tmp_path_factory):
    road = Road(tmp_path_factory.mktemp("history"))
    noes: set[str] = set()
    for mode, people, moment, place, no, resync in history:
        road.mode = mode
        before = {frozenset(row) for row in road.platform.people}
        if no:
            noes.add(no)
            road.opt_out(*(("member", digest(f"id:{n}")) for n in noes), *(("email", digest(f"{n}@x")) for n in noes))
        if resync and road.ledger.last() is not None:
            ask_for_resync(road.ledger, reason="the list shrank", who="dana")
        road.wants(*(person(n, email=f"{n}@x", phone=p, eligibility="eligible") for n, p in people))
        _disturbed(road, moment, place)
        road.platform.now += ReplacingPlatform.WINDOW + 1
        road.run()
        assert not road.names() & noes
        wanted = {frozenset({marked(f"{n}@x")} | ({marked(p)} if p else set())) for n, p in people if n not in noes}
        held = {frozenset(row) for row in road.platform.people}
        names = {n for n, _ in people}
        if mode in {Mode.MIRROR, Mode.REPLACE}:
            assert wanted <= held
            assert frozenset().union(*held) == frozenset().union(*wanted)
        elif mode is Mode.ADD_ONLY:
            assert wanted <= held
            # The no of one person takes a shared phone with it, and with that whoever else the platform knows by it:
            # who is asked for comes back, the others are in doubt.
            swept = frozenset().union(*(row for row in before if any(marked(f"{n}@x") in row for n in noes)))
            spared = {row for row in before if not row & swept}
            assert road.names() >= {n for n in "abcdefg" if n not in noes and _is_in(n, spared)}
        else:
            assert held <= before
            assert road.names() <= names
        assert _acknowledged(road) <= road.names()
    assert road.run() == []


def _acknowledged(road):
    """Of whom the ledger says without doubt that the platform has them."""
    rows = road.lake.dataset(acknowledged_state(road.lake, road.ledger)).to_table().to_pylist()
    there = {row["member_id"] for row in rows if row["standing"] == "acknowledged"}
    return {n for n in "abcdefg" if digest(f"id:{n}") in there}


def _is_in(name, rows):
    return any(marked(f"{name}@x") in row for row in rows)


def _disturbed(road, moment, place):
    """One run with a fault in it; whatever it raises, the next run begins from what it left."""
    start = len(road.platform.calls)

    def fault(call):
        if call >= start + place:
            raise TransientError("fake: no answer") if moment == "away" else Crash

    if moment is None:
        return
    where = "before" if moment == "away" else moment
    setattr(road.platform, where, fault)
    with contextlib.suppress(Crash, TransientError):
        road.run()
    setattr(road.platform, where, lambda call: None)
