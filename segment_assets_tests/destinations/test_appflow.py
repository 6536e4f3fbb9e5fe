"""What our AppFlow connector sends to AppFlow and S3, and what it makes of every answer. The same for every CRM.

Agreement with botocore is in `conformance`, what differs between CRMs in their own files.
"""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_assets.contracts import (
    AudienceSpec,
    Follow,
    JobReport,
    JobState,
    MatchKey,
    Member,
    NeedsHumanError,
    Operation,
    Pattern,
    PermanentError,
    Quota,
    Request,
    Response,
    SegmentAssetsError,
    Sent,
    Session,
    Step,
    TransientError,
    Workflow,
)
from segment_assets.destinations import connect
from segment_assets.destinations.appflow import write_operation
from segment_assets.destinations.appflow_contract import contract
from segment_assets_tests.destinations.appflow_flows import flow_of, mapped
from segment_assets_tests.fakes import digest, marked

SALESFORCE = connect("salesforce", "crm", {"bucket": "our-bucket"})
SPEC = AudienceSpec("VIP / lapsed 90 days", "0f" * 16, {})
FLOW = f"segment-assets-{SPEC.marker}"
FOLDER = f"segment-assets/appflow/{FLOW}"
FILE = f"/s3/our-bucket/{FOLDER}/people/people.csv"
LIST = "/s3/our-bucket"
PLACE = Session(token=0xABC, sequence=1, last=True, members_in_total=2, received_before=7)
PEOPLE = [Member(digest(f"id:{name}"), {"email": digest(name)}) for name in ("a", "b")]
KEPT = Response(200, {"ETag": '"1"'}, None)
RUNS = Request("POST", "/describe-flow-execution-records", json={"flowName": FLOW, "maxResults": 100})


def aws(code: str, status: int = 400, **headers: str) -> Response:
    return Response(
        status, {"x-amzn-ErrorType": f"{code}:http://internal.amazon.com/", **headers}, {"message": "p@x.example"}
    )


def s3(code: str, status: int) -> Response:
    return Response(status, {}, None, f"<Error><Code>{code}</Code><Message>p@x.example</Message></Error>".encode())


def listed(*keys: str, more: str = "") -> Response:
    rest = f"<NextContinuationToken>{more}</NextContinuationToken>" if more else ""
    return Response(200, {}, None, ("".join(f"<Key>{key}</Key>" for key in keys) + rest).encode())


def runs(*records: object, more: str | None = None) -> Response:
    return Response(200, {}, {"flowExecutions": list(records), **({"nextToken": more} if more else {})})


def run(status: str = "Successful", processed: object = 5, failures: object = None, **changes: object) -> dict:
    info = {} if failures is None else {"errorInfo": {"putFailuresCount": failures, "executionMessage": "p@x.example"}}
    result = {"recordsProcessed": processed, **info}
    return {"executionId": "e-1", "executionStatus": status, "executionResult": result, **changes}


class Canned:
    """Answers from a list, and keeps the requests."""

    def __init__(self, *answers: Response) -> None:
        self.answers, self.kept = list(answers), []

    def send(self, request: Request) -> Response:
        self.kept.append(request)
        return self.answers.pop(0)


def error_of(response: Response) -> SegmentAssetsError:
    with pytest.raises(SegmentAssetsError) as error:
        SALESFORCE.read(PEOPLE, PLACE, response)
    assert "x.example" not in str(error.value)
    return error.value


class TestFiles:
    @pytest.mark.parametrize(("operation", "word"), [(Operation.ADD, "true"), (Operation.REMOVE, "false")])
    def test_a_row_says_who_is_in_which_segment_or_is_not(self, operation, word):
        request = SALESFORCE.request(FLOW, operation, PEOPLE, PLACE)
        assert (request.method, request.path, request.content_type) == ("PUT", FILE, "text/csv")
        assert request.content.decode().splitlines() == [
            "member_key,segment,person,is_member",
            *(f"{SPEC.marker}-{marked(name)},{FLOW},{marked(name)},{word}" for name in ("a", "b")),
        ]

    @pytest.mark.parametrize("value", ["a@example.com", b"short", None])
    def test_what_is_no_digest_is_never_sent(self, value):
        keys = {} if value is None else {"email": value}
        with pytest.raises(PermanentError, match="nothing was sent") as refusal:
            SALESFORCE.request(FLOW, Operation.ADD, [*PEOPLE, Member(b"m", keys)], PLACE)
        assert "example.com" not in str(refusal.value)

    def test_a_full_batch_is_below_the_limit_in_bytes_and_far_below_a_file_of_appflow(self):
        one = SALESFORCE.request(FLOW, Operation.REMOVE, PEOPLE[:1], PLACE).content
        two = SALESFORCE.request(FLOW, Operation.REMOVE, PEOPLE, PLACE).content
        full = len(one) + (len(two) - len(one)) * SALESFORCE.contract.batch_members
        assert full < SALESFORCE.contract.batch_bytes < 125_000_000

    def test_a_file_that_s3_keeps_reaches_nobody_yet(self):
        answer = SALESFORCE.read(PEOPLE, PLACE, KEPT)
        assert (answer.received, answer.accepted, answer.unproven, answer.session_received) == (2, 0, 2, 9)
        assert (dict(answer.rejected), answer.code) == ({}, "200")

    def test_s3_keeps_a_file_when_it_tells_its_etag(self):
        assert isinstance(error_of(Response(200, {}, {"ok": True})), TransientError)
        assert isinstance(error_of(Response(200, {"etag": ""}, None)), TransientError)


class TestContract:
    def test_what_all_crms_have_in_common(self):
        told = contract("x", "field")
        assert told.pattern is Pattern.MANAGED
        assert (told.match_keys, told.match_groups) == ({MatchKey.EMAIL: Sent("field", "email")}, ((MatchKey.EMAIL,),))
        assert (told.batch_members, told.batch_bytes, told.quota) == (50_000, 25_000_000, Quota(5, 1))
        assert (told.minimum_members, told.expiry_days, told.first_party_only, told.keeps_people) == (
            0,
            None,
            False,
            True,
        )
        assert told.follow == Follow(60.0, 1.5, 600.0, 86_400.0)
        assert told.workflow == Workflow(opens=True, commits=True, batches=1, one_at_a_time=True)
        assert told.identifying == (MatchKey.EMAIL,)
        assert told.endpoint == "https://appflow.us-east-1.amazonaws.com"

    @pytest.mark.parametrize(
        "wrong",
        [
            {"account": ""}, {"account": "a b"}, {"account": "a" * 257}, {"bucket": ""}, {"bucket": "Our"}, {"bucket": "ab"},
            {"bucket": "a" * 64}, {"bucket": "-ab"}, {"prefix": ""}, {"prefix": "/a"}, {"prefix": "a//b"}, {"prefix": "a b"},
            {"prefix": "../other"}, {"prefix": "a/.b"}, {"prefix": "ä"},
        ],
    )  # fmt: skip
    def test_a_connection_has_a_profile_a_bucket_and_a_folder_of_their_forms(self, wrong):
        with pytest.raises(PermanentError, match="correct it in the plan"):
            dataclasses.replace(SALESFORCE, **wrong)

    def test_all_of_a_folder_is_the_plans(self):
        ours = connect("salesforce", "crm", {"bucket": "our-bucket", "prefix": "out/crm.v1"})
        assert (
            ours.request(FLOW, Operation.ADD, [], PLACE).path == f"/s3/our-bucket/out/crm.v1/{FLOW}/people/people.csv"
        )

    @pytest.mark.parametrize(("told", "word"), [("update", "UPDATE"), ("upsert", "UPSERT")])
    def test_the_plan_says_whether_records_may_be_made(self, told, word):
        assert write_operation("x", told) == word
        with pytest.raises(PermanentError, match="insert"):
            write_operation("x", "insert")


class TestTheFlow:
    def test_it_is_code_and_the_same_when_it_is_made_and_when_it_is_updated(self):
        there = Canned(KEPT, Response(200, {}, {"flowArn": "arn", "flowStatus": "Active"}))
        assert SALESFORCE.create_audience(there, SPEC) == FLOW
        header = b"member_key,segment,person,is_member\n"
        # Not in the place of people: one that comes through late would take the place of a batch.
        alone = FILE.replace("people.csv", "columns.csv")
        assert there.kept[0] == Request("PUT", alone, content=header, content_type="text/csv")
        update = SALESFORCE.step_request(Step.OPEN, FLOW, Operation.REMOVE, PLACE)
        assert (there.kept[1].method, there.kept[1].path) == ("POST", "/create-flow")
        assert (update.method, update.path, update.json) == ("POST", "/update-flow", there.kept[1].json)
        assert update.json["flowName"] == FLOW
        assert update.json["triggerConfig"] == {"triggerType": "OnDemand"}
        source = {
            "bucketName": "our-bucket",
            "bucketPrefix": f"{FOLDER}/people",
            "s3InputFormatConfig": {"s3InputFileType": "CSV"},
        }
        assert update.json["sourceFlowConfig"] == {"connectorType": "S3", "sourceConnectorProperties": {"S3": source}}
        (target,) = update.json["destinationFlowConfigList"]
        assert target["connectorProfileName"] == "crm"
        assert target["destinationConnectorProperties"]["Salesforce"]["errorHandlingConfig"] == {
            "failOnFirstDestinationError": False,
            "bucketName": "our-bucket",
            "bucketPrefix": f"{FOLDER}/errors",
        }
        assert "segment_assets" in update.json["description"]

    def test_a_field_of_the_audiences_own_is_made_of_its_name_and_cut_before_it_is_too_long(self):
        assert mapped(flow_of("hubspot", {}))["is_member"] == "segment_vip_lapsed_90_days"
        body = flow_of("hubspot", {}, AudienceSpec("_" + "a" * 200, "0f" * 16, {}))
        assert mapped(body)["is_member"] == "segment_" + "a" * 51
        assert body["flowName"] == f"segment-assets-{'0f' * 16}"

    def test_every_mapped_field_is_let_through_first(self):
        first, *mapped = SALESFORCE.step_request(Step.OPEN, FLOW, Operation.ADD, PLACE).json["tasks"]
        fields = [task["sourceFields"][0] for task in mapped]
        assert first == {
            "taskType": "Filter",
            "sourceFields": fields,
            "connectorOperator": {"S3": "PROJECTION"},
            "taskProperties": {},
        }
        assert mapped[2] == {
            "taskType": "Map",
            "sourceFields": ["person"],
            "destinationField": "Email_SHA256__c",
            "connectorOperator": {"S3": "NO_OP"},
            "taskProperties": {},
        }

    def test_a_flow_of_our_name_is_ours_and_any_other_refusal_is_one(self):
        assert SALESFORCE.create_audience(Canned(KEPT, aws("ConflictException", 409)), SPEC) == FLOW
        with pytest.raises(PermanentError):
            SALESFORCE.create_audience(Canned(KEPT, aws("ValidationException")), SPEC)

    @pytest.mark.parametrize(
        ("answer", "found"),
        [
            (Response(200, {}, {"flowStatus": "Active"}), FLOW),
            (Response(200, {}, {}), FLOW),
            (Response(200, {}, {"flowStatus": "Deleted"}), None),
            (aws("ResourceNotFoundException", 404), None),
        ],
    )
    def test_it_is_found_by_its_name(self, answer, found):
        there = Canned(answer)
        assert SALESFORCE.find_audience(there, SPEC) == found
        assert there.kept == [Request("POST", "/describe-flow", json={"flowName": FLOW})]

    def test_it_is_started_with_a_token_of_the_session(self):
        request = SALESFORCE.step_request(Step.COMMIT, FLOW, Operation.ADD, PLACE)
        assert request == Request("POST", "/start-flow", json={"flowName": FLOW, "clientToken": "abc"})
        begun = {
            "flowArn": f"arn:aws:appflow:eu-west-1:123456789012:flow/{FLOW}",
            "executionId": "e-1",
            "flowStatus": "Active",
        }
        answer = SALESFORCE.read_step(Step.COMMIT, PLACE, Response(200, {}, begun))
        assert (answer.code, answer.job, answer.accepted) == ("200", f"{FLOW}/e-1", 0)
        assert SALESFORCE.read_step(Step.OPEN, PLACE, Response(200, {}, {"flowStatus": "Active"})).job == ""
        for wrong in (
            {"executionId": None},
            {"flowArn": "flow"},
            {"executionId": "a b"},
            {"flowArn": f"x:flow/{FLOW}"},
        ):
            with pytest.raises(TransientError):
                SALESFORCE.read_step(Step.COMMIT, PLACE, Response(200, {}, {**begun, **wrong}))

    def test_steps_are_repeated_and_never_asked_about(self):
        for step in Step:
            assert SALESFORCE.step_question(step, FLOW, Operation.ADD, PLACE) is None
            assert SALESFORCE.read_step_question(step, PLACE, KEPT) is None

    def test_it_is_deleted_with_its_files(self):
        keys = [f"{FOLDER}/people/people.csv", f"{FOLDER}/errors/a&amp;b"]
        there = Canned(Response(200, {}, {}), listed(keys[0], more="x&amp;y"), KEPT, listed(keys[1]), KEPT)
        SALESFORCE.delete_audience(there, FLOW)
        params = {"list-type": "2", "prefix": f"{FOLDER}/"}
        assert there.kept == [
            Request("POST", "/delete-flow", json={"flowName": FLOW}),
            Request("GET", LIST, params=params),
            Request("DELETE", f"{LIST}/{keys[0]}"),
            Request("GET", LIST, params={**params, "continuation-token": "x&y"}),
            Request("DELETE", f"{LIST}/{FOLDER}/errors/a&b"),
        ]
        SALESFORCE.delete_audience(Canned(aws("ResourceNotFoundException", 404), listed()), FLOW)
        for refused in (
            [aws("ConflictException", 409)],
            [KEPT, s3("SlowDown", 503)],
            [KEPT, listed("k"), s3("SlowDown", 503)],
        ):
            with pytest.raises(TransientError):
                SALESFORCE.delete_audience(Canned(*refused), FLOW)


class TestRuns:
    @pytest.mark.parametrize(
        ("record", "report"),
        [
            (run(), JobReport(JobState.SUCCESS, 5, {})),
            (run(failures=0), JobReport(JobState.SUCCESS, 5, {})),
            (run("InProgress", None), JobReport(JobState.PROCESSING, 0, {})),
            (run("CancelStarted", 2), JobReport(JobState.PROCESSING, 2, {})),
            (run("NewInALaterVersion"), JobReport(JobState.PROCESSING, 5, {})),
            (run(None), JobReport(JobState.PROCESSING, 5, {})),
            (run("Error", None), JobReport(JobState.FAILED, 0, {"Error": 1})),
            (run("Canceled", 3), JobReport(JobState.FAILED, 3, {"Canceled": 3})),
            (run(processed=True, failures=-1), JobReport(JobState.SUCCESS, 0, {})),
            (run(processed=10**30, failures=10**30), JobReport(JobState.SUCCESS, 0, {})),
            (run(processed="5", failures=True), JobReport(JobState.SUCCESS, 0, {})),
            (run(executionResult=None), JobReport(JobState.SUCCESS, 0, {})),
            (run(executionResult={"errorInfo": "x"}), JobReport(JobState.SUCCESS, 0, {})),
        ],
    )
    def test_a_run_is_told_by_its_status_and_its_counts(self, record, report):
        there = Canned(runs({"executionId": "e-0"}, "?", record))
        assert SALESFORCE.ask_job(there, f"{FLOW}/e-1") == report
        assert there.kept == [RUNS]

    def test_a_run_is_looked_for_page_by_page_and_may_not_be_listed_yet(self):
        there = Canned(runs({"executionId": "e-9"}, more="2"), runs(run()))
        assert SALESFORCE.ask_job(there, f"{FLOW}/e-1").state is JobState.SUCCESS
        assert there.kept == [RUNS, dataclasses.replace(RUNS, json={**RUNS.json, "nextToken": "2"})]
        assert SALESFORCE.ask_job(Canned(runs()), f"{FLOW}/e-1") == JobReport(JobState.PROCESSING, 0, {})
        assert SALESFORCE.ask_job(Canned(Response(200, {}, {})), f"{FLOW}/e-1").state is JobState.PROCESSING

    def test_pages_that_never_end_are_left(self):
        there = Canned(*(runs(more="1") for _ in range(200)))
        assert SALESFORCE.ask_job(there, f"{FLOW}/e-1").state is JobState.PROCESSING
        assert len(there.kept) == 100

    def test_of_a_flow_that_is_gone_nothing_will_come(self):
        report = SALESFORCE.ask_job(Canned(aws("ResourceNotFoundException", 404)), f"{FLOW}/e-1")
        assert report == JobReport(JobState.FAILED, 0, {"flow_is_gone": 1})

    def test_records_that_could_not_be_put_are_counted_by_the_crms_code(self):
        lines = [
            {"errorCode": "REQUIRED_FIELD_MISSING", "record": {"email": "p@x.example"}},
            {"error": {"statusCode": "DUPLICATE_VALUE"}},
            {"code": "p@x.example"}, {"code": "Jane"}, {"code": 7}, "text",
        ]  # fmt: skip
        file = Response(200, {}, None, "\n".join([*map(json.dumps, lines), "{", ""]).encode())
        whole = Response(200, {}, [{"code": "REQUIRED_FIELD_MISSING"}])
        one = Response(200, {}, {"statusCode": "DUPLICATE_VALUE"})
        keys = [f"{FOLDER}/errors/{FLOW}/e-1/{n}" for n in range(3)]
        there = Canned(runs(run(failures=6)), listed(f"{FOLDER}/errors/{FLOW}/e-0/0", *keys), file, whole, one)
        report = SALESFORCE.ask_job(there, f"{FLOW}/e-1")
        assert (report.state, report.received) == (JobState.PARTIAL_SUCCESS, 5)
        assert report.rejected == {"REQUIRED_FIELD_MISSING": 2, "DUPLICATE_VALUE": 2, "put_failure": 2}
        assert there.kept[1] == Request("GET", LIST, params={"list-type": "2", "prefix": f"{FOLDER}/errors/"})
        assert there.kept[2:] == [Request("GET", f"{LIST}/{key}") for key in keys]

    def test_reasons_never_add_up_to_more_than_the_failures(self):
        file = Response(200, {}, None, b'{"code": "A_B"}\n{"code": "C_D"}\n{"code": "C_D"}')
        there = Canned(runs(run(failures=2)), listed("e-1/0"), file)
        assert SALESFORCE.ask_job(there, f"{FLOW}/e-1").rejected == {"A_B": 1, "C_D": 1}

    def test_at_most_twenty_files_of_failures_are_read(self):
        files = [Response(200, {}, {"code": "A_B"})] * 20
        there = Canned(runs(run(failures=30)), listed(*(f"e-1/{n}" for n in range(25))), *files)
        assert SALESFORCE.ask_job(there, f"{FLOW}/e-1").rejected == {"A_B": 20, "put_failure": 10}

    @pytest.mark.parametrize("refused", [
        [s3("AccessDenied", 403)],
        [listed("e-1/0"), s3("NoSuchKey", 404)],
        [Response(200, {}, None, b"<Key>e-1/\xff</Key>"), s3("NoSuchKey", 404)],
    ])  # fmt: skip
    def test_without_the_files_the_failures_are_counted_all_the_same(self, refused):
        report = SALESFORCE.ask_job(Canned(runs(run(failures=2)), *refused), f"{FLOW}/e-1")
        assert (report.state, report.rejected) == (JobState.PARTIAL_SUCCESS, {"put_failure": 2})

    def test_files_that_cannot_be_had_now_are_asked_for_again(self):
        with pytest.raises(TransientError):
            SALESFORCE.ask_job(Canned(runs(run(failures=2)), s3("SlowDown", 503)), f"{FLOW}/e-1")

    @given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["flowExecutions", "executionId", "errorInfo"]), inner)
    ), max_leaves=8))  # fmt: skip
    @settings(max_examples=40)
    def test_any_answer_is_a_report_or_an_error_of_ours(self, body):
        try:
            report = SALESFORCE.ask_job(Canned(*[Response(200, {}, body)] * 100), f"{FLOW}/e-1")
        except SegmentAssetsError:
            return
        assert report.received >= 0


class TestRefusals:
    @pytest.mark.parametrize(
        ("response", "kind", "code"),
        [
            *((aws(code, status), TransientError, code) for code, status in (
                ("ConflictException", 409), ("ConnectorServerException", 400), ("InternalServerException", 400),
                ("ThrottlingException", 400), ("TooManyRequestsException", 400), ("Unheard", 429), ("Unheard", 500),
            )),
            *((s3(code, status), TransientError, code) for code, status in (
                ("SlowDown", 400), ("RequestTimeout", 400), ("InternalError", 500))),
            *((aws(code), NeedsHumanError, code) for code in (
                "ExpiredTokenException", "IncompleteSignature", "InvalidClientTokenId", "InvalidSignatureException",
                "MissingAuthenticationTokenException", "UnrecognizedClientException", "AccessDeniedException",
                "ConnectorAuthenticationException", "ServiceQuotaExceededException",
            )),
            *((s3(code, 403), NeedsHumanError, code) for code in (
                "ExpiredToken", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "NoSuchBucket")),
            (Response(401, {}, None), NeedsHumanError, "401"),
            (Response(403, {}, None), NeedsHumanError, "403"),
            (Response(404, {}, None, b"<html>"), TransientError, "404"),
            (Response(400, {}, None), TransientError, "400"),
            (aws("ResourceNotFoundException", 404), PermanentError, "ResourceNotFoundException"),
            (aws("ValidationException"), PermanentError, "ValidationException"),
            (Response(400, {}, {"__type": "com.amazon#ValidationException"}), PermanentError, "ValidationException"),
            (Response(400, {}, {"code": "ValidationException"}), PermanentError, "ValidationException"),
            (Response(403, {}, {"code": "jane doe"}), NeedsHumanError, "403"),
        ],
    )  # fmt: skip
    def test_they_are_told_by_their_code(self, response, kind, code):
        error = error_of(response)
        assert type(error) is kind
        assert error.code == code

    @pytest.mark.parametrize(
        ("code", "to_do"),
        [
            ("AccessDenied", "permissions"), ("AccessDeniedException", "permissions"), ("NoSuchBucket", "bucket"),
            ("ConnectorAuthenticationException", "connect it anew"), ("ServiceQuotaExceededException", "quota"),
            ("ResourceNotFoundException", "is gone"), ("ExpiredToken", "renew"),
        ],
    )  # fmt: skip
    def test_they_say_what_to_do(self, code, to_do):
        assert to_do in str(error_of(aws(code, 403)))

    def test_a_slower_pace_is_asked_for_in_several_words(self):
        throttled = [
            s3("SlowDown", 503),
            aws("ThrottlingException"),
            aws("TooManyRequestsException"),
            aws("Unheard", 429),
        ]
        assert [SALESFORCE.is_throttle(one) for one in [*throttled, s3("InternalError", 500), KEPT]] == [True] * 4 + [
            False
        ] * 2

    def test_an_answer_that_is_not_appflows_is_asked_for_again(self):
        with pytest.raises(TransientError):
            SALESFORCE.read_step(Step.OPEN, PLACE, Response(200, {}, None, b"<html>"))
