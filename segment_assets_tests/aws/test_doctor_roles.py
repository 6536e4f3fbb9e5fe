"""The doctor with roles of another account, whose trust policies ask for an external id."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import parse_qs

from segment_assets.doctor.aws import AwsDoctor
from segment_assets.plan import load_plan
from segment_assets_tests.aws.deployed import forget_clients, settings_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

WORD = "shared-word"
IDENTITY = (
    "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>000000000000</Account>"
    "<Arn>arn:aws:iam::000000000000:user/somebody</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>"
)


class Account(BaseHTTPRequestHandler):
    """Says who somebody is, and refuses everything else."""

    assumed: ClassVar[list[dict[str, list[str]]]] = []

    def _answer(self) -> None:
        asked = parse_qs(self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode(errors="replace"))
        action = asked.get("Action", [""])[0]
        if action == "AssumeRole":
            self.assumed.append(asked)
        body = IDENTITY.encode() if action == "GetCallerIdentity" else b""
        self.send_response(200 if body else 403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def log_message(self, *_: object) -> None: ...


def test_the_doctor_says_the_external_id_when_it_assumes_a_role(monkeypatch: pytest.MonkeyPatch) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Account) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_address[1]}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t")
        forget_clients()
        try:
            found = AwsDoctor(settings_of("nobody", external_id=WORD), load_plan()).findings()
        finally:
            forget_clients()
            server.shutdown()
            thread.join(5)
    assert [one.level.value for one in found if one.subject == "role of audience"] == ["wrong"]
    assert {asked["ExternalId"][0] for asked in Account.assumed} == {WORD}
