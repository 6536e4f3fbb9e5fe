"""What happens between us and AWS, played before an emulator: an HTTP proxy that breaks what it is told to break.

Belongs here: the faults and where they strike. Not here: what must become of them (the tests).
"""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from segment_assets_tests.aws.emulators import Emulator

_NOT_FORWARDED = {"expect", "connection", "transfer-encoding"}


@dataclasses.dataclass(frozen=True)
class Fault:
    """Strikes the next `times` requests of a method whose target contains `where`.

    `refuse`: answered (status, code) and not forwarded. `lose`: forwarded, the answer is not sent. `cut`: so many bytes of
    the answer's body are sent, then the connection is reset. `wait`: seconds before the answer.
    """

    method: str
    where: str = ""
    times: int = 1
    refuse: tuple[int, str] | None = None
    lose: bool = False
    cut: int | None = None
    wait: float = 0.0


class Proxy:
    """Forwards to an emulator. `faults` are used up in order; `seen` is every request that came."""

    def __init__(self, emulator: Emulator) -> None:
        self.name = emulator.name
        self.faults: list[Fault] = []
        self.seen: list[tuple[str, str]] = []
        self._lock = threading.Lock()
        self.behind = urlsplit(emulator.endpoint).netloc
        self.endpoint = ""

    def plan(self, *faults: Fault) -> None:
        with self._lock:
            self.faults = [dataclasses.replace(fault, times=1) for fault in faults for _ in range(fault.times)]
            self.seen = []

    def next_for(self, method: str, target: str) -> Fault | None:
        with self._lock:
            self.seen.append((method, target))
            for place, fault in enumerate(self.faults):
                if fault.method == method and fault.where in target:
                    return self.faults.pop(place)
        return None


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            super().handle()

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self._play
        raise AttributeError(name)

    def _play(self) -> None:
        fault = self.server.proxy.next_for(self.command, self.path) or Fault(self.command)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if fault.refuse:
            status, code = fault.refuse
            said = f"<Error><Code>{code}</Code><Message>played</Message></Error>".encode()
            self._answer(status, [("Content-Length", str(len(said)))], said)
            return
        status, headers, said = self._forward(body)
        time.sleep(fault.wait)
        if fault.lose:
            self._reset()
        elif fault.cut is not None:
            self._answer(status, headers, said[: fault.cut])
            self._reset()
        else:
            self._answer(status, headers, said)

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        there = http.client.HTTPConnection(self.server.proxy.behind, timeout=60)
        try:
            there.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in _NOT_FORWARDED:
                    there.putheader(name, value)
            there.endheaders(body)
            answer = there.getresponse()
            said = answer.read()
            kept = [(n, v) for n, v in answer.getheaders() if n.lower() not in _NOT_FORWARDED | {"content-length"}]
            length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(said))
            return answer.status, [*kept, ("Content-Length", length or "0")], said
        finally:
            there.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], said: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(said)

    def _reset(self) -> None:
        """RST instead of FIN: closed with nothing to linger for."""
        self.close_connection = True
        # What was sent must leave the buffers first, a reset throws it away.
        time.sleep(0.02)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, *_: object) -> None:
        """Tests say what they need themselves."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, proxy: Proxy) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.proxy = proxy


@contextlib.contextmanager
def in_front_of(emulator: Emulator) -> Iterator[Proxy]:
    server = _Server(proxy := Proxy(emulator))
    proxy.endpoint = f"http://127.0.0.1:{server.server_port}"
    # A short poll, because `shutdown` waits for it.
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
