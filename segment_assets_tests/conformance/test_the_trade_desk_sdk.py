"""The Trade Desk's own package, and UID2's, against our connector and against our sandbox.

ttd-data was run elsewhere, against this sandbox: `vendors/ttd_data_calls.py` did, and kept what went over the wire in
`vendors/ttd_data.json`. It checks the type of every field that it reads. uid2-client is a dependency of these tests: its
own encryption opens our envelopes and seals those that we open.

Where we differ on purpose: the package sends a `*` for whoever has no id and lets it be refused, we send nothing for
them; it takes nobody out by the id of before a rotation; it adds its own name to DataOrigins.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from uid2_client import IdentityMapV3Input
from uid2_client.encryption import _decrypt_gcm, _encrypt_gcm
from uid2_client.identity_map_v3_response import IdentityMapV3Response
from uid2_client.input_util import normalize_and_hash_email, normalize_and_hash_phone
from uid2_client.request_response_util import auth_headers

from segment_assets.contracts import AudienceSpec, MatchKey, Member, NeedsHumanError, Operation, Session
from segment_assets.contracts.mapping import MappedId
from segment_assets.destinations import connect
from segment_assets.destinations.the_trade_desk import CONTRACT
from segment_assets.identity import NORMAL_FORMS, digest
from segment_assets.resources.identity_map import IdentityMap
from segment_assets.resources.mapped_transport import MappedTransport
from segment_assets.resources.transport import HttpTransport
from segment_assets.sandbox.platforms.the_trade_desk.identity_map import SECRET, TOKEN
from segment_assets_tests.conformance.kit.outside import InProcess, Outside

if TYPE_CHECKING:
    from collections.abc import Iterator

SDK = json.loads((Path(__file__).parent / "vendors" / "ttd_data.json").read_text(encoding="utf-8"))
CALLS = {call["name"]: call for call in SDK["calls"]}
DESK = connect("the_trade_desk", SDK["advertiser"], statements={"data_origin": "Advertiser"})
NAME = DESK.create_audience(None, AudienceSpec(SDK["name"], SDK["marker"], {}))


def raw(text: str) -> bytes:
    return base64.b64decode(text)


# The third of the package's e-mails is no hash at all: such a value reaches no connector of ours.
PEOPLE = {
    "email": [Member(bytes([n]), {"email_uid2": raw(one)}) for n, one in enumerate(SDK["emails"][:2])],
    "phone": [Member(b"p", {"phone_e164": raw(SDK["phone"])})],
    "ramp_id": [Member(b"r", {"ramp_id": SDK["ramp"]})],
    "mobile_ad_id": [Member(b"d", {"mobile_ad_id": SDK["device"]})],
}


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


def way(wire: httpx.BaseTransport, token: str = TOKEN) -> MappedTransport:
    to_map = HttpTransport(CONTRACT.identity_map, TOKEN, carrier=wire)
    platform = HttpTransport(CONTRACT.endpoint, token, carrier=wire, token_header=CONTRACT.token_header)
    return MappedTransport(platform, IdentityMap(to_map, base64.b64encode(SECRET).decode()), DESK)


def place(kind: str, members: int) -> Session:
    lane = (MatchKey(kind),)
    return Session(token=1, sequence=1, last=True, members_in_total=members, received_before=0, lane=lane)


def as_the_package_would(call: dict[str, Any]) -> dict[str, Any]:
    """Without what only the package says: its own name, and the `*` of those who have no id."""
    body = {**call["body"], "Items": [item for item in call["body"]["Items"] if item.get("UID2") != "*"]}
    if "DataOrigins" in body:
        body["DataOrigins"] = [one for one in body["DataOrigins"] if one["Type"] != "Integration"]
    return body


def same_call(name: str, ours: httpx.Request) -> None:
    theirs = CALLS[name]
    assert (ours.method, ours.url.path) == (theirs["method"], theirs["path"])
    assert json.loads(ours.content) == as_the_package_would(theirs)
    assert ours.headers["ttd-auth"] == theirs["headers"]["ttd-auth"]
    assert ours.headers["content-type"] == theirs["headers"]["content-type"]


@pytest.mark.parametrize("kind", PEOPLE)
@pytest.mark.parametrize("operation", [Operation.ADD, Operation.REMOVE])
def test_people_are_added_and_taken_out_as_the_package_does_it(wire, operation, kind):
    members = PEOPLE[kind]
    response = way(wire).send(DESK.request(NAME, operation, members, place(kind, len(members))))
    same_call(f"{operation.value} {kind}", wire.kept[-1])
    answer = DESK.read(members, place(kind, len(members)), response)
    assert (answer.accepted, answer.rejected) == (len(members), {})


def test_people_are_erased_as_the_package_does_it(wire):
    way(wire).send(DESK.erasure(PEOPLE["email"][:1], place("email", 1)))
    same_call("erase email", wire.kept[-1])


def test_who_has_no_id_is_refused_here_and_there_and_is_not_sent(wire, outside):
    outside.admin("platforms/the_trade_desk", {"opted_out_share": 1})
    members, session = PEOPLE["email"], place("email", 2)
    answer = DESK.read(members, session, way(wire).send(DESK.request(NAME, Operation.ADD, members, session)))
    assert answer.rejected == {0: "uid2_opted_out", 1: "uid2_opted_out"}
    assert [request.url.path for request in wire.kept] == ["/v3/identity/map"]
    (told,) = CALLS["add email"]["read"]["FailedLines"]
    assert (told["ItemNumber"], told["ErrorCode"]) == ("3", "Uid2Error")


@pytest.mark.parametrize(
    ("name", "token", "advertiser", "words"),
    [("no token", "bad", SDK["advertiser"], "make a new one"), ("no permission", TOKEN, "other", "permission")],
)
def test_what_the_package_calls_an_error_asks_a_person(wire, name, token, advertiser, words):
    kind, status = CALLS[name]["read"]
    assert kind == "APIError"
    desk, members, session = connect("the_trade_desk", advertiser), PEOPLE["mobile_ad_id"], place("mobile_ad_id", 1)
    response = way(wire, token).send(desk.request(NAME, Operation.ADD, members, session))
    assert response.status == status
    with pytest.raises(NeedsHumanError, match=words):
        desk.read(members, session, response)


def test_the_package_reads_every_answer_of_the_sandbox():
    assert (SDK["version"], SDK["uid2_client"]) == ("0.3.2", "2.9.0")
    for call in CALLS.values():
        if call["status"] == 200:
            places = [(line["ItemNumber"], line["ErrorCode"]) for line in call["answer"]["FailedLines"]]
            assert [(line["ItemNumber"], line["ErrorCode"]) for line in call["read"]["FailedLines"]] == places
    assert [CALLS[name]["status"] for name in ("no token", "no permission")] == [401, 403]


def test_addresses_and_numbers_are_hashed_as_the_client_of_uid2_does_it():
    email, phone = " JaneSaoirse+Work@gmail.com ", "+12345678901"
    ours = {
        "email": digest(NORMAL_FORMS["email_uid2"], email, None).value,
        "phone": digest(NORMAL_FORMS["phone_e164"], phone, None).value,
    }
    theirs = {"email": normalize_and_hash_email(email), "phone": normalize_and_hash_phone(phone)}
    for kind, form in (("email", "email_uid2"), ("phone", "phone_e164")):
        request = DESK.request(NAME, Operation.ADD, [Member(b"m", {form: ours[kind]})], place(kind, 1))
        assert DESK.hashes(request) == {f"{kind}_hash": [theirs[kind]]}


class TestEnvelopes:
    """Ours opened by the package, and the package's by us."""

    NONCE, MOMENT = b"n" * 8, 1_763_790_000.5

    def mapped(self, told: object) -> tuple[dict[str, Any], httpx.Request]:
        seen: list[httpx.Request] = []

        def answer(request: httpx.Request) -> httpx.Response:
            seen.append(request)
            text = json.dumps({"status": "success", "body": told}).encode()
            sealed = _encrypt_gcm(bytes(8) + self.NONCE + text, None, SECRET)
            return httpx.Response(200, content=sealed, headers={"content-type": "application/octet-stream"})

        transport = HttpTransport("https://operator.example", "key", carrier=httpx.MockTransport(answer))
        secret = base64.b64encode(SECRET).decode()
        made = IdentityMap(transport, secret, clock=lambda: self.MOMENT, random=lambda size: b"n" * size)
        return made.ids({"email_hash": SDK["emails"][:2]}), seen[0]

    def test_the_package_opens_ours_and_we_open_its(self):
        told = {"email_hash": [{"u": "one", "p": "before", "r": 1763800000}, {"e": "optout"}]}
        ids, request = self.mapped(told)
        opened = _decrypt_gcm(request.content[1:], SECRET)
        assert request.content[:1] == b"\x01"
        assert int.from_bytes(opened[:8], "big") == 1_763_790_000_500
        assert opened[8:16] == self.NONCE
        wanted = IdentityMapV3Input.from_hashed_emails(SDK["emails"][:2])
        asked = json.loads(wanted.get_identity_map_input_as_json_string())
        assert json.loads(opened[16:]) == {"email_hash": asked["email_hash"]}
        theirs = IdentityMapV3Response(json.dumps({"status": "success", "body": told}), wanted)
        one, other = SDK["emails"][:2]
        mapped, unmapped = theirs.mapped_identities[one], theirs.unmapped_identities[other]
        assert ids["email_hash"][one] == MappedId(mapped.current_raw_uid, mapped.previous_raw_uid)
        assert unmapped.raw_reason == "optout"
        assert ids["email_hash"][other] == MappedId(reason="uid2_opted_out")

    def test_the_call_has_the_headers_of_the_package(self):
        _, request = self.mapped({"email_hash": [{"e": "optout"}, {"e": "optout"}]})
        assert request.headers["authorization"] == auth_headers("key")["Authorization"]
        assert request.headers["content-type"] == "application/octet-stream"
        assert (request.method, request.url.path) == ("POST", "/v3/identity/map")

    def test_the_package_and_we_ask_the_sandbox_for_the_same(self, wire):
        kinds = [kind for one in SDK["maps"] for kind in one["told"]["body"]]
        assert set(kinds) == {"email_hash", "phone_hash"}
        for one in SDK["maps"]:
            for kind, hashes in one["wanted"].items():
                ours = way(wire).identity_map.ids({kind: hashes})[kind]
                theirs = dict(zip(hashes, one["told"]["body"].get(kind, []), strict=True))
                assert {name: mapped.current or None for name, mapped in ours.items()} == {
                    name: told.get("u") for name, told in theirs.items()
                }
