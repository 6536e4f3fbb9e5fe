"""Results in S3: the rows that the local clean room gives, in whatever files, and none twice when a body breaks."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv
from pyarrow import fs as pafs

from segment_assets import collaboration, queries
from segment_assets.contracts import NeedsHumanError, PermanentError, TransientError
from segment_assets.privacy import Collaboration
from segment_assets.resources.clean_room import ErrorCode, ProtectedQuery, QueryState, ResultFormat
from segment_assets.resources.clean_room.local import LocalCleanRoom
from segment_assets.resources.clean_room.results import read_batches, read_result
from segment_assets.sandbox.aws.clean_rooms.engine import LAYOUTS, Engine
from segment_assets.tables import TABLES
from segment_assets_tests.aws.clean_rooms.breaking import Breaking
from segment_assets_tests.aws.clean_rooms.world import Aws, forget_clients

MONDAY = dt.date(2026, 1, 5)
NAMES = ("overlap", "exposed_customers", "viewer_groups")


def asked(name: str, result_format: ResultFormat = ResultFormat.PARQUET, monday: dt.date = MONDAY) -> ProtectedQuery:
    days = {"week_start": monday, "week_end": monday + dt.timedelta(days=7)}
    return ProtectedQuery(name, queries.render(queries.read(f"clean_room/{name}"), days), result_format)


def schema_of(name: str) -> pa.Schema:
    return TABLES[name].arrow_schema()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """300 people of account A, of whom 240 saw creative A and 130 creative B, and converted at once."""
    root = tmp_path_factory.mktemp("tables")
    noon = dt.datetime(2026, 1, 5, 12, tzinfo=dt.UTC)
    people = [{"customer_id": f"c{n}", "email_sha256": f"{n:064x}"} for n in range(300)]
    bought = {"date": MONDAY, "event_time": noon, "event_type": "purchase", "price_band": "10-50", "price": 20.0}
    shown = {"date": MONDAY, "event_time": noon - dt.timedelta(hours=1), "channel": "ctv", "clicks": 1, "cost": 0.5}
    rows = {
        "customers": people,
        "conversions": [{"transaction_id": f"t{n}", **one, **bought} for n, one in enumerate(people)],
        "impressions": [
            {"impression_id": f"{creative}{n}", "email_sha256": f"{n:064x}", "creative_id": creative, **shown}
            for creative, seen in (("A", 240), ("B", 130))
            for n in range(seen)
        ],
    }
    for name, told in rows.items():
        filled = [dict.fromkeys(schema_of(name).names) | row for row in told]
        pq.write_table(pa.Table.from_pylist(filled, schema_of(name)), root / f"{name}.parquet")
    return root


@pytest.fixture(scope="module")
def local(files, tmp_path_factory):
    """What the local room answers over the same files, by query."""
    runner = collaboration.document()["creatorAccountId"]
    room = LocalCleanRoom(
        Collaboration.parse(collaboration.document()),
        lambda name: [str(files / f"{name}.parquet")],
        tmp_path_factory.mktemp("local"),
        "results",
        runner,
    )
    return {name: read_result(room.look(room.start(asked(name))).location, schema_of(name)) for name in NAMES}


@pytest.fixture(scope="module")
def buckets(served, ministack, files):
    """Both accounts' tables and a bucket for results, in S3; an engine that reads and writes there."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL_S3", ministack.endpoint)
        forget_clients()
        s3 = served.session.client("s3")
        for bucket in ("clean-rooms-a", "clean-rooms-b", "clean-rooms-results"):
            s3.create_bucket(Bucket=bucket)
        owners = {"customers": "a", "conversions": "a", "impressions": "b"}
        for name, account in owners.items():
            key = f"{name}/week={MONDAY}/part-0.parquet"
            s3.put_object(Bucket=f"clean-rooms-{account}", Key=key, Body=(files / f"{name}.parquet").read_bytes())
        yield {name: f"s3://clean-rooms-{account}/{name}" for name, account in owners.items()}
        forget_clients()


@pytest.fixture
def room(served: Aws, buckets, tmp_path):
    engine = Engine(collaboration.document(), buckets, served.session.client("s3"), tmp_path)
    served.renew(engine=engine)
    room = served.room(results="s3://clean-rooms-results/clean_room")
    return room, engine


def ran(served: Aws, room, query: ProtectedQuery):
    query_id = room.start(query)
    served.service.queries.settled()
    return room.look(query_id)


def rows_of(room, location: str, name: str, result_format: ResultFormat = ResultFormat.PARQUET) -> pa.Table:
    return pa.Table.from_batches(room.read(location, schema_of(name), result_format), schema_of(name))


@pytest.mark.aws
class TestOverS3:
    @pytest.mark.parametrize("result_format", list(ResultFormat))
    @pytest.mark.parametrize("parts", [1, 3])
    def test_the_rows_are_those_of_the_local_room(self, served, room, local, result_format, parts):
        aws_room, engine = room
        engine.parts = parts
        for name, layout in zip(NAMES, LAYOUTS * 2, strict=False):
            engine.layout = layout
            outcome = ran(served, aws_room, asked(name, result_format))
            assert (outcome.state, outcome.error) == (QueryState.SUCCESS, None)
            assert len(local[name]) > 0
            assert rows_of(aws_room, outcome.location, name, result_format) == local[name]
            assert ("/analysis=" in outcome.location) == (layout == LAYOUTS[1])

    @pytest.mark.parametrize("result_format", list(ResultFormat))
    def test_an_empty_result_is_no_rows(self, served, room, result_format):
        aws_room, _ = room
        outcome = ran(served, aws_room, asked("exposed_customers", result_format, dt.date(2027, 1, 4)))
        assert outcome.state is QueryState.SUCCESS
        assert rows_of(aws_room, outcome.location, "exposed_customers", result_format).num_rows == 0

    def test_a_query_that_the_stand_ins_judge_refuses_fails_there_as_locally(self, served, room):
        aws_room, _ = room
        outcome = ran(served, aws_room, ProtectedQuery("peek", "SELECT * FROM impressions"))
        assert (outcome.state, outcome.error.code) == (QueryState.FAILED, ErrorCode.MALFORMED_QUERY)
        assert outcome.location is None

    def test_markers_empty_objects_and_nothing_at_all_are_an_empty_result_but_no_bucket_is_none(self, room, served):
        aws_room, _ = room
        s3 = served.session.client("s3")
        for name in ("_SUCCESS", "part-00000", ".hidden"):
            body = b"" if name == "part-00000" else b"not data"
            s3.put_object(Bucket="clean-rooms-results", Key=f"only_markers/{name}", Body=body)
        for folder in ("only_markers", "only_markers/", "nothing_at_all/"):
            assert rows_of(aws_room, f"s3://clean-rooms-results/{folder}", "overlap").num_rows == 0
        with pytest.raises(PermanentError, match="not even its bucket"):
            rows_of(aws_room, "s3://clean-rooms-nowhere/results/", "overlap")

    def test_a_location_may_be_one_object(self, served, room, local):
        aws_room, _ = room
        outcome = ran(served, aws_room, asked("overlap"))
        assert rows_of(aws_room, f"{outcome.location}part-00000.parquet", "overlap") == local["overlap"]


def test_a_result_that_went_to_other_members_is_told_as_such():
    for location in ("", "results/1", "https://b.s3.amazonaws.com/r", "s3://"):
        with pytest.raises(PermanentError, match="let our own member receive it"):
            list(read_batches(location, schema_of("overlap")))


SCHEMA = pa.schema([("creative_id", pa.string()), ("matched_converters", pa.int64())])
# Several batches of each format: a break must come after some of them were given.
ROWS = pa.table({"creative_id": [f"c{n:06d}" for n in range(300_000)], "matched_converters": range(300_000)}, SCHEMA)
NETWORK = "When reading information for key: AWS Error NETWORK_CONNECTION during GetObject operation: curl 56"


@pytest.fixture(scope="module")
def bodies() -> dict[ResultFormat, bytes]:
    parquet, text = pa.BufferOutputStream(), pa.BufferOutputStream()
    pq.write_table(ROWS, parquet, row_group_size=20_000)
    csv.write_csv(ROWS, text)
    return {
        ResultFormat.PARQUET: parquet.getvalue().to_pybytes(),
        ResultFormat.CSV: text.getvalue().to_pybytes(),
    }


class TestBreaking:
    @pytest.mark.parametrize("result_format", list(ResultFormat))
    @pytest.mark.parametrize("share", [0.0, 0.5, 0.8, 0.99])
    def test_a_body_that_breaks_is_read_again_and_every_row_comes_once(self, bodies, result_format, share):
        body = bodies[result_format]
        store = Breaking({"b/r/part-0": body}, OSError(NETWORK), whole=int(len(body) * share), left=2)
        read = list(read_batches("s3://b/r/", SCHEMA, result_format, pafs.PyFileSystem(store)))
        assert pa.Table.from_batches(read, SCHEMA) == ROWS
        assert len(read) > 2
        assert store.left == 0

    def test_the_first_rows_come_long_before_the_last_ones_are_fetched(self, bodies):
        body = bodies[ResultFormat.PARQUET]
        store = Breaking({"b/r/part-0": body}, OSError(NETWORK), whole=len(body) // 3)
        assert next(read_batches("s3://b/r/", SCHEMA, filesystem=pafs.PyFileSystem(store))).num_rows > 0
        assert store.left == 1

    def test_a_body_that_always_breaks_passes_and_tells_no_address(self, bodies):
        error = OSError(f"{NETWORK} https://b.s3.amazonaws.com/r?X-Amz-Signature=abc")
        store = Breaking({"b/r/part-0": bodies[ResultFormat.CSV]}, error, left=100)
        with pytest.raises(TransientError, match=r"s3://b/r/ broke off.*\(NETWORK_CONNECTION\)") as broken:
            list(read_batches("s3://b/r/", SCHEMA, ResultFormat.CSV, pafs.PyFileSystem(store)))
        assert "Signature" not in str(broken.value)

    @pytest.mark.parametrize(
        ("code", "kind", "says"),
        [
            ("ACCESS_DENIED", NeedsHumanError, "let our role read"),
            ("EXPIRED_TOKEN", NeedsHumanError, "EXPIRED_TOKEN"),
            ("NO_SUCH_KEY", PermanentError, "run the query again"),
            ("UNKNOWN (HTTP status 301)", PermanentError, "another Region"),
        ],
    )
    def test_what_a_second_try_does_not_help_is_not_tried_again(self, bodies, code, kind, says):
        store = Breaking(
            {"b/r/part-0": bodies[ResultFormat.CSV]}, OSError(f"AWS Error {code} during GetObject"), left=100
        )
        with pytest.raises(kind, match=says):
            list(read_batches("s3://b/r/", SCHEMA, ResultFormat.CSV, pafs.PyFileSystem(store)))
        assert store.opened == 1
