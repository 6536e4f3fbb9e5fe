"""What connectors do about the limits of a contract: names are cut, and a full account explains a refusal."""

from __future__ import annotations

import dataclasses

import pytest

from segment_assets.contracts import Contract, Counted, Kept, Limit, NeedsHumanError, PermanentError, TransientError
from segment_assets.destinations import registry
from segment_assets.destinations.limits import fitted, tell_a_full_account

REFUSAL = PermanentError("refused")
REFUSAL.code = "40002"


def with_limits(*limits: Limit) -> Contract:
    return dataclasses.replace(registry()["meta"], more_limits=limits)


FULL = with_limits(Limit(Counted.AUDIENCES, 3, "ad account", Kept.REFUSED, source="a page"))


def test_as_many_audiences_as_there_can_be_explain_a_refusal():
    with pytest.raises(NeedsHumanError, match=r"meta account 7: .*ad account has 3, .*takes 3; delete") as told:
        tell_a_full_account(REFUSAL, FULL, "7", iter("abc"))
    assert told.value.code == "40002"


def test_one_audience_less_explains_nothing_and_so_does_a_platform_without_a_limit():
    tell_a_full_account(REFUSAL, FULL, "7", "ab")
    tell_a_full_account(REFUSAL, with_limits(), "7", "abc")


def test_audiences_that_cannot_be_counted_leave_the_refusal_as_it_is():
    def walk():
        yield "a"
        raise TransientError("away")

    tell_a_full_account(REFUSAL, FULL, "7", walk())


def test_a_name_is_cut_before_its_ending_and_nowhere_else():
    contract = with_limits(
        Limit(Counted.CHARACTERS, 8, "list", Kept.CUT, source="a page"),
        Limit(Counted.CHARACTERS, 6, "rule", Kept.CUT, source="a page"),
        Limit(Counted.DESCRIPTION, 4, "list", Kept.CUT, source="a page"),
    )
    assert fitted(contract, "crm 90 days", " m1") == "crm 9 m1"
    assert fitted(contract, "crm  days", " m1") == "crm m1", "no two blanks"
    assert fitted(contract, "crm", " m1") == "crm m1"
    assert fitted(contract, "crm 90 days", per="rule") == "crm 90"
    assert fitted(contract, "crm 90 days", counts=Counted.DESCRIPTION) == "crm"
    assert fitted(with_limits(), "crm 90 days", " m1") == "crm 90 days m1"
