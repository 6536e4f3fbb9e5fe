"""Every lake: readers see whole versions, an object is created once, and of two writers none is lost half-way.

The same tests for the folder and for S3, which two emulators play.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import datetime as dt
import hashlib
import json
import os
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segment_assets.contracts import GoneError, PermanentError
from segment_assets.delivery.ledger import AudienceLedger, FencedError, Pair
from segment_assets.processes import process_mark
from segment_assets.resources.aws import objects as objects_module
from segment_assets.resources.aws.lake import S3Lake
from segment_assets.resources.aws.session import AwsSession
from segment_assets.resources.lake import LocalLake
from segment_assets_tests.aws.emulators import connected
from segment_assets_tests.resources.lakes import TABLE, WEEK, customers, noise, publish, rows_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from segment_assets.contracts import Lake

EMULATORS = [pytest.param(name, marks=pytest.mark.aws) for name in ("ministack", "seaweedfs")]
BUCKET = "the-lake"


@pytest.fixture(scope="module")
def stores(request):
    """name -> a session that speaks to the emulator of that name, with a bucket."""
    made = {}

    def store(name: str):
        if name not in made:
            made[name] = connected(request.getfixturevalue(name), "s3")
            s3 = made[name].client("s3")
            # Another file of this worker may have made it.
            with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
                s3.create_bucket(Bucket=BUCKET)
        return made[name]

    return store


@pytest.fixture(params=["local", *EMULATORS])
def opened(request, stores, tmp_path_factory) -> Callable[[], Lake]:
    """Opens one lake again and again, each time as another machine would."""
    if request.param == "local":
        folder = tmp_path_factory.mktemp("lake")
        return lambda: LocalLake(folder)
    session, uri = stores(request.param), f"s3://{BUCKET}/{uuid.uuid4().hex}"
    return lambda: S3Lake(session, uri, workdir=tmp_path_factory.mktemp("work"))


@pytest.fixture
def lake(opened) -> Lake:
    return opened()


@pytest.fixture(params=EMULATORS)
def s3_lake(request, stores, tmp_path_factory) -> S3Lake:
    return S3Lake(stores(request.param), f"s3://{BUCKET}/{uuid.uuid4().hex}", workdir=tmp_path_factory.mktemp("work"))


def test_what_was_published_can_be_read_again(lake: Lake) -> None:
    told = publish(lake, rows_of(range(5)), rows_of(range(5, 7)), stats={"week": WEEK})
    assert lake.current(TABLE, WEEK) == told
    assert lake.snapshot(TABLE, WEEK, told.id) == told
    assert (told.rows, told.stats) == (7, {"week": WEEK})
    assert customers(lake, told) == rows_of(range(7)).column("customer_id").to_pylist()
    assert lake.partitions(TABLE) == [WEEK]


def test_a_partition_without_a_version_is_none(lake: Lake) -> None:
    assert lake.current(TABLE, WEEK) is None
    assert lake.partitions(TABLE) == []


def test_an_empty_version_is_a_version(lake: Lake) -> None:
    told = publish(lake)
    assert told.rows == 0
    assert customers(lake, lake.current(TABLE, WEEK)) == []


def test_rows_of_another_type_are_refused(lake: Lake) -> None:
    writer = lake.writer(TABLE, WEEK)
    with pytest.raises(pa.ArrowInvalid):
        writer.write(pa.table({"customer_id": pa.array([b"\xff"], pa.binary())}))
    assert lake.current(TABLE, WEEK) is None


def test_a_version_is_not_seen_before_it_is_published(lake: Lake) -> None:
    old = publish(lake, rows_of(range(3)))
    writer = lake.writer(TABLE, WEEK)
    writer.write(rows_of(range(9)))
    assert lake.current(TABLE, WEEK) == old
    assert lake.partitions(TABLE) == [WEEK]
    new = writer.publish({})
    assert lake.current(TABLE, WEEK) == new
    assert customers(lake, old) == rows_of(range(3)).column("customer_id").to_pylist()


def test_readers_see_whole_versions_while_others_are_written(lake: Lake) -> None:
    sizes = [1, 40]
    told = {publish(lake, rows_of(range(size)), stats={"rows": size}).id: size for size in sizes}
    done = threading.Event()

    def write() -> None:
        for turn in range(12):
            size = sizes[turn % 2]
            publish(lake, rows_of(range(size)), stats={"rows": size})
        done.set()

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        looks = 0
        while not done.is_set() or looks == 0:
            now = lake.current(TABLE, WEEK)
            assert told[now.id] == now.rows == now.stats["rows"] == len(customers(lake, now))
            looks += 1
        writing.result()


def test_an_equal_version_takes_over_what_is_newly_said_about_it(lake: Lake) -> None:
    first = publish(lake, rows_of(range(3)), stats={"quarantined_rows": 0})
    publish(lake, rows_of(range(4)))
    again = publish(lake, rows_of(range(3)), stats={"quarantined_rows": 9})
    assert again.id == first.id
    assert lake.current(TABLE, WEEK).stats == {"quarantined_rows": 9}


def test_a_version_that_is_not_retained_is_named_in_the_refusal(lake: Lake) -> None:
    told = publish(lake, rows_of([1]))
    with pytest.raises(GoneError, match=rf"{TABLE}\[{WEEK}\] has no version abcabcabcabc"):
        lake.snapshot(TABLE, WEEK, "abc" * 10)
    with pytest.raises(GoneError, match=r"gone|no version"):
        lake.dataset(dataclasses.replace(told, id="abc" * 10, uri=told.uri.replace(told.id, "abc" * 10)))


def test_a_table_that_is_not_declared_is_refused(lake: Lake) -> None:
    with pytest.raises(PermanentError, match="not declared"):
        lake.writer("people", WEEK)


def test_an_object_is_created_once(lake: Lake) -> None:
    assert lake.put_if_absent("ledger/a/000001.json", b"first")
    assert not lake.put_if_absent("ledger/a/000001.json", b"second")
    assert lake.get("ledger/a/000001.json") == b"first"
    assert lake.get("ledger/a/000002.json") is None


def test_keys_are_those_below_a_folder_in_order(lake: Lake) -> None:
    for key in ("ledger/a/000002", "ledger/a/000001", "ledger/b/000001", "ledger/ab/000001"):
        lake.put_if_absent(key, b"x")
    assert lake.keys("ledger/a") == ["ledger/a/000001", "ledger/a/000002"]
    assert lake.keys("ledger/none") == []


def test_of_many_threads_that_create_an_object_exactly_one_does(lake: Lake) -> None:
    barrier = threading.Barrier(8)

    def create(number: int) -> bool:
        barrier.wait()
        return lake.put_if_absent("race/one", json.dumps(number).encode())

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(create, range(8)))
    assert won.count(True) == 1
    assert json.loads(lake.get("race/one")) == won.index(True)


def test_another_machine_reads_the_same(opened) -> None:
    told = publish(opened(), rows_of(range(5)), stats={"at": 1.5})
    other = opened()
    assert other.current(TABLE, WEEK) == told
    assert customers(other, told) == rows_of(range(5)).column("customer_id").to_pylist()


def test_partitions_and_keys_are_found_past_a_page_and_among_many_versions(opened, monkeypatch) -> None:
    monkeypatch.setattr(objects_module, "PAGE_KEYS", 3)
    lake = opened()
    names = ["meta/12/spring sale", "meta/12", "meta/12.json", "a", "meta/12+x"]
    for name in names:
        publish(lake, rows_of([1]), week=name)
    publish(lake, rows_of([1, 2]), week="a")
    assert opened().partitions(TABLE) == sorted(names)
    assert lake.partitions("hashed_audience") == []
    for number in range(8):
        lake.put_if_absent(f"many/{number:06d}", b"x")
    assert lake.keys("many") == [f"many/{number:06d}" for number in range(8)]
    assert lake.keys("many/000001") == []


@pytest.mark.parametrize("key", ["", "../up", "a//b", "a/", ".hidden", "a\\b", "a\n", "ü", "a" * 300, "*"])
def test_an_unsafe_name_is_refused(lake: Lake, key: str) -> None:
    for ask in (lambda: lake.put_if_absent(key, b"x"), lambda: lake.get(key), lambda: lake.writer(TABLE, key)):
        with pytest.raises(PermanentError, match="cannot be a key of the lake"):
            ask()


def test_of_two_runs_that_write_the_same_note_one_stops(opened) -> None:
    """Equal bytes, the same clock: what they write does not tell them apart."""
    pair = Pair("acme", "meta", "12", "spring")
    log = AudienceLedger(opened(), pair, lambda: 1.0).open({"to": "x"})
    other = AudienceLedger(opened(), pair, lambda: 1.0).last()
    log.chain.append("intent", {"phase": "add", "batch": 0})
    with pytest.raises(FencedError, match="entry 2 is taken"):
        other.chain.append("intent", {"phase": "add", "batch": 0})
    log.chain.append("closed", {})
    AudienceLedger(opened(), pair, lambda: 1.0).last().chain.verify()


# ── S3 alone ──


def test_s3_and_a_folder_mint_the_same_id(s3_lake: S3Lake, tmp_path) -> None:
    rows = rows_of(range(1000))
    there, here = publish(s3_lake, rows), publish(LocalLake(tmp_path / "lake"), rows)
    assert there.id == here.id
    assert there.uri == f"s3://{BUCKET}/{s3_lake._prefix}tables/{TABLE}/{WEEK}/{there.id}"


def test_a_version_is_uploaded_once(s3_lake: S3Lake) -> None:
    sent, events = [], s3_lake._objects.session.client("s3").meta.events

    def note(request, **_: object) -> None:
        sent.append(request.url.rpartition("/")[2])

    events.register("before-send.s3.PutObject", note)
    try:
        publish(s3_lake, rows_of(range(3)))
        publish(s3_lake, rows_of(range(3)))
    finally:
        events.unregister("before-send.s3.PutObject", note)
    assert sent == ["part-00000.parquet", "_manifest.json", "current.json", "_manifest.json"]


def test_a_version_that_grew_old_and_is_made_again_is_put_again_so_that_no_rule_by_age_removes_it(
    s3_lake: S3Lake,
) -> None:
    told = publish(s3_lake, rows_of(range(3)))
    sent, events = [], s3_lake._objects.session.client("s3").meta.events

    def older(parsed, **_: object) -> None:
        if "LastModified" in parsed:
            parsed["LastModified"] -= dt.timedelta(days=4)

    def note(request, **_: object) -> None:
        sent.append(request.url.rpartition("/")[2])

    events.register("after-call.s3.HeadObject", older)
    events.register("before-send.s3.PutObject", note)
    try:
        assert publish(s3_lake, rows_of(range(3))) == told
    finally:
        events.unregister("after-call.s3.HeadObject", older)
        events.unregister("before-send.s3.PutObject", note)
    assert sent == ["part-00000.parquet", "_manifest.json"]


def test_every_write_carries_a_checksum_and_the_files_own_is_the_snapshots_id(s3_lake: S3Lake) -> None:
    """S3 compares what arrived with it; MiniStack does so too."""
    sent, events = {}, s3_lake._objects.session.client("s3").meta.events

    def note(request, **_: object) -> None:
        sent[request.url.rpartition("/")[2]] = base64.b64decode(request.headers["x-amz-checksum-sha256"]).hex()

    events.register("before-send.s3.PutObject", note)
    try:
        told = publish(s3_lake, rows_of(range(3)))
        s3_lake.put_if_absent("note", b"body")
    finally:
        events.unregister("before-send.s3.PutObject", note)
    assert sent["part-00000.parquet"] == told.id
    assert sent["note"] == hashlib.sha256(b"body").hexdigest()
    assert set(sent) == {"part-00000.parquet", "_manifest.json", "current.json", "note"}


@pytest.mark.aws
@pytest.mark.parametrize("limit", [objects_module.MULTIPART_BYTES, 100])
def test_every_object_is_written_under_the_key_that_is_given(ministack, tmp_path, monkeypatch, limit: int) -> None:
    monkeypatch.setattr(objects_module, "MULTIPART_BYTES", limit)
    session, bucket = connected(ministack, "s3", "kms"), f"kept-{uuid.uuid4().hex}"
    client = session.client("s3")
    client.create_bucket(Bucket=bucket)
    key = session.client("kms").create_key()["KeyMetadata"]["Arn"]
    sent, header = {}, "x-amz-server-side-encryption-bucket-key-enabled"
    client.meta.events.register(
        "before-send.s3.PutObject",
        lambda request, **_: sent.update({request.url.rpartition("/")[2]: request.headers.get(header)}),
    )
    lake = S3Lake(session, f"s3://{bucket}", kms_key=key, workdir=tmp_path)
    told = publish(lake, rows_of(range(3)))
    assert lake.put_if_absent("note", b"body")
    assert lake.current(TABLE, WEEK) == told
    # Of a file above the limit the bucket's own setting counts: boto3's transfers do not take this one.
    assert {name for name, value in sent.items() if value} >= {"_manifest.json", "current.json", "note"}
    found = [one["Key"] for one in client.list_objects_v2(Bucket=bucket)["Contents"]]
    assert len(found) == 4
    for name in found:
        head = client.head_object(Bucket=bucket, Key=name)
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key)


@pytest.mark.parametrize("s3_lake", [pytest.param("seaweedfs", marks=pytest.mark.aws)], indirect=True)
def test_a_file_above_the_limit_goes_up_in_parts(s3_lake: S3Lake, monkeypatch, tmp_path) -> None:
    """Parts but the last have at least 5 MB, on which SeaweedFS insists."""
    monkeypatch.setattr(objects_module, "MULTIPART_BYTES", 1_000_000)
    monkeypatch.setattr(objects_module, "_PART_BYTES", 5 * 2**20)
    rows = noise(6_000_000)
    told = publish(s3_lake, rows)
    key = f"{told.uri.split('/', 3)[3]}/part-00000.parquet"
    head = s3_lake._objects.session.client("s3").head_object(Bucket=BUCKET, Key=key)
    assert head["ETag"].strip('"').endswith("-2")
    other = S3Lake(s3_lake._objects.session, f"s3://{BUCKET}/{s3_lake._prefix}", workdir=tmp_path)
    assert other.dataset(told).to_table().equals(rows)


def test_bytes_that_were_altered_in_the_bucket_are_refused(s3_lake: S3Lake, tmp_path) -> None:
    told, other = publish(s3_lake, rows_of(range(3))), publish(s3_lake, rows_of(range(4)))
    client = s3_lake._objects.session.client("s3")
    folder, wrong = (uri.split("/", 3)[3] for uri in (told.uri, other.uri))
    copied = client.get_object(Bucket=BUCKET, Key=f"{wrong}/part-00000.parquet")["Body"].read()
    client.put_object(Bucket=BUCKET, Key=f"{folder}/part-00000.parquet", Body=copied)
    lake = S3Lake(s3_lake._objects.session, f"s3://{BUCKET}/{s3_lake._prefix}", workdir=tmp_path)
    with pytest.raises(PermanentError, match="not those that were published"):
        lake.dataset(told)
    client.delete_object(Bucket=BUCKET, Key=f"{folder}/part-00000.parquet")
    with pytest.raises(GoneError, match="an object that was there is gone"):
        lake.dataset(told)


def test_copies_are_for_this_user_only_and_fetched_once(s3_lake: S3Lake, tmp_path) -> None:
    told = publish(s3_lake, rows_of(range(3)))
    lake = S3Lake(s3_lake._objects.session, f"s3://{BUCKET}/{s3_lake._prefix}", workdir=tmp_path)
    first = lake.dataset(told).files
    s3_lake._objects.session.client("s3").delete_object(
        Bucket=BUCKET, Key=f"{told.uri.split('/', 3)[3]}/part-00000.parquet"
    )
    assert lake.dataset(told).files == first
    assert (tmp_path / "copies").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("s3_lake", [pytest.param("ministack", marks=pytest.mark.aws)], indirect=True)
def test_copies_that_nobody_asked_for_in_a_day_make_room(s3_lake: S3Lake, tmp_path) -> None:
    versions = [publish(s3_lake, rows_of(range(size))) for size in (1, 2, 3)]
    lake = S3Lake(s3_lake._objects.session, f"s3://{BUCKET}/{s3_lake._prefix}", workdir=tmp_path)
    unused, used = (Path(lake.dataset(version).files[0]) for version in versions[:2])
    for copy in (unused, used):
        os.utime(copy, (time.time() - 90_000,) * 2)
    assert lake.dataset(versions[1]).count_rows() == 2
    assert lake.dataset(versions[2]).count_rows() == 3
    assert (unused.exists(), used.exists()) == (False, True)
    assert lake.dataset(versions[0]).count_rows() == 1


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 5), mine=st.integers(1, 3), others=st.lists(st.integers(1, 3), min_size=1, max_size=2))
@pytest.mark.aws
def test_a_publisher_that_is_overtaken_at_any_request_leaves_a_whole_version(
    stores, tmp_path_factory, at, mine, others
):
    """Before its `at`-th request others publish completely. Whoever moved the pointer last is current, and is whole."""
    session, uri = stores("ministack"), f"s3://{BUCKET}/{uuid.uuid4().hex}"
    work = tmp_path_factory.mktemp("work")
    lake = S3Lake(session, uri, workdir=work)
    published, requests, events = [], [], session.client("s3").meta.events

    def meanwhile(**_: object) -> None:
        requests.append(at)
        if len(requests) == at + 1:
            published.extend(publish(lake, rows_of(range(size)), stats={"by": "other"}) for size in others)

    events.register("before-send.s3", meanwhile)
    try:
        published.append(publish(lake, rows_of(range(mine)), stats={"by": "me"}))
    finally:
        events.unregister("before-send.s3", meanwhile)
    now = S3Lake(session, uri, workdir=tmp_path_factory.mktemp("work")).current(TABLE, WEEK)
    assert now.id in {one.id for one in published[-2:]}
    assert now.rows == len(customers(lake, now))
    for one in published:
        assert lake.snapshot(TABLE, WEEK, one.id).rows == one.rows


def test_without_a_folder_to_work_in_copies_go_where_they_end_with_the_process() -> None:
    lake = S3Lake(AwsSession("eu-central-1"), "s3://any-bucket/prefix")
    assert process_mark() in lake.copies.folder.parts
