"""Our AppFlow requests and the sandbox's answers against botocore: its models validate, its clients build and read.

The flow, its runs and its files are the same for every CRM; what differs is the destination's part of a flow.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import hmac
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import botocore.exceptions
import httpx
import pytest
from botocore.credentials import Credentials
from botocore.validate import ParamValidator

from segment_assets.contracts import AudienceSpec, JobState, Operation, Request, Response, Session, Step
from segment_assets.destinations import registry
from segment_assets.resources.aws_transport import AwsTransport
from segment_assets_tests.conformance.botocore_caller import Botocore
from segment_assets_tests.conformance.kit import people
from segment_assets_tests.conformance.kit.outside import InProcess, Outside
from segment_assets_tests.conformance.kit.record import records

if TYPE_CHECKING:
    from collections.abc import Iterator

SPEC = AudienceSpec("VIP lapsed 90 days", "0f" * 16, {})
PLACE = Session(token=0xABC, sequence=1, last=True, members_in_total=3, received_before=0)
CRMS = [record for record in records() if record.contract.endpoint.startswith("https://appflow.")]
EACH = pytest.mark.parametrize("crm", CRMS, ids=lambda one: one.destination)


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


def transport(inside: InProcess, crm) -> AwsTransport:
    """The transport of production, in front of the sandbox."""
    home = f"http://127.0.0.1/{crm.destination}"
    key = Credentials(f"sandbox-{crm.destination}-token", "sandbox")
    return AwsTransport("us-east-1", endpoints={"appflow": home, "s3": f"{home}/s3"}, credentials=key, carrier=inside)


class Kept:
    """Keeps the requests of our connector, and passes them on."""

    def __init__(self, there: AwsTransport) -> None:
        self.there, self.requests = there, list[Request]()

    def send(self, request: Request) -> Response:
        self.requests.append(request)
        return self.there.send(request)


def delivered(crm, inside: InProcess, outside: Outside, *, poisoned: bool = False) -> tuple[Kept, object]:
    """A flow's whole life with our connector: made, filled, run, followed, deleted."""
    there, ours = Kept(transport(inside, crm)), crm.connect()
    members = [people.member(crm.contract, number, ()) for number in range(3)]
    audience = ours.create_audience(there, SPEC)
    assert ours.find_audience(there, SPEC) == audience
    ours.read_step(Step.OPEN, PLACE, there.send(ours.step_request(Step.OPEN, audience, Operation.ADD, PLACE)))
    if poisoned:
        outside.faults({"kind": "poison", "identifiers": sorted(people.identifiers(crm, 1))})
    ours.read(members, PLACE, there.send(ours.request(audience, Operation.ADD, members, PLACE)))
    started = there.send(ours.step_request(Step.COMMIT, audience, Operation.ADD, PLACE))
    job = ours.read_step(Step.COMMIT, PLACE, started).job
    assert ours.ask_job(there, job).state is JobState.PROCESSING
    outside.later(crm.later)
    report = ours.ask_job(there, job)
    ours.delete_audience(there, audience)
    return there, report


@EACH
def test_our_requests_are_those_that_botocore_makes_of_the_same_parameters(crm, inside, outside):
    kept, _ = delivered(crm, inside, outside)
    outside.reset()
    sdk = Botocore(inside, crm.destination)
    operations = {
        (model.http["method"], model.http["requestUri"]): model
        for model in map(sdk.model("appflow").operation_model, sdk.model("appflow").operation_names)
    }
    asked = set()
    for request in kept.requests:
        if request.path.startswith("/s3/"):
            continue
        model = operations[request.method, request.path]
        asked.add(model.name)
        assert ParamValidator().validate(request.json, model.input_shape).generate_report() == ""
        with contextlib.suppress(botocore.exceptions.ClientError):
            # The flow is not there a second time; it is the request that counts.
            getattr(sdk.appflow, botocore.xform_name(model.name))(**request.json)
        sent = sdk.sent[-1]
        # botocore fills in a random client token where it is not given one. We give one where it is of use, with a start:
        # a repeated creation or update is told apart by the flow's name, and has to have equal bytes.
        theirs = {name: value for name, value in sent.json.items() if name != "clientToken" or name in request.json}
        assert (sent.method, sent.path, theirs) == (request.method, request.path, request.json)
    expected = {"CreateFlow", "DescribeFlow", "UpdateFlow", "StartFlow", "DescribeFlowExecutionRecords", "DeleteFlow"}
    assert asked == expected


@EACH
def test_words_of_our_flow_are_in_the_enumerations_and_patterns_of_the_model(crm, inside):
    sdk, ours = Botocore(inside, crm.destination), crm.connect()
    body = ours.step_request(Step.OPEN, ours._audience_id(SPEC), Operation.ADD, PLACE).json
    shape = sdk.model("appflow").operation_model("UpdateFlow").input_shape
    assert list(unlisted(body, shape)) == []
    (target,) = body["destinationFlowConfigList"]
    assert list(target["destinationConnectorProperties"]) == [target["connectorType"]]


def unlisted(value, shape, name=""):
    """Words that are in no enumeration, and those that are too long: botocore's validator looks at neither."""
    if shape.type_name == "structure":
        for key, one in value.items():
            yield from unlisted(one, shape.members[key], key)
    elif shape.type_name == "list":
        for one in value:
            yield from unlisted(one, shape.member, name)
    elif shape.type_name == "string" and (
        (shape.enum and value not in shape.enum) or len(value) > shape.metadata.get("max", len(value))
    ):
        yield name, value


@EACH
def test_our_files_go_to_s3_as_botocore_sends_them(crm, inside, outside):
    kept, _ = delivered(crm, inside, outside)
    sdk = Botocore(inside, crm.destination)
    for request in (one for one in kept.requests if one.path.startswith("/s3/")):
        bucket, _, key = request.path.removeprefix("/s3/").partition("/")
        if request.method == "PUT":
            sdk.s3.put_object(Bucket=bucket, Key=key, Body=request.content, ContentType=request.content_type)
            assert sdk.s3.get_object(Bucket=bucket, Key=key)["Body"].read() == request.content
            assert sdk.sent[-2].body == request.body()
            assert sdk.sent[-2].path == request.path
        elif request.method == "DELETE":
            sdk.s3.delete_object(Bucket=bucket, Key=key)
            assert (sdk.sent[-1].method, sdk.sent[-1].path) == ("DELETE", request.path)
        else:
            assert dict(request.params) == {"list-type": "2", "prefix": request.params["prefix"]}
            assert "Contents" not in sdk.s3.list_objects_v2(Bucket=bucket, Prefix=request.params["prefix"] + "nobody")
            assert (sdk.sent[-1].method, sdk.sent[-1].path) == ("GET", request.path)


@EACH
def test_botocore_reads_in_the_sandboxs_answers_what_our_connector_reads(crm, inside, outside):
    sdk, ours = Botocore(inside, crm.destination), crm.connect()
    there = transport(inside, crm)
    members = [people.member(crm.contract, number, ()) for number in range(3)]
    audience = ours.create_audience(there, SPEC)
    (name,) = (flow["flowName"] for flow in sdk.appflow.list_flows()["flows"])
    outside.faults({"kind": "poison", "identifiers": sorted(people.identifiers(crm, 1))})
    ours.read(members, PLACE, there.send(ours.request(audience, Operation.ADD, members, PLACE)))
    outside.faults()
    run = sdk.appflow.start_flow(flowName=name, clientToken="one")["executionId"]
    assert sdk.appflow.start_flow(flowName=name, clientToken="one")["executionId"] == run
    with pytest.raises(sdk.appflow.exceptions.ConflictException):
        sdk.appflow.start_flow(flowName=name, clientToken="another")
    outside.later(crm.later)
    (record,) = sdk.appflow.describe_flow_execution_records(flowName=name)["flowExecutions"]
    result = record["executionResult"]
    assert (record["executionId"], record["executionStatus"]) == (run, "Successful")
    assert (result["recordsProcessed"], result["errorInfo"]["putFailuresCount"]) == (3, 1)
    assert isinstance(record["startedAt"], dt.datetime)
    report = ours.ask_job(there, f"{name}/{run}")
    assert (report.state, report.received) == (JobState.PARTIAL_SUCCESS, 3)
    assert dict(report.rejected) == {"INVALID_FIELD_FOR_INSERT_UPDATE": 1}
    described = sdk.appflow.describe_flow(flowName=name)
    assert described["flowStatus"] == "Active"
    assert described["tasks"] == ours.step_request(Step.OPEN, audience, Operation.ADD, PLACE).json["tasks"]


def test_calls_are_signed_for_the_service_by_its_name_at_aws(inside):
    model = Botocore(inside, CRMS[0].destination).model("appflow")
    assert {crm.contract.signed_for for crm in CRMS} == {model.signing_name}


def test_refusals_of_the_sandbox_are_modelled_errors_of_botocore(inside, outside):
    crm = CRMS[0]
    sdk = Botocore(inside, crm.destination)
    errors = sdk.appflow.exceptions
    nobody = {"flowName": "nobody"}
    flow = crm.connect().step_request(Step.OPEN, f"segment-assets-{SPEC.marker}", Operation.ADD, PLACE).json
    for call, error in (
        (lambda: sdk.appflow.describe_flow(**nobody), errors.ResourceNotFoundException),
        (lambda: sdk.appflow.start_flow(**nobody), errors.ResourceNotFoundException),
        (lambda: sdk.appflow.delete_flow(**nobody), errors.ResourceNotFoundException),
        (lambda: sdk.appflow.update_flow(**flow), errors.ResourceNotFoundException),
        (lambda: sdk.appflow.create_flow(**flow), errors.ValidationException),  # the folder is empty
        (
            lambda: sdk.appflow.create_flow(**flow | {"triggerConfig": {"triggerType": "Never"}}),
            errors.ValidationException,
        ),
        (lambda: sdk.s3.get_object(Bucket="sandbox-segments", Key="nobody"), sdk.s3.exceptions.NoSuchKey),
    ):
        with pytest.raises(error):
            call()
    with pytest.raises(botocore.exceptions.ClientError, match="NoSuchBucket"):
        sdk.s3.list_objects_v2(Bucket="another-bucket")
    outside.faults({"kind": "throttle"})
    with pytest.raises(botocore.exceptions.ClientError, match="ThrottlingException"):
        sdk.appflow.list_flows()
    with pytest.raises(botocore.exceptions.ClientError, match="SlowDown"):
        sdk.s3.list_objects_v2(Bucket="sandbox-segments")


class Wire(httpx.BaseTransport):
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.request = request
        return httpx.Response(200, json={})


@pytest.mark.parametrize(
    ("request_", "service", "url"),
    [
        (
            Request("POST", "/start-flow", json={"flowName": "ä"}),
            "appflow",
            "https://appflow.eu-west-1.amazonaws.com/start-flow",
        ),
        (
            Request("PUT", "/s3/bucket/a folder/people.csv", content=b"x\n", content_type="text/csv"),
            "s3",
            "https://s3.eu-west-1.amazonaws.com/bucket/a%20folder/people.csv",
        ),
        (
            Request("GET", "/s3/bucket", params={"prefix": "a b/ä", "list-type": "2"}),
            "s3",
            "https://s3.eu-west-1.amazonaws.com/bucket?prefix=a%20b%2F%C3%A4&list-type=2",
        ),
    ],
)
def test_what_is_sent_is_what_was_signed_by_the_published_algorithm(request_, service, url):
    wire = Wire()
    there = AwsTransport("eu-west-1", credentials=Credentials("AKID", "secret", "session"), carrier=wire)
    there.send(request_)
    sent = wire.request
    assert str(sent.url) == url
    scheme, _, rest = sent.headers["authorization"].partition(" ")
    parts = dict(part.split("=", 1) for part in rest.split(", "))
    assert scheme == "AWS4-HMAC-SHA256"
    assert sent.headers["x-amz-security-token"] == "session"
    assert parts["Signature"] == signature(sent, service, parts["SignedHeaders"].split(";"))


def signature(sent: httpx.Request, service: str, names: list[str]) -> str:
    """Signature Version 4 as AWS describes it, step by step, over what went out."""
    at, payload = sent.headers["x-amz-date"], hashlib.sha256(sent.content).hexdigest()
    payload = sent.headers.get("x-amz-content-sha256", payload)
    assert payload in {"UNSIGNED-PAYLOAD", hashlib.sha256(sent.content).hexdigest()}
    query = "&".join(
        sorted(f"{quote(key, safe='-_.~')}={quote(value, safe='-_.~')}" for key, value in sent.url.params.items())
    )
    headers = "".join(f"{name}:{sent.headers[name].strip()}\n" for name in names)
    path = urlsplit(str(sent.url)).path
    canonical = "\n".join([sent.method, path, query, headers, ";".join(names), payload])
    scope = f"{at[:8]}/eu-west-1/{service}/aws4_request"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", at, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = b"AWS4secret"
    for part in (at[:8], "eu-west-1", service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()


def test_every_destination_of_appflow_says_what_it_was_checked_with():
    assert {"salesforce"} <= {one.destination for one in CRMS} <= set(registry())
    assert all("botocore" in one.contract.verified_with for one in CRMS)
