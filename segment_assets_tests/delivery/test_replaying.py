"""What was sent is made again request by request, and the ledger's digests prove it."""

from __future__ import annotations

import dataclasses
import json
import shutil
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_assets.contracts import PermanentError, RefusedBatchError, RefusedMembersError, TransientError
from segment_assets.delivery.ledger import AudienceLedger
from segment_assets.delivery.narrowing import Part
from segment_assets.delivery.replaying import replay
from segment_assets_tests.delivery.road import PAIR, Road, crowd
from segment_assets_tests.fakes import CONTRACT, FakeDestination, FakePlatform, marked

KEY = b"key"


class Recording(FakePlatform):
    """Keeps what it is sent; refuses whole requests with a bad identifier, naming the members or in silence."""

    def __init__(self, *bad: str, names: bool) -> None:
        super().__init__()
        self.bad, self.names = {marked(identifier) for identifier in bad}, names
        self.kept: list[str] = []
        self.away = 0

    def _change(self, request):
        self.kept.append(as_text(request))
        if self.away:
            self.away -= 1
            raise TransientError("fake: no answer")
        places = {place: "bad" for place, row in enumerate(request.json["rows"]) if self.bad & set(row)}
        if places and self.names:
            raise RefusedMembersError("fake: some members are refused", places)
        if places:
            raise RefusedBatchError("fake: something in the request is not right")
        return super()._change(request)


def as_text(request) -> str:
    return json.dumps([request.method, request.path, request.json], sort_keys=True)


@pytest.fixture
def road(tmp_path):
    return Road(tmp_path)


def replayed(road, *, number: int | None = None, key: bytes = KEY, destination: FakeDestination | None = None):
    ledger = AudienceLedger(road.lake, PAIR, time.time)
    logs = list(ledger.deliveries())
    log = logs[-1] if number is None else logs[number - 1]
    return list(replay(road.lake, ledger, log, destination or FakeDestination(), key))


@pytest.mark.parametrize("names", [True, False])
def test_narrowed_batches_are_made_again_part_by_part(road, names):
    road.platform = Recording("b@x", "e@x", names=names)
    road.wants(*crowd(*"abcdefgh"))
    road.run()
    made = replayed(road)
    assert [as_text(one.request) for one in made] == road.platform.kept
    assert len(made) > 3
    assert all(one.is_proven for one in made)


def test_a_request_that_was_tried_again_is_one_request_with_its_tries(road):
    road.platform = Recording(names=True)
    road.platform.away = 2
    road.wants(*crowd(*"ab"))
    road.run()
    [one] = replayed(road)
    assert (one.tries, one.is_proven, one.members) == (3, True, 2)


def test_every_delivery_of_a_history_can_be_replayed_removals_too(road):
    road.platform = Recording(names=True)
    road.wants(*crowd(*"abcd"))
    road.run()
    first = len(road.platform.kept)
    road.wants(*crowd(*"cdef"))
    road.run()
    assert [as_text(one.request) for one in replayed(road, number=1)] == road.platform.kept[:first]
    second = replayed(road, number=2)
    assert [as_text(one.request) for one in second] == road.platform.kept[first:]
    assert {one.phase for one in second} == {"add", "remove"}


def test_another_key_or_another_wire_format_proves_nothing(road):
    class Other(FakeDestination):
        def request(self, audience_id, operation, members, session):
            made = super().request(audience_id, operation, members, session)
            return dataclasses.replace(made, json={**made.json, "more": 1})

    road.wants(*crowd(*"abcd"))
    road.run()
    assert not any(one.is_proven for one in replayed(road, key=b"another"))
    assert not any(one.is_proven for one in replayed(road, destination=Other()))


def test_changes_that_are_gone_and_another_contract_are_told(road, tmp_path):
    road.wants(*crowd(*"ab"))
    road.run()
    newer = FakeDestination(dataclasses.replace(CONTRACT, version=CONTRACT.version + 1))
    with pytest.raises(PermanentError, match="version 1 of the contract"):
        replayed(road, destination=newer)
    shutil.rmtree(tmp_path / "lake" / "tables" / "changes")
    with pytest.raises(PermanentError, match="not retained any more"):
        replayed(road)


@given(st.integers(1, 60), st.data())
def test_a_part_comes_back_from_its_note_as_it_was(size, data):
    places = tuple(sorted(data.draw(st.sets(st.integers(0, size - 1), min_size=1))))
    part = Part(places, is_whole=data.draw(st.booleans()))
    back = Part.noted(json.loads(json.dumps(part.note(size))), size)
    assert (back.places, back.is_whole) == (part.places, part.is_whole)
