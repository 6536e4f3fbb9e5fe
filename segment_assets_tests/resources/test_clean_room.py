"""The local clean room: results where AWS would leave them, refusals that cost nothing, no half results."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from segment_assets import collaboration, queries, tables
from segment_assets.contracts import PermanentError
from segment_assets.privacy import Collaboration
from segment_assets.resources.clean_room import ErrorCode, ProtectedQuery, QueryState, ResultFormat, Statistics
from segment_assets.resources.clean_room.local import LocalCleanRoom
from segment_assets.resources.clean_room.local_queries import LocalQueries, digest_of
from segment_assets.resources.clean_room.results import read_batches, read_result

OURS = Collaboration.parse(collaboration.document())
WEEK = {"week_start": dt.date(2026, 1, 5), "week_end": dt.date(2026, 1, 12)}
MONDAY = dt.date(2026, 1, 5)


def digest(number):
    return f"{number:064x}"


def _rows(table, rows):
    schema = tables.TABLES[table].arrow_schema()
    blank = dict.fromkeys(schema.names)
    moment = dt.datetime(2026, 1, 5, 12, tzinfo=dt.UTC)
    filled = {"event_time": moment, "date": MONDAY, "price": 20.0, "clicks": 1, "cost": 0.5}
    return pa.Table.from_pylist([{**blank, **filled, **row} for row in rows], schema=schema)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """300 customers; the first 240 saw creative A, the first 99 creative B; everybody converted on Monday."""
    root = tmp_path_factory.mktemp("tables")
    people = range(300)
    data = {
        "customers": [{"customer_id": f"c{n}", "email_sha256": digest(n), "birth_country": "DE"} for n in people],
        "conversions": [
            {"transaction_id": f"t{n}", "customer_id": f"c{n}", "email_sha256": digest(n), "price_band": "10-50"}
            for n in people
        ],
        "impressions": [
            {"impression_id": f"{creative}{n}", "email_sha256": digest(n), "creative_id": creative}
            for creative, seen in (("A", 240), ("B", 99))
            for n in range(seen)
        ],
    }
    for name, rows in data.items():
        pq.write_table(_rows(name, rows), root / f"{name}.parquet")
    return root


class Clock:
    """Half a second passes at each look."""

    def __init__(self):
        self.now = 1_767_600_000.0

    def __call__(self):
        self.now += 0.5
        return self.now


@pytest.fixture
def room(files, tmp_path):
    return make_room(files, tmp_path)


def make_room(files, tmp_path, *, tables=None, clock=None, **more):
    find = tables or (lambda name: [str(files / f"{name}.parquet")])
    return LocalCleanRoom(
        OURS,
        find,
        tmp_path / "results",
        "clean_room",
        OURS.creator_account_id,
        clock=clock or Clock(),
        temp=tmp_path / "temp",
        **more,
    )


def rendered(name, **more):
    return ProtectedQuery(name, queries.render(queries.read(f"clean_room/{name}"), WEEK), **more)


def ran(room, query):
    """A room that answers at once has the outcome when the start returns."""
    return room.look(room.start(query))


def folder(location):
    return Path(url2pathname(urlparse(location).path))


def log(tmp_path):
    return [json.loads(line) for line in (tmp_path / "results" / "query_log.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("result_format", list(ResultFormat))
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("overlap", [{"matched_converters": 240}]),
        ("overlap_by_creative", [{"creative_id": "A", "matched_converters": 240}]),
        ("overlap_by_price_band", [{"price_band": "10-50", "matched_converters": 240}]),
        ("audience_by_birth_country", [{"birth_country": "DE", "matched_converters": 240}]),
        ("customer_reach", [{"exposed_customers": 240}]),
        (
            "exposed_customers",
            sorted(({"customer_id": f"c{n}"} for n in range(240)), key=lambda row: row["customer_id"]),
        ),
    ],
)
def test_each_query_leaves_the_rows_of_its_table(room, name, expected, result_format):
    outcome = ran(room, rendered(name, result_format=result_format))
    assert (outcome.state, outcome.error, outcome.rows) == (QueryState.SUCCESS, None, len(expected))
    assert read_result(outcome.location, tables.TABLES[name].arrow_schema(), result_format).to_pylist() == expected


# NVL is not in AWS's list of functions, and COALESCE, which it is a synonym of, is.
UNSETTLED = (
    "SELECT NVL(i.creative_id, 'none') AS creative_id, COUNT(DISTINCT c.email_sha256) AS matched_converters "
    "FROM conversions c INNER JOIN impressions i ON i.email_sha256 = c.email_sha256 GROUP BY NVL(i.creative_id, 'none')"
)


def test_an_uncertain_query_runs_only_when_the_plan_allows_it_and_withholds_what_it_would_withhold(room):
    refused = ran(room, ProtectedQuery("overlap_by_creative", UNSETTLED))
    assert (refused.state, refused.error.code) == (QueryState.FAILED, ErrorCode.MALFORMED_QUERY)
    assert "uncertain_queries, overlap_by_creative" in refused.error.message
    allowed = ran(room, ProtectedQuery("overlap_by_creative", UNSETTLED, uncertain_allowed=True))
    assert read_result(allowed.location).to_pylist() == [{"creative_id": "A", "matched_converters": 240}]


@pytest.mark.parametrize(
    "sql",
    ["SELECT email_sha256 FROM impressions", "SELECT * FROM impressions VERSION AS OF 3", "SELECT 1 FROM"],
)
def test_what_is_refused_or_cannot_be_followed_runs_on_nobodys_word(room, sql):
    assert ran(room, ProtectedQuery("peek", sql, uncertain_allowed=True)).state is QueryState.FAILED


def test_a_parquet_result_has_the_declared_types_by_itself(room):
    for name in ("overlap", "overlap_by_creative", "exposed_customers"):
        result = read_result(ran(room, rendered(name)).location)
        declared = tables.TABLES[name].arrow_schema()
        assert [(field.name, field.type) for field in result.schema] == [(field.name, field.type) for field in declared]


def test_a_result_is_in_a_folder_of_its_query_with_a_marker(room, tmp_path):
    outcome = ran(room, rendered("overlap"))
    uuid.UUID(outcome.query_id)
    place = folder(outcome.location)
    assert place == tmp_path / "results" / "clean_room" / outcome.query_id
    assert sorted(entry.name for entry in place.iterdir()) == ["_SUCCESS", "part-00000.parquet"]


def test_the_same_data_gives_the_same_bytes_under_another_id(room):
    one, other = (folder(ran(room, rendered("exposed_customers")).location) for _ in range(2))
    assert one != other
    assert (one / "part-00000.parquet").read_bytes() == (other / "part-00000.parquet").read_bytes()


@pytest.mark.parametrize("result_format", list(ResultFormat))
def test_an_empty_result_is_a_legal_result_with_a_schema(room, result_format):
    later = {"week_start": dt.date(2027, 1, 4), "week_end": dt.date(2027, 1, 11)}
    for name in ("overlap", "exposed_customers"):
        query = ProtectedQuery(name, queries.render(queries.read(f"clean_room/{name}"), later), result_format)
        outcome = ran(room, query)
        assert (outcome.state, outcome.rows) == (QueryState.SUCCESS, 0)
        schema = tables.TABLES[name].arrow_schema()
        assert read_result(outcome.location, schema, result_format) == schema.empty_table()


def test_a_refused_query_fails_without_cost_and_without_a_result(room, tmp_path):
    outcome = ran(room, ProtectedQuery("peek", "SELECT COUNT(DISTINCT email_sha256) AS n FROM impressions"))
    assert outcome.state is QueryState.FAILED
    assert outcome.location is None
    assert outcome.error.code is ErrorCode.MALFORMED_QUERY
    assert not outcome.error.retryable
    assert "runner_join_required" in outcome.error.message
    assert outcome.statistics.billed_units == 0
    assert sorted(entry.name for entry in (tmp_path / "results").iterdir()) == ["queries", "query_log.jsonl"]


def test_time_is_told_in_the_shape_of_the_api(room):
    outcome = ran(room, rendered("overlap"))
    assert outcome.statistics.to_aws() == {"totalDurationInMillis": 500, "billedResourceUtilization": {"units": 0.0}}
    assert Statistics(7, 1.5).to_aws()["billedResourceUtilization"] == {"units": 1.5}


def test_every_query_is_one_line_of_the_log(room, tmp_path):
    done = ran(room, rendered("overlap"))
    refused = ran(room, ProtectedQuery("peek", "SELECT * FROM impressions"))
    first, second = log(tmp_path)
    assert (first["eventId"], first["status"], first["errorCode"]) == (done.query_id, "COMPLETED", None)
    assert (second["eventId"], second["status"], second["errorCode"]) == (refused.query_id, "FAILED", "MALFORMED_QUERY")
    assert first["logStage"] == second["logStage"] == "TERMINATION"
    assert json.loads(first["resultReceivers"]) == [OURS.creator_account_id]
    assert json.loads(first["schemaNames"]) == ["conversions", "impressions"]
    assert "star" in json.loads(second["queryValidationErrors"])[0]
    assert isinstance(first["eventTimestamp"], int)
    assert first["eventTimestamp"] > 1_767_600_000_000


def test_the_log_keeps_dates_and_masks_what_may_be_an_identifier(room, tmp_path):
    ran(room, rendered("overlap_by_creative"))
    ran(
        room,
        ProtectedQuery(
            "peek",
            f"SELECT COUNT(DISTINCT email_sha256) FROM customers WHERE email_sha256 = '{digest(7)}' -- jane@example.com",
        ),
    )
    legal, peek = log(tmp_path)
    assert "DATE '2026-01-05'" in legal["queryText"]
    assert "GROUP BY i.creative_id ORDER BY matched_converters DESC" in legal["queryText"]
    assert "customers WHERE email_sha256 = '…'" in peek["queryText"]
    assert digest(7) not in json.dumps(peek)
    assert "jane" not in json.dumps(peek)


def test_only_allowed_columns_exist_inside_the_room(files, tmp_path):
    """A file without the allowed columns is the owner's mistake, told without a look at the data."""
    pq.write_table(pa.table({"customer_id": ["c1"], "email_address": ["jane@example.com"]}), tmp_path / "bad.parquet")
    room = make_room(files, tmp_path, tables=lambda name: [str(tmp_path / "bad.parquet")])
    outcome = ran(room, rendered("overlap"))
    assert (outcome.state, outcome.error.code) == (QueryState.FAILED, ErrorCode.INVALID_RESOURCE)
    assert "jane" not in outcome.error.message


def test_a_value_that_stops_the_engine_is_not_quoted(files, tmp_path):
    spoilt = pq.read_table(files / "impressions.parquet")
    spoilt = spoilt.set_column(
        spoilt.schema.get_field_index("clicks"), "clicks", pa.array(["jane@example.com"] * len(spoilt))
    )
    pq.write_table(spoilt, tmp_path / "spoilt.parquet")
    room = make_room(
        files,
        tmp_path,
        tables=lambda name: [
            str(tmp_path / "spoilt.parquet") if name == "impressions" else str(files / f"{name}.parquet")
        ],
    )
    sql = "SELECT SUM(i.clicks) AS clicks FROM impressions i JOIN customers c ON i.email_sha256 = c.email_sha256"
    outcome = ran(room, ProtectedQuery("clicks", sql))
    assert outcome.state is QueryState.FAILED
    assert "jane" not in outcome.error.message + json.dumps(log(tmp_path))


@pytest.mark.parametrize("paths", [[], ["nowhere.parquet"]])
def test_a_table_without_files_is_not_found(files, tmp_path, paths):
    outcome = ran(make_room(files, tmp_path, tables=lambda name: paths), rendered("overlap"))
    assert (outcome.state, outcome.error.code) == (QueryState.FAILED, ErrorCode.RESOURCE_NOT_FOUND)


def test_too_little_memory_is_told_as_compute_not_as_an_exception(files, tmp_path):
    outcome = ran(make_room(files, tmp_path, memory_limit="1MB"), rendered("customer_reach"))
    assert (outcome.state, outcome.error.code) == (QueryState.FAILED, ErrorCode.INSUFFICIENT_COMPUTE)


def test_whole_numbers_summed_up_stay_whole(room):
    sql = "SELECT SUM(i.clicks) AS clicks FROM impressions i JOIN customers c ON i.email_sha256 = c.email_sha256"
    result = read_result(ran(room, ProtectedQuery("clicks", sql)).location)
    assert result.schema.field("clicks").type == pa.int64()
    assert result.to_pylist() == [{"clicks": 339}]


def test_nothing_is_left_behind_beside_results_and_log(room, tmp_path):
    ran(room, rendered("overlap"))
    ran(room, ProtectedQuery("peek", "SELECT 1"))
    assert sorted(entry.name for entry in (tmp_path / "results").iterdir()) == [
        "clean_room",
        "queries",
        "query_log.jsonl",
    ]
    assert [path.name for path in (tmp_path / "results" / "queries").iterdir() if path.name.startswith(".")] == []
    assert list((tmp_path / "temp").iterdir()) == []


def test_a_process_killed_before_the_end_leaves_nothing_under_the_prefix(files, tmp_path):
    """The engine has written the file; the process dies at the moment of the move."""
    script = f"""
import os, pathlib
from segment_assets_tests.resources.test_clean_room import make_room, rendered
pathlib.Path.rename = lambda self, target: os._exit(9)
make_room(pathlib.Path({str(files)!r}), pathlib.Path({str(tmp_path)!r})).start(rendered("overlap"))
"""
    died = subprocess.run(
        [sys.executable, "-c", script], check=False, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    )
    assert died.returncode == 9
    assert [path for path in (tmp_path / "results" / "clean_room").rglob("*") if path.is_file()] == []
    room = make_room(files, tmp_path)
    assert room.find(rendered("overlap"), since=0) == [], "it was never answered, so it may be started again"
    [dead] = query_ids(tmp_path)
    for _ in range(2):
        outcome = room.look(dead)
        assert (outcome.state, outcome.error.code) == (QueryState.FAILED, ErrorCode.TRANSIENT_ERROR)
        assert outcome.error.retryable
    assert [entry["eventId"] for entry in log(tmp_path)] == [dead]
    assert ran(room, rendered("overlap")).state is QueryState.SUCCESS


def query_ids(tmp_path):
    found = (tmp_path / "results" / "queries").glob("*.submitted.json")
    return sorted(path.name.partition(".")[0] for path in found)


class TestAnsweringLate:
    """A room that works on a query for an hour, and processes that look at it."""

    @pytest.fixture
    def now(self):
        return [1_767_600_000.0]

    @pytest.fixture
    def late(self, files, tmp_path, now):
        return lambda: make_room(files, tmp_path, clock=lambda: now[0], answers_after=3600.0)

    def test_another_process_sees_it_started_until_its_time_and_then_its_result(self, late, now, tmp_path):
        query_id = late().start(rendered("overlap"))
        now[0] += 3599
        early = late().look(query_id)
        assert (early.state, early.location, early.error) == (QueryState.STARTED, None, None)
        assert not early.state.final
        assert not (tmp_path / "results" / "query_log.jsonl").exists()
        now[0] += 1
        outcome = late().look(query_id)
        assert (outcome.state, outcome.rows) == (QueryState.SUCCESS, 1)
        assert read_result(outcome.location).to_pylist() == [{"matched_converters": 240}]
        assert late().look(query_id) == outcome
        assert [entry["status"] for entry in log(tmp_path)] == ["COMPLETED"]

    def test_a_refusal_comes_late_too(self, late, now):
        query_id = late().start(ProtectedQuery("peek", "SELECT * FROM impressions"))
        assert late().look(query_id).state is QueryState.STARTED
        now[0] += 3600
        assert late().look(query_id).error.code is ErrorCode.MALFORMED_QUERY

    def test_a_cancelled_query_stays_cancelled_and_leaves_no_result(self, late, now, tmp_path):
        query_id = late().start(rendered("overlap"))
        late().cancel(query_id)
        now[0] += 3600
        late().cancel(query_id)
        assert late().look(query_id).state is QueryState.CANCELLED
        assert [path for path in (tmp_path / "results" / "clean_room").rglob("*") if path.is_file()] == []
        assert [entry["status"] for entry in log(tmp_path)] == ["CANCELLED"]

    def test_a_query_that_has_ended_cannot_be_cancelled(self, late, now):
        query_id = late().start(rendered("overlap"))
        now[0] += 3600
        late().cancel(query_id)
        assert late().look(query_id).state is QueryState.SUCCESS

    def test_queries_are_found_by_their_text_and_moment(self, late, now):
        first = late().start(rendered("overlap"))
        late().start(rendered("customer_reach"))
        now[0] += 10
        second = late().start(rendered("overlap"))
        assert late().find(rendered("overlap"), since=0) == [first, second]
        assert late().find(rendered("overlap"), since=now[0]) == [second]
        assert late().find(ProtectedQuery("other", "SELECT 1"), since=0) == []

    def test_a_query_is_seen_and_found_while_somebody_works_on_it(self, late, tmp_path, now):
        query, query_id = rendered("overlap"), str(uuid.uuid4())
        queries_ = LocalQueries(tmp_path / "results" / "queries")
        with queries_.working(query_id, {"sql": digest_of(query.sql), "at": now[0], "log": {}}):
            assert late().look(query_id).state is QueryState.STARTED
            assert late().find(query, since=0) == [query_id]
        assert late().find(query, since=0) == []

    def test_what_is_remembered_holds_no_text_of_the_query(self, late, tmp_path):
        late().start(ProtectedQuery("peek", f"SELECT COUNT(*) FROM customers WHERE email_sha256 = '{digest(7)}'"))
        kept = [path.read_text() for path in (tmp_path / "results" / "queries").iterdir()]
        assert len(kept) == 2
        assert digest(7) not in "".join(kept)

    @pytest.mark.parametrize("query_id", ["00000000-0000-4000-8000-000000000000", "../../secrets/key", ""])
    def test_an_id_that_nobody_gave_is_refused(self, late, query_id):
        with pytest.raises(PermanentError, match="start the query again"):
            late().look(query_id)


@pytest.mark.parametrize("prefix", ["", "/", "a//b", "../up", ".hidden", "a b", "a:b", "a/"])
def test_a_prefix_that_s3_or_a_reader_would_not_take_is_refused(files, tmp_path, prefix):
    with pytest.raises(PermanentError, match="key prefix"):
        LocalCleanRoom(OURS, lambda name: [], tmp_path, prefix, OURS.creator_account_id)


def test_neither_query_nor_room_shows_data_in_its_repr(room):
    assert "SELECT" not in repr(rendered("overlap"))
    assert repr(room) == "LocalCleanRoom(runner='111122223333', prefix='clean_room')"


class TestReading:
    """Whatever another engine may leave in the folder."""

    SCHEMA = pa.schema([("creative_id", pa.string()), ("matched_converters", pa.int64())])

    def put(self, place, name, text):
        place.mkdir(exist_ok=True)
        (place / name).write_text(text)
        return place.as_uri()

    def test_markers_and_empty_objects_are_skipped_and_parts_are_read_in_order(self, tmp_path):
        place = tmp_path / "result"
        self.put(place, "_SUCCESS", "")
        self.put(place, "_committed_1", "not data")
        self.put(place, "000_part", "")
        self.put(place, "part-00001", "B,7\n")
        uri = self.put(place, "part-00000", "A,120\n")
        rows = read_result(uri, self.SCHEMA, ResultFormat.CSV).to_pylist()
        assert [row["creative_id"] for row in rows] == ["A", "B"]

    @pytest.mark.parametrize(
        "header", ["", "creative_id,matched_converters\n", '"creative_id","matched_converters"\r\n']
    )
    def test_a_header_is_recognised_by_its_names(self, tmp_path, header):
        uri = self.put(tmp_path / "result", "000", header + "007,120\n")
        assert read_result(uri, self.SCHEMA, ResultFormat.CSV).to_pylist() == [
            {"creative_id": "007", "matched_converters": 120}
        ]

    def test_no_object_is_an_empty_result_when_the_schema_is_known(self, tmp_path):
        uri = self.put(tmp_path / "result", "_SUCCESS", "")
        assert read_result(uri, self.SCHEMA) == self.SCHEMA.empty_table()
        with pytest.raises(PermanentError, match="pass the table's schema"):
            read_result(uri)

    def test_a_result_that_is_not_there_is_no_empty_result(self, tmp_path):
        with pytest.raises(PermanentError, match="no result"):
            read_result((tmp_path / "gone").as_uri(), self.SCHEMA)

    def test_a_missing_column_is_named(self, tmp_path):
        (tmp_path / "result").mkdir()
        pq.write_table(pa.table({"creative_id": ["A"]}), tmp_path / "result" / "p")
        with pytest.raises(PermanentError, match="lacks matched_converters"):
            read_result((tmp_path / "result").as_uri(), self.SCHEMA)

    @pytest.mark.parametrize("result_format", list(ResultFormat))
    def test_a_value_that_does_not_fit_is_refused_and_not_quoted(self, tmp_path, result_format):
        place = tmp_path / "result"
        uri = self.put(place, "p", "A,jane@example.com\n")
        if result_format is ResultFormat.PARQUET:
            pq.write_table(pa.table({"creative_id": ["A"], "matched_converters": ["jane@example.com"]}), place / "p")
        with pytest.raises(PermanentError, match="does not fit") as refused:
            read_result(uri, self.SCHEMA, result_format)
        assert "jane" not in str(refused.value)
        assert refused.value.__context__ is None

    def test_large_lists_come_in_batches(self, room):
        outcome = ran(room, rendered("exposed_customers"))
        batches = list(read_batches(outcome.location))
        assert sum(batch.num_rows for batch in batches) == 240


def test_what_nobody_expected_ends_the_query_for_good_and_quotes_nothing(files, tmp_path, monkeypatch):
    def broken(verdict):
        raise IndexError("jane@example.com")

    monkeypatch.setattr("segment_assets.resources.clean_room.local.enforce", broken)
    outcome = ran(make_room(files, tmp_path), rendered("overlap"))
    assert (outcome.state, outcome.error.code, outcome.error.retryable) == (
        QueryState.FAILED,
        ErrorCode.INTERNAL_ERROR,
        False,
    )
    assert "jane" not in outcome.error.message


def test_the_machine_s_time_zone_makes_no_difference(files, tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    with make_room(files, tmp_path)._engine() as connection:
        assert connection.execute("SELECT current_setting('TimeZone')").fetchone() == ("UTC",)
