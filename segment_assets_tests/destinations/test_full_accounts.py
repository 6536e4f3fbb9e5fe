"""A creation that is refused: why, where the account has as many audiences as it may have, and as it was elsewhere."""

from __future__ import annotations

import dataclasses

import pytest

from segment_assets.contracts import Contract, Counted, Kept, Limit, NeedsHumanError, PermanentError, TransientError
from segment_assets.destinations import registry
from segment_assets.destinations.full_accounts import tell_a_full_account

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
