"""Ending a connection badly on purpose: without an answer, or in the middle of one.

ASGI has no word for this, so the protocol class notes each connection's transport under the peer's address.
Not here: when that is wanted (`kit.faults`).
"""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

_transports: dict[tuple[str, int], asyncio.Transport] = {}


class Protocol(H11Protocol):
    """Uvicorn's HTTP protocol, whose transports can be found by their peer."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Note the transport."""
        super().connection_made(transport)
        assert self.client is not None
        _transports[self.client] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the transport."""
        super().connection_lost(exc)
        if self.client is not None:
            _transports.pop(self.client, None)


async def abort(scope: Scope, receive: Receive) -> None:
    """Reset the connection (RST), sending nothing."""
    transport = _transports[tuple(scope["client"])]
    linger_for_no_time = struct.pack("ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_for_no_time)
    transport.abort()
    await _until_gone(receive)


async def close(scope: Scope, receive: Receive, send: Send, response: Response) -> None:
    """Announce the whole answer, send half of it, close."""
    body = bytes(response.body)
    await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    _transports[tuple(scope["client"])].close()
    await _until_gone(receive)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
