"""A membership of AWS Clean Rooms over HTTP: what is asked, how every end is told, when a start is a doubt."""

from __future__ import annotations

import dataclasses
import socket
import time

import pytest

from segment_assets.contracts import NeedsHumanError, PermanentError, Quota, TransientError
from segment_assets.resources.aws.clean_rooms import AwsCleanRoom
from segment_assets.resources.aws.clean_rooms_answers import outcome_of
from segment_assets.resources.aws.session import AwsSession
from segment_assets.resources.clean_room import (
    ErrorCode,
    ProtectedQuery,
    QueryState,
    ResultFormat,
    UnansweredError,
)
from segment_assets.sandbox.aws.clean_rooms.faults import Trouble
from segment_assets_tests.aws.clean_rooms.world import SECRET_WORDS, Aws
from segment_assets_tests.aws.emulators import REGION

QUERY = ProtectedQuery("overlap", "SELECT 1 AS n\nFROM impressions", parameters={"week_start": "2026-01-05"})
ARN = "arn:aws:cleanrooms:us-east-1:111122223333:membership/m-1/analysistemplate/t-1"


def asked(aws: Aws, operation: str = "StartProtectedQuery") -> dict:
    return next(told for name, told in reversed(aws.service.calls) if name == operation)


def ended(aws: Aws, room: AwsCleanRoom, status: str, **more: object):
    aws.service.plans.end(status, **more)
    query_id = room.start(QUERY)
    aws.service.queries.settled()
    return room.look(query_id)


def refusal(code: str, kind: type, says: str, *, status: int | None = None, **told: object):
    """A planned refusal, and the error that is made of it."""
    return pytest.param({"code": code, "status": status, "told": {"message": SECRET_WORDS} | told}, kind, says)


class TestStarting:
    def test_a_query_is_asked_for_as_text_with_its_format_place_and_workers(self, aws):
        query_id = aws.room(worker=("CR.4X", 8), payer="444455556666").start(QUERY)
        assert aws.service.started == [query_id]
        assert asked(aws) == {
            "type": "SQL",
            "membershipIdentifier": aws.service.catalog.membership,
            "sqlParameters": {"queryString": QUERY.sql},
            "resultConfiguration": {
                "outputConfiguration": {
                    "s3": {"resultFormat": "PARQUET", "bucket": "results", "keyPrefix": "clean_room"}
                }
            },
            "computeConfiguration": {"worker": {"type": "CR.4X", "number": 8}},
            "queryComputePayerAccountId": "444455556666",
        }

    def test_a_query_that_has_a_template_is_started_as_that_with_its_parameters(self, aws):
        arn = aws.service.catalog.template("overlap", "SELECT 1 WHERE d >= :week_start")
        room = aws.room(templates={"overlap": arn})
        room.start(QUERY)
        assert asked(aws)["sqlParameters"] == {
            "analysisTemplateArn": arn,
            "parameters": {"week_start": "2026-01-05"},
        }
        room.start(dataclasses.replace(QUERY, name="customer_reach", result_format=ResultFormat.CSV))
        assert asked(aws)["sqlParameters"] == {"queryString": QUERY.sql}
        assert asked(aws)["resultConfiguration"]["outputConfiguration"]["s3"]["resultFormat"] == "CSV"

    @pytest.mark.parametrize(
        "trouble",
        [
            Trouble.REQUEST_LOST,
            Trouble.ANSWER_LOST,
            Trouble.ANSWER_BROKEN,
            Trouble.ANSWER_GARBLED,
            Trouble.SERVER_ERROR_AFTER,
        ],
    )
    def test_a_start_that_may_have_arrived_is_a_doubt_and_is_sent_once(self, aws, trouble):
        aws.service.plans.fault("StartProtectedQuery", trouble)
        with pytest.raises(UnansweredError, match="starting overlap"):
            aws.room().start(QUERY)
        assert len(aws.service.started) == (0 if trouble is Trouble.REQUEST_LOST else 1)

    @pytest.mark.parametrize(
        ("fault", "kind", "says"),
        [
            refusal("ThrottlingException", TransientError, "ThrottlingException"),
            refusal("ThrottlingException", TransientError, "ThrottlingException", status=400),
            refusal("ThrottlingException", TransientError, "ThrottlingException", status=503),
            refusal(
                "ServiceQuotaExceededException",
                TransientError,
                r"Concurrent queries: 5\.0",
                quotaName="Concurrent queries",
                quotaValue=5.0,
            ),
            refusal("ValidationException", TransientError, "a moment ago", reason="IAM_SYNCHRONIZATION_DELAY"),
            refusal("ValidationException", PermanentError, "check-query", reason="INVALID_QUERY"),
            refusal("ValidationException", PermanentError, "collaboration.json", reason="INVALID_CONFIGURATION"),
            refusal(
                "ValidationException",
                PermanentError,
                "FIELD_VALIDATION_FAILED of keyPrefix;",
                reason="FIELD_VALIDATION_FAILED",
                fieldList=[
                    {"name": "keyPrefix", "message": SECRET_WORDS},
                    {"name": f"x {SECRET_WORDS}", "message": ""},
                ],
            ),
            refusal("ValidationException", PermanentError, "ValidationException"),
            refusal("AccessDeniedException", NeedsHumanError, "CAN_QUERY", reason="INSUFFICIENT_PERMISSIONS"),
            refusal(
                "ResourceNotFoundException",
                PermanentError,
                "look at the membership",
                resourceId="m",
                resourceType="MEMBERSHIP",
            ),
            refusal("ExpiredTokenException", NeedsHumanError, "ExpiredTokenException"),
            refusal("SomethingNewException", PermanentError, "SomethingNewException"),
        ],
    )
    def test_a_refusal_is_known_to_have_started_nothing_and_says_what_to_do(self, aws, fault, kind, says):
        aws.service.plans.fault("StartProtectedQuery", Trouble.REFUSED, **fault)
        with pytest.raises(kind, match=says) as raised:
            aws.room().start(QUERY)
        assert not isinstance(raised.value, UnansweredError)
        assert (type(raised.value), raised.value.code) == (kind, fault["code"])
        assert "jane" not in str(raised.value)
        assert aws.service.started == []

    def test_a_server_error_is_a_doubt_whatever_its_code(self, aws):
        told = {"code": "SomethingNewException", "status": 503, "told": {"message": SECRET_WORDS}}
        aws.service.plans.fault("StartProtectedQuery", Trouble.REFUSED, **told)
        with pytest.raises(UnansweredError):
            aws.room().start(QUERY)

    def test_a_connection_that_is_never_made_is_no_doubt(self, aws, monkeypatch):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            monkeypatch.setenv("AWS_ENDPOINT_URL_CLEANROOMS", f"http://127.0.0.1:{taken.getsockname()[1]}")
            elsewhere = dataclasses.replace(aws.room(), session=AwsSession(REGION, duty="nobody-listens"))
            with pytest.raises(TransientError, match="cannot be reached") as silence:
                elsewhere.start(QUERY)
        assert not isinstance(silence.value, UnansweredError)

    def test_the_sixth_query_at_a_time_is_told_to_come_later(self, aws):
        aws.service.queries.held = True
        room = aws.room()
        for _ in range(5):
            room.start(QUERY)
        with pytest.raises(TransientError, match=r"a quota is used up \(Concurrent queries per membership: 5"):
            room.start(QUERY)
        aws.service.queries.held = False


class TestLooking:
    def test_a_query_lives_through_its_states(self, aws):
        aws.service.queries.held = True
        aws.service.queries.seconds = 0.1
        room = aws.room(usd_per_unit=2.5)
        query_id = room.start(QUERY)
        assert room.look(query_id).state is QueryState.SUBMITTED
        wait_for(room, query_id, QueryState.STARTED)
        early = room.look(query_id)
        assert (early.location, early.error, early.statistics.billed_units) == (None, None, 0.0)
        aws.service.queries.held = False
        wait_for(room, query_id, QueryState.SUCCESS)
        end = room.look(query_id)
        assert end.location == f"s3://nowhere/{query_id}/"
        assert end.rows is None
        assert end.statistics.total_duration_in_millis > 0
        assert end.statistics.estimated_cost_usd == pytest.approx(end.statistics.billed_units * 2.5)
        assert end.from_json(end.to_json()) == end
        assert aws.room().look(query_id).statistics.estimated_cost_usd is None

    def test_a_cancelled_query_ends_as_cancelled_and_one_that_has_ended_stays(self, aws):
        aws.service.queries.held = True
        aws.service.queries.seconds = 0.1
        room = aws.room()
        query_id = room.start(QUERY)
        room.cancel(query_id)
        assert room.look(query_id).state is QueryState.CANCELLING
        room.cancel(query_id)
        aws.service.queries.settled()
        assert room.look(query_id).state is QueryState.CANCELLED
        room.cancel(query_id)
        with pytest.raises(PermanentError, match="there is no such thing"):
            room.cancel("00000000-0000-4000-8000-000000000000")

    def test_a_cancelling_that_aws_refuses_is_an_error_only_while_the_query_goes_on(self, aws):
        def refuse() -> None:
            told = {"message": "", "reason": "INVALID_STATE"}
            aws.service.plans.fault("UpdateProtectedQuery", Trouble.REFUSED, code="ConflictException", told=told)

        aws.service.queries.held = True
        aws.service.queries.seconds = 0.1
        room = aws.room()
        query_id = room.start(QUERY)
        refuse()
        with pytest.raises(PermanentError, match="ConflictException"):
            room.cancel(query_id)
        room.cancel(query_id)
        refuse()
        room.cancel(query_id)
        aws.service.queries.settled()
        assert room.look(query_id).state is QueryState.CANCELLED

    def test_a_time_out_is_an_end(self, aws):
        assert ended(aws, aws.room(), "TIMED_OUT").state is QueryState.TIMED_OUT

    @pytest.mark.parametrize("code", [*ErrorCode, "SOMETHING_NEW"])
    @pytest.mark.parametrize("retryable", [True, False])
    def test_whether_a_failure_may_pass_is_what_aws_says_of_it(self, aws, code, retryable):
        error = {"message": SECRET_WORDS, "code": str(code), "retry": {"retryable": retryable}}
        outcome = ended(aws, aws.room(), "FAILED", error=error)
        assert outcome.state is QueryState.FAILED
        assert outcome.error.code is (ErrorCode.UNKNOWN_ERROR if code == "SOMETHING_NEW" else code)
        assert outcome.error.retryable is retryable
        assert outcome.error.message
        assert "jane" not in outcome.error.message
        assert ("AWS says SOMETHING_NEW" in outcome.error.message) == (code == "SOMETHING_NEW")

    @pytest.mark.parametrize("code", list(ErrorCode))
    def test_where_aws_says_nothing_of_it_only_trouble_of_the_service_may_pass(self, aws, code):
        outcome = ended(aws, aws.room(), "FAILED", error={"message": "", "code": str(code)})
        assert outcome.error.retryable is (code in (ErrorCode.TRANSIENT_ERROR, ErrorCode.INTERNAL_ERROR))

    @pytest.mark.parametrize(
        ("worker", "says"),
        [
            (("CR.1X", 4), "of CR.1Xx4 were too small; give it CR.4Xx4"),
            (("CR.4X", 16), "give it CR.8Xx16"),
            (("CR.8X", 150), "give it CR.8Xx300"),
            (("CR.8X", 300), "give it CR.8Xx400"),
            (("CR.8X", 400), "nothing larger; ask for less"),
        ],
    )
    def test_too_small_workers_are_told_with_the_next_size(self, aws, worker, says):
        error = {"message": "", "code": "INSUFFICIENT_COMPUTE", "retry": {"retryable": False}}
        assert says in ended(aws, aws.room(worker=worker), "FAILED", error=error).error.message

    @pytest.mark.parametrize(
        ("output", "location"),
        [
            ({"s3": {"location": "s3://b/p/"}}, "s3://b/p/"),
            ({"distribute": {"s3": {"location": "s3://b/p/"}, "memberList": []}}, "s3://b/p/"),
            ({"distribute": {"memberList": [{"accountId": "444455556666"}]}}, None),
            ({"memberList": [{"accountId": "444455556666"}]}, None),
        ],
    )
    def test_the_location_is_what_the_answer_says(self, aws, output, location):
        assert ended(aws, aws.room(), "SUCCESS", output=output).location == location

    def test_a_state_that_is_not_known_goes_on_unless_it_comes_with_an_error(self):
        new = {"id": "q", "status": "QUEUED", "somethingNew": {"a": 1}}
        assert outcome_of("q", new).state is QueryState.STARTED
        failed = outcome_of("q", new | {"error": {"code": "MALFORMED_QUERY", "message": "x", "more": 1}})
        assert (failed.state, failed.error.code) == (QueryState.FAILED, ErrorCode.MALFORMED_QUERY)
        assert outcome_of("q", {"status": "FAILED"}).error.code is ErrorCode.UNKNOWN_ERROR

    @pytest.mark.parametrize("trouble", [Trouble.ANSWER_GARBLED, Trouble.ANSWER_BROKEN])
    def test_no_whole_answer_to_a_look_passes(self, aws, trouble):
        query_id = aws.room().start(QUERY)
        aws.service.plans.fault("GetProtectedQuery", trouble, times=4)
        with pytest.raises(TransientError):
            aws.room().look(query_id)

    def test_a_lost_answer_to_a_look_is_asked_for_again_at_once(self, aws):
        query_id = aws.room().start(QUERY)
        aws.service.plans.fault("GetProtectedQuery", Trouble.ANSWER_LOST)
        assert aws.room().look(query_id).query_id == query_id

    def test_an_id_that_nobody_gave_is_refused(self, aws):
        with pytest.raises(PermanentError, match="there is no such thing"):
            aws.room().look("00000000-0000-4000-8000-000000000000")


class TestPace:
    def test_a_membership_is_asked_no_faster_than_its_quota_by_all_rooms_of_a_process(self, aws):
        pace = {"quota": Quota(requests=3, per_seconds=0.3)}
        query_id = aws.room().start(QUERY)
        begun = time.monotonic()
        for number in range(7):
            aws.room(worker=("CR.1X", 2 + number), **pace).look(query_id)
        assert time.monotonic() - begun >= 0.5

    def test_unless_told_otherwise_it_keeps_to_what_aws_documents(self, aws):
        room = AwsCleanRoom(aws.session, aws.service.catalog.membership, "s3://results/x")
        assert room.pace.look_every >= 2.0
        assert room.quota.requests / room.quota.per_seconds <= 5


class TestFinding:
    def test_queries_are_found_by_their_text_and_moment_over_all_pages(self, aws):
        room = aws.room()
        first, second = room.start(QUERY), room.start(ProtectedQuery("other", "SELECT 2"))
        for _ in range(20):
            aws.service.queries.settled()
            last = room.start(QUERY)
        aws.service.queries.settled()
        found = room.find(QUERY, since=0.0)
        assert (len(found), found[0], found[-1]) == (21, first, last)
        assert room.find(dataclasses.replace(QUERY, name="other", sql="SELECT 2"), since=0.0) == [second]
        assert room.find(QUERY, since=time.time() + 1) == []
        assert asked(aws, "ListProtectedQueries")["nextToken"] == "20"

    def test_a_text_is_recognised_with_other_line_ends(self, aws):
        query_id = aws.room().start(QUERY)
        assert aws.room().find(dataclasses.replace(QUERY, sql="SELECT 1 AS n\r\n FROM impressions\n"), 0.0) == [
            query_id
        ]

    def test_text_and_template_of_a_query_are_both_found(self, aws):
        arn = aws.service.catalog.template("overlap", "SELECT 1 WHERE d >= :week_start")
        as_text = aws.room().start(QUERY)
        room = aws.room(templates={"overlap": arn})
        as_template = room.start(QUERY)
        assert room.find(QUERY, 0.0) == [as_text, as_template]
        other_week = dataclasses.replace(QUERY, sql="SELECT 3", parameters={"week_start": "2026-01-12"})
        assert room.find(other_week, 0.0) == []
        assert aws.room().find(QUERY, 0.0) == [as_text]

    def test_a_search_that_is_refused_is_no_answer(self, aws):
        for operation in ("ListProtectedQueries", "GetProtectedQuery"):
            aws.room().start(QUERY)
            aws.service.plans.fault(operation, Trouble.REFUSED, code="AccessDeniedException", told={"message": ""})
            with pytest.raises(NeedsHumanError):
                aws.room().find(QUERY, 0.0)


class TestSettings:
    """What AWS would refuse later is refused when the deployment is loaded, or before the call."""

    @pytest.mark.parametrize(
        ("setting", "says"),
        [
            ({"results": "/tmp/results"}, "not in S3"),
            ({"results": "s3://Bucket/x"}, "not in S3"),
            ({"results": "s3://results/a b"}, "key prefix"),
            ({"results": "s3://results/a:b"}, "key prefix"),
            ({"results": "s3://results/" + "x" * 513}, "512"),
            ({"worker": ("CR.2X", 4)}, "CR.2Xx4 are no workers"),
            ({"worker": ("CR.1X", 1)}, "2 to 400"),
            ({"worker": ("CR.1X", 401)}, "2 to 400"),
            ({"payer": "12"}, "12 digits"),
            ({"templates": {"overlap": "arn:aws:s3:::bucket"}}, "the ARN of an analysis template"),
        ],
    )
    def test_a_setting_that_aws_would_not_take_is_refused(self, aws, setting, says):
        with pytest.raises(PermanentError, match=says):
            aws.room(**setting)
        with pytest.raises(PermanentError, match="UUID"):
            AwsCleanRoom(aws.session, "membership", "s3://results/x")

    @pytest.mark.parametrize(
        ("query", "templates", "says"),
        [
            (ProtectedQuery("big", "ä" * 45_001), {}, "larger than the 90,000 bytes"),
            (ProtectedQuery("t", "", parameters={"week-start": "x"}), {"t": ARN}, "1 of 1 are not so"),
            (ProtectedQuery("t", "", parameters={"a": "x" * 1001}), {"t": ARN}, "1 of 1 are not so"),
            (ProtectedQuery("t", "", parameters={f"p{n}": "" for n in range(51)}), {"t": ARN}, "50 at most"),
        ],
    )
    def test_a_query_beyond_a_documented_limit_is_never_sent(self, aws, query, templates, says):
        with pytest.raises(PermanentError, match=says):
            aws.room(templates=templates).start(query)
        assert aws.service.calls == []

    def test_neither_text_nor_parameters_are_in_a_repr(self, aws):
        assert "SELECT" not in repr(QUERY)
        assert "2026" not in repr(QUERY)
        assert "SELECT" not in repr(aws.room())


def wait_for(room: AwsCleanRoom, query_id: str, state: QueryState) -> None:
    deadline = time.monotonic() + 10
    while room.look(query_id).state is not state:
        assert time.monotonic() < deadline, f"never {state}"
        time.sleep(0.01)
