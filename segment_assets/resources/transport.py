"""HTTP to one platform account.

Belongs here: base address, credentials, time-outs, connection reuse, and the rule that only loopback may be plain.
Not here: what is sent, and what an answer means.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from segment_assets.contracts import PermanentError, Response, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from segment_assets.contracts import Request


@dataclasses.dataclass(slots=True)
class HttpTransport:
    """Sends requests with a bearer token. Raises TransientError when no whole answer came.

    `refresh` reads the token again from the secret store. It is asked once in the life of a transport, when a token is
    refused; an answer to a token that is no newer is the platform's last word.
    """

    base_url: str
    token: str = dataclasses.field(repr=False)
    timeout: float = 60.0
    refresh: Callable[[], str] | None = dataclasses.field(default=None, repr=False)
    _has_refreshed: bool = dataclasses.field(default=False, repr=False)
    _client: httpx.Client | None = dataclasses.field(default=None, repr=False)

    def __post_init__(self) -> None:
        refuse_plain_http(self.base_url)

    def send(self, request: Request) -> Response:
        """Send one request over a kept connection; once more with a renewed token, since a refused one did nothing."""
        answer = self._answer(request)
        if _refuses_the_token(answer) and self._has_newer_token():
            answer = self._answer(request)
        return Response(answer.status_code, dict(answer.headers), _json_of(answer))

    def _has_newer_token(self) -> bool:
        if self.refresh is None or self._has_refreshed:
            return False
        self._has_refreshed = True
        before, self.token = self.token, self.refresh()
        self.close()
        return self.token != before

    def _answer(self, request: Request) -> httpx.Response:
        import httpx

        if self._client is None:
            self._client = httpx.Client(
                base_url=self.base_url, timeout=self.timeout, headers={"Authorization": f"Bearer {self.token}"}
            )
        try:
            return self._client.request(
                request.method,
                request.path,
                json=request.json,
                params=dict(request.params) or None,
                headers=dict(request.headers) or None,
            )
        except httpx.HTTPError as failure:
            # The failure's own text can hold the address with its query, so only its kind is passed on.
            raise TransientError(f"{urlsplit(self.base_url).hostname}: no answer ({type(failure).__name__})") from None

    def close(self) -> None:
        """Give the connection back."""
        if self._client is not None:
            self._client.close()
            self._client = None


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
