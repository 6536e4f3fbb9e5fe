"""What a platform wants to be kept secret beside its token: from the secret store into its header, and nowhere else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
from facebook_business.session import FacebookSession

from segment_assets.contracts import Request
from segment_assets.destinations.microsoft_ads import CONTRACT
from segment_assets.resources.destination_account import DestinationAccount
from segment_assets.resources.transport import HttpTransport

if TYPE_CHECKING:
    from pathlib import Path


def account(home: Path, **more: str) -> DestinationAccount:
    return DestinationAccount(
        destination="microsoft_ads",
        account="14",
        endpoint=CONTRACT.endpoint,
        secrets_home=str(home),
        settings={"customer_id": "25"},
        token="access",
        **more,
    )


def test_a_secret_header_comes_from_the_secret_of_the_account(tmp_path: Path):
    (tmp_path / "microsoft_ads.14.json").write_text(json.dumps({"developer_token": "told to nobody"}))
    _, transport = account(tmp_path).connect()
    assert transport.secret_headers == {"DeveloperToken": "told to nobody"}
    assert "told to nobody" not in repr(transport)


def test_what_no_store_has_is_not_sent_and_the_sandbox_takes_its_token_for_it(tmp_path: Path):
    _, transport = account(tmp_path).connect()
    assert transport.secret_headers == {}
    local = account(tmp_path, sandbox_home=str(tmp_path))
    assert local._secret_headers(CONTRACT.secret_headers) == {}, "an address of the plan's own is no sandbox"
    local = local.model_copy(update={"endpoint": ""})
    assert local._secret_headers(CONTRACT.secret_headers) == {"DeveloperToken": "access"}


def test_an_app_that_has_to_prove_itself_does_so_with_every_call_as_metas_own_client_does(tmp_path: Path):
    (tmp_path / "meta.1001.json").write_text(json.dumps({"access_token": "access", "app_secret": "told to nobody"}))
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={})

    meta = DestinationAccount(
        destination="meta", account="1001", endpoint="https://graph.facebook.com", secrets_home=str(tmp_path)
    )
    _, transport = meta.connect()
    assert "told to nobody" not in repr(transport)
    transport.carrier = httpx.MockTransport(answer)
    transport.send(Request("GET", "/me", params={"fields": "id"}))
    transport.send(Request("GET", "https://files.example/b"))
    transport.close()
    proof = FacebookSession("app", "told to nobody", "access").appsecret_proof
    assert [dict(request.url.params) for request in seen] == [{"fields": "id", "appsecret_proof": proof}, {}]
    (tmp_path / "meta.1001.json").write_text(json.dumps({"access_token": "access"}))
    assert not meta.connect()[1].app_secret


def test_it_goes_with_every_call_but_those_to_an_address_elsewhere():
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={})

    transport = HttpTransport(
        "https://platform.example", "t", carrier=httpx.MockTransport(answer), secret_headers={"DeveloperToken": "d"}
    )
    transport.send(Request("GET", "/a"))
    transport.send(Request("GET", "https://files.example/b"))
    transport.close()
    assert [request.headers.get("developertoken") for request in seen] == ["d", None]
    assert "authorization" not in seen[1].headers
