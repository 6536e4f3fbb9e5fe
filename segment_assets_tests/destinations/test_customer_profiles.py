"""What our Customer Profiles connector sends and what it makes of every answer. Agreement with botocore is in `conformance`."""

from __future__ import annotations

import base64
import csv
import io

import pytest

from segment_assets.contracts import (
    AudienceSpec,
    JobState,
    Member,
    NeedsHumanError,
    Operation,
    Pattern,
    PermanentError,
    Request,
    Response,
    SegmentAssetsError,
    Session,
    Step,
    TransientError,
)
from segment_assets.destinations import connect
from segment_assets.destinations.customer_profiles import CONTRACT, CustomerProfiles
from segment_assets.resources.destination_account import DestinationAccount
from segment_assets_tests.fakes import digest

PROFILES = connect("customer_profiles", "lumen-shop")
SPEC = AudienceSpec("VIP lapsed 90 days", "0f" * 16, {})
SEGMENT, ATTRIBUTE = f"segment_assets-{SPEC.marker}", f"segment_{SPEC.marker}"
DEFINITION = f"/domains/lumen-shop/segment-definitions/{SEGMENT}"
JOB, JOBS = "0123456789abcdef" * 2, "/domains/lumen-shop/upload-jobs"
PLACE = Session(
    token=0xABC, sequence=1, last=True, members_in_total=2, received_before=7, noted=CONTRACT.workflow.placeholders
)
STARTED = Session(1, 1, last=True, members_in_total=2, received_before=0, noted={"job": JOB})
PEOPLE = [Member(digest(f"id:{name}"), {"email": digest(name)}) for name in ("a", "b")]
KEPT = Response(200, {"ETag": '"1"'}, None)
KEY = base64.b64encode(b"k" * 32).decode()
WHERE = {"Url": "https://files.example/x?sig", "ClientToken": KEY}


def aws(code: str, status: int = 400) -> Response:
    return Response(status, {"x-amzn-ErrorType": f"{code}:http://internal.amazon.com/"}, {"Message": "p@x.example"})


def said(status: int = 200, **body: object) -> Response:
    return Response(status, {}, body)


class Line:
    """Answers calls in order, and keeps them."""

    def __init__(self, *answers: Response) -> None:
        self.answers, self.requests = list(answers), []

    def send(self, request: Request) -> Response:
        self.requests.append(request)
        return self.answers.pop(0)


# ── segments ──


def test_it_is_one_of_those_that_aws_manages():
    assert (CONTRACT.pattern, CONTRACT.workflow.batches) == (Pattern.MANAGED, 1)


def test_a_segment_is_everybody_of_whom_its_own_attribute_is_true():
    line = Line(said(SegmentDefinitionName=SEGMENT))
    assert PROFILES.create_audience(line, SPEC) == SEGMENT
    (request,) = line.requests
    assert (request.method, request.path, request.json["DisplayName"]) == ("POST", DEFINITION, SPEC.name)
    dimension = {"Attributes": {ATTRIBUTE: {"DimensionType": "INCLUSIVE", "Values": ["true"]}}}
    group = {"Dimensions": [{"ProfileAttributes": dimension}], "Type": "ALL"}
    assert request.json["SegmentGroups"] == {"Groups": [group], "Include": "ALL"}
    assert "changes by hand are undone" in request.json["Description"]
    long = Line(said())
    PROFILES.create_audience(long, AudienceSpec("x" * 300, SPEC.marker, {}))
    assert len(long.requests[0].json["DisplayName"]) == 255


def test_a_name_that_is_taken_is_ours_and_another_bad_request_is_an_error():
    assert PROFILES.create_audience(Line(aws("BadRequestException"), said()), SPEC) == SEGMENT
    with pytest.raises(PermanentError) as refusal:
        PROFILES.create_audience(Line(aws("BadRequestException"), aws("ResourceNotFoundException", 404)), SPEC)
    assert refusal.value.code == "BadRequestException"


def test_a_segment_is_found_by_our_marker_alone():
    line = Line(said(SegmentDefinitionName=SEGMENT))
    assert PROFILES.find_audience(line, SPEC) == SEGMENT
    assert (line.requests[0].method, line.requests[0].path) == ("GET", DEFINITION)
    assert PROFILES.find_audience(Line(aws("ResourceNotFoundException", 404)), SPEC) is None
    with pytest.raises(TransientError):
        PROFILES.find_audience(Line(Response(200, {}, None)), SPEC)


def test_deleting_takes_the_definition_and_one_that_is_gone_is_fine():
    line = Line(said(), aws("ResourceNotFoundException", 404))
    for _ in range(2):
        PROFILES.delete_audience(line, SEGMENT)
    assert {(request.method, request.path) for request in line.requests} == {("DELETE", DEFINITION)}
    with pytest.raises(NeedsHumanError):
        PROFILES.delete_audience(Line(aws("AccessDeniedException", 403)), SEGMENT)


# ── files and jobs ──


def test_a_file_marks_people_by_digest_as_in_or_out():
    for operation, mark in ((Operation.ADD, "true"), (Operation.REMOVE, "false")):
        request = PROFILES.request(SEGMENT, operation, PEOPLE, STARTED)
        rows = list(csv.reader(io.StringIO(request.content.decode())))
        assert rows == [["email_sha256", ATTRIBUTE], *([person.keys["email"].hex(), mark] for person in PEOPLE)]
        assert (request.method, request.content_type) == ("PUT", "text/csv")


def test_a_job_maps_the_columns_of_its_file_and_ends_what_it_brings():
    for operation in (Operation.ADD, Operation.REMOVE):
        request = PROFILES.step_request(Step.OPEN, SEGMENT, operation, PLACE)
        body = request.json
        assert (request.method, request.path, body["UniqueKey"]) == ("POST", JOBS, "email_sha256")
        columns = PROFILES.request(SEGMENT, operation, PEOPLE, STARTED).content.decode().split("\n")[0].split(",")
        assert body["Fields"] == {
            column: {
                "Source": f"_source.{column}",
                "Target": f"_profile.Attributes.{column}",
                "ContentType": "STRING",
            }
            for column in columns
        }
        assert (body["DataExpiry"], body["DisplayName"]) == (90, f"{SEGMENT} {operation.value} abc")


def test_the_place_of_the_digest_in_a_profile_is_a_setting():
    other = connect("customer_profiles", "lumen-shop", {"person": "_profile.AccountNumber"})
    fields = other.step_request(Step.OPEN, SEGMENT, Operation.ADD, PLACE).json["Fields"]
    assert fields["email_sha256"]["Target"] == "_profile.AccountNumber"


@pytest.mark.parametrize(
    ("account", "settings", "named"),
    [
        ("lumen shop", {}, "account 'lumen shop'"),
        ("x" * 65, {}, "account"),
        ("lumen-shop", {"person": "AccountNumber"}, "person 'AccountNumber'"),
        ("lumen-shop", {"person": "_profile.A.b.c.d"}, "person"),
        ("lumen-shop", {"region": "x"}, "no setting region"),
    ],
)
def test_an_account_or_a_setting_that_cannot_be_is_refused_before_anything_is_sent(account, settings, named):
    with pytest.raises(PermanentError, match=f"^customer_profiles: .*{named}"):
        connect("customer_profiles", account, settings)
    assert CustomerProfiles("x" * 64, "_profile.A.b.c")


def test_a_value_that_is_no_digest_is_never_sent():
    for cell in ("p@x.example", b"short", None):
        with pytest.raises(PermanentError, match="report this as a defect") as refusal:
            PROFILES.request(SEGMENT, Operation.ADD, [Member(b"m", {"email": cell})], STARTED)
        assert "p@x" not in str(refusal.value)


def test_the_opening_notes_the_job_and_the_commit_starts_it():
    answer = PROFILES.read_step(Step.OPEN, PLACE, said(JobId=JOB))
    assert (dict(answer.noted), answer.code) == ({"job": JOB}, "200")
    request = PROFILES.step_request(Step.COMMIT, SEGMENT, Operation.ADD, STARTED)
    assert (request.method, request.path, request.json) == ("PUT", f"{JOBS}/{JOB}", None)
    commit = PROFILES.read_step(Step.COMMIT, STARTED, Response(200, {}, None))
    assert (commit.job, commit.accepted, commit.code) == (JOB, 0, "200")
    for told in (None, 5, "x", JOB + "0"):
        with pytest.raises(TransientError, match="without its id"):
            PROFILES.read_step(Step.OPEN, PLACE, said(JobId=told))


def test_a_start_without_an_answer_is_asked_about_and_an_opening_is_made_again():
    assert PROFILES.step_question(Step.OPEN, SEGMENT, Operation.ADD, PLACE) is None
    question = PROFILES.step_question(Step.COMMIT, SEGMENT, Operation.ADD, STARTED)
    assert (question.method, question.path) == ("GET", f"{JOBS}/{JOB}")
    assert question == PROFILES.job_request(JOB)
    assert PROFILES.read_step_question(Step.COMMIT, STARTED, said(Status="CREATED")) is None
    done = PROFILES.read_step_question(Step.COMMIT, STARTED, said(Status="SUCCEEDED"))
    assert (done.job, done.code) == (JOB, "200")


def test_a_file_that_is_kept_proves_nobody():
    answer = PROFILES.read(PEOPLE, PLACE, KEPT)
    assert (answer.received, answer.accepted, answer.unproven, answer.session_received) == (2, 0, 2, 9)
    assert answer.code == "200"
    with pytest.raises(TransientError):
        PROFILES.read(PEOPLE, PLACE, Response(200, {}, None))


RESULTS = {"UpdatedRecords": 5, "CreatedRecords": 2, "FailedRecords": 0}


@pytest.mark.parametrize(
    ("body", "state", "received", "reasons"),
    [
        ({"Status": "CREATED"}, JobState.PROCESSING, 0, {}),
        ({"Status": "IN_PROGRESS", "ResultsSummary": RESULTS}, JobState.PROCESSING, 0, {}),
        ({"Status": "LATER_WORD", "ResultsSummary": RESULTS}, JobState.PROCESSING, 0, {}),
        ({"Status": 5}, JobState.PROCESSING, 0, {}),
        ({"Status": "SUCCEEDED", "ResultsSummary": RESULTS}, JobState.SUCCESS, 7, {}),
        ({"Status": "SUCCEEDED"}, JobState.SUCCESS, 0, {}),
        (
            {
                "Status": "SUCCEEDED",
                "ResultsSummary": {"UpdatedRecords": True, "CreatedRecords": -1, "FailedRecords": 10**30},
            },
            JobState.SUCCESS,
            0,
            {},
        ),
        (
            {"Status": "SUCCEEDED", "ResultsSummary": RESULTS | {"FailedRecords": 1}},
            JobState.PARTIAL_SUCCESS,
            8,
            {"failed_records": 1},
        ),
        ({"Status": "PARTIALLY_SUCCEEDED", "ResultsSummary": RESULTS}, JobState.PARTIAL_SUCCESS, 7, {}),
        ({"Status": "FAILED", "StatusReason": "VALIDATION_FAILURE"}, JobState.FAILED, 0, {"VALIDATION_FAILURE": 1}),
        ({"Status": "FAILED", "StatusReason": "INTERNAL_FAILURE"}, JobState.FAILED, 0, {"INTERNAL_FAILURE": 1}),
        ({"Status": "FAILED", "StatusReason": "p@x.example"}, JobState.FAILED, 0, {"FAILED": 1}),
        (
            {"Status": "STOPPED", "ResultsSummary": {"UpdatedRecords": 1, "FailedRecords": 3}},
            JobState.FAILED,
            4,
            {"STOPPED": 3},
        ),
    ],
)
def test_a_job_is_read_by_its_status_and_counts(body, state, received, reasons):
    report = PROFILES.read_job(said(**body))
    assert (report.state, report.received, dict(report.rejected)) == (state, received, reasons)


@pytest.mark.parametrize(("operation", "received"), [("add", 7), ("remove", 5)])
def test_whom_a_removal_creates_it_has_not_taken_out(operation, received):
    report = PROFILES.read_job(said(Status="SUCCEEDED", ResultsSummary=RESULTS, DisplayName=f"marker {operation} 1f"))
    assert (report.state, report.received) == (JobState.SUCCESS, received)


def test_a_job_that_is_gone_has_failed_and_an_answer_that_is_none_says_nothing():
    gone = PROFILES.read_job(aws("ResourceNotFoundException", 404))
    assert (gone.state, gone.received, dict(gone.rejected)) == (JobState.FAILED, 0, {"job_is_gone": 1})
    assert PROFILES.read_job(Response(200, {}, None)).state is JobState.PROCESSING
    with pytest.raises(TransientError):
        PROFILES.read_job(aws("InternalServerException", 500))


@pytest.mark.parametrize(
    ("response", "error", "code"),
    [
        (aws("ThrottlingException", 429), TransientError, "ThrottlingException"),
        (aws("InternalServerException", 500), TransientError, "InternalServerException"),
        (aws("ExpiredTokenException", 403), NeedsHumanError, "ExpiredTokenException"),
        (aws("AccessDeniedException", 403), NeedsHumanError, "AccessDeniedException"),
        (aws("ResourceNotFoundException", 404), PermanentError, "ResourceNotFoundException"),
        (aws("BadRequestException"), PermanentError, "BadRequestException"),
    ],
)
def test_refusals_are_classed_and_keep_the_code_and_none_of_the_words(response, error, code):
    for ask in (
        lambda: PROFILES.read(PEOPLE, PLACE, response),
        lambda: PROFILES.read_step(Step.OPEN, PLACE, response),
        lambda: PROFILES.read_step(Step.COMMIT, STARTED, response),
    ):
        with pytest.raises(SegmentAssetsError) as refusal:
            ask()
        assert (type(refusal.value), refusal.value.code) == (error, code)
        assert "lumen-shop" in str(refusal.value)
        assert "p@x" not in str(refusal.value)
    assert PROFILES.is_throttle(response) == (code == "ThrottlingException")


# ── the way of a file ──


def upload() -> Request:
    return PROFILES.request(SEGMENT, Operation.ADD, PEOPLE, STARTED)


def test_a_file_goes_to_the_address_that_is_asked_for_and_its_key_is_in_no_request_of_ours():
    line, request = Line(said(**WHERE), KEPT), upload()
    assert PROFILES.carried(line).send(request) is KEPT
    ask, sent = line.requests
    assert (ask.method, ask.path, ask.json, ask.content) == ("GET", f"{JOBS}/{JOB}/path", None, None)
    assert (sent.method, sent.path, sent.content) == ("PUT", WHERE["Url"], request.content)
    assert sent.content_type == "text/csv"
    assert KEY in sent.headers.values()
    assert not request.headers
    assert KEY not in repr(sent)


def test_calls_without_a_file_go_as_they_are():
    line = Line(said())
    request = PROFILES.step_request(Step.COMMIT, SEGMENT, Operation.ADD, STARTED)
    PROFILES.carried(line).send(request)
    assert line.requests == [request]


def test_where_the_address_is_refused_nothing_is_sent_and_the_refusal_is_the_answer():
    line = Line(aws("AccessDeniedException", 400))
    with pytest.raises(NeedsHumanError):
        PROFILES.read(PEOPLE, PLACE, PROFILES.carried(line).send(upload()))
    assert len(line.requests) == 1


@pytest.mark.parametrize(
    "where",
    [{}, {**WHERE, "Url": ""}, {**WHERE, "ClientToken": ""}, {**WHERE, "Url": 5}, {**WHERE, "ClientToken": None},
     {**WHERE, "ClientToken": "no base64!"}],
)  # fmt: skip
def test_an_address_or_a_key_that_is_not_understood_is_asked_for_again_and_told_to_nobody(where):
    with pytest.raises(TransientError, match="asked for again") as refusal:
        PROFILES.carried(Line(said(**where))).send(upload())
    assert "files.example" not in str(refusal.value)
    assert KEY not in str(refusal.value)


def test_the_way_gives_its_connections_back_where_it_has_any():
    closed = []

    class Closing(Line):
        def close(self) -> None:
            closed.append(True)

    PROFILES.carried(Closing()).close()
    PROFILES.carried(Line()).close()
    assert closed == [True]


def test_an_account_of_the_project_sends_files_this_way():
    account = DestinationAccount(
        destination="customer_profiles", account="lumen-shop", endpoint="https://profile.example", token="not used"
    )
    destination, transport = account.connect()
    assert type(transport) is type(destination.carried(transport))


def test_requests_are_signed_for_the_service_by_its_name_at_aws():
    import botocore.session

    model = botocore.session.get_session().get_service_model("customer-profiles")
    assert model.signing_name == CONTRACT.signed_for
    assert PROFILES.contract.workflow.placeholders == {"job": "{job}"}
