"""Tokens of platforms with ways of their own, on their sandboxes.

Criteo's app signs in, Pinterest wants a Basic header, a user of The Trade Desk logs in.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from segment_assets.contracts import NeedsHumanError, Request
from segment_assets.resources.credentials import AccountToken
from segment_assets.resources.secrets import LocalSecrets
from segment_assets.resources.transport import HttpTransport
from segment_assets.sandbox.platforms.criteo import tokens as criteo
from segment_assets.sandbox.platforms.pinterest import tokens as pinterest
from segment_assets.sandbox.platforms.the_trade_desk import logins as the_trade_desk
from segment_assets_tests.conformance.kit.outside import InProcess, Outside

LISTS = "/pinterest/v5/ad_accounts/549756359984/customer_lists"
SEARCH = "/criteo/2026-07/marketing-solutions/audience-segments/search"


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    inside = InProcess(tmp_path_factory.mktemp("sandbox"), ())
    outside = Outside(inside)
    yield outside
    outside.close()
    inside.end()


@pytest.fixture
def url(outside: Outside) -> Iterator[str]:
    """The sandbox on a socket, which is where tokens are asked for."""
    outside.reset()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = httpx.Request("POST", outside.url + self.path, headers=dict(self.headers), content=body)
            answer = outside.inside.handle_request(request)
            self.send_response(answer.status_code)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(5)
    server.server_close()


def put(folder: Path, name: str, **values: str) -> AccountToken:
    secrets = LocalSecrets(folder)
    assert secrets.replace(name, values, secrets.read(name).version)
    return AccountToken(secrets, name, sleep=lambda _: None)


def status(outside: Outside, token: AccountToken, request: Request) -> int:
    transport = HttpTransport(outside.url, token.current(), refresh=token.renewed, carrier=outside.inside)
    try:
        return transport.send(request).status
    finally:
        transport.close()


CRITEO = Request("POST", SEARCH, json={"data": {"attributes": {"advertiserIds": ["12345"]}}})


def of_criteo(folder: Path, url: str, secret: str = criteo.CLIENT[1]) -> AccountToken:
    asked = {"token_url": f"{url}/criteo/oauth2/token", "client_id": criteo.CLIENT[0], "client_secret": secret}
    return put(folder, "criteo.12345", grant_type="client_credentials", **asked)


def test_an_app_signs_in_by_itself_and_again_when_its_token_has_ended(outside, url, tmp_path):
    token = of_criteo(tmp_path, url)
    assert status(outside, token, CRITEO) == 200
    first = token.current()
    outside.later(criteo.SECONDS + 1)
    assert status(outside, token, CRITEO) == 200
    second = LocalSecrets(tmp_path).read("criteo.12345").values["access_token"]
    assert second != first
    assert AccountToken(LocalSecrets(tmp_path), "criteo.12345").current() == second


def test_an_app_that_is_refused_asks_a_person_and_names_no_secret(url, tmp_path):
    token = of_criteo(tmp_path, url, "another-secret")
    with pytest.raises(NeedsHumanError, match=r"client id and secret of criteo\.12345") as refusal:
        token.current()
    assert "another-secret" not in str(refusal.value)


def test_the_app_of_a_platform_that_wants_a_basic_header_is_named_there_and_the_newest_refresh_token_is_kept(
    outside, url, tmp_path
):
    token = put(
        tmp_path,
        "pinterest.549756359984",
        access_token="ended",
        refresh_token=pinterest.REFRESH_TOKEN,
        token_url=f"{url}/pinterest/v5/oauth/token",
        client_id=pinterest.CLIENT[0],
        client_secret=pinterest.CLIENT[1],
        client_auth="basic",
    )
    assert status(outside, token, Request("GET", LISTS)) == 200
    kept = LocalSecrets(tmp_path).read("pinterest.549756359984").values
    assert kept["refresh_token"] == f"{pinterest.REFRESH_TOKEN}-1"
    assert kept["client_secret"] == pinterest.CLIENT[1]
    outside.admin("platforms/pinterest", {"tokens": ["of-another-login"]})
    assert status(outside, token, Request("GET", LISTS)) == 200, "the refresh token that was kept is good"


def at_the_desk(outside: Outside, url: str, folder: Path, password: str) -> int:
    """The status of a call with a token that was asked for with a login."""
    secret = {"grant_type": "login", "token_url": f"{url}/the_trade_desk/v3/authentication", "password": password}
    token = put(folder, "the_trade_desk.adv12345", login=the_trade_desk.USER[0], **secret)
    device = {"DAID": "6d92078a-8246-4ba4-ae5b-76104861e7dc", "Data": [{"Name": "x"}]}
    transport = HttpTransport(
        outside.url, token.current(), refresh=token.renewed, carrier=outside.inside, token_header="TTD-Auth"
    )
    body = {"AdvertiserId": "adv12345", "Items": [device]}
    statuses = []
    for seconds in (0, the_trade_desk.LONGEST_MINUTES * 60 + 1):
        outside.later(seconds)
        statuses.append(transport.send(Request("POST", "/the_trade_desk/data/advertiser", json=body)).status)
    transport.close()
    assert len(set(statuses)) == 1
    return statuses[0]


def test_a_user_logs_in_where_there_is_no_oauth_and_again_a_day_later(outside, url, tmp_path):
    assert at_the_desk(outside, url, tmp_path, the_trade_desk.USER[1]) == 200
    kept = LocalSecrets(tmp_path).read("the_trade_desk.adv12345").values
    assert kept["access_token"] == "sandbox-the_trade_desk-token-2"
    assert kept["password"] == the_trade_desk.USER[1]


def test_a_login_that_is_refused_asks_a_person_and_names_no_secret(outside, url, tmp_path):
    with pytest.raises(NeedsHumanError, match=r"login and password of the_trade_desk\.adv12345") as refusal:
        at_the_desk(outside, url, tmp_path, "another-secret")
    assert "another-secret" not in str(refusal.value)
