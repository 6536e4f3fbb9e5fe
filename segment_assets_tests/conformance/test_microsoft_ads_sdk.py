"""Microsoft's official package against our connector and against our sandbox.

To load the package takes six seconds, so it was run elsewhere against this sandbox: `vendors/msads_calls.py` did, and
kept what went over the wire in `vendors/msads.json`. The package checks the type of every field that it reads.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from segment_assets.contracts import AudienceSpec, Member, Operation, Response, Session
from segment_assets.destinations import connect
from segment_assets.destinations.microsoft_ads import CONTRACT
from segment_assets.identity import NORMAL_FORMS, digest
from segment_assets.resources.transport import HttpTransport
from segment_assets_tests.conformance.kit.outside import InProcess, Outside

if TYPE_CHECKING:
    from collections.abc import Iterator

SDK = json.loads((Path(__file__).parent / "vendors" / "msads.json").read_text(encoding="utf-8"))
CALLS = {call["name"]: call for call in SDK["calls"]}
TOKEN = "sandbox-microsoft_ads-token"
MICROSOFT = connect(
    "microsoft_ads", SDK["account"], {"customer_id": SDK["customer"]}, {"customer_match_terms": "ACCEPTED"}
)
SPEC = AudienceSpec(SDK["name"], SDK["marker"], {})
PLACE = Session(token=1, sequence=1, last=True, members_in_total=2, received_before=0)
PEOPLE = [Member(bytes([n]), {"email": bytes.fromhex(one)}) for n, one in enumerate(SDK["emails"])]
AUDIENCE = CALLS["create"]["read"]["AudienceIds"][0]
# Of the package alone: who it is, and a date that a caller may pin an API revision with.
THEIR_HEADERS = {"accept", "user-agent", "api-revision"}


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
    transport = HttpTransport(
        CONTRACT.endpoint, TOKEN, carrier=wire, secret_headers=dict.fromkeys(CONTRACT.secret_headers, TOKEN)
    )
    yield transport
    transport.close()


def same_call(name: str, request: httpx.Request, **known_difference: Any) -> None:
    theirs = CALLS[name]
    assert (request.method, request.url.path) == (theirs["method"], theirs["path"])
    assert json.loads(request.content) == theirs["body"] | known_difference
    expected = {name: one for name, one in theirs["headers"].items() if name not in THEIR_HEADERS}
    assert {name: request.headers.get(name) for name in expected} == expected


def test_a_list_is_made_found_and_deleted_as_the_package_does_it(ours, wire):
    made = MICROSOFT.create_audience(ours, SPEC)
    assert made == AUDIENCE
    same_call("create", wire.kept[-1][0])
    assert MICROSOFT.find_audience(ours, SPEC) == made
    same_call("list", wire.kept[-1][0])
    ours.send(MICROSOFT.size_request(made))
    same_call("get", wire.kept[-1][0])
    MICROSOFT.delete_audience(ours, made)
    same_call("delete", wire.kept[-1][0])


@pytest.mark.parametrize("operation", [Operation.ADD, Operation.REMOVE])
def test_people_are_added_and_taken_out_as_the_package_does_it(ours, wire, operation):
    ours.send(MICROSOFT.request(AUDIENCE, operation, PEOPLE, PLACE))
    same_call({Operation.ADD: "Add", Operation.REMOVE: "Remove"}[operation], wire.kept[-1][0])


def test_what_we_send_is_in_the_enumerations_of_the_package(ours, wire):
    MICROSOFT.create_audience(ours, SPEC)
    made = json.loads(wire.kept[-1][0].content)["Audiences"][0]
    assert {sent.field for sent in CONTRACT.match_keys.values()} <= set(SDK["sub_types"])
    assert made["Scope"] in SDK["scopes"]
    assert SDK["host"] == CONTRACT.endpoint
    assert CONTRACT.verified_with == SDK["source"]


def test_the_sandbox_answers_in_the_shape_that_the_package_can_read(ours, wire):
    """The same calls as the package's, in its order: the answers have the same fields as those that it took."""
    made = MICROSOFT.create_audience(ours, SPEC)
    steps = {
        "Add": MICROSOFT.request(made, Operation.ADD, PEOPLE, PLACE),
        "Remove": MICROSOFT.request(made, Operation.REMOVE, PEOPLE, PLACE),
        "get": MICROSOFT.size_request(made),
    }
    for name, request in steps.items():
        answer = ours.send(request).json
        theirs = CALLS[name]
        assert answer == theirs["answer"]
        read = theirs["read"]["Audiences"][0] if name == "get" else theirs["read"]
        shown = answer["Audiences"][0] if name == "get" else answer
        assert {field: read[field] for field in shown} == shown, "the package has read every field"


def test_a_partial_error_names_the_place_of_an_item_for_the_package_and_for_us():
    theirs = CALLS["Add a bad one"]
    (error,) = theirs["read"]["PartialErrors"]
    assert theirs["body"]["CustomerListUserData"]["CustomerListItems"][error["Index"]] == "no digest"
    answer = MICROSOFT.read(PEOPLE, PLACE, Response(200, {}, theirs["answer"]))
    assert answer.rejected == {error["Index"]: f"{error['Code']} {error['ErrorCode']}"}


def test_a_list_that_was_not_made_is_null_which_the_package_cannot_read():
    """Known difference: the reference has null in the place of what was not made, the package's type is a text."""
    assert CALLS["create again"]["answer"]["AudienceIds"] == [None]
    assert CALLS["create again"]["read"] is None


@pytest.mark.parametrize(
    ("raw", "published"),
    [
        # Published in the tests of Segment's connector.
        ("one@segment.com", "fa0779840f54498c090fcd179780c15a101115a62dbfe245169885dd9b2504d8"),
        ("Two@segment.com ", "8c45724ef458e6667e3e243a86c1a808a397b603840324218c47688ef12b2f28"),
        # Microsoft's page shows another digest for it (a8e34c39...), which is the SHA-256 of nothing that it says.
        (" Test@Contoso.com", "f25ad364d33972379a7a4f4df33db142205f5c40eb19cfdb2fc5aaf117e10101"),
    ],
)
def test_an_e_mail_is_trimmed_lower_cased_and_hashed(raw, published):
    (sent,) = CONTRACT.match_keys.values()
    value = digest(NORMAL_FORMS[sent.form], raw, None).value
    request = MICROSOFT.request("1", Operation.ADD, [Member(b"m", {sent.form: value})], PLACE)
    assert request.json["CustomerListUserData"]["CustomerListItems"] == [published]
