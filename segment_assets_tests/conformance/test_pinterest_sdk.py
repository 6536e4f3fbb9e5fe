"""Pinterest's official package against our connector and against our sandbox.

The package's pins clash with ours, so it was run elsewhere, against this sandbox: `vendors/sdk_calls.py` did, and kept
what went over the wire in `vendors/pinterest_sdk.json`. The package checks the type of every field that it reads, so an
answer of the same shape is one that it takes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from segment_assets.contracts import AudienceSpec, Member, Operation, Request, Session
from segment_assets.destinations import connect
from segment_assets.destinations.pinterest import CONTRACT
from segment_assets.identity import NORMAL_FORMS, digest
from segment_assets.resources.transport import HttpTransport
from segment_assets.sandbox.platforms.pinterest import tokens
from segment_assets_tests.conformance.kit.outside import InProcess, Outside

if TYPE_CHECKING:
    from collections.abc import Iterator

VENDORS = Path(__file__).parent / "vendors"
SDK = json.loads((VENDORS / "pinterest_sdk.json").read_text(encoding="utf-8"))
CALLS = {call["name"]: call for call in SDK["calls"]}
ACCOUNT, TOKEN = "549756359984", "sandbox-pinterest-token"
PINTEREST = connect("pinterest", ACCOUNT)
SPEC = AudienceSpec(SDK["name"], SDK["marker"], {})
PLACE = Session(token=1, sequence=1, last=True, members_in_total=2, received_before=0)
LIST = CALLS["create list"]["read"]["id"]
AUDIENCE = CALLS["create audience"]["read"]["id"]
PEOPLE = [Member(bytes([n]), {"email": bytes.fromhex(one)}) for n, one in enumerate(SDK["emails"])]


class Keeping(httpx.BaseTransport):
    """Keeps what goes over the wire, and how it is answered."""

    def __init__(self, inside: InProcess) -> None:
        self.kept: list[tuple[httpx.Request, httpx.Response]] = []
        self._inside = inside

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.kept.append((request, self._inside.handle_request(request)))
        return self.kept[-1][1]


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    inside = InProcess(tmp_path_factory.mktemp("sandbox"), ())
    outside = Outside(inside)
    yield outside
    outside.close()
    inside.end()


@pytest.fixture
def wire(outside: Outside) -> Keeping:
    outside.reset()
    return Keeping(outside.inside)


@pytest.fixture
def ours(wire: Keeping) -> Iterator[HttpTransport]:
    transport = HttpTransport(CONTRACT.endpoint, TOKEN, carrier=wire)
    yield transport
    transport.close()


def same_call(name: str, ours: httpx.Request) -> None:
    theirs = CALLS[name]
    assert (ours.method, ours.url.path) == (theirs["method"], theirs["path"])
    assert dict(ours.url.params) == theirs["query"]
    assert ours.headers["authorization"] == theirs["headers"]["authorization"]
    assert (json.loads(ours.content) if ours.content else None) == theirs["body"]
    if ours.content:
        assert ours.headers["content-type"] == theirs["headers"]["content-type"]


def on_the_wire(request: Request, wire: Keeping, ours: HttpTransport) -> httpx.Request:
    ours.send(request)
    return wire.kept[-1][0]


def test_a_list_and_an_audience_are_made_and_removed_as_the_package_does_it(ours, wire):
    first = CALLS["create list"]["body"]["records"]
    PINTEREST.create_audience(ours, SPEC)
    made, audience = (json.loads(request.content) for request, _ in wire.kept)
    # Known difference: the first record of ours is nobody's.
    assert {**made, "records": first} == CALLS["create list"]["body"]
    assert made["records"] != first
    theirs = CALLS["create audience"]["body"]
    assert audience == {**theirs, "rule": audience["rule"]}
    assert audience["rule"].keys() == theirs["rule"].keys()
    PINTEREST.delete_audience(ours, f"{LIST}/{AUDIENCE}")
    removal = next(request for request, _ in wire.kept if request.method == "PATCH")
    same_call("remove audience", removal)


@pytest.mark.parametrize("operation", [Operation.ADD, Operation.REMOVE])
def test_people_are_added_and_taken_out_as_the_package_does_it(ours, wire, operation):
    request = PINTEREST.request(LIST, operation, PEOPLE, PLACE)
    same_call(f"{operation.value.upper()} records", on_the_wire(request, wire, ours))


def test_lists_and_audiences_are_asked_for_as_the_package_does_it(ours, wire):
    PINTEREST.create_audience(ours, SPEC)
    PINTEREST.find_audience(ours, SPEC)
    asked = {request.url.path.rpartition("/")[2]: request for request, _ in wire.kept if request.method == "GET"}
    same_call("list lists", asked["customer_lists"])
    same_call("list audiences", asked["audiences"])
    same_call("get audience", on_the_wire(PINTEREST.size_request(f"{LIST}/{AUDIENCE}"), wire, ours))
    same_call("get list", on_the_wire(PINTEREST.size_request(LIST), wire, ours))


def test_an_address_goes_as_the_digest_that_another_platform_publishes_for_it():
    """Pinterest publishes none; Criteo does, of the same form."""
    made = digest(NORMAL_FORMS["email"], " John.Doe@Gmail.com", None).value
    body = PINTEREST.request(LIST, Operation.ADD, [Member(b"m", {"email": made})], PLACE).json
    assert body["records"] == SDK["emails"][0]


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    if isinstance(value, list):
        return [shape(one) for one in value]
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def test_the_sandbox_still_answers_in_the_shapes_that_the_package_read(outside, wire, ours):
    ids: dict[str, str] = {}
    for call in SDK["calls"]:
        told = json.dumps([call["path"], call["body"]])
        for theirs, now in ids.items():
            told = told.replace(theirs, now)
        path, body = json.loads(told)
        answer = ours.send(Request(call["method"], path, json=body, params=call["query"]))
        assert answer.status == call["status"] == 200
        assert shape(answer.json) == shape(call["answer"]), call["name"]
        if call["name"].startswith("create"):
            ids[call["answer"]["id"]] = answer.json["id"]
    assert outside.audiences() == []


def test_a_token_is_renewed_and_each_refresh_token_is_good_once(outside):
    outside.reset()
    form = {"grant_type": "refresh_token", "refresh_token": tokens.REFRESH_TOKEN}
    with httpx.Client(transport=outside.inside, base_url=outside.url, auth=tokens.CLIENT) as client:
        first, again = (client.post("/v5/oauth/token", data=form) for _ in range(2))
        renewed = client.post("/v5/oauth/token", data={**form, "refresh_token": first.json()["refresh_token"]})
    assert (first.status_code, again.status_code, renewed.status_code) == (200, 400, 200)
