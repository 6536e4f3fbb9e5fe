"""What a contract says of limits beyond one request: the numbers, and that what we do stays within them."""

from __future__ import annotations

import pytest

from segment_assets.contracts import AudienceSpec, Counted, Kept, NeedsHumanError
from segment_assets_tests.conformance.kit.record import records

THAT_CAN_BE_FULL = [record for record in records() if record.contract.limit(Counted.AUDIENCES)]
WITH_NAMES = [record for record in records() if record.contract.limit(Counted.CHARACTERS)]
DAY = 86_400


def test_the_limits_of_the_contract_are_those_that_were_published(record):
    limits = record.contract.more_limits
    told = {(one.counts.value, one.per): (one.least, one.most) if one.least else one.most for one in limits}
    assert told == record.limits
    assert len(told) == len(limits)
    assert all(one.source and one.least < one.most and one.reserve < one.most for one in limits)
    assert all(bool(one.reserve) == (one.kept is Kept.COUNTED) for one in limits)


def test_what_is_said_to_stay_within_a_limit_does(record):
    contract = record.contract
    erased = contract.erasure.members * len(contract.identifying) if contract.erasure else 0
    a_second = contract.quota.requests / contract.quota.per_seconds
    ours = {
        Counted.RECORDS_HOURLY: a_second * 3_600 * contract.batch_members,
        Counted.REQUESTS_A_MINUTE: a_second * 60,
        Counted.REQUESTS_IN_15_MINUTES: a_second * 900,
        Counted.FILE_BYTES: contract.batch_bytes,
        Counted.RUN_BYTES: contract.batch_bytes,
        Counted.NAMED: contract.batch_members,
        Counted.DAYS_TO_LIVE: contract.expiry_days,
        Counted.DAYS_TO_ASK: contract.follow.give_up / DAY if contract.follow else 0,
        (Counted.IDENTIFIERS, "person"): len(contract.match_keys),
        (Counted.IDENTIFIERS, "call of the identity map"): contract.batch_members,
        (Counted.IDENTIFIERS, "request of deletion"): erased,
    }
    within = [one for one in contract.more_limits if one.kept is Kept.WITHIN]
    assert [one for one in within if (ours.get((one.counts, one.per)) or ours[one.counts]) > one.most] == []


@pytest.mark.parametrize("record", WITH_NAMES, ids=[one.destination for one in WITH_NAMES], scope="session")
def test_a_name_without_an_end_is_cut_to_what_the_platform_takes(record, house):
    audience = house.destination().create_audience(house.transport(), AudienceSpec("x" * 3_000, "0f" * 16, record.said))
    assert audience


@pytest.mark.parametrize("record", THAT_CAN_BE_FULL, ids=[one.destination for one in THAT_CAN_BE_FULL], scope="session")
def test_an_account_takes_as_many_audiences_as_is_declared_and_then_a_person_is_told_what_to_do(record, house):
    limit = record.contract.limit(Counted.AUDIENCES)
    destination, transport = house.destination(), house.transport()
    house.line.people_in = lambda text: ()

    def fill():
        for number in range(limit.most + 1):
            # As slowly as TikTok and Meta want it.
            house.outside.later(1)
            destination.create_audience(transport, AudienceSpec(f"n {number}", f"{number:032x}", record.said))

    with pytest.raises(NeedsHumanError, match=rf"has {limit.most}.*takes {limit.most}.*on_removal: delete") as full:
        fill()
    assert full.value.code
    assert len(house.outside.audiences()) == limit.most
