"""The log of analyses in CloudWatch, read as far back as it is kept."""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING

import pytest

from segment_assets.contracts import NeedsHumanError
from segment_assets.resources.aws.analysis_log import CloudWatchAnalysisLog
from segment_assets_tests.aws.modelled import session_at

if TYPE_CHECKING:
    from segment_assets.resources.aws.session import AwsSession
    from segment_assets_tests.aws.emulators import Emulator

pytestmark = pytest.mark.aws
DAY = 86_400


@pytest.fixture
def session(ministack: Emulator) -> AwsSession:
    return session_at(ministack.endpoint, "logs")


@pytest.fixture
def group(session: AwsSession) -> str:
    name = f"/collaboration/{uuid.uuid4().hex}"
    session.client("logs").create_log_group(logGroupName=name)
    return name


def wrote(session: AwsSession, group: str, stream: str, *messages: str, at: float) -> None:
    client = session.client("logs")
    client.create_log_stream(logGroupName=group, logStreamName=stream)
    events = [{"timestamp": int(at * 1000), "message": message} for message in messages]
    client.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def record(query: str, at: float) -> str:
    return json.dumps({"eventId": query, "eventTimestamp": int(at * 1000), "logStage": "TERMINATION"})


def test_records_of_all_streams_are_read_and_nothing_else_is_one(session: AwsSession, group: str) -> None:
    now = time.time()
    wrote(session, group, "one", record("q1", now), "not JSON", "[]", '{"other": 1}', at=now)
    wrote(session, group, "two", record("q2", now), at=now)
    log = CloudWatchAnalysisLog(session, group, days=400)
    assert sorted(told["eventId"] for told in log.records() or []) == ["q1", "q2"]


def test_what_is_older_than_the_table_keeps_is_not_asked_for(session: AwsSession, group: str) -> None:
    now = time.time()
    wrote(session, group, "old", record("q1", now - 3 * DAY), at=now - 3 * DAY)
    assert CloudWatchAnalysisLog(session, group, days=2).records() == []
    assert len(CloudWatchAnalysisLog(session, group, days=4).records() or []) == 1


def test_a_group_that_is_not_there_is_for_a_person_and_one_that_was_not_told_is_no_error(session: AwsSession) -> None:
    with pytest.raises(NeedsHumanError, match="turn query logging on in the membership"):
        CloudWatchAnalysisLog(session, "/collaboration/none", days=1).records()
    assert CloudWatchAnalysisLog(session, "", days=1).records() is None
