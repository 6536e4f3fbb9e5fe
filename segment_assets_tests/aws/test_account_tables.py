"""Account A's tables as Glue registers them, and the partner's as the clean room tells of them."""

from __future__ import annotations

import dataclasses
import io
import os
import uuid
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from segment_assets.contracts import PermanentError, TransientError
from segment_assets.resources.account_tables import LocalAccountTables
from segment_assets.resources.aws.account_tables import GlueAccountTables
from segment_assets.resources.aws.catalog import table_input
from segment_assets.resources.ports import CatalogEntry
from segment_assets.tables import CONVERSIONS, CUSTOMERS, IMPRESSIONS, OPT_OUTS, Table, Type
from segment_assets_tests.aws.emulators import Emulator, connected
from segment_assets_tests.aws.faults import Fault, in_front_of

pytestmark = pytest.mark.aws

BUCKET = "account-a"
WEEKS = ["2026-10-05", "2026-10-12"]
_VALUES = {
    Type.STRING: "x", Type.INTEGER: 1, Type.DOUBLE: 1.5, Type.BOOLEAN: True,
    Type.DATE: date(2026, 10, 5), Type.TIMESTAMP: datetime(2026, 10, 5, tzinfo=UTC),
}  # fmt: skip


def rows_of(table: Table, number: int) -> pa.Table:
    return pa.Table.from_pylist([{c.name: _VALUES[c.type] for c in table.columns}] * number, table.arrow_schema())


@dataclasses.dataclass(frozen=True)
class AccountA:
    """What account A's own engineers do: they write files and register them."""

    session: object
    database: str
    tables: GlueAccountTables

    @property
    def s3(self):
        return self.session.client("s3")

    @property
    def glue(self):
        return self.session.client("glue")

    def put(self, key: str, rows: pa.Table | bytes) -> None:
        file = io.BytesIO()
        if isinstance(rows, bytes):
            file.write(rows)
        else:
            pq.write_table(rows, file)
        self.s3.put_object(Bucket=BUCKET, Key=f"{self.database}/{key}", Body=file.getvalue())

    def register(self, table: Table, key: str = "", **changes: object) -> None:
        told = table_input(table, f"s3://{BUCKET}/{self.database}/{table.name}", key) | changes
        self.glue.create_table(DatabaseName=self.database, TableInput=told)

    def register_week(self, table: Table, week: str, folder: str = "") -> None:
        location = f"s3://{BUCKET}/{self.database}/{folder or f'{table.name}/week={week}'}"
        told = {"Values": [week], "StorageDescriptor": {"Location": location}}
        self.glue.create_partition(DatabaseName=self.database, TableName=table.name, PartitionInput=told)


@pytest.fixture(scope="module")
def session(ministack):
    made = connected(ministack, "s3", "glue")
    made.client("s3").create_bucket(Bucket=BUCKET)
    return made


@pytest.fixture
def account(session, tmp_path) -> AccountA:
    database = f"a_{uuid.uuid4().hex}"
    session.client("glue").create_database(DatabaseInput={"Name": database})
    return AccountA(session, database, GlueAccountTables(session, database, workdir=tmp_path))


@pytest.fixture
def weekly(account: AccountA) -> AccountA:
    account.register(CONVERSIONS, "week")
    for number, week in enumerate(WEEKS, start=1):
        account.put(f"conversions/week={week}/part-0.parquet", rows_of(CONVERSIONS, number))
        account.register_week(CONVERSIONS, week)
    return account


def test_a_table_is_told_by_its_files_as_locally(account: AccountA, tmp_path) -> None:
    for number in (1, 2):
        account.put(f"customers/part-{number}.parquet", rows_of(CUSTOMERS, number))
        local = tmp_path / "accounts/a/customers"
        local.mkdir(parents=True, exist_ok=True)
        pq.write_table(rows_of(CUSTOMERS, number), local / f"part-{number}.parquet")
    account.register(CUSTOMERS)
    entry, local = account.tables.catalogue("customers"), LocalAccountTables(tmp_path / "accounts")
    assert (entry.rows, entry.files, entry.differences) == (3, 2, [])
    assert account.tables.weeks("customers") == local.weeks("customers") == []
    assert account.tables.dataset("customers").to_table().equals(local.dataset("customers").to_table())


def test_what_was_not_registered_or_has_no_file_was_not_contributed(account: AccountA) -> None:
    account.put("customers/part-0.parquet", rows_of(CUSTOMERS, 1))
    account.register(OPT_OUTS)
    for table in ("customers", "opt_outs"):
        assert account.tables.catalogue(table) is None
        assert account.tables.weeks(table) == []
        assert account.tables.dataset(table).count_rows() == 0


def test_weeks_are_those_that_are_registered_and_have_files(weekly: AccountA) -> None:
    weekly.put("conversions/week=2026-10-19/part-0.parquet", rows_of(CONVERSIONS, 1))
    weekly.register_week(CONVERSIONS, "2026-10-26")
    assert weekly.tables.weeks("conversions") == WEEKS
    assert weekly.tables.catalogue("conversions").rows == 3
    assert [weekly.tables.catalogue("conversions", week).rows for week in WEEKS] == [1, 2]
    assert weekly.tables.catalogue("conversions", "2026-10-19") is None
    assert weekly.tables.dataset("conversions", WEEKS[1]).count_rows() == 2
    assert weekly.tables.dataset("conversions").count_rows() == 3


def test_a_week_may_be_kept_elsewhere_and_deeper(weekly: AccountA) -> None:
    weekly.put("archive/2026-09-28/deeper/part-0.parquet", rows_of(CONVERSIONS, 4))
    weekly.put("archive/2026-09-28-not/part-0.parquet", rows_of(CONVERSIONS, 9))
    weekly.put("conversions/week=2026-10-05/hour=3/part-1.parquet", rows_of(CONVERSIONS, 2))
    weekly.register_week(CONVERSIONS, "2026-09-28", "archive/2026-09-28")
    assert weekly.tables.weeks("conversions") == ["2026-09-28", *WEEKS]
    assert weekly.tables.catalogue("conversions", "2026-09-28").rows == 4
    assert weekly.tables.catalogue("conversions", WEEKS[0]).rows == 3
    assert weekly.tables.dataset("conversions").count_rows() == 9


def test_hidden_and_empty_objects_are_no_files(account: AccountA) -> None:
    account.register(CUSTOMERS)
    account.put("customers/part-0.parquet", rows_of(CUSTOMERS, 1))
    before = account.tables.version("customers")
    for name in ("_SUCCESS", "_temporary/0/part-1.parquet", ".part-2.parquet.crc"):
        account.put(f"customers/{name}", b"no parquet")
    account.put("customers/folder/", b"")
    assert account.tables.catalogue("customers").files == 1
    assert account.tables.version("customers") == before


def test_the_version_follows_the_content(weekly: AccountA) -> None:
    """Without a change in Glue, which is how most writers work."""
    tables, key = weekly.tables, f"conversions/week={WEEKS[0]}/part-0.parquet"
    seen = [tables.version("conversions")]
    first_week, other_week = (tables.catalogue("conversions", week).version for week in WEEKS)
    weekly.put(key, rows_of(CONVERSIONS, 1))
    assert tables.version("conversions") == seen[0]
    weekly.put(key, rows_of(CONVERSIONS, 5))
    seen.append(tables.version("conversions"))
    weekly.put(f"conversions/week={WEEKS[0]}/part-1.parquet", rows_of(CONVERSIONS, 1))
    seen.append(tables.version("conversions"))
    weekly.s3.delete_object(Bucket=BUCKET, Key=f"{weekly.database}/{key}")
    seen.append(tables.version("conversions"))
    weekly.put("archive/part-0.parquet", rows_of(CONVERSIONS, 1))
    weekly.register_week(CONVERSIONS, "2026-09-28", "archive")
    seen.append(tables.version("conversions"))
    assert len(set(seen)) == 5
    assert tables.catalogue("conversions").version == seen[-1]
    assert tables.catalogue("conversions", WEEKS[0]).version != first_week
    assert tables.catalogue("conversions", WEEKS[1]).version == other_week


def test_a_file_that_was_written_again_is_read_anew(account: AccountA) -> None:
    account.register(OPT_OUTS)
    for number in (1, 3):
        account.put("opt_outs/part-0.parquet", rows_of(OPT_OUTS, number))
        assert account.tables.catalogue("opt_outs").rows == number
        assert account.tables.dataset("opt_outs").count_rows() == number


def test_columns_that_differ_are_named_whether_in_files_or_in_glue(account: AccountA) -> None:
    rows = rows_of(OPT_OUTS, 1)
    rows = rows.drop(["source"]).append_column("channel", pa.array(["web"]))
    rows = rows.set_column(1, "opted_out_at", pa.array([datetime(2026, 10, 5)], pa.timestamp("us")))  # noqa: DTZ001
    account.put("opt_outs/part-0.parquet", rows)
    columns = table_input(OPT_OUTS, "s3://x/")["StorageDescriptor"]["Columns"]
    columns = [{**c, "Type": "int"} if c["Name"] == "country" else c for c in columns if c["Name"] != "phone_number"]
    place = table_input(OPT_OUTS, f"s3://{BUCKET}/{account.database}/opt_outs")["StorageDescriptor"]
    account.register(OPT_OUTS, StorageDescriptor={**place, "Columns": columns})
    assert account.tables.catalogue("opt_outs").differences == [
        "channel is string", "country is int in Glue", "opted_out_at is timestamp[us]", "phone_number is missing in Glue",
        "source is missing",
    ]  # fmt: skip


def test_columns_that_spark_calls_nullable_are_no_difference(account: AccountA) -> None:
    account.register(CUSTOMERS)
    loose = pa.schema([field.with_nullable(nullable=True) for field in CUSTOMERS.arrow_schema()])
    account.put("customers/part-0.parquet", rows_of(CUSTOMERS, 1).cast(loose))
    assert account.tables.catalogue("customers").differences == []


def test_a_file_that_is_no_parquet_is_refused_without_its_name(account: AccountA) -> None:
    """A key may hold an identifier: whoever wrote it chose it."""
    account.register(CUSTOMERS)
    account.put("customers/jane@example.com.parquet", b"name,email\n" * 20)
    with pytest.raises(PermanentError, match="is no Parquet file") as refused:
        account.tables.catalogue("customers")
    assert "jane" not in str(refused.value)


def test_a_table_that_is_partitioned_otherwise_is_refused(account: AccountA) -> None:
    account.register(CONVERSIONS, "day")
    with pytest.raises(PermanentError, match="partitioned by day"):
        account.tables.weeks("conversions")


def test_a_footer_longer_than_one_request_is_read_whole(account: AccountA) -> None:
    """Statistics of many row groups: the footer is larger than what is fetched at first."""
    file = io.BytesIO()
    pq.write_table(rows_of(CUSTOMERS, 200), file, row_group_size=1)
    assert int.from_bytes(file.getvalue()[-8:-4], "little") > 100_000
    account.register(CUSTOMERS)
    account.put("customers/part-0.parquet", file.getvalue())
    assert account.tables.catalogue("customers").rows == 200


def test_only_the_end_of_a_large_file_is_fetched_and_only_once(account: AccountA) -> None:
    rows = rows_of(OPT_OUTS, 1)
    noise = pa.array([os.urandom(200_000).hex()])
    account.register(OPT_OUTS)
    account.put("opt_outs/part-0.parquet", rows.set_column(rows.schema.get_field_index("source"), "source", noise))
    asked, events = [], account.s3.meta.events

    def note(request, **_) -> None:
        asked.append(request.headers["Range"])

    # The client is the whole session's: others ask for other things with it.
    events.register("before-send.s3.GetObject", note)
    try:
        assert account.tables.catalogue("opt_outs").rows == account.tables.catalogue("opt_outs").rows == 1
    finally:
        events.unregister("before-send.s3.GetObject", note)
    assert asked in (["bytes=-65536"], [b"bytes=-65536"])


def test_a_broken_line_is_survived_or_said(ministack, account: AccountA, tmp_path) -> None:
    account.register(CUSTOMERS)
    account.put("customers/part-0.parquet", rows_of(CUSTOMERS, 1000))
    with in_front_of(ministack) as proxy:
        session = connected(Emulator("proxy", proxy.endpoint, os.getpid()), "s3", "glue")
        tables = GlueAccountTables(session, account.database, workdir=tmp_path / "other")
        proxy.plan(Fault("GET", "part-0.parquet", times=2, cut=100))
        assert tables.catalogue("customers").rows == 1000
        proxy.plan(Fault("GET", "part-0.parquet", times=2, cut=100))
        assert tables.dataset("customers").count_rows() == 1000
        account.put("customers/part-1.parquet", rows_of(CUSTOMERS, 1000))
        proxy.plan(Fault("GET", "part-1.parquet", times=99, cut=100))
        for ask in (tables.catalogue, tables.dataset):
            with pytest.raises(TransientError):
                ask("customers")
        proxy.plan(Fault("HEAD", "part-1.parquet", refuse=(404, "NoSuchKey")))
        with pytest.raises(TransientError, match="went away while the table was read"):
            tables.dataset("customers")
        proxy.plan(Fault("GET", "part-1.parquet", refuse=(412, "PreconditionFailed")))
        with pytest.raises(TransientError, match="changed while it was looked at"):
            tables.catalogue("customers")


# ── the partner's ──


def test_the_partners_table_is_what_the_clean_room_tells(account: AccountA) -> None:
    told = CatalogEntry(None, 0, "v7", ["cost is int"])
    tables = dataclasses.replace(account.tables, schemas={IMPRESSIONS.name: told}.get)
    assert tables.catalogue("impressions") == tables.catalogue("impressions", WEEKS[0]) == told
    assert tables.version("impressions") == "v7"
    assert tables.weeks("impressions") == []
    with pytest.raises(PermanentError, match="never leave the clean room"):
        tables.dataset("impressions")


def test_a_partners_table_that_was_not_contributed_is_nothing(account: AccountA) -> None:
    assert account.tables.catalogue("impressions") is None
    assert account.tables.version("impressions") == ""
