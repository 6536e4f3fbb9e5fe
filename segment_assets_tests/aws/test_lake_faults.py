"""The lake on S3 while the line between breaks: nothing half-read, nothing written twice, every end one of our errors."""

from __future__ import annotations

import dataclasses
import json
import os
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segment_assets.contracts import NeedsHumanError, PermanentError, TransientError
from segment_assets.delivery.ledger import AudienceLedger, FencedError, Pair
from segment_assets.resources.aws import objects as objects_module
from segment_assets.resources.aws import session as session_module
from segment_assets.resources.aws.lake import S3Lake
from segment_assets.resources.aws.session import AwsSession
from segment_assets_tests.aws.emulators import Emulator, connected
from segment_assets_tests.aws.faults import Fault, Proxy, in_front_of
from segment_assets_tests.resources.lakes import TABLE, WEEK, customers, noise, publish, rows_of

pytestmark = pytest.mark.aws

BUCKET = "faulty-lake"
NAME = "deliveries/000001/000001.json"
EXPIRED = (400, "ExpiredToken")
SLOW_DOWN = (503, "SlowDown")


class Hasty(AwsSession):
    """Two attempts instead of four, which would wait for seconds."""

    __slots__ = ()

    def client(self, service: str, *, attempts: int = 2):
        return AwsSession.client(self, service, attempts=attempts)


@dataclasses.dataclass(frozen=True)
class Line:
    """A lake behind a proxy, and the same lake without one."""

    proxy: Proxy
    lake: S3Lake
    undisturbed: S3Lake


# Faults are the proxy's; conditions are the store's, so what depends on these is asked of both.
both_stores = pytest.mark.parametrize("sessions", ["ministack", "seaweedfs"], indirect=True)


@pytest.fixture(scope="module", params=["ministack"])
def sessions(request):
    emulator = request.getfixturevalue(request.param)
    with in_front_of(emulator) as proxy:
        direct = connected(emulator, "s3")
        direct.client("s3").create_bucket(Bucket=BUCKET)
        yield proxy, connected(Emulator("proxy", proxy.endpoint, emulator.pid), "s3", made=Hasty), direct


@pytest.fixture
def line(sessions, tmp_path) -> Line:
    proxy, disturbed, direct = sessions
    proxy.plan()
    uri = f"s3://{BUCKET}/{uuid.uuid4().hex}"
    lakes = [S3Lake(s, uri, workdir=tmp_path / n) for s, n in ((disturbed, "a"), (direct, "b"))]
    return Line(proxy, *lakes)


@pytest.fixture
def anew(line: Line) -> S3Lake:
    """By a client of its own: one that has failed often enough repeats nothing any more (botocore's retry quota)."""
    session = connected(Emulator(uuid.uuid4().hex, line.proxy.endpoint, os.getpid()), "s3", made=Hasty)
    return S3Lake(session, f"s3://{BUCKET}/{line.lake._prefix}", workdir=line.lake.copies.folder)


@pytest.fixture(autouse=True)
def _botocore_does_not_wait(monkeypatch) -> None:
    """Between two attempts it waits for up to a second; that is its own affair and tested there."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)


# ── creating once ──


STRIKES = {
    "nothing": (),
    "lost": (Fault("PUT", NAME, lose=True),),
    "lost twice": (Fault("PUT", NAME, times=2, lose=True),),
    "busy": (Fault("PUT", NAME, refuse=SLOW_DOWN),),
    "busy twice": (Fault("PUT", NAME, times=2, refuse=SLOW_DOWN),),
    "conflict": (Fault("PUT", NAME, refuse=(409, "ConditionalRequestConflict")),),
    "nobody to ask": (Fault("PUT", NAME, times=2, lose=True), Fault("HEAD", NAME, times=2, refuse=SLOW_DOWN)),
}


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(strikes=st.lists(st.sampled_from(sorted(STRIKES)), min_size=1, max_size=4))
def test_whatever_strikes_at_most_one_writer_goes_on_and_it_is_the_one_whose_object_is_there(
    line, anew, strikes
) -> None:
    """Who is answered at all is answered right; who is not stops as well."""
    key, went_on, unanswered = f"{uuid.uuid4().hex}/{NAME}", [], []
    for number, strike in enumerate(strikes):
        line.proxy.plan(*STRIKES[strike])
        try:
            if anew.put_if_absent(key, b"%d" % number):
                went_on.append(number)
        except TransientError:
            unanswered.append(number)
    there = line.undisturbed.get(key)
    assert len(went_on) <= 1
    assert all(there == b"%d" % number for number in went_on)
    assert there is None or int(there) in went_on + unanswered
    assert there is not None or len(unanswered) == len(strikes)


@both_stores
def test_who_created_an_object_and_lost_the_answer_is_told_that_they_did(line: Line) -> None:
    """botocore asks again and hears 412 about its own object."""
    line.proxy.plan(Fault("PUT", NAME, lose=True))
    assert line.lake.put_if_absent(NAME, b"mine")
    assert [method for method, _ in line.proxy.seen] == ["PUT", "PUT", "HEAD"]
    assert line.undisturbed.get(NAME) == b"mine"


def test_who_lost_every_answer_finds_their_own_object(line: Line) -> None:
    line.proxy.plan(Fault("PUT", NAME, times=2, lose=True))
    assert line.lake.put_if_absent(NAME, b"mine")


@pytest.mark.parametrize("body", [b"theirs", b"mine"])
def test_who_lost_the_answer_to_a_refusal_is_not_taken_for_the_creator(line: Line, body: bytes) -> None:
    """Also when the other wrote the very same bytes."""
    line.undisturbed.put_if_absent(NAME, body)
    line.proxy.plan(Fault("PUT", NAME, times=2, lose=True))
    assert not line.lake.put_if_absent(NAME, b"mine")
    assert line.undisturbed.get(NAME) == body


def test_a_second_call_is_another_writer_than_the_first(line: Line) -> None:
    """What a call that gave up left behind belongs to nobody who may go on."""
    line.proxy.plan(Fault("PUT", NAME, times=2, lose=True), Fault("HEAD", NAME, times=2, refuse=SLOW_DOWN))
    with pytest.raises(TransientError):
        line.lake.put_if_absent(NAME, b"mine")
    assert not line.lake.put_if_absent(NAME, b"mine")


def test_who_was_never_heard_and_wrote_nothing_is_told_to_come_again(line: Line) -> None:
    line.proxy.plan(Fault("PUT", NAME, times=2, refuse=SLOW_DOWN))
    with pytest.raises(TransientError, match=f"S3 bucket {BUCKET}: SlowDown"):
        line.lake.put_if_absent(NAME, b"mine")
    assert line.undisturbed.get(NAME) is None
    assert line.lake.put_if_absent(NAME, b"mine")


def test_a_conflict_with_a_write_that_is_going_on_is_tried_again(line: Line) -> None:
    """AWS answers 409 then; no emulator does."""
    line.proxy.plan(Fault("PUT", NAME, times=2, refuse=(409, "ConditionalRequestConflict")))
    assert line.lake.put_if_absent(NAME, b"mine")


def test_conflicts_without_an_end_end_the_call(line: Line, monkeypatch) -> None:
    line.proxy.plan(Fault("PUT", NAME, times=99, refuse=(409, "ConditionalRequestConflict")))
    monkeypatch.setattr(objects_module, "_PAUSE_SECONDS", 0)
    with pytest.raises(TransientError, match="others kept changing an object"):
        line.lake.put_if_absent(NAME, b"mine")


@both_stores
def test_of_two_fenced_runs_the_one_whose_answer_was_lost_goes_on_and_the_other_stops(line: Line) -> None:
    pair = Pair("acme", "meta", "12", "spring")
    log = AudienceLedger(line.lake, pair, lambda: 1.0).open({"to": "x"})
    behind = AudienceLedger(line.undisturbed, pair, lambda: 1.0).last()
    line.proxy.plan(Fault("PUT", "000002.json", lose=True))
    log.chain.append("intent", {"phase": "add", "batch": 0})
    with pytest.raises(FencedError):
        behind.chain.append("intent", {"phase": "add", "batch": 0})
    line.proxy.plan(Fault("PUT", "000003.json", lose=True))
    log.chain.append("receipt", {"phase": "add", "batch": 0})
    seen = AudienceLedger(line.undisturbed, pair, lambda: 1.0).last()
    seen.chain.verify()
    assert [entry.kind for entry in seen.chain.entries] == ["opened", "intent", "receipt"]


# ── publishing ──


@pytest.mark.parametrize("where", ["part-00000.parquet", "_manifest.json", "current.json"])
def test_a_publisher_that_loses_an_answer_publishes_once(line: Line, where: str) -> None:
    line.proxy.plan(Fault("PUT", where, lose=True))
    told = publish(line.lake, rows_of(range(3)), stats={"by": "me"})
    assert line.undisturbed.current(TABLE, WEEK) == told
    assert len(customers(line.undisturbed, told)) == 3


@both_stores
def test_a_pointer_whose_move_was_heard_by_nobody_is_not_moved_back_over_a_later_one(line: Line) -> None:
    """The first publisher's PUT comes through, its answer is lost, another publishes, then botocore asks again."""
    publish(line.undisturbed, rows_of(range(1)))
    events = line.lake._objects.session.client("s3").meta.events
    moves, later = [], []

    def meanwhile(request, **_: object) -> None:
        if request.method == "PUT" and "current.json" in request.url:
            moves.append(request)
            if len(moves) == 2:
                later.append(publish(line.undisturbed, rows_of(range(5))))

    events.register("before-send.s3", meanwhile)
    line.proxy.plan(Fault("PUT", "current.json", lose=True))
    try:
        publish(line.lake, rows_of(range(3)))
    finally:
        events.unregister("before-send.s3", meanwhile)
    assert len(moves) == 2
    assert line.undisturbed.current(TABLE, WEEK) == later[0]


@pytest.mark.parametrize("where", ["part-00000.parquet", "_manifest.json", "current.json"])
def test_a_publisher_that_is_refused_leaves_the_old_version(line: Line, where: str) -> None:
    old = publish(line.undisturbed, rows_of(range(2)))
    writer = line.lake.writer(TABLE, WEEK)
    writer.write(rows_of(range(9)))
    line.proxy.plan(Fault("PUT", where, times=2, refuse=SLOW_DOWN))
    with pytest.raises(TransientError, match="SlowDown"):
        writer.publish({})
    assert line.undisturbed.current(TABLE, WEEK) == old
    assert line.undisturbed.current(TABLE, WEEK).rows == len(customers(line.undisturbed, old))
    # The same writer may try again.
    new = writer.publish({})
    assert line.undisturbed.current(TABLE, WEEK) == new


@both_stores
def test_a_part_that_is_refused_ends_the_upload_and_leaves_nothing_behind(line: Line, monkeypatch) -> None:
    monkeypatch.setattr(objects_module, "MULTIPART_BYTES", 1_000)
    monkeypatch.setattr(objects_module, "_PART_BYTES", 5 * 2**20)
    line.proxy.plan(Fault("PUT", "partNumber=2", times=9, refuse=(403, "AccessDenied")))
    with pytest.raises(NeedsHumanError, match="AccessDenied"):
        publish(line.lake, noise(6_000_000))
    assert [method for method, target in line.proxy.seen if "uploadId=" in target][-1] == "DELETE"
    client = line.undisturbed._objects.session.client("s3")
    assert client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []) == []
    assert line.undisturbed.current(TABLE, WEEK) is None


# ── reading ──


def test_a_body_that_breaks_is_read_again(line: Line) -> None:
    line.undisturbed.put_if_absent(NAME, json.dumps({"long": "x" * 50_000}).encode())
    line.proxy.plan(Fault("GET", NAME, times=2, cut=1000))
    assert line.lake.get(NAME) == line.undisturbed.get(NAME)


def test_a_body_that_always_breaks_is_an_error_that_may_pass(line: Line) -> None:
    line.undisturbed.put_if_absent(NAME, b"x" * 50_000)
    line.proxy.plan(Fault("GET", NAME, times=99, cut=1000))
    with pytest.raises(TransientError, match="no whole answer"):
        line.lake.get(NAME)


@both_stores
def test_a_version_whose_file_breaks_half_way_is_fetched_again_and_whole(line: Line) -> None:
    told = publish(line.undisturbed, rows_of(range(50_000)))
    line.proxy.plan(Fault("GET", "part-00000", times=2, cut=5_000))
    assert len(customers(line.lake, told)) == 50_000


def test_a_version_whose_file_always_breaks_is_an_error_before_any_row(line: Line) -> None:
    told = publish(line.undisturbed, rows_of(range(5_000)))
    line.proxy.plan(Fault("GET", "part-00000", times=99, cut=500))
    with pytest.raises(TransientError, match="broke again and again"):
        line.lake.dataset(told)
    assert list(line.lake.copies.folder.iterdir()) == []


def test_a_slow_answer_is_waited_for_and_a_standstill_is_not(line: Line, monkeypatch, tmp_path) -> None:
    line.undisturbed.put_if_absent(NAME, b"x")
    line.proxy.plan(Fault("GET", NAME, wait=0.3))
    assert line.lake.get(NAME) == b"x"
    monkeypatch.setattr(session_module, "_READ_SECONDS", 0.3)
    impatient = connected(Emulator("standstill", line.proxy.endpoint, os.getpid()), "s3", made=Hasty)
    line.proxy.plan(Fault("GET", NAME, times=2, wait=1.0))
    with pytest.raises(TransientError, match="ReadTimeout"):
        S3Lake(impatient, f"s3://{BUCKET}/{line.lake._prefix}", workdir=tmp_path).get(NAME)


@pytest.mark.parametrize("times", [1, 2])
def test_a_bucket_that_is_busy_is_asked_again_and_not_for_ever(line: Line, times: int) -> None:
    line.undisturbed.put_if_absent(NAME, b"x")
    line.proxy.plan(Fault("GET", NAME, times=times, refuse=SLOW_DOWN))
    if times == 1:
        assert line.lake.get(NAME) == b"x"
    else:
        with pytest.raises(TransientError, match="SlowDown"):
            line.lake.get(NAME)


def test_credentials_that_have_ended_are_for_a_person(line: Line) -> None:
    """Whatever is asked. To a HEAD, with which a download begins, S3 says no more than 400."""
    told = publish(line.undisturbed, rows_of(range(3)))
    asked = [
        lambda: line.lake.put_if_absent(NAME, b"x"),
        lambda: line.lake.get(NAME),
        lambda: line.lake.keys("deliveries"),
        lambda: line.lake.current(TABLE, WEEK),
        lambda: line.lake.dataset(told),
        lambda: publish(line.lake, rows_of(range(4))),
    ]
    for ask in asked:
        line.proxy.plan(*(Fault(method, times=9, refuse=EXPIRED) for method in ("PUT", "GET", "HEAD")))
        with pytest.raises(NeedsHumanError, match=f"S3 bucket {BUCKET}: ExpiredToken"):
            ask()
    assert line.undisturbed.get(NAME) is None
    assert line.undisturbed.current(TABLE, WEEK) == told


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_what_a_role_may_not_read_is_for_a_person(line: Line, method: str) -> None:
    told = publish(line.undisturbed, rows_of(range(3)))
    line.proxy.plan(Fault(method, "part-00000", times=9, refuse=(403, "AccessDenied")))
    with pytest.raises(NeedsHumanError, match=r"403|AccessDenied"):
        line.lake.dataset(told)


def test_a_bucket_that_is_not_there_is_said_with_its_name(line: Line) -> None:
    lake = S3Lake(line.lake._objects.session, "s3://nobody-has-this-bucket/x", workdir=line.lake.copies.folder)
    with pytest.raises((PermanentError, NeedsHumanError), match="S3 bucket nobody-has-this-bucket: "):
        lake.current(TABLE, WEEK)
