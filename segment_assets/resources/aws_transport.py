"""AWS's JSON services as a transport: signed requests to AppFlow, S3 and others, each at its own address.

Belongs here: addresses, credentials (botocore's chain), Signature Version 4 (botocore's), time-outs. Not here: what is
sent and what an answer means (`destinations`). A connector's path says the service: `/s3/...` is S3's, by its prefix in
`services`; everything else goes to the first.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from segment_assets.contracts import NeedsHumanError, Response, TransientError
from segment_assets.resources.transport import refuse_plain_http, trusted_authorities

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx
    from botocore.credentials import Credentials

    from segment_assets.contracts import Request


def _query(params: Mapping[str, str]) -> str:
    """As it is signed: a blank is %20, never a plus."""
    return f"?{urlencode(params, quote_via=quote, safe='-_.~')}" if params else ""


@dataclasses.dataclass(slots=True)
class AwsTransport:
    """One region of one AWS account. Raises TransientError when no whole answer came.

    `credentials`: botocore's, by default found as every AWS tool finds them (role, profile, environment) and renewed by
    botocore. `endpoints`: service -> address, in the place of AWS's own (a VPC endpoint, a sandbox). `services`: the
    beginning of a path -> service; that beginning is not sent.
    """

    region: str
    service: str = "appflow"
    services: Mapping[str, str] = dataclasses.field(default_factory=lambda: {"/s3": "s3"})
    endpoints: Mapping[str, str] = dataclasses.field(default_factory=dict)
    credentials: Credentials | None = dataclasses.field(default=None, repr=False)
    timeout: float = 60.0
    carrier: httpx.BaseTransport | None = dataclasses.field(default=None, repr=False)
    _client: httpx.Client | None = dataclasses.field(default=None, repr=False)

    def send(self, request: Request) -> Response:
        """Sign and send one request over a kept connection. An address that AWS gave us has its signature in itself."""
        import httpx

        if self._client is None:
            self._client = httpx.Client(timeout=self.timeout, transport=self.carrier, verify=trusted_authorities())
        service, url = self._addressed(request)
        headers = dict(request.headers)
        if request.json is not None or request.content is not None:
            headers = {"Content-Type": request.content_type or "application/json", **headers}
        built = self._client.build_request(
            request.method,
            url,
            content=request.body(),
            headers=headers,
        )
        if service:
            self._sign(built, service)
        try:
            answer = self._client.send(built)
        except httpx.HTTPError as failure:
            # The failure's own text can hold the address with its query, so only its kind is passed on.
            raise TransientError(f"{built.url.host}: no answer ({type(failure).__name__})") from None
        try:
            parsed: object = answer.json()
        except ValueError:
            return Response(answer.status_code, dict(answer.headers), None, answer.content)
        return Response(answer.status_code, dict(answer.headers), parsed)

    def close(self) -> None:
        """Give the connections back."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _addressed(self, request: Request) -> tuple[str, str]:
        """The service that signs a request, none for an address that was given to us, and where it goes."""
        path = request.path
        if request.is_elsewhere:
            refuse_plain_http(path)
            return "", path
        service = self.service
        for beginning, of_path in self.services.items():
            if path.startswith(f"{beginning}/"):
                service, path = of_path, path.removeprefix(beginning)
                break
        return service, f"{self._endpoint(service)}{quote(path)}{_query(request.params)}"

    def _endpoint(self, service: str) -> str:
        url = self.endpoints.get(service) or f"https://{service}.{self.region}.amazonaws.com"
        refuse_plain_http(url)
        return url

    def _sign(self, built: httpx.Request, service: str) -> None:
        from botocore.auth import S3SigV4Auth, SigV4Auth
        from botocore.awsrequest import AWSRequest

        # AWS wants every header of its own signed.
        kept = {name: value for name, value in built.headers.items() if name == "content-type" or name[:6] == "x-amz-"}
        plain = AWSRequest(built.method, str(built.url), kept, built.content)
        auth = S3SigV4Auth if service == "s3" else SigV4Auth
        auth(self._frozen(), service, self.region).add_auth(plain)
        built.headers.update(dict(plain.headers.items()))

    def _frozen(self) -> object:
        import botocore.session

        if self.credentials is None:
            self.credentials = botocore.session.get_session().get_credentials()
        if self.credentials is None:
            raise NeedsHumanError("AWS credentials are not found; give this deployment a role or a profile")
        return self.credentials.get_frozen_credentials()
