"""A platform that takes one kind of identifier per request: people go by each of theirs, and are counted as people."""

from __future__ import annotations

import contextlib
import dataclasses
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segment_assets.contracts import (
    Answer,
    MatchKey,
    Mode,
    Operation,
    PermanentError,
    Request,
    Response,
    TransientError,
)
from segment_assets.delivery.courier import Patience
from segment_assets.delivery.errands import Errand
from segment_assets.delivery.guards import GuardRails
from segment_assets.delivery.ledger import AudienceLedger, Pair
from segment_assets.delivery.replaying import replay
from segment_assets.delivery.run import DeliveryRoom
from segment_assets.delivery.settling import balanced
from segment_assets.delivery.verifying import Verifier
from segment_assets.delivery.wanted import Wanted
from segment_assets.resources.lake import LocalLake
from segment_assets_tests.examples import examples
from segment_assets_tests.fakes import (
    CONTRACT,
    FakeDestination,
    digest,
    marked,
    person,
    publish_audience,
    publish_suppressions,
)

LANED = dataclasses.replace(CONTRACT, lanes=((MatchKey.EMAIL,), (MatchKey.PHONE,), (MatchKey.MOBILE_AD_ID,)))
PAIR = Pair("tenant", "fake", "acc", "seg")


class Crash(BaseException):
    """Stands for kill -9: no handler of ours may see it and tidy up."""


class LanePlatform:
    """Knows its users by whatever they gave it. One request holds one kind; any identifier stands for the whole user."""

    def __init__(self, *users):
        self.users = [frozenset(map(marked, user)) for user in users]
        self.members: set[frozenset[str]] = set()
        self.requests: list[tuple[str, str, int]] = []
        self.refuse: set[str] = set()
        self.vague: set[str] = set()
        self.before = self.after = lambda call: None

    def send(self, request):
        if request.path == "/audiences":
            return Response(200, {}, {"id": "a1"})
        call = len(self.requests)
        self.before(call)
        kind, ids = request.json["type"], request.json["ids"]
        assert len(ids) <= LANED.batch_members
        self.requests.append((request.method, kind, len(ids)))
        bad = [place for place, value in enumerate(ids) if value in self.refuse]
        for place, value in enumerate(ids):
            touched = {user for user in self.users if value in user}
            if place not in bad:
                self.members = self.members | touched if request.method == "POST" else self.members - touched
        self.after(call)
        return Response(200, {}, {"bad": bad, "vague": kind in self.vague})

    def holds(self, *identifiers):
        return frozenset(map(marked, identifiers)) in self.members


class LaneDestination(FakeDestination):
    def __init__(self):
        super().__init__(LANED)

    def request(self, audience_id, operation, members, session):
        (key,) = session.lane
        form = self.contract.match_keys[key].form
        ids = [member.keys[form].hex() for member in members]
        method = "POST" if operation is Operation.ADD else "DELETE"
        body = {"type": key.value, "ids": ids, "token": session.token, "seq": session.sequence, "last": session.last}
        return Request(method, f"/{audience_id}", json={**body, "total": session.members_in_total})

    def read(self, members, session, response):
        bad = dict.fromkeys(response.json["bad"], "bad")
        left = len(members) - len(bad)
        unproven = left if response.json["vague"] else 0
        return Answer(len(members), left - unproven, bad, unproven, 0, "200")


class Road:
    def __init__(self, tmp_path, *users):
        self.tmp, self.lake, self.platform = tmp_path, LocalLake(tmp_path / "lake"), LanePlatform(*users)
        self.suppressions = self.audience = None
        self.forms = LANED.forms()

    def wants(self, *people):
        self.audience = publish_audience(self.lake, PAIR.segment, people)

    def run(self, **changes):
        room = DeliveryRoom(
            self.lake,
            LaneDestination(),
            self.platform,
            workdir=self.tmp / "work",
            sleep=lambda _: None,
            patience=Patience(attempts=2),
        )
        errand = Errand(PAIR, Wanted(LANED, self.forms), "seg", {}, GuardRails(max_removal_share=1.0), b"key")
        report = room.run(errand, self.audience, self.suppressions, **changes)
        for row in report.deliveries:
            assert balanced(row) == []
        self.platform.newest, self.platform.requests = self.platform.requests, []
        return report.deliveries

    @property
    def last(self):
        return AudienceLedger(self.lake, PAIR, lambda: 0.0).last()


def test_people_go_in_every_lane_whose_key_they_have_and_are_counted_once(tmp_path):
    road = Road(tmp_path, ["a@x", "1"], ["b@x"], ["3"])
    road.wants(person("a", email="a@x", phone="1"), person("b", email="b@x"), person("c", phone="3"), person("d"))
    row = road.run()[0]
    assert road.platform.newest == [("POST", "email", 2), ("POST", "phone", 2)]
    assert road.platform.members == set(road.platform.users)
    assert (row["adds"], row["accepted"], row["no_usable_key"], row["requests"]) == (3, 3, 1, 2)
    assert road.run() == []


def test_a_lane_is_a_session_of_its_own_and_no_batch_mixes_two(tmp_path):
    road = Road(tmp_path)
    road.wants(*(person(str(n), email=f"{n}@x", phone=str(n) if n < 4 else None) for n in range(7)))
    road.run()
    bodies = [made.request.json for made in replay(road.lake, *_ledger(road), LaneDestination(), b"key")]
    assert [(b["type"], b["seq"], b["last"], b["total"], len(b["ids"])) for b in bodies] == [
        ("email", 1, False, 7, 3),
        ("email", 2, False, 7, 3),
        ("email", 3, True, 7, 1),
        ("phone", 1, False, 4, 3),
        ("phone", 2, True, 4, 1),
    ]
    assert len({b["token"] for b in bodies}) == 2


def test_a_person_is_accepted_by_one_lane_and_rejected_only_by_all(tmp_path):
    road = Road(tmp_path)
    road.platform.refuse = {marked("a@x"), marked("b@x"), marked("2")}
    road.wants(person("a", email="a@x", phone="1"), person("b", email="b@x", phone="2"), person("c", email="c@x"))
    row = road.run()[0]
    assert (row["adds"], row["accepted"], row["rejected"], row["unproven"]) == (3, 2, 1, 0)
    # Nothing that was refused is sent again, and who is in by the phone counts as there.
    assert road.run() == []
    road.wants(person("a", email="a@x", phone="1"), person("b", email="b@x", phone="2"), person("d", email="d@x"))
    row = road.run()[0]
    assert (row["unchanged"], row["known_refused"], row["adds"], row["removes"]) == (1, 1, 1, 1)
    assert road.platform.newest == [("POST", "email", 1), ("DELETE", "email", 1)]


def test_a_lane_without_proof_leaves_only_those_unproven_whom_no_other_lane_proves(tmp_path):
    road = Road(tmp_path)
    road.platform.vague = {"phone"}
    road.wants(person("a", email="a@x", phone="1"), person("b", phone="2"), person("c", phone="3"))
    row = road.run()[0]
    assert (row["accepted"], row["unproven"]) == (1, 2)
    assert road.run() == []


def test_a_new_phone_number_does_not_send_the_email_again(tmp_path):
    road = Road(tmp_path, ["a@x", "1"])
    road.wants(person("a", email="a@x"))
    road.run()
    road.wants(person("a", email="a@x", phone="1"))
    row = road.run()[0]
    assert road.platform.newest == [("POST", "phone", 1)]
    assert (row["changed"], row["accepted"], row["unchanged"]) == (1, 1, 0)


def test_an_old_phone_number_leaves_in_its_lane_and_the_person_is_affirmed_in_all(tmp_path):
    # The platform finds the same user by the old number, so taking it out takes the e-mail's user out too.
    road = Road(tmp_path, ["a@x", "1", "2"])
    road.wants(person("a", email="a@x", phone="1"))
    road.run()
    road.wants(person("a", email="a@x", phone="2"))
    row = road.run()[0]
    assert road.platform.newest == [
        ("POST", "phone", 1),
        ("DELETE", "phone", 1),
        ("POST", "email", 1),
        ("POST", "phone", 1),
    ]
    assert road.platform.holds("a@x", "1", "2")
    assert (row["changed"], row["accepted"], row["removes"]) == (1, 1, 0)
    assert road.run() == []


def test_a_shared_phone_is_not_removed_and_the_email_of_who_leaves_is(tmp_path):
    road = Road(tmp_path, ["a@x"], ["b@x", "1"])
    road.wants(person("a", email="a@x", phone="1"), person("b", email="b@x", phone="1"))
    road.run()
    road.wants(person("b", email="b@x", phone="1"))
    row = road.run()[0]
    assert road.platform.newest == [("DELETE", "email", 1)]
    assert (row["removes"], row["removes_acknowledged"]) == (1, 1)
    assert road.platform.members == {frozenset(map(marked, ["b@x", "1"]))}


def test_who_leaves_is_out_only_when_every_lane_took_them_out(tmp_path):
    road = Road(tmp_path)
    people = [person("a", email="a@x", phone="1"), person("b", email="b@x")]
    road.wants(*people)
    road.run()
    road.platform.refuse = {marked("1")}
    road.wants(people[1])
    row = road.run()[0]
    assert (row["removes"], row["removes_acknowledged"], row["removes_refused"]) == (1, 0, 1)
    road.platform.refuse = set()
    # The lane that did so is not asked again.
    row = road.run()[0]
    assert road.platform.newest == [("DELETE", "phone", 1)]
    assert (row["removes"], row["removes_acknowledged"]) == (1, 1)


def test_an_opt_out_by_one_identifier_leaves_in_every_lane(tmp_path):
    road = Road(tmp_path, ["a@x"], ["1"])
    road.wants(person("a", email="a@x", phone="1"), person("b", email="b@x"))
    road.run()
    road.suppressions = publish_suppressions(road.lake, [("email", digest("a@x"))])
    row = road.run()[0]
    assert road.platform.members == set()
    assert (row["lane"], row["removes"], row["removes_acknowledged"]) == ("opt_out", 1, 1)


def test_an_opt_out_leaves_the_lane_of_a_key_that_the_plan_has_dropped(tmp_path):
    road = Road(tmp_path, ["a@x"], ["1"], ["b@x"], ["2"])
    road.wants(person("a", email="a@x", phone="1"), person("b", email="b@x", phone="2"))
    road.run()
    road.forms = ["email"]
    road.suppressions = publish_suppressions(road.lake, [("email", digest("a@x"))])
    rows = road.run()
    assert (rows[0]["lane"], rows[0]["removes_acknowledged"]) == ("opt_out", 1)
    # The phone that may not be sent any more has left with the audience's own delivery.
    assert road.platform.members == {frozenset({marked("b@x")})}
    assert road.run() == []


def test_a_crash_at_any_call_ends_with_exactly_who_is_wanted(tmp_path):
    people = [person(str(n), email=f"{n}@x", phone=str(n)) for n in range(4)]
    for crash_at, moment in ((1, "before"), (2, "after")):
        road = Road(tmp_path / f"{crash_at}{moment}", *([f"{n}@x", str(n)] for n in range(4)))
        road.wants(*people)

        def crash(call, at=crash_at):
            if call == at:
                raise Crash

        setattr(road.platform, moment, crash)
        with pytest.raises(Crash):
            road.run()
        setattr(road.platform, moment, lambda call: None)
        road.run()
        sent = sum(size for *_, size in road.platform.newest)
        assert road.platform.members == set(road.platform.users)
        assert sent <= 8 + LANED.batch_members
        assert road.run() == []


def test_people_of_a_lane_that_was_not_reached_are_told_apart(tmp_path):
    road = Road(tmp_path)
    road.wants(person("a", email="a@x", phone="1"), person("b", phone="2"), person("c", email="c@x"))

    def away(call):
        if call == 1:
            raise TransientError("fake: no answer")

    road.platform.before = away
    with pytest.raises(TransientError):
        road.run()
    told = road.last.closed.body["accounting"]
    assert (told["accepted"], told["unproven"], told["unsent"]) == (2, 1, 0)
    road.platform.before = lambda call: None
    road.run()
    assert road.run() == []


def test_every_request_is_made_again_and_the_ledger_proves_itself(tmp_path):
    road = Road(tmp_path)
    road.platform.refuse, road.platform.vague = {marked("1@x")}, {"phone"}
    road.wants(*(person(str(n), email=f"{n}@x", phone=str(n)) for n in range(5)))
    road.run()
    road.wants(*(person(str(n), email=f"{n}@x", phone=str(n + 100)) for n in range(3)))
    road.run()
    for log in AudienceLedger(road.lake, PAIR, lambda: 0.0).deliveries():
        assert all(made.is_proven for made in replay(road.lake, _ledger(road)[0], log, LaneDestination(), b"key"))
    scratches = (LocalLake(tmp_path / f"scratch{n}") for n in range(9))
    verifier = Verifier(road.lake, lambda: contextlib.nullcontext(next(scratches)), tmp_path / "work", time.time() + 1)
    verified = verifier.verify(PAIR)
    assert verified.recomputed == 2


@pytest.mark.parametrize(
    "lanes",
    [
        ((MatchKey.EMAIL,), (MatchKey.PHONE,)),
        ((MatchKey.EMAIL, MatchKey.PHONE), (MatchKey.PHONE, MatchKey.MOBILE_AD_ID)),
    ],
    ids=["a key is missing", "a key twice"],
)
def test_lanes_that_do_not_hold_every_key_once_are_refused(lanes):
    with pytest.raises(PermanentError, match="lanes"):
        dataclasses.replace(CONTRACT, lanes=lanes)


def test_a_group_that_no_lane_holds_as_a_whole_is_refused():
    with pytest.raises(PermanentError, match="match group"):
        dataclasses.replace(LANED, match_groups=((MatchKey.EMAIL, MatchKey.PHONE),))


@st.composite
def histories(draw):
    """A few versions of an audience over few identifiers, with a fault and refusals somewhere in each run."""
    steps = []
    for _ in range(draw(st.integers(1, 2))):
        people = [
            (n, draw(st.sampled_from([None, f"{n}@1", f"{n}@2"])), draw(st.sampled_from([None, "p", f"q{n}"])))
            for n in sorted(draw(st.sets(st.sampled_from("abcd"), min_size=1)))
        ]
        refused = draw(st.sets(st.sampled_from(["a@1", "p", "qb"]), max_size=2))
        steps.append((people, refused, draw(st.sampled_from([None, "before", "after"])), draw(st.integers(0, 3))))
    return steps


@settings(
    max_examples=examples(3),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(history=histories())
def test_whatever_happens_the_people_add_up_and_the_end_is_who_is_wanted(history, tmp_path_factory):
    # Every identifier is a user of its own: nobody is kept in, or taken out, by another's.
    singles = [[i] for n in "abcd" for i in (f"{n}@1", f"{n}@2", f"q{n}")] + [["p"]]
    road = Road(tmp_path_factory.mktemp("history"), *singles)
    for people, refused, moment, place in history:
        road.wants(*(person(n, email=e, phone=p) for n, e, p in people))
        road.platform.refuse = {marked(r) for r in refused}
        if moment is not None:

            def crash(call, at=place):
                if call == at:
                    raise Crash

            setattr(road.platform, moment, crash)
            try:
                road.run()
            except Crash:
                road.platform.requests = []
            setattr(road.platform, moment, lambda call: None)
        road.run()
        road.platform.refuse = set()
        road.run()
        assert road.run() == []
        held = {next(iter(user)) for user in road.platform.members}
        wanted = {marked(i) for _, *ids in people for i in ids if i}
        # What was refused by name is not tried again, so it may be missing; nothing else is, and nothing is too much.
        assert held <= wanted
        assert wanted - held <= {marked(r) for step in history for r in step[1]}


def _ledger(road):
    ledger = AudienceLedger(road.lake, PAIR, lambda: 0.0)
    return ledger, ledger.last()


def test_a_platform_with_lanes_has_no_replace():
    with pytest.raises(PermanentError, match="replace"):
        dataclasses.replace(LANED, modes=(Mode.MIRROR, Mode.REPLACE))
