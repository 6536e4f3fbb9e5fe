"""Criteo's official package against our connector and against our sandbox.

The package was run elsewhere, against this sandbox: `vendors/sdk_calls.py` did, and kept what went over the wire in
`vendors/criteo_sdk.json`. The package checks the type of every field that it reads, so an answer of the same shape is
one that it takes. It is of version 2027-01 of the API; the stable one differs in its path only.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpx
import pytest

from segment_assets.contracts import AudienceSpec, MatchKey, Member, NeedsHumanError, Operation, Request, Session
from segment_assets.destinations import connect
from segment_assets.destinations.criteo import CONTRACT
from segment_assets.identity import NORMAL_FORMS, digest
from segment_assets.resources.transport import HttpTransport
from segment_assets_tests.conformance.kit.outside import InProcess, Outside

if TYPE_CHECKING:
    from collections.abc import Iterator

SDK = json.loads((Path(__file__).parent / "vendors" / "criteo_sdk.json").read_text(encoding="utf-8"))
CALLS = {call["name"]: call for call in SDK["calls"] if "name" in call}
(TOKENS,) = [call for call in SDK["calls"] if "name" not in call]
ADVERTISER, TOKEN = "12345", "sandbox-criteo-token"
CRITEO = connect("criteo", ADVERTISER, {"api_version": "2027-01"})
SPEC = AudienceSpec(SDK["name"], SDK["marker"], {})
SEGMENT = CALLS["create"]["read"]["data"][0]["id"]
# The digest that Criteo publishes for this address.
PUBLISHED = "375320dd9ae7ed408002f3768e16cb5f28c861062fd50dff9a3bff62e9dce4ef"
PEOPLE = {
    "email": [Member(bytes([n]), {"email": bytes.fromhex(one)}) for n, one in enumerate(SDK["emails"])],
    "madid": [Member(b"d", {"mobile_ad_id": SDK["device"]})],
}
LANES = {"email": (MatchKey.EMAIL,), "madid": (MatchKey.MOBILE_AD_ID,)}


class Keeping(httpx.BaseTransport):
    """Keeps our requests as they go over the wire."""

    def __init__(self, inside: InProcess) -> None:
        self.kept: list[httpx.Request] = []
        self._inside = inside

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.kept.append(request)
        return self._inside.handle_request(request)


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


def place(kind: str, members: int) -> Session:
    return Session(token=1, sequence=1, last=True, members_in_total=members, received_before=0, lane=LANES[kind])


def same_call(name: str, ours: httpx.Request) -> None:
    theirs = CALLS[name]
    assert (ours.method, ours.url.path) == (theirs["method"], theirs["path"])
    assert dict(ours.url.params) == theirs["query"]
    assert (json.loads(ours.content) if ours.content else None) == theirs["body"]
    assert ours.headers["authorization"].startswith("Bearer ")
    assert theirs["headers"]["authorization"].startswith("Bearer ")
    if ours.content:
        assert ours.headers["content-type"] == theirs["headers"]["content-type"]


def test_a_segment_is_made_found_and_deleted_as_the_package_does_it(ours, wire):
    CRITEO.create_audience(ours, SPEC)
    same_call("create", wire.kept[-1])
    assert CRITEO.find_audience(ours, SPEC)
    same_call("search", wire.kept[-1])
    ours.send(CRITEO.size_request(SEGMENT))
    same_call("statistics", wire.kept[-1])
    made = CRITEO.find_audience(ours, AudienceSpec("", SPEC.marker, {}))
    CRITEO.delete_audience(ours, made)
    for name, request in zip(("clear", "delete"), wire.kept[-2:], strict=True):
        told = json.dumps([str(request.url), request.content.decode()]).replace(made, SEGMENT)
        url, content = json.loads(told)
        same_call(name, httpx.Request(request.method, url, headers=request.headers, content=content.encode()))


@pytest.mark.parametrize("kind", ["email", "madid"])
@pytest.mark.parametrize("operation", [Operation.ADD, Operation.REMOVE])
def test_people_are_added_and_taken_out_as_the_package_does_it(ours, wire, operation, kind):
    members = PEOPLE[kind]
    ours.send(CRITEO.request(SEGMENT, operation, members, place(kind, len(members))))
    same_call(f"{operation.value} {kind}", wire.kept[-1])


def test_an_address_goes_as_the_digest_that_criteo_publishes():
    made = digest(NORMAL_FORMS["email"], " John.Doe@Gmail.com", None).value
    body = CRITEO.request(SEGMENT, Operation.ADD, [Member(b"m", {"email": made})], place("email", 1)).json
    assert body["data"]["attributes"]["identifiers"] == [PUBLISHED]


def test_a_second_segment_of_one_name_is_refused_under_200_by_the_sandbox_as_the_package_read_it(ours):
    assert CALLS["create again"]["read"]["errors"][0]["code"] == "name-must-be-unique"
    CRITEO.create_audience(ours, SPEC)
    with pytest.raises(NeedsHumanError, match="rename"):
        CRITEO.create_audience(ours, SPEC)


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    if isinstance(value, list):
        return [shape(one) for one in value]
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def test_the_sandbox_still_answers_in_the_shapes_that_the_package_read(outside, wire, ours):
    now = SEGMENT
    for name, call in CALLS.items():
        path, body = json.loads(json.dumps([call["path"], call["body"]]).replace(SEGMENT, now))
        answer = ours.send(Request(call["method"], path, json=body, params=call["query"]))
        assert answer.status == call["status"] == 200
        assert shape(answer.json) == shape(call["answer"]), name
        now = answer.json["data"][0]["id"] if name == "create" else now
    assert outside.audiences() == []


def test_the_stable_version_differs_in_its_path_only():
    stable = connect("criteo", ADVERTISER)
    for kind, members in PEOPLE.items():
        calls = [one.request(SEGMENT, Operation.ADD, members, place(kind, len(members))) for one in (CRITEO, stable)]
        newest, default = calls
        assert default.json == newest.json
        assert default.path == newest.path.replace("/2027-01/", "/2026-07/")


def test_a_token_is_given_for_the_form_that_the_package_sends_and_ends_after_its_15_minutes(outside, wire):
    request = httpx.Request(
        "POST",
        f"{outside.url}{TOKENS['path']}",
        headers={"content-type": TOKENS["headers"]["content-type"]},
        content=urlencode(TOKENS["form"]).encode(),
    )
    given = wire.handle_request(request).json()
    assert (given["token_type"], given["expires_in"]) == ("Bearer", 900)
    for later, status in ((0, 200), (901, 401)):
        outside.later(later)
        transport = HttpTransport(CONTRACT.endpoint, given["access_token"], carrier=wire)
        body = CALLS["search"]["body"]
        answer = transport.send(Request("POST", CALLS["search"]["path"], json=body))
        transport.close()
        assert answer.status == status
