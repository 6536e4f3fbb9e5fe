"""The Data Catalog says what `tables` declares, and each partition stands where the lake's pointer stands."""

from __future__ import annotations

import dataclasses
import io
import uuid
from concurrent.futures import ThreadPoolExecutor

import pyarrow.parquet as pq
import pytest
from botocore.stub import Stubber

from segment_assets.contracts import NeedsHumanError, PermanentError, TransientError
from segment_assets.resources.aws import catalog as catalog_module
from segment_assets.resources.aws.catalog import GLUE_TYPES, GlueCatalog, table_input
from segment_assets.resources.aws.lake import S3Lake
from segment_assets.tables import HASHED_AUDIENCE, TABLES, Type
from segment_assets_tests.aws.emulators import connected
from segment_assets_tests.resources.lakes import TABLE, WEEK, publish, rows_of

pytestmark = pytest.mark.aws

BUCKET = "catalogued-lake"


@pytest.fixture(scope="module")
def session(ministack):
    made = connected(ministack, "s3", "glue")
    made.client("s3").create_bucket(Bucket=BUCKET)
    return made


@pytest.fixture
def catalog(session) -> GlueCatalog:
    return GlueCatalog(session, f"lake_{uuid.uuid4().hex}")


@pytest.fixture
def lake(session, catalog, tmp_path) -> S3Lake:
    return S3Lake(session, f"s3://{BUCKET}/{catalog.database}", catalog=catalog, workdir=tmp_path)


def partition(catalog: GlueCatalog, name: str = WEEK):
    asked = {"DatabaseName": catalog.database, "TableName": TABLE, "PartitionValues": [name]}
    return catalog.session.client("glue").get_partition(**asked)["Partition"]


def test_every_declared_table_is_created_with_its_columns_types_and_classes(session, catalog) -> None:
    catalog.create(f"s3://{BUCKET}/tables")
    pages = session.client("glue").get_paginator("get_tables").paginate(DatabaseName=catalog.database)
    found = {table["Name"]: table for page in pages for table in page["TableList"]}
    assert set(found) == set(TABLES)
    for name, table in TABLES.items():
        described = found[name]["StorageDescriptor"]
        told = [(c["Name"], c["Type"], c["Parameters"]["pii"]) for c in described["Columns"]]
        assert told == [(c.name, c.type.value.removesuffix("(32)"), c.pii.value) for c in table.columns]
        assert described["Location"] == f"s3://{BUCKET}/tables/{name}/"
        assert found[name]["PartitionKeys"] == [{"Name": "partition", "Type": "string"}]
        assert found[name]["Parameters"]["retention_days"] == str(table.retention_days)


def test_no_text_is_longer_than_glue_takes() -> None:
    """Glue answers ValidationException above these, botocore's model knows only the lower one."""
    for table in TABLES.values():
        told = table_input(table, "s3://bucket/x/")
        assert len(told["Description"]) <= 2048
        assert max(len(column["Comment"]) for column in told["StorageDescriptor"]["Columns"]) <= 255
        assert set(GLUE_TYPES) == set(Type)


def test_a_table_that_was_declared_otherwise_before_is_brought_up_to_date(session, catalog) -> None:
    old = table_input(dataclasses.replace(HASHED_AUDIENCE, columns=HASHED_AUDIENCE.columns[:2]), "s3://bucket/old/")
    glue = session.client("glue")
    glue.create_database(DatabaseInput={"Name": catalog.database})
    glue.create_table(DatabaseName=catalog.database, TableInput=old)
    for _ in range(2):
        catalog.create("s3://bucket/tables", [HASHED_AUDIENCE.name])
    found = glue.get_table(DatabaseName=catalog.database, Name=HASHED_AUDIENCE.name)["Table"]
    assert [c["Name"] for c in found["StorageDescriptor"]["Columns"]] == HASHED_AUDIENCE.column_names()
    assert found["StorageDescriptor"]["Location"] == f"s3://bucket/tables/{HASHED_AUDIENCE.name}/"


def test_what_is_as_declared_is_not_written_again(session, catalog) -> None:
    catalog.create("s3://bucket/tables", [TABLE])
    updates, events = [], session.client("glue").meta.events
    events.register("before-send.glue.UpdateTable", lambda **_: updates.append(1))
    catalog.create("s3://bucket/tables", [TABLE])
    assert updates == []


def test_publishing_creates_the_partition_and_then_moves_it(catalog, lake) -> None:
    for size in (3, 5, 3):
        told = publish(lake, rows_of(range(size)))
        found = partition(catalog)
        assert found["StorageDescriptor"]["Location"] == f"{told.uri}/"
        assert found["Parameters"] == {"snapshot": told.id, "rows": str(size)}


def test_a_partition_may_be_named_by_a_pair(catalog, lake) -> None:
    told = publish(lake, rows_of(range(2)), week="meta/12/spring sale")
    assert partition(catalog, "meta/12/spring sale")["Parameters"]["snapshot"] == told.id


def test_whoever_follows_a_partition_finds_the_published_rows_and_no_others(session, catalog, lake) -> None:
    """MiniStack's own Athena reads every file below the table, so the location is followed here."""
    for size in (7, 4):
        publish(lake, rows_of(range(size)))
    publish(lake, rows_of(range(2)), week="2026-10-12")
    place = partition(catalog)["StorageDescriptor"]
    prefix = place["Location"].removeprefix(f"s3://{BUCKET}/")
    keys = [found["Key"] for found in session.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=prefix)["Contents"]]
    (data,) = [key for key in keys if not key.rpartition("/")[2].startswith("_")]
    rows = pq.read_table(io.BytesIO(session.client("s3").get_object(Bucket=BUCKET, Key=data)["Body"].read()))
    assert rows.column_names == [column["Name"] for column in place["Columns"]]
    assert rows.equals(rows_of(range(4)))


def test_many_may_create_and_move_at_the_same_time(catalog, session, tmp_path) -> None:
    lakes = [
        S3Lake(session, f"s3://{BUCKET}/{catalog.database}", catalog=catalog, workdir=tmp_path / str(number))
        for number in range(4)
    ]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda lake: publish(lake, rows_of(range(lakes.index(lake) + 1))), lakes))
    now = lakes[0].current(TABLE, WEEK)
    assert partition(catalog)["Parameters"] == {"snapshot": now.id, "rows": str(now.rows)}


def test_whoever_is_overtaken_before_telling_the_catalogue_does_not_move_it_back(catalog, lake, session) -> None:
    """The first publisher has moved the pointer, a second publishes completely, then the first speaks to Glue."""
    publish(lake, rows_of(range(1)))
    events, later = session.client("glue").meta.events, []

    def meanwhile(**_: object) -> None:
        if not later:
            later.append(None)
            later.append(publish(lake, rows_of(range(5))))

    events.register("before-send.glue.BatchUpdatePartition", meanwhile)
    try:
        publish(lake, rows_of(range(3)))
    finally:
        events.unregister("before-send.glue.BatchUpdatePartition", meanwhile)
    assert lake.current(TABLE, WEEK).id == later[1].id
    assert partition(catalog)["Parameters"]["snapshot"] == later[1].id


def test_a_partition_that_another_process_creates_a_moment_earlier_is_moved_all_the_same(
    session, catalog, tmp_path
) -> None:
    lake, location = S3Lake(session, f"s3://{BUCKET}/{catalog.database}", workdir=tmp_path), f"s3://{BUCKET}/x"
    old, new = (publish(lake, rows_of(range(size))) for size in (1, 2))
    events, other = session.client("glue").meta.events, []

    def meanwhile(**_: object) -> None:
        if not other:
            other.append(old)
            catalog.point(old, location)

    events.register("before-send.glue.CreatePartition", meanwhile)
    try:
        catalog.point(new, location)
    finally:
        events.unregister("before-send.glue.CreatePartition", meanwhile)
    assert other
    assert partition(catalog)["Parameters"]["snapshot"] == new.id


# ── answers that no emulator gives ──


def stubbed(session):
    stub = Stubber(session.client("glue"))
    stub.activate()
    return stub


@pytest.mark.parametrize(("times", "ends_well"), [(2, True), (catalog_module._TRIES, False)])
def test_a_change_by_somebody_else_is_waited_for_and_not_for_ever(
    session, catalog, monkeypatch, times, ends_well
) -> None:
    monkeypatch.setattr(catalog_module, "_PAUSE_SECONDS", 0)
    with stubbed(session) as stub:
        for _ in range(times):
            stub.add_client_error("create_table", "ConcurrentModificationException", http_status_code=400)
        if ends_well:
            stub.add_response("create_table", {})
            catalog.create("s3://bucket/tables", [TABLE])
        else:
            with pytest.raises(TransientError, match=f"Glue database {catalog.database}: others kept changing"):
                catalog.create("s3://bucket/tables", [TABLE])
        stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("code", "kind"),
    [("AccessDeniedException", NeedsHumanError), ("ResourceNumberLimitExceededException", PermanentError)],
)
def test_a_refusal_is_one_of_our_errors_and_names_the_database(session, catalog, code, kind) -> None:
    with stubbed(session) as stub:
        stub.add_client_error("create_table", code, "a message that may quote the call", http_status_code=400)
        with pytest.raises(kind, match=f"Glue database {catalog.database}: {code}") as refused:
            catalog.create("s3://bucket/tables", [TABLE])
    assert "quote" not in str(refused.value)


def batch_error(code: str) -> dict[str, object]:
    error = {"ErrorCode": code, "ErrorMessage": "a message that may quote the call"}
    return {"Errors": [{"PartitionValueList": [WEEK], "ErrorDetail": error}]}


@pytest.mark.parametrize(
    ("code", "kind"), [("InternalServiceException", TransientError), ("AccessDeniedException", NeedsHumanError)]
)
def test_a_partition_that_cannot_be_moved_is_one_of_our_errors(session, catalog, lake, code, kind) -> None:
    told = publish(lake, rows_of(range(1)))
    with stubbed(session) as stub:
        stub.add_response("batch_update_partition", batch_error(code))
        with pytest.raises(kind, match=f"Glue database {catalog.database}: {code}") as refused:
            catalog.point(told, f"s3://{BUCKET}/tables/{TABLE}")
    assert "quote" not in str(refused.value)


def test_a_partition_that_somebody_else_changes_is_tried_again(session, catalog, lake, monkeypatch) -> None:
    monkeypatch.setattr(catalog_module, "_PAUSE_SECONDS", 0)
    told = publish(lake, rows_of(range(1)))
    with stubbed(session) as stub:
        stub.add_response("batch_update_partition", batch_error("ConcurrentModificationException"))
        stub.add_response("batch_update_partition", {})
        catalog.point(told, f"s3://{BUCKET}/tables/{TABLE}")
        stub.assert_no_pending_responses()


def test_a_table_that_somebody_removed_is_created_again(session, catalog, lake) -> None:
    """MiniStack creates partitions of tables that are not there; Glue is documented not to."""
    told = publish(lake, rows_of(range(1)))
    with stubbed(session) as stub:
        stub.add_client_error("batch_update_partition", "EntityNotFoundException")
        stub.add_client_error("create_partition", "EntityNotFoundException")
        stub.add_response("create_table", {})
        stub.add_response("batch_update_partition", batch_error("EntityNotFoundException"))
        stub.add_response("create_partition", {})
        catalog.point(told, f"s3://{BUCKET}/tables/{TABLE}")
        stub.assert_no_pending_responses()


def test_a_partition_that_can_neither_be_created_nor_moved_is_said(session, catalog, lake) -> None:
    told = publish(lake, rows_of(range(1)))
    with stubbed(session) as stub:
        for _ in range(2):
            stub.add_client_error("batch_update_partition", "EntityNotFoundException")
            stub.add_client_error("create_partition", "AlreadyExistsException")
            stub.add_response("create_table", {})
        with pytest.raises(TransientError, match="neither be created nor moved"):
            catalog.point(told, f"s3://{BUCKET}/tables/{TABLE}")
