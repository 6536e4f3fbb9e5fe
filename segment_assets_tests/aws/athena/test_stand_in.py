"""The stand-in itself: what it takes of Athena's model and of Trino, and what it tells."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

import httpx
import pytest

from segment_assets.contracts import PermanentError
from segment_assets_tests.aws.athena.world import BUCKET, LAKE, World, unlike

pytestmark = pytest.mark.aws


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("epoch_ms(people)", "FUNCTION_NOT_FOUND"),
        ("peple", "COLUMN_NOT_FOUND"),
    ],
)
def test_what_trino_does_not_know_fails_in_the_stand_in(world: World, expression: str, code: str) -> None:
    with pytest.raises(PermanentError, match=code):
        world.asked(sql=f"SELECT {expression} AS people FROM exposure_frequency")


def test_the_stand_in_divides_integers_as_trino_does(world: World) -> None:
    assert world.asked(sql="SELECT MIN(people) / 4 AS people FROM exposure_frequency") == [2]


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("StartQueryExecution", {"QueryStrings": "SELECT 1"}),
        ("StartQueryExecution", {"QueryString": "SELECT 1", "ClientRequestToken": "too short"}),
        ("GetQueryExecution", {"QueryExecutionId": "unknown"}),
        ("StartQuery", {}),
    ],
)
def test_the_stand_in_refuses_what_the_model_does_not_have(world: World, target: str, body: dict[str, str]) -> None:
    answer = httpx.post(
        world.athena.endpoint, json=body, headers={"X-Amz-Target": f"AmazonAthena.{target}"}, verify=False
    )
    assert (answer.status_code, answer.json()["__type"][-9:]) == (400, "Exception")


def test_the_stand_in_remembers_tokens_and_how_much_may_run_at_once(world: World) -> None:
    client, token = world.tables.session.client("athena"), f"a token of this test {unlike()} " * 2
    asked = {"WorkGroup": "insights", "ResultConfiguration": {"OutputLocation": f"s3://{BUCKET}/executions/"}}
    first = client.start_query_execution(QueryString="SELECT 1 AS one", ClientRequestToken=token, **asked)
    again = client.start_query_execution(QueryString="SELECT 1 AS one", ClientRequestToken=token, **asked)
    assert first["QueryExecutionId"] == again["QueryExecutionId"]
    with pytest.raises(client.exceptions.InvalidRequestException):
        client.start_query_execution(QueryString="SELECT 2 AS two", ClientRequestToken=token, **asked)
    world.athena.settings.most_active = 0
    body = {"QueryString": "SELECT 3 AS three", "ClientRequestToken": f"{token}!", **asked}
    answer = httpx.post(
        world.athena.endpoint, json=body, headers={"X-Amz-Target": "AmazonAthena.StartQueryExecution"}, verify=False
    )
    assert answer.json()["__type"] == "TooManyRequestsException"


def test_the_stand_in_tells_rows_of_a_select_as_text_and_times_to_the_millisecond(world: World) -> None:
    moment = dt.datetime(2026, 10, 5, 12, 30, 15, 123_456, dt.UTC)
    world.tables.of_lake("audience_sizes", {"fine": [{"asked_at": moment, "state": None}]})
    client = world.tables.session.client("athena")
    sql = f"SELECT asked_at, state FROM {LAKE}.audience_sizes WHERE \"partition\" = 'fine'"
    where = {"OutputLocation": f"s3://{BUCKET}/executions/"}
    started = client.start_query_execution(QueryString=sql, WorkGroup="insights", ResultConfiguration=where)
    while client.get_query_execution(**only_id(started))["QueryExecution"]["Status"]["State"] in {"QUEUED", "RUNNING"}:
        time.sleep(0.02)
    head, row = client.get_query_results(**only_id(started))["ResultSet"]["Rows"]
    assert [cell["VarCharValue"] for cell in head["Data"]] == ["asked_at", "state"]
    assert [cell.get("VarCharValue") for cell in row["Data"]] == ["2026-10-05 12:30:15.123000", None]


def only_id(started: dict[str, Any]) -> dict[str, str]:
    return {"QueryExecutionId": started["QueryExecutionId"]}
