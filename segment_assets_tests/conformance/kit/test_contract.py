"""What can be said of a destination without a delivery: its contract, its requests, its limits on the platform."""

from __future__ import annotations

import dataclasses
import re

import pytest

from segment_assets.contracts import (
    CONSENT_COLUMNS,
    AudienceSpec,
    Encoding,
    MatchKey,
    Mode,
    Operation,
    PermanentError,
    SegmentAssetsError,
    VerifiedBy,
)
from segment_assets.destinations import registry
from segment_assets.identity import NORMAL_FORMS
from segment_assets.sandbox.platforms.app import LARGEST_BODY, found_platforms
from segment_assets_tests.conformance.kit import people
from segment_assets_tests.conformance.kit.house import opened, whole_lanes
from segment_assets_tests.conformance.kit.record import records

NUMBERS = {"batch_members", "batch_bytes", "quota", "minimum_members", "expiry_days", "first_party_only"}
ADD_AND_REMOVE = (Operation.ADD, Operation.REMOVE)


def test_every_destination_is_in_the_kit_and_on_the_sandbox():
    assert set(registry()) <= {record.destination for record in records()}, "write platforms/<name>.py in the kit"
    assert set(registry()) <= {platform.name for platform in found_platforms()}, "write sandbox/platforms/<name>/"


def test_a_setting_that_the_platform_has_not_is_refused(record):
    with pytest.raises(PermanentError, match=f"^{record.destination}: .*no_such_setting"):
        dataclasses.replace(record, settings={**record.settings, "no_such_setting": "1"}).connect()


def test_a_contract_is_whole(record):
    contract = record.contract
    assert contract.platform == record.destination
    assert contract.evidence
    assert re.fullmatch(r"https://[a-z0-9.-]+", contract.endpoint)
    keys = set(contract.match_keys)
    assert {*contract.identifying, *(key for group in contract.match_groups for key in group)} <= keys <= set(MatchKey)
    assert {sent.form for sent in contract.match_keys.values()} <= set(NORMAL_FORMS)
    in_plain = {key for key, sent in contract.match_keys.items() if sent.encoding is Encoding.PLAIN}
    assert in_plain == {key for key, sent in contract.match_keys.items() if not NORMAL_FORMS[sent.form].hashed}
    assert set(contract.consent) <= set(CONSENT_COLUMNS)
    assert min(contract.batch_members, contract.batch_bytes, contract.quota.requests, contract.quota.per_seconds) > 0
    assert contract.quota.per_day is None or contract.quota.per_day > 0
    assert contract.batch_bytes <= LARGEST_BODY
    assert contract.minimum_members >= 0
    assert contract.expiry_days is None or contract.expiry_days > 0
    assert (Mode.REPLACE in contract.modes) == (contract.replacing is not None)
    assert all(words and len(set(words)) == len(words) for words in contract.statements.values())
    assert (contract.verified_by is VerifiedBy.FACTS_ONLY) == (not contract.verified_with)


def test_the_numbers_of_the_contract_are_those_that_the_platform_published(record):
    contract = {field.name: getattr(record.contract, field.name) for field in dataclasses.fields(record.contract)}
    declared = {
        name: dataclasses.astuple(one) if dataclasses.is_dataclass(one) else one for name, one in contract.items()
    }
    quota = record.contract.quota
    declared["quota"] = (quota.requests, quota.per_seconds, *([] if quota.per_day is None else [quota.per_day]))
    told = {**record.published, **record.chosen}
    assert told == {name: declared[name] for name in told}
    assert record.chosen.keys() <= record.not_published
    assert record.published.keys() | record.not_published >= NUMBERS
    assert not record.published.keys() & record.not_published


def test_people_are_in_a_request_in_the_order_of_the_batch_and_equal_arguments_give_equal_bytes(record):
    contract, numbers = record.contract, [7, 2, 9, 0]
    for session in whole_lanes(contract, len(numbers)):
        members = people.members(contract, numbers, session.lane)
        for operation in ADD_AND_REMOVE:
            first, second = (record.connect().request("1234", operation, members, session) for _ in range(2))
            assert first == second
            sent = (first.body() or b"").decode()
            for member, number in zip(members, numbers, strict=True):
                cells = [record.written(value, _sent(contract, form)) for form, value in member.keys.items()]
                assert any(cell in sent for cell in cells), f"nothing of member {number} is in the request"
            places = [sent.find(_first_identifier(record, number, session.lane)) for number in numbers]
            assert places == sorted(places)


def _sent(contract, form):
    return next(sent for sent in contract.match_keys.values() if sent.form == form)


def _first_identifier(record, number, lane) -> str:
    key = next(key for key in record.contract.identifying if not lane or key in lane)
    sent = record.contract.match_keys[key]
    return record.written(people.cell(sent.form, number), sent)


def test_the_largest_batch_is_taken_and_one_member_more_is_not(house):
    record, contract = house.record, house.record.contract
    destination, transport = record.connect(), house.transport()
    # Nobody whom the kit knows is in these, and to look for them in the largest bodies takes longer than to send them.
    house.line.people_in = lambda text: ()
    audience = destination.create_audience(transport, AudienceSpec("kit", "0f" * 16, record.said))
    lane = whole_lanes(contract, 1)[0].lane
    members = people.members(contract, range(1_000, 1_001 + contract.batch_members), lane)

    def sent(size: int):
        session = opened(destination, transport, audience, whole_lanes(contract, size)[0])
        response = transport.send(destination.request(audience, Operation.ADD, members[:size], session))
        return destination.read(members[:size], session, response)

    answer = sent(contract.batch_members)
    assert (answer.received, len(answer.rejected)) == (contract.batch_members, 0)
    assert len(house.line.calls[-1].body) <= contract.batch_bytes
    if record.refuses_more_members:
        with pytest.raises(SegmentAssetsError):
            sent(contract.batch_members + 1)
