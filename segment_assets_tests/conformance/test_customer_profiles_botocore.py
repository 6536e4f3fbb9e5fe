"""Our calls of Customer Profiles and the sandbox's answers against botocore: its model validates, its client builds and reads."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import datetime as dt
from typing import TYPE_CHECKING

import botocore.exceptions
import botocore.handlers
import httpx
import pytest
from botocore.credentials import Credentials
from botocore.validate import ParamValidator

from segment_assets.contracts import AudienceSpec, JobState, Operation, PermanentError, Request, Response, Session, Step
from segment_assets.destinations.customer_profiles_files import FileTransport
from segment_assets.resources.aws_transport import AwsTransport
from segment_assets.resources.transport import HttpTransport
from segment_assets_tests.conformance.botocore_caller import Botocore
from segment_assets_tests.conformance.kit import people
from segment_assets_tests.conformance.kit.outside import URL, InProcess, Outside
from segment_assets_tests.conformance.kit.platforms.customer_profiles import RECORD

if TYPE_CHECKING:
    from collections.abc import Iterator

SPEC = AudienceSpec("VIP lapsed 90 days", "0f" * 16, {})
PLACE = Session(token=0xABC, sequence=1, last=True, members_in_total=3, received_before=0)
DOMAIN = RECORD.account
SEGMENT = f"segment_assets-{SPEC.marker}"
MEMBERS = [people.member(RECORD.contract, number, ()) for number in range(3)]
# Our call -> the operation of the model that it has to be.
OPERATIONS = {
    ("POST", f"/domains/{DOMAIN}/segment-definitions/{SEGMENT}"): "CreateSegmentDefinition",
    ("GET", f"/domains/{DOMAIN}/segment-definitions/{SEGMENT}"): "GetSegmentDefinition",
    ("DELETE", f"/domains/{DOMAIN}/segment-definitions/{SEGMENT}"): "DeleteSegmentDefinition",
    ("POST", f"/domains/{DOMAIN}/upload-jobs"): "CreateUploadJob",
    ("GET", f"/domains/{DOMAIN}/upload-jobs/JOB/path"): "GetUploadJobPath",
    ("PUT", f"/domains/{DOMAIN}/upload-jobs/JOB"): "StartUploadJob",
    ("GET", f"/domains/{DOMAIN}/upload-jobs/JOB"): "GetUploadJob",
}


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    made = InProcess(tmp_path_factory.mktemp("sandbox"), ())
    yield made
    made.end()


@pytest.fixture
def outside(inside: InProcess) -> Iterator[Outside]:
    made = Outside(inside)
    made.reset()
    yield made
    made.close()


@pytest.fixture(scope="module")
def sdk(inside: InProcess) -> Botocore:
    caller = Botocore(inside, "customer_profiles")
    caller.profiles = caller._client("customer-profiles", "")
    return caller


class Kept:
    """Keeps what goes out, and passes it on."""

    def __init__(self, there) -> None:
        self.there, self.requests, self.answers = there, list[Request](), list[Response]()

    def send(self, request: Request) -> Response:
        self.requests.append(request)
        self.answers.append(self.there.send(request))
        return self.answers[-1]


@dataclasses.dataclass
class Life:
    """A segment's whole life with our connector: defined, filled, followed, deleted."""

    kept: Kept
    job: str
    report: object

    def calls(self) -> Iterator[tuple[str, Request]]:
        """Each call to the service, with its operation."""
        for request in self.kept.requests:
            if not request.is_elsewhere:
                yield OPERATIONS[request.method, request.path.replace(self.job, "JOB")], request


def lived(inside: InProcess, outside: Outside, *, poisoned: bool = False, token: int = PLACE.token) -> Life:
    ours = RECORD.connect()
    kept = Kept(HttpTransport(f"{URL}/customer_profiles", "sandbox-customer_profiles-token", carrier=inside))
    there = ours.carried(kept)
    audience = ours.create_audience(there, SPEC)
    assert ours.find_audience(there, SPEC) == ours.create_audience(there, SPEC) == audience == SEGMENT
    place = dataclasses.replace(PLACE, token=token)
    opening = there.send(ours.step_request(Step.OPEN, audience, Operation.ADD, place))
    place = dataclasses.replace(place, noted=ours.read_step(Step.OPEN, place, opening).noted)
    if poisoned:
        outside.faults({"kind": "poison", "identifiers": sorted(people.identifiers(RECORD, 1))})
    ours.read(MEMBERS, place, there.send(ours.request(audience, Operation.ADD, MEMBERS, place)))
    question = ours.step_question(Step.COMMIT, audience, Operation.ADD, place)
    assert ours.read_step_question(Step.COMMIT, place, there.send(question)) is None
    started = there.send(ours.step_request(Step.COMMIT, audience, Operation.ADD, place))
    job = ours.read_step(Step.COMMIT, place, started).job
    assert ours.read_step_question(Step.COMMIT, place, there.send(question)).job == job
    assert ours.read_job(there.send(ours.job_request(job))).state is JobState.PROCESSING
    outside.later(RECORD.later)
    report = ours.read_job(there.send(ours.job_request(job)))
    ours.delete_audience(there, audience)
    assert ours.find_audience(there, SPEC) is None
    return Life(kept, job, report)


def test_every_call_is_an_operation_of_the_model_with_its_parameters(inside, outside, sdk):
    life = lived(inside, outside)
    model, seen = sdk.model("customer-profiles"), set()
    for name, request in life.calls():
        operation = model.operation_model(name)
        of_path = {"DomainName": DOMAIN, "SegmentDefinitionName": SEGMENT, "JobId": life.job}
        wanted = {key: value for key, value in of_path.items() if key in operation.input_shape.members}
        wanted |= request.json or {}
        assert not ParamValidator().validate(wanted, operation.input_shape).has_errors(), name
        assert request.method == operation.http["method"]
        assert not request.params
        seen.add(name)
    assert seen == set(OPERATIONS.values())
    assert (life.report.state, life.report.received, dict(life.report.rejected)) == (JobState.SUCCESS, 3, {})


def test_the_sdk_puts_the_same_calls_on_the_wire(inside, outside, sdk):
    life = lived(inside, outside)
    outside.reset()
    for name, request in life.calls():
        of_path = {"DomainName": DOMAIN, "SegmentDefinitionName": SEGMENT, "JobId": life.job}
        members = sdk.model("customer-profiles").operation_model(name).input_shape.members
        given = {key: value for key, value in of_path.items() if key in members} | (request.json or {})
        # Refusals are fine: what our life of a segment had in between (a file, a minute) is not there.
        with contextlib.suppress(botocore.exceptions.ClientError):
            sdk.profiles._make_api_call(name, given)
        sent = sdk.sent[-1]
        assert (sent.method, sent.path) == (request.method, request.path)
        assert (sent.json if sent.body else None) == request.json


def test_a_file_has_the_headers_that_botocore_makes_of_its_key_and_none_of_our_credentials(inside, outside):
    life = lived(inside, outside)
    (where,) = (answer for answer in life.kept.answers if answer.json and "ClientToken" in answer.json)
    (file,) = (request for request in life.kept.requests if request.is_elsewhere)
    params = {"SSECustomerKey": base64.b64decode(where.json["ClientToken"]), "SSECustomerAlgorithm": "AES256"}
    botocore.handlers.sse_md5(params)
    assert dict(file.headers) == {
        "x-amz-server-side-encryption-customer-algorithm": params["SSECustomerAlgorithm"],
        "x-amz-server-side-encryption-customer-key": params["SSECustomerKey"],
        "x-amz-server-side-encryption-customer-key-MD5": params["SSECustomerKeyMD5"],
    }
    assert (file.method, file.path, file.json) == ("PUT", where.json["Url"], None)
    assert file.content.decode().splitlines()[0] == f"email_sha256,segment_{SPEC.marker}"


def test_botocore_reads_in_the_sandboxs_answers_what_our_connector_reads(inside, outside, sdk):
    life = lived(inside, outside, poisoned=True)
    told = sdk.profiles.get_upload_job(DomainName=DOMAIN, JobId=life.job)
    assert told["Status"] == "PARTIALLY_SUCCEEDED"
    assert told["ResultsSummary"] == {"UpdatedRecords": 0, "CreatedRecords": 2, "FailedRecords": 1}
    assert (life.report.state, life.report.received) == (JobState.PARTIAL_SUCCESS, 3)
    assert dict(life.report.rejected) == {"failed_records": 1}
    (listed,) = sdk.profiles.list_upload_jobs(DomainName=DOMAIN)["Items"]
    assert (listed["JobId"], listed["DisplayName"]) == (life.job, f"{SEGMENT} add abc")
    where = sdk.profiles.get_upload_job_path(DomainName=DOMAIN, JobId=life.job)
    assert isinstance(where["ValidUntil"], dt.datetime)
    made = sdk.profiles.create_segment_definition(**_definition(sdk, life))
    assert (made["SegmentDefinitionName"], made["DisplayName"]) == (SEGMENT, SPEC.name)
    shown = sdk.profiles.get_segment_definition(DomainName=DOMAIN, SegmentDefinitionName=SEGMENT)
    assert shown["SegmentDefinitionArn"].endswith(SEGMENT)
    # Who was marked before the segment was defined is in it.
    assert [one["people"] for one in outside.audiences()] == [2]


def _definition(sdk: Botocore, life: Life) -> dict:
    body = next(request.json for name, request in life.calls() if name == "CreateSegmentDefinition")
    return {"DomainName": DOMAIN, "SegmentDefinitionName": SEGMENT, **body}


def test_refusals_of_the_sandbox_are_modelled_errors_of_botocore(outside, sdk):
    errors = sdk.profiles.exceptions
    job = {"DomainName": DOMAIN, "JobId": "0" * 32}
    fields = {"a": {"Source": "_source.a", "Target": "_profile.Attributes.a", "ContentType": "STRING"}}
    new = {"DomainName": DOMAIN, "DisplayName": "x", "Fields": fields, "UniqueKey": "a"}
    made = sdk.profiles.create_upload_job(**new)["JobId"]
    for call, error in (
        (lambda: sdk.profiles.get_upload_job(**job), errors.ResourceNotFoundException),
        (lambda: sdk.profiles.start_upload_job(**job), errors.ResourceNotFoundException),
        (lambda: sdk.profiles.create_upload_job(**new | {"DomainName": "another"}), errors.ResourceNotFoundException),
        (lambda: sdk.profiles.create_upload_job(**new | {"UniqueKey": "b"}), errors.BadRequestException),
        (lambda: sdk.profiles.create_upload_job(**new | {"DataExpiry": 1_099}), errors.BadRequestException),
        # A job without a file.
        (lambda: sdk.profiles.start_upload_job(DomainName=DOMAIN, JobId=made), errors.BadRequestException),
    ):
        with pytest.raises(error):
            call()
    outside.faults({"kind": "throttle"})
    with pytest.raises(errors.ThrottlingException):
        sdk.profiles.get_upload_job(**job)


def test_a_file_that_is_not_sent_as_its_address_says_is_refused_by_s3(inside, outside, sdk):
    there = HttpTransport(f"{URL}/customer_profiles", "sandbox-customer_profiles-token", carrier=inside)
    fields = {"a": {"Source": "_source.a", "Target": "_profile.Attributes.a", "ContentType": "STRING"}}
    new = {"DomainName": DOMAIN, "DisplayName": "x", "Fields": fields, "UniqueKey": "a"}
    job = f"/domains/{DOMAIN}/upload-jobs/{sdk.profiles.create_upload_job(**new)['JobId']}"
    url = there.send(Request("GET", f"{job}/path")).json["Url"]
    bare = there.send(Request("PUT", url, content=b"a\n", content_type="text/csv"))
    unsigned = there.send(Request("PUT", url.partition("?")[0], content=b"a\n", content_type="text/csv"))
    assert [b"InvalidRequest" in bare.content, b"AccessDenied" in unsigned.content] == [True, True]
    late = FileTransport(there)
    outside.later(901)
    assert b"AccessDenied" in there.send(Request("PUT", url, content=b"a\n", content_type="text/csv")).content
    assert late.send(Request("PUT", f"{job}/file", content=b"a\nx\n", content_type="text/csv")).status == 200


def test_the_transport_of_production_signs_for_the_service_and_sends_a_file_without_its_signature(inside, outside):
    ours = RECORD.connect()
    sent: list[httpx.Request] = []

    class Wire(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            sent.append(request)
            return inside.handle_request(request)

    aws = AwsTransport(
        "us-east-1",
        service="profile",
        endpoints={"profile": f"{URL}/customer_profiles"},
        credentials=Credentials("sandbox-customer_profiles-token", "sandbox"),
        carrier=Wire(),
    )
    there = ours.carried(aws)
    audience = ours.create_audience(there, SPEC)
    opening = there.send(ours.step_request(Step.OPEN, audience, Operation.ADD, PLACE))
    place = dataclasses.replace(PLACE, noted=ours.read_step(Step.OPEN, PLACE, opening).noted)
    answer = ours.read(MEMBERS, place, there.send(ours.request(audience, Operation.ADD, MEMBERS, place)))
    there.close()
    assert answer.unproven == 3
    assert ["authorization" in request.headers for request in sent] == [True, True, True, False]
    assert all("/us-east-1/profile/aws4_request" in one.headers["authorization"] for one in sent[:3])
    assert ours.contract.endpoint == "https://profile.us-east-1.amazonaws.com"


def test_the_transport_of_production_sends_a_file_over_https_only():
    with pytest.raises(PermanentError, match="only https"):
        AwsTransport("us-east-1").send(Request("PUT", "http://files.example/x", content=b"", content_type="text/csv"))
