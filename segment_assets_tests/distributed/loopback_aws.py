"""S3 objects and Glue job runs on loopback, for real boto3 clients, which validate every request and answer.

The few operations that Pipes and the job use. A job run is what a test's function does with its arguments.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
import urllib.parse
from collections.abc import Callable, Iterator

import boto3
from botocore.config import Config


class LoopbackAws:
    """`objects` by (bucket and key); `calls` are the Glue calls with their parameters; `run` plays the job."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.calls: list[tuple[str, dict]] = []
        self.run: Callable[[dict], str] = lambda arguments: "SUCCEEDED"
        self.refuse: dict[str, str] = {}
        self.state = "RUNNING"
        self.url = ""

    def glue(self, call: str, parameters: dict) -> tuple[int, dict]:
        self.calls.append((call, parameters))
        if call in self.refuse:
            return 400, {"__type": self.refuse[call], "message": "somebody@example.com"}
        if call == "StartJobRun":
            self.state = self.run(parameters["Arguments"])
            return 200, {"JobRunId": "jr_1"}
        if call == "GetJobRun":
            return 200, {
                "JobRun": {
                    "Id": "jr_1",
                    "JobName": parameters["JobName"],
                    "JobRunState": self.state,
                    "ErrorMessage": "somebody@example.com",
                }
            }
        self.state = "STOPPED"
        return 200, {"SuccessfulSubmissions": [{"JobName": parameters["JobName"], "JobRunId": "jr_1"}], "Errors": []}

    def client(self, service: str):
        return boto3.client(
            service, endpoint_url=self.url, region_name="eu-central-1", aws_access_key_id="loopback", aws_secret_access_key="loopback",
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, request_checksum_calculation="when_required"),
        )  # fmt: skip


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _key(self) -> str:
        return urllib.parse.unquote(self.path.partition("?")[0]).lstrip("/")

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_PUT(self) -> None:
        self.server.aws.objects[self._key()] = self._body()
        self._answer(200)

    def do_GET(self) -> None:
        found = self.server.aws.objects.get(self._key())
        self._answer(404) if found is None else self._answer(200, found)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_DELETE(self) -> None:
        self.server.aws.objects.pop(self._key(), None)
        self._answer(204)

    def do_POST(self) -> None:
        status, answer = self.server.aws.glue(self.headers["X-Amz-Target"].partition(".")[2], json.loads(self._body()))
        self._answer(status, json.dumps(answer).encode())

    def log_message(self, *_: object) -> None:
        pass


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    aws: LoopbackAws


@contextlib.contextmanager
def serving() -> Iterator[LoopbackAws]:
    """Serve on a free port until the end of the block."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.aws = LoopbackAws()
    server.aws.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.aws
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
