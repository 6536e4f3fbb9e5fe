"""An audience that is on the platform already, used in place of a new one."""

from __future__ import annotations

import dataclasses

import pytest

from segment_assets.contracts import NeedsHumanError
from segment_assets.delivery.creation import audience_on_platform, is_adopted
from segment_assets.delivery.errands import Errand
from segment_assets.delivery.guards import GuardRails
from segment_assets.delivery.ledger import AudienceLedger, Pair
from segment_assets.delivery.wanted import Wanted
from segment_assets.resources.lake import LocalLake
from segment_assets_tests.fakes import CONTRACT, FakeDestination, FakePlatform

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


def test_a_pair_that_has_an_audience_adopts_no_other(asked):
    ours = asked()
    with pytest.raises(NeedsHumanError, match="this pair has another one"):
        asked("778")
    assert asked(ours) == ours


def test_an_audience_is_adopted_by_one_segment_of_an_account_only(asked):
    asked("778")
    with pytest.raises(NeedsHumanError, match="is that of seg; give each its own"):
        asked("778", dataclasses.replace(PAIR, segment="other"))
    assert asked("778", dataclasses.replace(PAIR, account="elsewhere")) == "778"


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
