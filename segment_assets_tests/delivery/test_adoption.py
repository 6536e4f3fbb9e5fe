"""An audience that is on the platform already, used in place of a new one."""

from __future__ import annotations

import dataclasses

import pytest

from segment_assets.contracts import NeedsHumanError
from segment_assets.delivery.creation import audience_on_platform, is_adopted
from segment_assets.delivery.errands import Errand
from segment_assets.delivery.guards import GuardRails
from segment_assets.delivery.ledger import AudienceLedger, Pair
from segment_assets.delivery.run import DeliveryRoom
from segment_assets.delivery.wanted import Wanted
from segment_assets.resources.lake import LocalLake
from segment_assets_tests.fakes import (
    CONTRACT,
    FakeDestination,
    FakePlatform,
    digest,
    marked,
    person,
    publish_audience,
    publish_suppressions,
)

PAIR = Pair("tenant", "fake", "acc", "seg")


@pytest.fixture
def asked(tmp_path):
    """Asks for the audience of a pair; `asked.platform` says which were made."""

    def ask(adopt="", pair=PAIR):
        errand = Errand(pair, Wanted(CONTRACT, CONTRACT.forms()), "seg", {}, GuardRails(), b"key", adopt=adopt)
        ledger = AudienceLedger(LocalLake(tmp_path / "lake"), pair, lambda: 1.0)
        return audience_on_platform(ledger, errand, FakeDestination(), ask.platform, lambda _: None)

    ask.platform = FakePlatform()
    return ask


def test_an_adopted_audience_is_used_and_none_is_made(asked):
    assert [asked("778"), asked("778"), asked()] == ["778", "778", "778"]
    assert not asked.platform.audiences


def test_whoever_says_no_leaves_the_audience_that_the_pair_has_although_the_plan_adopts_another(tmp_path):
    lake, platform, said_no = LocalLake(tmp_path / "lake"), FakePlatform(), None
    room = DeliveryRoom(lake, FakeDestination(), platform, workdir=tmp_path / "work", sleep=lambda _: None)
    errand = Errand(PAIR, Wanted(CONTRACT, CONTRACT.forms()), "seg", {}, GuardRails(1.0), b"key")
    room.run(errand, publish_audience(lake, "seg", [person(name, email=name) for name in "ab"]), said_no)
    more = publish_audience(lake, "seg", [person(name, email=name) for name in "abc"])
    said_no = publish_suppressions(lake, [("email", digest("a"))])
    another = dataclasses.replace(errand, adopt="778")
    with pytest.raises(NeedsHumanError, match=r"this pair has another one.*Nobody is added"):
        room.run(another, more, said_no)
    assert platform.identifiers == {marked("b")}
    room.run(dataclasses.replace(errand, adopt="a1"), more, said_no)
    assert platform.identifiers == {marked("b"), marked("c")}


def test_an_audience_is_adopted_by_one_segment_of_an_account_only(asked):
    asked("778")
    with pytest.raises(NeedsHumanError, match="is that of seg; give each its own"):
        asked("778", dataclasses.replace(PAIR, segment="other"))
    assert asked("778", dataclasses.replace(PAIR, account="elsewhere")) == "778"


@pytest.mark.parametrize("theirs", ["email:1 phone:3", "phone:2 email:1"])
def test_of_an_audience_of_several_lists_none_is_adopted_by_two_segments(asked, theirs):
    asked("email:1 phone:2")
    with pytest.raises(NeedsHumanError, match="is that of seg"):
        asked(theirs, dataclasses.replace(PAIR, segment="other"))
    assert asked("email:4 phone:3", dataclasses.replace(PAIR, segment="other")) == "email:4 phone:3"


def test_what_we_made_for_one_segment_is_not_adopted_for_another(asked):
    ours = asked()
    with pytest.raises(NeedsHumanError, match="is that of seg"):
        asked(ours, dataclasses.replace(PAIR, segment="other"))


def test_an_adopted_audience_stays_adopted_when_the_plan_says_so_no_more(asked, tmp_path):
    asked("778")
    asked()
    assert is_adopted(AudienceLedger(LocalLake(tmp_path / "lake"), PAIR, lambda: 1.0))
    asked(pair=dataclasses.replace(PAIR, segment="ours"))
    ours = AudienceLedger(LocalLake(tmp_path / "lake"), dataclasses.replace(PAIR, segment="ours"), lambda: 1.0)
    assert not is_adopted(ours)


def test_a_refused_creation_is_tried_again_and_looked_for_only_where_that_is_possible(asked):
    class Refuses(FakePlatform):
        def send(self, request):
            raise NeedsHumanError("fake: the terms are not accepted")

    platform, asked.platform = asked.platform, Refuses()
    with pytest.raises(NeedsHumanError, match="terms"):
        asked()
    asked.platform = platform
    assert asked() == asked()
    assert len(platform.audiences) == 1
