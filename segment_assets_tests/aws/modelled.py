"""AWS services on loopback whose every request and answer is held against botocore's own model of the service.

Belongs here: the wire (JSON 1.1 and REST-JSON) and the model. Not here: what a service does, which a test gives as a
function for each operation.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

import botocore.session
import pytest
from botocore.validate import ParamValidator

from segment_assets.resources.aws.session import AwsSession

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Does = dict[str, "Callable[[dict[str, Any]], dict[str, Any]]"]


class RefusalError(Exception):
    """An operation answers with an error of this code."""

    def __init__(self, code: str, status: int = 400) -> None:
        super().__init__(code)
        self.code, self.status = code, status


class LostError(Exception):
    """The answer of an operation is lost: the connection ends, whatever the operation has done."""


@contextlib.contextmanager
def served(services: Mapping[str, Does]) -> Iterator[str]:
    """The address of a server that does what is given: service -> operation (as in the model) -> function."""
    loaded = {name: botocore.session.get_session().get_service_model(name) for name in services}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body in one packet: apart, the second waits 40 ms for an acknowledgement.
        wbufsize = 1 << 16

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                service, operation, params = _understood(loaded, self.command, self.path, self.headers, body)
                _valid(params, operation.input_shape, operation.name)
                does = services[service].get(operation.name)
                if does is None:
                    raise RefusalError("NotImplementedException", 501)  # noqa: TRY301
                told = does(params)
                _valid(told, operation.output_shape, f"answer of {operation.name}")
            except LostError:
                self.close_connection = True
                return
            except RefusalError as refusal:
                self._send(refusal.status, {"__type": refusal.code, "message": "refused"}, refusal.code)
            else:
                self._send(200, told)

        def _send(self, status: int, told: dict[str, Any], code: str = "") -> None:
            raw = json.dumps(told, default=lambda value: value.timestamp()).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(raw)))
            if code:
                self.send_header("x-amzn-ErrorType", code)
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@contextlib.contextmanager
def answering(status: int, body: bytes = b"{}", **headers: str) -> Iterator[tuple[str, list[str]]]:
    """A server that answers everything alike, and the methods that it was asked with, with their conditions."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            condition = self.headers.get("If-None-Match") or self.headers.get("If-Match") or ""
            asked.append(f"{self.command} {condition}".strip())
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()


def session_at(endpoint: str, *services: str) -> AwsSession:
    """A session whose clients of these services speak to an address, whatever is set in the environment afterwards."""
    session = AwsSession("us-east-1", duty=f"at-{endpoint.rpartition(':')[2]}")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in {"ENDPOINT_URL": endpoint, "ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test"}.items():
            patch.setenv(f"AWS_{name}", value)
        for service in services:
            session.client(service)
    return session


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _understood(loaded: Any, method: str, path: str, headers: Any, body: bytes) -> tuple[str, Any, dict[str, Any]]:
    """Service, operation and parameters of a request."""
    prefix, _, name = headers.get("X-Amz-Target", "").rpartition(".")
    for service, model in loaded.items():
        if name and model.metadata.get("targetPrefix") == prefix:
            return service, model.operation_model(name), json.loads(body or b"{}")
        if model.metadata["protocol"] != "rest-json":
            continue
        for name_of in model.operation_names:
            operation = model.operation_model(name_of)
            found = _params(operation, method, path)
            if found is not None and not name:
                return service, operation, found | json.loads(body or b"{}")
    raise RefusalError("UnknownOperationException", 404)


def _params(operation: Any, method: str, path: str) -> dict[str, Any] | None:
    """What the address of a REST request says, None where it is another operation's."""
    parts = urlsplit(path)
    template = re.sub(r"\{(\w+)\+?\}", r"(?P<\1>[^/]+)", operation.http["requestUri"].partition("?")[0])
    match = re.fullmatch(template, parts.path)
    if operation.http["method"] != method or match is None:
        return None
    members = operation.input_shape.members
    located = {shape.serialization.get("name", name): name for name, shape in members.items()}
    raw = {name: unquote(text) for name, text in match.groupdict().items()} | dict(parse_qsl(parts.query))
    named = {located[name]: text for name, text in raw.items() if name in located}
    return {name: int(text) if members[name].type_name == "integer" else text for name, text in named.items()}


def _valid(params: dict[str, Any], shape: Any, what: str) -> None:
    report = ParamValidator().validate(params, shape)
    if report.has_errors():
        raise AssertionError(f"{what}: {report.generate_report()}")
