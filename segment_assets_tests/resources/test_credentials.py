"""Tokens of platform accounts: a refused one is renewed once, and what is newest is never lost."""

from __future__ import annotations

import json
import stat
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from segment_assets.contracts import NeedsHumanError, Request, TransientError
from segment_assets.resources.credentials import AccountToken
from segment_assets.resources.destination_account import DestinationAccount
from segment_assets.resources.lake import LocalLake
from segment_assets.resources.secrets import LocalSecrets
from segment_assets.resources.transport import HttpTransport

NAME = "meta.1001"


class Authority:
    """A platform with tokens: calls need the newest one, and every refresh token is good once."""

    def __init__(self) -> None:
        self.good, self.refresh_token, self.renewals, self.calls = "token-1", "refresh-1", 0, []
        self.status, self.agents = 200, []
        self.lock = threading.Lock()

    def renew(self, form: dict[str, list[str]]) -> tuple[int, dict[str, str]]:
        with self.lock:
            if self.status != 200:
                return self.status, {}
            if form["grant_type"] != ["refresh_token"] or form["refresh_token"] != [self.refresh_token]:
                return 400, {"error": "invalid_grant"}
            self.renewals += 1
            self.good, self.refresh_token = f"token-r{self.renewals}", f"refresh-r{self.renewals}"
            return 200, {"access_token": self.good, "refresh_token": self.refresh_token, "token_type": "bearer"}


@pytest.fixture
def authority() -> Iterator[tuple[Authority, str]]:
    made = Authority()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            made.agents.append(self.headers["User-Agent"])
            self._tell(*made.renew(parse_qs(self.rfile.read(length).decode())))

        def do_GET(self) -> None:
            token = self.headers["Authorization"].removeprefix("Bearer ")
            made.calls.append(token)
            self._tell(200 if token == made.good else 401, {})

        def _tell(self, status: int, body: object) -> None:
            raw = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(5)
    server.server_close()


@pytest.fixture
def secrets(tmp_path: Path) -> LocalSecrets:
    return LocalSecrets(tmp_path / "secrets")


def put(secrets: LocalSecrets, **values: str) -> None:
    assert secrets.replace(NAME, values, secrets.read(NAME).version)


def renewable(secrets: LocalSecrets, url: str, **more: str) -> AccountToken:
    put(secrets, access_token="token-0", refresh_token="refresh-1", token_url=url, client_id="us", **more)
    token = AccountToken(secrets, NAME, sleep=lambda _: None)
    token.current()
    return token


def call(url: str, token: AccountToken) -> int:
    transport = HttpTransport(url, token.current(), refresh=token.renewed)
    try:
        return transport.send(Request("GET", "/")).status
    finally:
        transport.close()


def test_a_token_that_a_person_rotated_is_found_when_the_old_one_is_refused(authority, secrets) -> None:
    platform, url = authority
    put(secrets, access_token="token-0")
    token = AccountToken(secrets, NAME)
    transport = HttpTransport(url, token.current(), refresh=token.renewed)
    put(secrets, access_token="token-1")
    assert transport.send(Request("GET", "/")).status == 200
    transport.close()
    assert platform.calls == ["token-0", "token-1"]


def test_a_refused_token_is_renewed_and_the_new_refresh_token_is_kept(authority, secrets) -> None:
    platform, url = authority
    token = renewable(secrets, url)
    assert call(url, token) == 200
    kept = secrets.read(NAME).values
    assert (kept["access_token"], kept["refresh_token"], kept["client_id"]) == ("token-r1", "refresh-r1", "us")
    assert (platform.renewals, platform.calls) == (1, ["token-0", "token-r1"])


def test_a_long_run_renews_every_token_that_expires_and_no_refused_one_twice(authority, secrets) -> None:
    platform, url = authority
    token = renewable(secrets, url)
    transport = HttpTransport(url, token.current(), refresh=token.renewed)
    for _ in range(3):
        platform.good = "expired meanwhile"
        assert transport.send(Request("GET", "/")).status == 200
    assert platform.renewals == 3
    platform.renew = lambda _form: (200, {"access_token": "never good"})
    platform.good = "revoked"
    assert [transport.send(Request("GET", "/")).status for _ in range(3)] == [401, 401, 401]
    assert platform.calls[-4:] == ["token-r3", *["never good"] * 3]
    transport.close()


def test_two_processes_that_renew_at_once_both_end_with_the_newest(authority, secrets) -> None:
    platform, url = authority
    put(secrets, access_token="token-0", refresh_token="refresh-1", token_url=url)
    tokens = [AccountToken(secrets, NAME) for _ in range(4)]
    for token in tokens:
        token.current()
    found: list[str] = []
    threads = [threading.Thread(target=lambda token=token: found.append(token.renewed())) for token in tokens]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert found == ["token-r1"] * 4
    assert (platform.renewals, secrets.read(NAME).values["refresh_token"]) == (1, "refresh-r1")


def test_what_a_person_writes_during_a_renewal_is_not_overwritten(authority, secrets) -> None:
    platform, url = authority
    token = renewable(secrets, url)
    honest = platform.renew

    def while_somebody_writes(form):
        put(secrets, access_token="by hand", refresh_token="by hand")
        return honest(form)

    platform.renew = while_somebody_writes
    assert token.renewed() == "by hand"
    assert secrets.read(NAME).values["refresh_token"] == "by hand"


def test_of_two_renewals_the_later_one_is_kept(authority, secrets) -> None:
    platform, url = authority
    token = renewable(secrets, url)
    honest = platform.renew

    def after_an_earlier_one(form):
        put(secrets, access_token="earlier", refresh_token="earlier", issued_at="1.0")
        return honest(form)

    platform.renew = after_an_earlier_one
    assert token.renewed() == "token-r1"
    assert secrets.read(NAME).values["refresh_token"] == "refresh-r1"


def test_a_refresh_token_that_nobody_takes_needs_a_human(authority, secrets) -> None:
    platform, url = authority
    token = renewable(secrets, url)
    platform.refresh_token = "another"
    with pytest.raises(NeedsHumanError, match="authorise the account anew") as refused:
        token.renewed()
    assert "refresh-1" not in str(refused.value)


def test_an_authority_that_is_away_is_asked_later_and_nothing_is_lost(authority, secrets) -> None:
    platform, url = authority
    token = renewable(secrets, url)
    platform.status = 503
    with pytest.raises(TransientError, match="503"):
        token.renewed()
    platform.status = 200
    assert token.renewed() == "token-r1"


def test_a_replacement_of_an_older_version_changes_nothing(secrets) -> None:
    put(secrets, access_token="one")
    old = secrets.read(NAME).version
    put(secrets, access_token="two")
    assert not secrets.replace(NAME, {"access_token": "three"}, old)
    assert secrets.read(NAME).values == {"access_token": "two"}


def test_only_the_owner_can_read_a_secret_and_none_is_shown(secrets) -> None:
    put(secrets, access_token="very secret")
    secrets.tenant_key("tenant")
    files = list(secrets.folder.iterdir())
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(secrets.folder.stat().st_mode) == 0o700
    told = f"{secrets.read(NAME)!r} {AccountToken(secrets, NAME, 'very secret')!r}"
    assert "very secret" not in told


@pytest.mark.parametrize("text", ["not json: hush", '["hush"]', '{"access_token": {"a": "hush"}}'])
def test_a_secret_of_another_shape_needs_a_human_and_is_not_quoted(secrets, text) -> None:
    secrets.folder.mkdir()
    (secrets.folder / f"{NAME}.json").write_text(text)
    with pytest.raises(NeedsHumanError, match=NAME) as refused:
        secrets.read(NAME)
    assert "hush" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_an_account_uses_the_store_s_token_renews_it_and_keeps_its_state_in_the_lake(
    authority, secrets, tmp_path
) -> None:
    platform, url = authority
    renewable(secrets, url)
    homes = {"lake_home": str(tmp_path / "lake"), "secrets_home": str(secrets.folder)}
    account = DestinationAccount(destination="meta", account="1001", endpoint=url, token="not used", **homes)
    _, transport = account.connect()
    assert transport.send(Request("GET", "/")).status == 200
    assert platform.calls == ["token-0", "token-r1"]
    assert "token-0" not in repr(account)


def test_calls_to_an_account_whose_platform_counts_a_day_are_counted_in_the_lake(authority, tmp_path) -> None:
    _, url = authority
    account = DestinationAccount(
        destination="google",
        account="1",
        endpoint=url,
        settings={"quota_project": "lumen-ads-1"},
        token="token-0",
        lake_home=str(tmp_path / "lake"),
    )
    for to_follow in (False, True):
        _, transport = account.connect(to_follow=to_follow)
        transport.take_a_turn()
    counted = LocalLake(tmp_path / "lake").keys("platform_accounts")
    assert [key.split("/")[:4] for key in counted] == [["platform_accounts", "google", "shared", "lumen-ads-1"]] * 2


@pytest.mark.parametrize(("settings", "agent"), [({}, "python:segment_assets:v1"), ({"user_agent": "a:b:1"}, "a:b:1")])
def test_a_renewal_says_who_asks_as_every_other_call_does(authority, secrets, settings, agent) -> None:
    """Reddit refuses what a library says of itself."""
    platform, url = authority
    values = {"access_token": "token-0", "refresh_token": "refresh-1", "token_url": url}
    assert secrets.replace("reddit.a2_1", values, secrets.read("reddit.a2_1").version)
    _, transport = DestinationAccount(
        destination="reddit", account="a2_1", endpoint=url, settings=settings, secrets_home=str(secrets.folder)
    ).connect()
    assert transport.send(Request("GET", "/")).status == 200
    transport.close()
    assert platform.agents == [agent]
