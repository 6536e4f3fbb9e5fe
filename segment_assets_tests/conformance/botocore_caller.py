"""botocore as a caller of AppFlow and S3 in the sandbox, in this process: the SDK builds and reads, no socket is used."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import botocore.session
import httpx
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from segment_assets_tests.conformance.kit.outside import URL

if TYPE_CHECKING:
    from segment_assets_tests.conformance.kit.outside import InProcess


@dataclasses.dataclass(frozen=True)
class Sent:
    """One request as botocore put it on the wire. The path is without the sandbox's name."""

    method: str
    path: str
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class _Raw:
    """What botocore streams a body from."""

    def __init__(self, content: bytes) -> None:
        self.left = content

    def read(self, amount: int | None = None) -> bytes:
        end = len(self.left) if amount is None else amount
        read, self.left = self.left[:end], self.left[end:]
        return read

    def stream(self, amount: int = 1024, **_: object):
        while part := self.read(amount):
            yield part


class Botocore:
    """Clients with the access key of one platform of the sandbox. `answer` stands in for the sandbox where it is given."""

    def __init__(self, inside: InProcess, platform: str) -> None:
        self.inside, self.platform, self.sent = inside, platform, list[Sent]()
        self._session = botocore.session.Session()
        self.appflow, self.s3 = self._client("appflow", ""), self._client("s3", "/s3")

    def model(self, service: str):
        return self._session.get_service_model(service)

    def _client(self, service: str, below: str):
        client = self._session.create_client(
            service,
            region_name="us-east-1",
            endpoint_url=f"{URL}/{self.platform}{below}",
            aws_access_key_id=f"sandbox-{self.platform}-token",
            aws_secret_access_key="sandbox",
            config=Config(
                retries={"total_max_attempts": 1},
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )
        client.meta.events.register("before-send.*", self._carry)
        return client

    def _carry(self, request, **_: object) -> AWSResponse:
        body = request.body or b""
        body = body.read() if hasattr(body, "read") else body.encode() if isinstance(body, str) else bytes(body)
        headers = {
            name: value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()
        }
        asked = httpx.Request(request.method, request.url, headers=headers, content=body)
        self.sent.append(Sent(request.method, asked.url.path.removeprefix(f"/{self.platform}"), body))
        answer = self.inside.handle_request(asked)
        return AWSResponse(request.url, answer.status_code, dict(answer.headers), _Raw(answer.content))
