"""Requests that are as full as a platform lets them be, in members and in bytes as they go over the wire."""

from __future__ import annotations

import dataclasses
import itertools

import httpx
import pyarrow as pa
import pyarrow.dataset as pads
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segment_assets.contracts import MatchKey, PermanentError, Request, TransientError
from segment_assets.delivery.errands import Errand
from segment_assets.delivery.filling import FilledBatches
from segment_assets.delivery.guards import GuardRails
from segment_assets.delivery.ledger import AudienceLedger, Pair
from segment_assets.delivery.outgoing import OPERATIONS, batches, session_of
from segment_assets.delivery.replaying import replay
from segment_assets.delivery.run import DeliveryRoom
from segment_assets.delivery.settling import balanced
from segment_assets.delivery.wanted import Wanted
from segment_assets.resources.lake import LocalLake
from segment_assets.resources.transport import HttpTransport
from segment_assets.tables import CHANGES
from segment_assets_tests.fakes import (
    CONTRACT,
    FakeDestination,
    FakePlatform,
    digest,
    person,
    publish_audience,
)

PAIR = Pair("tenant", "fake", "acc", "seg")
LANES = ((MatchKey.EMAIL,), (MatchKey.PHONE, MatchKey.MOBILE_AD_ID))
EMPTY = dict.fromkeys(CHANGES.column_names())


class Collected:
    """Stands for a lake: keeps the rows."""

    def __init__(self):
        self.rows = []

    def write(self, data):
        self.rows += data.to_pylist()

    def publish(self, stats):
        raise AssertionError(stats)


def record(number, *, email=True, phone=False, maid=""):
    row = {**EMPTY, "kind": "new", "batch": 0, "member_id": digest(f"m{number}"), "record_id": digest(f"r{number}")}
    row |= {"email": digest(f"e{number}") if email else None, "phone_digits": digest(f"p{number}") if phone else None}
    return row | {"mobile_ad_id": maid or None}


def cut(rows, contract, pieces=(10**6,)):
    """The rows in their batches, as one writer cuts them that is given them in pieces."""
    collected = Collected()
    writer = FilledBatches(collected, FakeDestination(contract), "a1")
    left = list(rows)
    for size in itertools.cycle(pieces):
        if not left:
            return collected.rows, writer
        writer.write(pa.Table.from_pylist(left[:size], CHANGES.arrow_schema()))
        left = left[size:]
    raise AssertionError


def sizes_of(rows, contract, counts):
    """(members, bytes of the real request, bytes that one more record would make it) of each batch in order."""
    table = pads.dataset(pa.Table.from_pylist(rows, CHANGES.arrow_schema()))
    cut_batches = list(batches(table))
    header = {"delivery_id": "d", "batches": counts.batches, "records": {}, "lanes": counts.lanes}
    header["records"] = dict.fromkeys(counts.batches, 0)
    destination, found = FakeDestination(contract), []
    for batch, following in itertools.zip_longest(cut_batches, cut_batches[1:]):
        session, operation = session_of(header, batch), OPERATIONS[batch.phase]

        def size(people, session=session, operation=operation):
            return len(destination.request("a1", operation, people, session).body())

        more = size([*batch.members, following.members[0]]) if following else 0
        found.append((batch, session, size(batch.members), more))
    return found


def crowd(kinds, count):
    """Records of several kinds in the order of sending, as `changes` writes them."""
    rows = []
    for number in range(count):
        keys = [
            {"email": True},
            {"email": True, "phone": True},
            {"email": False, "phone": True},
            {"maid": "x" * (1 + number % 40)},
            {"phone": True, "maid": "ä" * (1 + number % 9)},
        ][kinds[number * number % len(kinds)]]
        rows.append({**record(number, **keys), "phase": "add"})
    return rows


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    kinds=st.lists(st.integers(0, 4), min_size=1, max_size=5),
    count=st.integers(1, 400),
    limits=st.tuples(st.integers(1, 200), st.integers(6_000, 12_000)),
    pieces=st.integers(1, 90),
)
def test_every_batch_is_full_and_none_is_above_a_limit(kinds, count, limits, pieces):
    members, limit = limits
    contract = dataclasses.replace(CONTRACT, batch_members=members, batch_bytes=limit)
    rows = crowd(kinds, count)
    numbered, writer = cut(rows, contract)
    assert [row["member_id"] for row in numbered] == [row["member_id"] for row in rows]
    # Whoever writes them in other pieces (another machine, a retry) gets the same batches.
    assert cut(rows, contract, (pieces, 7))[0] == numbered
    found = sizes_of(numbered, contract, writer.counted(_nothing()))
    assert [batch.number for batch, *_ in found] == list(range(1, len(found) + 1))
    for batch, _, size, more in found:
        assert size <= limit
        assert len(batch.members) <= members
        if more:
            assert len(batch.members) == members or (more > limit - 60 and size >= 0.95 * limit)
    assert writer.counted(_nothing()).batches == {"add": len(found)}


def test_lanes_and_phases_each_begin_a_batch_and_are_counted(tmp_path):
    contract = dataclasses.replace(CONTRACT, batch_members=4, batch_bytes=100_000, lanes=LANES)
    by_mail = [{**record(n), "phase": "add"} for n in range(6)]
    by_phone = [{**record(n, email=False, phone=True), "phase": "add"} for n in range(5)]
    gone = [{**record(n), "phase": "remove"} for n in range(2)]
    numbered, writer = cut([*by_mail, *by_phone, *gone], contract, (3,))
    assert [row["batch"] for row in numbered] == [1, 1, 1, 1, 2, 2, 3, 3, 3, 3, 4, 1, 1]
    counts = writer.counted(dataclasses.replace(_nothing(), lanes={"add": [], "remove": []}))
    assert counts.batches == {"add": 4, "remove": 1}
    assert counts.lanes == {
        "add": [[["email"], 2, 6], [["phone", "mobile_ad_id"], 2, 5]],
        "remove": [[["email"], 1, 2]],
    }


class Weighing(FakePlatform):
    """Refuses nothing and weighs everything."""

    def __init__(self):
        super().__init__()
        self.weights = []

    def _change(self, request):
        self.weights.append(len(request.body()))
        return super()._change(request)


class Padded(FakeDestination):
    """Writes some values longer than they are, which two small requests do not tell."""

    def request(self, audience_id, operation, members, session):
        made = super().request(audience_id, operation, members, session)
        rows = [[cell * 9 if cell.startswith("long") else cell for cell in row] for row in made.json["rows"]]
        return dataclasses.replace(made, json={**made.json, "rows": rows})


def delivered(tmp_path, destination, platform, people):
    lake = LocalLake(tmp_path / "lake")
    room = DeliveryRoom(lake, destination, platform, workdir=tmp_path / "work", sleep=lambda _: None)
    contract = destination.contract
    errand = Errand(PAIR, Wanted(contract, contract.forms()), "seg", {}, GuardRails(1.0), b"key")
    audience = publish_audience(lake, PAIR.segment, people)
    rows = room.run(errand, audience, None).deliveries
    assert all(balanced(row) == [] for row in rows)
    return lake, rows, lambda: room.run(errand, audience, None).deliveries


def with_maid(name, maid):
    return person(name, email=f"{name}@x") | {"mobile_ad_id": maid}


def test_a_record_that_is_larger_than_a_request_is_refused_with_a_reason_and_not_sent(tmp_path):
    destination = FakeDestination(dataclasses.replace(CONTRACT, batch_members=100, batch_bytes=2_000))
    platform = Weighing()
    people = [with_maid(f"p{n}", "x" * 3_000 if n in {3, 7} else "y" * n) for n in range(1, 30)]
    lake, [row], again = delivered(tmp_path, destination, platform, people)
    assert (row["accepted"], row["rejected"], row["unproven"]) == (27, 2, 0)
    assert max(platform.weights) <= 2_000
    # Twenty-seven of about 100 bytes: two requests, and a third where an unsendable one stood between.
    assert len(platform.weights) <= 4
    assert again() == []
    ledger = AudienceLedger(lake, PAIR, lambda: 0.0)
    codes = {c for e in ledger.last().answered("receipt") for c in e.body["rejected_members"].values()}
    assert codes == {"larger_than_a_request"}


def test_a_batch_that_weighs_more_than_was_measured_goes_in_parts_that_can_be_made_again(tmp_path):
    destination = Padded(dataclasses.replace(CONTRACT, batch_members=100, batch_bytes=1_500))
    platform = Weighing()
    people = [with_maid(f"p{n}", f"{'long' if n % 3 else 'short'}{n:02}") for n in range(40)]
    lake, [row], _ = delivered(tmp_path, destination, platform, people)
    assert row["accepted"] == 40
    assert max(platform.weights) <= 1_500
    ledger = AudienceLedger(lake, PAIR, lambda: 0.0)
    made = list(replay(lake, ledger, ledger.last(), destination, b"key"))
    assert all(m.is_proven for m in made)
    assert [len(m.request.body()) for m in made] == platform.weights


def _answering(seen, status=200, **more):
    def answer(request):
        seen.append(request)
        return httpx.Response(status, **(more or {"json": {}}))

    return httpx.MockTransport(answer)


def test_a_file_is_sent_as_it_is_and_json_without_spaces():
    seen = []
    transport = HttpTransport("https://ads.example/v1", "secret", carrier=_answering(seen))
    request = Request("POST", "/files", content=b"\xef\xbb\xbfa,b\n", content_type="text/csv")
    transport.send(request)
    transport.send(Request("POST", "/people", json={"name": ["ä", 1]}))
    assert (seen[0].content, seen[0].headers["content-type"]) == (request.content, "text/csv")
    assert (seen[1].content, seen[1].headers["content-type"]) == ('{"name":["ä",1]}'.encode(), "application/json")
    assert {r.headers["authorization"] for r in seen} == {"Bearer secret"}
    assert "a,b" not in repr(request)


def test_a_signed_address_gets_the_file_and_not_our_token():
    seen, asked = [], []
    transport = HttpTransport(
        "https://ads.example/v1",
        "secret",
        carrier=_answering(seen, 401, content=b"no"),
        refresh=lambda: asked.append(1),
    )
    signed = "https://files.example/up?X-Signature=a%2Fb&part=1"
    answer = transport.send(Request("PUT", signed, content=b"rows", content_type="text/plain"))
    assert str(seen[0].url) == signed
    assert "secret" not in str(seen[0].headers.raw)
    # Its refusal says nothing about our token.
    assert (asked, answer.status, answer.json, answer.content) == ([], 401, None, b"no")


def test_a_signed_address_without_encryption_is_refused_and_a_failure_does_not_tell_it():
    transport = HttpTransport("https://ads.example", "secret")
    with pytest.raises(PermanentError, match="only https"):
        transport.send(Request("PUT", "http://files.example/up?sig=hidden", content=b"x", content_type="text/plain"))

    def broken(request):
        raise httpx.ConnectError("https://files.example/up?sig=hidden")

    transport = HttpTransport("https://ads.example", "secret", carrier=httpx.MockTransport(broken))
    with pytest.raises(TransientError) as told:
        transport.send(Request("PUT", "https://files.example/up?sig=hidden", content=b"x", content_type="text/plain"))
    assert "hidden" not in str(told.value)


def test_a_request_has_one_body_and_a_file_has_a_type():
    with pytest.raises(PermanentError, match="content"):
        Request("POST", "/x", json={}, content=b"x", content_type="text/csv")
    with pytest.raises(PermanentError, match="type"):
        Request("POST", "/x", content=b"x")


def _nothing():
    from segment_assets.delivery.wanted import ChangeCounts

    return ChangeCounts(*([0] * 12), batches={}, records={})
