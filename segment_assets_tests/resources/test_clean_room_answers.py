"""The local room stops an answer that tells a few people apart, and shows its log as a table."""

from __future__ import annotations

import datetime as dt
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from segment_assets import collaboration, tables
from segment_assets.privacy import Collaboration
from segment_assets.resources.clean_room import ProtectedQuery, QueryState, log_table
from segment_assets.resources.clean_room.local import LocalCleanRoom
from segment_assets.resources.clean_room.query_log import LocalAnalysisLog

OURS = Collaboration.parse(collaboration.document())
JOINED = "FROM customers AS c INNER JOIN impressions AS i ON i.email_sha256 = c.email_sha256"
REACH = f"SELECT COUNT(DISTINCT c.email_sha256) AS n {JOINED}"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """200 customers saw creative A; three of them live in Malta."""
    root = tmp_path_factory.mktemp("tables")
    day = dt.date(2026, 1, 5)
    people = [
        {"customer_id": f"c{n}", "email_sha256": f"{n:064x}", "birth_country": "MT" if n < 3 else "DE"}
        for n in range(200)
    ]
    seen = [
        {"impression_id": f"i{n}", "email_sha256": f"{n:064x}", "creative_id": "A", "date": day} for n in range(200)
    ]
    for name, data in {"customers": people, "impressions": seen}.items():
        schema = tables.TABLES[name].arrow_schema()
        blank = dict.fromkeys(schema.names)
        moment = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)
        filled = {"event_time": moment, "clicks": 1, "cost": 0.5}
        pq.write_table(
            pa.Table.from_pylist([{**blank, **filled, **row} for row in data], schema=schema), root / f"{name}.parquet"
        )
    return root


def ask(files, tmp_path, *texts, **more):
    room = LocalCleanRoom(
        OURS, lambda name: [str(files / f"{name}.parquet")], tmp_path, "room", OURS.creator_account_id, **more
    )
    return [room.look(room.start(ProtectedQuery(f"question {n}", sql))) for n, sql in enumerate(texts)]


def test_a_second_question_that_leaves_three_people_out_is_stopped(files, tmp_path):
    without = f"{REACH} WHERE c.birth_country <> 'MT'"
    first, second = ask(files, tmp_path, REACH, without, guarded=True)
    assert first.state is QueryState.SUCCESS
    assert (second.state, second.rows) == (QueryState.FAILED, None)
    assert first.query_id in second.error.message
    assert not second.error.retryable
    assert "MT" not in (tmp_path / "answers.jsonl").read_text()
    assert [outcome.state for outcome in ask(files, tmp_path, without, guarded=True)] == [QueryState.FAILED]


def test_a_repeated_question_and_one_of_other_groups_are_answered(files, tmp_path):
    by_creative = (
        f"SELECT i.creative_id AS creative, COUNT(DISTINCT c.email_sha256) AS n {JOINED} GROUP BY i.creative_id"
    )
    outcomes = ask(files, tmp_path, REACH, REACH, by_creative, guarded=True)
    assert {outcome.state for outcome in outcomes} == {QueryState.SUCCESS}


def test_the_order_of_the_keys_does_not_hide_that_the_groups_are_the_same(files, tmp_path):
    by = "SELECT i.creative_id AS creative, c.status AS status, COUNT(DISTINCT c.email_sha256) AS n"
    first, second = ask(
        files,
        tmp_path,
        f"{by} {JOINED} GROUP BY i.creative_id, c.status",
        f"{by} {JOINED} WHERE c.birth_country <> 'MT' GROUP BY c.status, i.creative_id",
        guarded=True,
    )
    assert first.state is QueryState.SUCCESS, first.error
    assert second.state is QueryState.FAILED
    assert first.query_id in second.error.message


def test_without_the_guard_nothing_is_remembered(files, tmp_path):
    ask(files, tmp_path, REACH)
    assert not (tmp_path / "answers.jsonl").exists()


def test_the_log_is_a_table_of_who_asked_what_and_how_it_ended(files, tmp_path):
    log = LocalAnalysisLog(tmp_path / "query_log.jsonl")
    assert log_table.read(log.records()).num_rows == 0
    outcomes = ask(files, tmp_path, REACH, "SELECT c.email_sha256 FROM customers c WHERE c.status = 'jane@example.com'")
    told = log_table.read([*log.records(), *log.records()])
    assert told.schema == tables.ANALYSIS_LOG.arrow_schema()
    assert told["event_id"].to_pylist() == [outcome.query_id for outcome in outcomes]
    assert told["status"].to_pylist() == ["COMPLETED", "FAILED"]
    assert told["analysis_rule"].to_pylist() == ["AGGREGATION", "AGGREGATION"]
    assert json.loads(told["schema_names"][0].as_py()) == ["customers", "impressions"]
    assert "jane" not in str(told.to_pylist())


def test_literals_of_another_members_query_are_masked_in_the_table():
    record = {
        "eventId": "q1", "eventTimestamp": 1_767_600_000_000, "logStage": "SUBMISSION", "status": "SUBMITTED",
        "queryText": "SELECT COUNT(*) FROM t WHERE email = 'jane@example.com'", "resultReceivers": ["444455556666"],
    }  # fmt: skip
    (row,) = log_table.read([record]).to_pylist()
    assert "jane" not in str(row)
    assert "FROM t" in row["query_text"]
    assert json.loads(row["result_receivers"]) == ["444455556666"]
