"""HTTP to one platform account.

Belongs here: base address, credentials, time-outs, connection reuse, and the rule that only loopback may be plain.
Not here: what is sent, and what an answer means.
"""

from __future__ import annotations

import dataclasses
import functools
import hmac
import ipaddress
from hashlib import sha256
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from segment_assets.contracts import PermanentError, Response, TransientError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    import httpx

    from segment_assets.contracts import Request


@dataclasses.dataclass(slots=True)
class HttpTransport:
    """Sends requests with an access token. Raises TransientError when no whole answer came.

    `refresh` gives a newer token, from the secret store or from the platform. It is asked once for each token that is
    refused: a long run outlives tokens of an hour. A refusal of the new token, or of one that is no newer, is the
    platform's last word. `carrier` is how bytes travel, by a connection of its own without one. `token_header` is the
    contract's, and `secret_headers` are what its own stand for: header -> value. `app_secret` is what the contract's
    `token_proof` is made with; without one there is no proof.
    """

    base_url: str
    token: str = dataclasses.field(repr=False)
    timeout: float = 60.0
    refresh: Callable[[], str] | None = dataclasses.field(default=None, repr=False)
    carrier: httpx.BaseTransport | None = dataclasses.field(default=None, repr=False)
    token_header: str = "Authorization"  # noqa: S105 - the name of a header
    secret_headers: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    token_proof: str = ""
    app_secret: str = dataclasses.field(default="", repr=False)
    _last_word: bool = dataclasses.field(default=False, repr=False)
    _client: httpx.Client | None = dataclasses.field(default=None, repr=False)

    def __post_init__(self) -> None:
        refuse_plain_http(self.base_url)

    def send(self, request: Request) -> Response:
        """Send one request over a kept connection; once more with a renewed token, since a refused one did nothing."""
        answer = self._answer(request)
        if not request.is_elsewhere and _refuses_the_token(answer) and self._has_newer_token():
            answer = self._answer(request)
            self._last_word = _refuses_the_token(answer)
        parsed = _json_of(answer)
        return Response(answer.status_code, dict(answer.headers), parsed, b"" if parsed is not None else answer.content)

    def _has_newer_token(self) -> bool:
        if self.refresh is None or self._last_word:
            return False
        before, self.token = self.token, self.refresh()
        self.close()
        self._last_word = self.token == before
        return not self._last_word

    def _answer(self, request: Request) -> httpx.Response:
        import httpx

        if self._client is None:
            self._client = httpx.Client(
                base_url=self.base_url,
                timeout=self.timeout,
                headers={self.token_header: self._credential, **self.secret_headers},
                transport=self.carrier,
                verify=trusted_authorities(),
            )
        headers = dict(request.headers)
        if request.json is not None or request.content is not None:
            headers = {"Content-Type": request.content_type or "application/json", **headers}
        built = self._client.build_request(
            request.method,
            request.path,
            content=request.body(),
            params={**request.params, **({} if request.is_elsewhere else self._proof)} or None,
            headers=headers,
        )
        if request.is_elsewhere:
            refuse_plain_http(request.path)
            # An address that the platform signed: our token would be told to whoever keeps its files.
            for header in (self.token_header, *self.secret_headers):
                del built.headers[header]
        try:
            return self._client.send(built)
        except httpx.HTTPError as failure:
            # The failure's own text can hold the address with its query, so only its kind is passed on.
            raise TransientError(f"{built.url.host}: no answer ({type(failure).__name__})") from None

    @property
    def _proof(self) -> dict[str, str]:
        if not self.token_proof or not self.app_secret:
            return {}
        return {self.token_proof: hmac.new(self.app_secret.encode(), self.token.encode(), sha256).hexdigest()}

    @property
    def _credential(self) -> str:
        return f"Bearer {self.token}" if self.token_header == "Authorization" else self.token  # noqa: S105 - as above

    def close(self) -> None:
        """Give the connection back."""
        if self._client is not None:
            self._client.close()
            self._client = None


@functools.cache
def trusted_authorities() -> ssl.SSLContext:
    """What httpx trusts by default. To read it takes a client 30 ms of a processor, so a process does it once."""
    import httpx

    return httpx.create_ssl_context()


def _refuses_the_token(answer: httpx.Response) -> bool:
    """By status, or, where a platform answers 400, by the challenge that RFC 6750 has for an expired token."""
    return answer.status_code == HTTPStatus.UNAUTHORIZED or "invalid_token" in answer.headers.get(
        "www-authenticate", ""
    )


def refuse_plain_http(url: str) -> None:
    """Raise PermanentError for anything but https, except on loopback."""
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
        return
    raise PermanentError(f"{parts.scheme}://{parts.hostname}: only https leaves this machine; correct the endpoint")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _json_of(answer: httpx.Response) -> object | None:
    try:
        parsed: object = answer.json()
    except ValueError:
        return None
    return parsed
