"""Hashes on their way to an identity map and ids on their way to a platform: what is asked, what fails, what is told.

That the envelopes are UID2's own is in `conformance/test_ttd_sdk`.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import httpx
import pytest
from uid2_client.encryption import _decrypt_gcm, _encrypt_gcm

from segment_assets.contracts import NeedsHumanError, Request, Response, TransientError
from segment_assets.contracts.mapping import MappedId
from segment_assets.destinations import connect
from segment_assets.resources.destination_account import DestinationAccount
from segment_assets.resources.identity_map import MOST_HASHES, IdentityMap
from segment_assets.resources.mapped_transport import MappedTransport
from segment_assets.resources.transport import HttpTransport
from segment_assets.sandbox.platforms.the_trade_desk.identity_map import SECRET

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEY = base64.b64encode(SECRET).decode()
HASHES = [base64.b64encode(bytes([n]) * 32).decode() for n in range(3)]


class Operator(httpx.BaseTransport):
    """Answers as a map: with what `told` makes of the question, sealed by UID2's own package."""

    def __init__(self, told: Callable[[dict], object], status: int = 200, spoil: Callable[[bytes], bytes] = bytes):
        self.told, self.status, self.spoil = told, status, spoil
        self.asked: list[dict] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        opened = _decrypt_gcm(request.content[1:], SECRET)
        self.asked.append(json.loads(opened[16:]))
        sealed = _encrypt_gcm(bytes(8) + opened[8:16] + json.dumps(self.told(self.asked[-1])).encode(), None, SECRET)
        content = self.spoil(bytes(sealed))
        return httpx.Response(self.status, content=content, headers={"content-type": "application/octet-stream"})


def everybody(asked: dict) -> dict:
    body = {kind: [{"u": f"id {one}", "p": None, "r": 1} for one in hashes] for kind, hashes in asked.items()}
    return {"status": "success", "body": body}


def saying(*places: object, **more: object) -> Callable[[dict], object]:
    return lambda asked: {"status": "success", "body": {"email_hash": list(places)}, **more}


def map_at(operator: httpx.BaseTransport, secret: str = KEY) -> IdentityMap:
    return IdentityMap(HttpTransport("https://operator.example", "key", carrier=operator), secret)


def asked(told: Callable[[dict], object], **more: object) -> dict:
    return map_at(Operator(told, **more)).ids({"email_hash": HASHES[:1]})["email_hash"]


def test_a_call_has_at_most_so_many_hashes_and_the_answers_come_together():
    operator = Operator(everybody)
    hashes = [f"h{n}" for n in range(MOST_HASHES + 1)]
    ids = map_at(operator).ids({"email_hash": hashes, "phone_hash": ["p"]})
    assert MOST_HASHES == 5_000
    assert [(*one, len(*one.values())) for one in operator.asked] == [
        ("email_hash", MOST_HASHES),
        ("email_hash", 1),
        ("phone_hash", 1),
    ]
    assert ids["email_hash"] == {one: MappedId(f"id {one}") for one in hashes}
    assert ids["phone_hash"] == {"p": MappedId("id p")}


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"u": "now", "p": "before", "r": 1, "new": 1}, MappedId("now", "before")),
        ({"u": "now"}, MappedId("now")),
        ({"u": "now", "p": 7}, MappedId("now")),
        ({"e": "optout"}, MappedId(reason="uid2_opted_out")),
        ({"e": "invalid identifier"}, MappedId(reason="uid2_invalid")),
    ],
)
def test_a_place_is_an_id_or_a_reason_of_ours(told, found):
    assert asked(saying(told)) == {HASHES[0]: found}


@pytest.mark.parametrize(
    "told",
    [
        saying(),
        saying({"u": "a"}, {"u": "b"}),
        saying({"u": "a"}, status="unauthorized"),
        saying({"u": "a"}, body=None),
        lambda _: ["list"],
        lambda _: {},
        *(saying(one) for one in ({"e": "words"}, {"u": ""}, {"u": 7}, {}, None, "x")),
    ],
)
def test_an_answer_that_does_not_fit_the_question_is_asked_for_again(told):
    with pytest.raises(TransientError, match="asked again"):
        asked(told)


@pytest.mark.parametrize(
    "spoil", [lambda _: b"", lambda b: b[:40], lambda b: b[:-1] + bytes([b[-1] ^ 1]), lambda _: b"{}"]
)
def test_an_answer_that_does_not_open_is_asked_for_again(spoil):
    with pytest.raises(TransientError, match="asked again"):
        asked(everybody, spoil=spoil)


def test_an_answer_to_somebody_else_s_question_is_none():
    def answer(request: httpx.Request) -> httpx.Response:
        text = json.dumps(everybody({"email_hash": HASHES[:1]})).encode()
        return httpx.Response(200, content=bytes(_encrypt_gcm(bytes(16) + text, None, SECRET)))

    with pytest.raises(TransientError, match="not one to the question"):
        map_at(httpx.MockTransport(answer)).ids({"email_hash": HASHES[:1]})


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (400, NeedsHumanError, "clock"),
        (413, NeedsHumanError, "identity_map_secret"),
        (401, NeedsHumanError, "identity_map_key"),
        (403, NeedsHumanError, "identity_map_key"),
        (408, TransientError, "asked again"),
        (429, TransientError, "asked again"),
        (500, TransientError, "asked again"),
        (302, TransientError, "asked again"),
    ],
)
def test_a_refusal_says_what_to_do(status, kind, words):
    with pytest.raises(kind, match=words) as error:
        asked(everybody, status=status)
    assert str(status) in str(error.value)


@pytest.mark.parametrize("secret", ["", "c2hvcnQ=", "no base64!", KEY[:-2]])
def test_a_secret_that_is_none_asks_a_person_and_is_not_quoted(secret):
    with pytest.raises(NeedsHumanError, match="identity_map_secret") as error:
        map_at(Operator(everybody), secret).ids({"email_hash": HASHES})
    assert not secret or secret not in str(error.value)


def test_no_repr_has_a_secret_or_an_id():
    said = repr(map_at(Operator(everybody))) + repr(asked(everybody))
    assert KEY not in said
    assert "id " not in said


class Platform:
    """A platform that fails `times` for a reason that passes."""

    def __init__(self, times: int) -> None:
        self.times, self.sent, self.is_closed = times, [], False

    def send(self, request: Request) -> Response:
        self.sent.append(request)
        failed = [{"ItemNumber": "1", "ErrorCode": "Unknown"}] if len(self.sent) <= self.times else []
        return Response(200, {}, {"FailedLines": failed})

    def close(self) -> None:
        self.is_closed = True


@pytest.mark.parametrize(("times", "sent", "waited"), [(0, 1, []), (1, 2, [1.0]), (9, 3, [1.0, 4.0])])
def test_what_failed_for_now_is_sent_once_more_and_then_told(times, sent, waited):
    platform, pauses = Platform(times), []
    desk = connect("the_trade_desk", "adv1")
    transport = MappedTransport(platform, map_at(Operator(everybody)), desk, sleep=pauses.append)
    request = Request("POST", "/data/advertiser", json={"Items": [{"email_hash": HASHES[0], "Data": [{"Name": "x"}]}]})
    response = transport.send(request)
    assert (len(platform.sent), pauses) == (sent, waited)
    assert all(one.json["Items"][0]["UID2"] == f"id {HASHES[0]}" for one in platform.sent)
    assert len(response.json["FailedLines"]) == (1 if times > sent else 0)
    transport.close()
    assert platform.is_closed


def account(home: Path, **more: str | bool) -> DestinationAccount:
    return DestinationAccount(
        destination="the_trade_desk",
        account="adv1",
        secrets_home=str(home),
        token="sandbox-the_trade_desk-token",
        **{"endpoint": "https://usw-data.adsrvr.org", **more},
    )


def test_the_keys_of_the_map_come_from_the_secret_of_the_account(tmp_path: Path):
    secret = {"access_token": "told by the desk", "identity_map_key": "told to nobody", "identity_map_secret": KEY}
    (tmp_path / "the_trade_desk.adv1.json").write_text(json.dumps(secret))
    _, transport = account(tmp_path).connect()
    assert isinstance(transport, MappedTransport)
    to_map = transport.identity_map.transport
    assert (to_map.base_url, to_map.token, to_map.token_header) == (
        "https://prod.uidapi.com",
        "told to nobody",
        "Authorization",
    )
    assert transport.identity_map.client_secret == KEY
    assert (transport.platform.token, transport.platform.token_header) == ("told by the desk", "TTD-Auth")
    assert not any(one in repr(transport) for one in secret.values())


def test_hashed_e_mails_never_go_to_the_real_map_when_the_platform_is_another_s(tmp_path: Path):
    elsewhere = {"endpoint": "https://stand-in.example", "is_diverted": True}
    with pytest.raises(NeedsHumanError, match=r"the_trade_desk\.identity_map in SEGMENT_ASSETS_ENDPOINTS"):
        account(tmp_path, **elsewhere).connect()
    _, transport = account(tmp_path, **elsewhere, identity_map="https://map.example").connect()
    assert transport.identity_map.transport.base_url == "https://map.example"


def test_without_keys_whatever_needs_no_map_goes_and_the_rest_asks_a_person(tmp_path: Path):
    _, transport = account(tmp_path).connect()
    transport.platform = Platform(0)
    device = {"Items": [{"DAID": "6d92078a-8246-4ba4-ae5b-76104861e7dc", "Data": []}]}
    assert transport.send(Request("POST", "/data/advertiser", json=device)).status == 200
    with pytest.raises(NeedsHumanError, match="identity_map_key"):
        transport.send(Request("POST", "/data/advertiser", json={"Items": [{"email_hash": HASHES[0]}]}))


def test_the_sandbox_has_a_map_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(DestinationAccount, "_sandbox_url", lambda _: "http://127.0.0.1:9")
    _, transport = account(tmp_path, endpoint="", sandbox_home=str(tmp_path)).connect()
    assert transport.identity_map.transport.base_url == "http://127.0.0.1:9/the_trade_desk"
    assert transport.identity_map.transport.token == "sandbox-the_trade_desk-token"
    assert transport.identity_map.client_secret == KEY
