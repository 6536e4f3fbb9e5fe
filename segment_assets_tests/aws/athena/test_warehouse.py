"""Insight SQL through Athena's API: the same rows as the local warehouse's, of exactly the sources, paid for once.

Glue and S3 are MiniStack's; Athena is our stand-in, in which DuckDB does Trino's work. Nothing here ran on AWS.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from botocore.stub import Stubber
from sqlglot import exp

from segment_assets import queries
from segment_assets.contracts import PermanentError, TransientError
from segment_assets.resources.aws.athena_statement import parsed
from segment_assets.resources.aws.catalog import GlueCatalog
from segment_assets.resources.aws.lake import S3Lake
from segment_assets.resources.ports import Source
from segment_assets.resources.query_usage import usage_of
from segment_assets.resources.warehouse import LocalWarehouse
from segment_assets.tables import TABLES
from segment_assets_tests.aws.athena.world import BUCKET, MONDAY, PEOPLE, SQL, World, made_rows, unlike

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.aws
FILLED = {table.query: table for table in TABLES.values() if table.query and not table.query.startswith("clean_room/")}


@pytest.mark.parametrize("name", sorted(FILLED))
def test_a_query_gives_the_same_rows_as_in_the_local_warehouse(world: World, tmp_path: Path, name: str) -> None:
    sql = queries.read(name)
    if ":reporting_week" in sql:
        sql = queries.render(sql, {"reporting_week": MONDAY})
    named = {table.name for table in parsed(sql).find_all(exp.Table)} & set(TABLES)
    sources, schema = {one: world.tables.with_rows(one) for one in named}, FILLED[name].arrow_schema()
    ours, theirs = (house.select(sql, sources, schema) for house in (world.warehouse(), LocalWarehouse(tmp_path)))
    assert ours.num_rows > 0
    assert ours.schema.equals(schema)
    assert ours.to_pylist() == theirs.to_pylist()


def test_only_the_snapshots_of_a_source_are_read(world: World) -> None:
    everything = world.tables.of_lake(
        "overlap", {"mine": [{"matched_converters": 5}], "other": [{"matched_converters": 7}]}
    )
    mine = dataclasses.replace(
        everything, snapshots=[one for one in everything.snapshots or () if one.partition == "mine"]
    )
    schema = pa.schema([("matched_converters", pa.int64())])
    rows = world.warehouse().select("SELECT matched_converters FROM overlap", {"overlap": mine}, schema)
    assert rows.to_pylist() == [{"matched_converters": 5}]


def test_a_version_is_published_with_the_catalogue_away_and_named_before_a_question_about_it(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    session, name, database = world.tables.session, "exposure_frequency", f"healed_{unlike()}"
    lake = S3Lake(session, f"s3://{BUCKET}/{database}", catalog=GlueCatalog(session, database), workdir=tmp_path)
    writer = lake.writer(name, "the week")
    writer.write(pa.Table.from_pylist(made_rows(name, 3), TABLES[name].arrow_schema()))
    with Stubber(session.client("glue")) as stub:
        stub.add_client_error("create_table", "AccessDeniedException", "a message that may quote the call")
        published = writer.publish({})
    assert lake.current(name, "the week") == published
    assert f"the catalogue does not name it yet: Glue database {database}: AccessDeniedException" in caplog.text
    assert "quote" not in caplog.text
    house = dataclasses.replace(world.warehouse(), database=database, tell_again=lake.tell_again)
    source = {name: Source(name, lambda: lake.dataset(published), [published])}
    for _ in range(2):
        assert house.select(SQL, source, PEOPLE).num_rows == 3


def test_a_source_without_snapshots_is_empty_and_an_answer_without_rows_has_the_declared_types(world: World) -> None:
    nothing = dataclasses.replace(world.reach, snapshots=[])
    rows = world.warehouse().select(SQL, {"exposure_frequency": nothing}, PEOPLE)
    assert (rows.num_rows, rows.schema.types) == (0, [pa.int64()])


def test_one_week_of_an_own_table_is_read(world: World) -> None:
    schema = pa.schema([("orders", pa.int64())])
    world.tables.of_account("conversions", made_rows("conversions", 3), "2026-09-28")
    source = world.tables.of_account("conversions", made_rows("conversions", 4), "2026-09-21")
    sql = "SELECT COUNT(*) AS orders FROM conversions"
    assert world.warehouse().select(sql, {"conversions": source}, schema)["orders"].to_pylist() == [4]
    all_weeks = dataclasses.replace(source, week=None)
    assert world.warehouse().select(sql, {"conversions": all_weeks}, schema)["orders"].to_pylist()[0] >= 7


def test_rows_come_in_the_order_of_the_query_although_files_come_in_any(world: World) -> None:
    world.athena.settings.files = 4
    people = world.asked(sql=f"{SQL} DESC")
    assert (len(people), people) == (4, sorted(people, reverse=True))


def test_a_start_whose_answer_was_lost_is_begun_once(world: World) -> None:
    world.athena.lost_answers = 1
    assert world.asked()[0] == 10
    assert (world.athena.calls.count("StartQueryExecution"), world.begun) == (2, 1)


def test_another_process_is_given_the_answer_that_was_paid_for(world: World) -> None:
    first = world.asked()
    world.athena.executions.grow_older(60)
    rows = world.warehouse().select(SQL, {"exposure_frequency": world.reach}, PEOPLE)
    usage = usage_of(rows)
    assert usage is not None
    assert (rows["people"].to_pylist(), usage.is_reused, world.begun) == (first, True, 1)


def test_an_answer_older_than_an_hour_is_not_used_again(world: World) -> None:
    world.asked()
    world.athena.executions.grow_older(4000)
    assert world.asked()[0] == 10
    assert world.begun == 2


def test_an_answer_about_own_tables_is_used_again_only_where_their_version_is_told(world: World) -> None:
    source = {"customers": world.tables.with_rows("customers")}
    people = source["customers"].dataset.count_rows()
    schema = pa.schema([("people", pa.int64())])
    for version, begun in ((None, 2), (lambda _table: f"v{unlike()}", None), (lambda _table: "v", 1)):
        world.athena.executions.started = 0
        for _ in range(2):
            house = world.warehouse(account_version=version)
            if begun is None:
                with pytest.raises(TransientError, match="changed while it was read"):
                    house.select("SELECT COUNT(*) AS people FROM customers", source, schema)
                continue
            assert house.select("SELECT COUNT(*) AS people FROM customers", source, schema)["people"].to_pylist() == [
                people
            ]
        assert begun is None or world.begun == begun


def test_rows_carry_bytes_and_a_cost_of_ten_megabytes_at_least(world: World) -> None:
    house = world.warehouse(usd_per_terabyte=5.0)
    usage = usage_of(house.select(SQL, {"exposure_frequency": world.reach}, PEOPLE))
    assert usage is not None
    assert usage.scanned_bytes > 0
    assert usage.cost == pytest.approx(5.0 * 10 / 1_000_000)
    assert usage.as_metadata()["query_scanned_bytes"] == usage.scanned_bytes
    assert usage_of(pa.table({"a": [1]})) is None


def test_a_value_that_does_not_fit_its_column_is_an_error_without_the_value(world: World) -> None:
    sql = "SELECT 'ann@example.com' AS people FROM exposure_frequency"
    with pytest.raises(PermanentError, match="does not fit the declared columns people") as caught:
        world.asked(sql=sql)
    assert "ann@" not in str(caught.value)
