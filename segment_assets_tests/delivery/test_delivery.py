"""The delivery room against a platform that keeps people: what ends up there, and that everybody is accounted for."""

from __future__ import annotations

import dataclasses

import pytest

from segment_assets.contracts import NeedsHumanError, PermanentError
from segment_assets.delivery.errands import Errand
from segment_assets.delivery.guards import GuardRails
from segment_assets.delivery.ledger import AudienceLedger
from segment_assets.delivery.run import DeliveryRoom
from segment_assets.delivery.settling import balanced
from segment_assets.delivery.wanted import Wanted
from segment_assets_tests.delivery.road import PAIR, Road, crowd
from segment_assets_tests.fakes import CONTRACT, FakeDestination, FakePlatform, digest, marked, person


@pytest.fixture
def road(tmp_path):
    return Road(tmp_path)


def test_the_first_delivery_adds_everybody_who_may_be_sent(road):
    road.wants(*crowd(*"abcde"), person("f", email="f@x", eligibility="held_out"), person("g"))
    row = road.run().deliveries[0]
    road.expected(*(f"{n}@x" for n in "abcde"))
    assert (row["adds"], row["accepted"], row["held_out"], row["no_usable_key"]) == (5, 5, 1, 1)
    assert road.platform.calls == [("POST", 3), ("POST", 2)]


def test_a_second_run_sends_nothing(road):
    road.wants(*crowd(*"abcde"))
    road.run()
    calls = len(road.platform.calls)
    assert road.run().deliveries == []
    assert len(road.platform.calls) == calls


def test_people_who_leave_are_taken_out_and_nobody_else_is_sent_again(road):
    road.wants(*crowd(*"abcd"))
    road.run()
    road.wants(*crowd(*"bcde"))
    row = road.run().deliveries[0]
    road.expected(*(f"{n}@x" for n in "bcde"))
    assert (row["adds"], row["removes"], row["unchanged"], row["removes_acknowledged"]) == (1, 1, 3, 1)
    assert road.platform.calls[-2:] == [("POST", 1), ("DELETE", 1)]


def test_a_shared_phone_keeps_the_one_who_stays(road):
    leaver, stayer = person("a", email="a@x", phone="1"), person("b", email="b@x", phone="1")
    road.wants(leaver, stayer)
    road.platform.people = []
    road.run()
    # Merged by their phone on this platform: the removal of the leaver's own e-mail takes the merged person out.
    road.wants(stayer)
    row = road.run().deliveries[0]
    assert row["removes_acknowledged"] == 1
    sent = [call for call in road.platform.calls if call[0] == "DELETE"]
    assert sent == [("DELETE", 1)]


def test_a_removal_whose_every_identifier_is_still_held_needs_no_call(road):
    road.wants(person("a", phone="1"), person("b", phone="1"))
    road.run()
    road.wants(person("b", phone="1"))
    calls = len(road.platform.calls)
    row = road.run().deliveries[0]
    assert (row["removes"], row["removes_acknowledged"], len(road.platform.calls)) == (1, 1, calls)
    assert road.platform.holds("1")


def test_a_changed_person_stays_in_the_audience_although_the_old_address_names_them_too(road):
    road.wants(person("a", email="old@x", phone="1"), *crowd("b"))
    road.run()
    road.wants(person("a", email="new@x", phone="1"), *crowd("b"))
    row = road.run().deliveries[0]
    assert (row["changed"], row["unchanged"], row["adds"], row["removes"]) == (1, 1, 0, 0)
    road.expected("new@x", "1", "b@x")
    assert road.run().deliveries == []


def test_somebody_who_once_had_a_phone_stays_when_its_new_holder_leaves(road):
    road.wants(person("a", email="a@x", phone="1"), *crowd("c"))
    road.run()
    road.wants(person("a", email="a@x"), person("b", email="b@x", phone="1"), *crowd("c"))
    road.run()
    road.wants(person("a", email="a@x"), *crowd("c"))
    road.run()
    # This platform merged a and b by the phone: taking b out takes a out too, unless a is affirmed afterwards.
    assert road.platform.holds("a@x")
    assert not road.platform.holds("1", "b@x")
    assert road.run().deliveries == []


def test_opt_outs_leave_first_and_past_every_guard_and_check(road):
    road.wants(*crowd(*"abcd"))
    road.run()
    road.opt_out(("email", digest("a@x")), ("member", digest("id:b")))

    def not_approved():
        raise NeedsHumanError("the audience is too small")

    with pytest.raises(NeedsHumanError, match="too small"):
        road.run(approve=not_approved, rails=GuardRails(max_removal_share=0.0))
    road.expected("c@x", "d@x")
    # The audience was built before they said no; they must not come back with it.
    row = road.run().deliveries
    road.expected("c@x", "d@x")
    assert all(r["adds"] == 0 for r in row)


def test_an_opted_out_person_is_not_kept_in_by_a_shared_phone(road):
    road.wants(person("a", phone="1"), person("b", email="b@x", phone="1"))
    road.run()
    road.opt_out(("member", digest("id:a")), ("phone_digits", digest("1")))
    road.run()
    assert not road.platform.holds("1")


def test_a_removal_beyond_the_plan_asks_a_human_and_nothing_is_sent(road):
    road.wants(*crowd(*"abcd"))
    road.run()
    calls = len(road.platform.calls)
    road.wants(*crowd("a"))
    with pytest.raises(NeedsHumanError, match="3 of 4 people"):
        road.run(rails=GuardRails(max_removal_share=0.3))
    road.wants()
    with pytest.raises(NeedsHumanError, match="segment is empty"):
        road.run(rails=GuardRails(max_removal_share=1.0))
    assert len(road.platform.calls) == calls


def test_people_refused_by_name_are_rejected_and_not_sent_again_until_they_change(road):
    road.platform.refuse = {marked("b@x")}
    road.wants(*crowd(*"abc"))
    row = road.run().deliveries[0]
    assert (row["accepted"], row["rejected"]) == (2, 1)
    assert road.run().deliveries == []
    road.wants(*crowd(*"ac"), person("b", email="b2@x"))
    row = road.run().deliveries[0]
    assert (row["adds"], row["accepted"], row["last_known"]) == (1, 1, 2)
    road.expected("a@x", "b2@x", "c@x")


def test_a_refused_request_is_permanent_and_its_people_are_not_called_accepted(road):
    road.wants(*crowd(*"abc"))

    class Refusing(FakePlatform):
        def _change(self, request):
            raise PermanentError("fake: refused; change the request")

    road.platform = Refusing()
    with pytest.raises(PermanentError):
        road.run()
    body = AudienceLedger(road.lake, PAIR, lambda: 0.0).last().closed.body["accounting"]
    assert (body["accepted"], body["rejected"]) == (0, 3)


def test_the_chain_shows_any_entry_that_was_altered(road, tmp_path):
    road.wants(*crowd(*"abcd"))
    road.run()
    log = AudienceLedger(road.lake, PAIR, lambda: 0.0).last()
    log.chain.verify()
    key = next(k for k in road.lake.keys(f"{PAIR.prefix}/deliveries") if k.endswith("000003.json"))
    path = tmp_path / "lake" / "objects" / key
    path.write_bytes(path.read_bytes().replace(b'"accepted":3', b'"accepted":9'))
    with pytest.raises(PermanentError, match="altered"):
        AudienceLedger(road.lake, PAIR, lambda: 0.0).last().chain.verify()


def test_going_back_and_forth_never_repeats_a_delivery_id(road):
    for names in ("ab", "abc", "ab", "abc"):
        road.wants(*crowd(*names))
        road.run()
    ids = [log.header["delivery_id"] for log in AudienceLedger(road.lake, PAIR, lambda: 0.0).deliveries()]
    assert len(ids) == len(set(ids)) == 4


def test_plan_without_a_key_makes_its_people_unusable_and_says_so(road):
    road.wants(*crowd("a"), person("b", phone="2"))
    room = DeliveryRoom(road.lake, FakeDestination(), road.platform, workdir=road.workdir)
    errand = Errand(PAIR, Wanted(CONTRACT, ["email"]), "seg", {}, GuardRails(), b"key")
    row = room.run(errand, road.audience, None).deliveries[0]
    assert (row["wanted"], row["no_usable_key"]) == (1, 1)
    road.expected("a@x")


def test_exclusion_lists_hold_the_held_out_people_too(road):
    road.wants(*crowd("a"), person("h", email="h@x", eligibility="held_out"))
    room = DeliveryRoom(road.lake, FakeDestination(), road.platform, workdir=road.workdir)
    wanted = dataclasses.replace(Wanted(CONTRACT, CONTRACT.forms()), keep_held_out=True)
    row = room.run(Errand(PAIR, wanted, "seg", {}, GuardRails(), b"key"), road.audience, None).deliveries[0]
    assert balanced(row) == []
    road.expected("a@x", "h@x")


def test_a_pair_that_leaves_the_plan_is_emptied_past_the_guards(road):
    road.wants(*crowd(*"abcde"))
    road.run()
    room = DeliveryRoom(road.lake, FakeDestination(), road.platform, workdir=road.workdir)
    errand = Errand(PAIR, Wanted(CONTRACT, CONTRACT.forms()), "seg", {}, GuardRails(0.0), b"key", on_removal="empty")
    row = room.withdraw(errand, delete=False).deliveries[0]
    assert (row["lane"], row["removes"], row["removes_acknowledged"], balanced(row)) == ("withdrawal", 5, 5, [])
    assert road.platform.people == []
    assert room.withdraw(errand, delete=False).deliveries == []


def test_a_deleted_audience_accounts_for_everybody_and_a_new_one_is_made_later(road):
    road.wants(*crowd(*"abcde"))
    road.run()
    room = DeliveryRoom(road.lake, FakeDestination(), road.platform, workdir=road.workdir)
    errand = Errand(PAIR, Wanted(CONTRACT, CONTRACT.forms()), "seg", {}, GuardRails(0.0), b"key", on_removal="delete")
    row = room.withdraw(errand, delete=True).deliveries[0]
    assert (row["removes_acknowledged"], row["requests"], balanced(row)) == (5, 0, [])
    assert road.platform.people == []
    road.run()
    road.expected(*(f"{n}@x" for n in "abcde"))
    assert len(road.platform.audiences) == 2
