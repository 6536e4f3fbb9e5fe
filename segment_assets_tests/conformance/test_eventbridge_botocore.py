"""Our events and the sandbox's answers against botocore: its model validates, its client puts the same and reads the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import botocore.exceptions
import httpx
import pytest
from botocore.credentials import Credentials
from botocore.validate import ParamValidator

from segment_assets.announcements import DETAIL_TYPE, SOURCE
from segment_assets.contracts import NeedsHumanError, PermanentError, Response, SegmentAssetsError, TransientError
from segment_assets.resources.aws_transport import AwsTransport
from segment_assets.resources.events import ENDPOINT, EventBridge
from segment_assets.resources.transport import HttpTransport
from segment_assets_tests.conformance.botocore_caller import Botocore
from segment_assets_tests.conformance.kit.outside import URL, InProcess, Outside

if TYPE_CHECKING:
    from collections.abc import Iterator

DETAIL = {"segment": "vip", "snapshot": "a" * 64, "people": 3}


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
    caller = Botocore(inside, "eventbridge")
    caller.events = caller._client("events", "/")
    return caller


class Wire(httpx.BaseTransport):
    """Keeps requests as they go over the wire."""

    def __init__(self, inside: InProcess) -> None:
        self.kept, self._inside = list[httpx.Request](), inside

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.kept.append(request)
        return self._inside.handle_request(request)


@pytest.fixture
def wire(inside: InProcess) -> Wire:
    return Wire(inside)


@pytest.fixture
def bus(wire: Wire, outside: Outside) -> EventBridge:
    return EventBridge(HttpTransport(f"{URL}/eventbridge", "sandbox-eventbridge-token", carrier=wire))


def events(outside: Outside) -> list[str]:
    return [event["detail"] for kind in outside.audiences() for event in outside.people_of(kind)]


def test_an_event_is_put_as_botocore_puts_it_and_is_seen_in_the_sandbox(bus, wire, sdk, outside):
    ours = bus.put(SOURCE, DETAIL_TYPE, DETAIL)
    sent = wire.kept[-1]
    body = json.loads(sent.content)
    shape = sdk.model("events").operation_model("PutEvents").input_shape
    assert not ParamValidator().validate(body, shape).has_errors()
    told = sdk.events.put_events(**body)
    theirs = sdk.sent[-1]
    assert (theirs.method, theirs.path, theirs.json) == (sent.method, "/", body)
    assert sent.url.path == "/eventbridge/"
    assert told["FailedEntryCount"] == 0
    assert told["Entries"][0]["EventId"] != ours
    (kind,) = outside.audiences()
    assert (kind["name"], kind["people"]) == ("segment_assets: Audience Ready", 2)
    assert [json.loads(text) for text in events(outside)] == [DETAIL, DETAIL]


def test_an_event_has_the_headers_and_the_address_of_the_service(bus, wire, sdk):
    bus.put(SOURCE, DETAIL_TYPE, DETAIL)
    metadata = sdk.model("events").metadata
    headers = wire.kept[-1].headers
    assert headers["x-amz-target"] == f"{metadata['targetPrefix']}.PutEvents"
    assert headers["content-type"] == f"application/x-amz-json-{metadata['jsonVersion']}"
    assert f"https://{metadata['endpointPrefix']}.us-east-1.amazonaws.com" == ENDPOINT


def test_the_transport_of_production_signs_every_header_of_awss(inside, wire, outside):
    key = Credentials("sandbox-eventbridge-token", "sandbox")
    there = AwsTransport(
        "us-east-1", service="events", endpoints={"events": f"{URL}/eventbridge"}, credentials=key, carrier=wire
    )
    assert EventBridge(there).put(SOURCE, DETAIL_TYPE, DETAIL)
    signed = wire.kept[-1].headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    assert {"content-type", "host", "x-amz-date", "x-amz-target"} <= set(signed)
    assert "/us-east-1/events/aws4_request" in wire.kept[-1].headers["authorization"]


def test_an_event_that_is_too_large_is_never_sent_and_the_sandbox_would_refuse_it_too(bus, wire, sdk):
    with pytest.raises(PermanentError, match="too large"):
        bus.put(SOURCE, DETAIL_TYPE, {"x": "y" * 1_000_000})
    assert wire.kept == []
    entry = {"Source": SOURCE, "DetailType": DETAIL_TYPE, "Detail": json.dumps({"x": "y" * 1_000_000})}
    with pytest.raises(botocore.exceptions.ClientError, match="ValidationException"):
        sdk.events.put_events(Entries=[entry])


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("InternalFailure", TransientError),
        ("ThrottlingException", TransientError),
        ("AccessDeniedException", NeedsHumanError),
        ("InvalidAccountIdException", NeedsHumanError),
        ("NotAuthorizedForSourceException", NeedsHumanError),
        ("NotAuthorizedForDetailTypeException", NeedsHumanError),
        ("InvalidArgument", PermanentError),
        ("MalformedDetail", PermanentError),
        ("RedactionFailure", PermanentError),
    ],
)
def test_an_entry_that_is_refused_under_http_200_is_no_event(bus, outside, sdk, code, error):
    documented = sdk.model("events").shape_for("PutEventsResultEntry").members["ErrorCode"].documentation
    passing, final = documented.split("Non-retryable")
    assert (code in passing) == (error is TransientError)
    assert (code in final) != (error is TransientError)
    outside.admin("platforms/eventbridge", {"failing_entries": code})
    with pytest.raises(SegmentAssetsError) as refusal:
        bus.put(SOURCE, DETAIL_TYPE, DETAIL)
    assert (type(refusal.value), refusal.value.code) == (error, code)
    assert events(outside) == []


def test_a_whole_request_that_is_refused_is_told_with_its_code(bus, outside):
    for rule, error in (("throttle", TransientError), ("expired_token", NeedsHumanError), ("status", TransientError)):
        outside.faults({"kind": rule})
        with pytest.raises(error):
            bus.put(SOURCE, DETAIL_TYPE, DETAIL)
    outside.faults()
    with pytest.raises(PermanentError):
        EventBridge(bus.transport, "another-bus").put(SOURCE, DETAIL_TYPE, DETAIL)


@pytest.mark.parametrize("body", [None, {}, {"Entries": []}, {"Entries": ["x"]}, {"Entries": [{}]}, {"Entries": "x"}])
def test_an_answer_without_an_id_is_no_event(body):
    class Line:
        def send(self, request: object) -> Response:
            return Response(200, {}, body)

    with pytest.raises(TransientError, match="without an id"):
        EventBridge(Line()).put(SOURCE, DETAIL_TYPE, DETAIL)


def test_the_sandbox_judges_entries_one_by_one_as_the_model_says(sdk, outside):
    good = {"Source": "a", "DetailType": "b", "Detail": "{}"}
    told = sdk.events.put_events(Entries=[good, {**good, "Detail": "x"}, {"Source": "a"}, {**good, "Source": "aws.x"}])
    assert [entry.get("ErrorCode", "") for entry in told["Entries"]] == [
        *("", "MalformedDetail", "InvalidArgument", "NotAuthorizedForSourceException")
    ]
    assert told["FailedEntryCount"] == 3
    with pytest.raises(botocore.exceptions.ClientError, match="ValidationException"):
        sdk.events.put_events(Entries=[good] * 11)
