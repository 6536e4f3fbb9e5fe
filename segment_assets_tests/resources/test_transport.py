"""Whom a transport speaks to: the authorities are read once for a process, and nobody else is trusted for that."""

from __future__ import annotations

import datetime as dt
import http.server
import ipaddress
import ssl
import threading
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from segment_assets.contracts import Request, TransientError
from segment_assets.resources.transport import HttpTransport, trusted_authorities

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def _self_signed(file: Path) -> Path:
    """A certificate for 127.0.0.1 that no authority has signed, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    kept = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    file.write_bytes(key.private_bytes(pem, *kept) + certificate.public_bytes(pem))
    return file


class _Asked(http.server.BaseHTTPRequestHandler):
    tokens: list[str | None]

    def do_GET(self) -> None:
        self.tokens.append(self.headers["Authorization"])
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A caller that hangs up is what the tests want."""


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[tuple[str, list[str | None], Path]]:
    """An https server on loopback: its address, the tokens that it was told, its certificate."""
    certificate = _self_signed(tmp_path / "server.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    tokens: list[str | None] = []
    server = _Server(("127.0.0.1", 0), type("_Told", (_Asked,), {"tokens": tokens}))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}", tokens, certificate
    server.shutdown()
    server.server_close()
    thread.join()


def test_whoever_no_authority_vouches_for_is_told_no_token(stranger):
    url, tokens, _ = stranger
    for _ in range(2):  # the authorities are read for the first only
        transport = HttpTransport(url, "secret")
        with pytest.raises(TransientError, match=r"127\.0\.0\.1: no answer \(ConnectError\)"):
            transport.send(Request("GET", "/"))
        transport.close()
    assert tokens == []


def test_an_authority_that_the_environment_names_is_trusted(stranger, monkeypatch):
    url, tokens, certificate = stranger
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    trusted_authorities.cache_clear()
    try:
        transport = HttpTransport(url, "secret")
        assert transport.send(Request("GET", "/")).status == 200
        transport.close()
    finally:
        trusted_authorities.cache_clear()
    assert tokens == ["Bearer secret"]
