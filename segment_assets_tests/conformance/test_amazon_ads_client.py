"""A client made from Amazon's OpenAPI against our connector and against our sandbox.

The package wants a newer Python than ours, so it was run elsewhere against this sandbox: `vendors/adm_calls.py` did, and
kept in `vendors/adm.json` what went over the wire, what it read of the answers, and its strict models as JSON schemas.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import jsonschema
import pytest

from segment_assets.contracts import AudienceSpec, Consent, Member, Operation, Response, Session
from segment_assets.destinations import connect
from segment_assets.destinations.amazon_ads import CONTRACT
from segment_assets.identity import NORMAL_FORMS, digest
from segment_assets.resources.transport import HttpTransport
from segment_assets_tests.conformance.kit.outside import InProcess, Outside

if TYPE_CHECKING:
    from collections.abc import Iterator

CLIENT = json.loads((Path(__file__).parent / "vendors" / "adm.json").read_text(encoding="utf-8"))
CALLS = {call["name"]: call for call in CLIENT["calls"]}
STATED = {"amzn_user_data": "UNKNOWN", "amzn_ad_storage": "UNKNOWN", "removal_signal": "GRANTED"}
SETTINGS = {"country": "US", "shared_with": "dsp_and_amc", "amc_instance": CLIENT["instance"]}
AMAZON = connect("amazon_ads", CLIENT["account"], SETTINGS, STATED)
SPEC = AudienceSpec(CLIENT["name"], CLIENT["marker"], STATED)
PLACE = Session(token=1, sequence=1, last=True, members_in_total=2, received_before=0)
DATASET = CALLS["create"]["read"]["dataSetId"]
TOKEN = "sandbox-amazon_ads-token"


def person(number: int) -> Member:
    """As the package's: all of them have the same identifiers, and said yes."""
    hashed = {form for form in CLIENT["keys"] if NORMAL_FORMS[form].hashed}
    keys = {form: bytes.fromhex(one) if form in hashed else one for form, one in CLIENT["keys"].items()}
    consent = dict.fromkeys(CONTRACT.consent, Consent.GRANTED.value)
    return Member(bytes.fromhex(CLIENT["people"][number]), {**keys, "country_code": "us"}, consent)


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
    secret = dict.fromkeys(CONTRACT.secret_headers, TOKEN)
    transport = HttpTransport("http://127.0.0.1/amazon_ads", TOKEN, carrier=wire, secret_headers=secret)
    yield transport
    transport.close()


def same_call(name: str, request: httpx.Request, answer: httpx.Response) -> None:
    """Equal in all that the package says, and answered alike but for moments."""
    theirs = CALLS[name]
    path = request.url.path.removeprefix("/amazon_ads")
    assert (request.method, path, dict(request.url.params)) == (theirs["method"], theirs["path"], theirs["query"])
    assert (json.loads(request.content) if request.content else None) == theirs["body"]
    # It asks for JSON by name where we take whatever comes.
    expected = {header: one for header, one in theirs["headers"].items() if (header, one) != ("accept", JSON)}
    assert {header: request.headers.get(header) for header in expected} == expected
    told = json.loads(answer.content) if answer.content else None
    assert (answer.status_code, timeless(told)) == (theirs["status"], timeless(theirs["answer"]))


JSON = "application/json"


def timeless(told: object) -> object:
    if isinstance(told, list):
        return [timeless(one) for one in told]
    if not isinstance(told, dict):
        return told
    return {name: timeless(one) for name, one in told.items() if not name.endswith(("Time", "Created", "Modified"))}


def test_a_dataset_is_made_and_shared_as_the_package_does_it(ours, wire):
    assert AMAZON.create_audience(ours, SPEC) == DATASET
    names = ["create", *(f"{step} {place}" for place in PLACES for step in ("rules", "share"))]
    assert len(wire.kept) == len(names)
    for name, (request, answer) in zip(names, wire.kept, strict=True):
        same_call(name, request, answer)
    AMAZON.create_audience(ours, SPEC)
    same_call("create again", *wire.kept[len(names)])
    assert [request.url.path.rpartition("/")[2] for request, _ in wire.kept[len(names) + 1 :]] == ["list", "list"]


PLACES = ("DSP_AUDIENCES", "AMAZON_MARKETING_CLOUD")


def test_a_dataset_is_found_and_measured_and_deleted_as_the_package_does_it(ours, wire):
    AMAZON.create_audience(ours, SPEC)
    before = len(wire.kept)
    assert AMAZON.find_audience(ours, SPEC) == DATASET
    same_call("list", *wire.kept[before])
    same_call("rules DSP_AUDIENCES again", *wire.kept[before + 1])
    for numbers, operation in ((range(2), Operation.ADD), (range(1), Operation.REMOVE), (range(1), Operation.ADD)):
        ours.send(AMAZON.request(DATASET, operation, [person(n) for n in numbers], PLACE))
    ours.send(AMAZON.size_request(DATASET))
    same_call("metrics", *wire.kept[-1])
    AMAZON.delete_audience(ours, DATASET)
    same_call("delete", *wire.kept[-1])


def test_people_are_added_and_taken_out_as_the_package_does_it(ours, wire):
    AMAZON.create_audience(ours, SPEC)
    ours.send(AMAZON.request(DATASET, Operation.ADD, [person(0), person(1)], PLACE))
    same_call("CREATE", *wire.kept[-1])
    ours.send(AMAZON.request(DATASET, Operation.REMOVE, [person(0)], PLACE))
    same_call("DELETE", *wire.kept[-1])


def test_people_are_erased_as_the_package_does_it(ours, wire):
    settings = SETTINGS | {"manager_account": CALLS["erase"]["headers"]["amazon-ads-manager-account-id"]}
    manager = connect("amazon_ads", CLIENT["account"], settings, STATED)
    answer = ours.send(manager.erasure([person(0), person(1)], PLACE))
    same_call("erase", *wire.kept[-1])
    jsonschema.validate(json.loads(wire.kept[-1][0].content), CLIENT["schemas"]["erase"])
    assert manager.read_erasure([person(0), person(1)], PLACE, answer).accepted == 2
    most = CLIENT["schemas"]["erase"]["properties"]["targetIdentities"]["maxItems"]
    assert manager.contract.erasure.members == most
    assert AMAZON.contract.erasure is None, "only a manager account may ask"


def test_terms_and_data_room_are_asked_for_as_the_package_does_it(ours, wire, outside):
    outside.admin("platforms/amazon_ads", {"data_rooms": []})
    AMAZON.create_audience(ours, SPEC)
    same_call("terms", *wire.kept[1])
    assert wire.kept[2][0].url.path.removeprefix("/amazon_ads") == CALLS["room"]["path"]
    room, answer = wire.kept[3]
    assert (room.method, room.url.path.removeprefix("/amazon_ads")) == ("POST", CALLS["make room"]["path"])
    # The package sends no body; Amazon's own walk-through sends an empty object.
    assert (json.loads(room.content), answer.status_code) == ({}, CALLS["make room"]["status"])


def test_the_models_take_every_body_that_we_send(ours, wire):
    AMAZON.create_audience(ours, SPEC)
    for operation in (Operation.ADD, Operation.REMOVE):
        ours.send(AMAZON.request(DATASET, operation, [person(0)], PLACE))
    models = {"audiences": "create", "list": "rules", "sharingRules": "share", "members": "members"}
    bodies = [(request.url.path.rpartition("/")[2], json.loads(request.content)) for request, _ in wire.kept]
    assert {name for name, _ in bodies} == set(models)
    for name, body in bodies:
        jsonschema.validate(body, CLIENT["schemas"][models[name]])


def test_the_words_and_the_most_members_are_those_of_the_models():
    members = CLIENT["schemas"]["members"]
    enumerations = [one for model in members["$defs"].values() for one in words_of(model)]
    signals = {*CONTRACT.statements["amzn_user_data"], *CONTRACT.statements["amzn_ad_storage"]}
    assert signals == set(enumerations) & {"GRANTED", "DENIED", "UNKNOWN", "NOT_APPLICABLE"}
    assert CONTRACT.batch_members <= members["properties"]["members"]["maxItems"]
    assert CONTRACT.verified_with == CLIENT["source"]


def words_of(model: dict) -> list[str]:
    parts = [part for field in model["properties"].values() for part in (field, *field.get("anyOf", ()))]
    return [word for part in parts for word in part.get("enum", ())]


def test_the_package_reads_every_field_that_the_sandbox_answers():
    for name in ("terms", "room", "create", "CREATE", "metrics", "share DSP_AUDIENCES", "CREATE a bad one"):
        assert set(CALLS[name]["read"]) == set(CALLS[name]["answer"]), name


def test_a_refused_member_is_named_by_the_place_that_the_package_reads():
    theirs = CALLS["CREATE a bad one"]
    (error,) = theirs["read"]["errors"]
    assert theirs["body"]["members"][int(error["index"])]["userIdentity"] == {}
    answer = AMAZON.read([person(0), person(1)], PLACE, Response(200, {}, theirs["answer"]))
    assert answer.rejected == {int(error["index"]): f"{error['code']}/{error['errors'][0]['errorType']}"}


@pytest.mark.parametrize(
    ("form", "raw", "published"),
    [
        # Published in the sample rows of AWS's uploader for Amazon Marketing Cloud.
        ("email_amazon", "ckahen3r@uiuc.edu", "65ba55320582c1d70a6d6f7c36afca20946d504dc55e27321e82aa2da2991e57"),
        ("phone_digits", "+1 (312) 947-5907", "c2f6b2530a23d65ad795aefa7c4cff918b9aa40c3df5a2953125e032cbf47641"),
    ],
)
def test_an_identifier_is_normalised_and_hashed_as_amazons_sample_rows_are(form, raw, published):
    value = digest(NORMAL_FORMS[form], raw, "us").value
    request = AMAZON.request("1", Operation.REMOVE, [Member(b"m", {form: value})], PLACE)
    (identity,) = request.json["members"][0]["userIdentity"]["hashedPiis"]
    assert list(identity.values()) == [published]
