"""The simulated Trade Desk and UID2's map, called as their documentation describes them."""

from __future__ import annotations

import base64
import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from uid2_client.request_response_util import _decrypt_payload, create_envelope

from segment_assets.sandbox.platforms.the_trade_desk.identity_map import SECRET
from segment_assets_tests.conformance.kit.outside import URL, InProcess, Outside

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "sandbox-the_trade_desk-token"
ADVERTISER, DEVICE = "adv12345", "6d92078a-8246-4ba4-ae5b-76104861e7dc"
UID2 = base64.b64encode(b"u" * 32).decode()
HASH = base64.b64encode(b"h" * 32).decode()
DAY = 86_400.0


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


@pytest.fixture
def http(inside: InProcess, outside: Outside) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{URL}/the_trade_desk", transport=inside, headers={"TTD-Auth": TOKEN}) as client:
        yield client


def item(**change: Any) -> dict[str, Any]:
    return {"UID2": UID2, "Data": [{"Name": "vip", "TtlInMinutes": 43_200}], **change}


def ingest(http: httpx.Client, *items: Any, **more: Any) -> httpx.Response:
    return http.post("/data/advertiser", json={"AdvertiserId": ADVERTISER, "Items": list(items), **more})


def failed(response: httpx.Response) -> list[tuple[str, str]]:
    assert response.status_code == 200
    return [(line["ItemNumber"], line["ErrorCode"]) for line in response.json()["FailedLines"]]


def held(outside: Outside) -> dict[str, set[str]]:
    return {
        one["name"]: {cell for person in outside.people_of(one) for cell in person.values()}
        for one in outside.audiences()
    }


def data(**change: Any) -> list[dict[str, Any]]:
    return [{"Name": "vip", **change}]


def test_a_segment_comes_into_being_by_its_name_and_a_time_to_live_of_0_takes_out(http, outside):
    assert failed(ingest(http, item(Data=data(TtlInMinutes=0)))) == []
    assert held(outside) == {}
    assert failed(ingest(http, item(), {"DAID": DEVICE, "Data": data(TTLInMinutes=60)})) == []
    assert held(outside) == {"vip": {UID2, DEVICE}}
    assert failed(ingest(http, item(Data=data(TtlInMinutes=0)))) == []
    assert held(outside) == {"vip": {DEVICE}}
    outside.later(3_600)
    assert held(outside) == {"vip": set()}


def test_without_a_time_to_live_it_is_90_days_and_a_segment_is_available_some_hours_later(http, outside):
    ingest(http, item(Data=data()))
    assert [one["state"] for one in outside.audiences()] == ["processing"]
    outside.later(89 * DAY)
    assert [one["state"] for one in outside.audiences()] == ["available"]
    assert held(outside) == {"vip": {UID2}}
    outside.later(1 * DAY)
    assert held(outside) == {"vip": set()}


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (item(UID2="*"), "Uid2Error"),
        (item(UID2=None), "MissingUserId"),
        (item(UID2=None, DAID="x"), "InvalidParameterFormat"),
        (item(DAID=DEVICE), "ItemDeserializationError"),
        (item(Email="jane@x.example"), "ItemDeserializationError"),
        ("text", "ItemDeserializationError"),
        (item(Data=None), "ItemDeserializationError"),
        (item(Data=data(Ttl=1)), "ItemDeserializationError"),
        (item(Data=data(TtlInMinutes=259_201)), "InvalidTtlInMinutes"),
        (item(Data=data(TtlInMinutes="60")), "InvalidTtlInMinutes"),
        (item(Data=data(Name="n" * 257)), "DataNameTooLong"),
        (item(Data=data(BidFactor=101)), "InvalidBidFactor"),
    ],
)
def test_a_line_that_is_wrong_fails_alone(http, outside, wrong, code):
    assert failed(ingest(http, {"DAID": DEVICE, "Data": data()}, wrong)) == [("2", code)]
    assert held(outside) == {"vip": {DEVICE}}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"AdvertiserId": "other", "Items": [item()]}, 403, "IncorrectPermissions"),
        ({"AdvertiserId": ADVERTISER, "Items": []}, 400, "MissingData"),
        ({"AdvertiserId": ADVERTISER}, 400, "MissingData"),
        ({"AdvertiserId": ADVERTISER, "Items": [item()], "Extra": 1}, 400, "SerializationFailed"),
        ({"AdvertiserId": ADVERTISER, "Items": [item()], "DataOrigins": [{"Type": "Us"}]}, 400, "SerializationFailed"),
        (["list"], 400, "SerializationFailed"),
    ],
)
def test_a_request_that_is_wrong_is_refused_as_a_whole(http, outside, body, status, code):
    response = http.post("/data/advertiser", json=body)
    assert (response.status_code, response.json()["ErrorCode"]) == (status, code)
    assert held(outside) == {}


def test_a_token_is_wanted_and_a_size_is_kept_to(http, outside):
    assert http.post("/data/advertiser", headers={"TTD-Auth": ""}).json()["ErrorCode"] == "AuthenticationFailed"
    assert http.post("/data/advertiser", headers={"TTD-Auth": "x"}).json()["ErrorCode"] == "InvalidToken"
    assert http.get("/data/advertiser").status_code == 404
    outside.admin("platforms/the_trade_desk", {"most_bytes": 50})
    assert ingest(http, item()).status_code == 413


def test_some_are_known_to_nobody(http, outside):
    outside.admin("platforms/the_trade_desk", {"not_mapped_share": 1})
    assert failed(ingest(http, item())) == [("1", "UserNotMapped")]


def test_a_deletion_is_from_every_segment_of_the_advertiser(http, outside):
    ingest(http, item(), item(Data=data(Name="other")))
    body = {"AdvertiserId": ADVERTISER, "RequestType": "Deletion", "Items": [{"UID2": UID2}, {"UID2": "*"}, item()]}
    response = http.post("/data/deletion-optout/advertiser", json=body)
    assert failed(response) == [("2", "InvalidUserId"), ("3", "ItemDeserializationError")]
    assert held(outside) == {"vip": set(), "other": set()}
    wrong = http.post("/data/deletion-optout/advertiser", json={**body, "RequestType": "Erase"})
    assert wrong.json()["ErrorCode"] == "SerializationFailed"


def asked(http: httpx.Client, wanted: object, *, age: float = 0.0, **headers: str) -> httpx.Response | dict[str, Any]:
    """As UID2's own package asks."""
    moment = dt.datetime.now(tz=dt.UTC) - dt.timedelta(seconds=age)
    envelope = create_envelope(SECRET, moment, json.dumps(wanted).encode())
    known = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/octet-stream"}
    response = http.post("/v3/identity/map", content=envelope.binary_envelope, headers={**known, **headers})
    if response.status_code != 200:
        return response
    return json.loads(_decrypt_payload(SECRET, response.content, envelope.nonce))["body"]


def test_a_hash_has_an_id_that_changes_and_the_one_before_is_told_for_90_days(http, outside):
    (first,) = asked(http, {"email_hash": [HASH]})["email_hash"]
    assert first["p"] is None
    outside.admin("platforms/the_trade_desk", {"rotations": [first["r"] - 29 * DAY]})
    outside.later(2 * DAY)
    (second,) = asked(http, {"email_hash": [HASH]})["email_hash"]
    assert (second["p"], second["u"] != first["u"]) == (first["u"], True)
    outside.later(90 * DAY)
    (third,) = asked(http, {"phone_hash": [HASH]})["phone_hash"]
    assert (third["u"], third["p"]) == (second["u"], None)


def test_what_is_no_hash_and_who_has_opted_out_have_no_id(http, outside):
    assert asked(http, {"email_hash": ["x", "bm8="]}) == {"email_hash": [{"e": "invalid identifier"}] * 2}
    outside.admin("platforms/the_trade_desk", {"opted_out_share": 1})
    assert asked(http, {"email_hash": [HASH]}) == {"email_hash": [{"e": "optout"}]}


@pytest.mark.parametrize(
    ("wanted", "more", "status"),
    [
        ({}, {}, 400),
        ({"names": [HASH]}, {}, 400),
        ({"email_hash": "x"}, {}, 400),
        ({"email_hash": [HASH] * 5_001}, {}, 400),
        ({"email_hash": [HASH]}, {"age": 61.0}, 400),
        ({"email_hash": [HASH]}, {"Authorization": "Bearer x"}, 401),
    ],
)
def test_the_map_refuses_what_uid2_refuses(http, wanted, more, status):
    response = asked(http, wanted, **more)
    assert response.status_code == status
    assert response.json()["status"] == {400: "client_error", 401: "unauthorized"}[status]


@pytest.mark.parametrize("body", [b"", b"\x02" + bytes(60), b"\x01" + bytes(60)])
def test_an_envelope_that_does_not_open_is_refused(http, body):
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/octet-stream"}
    assert http.post("/v3/identity/map", content=body, headers=headers).status_code == 400
    headers["Content-Type"] = "text/plain"
    assert http.post("/v3/identity/map", content=b"?" + body, headers=headers).status_code == 400


def test_text_is_answered_in_text(http):
    envelope = create_envelope(SECRET, dt.datetime.now(tz=dt.UTC), json.dumps({"email_hash": [HASH]}).encode())
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "text/plain"}
    text = base64.b64encode(envelope.binary_envelope)
    answer = http.post("/v3/identity/map", content=text, headers=headers)
    opened = json.loads(_decrypt_payload(SECRET, base64.b64decode(answer.text), envelope.nonce))
    assert opened["status"] == "success"
