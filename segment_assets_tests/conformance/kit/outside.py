"""The sandbox in this process, and the line to it: what goes over it, and where it breaks.

Belongs here: ASGI calls without a socket, cuts and spoiled answers. Not here: what a platform answers (the sandbox).
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
from typing import TYPE_CHECKING, Any

import httpx

from segment_assets.sandbox.platforms.app import build_app, open_sandbox
from segment_assets_tests.faults.room import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from segment_assets.sandbox.platforms.kit.exchange import Platform

URL = "http://127.0.0.1"
MOST = 2_000


class KilledError(BaseException):
    """The end of a process, as far as one process can end in itself: no `except` of ours may hold it up."""


class InProcess(httpx.BaseTransport):
    """Carries calls to the sandbox's application, on an event loop of its own."""

    def __init__(self, home: Path, more: Iterable[Platform]) -> None:
        self.sandbox = open_sandbox(home, latency_ms=0, seed=7, more=more)
        self._asgi = httpx.ASGITransport(build_app(self.sandbox))
        self._loop = asyncio.new_event_loop()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._loop.run_until_complete(self._answer(request))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        answer = await self._asgi.handle_async_request(request)
        return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())

    def end(self) -> None:
        self.sandbox.store.close()
        self._loop.close()


class Outside(Sandbox):
    """The sandbox's own view of itself, and its clock, which is the tests' clock too."""

    def __init__(self, inside: InProcess) -> None:
        self.url, self.inside, self.offset = URL, inside, 0.0
        self._http = httpx.Client(base_url=URL, transport=inside)

    def reset(self) -> None:
        super().reset()
        self.offset = 0.0

    def people_of(self, audience: dict[str, Any]) -> list[dict[str, str]]:
        """Everybody in one audience, as cells. The kit's audiences are small."""
        return self._get(f"audiences/{audience['id']}/members", limit=MOST, offset=0)

    def later(self, seconds: float) -> None:
        self.offset += seconds
        super().later(seconds)


@dataclasses.dataclass(frozen=True)
class Call:
    """One call that the platform saw. `people` are in it in this order, `nth` counts such calls of a process from 1."""

    method: str
    path: str
    query: str
    body: bytes = dataclasses.field(repr=False)
    people: tuple[int, ...] = ()
    nth: int = 0

    @property
    def kind(self) -> tuple[str, str, bool]:
        # Where a platform signs an address for each upload, all of these are one kind.
        return self.method, re.sub("[0-9a-f]{16,}", "*", self.path), bool(self.people)

    @property
    def text(self) -> str:
        return f"{self.path} {self.query} {self.body.decode('utf-8', 'replace')}"


@dataclasses.dataclass
class Line(httpx.BaseTransport):
    """The way to one platform. `before` and `after` see each call, and may end the process or spoil the answer."""

    inside: InProcess
    people_in: Callable[[str], Iterable[int]]
    calls: list[Call] = dataclasses.field(default_factory=list)
    before: Callable[[Call], None] = lambda call: None
    after: Callable[[Call, httpx.Response], httpx.Response] = lambda call, answer: answer
    _nth: int = 0

    def begin(self) -> None:
        """A new process starts."""
        self._nth = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        call = Call(request.method, url.path, url.query.decode(), request.content)
        people = tuple(self.people_in(call.text))
        self._nth += bool(people)
        call = dataclasses.replace(call, people=people, nth=self._nth if people else 0)
        self.before(call)
        self.calls.append(call)
        return self.after(call, self.inside.handle_request(request))


def killing(when: Callable[[Call], bool]) -> Callable[..., httpx.Response]:
    """Ends the process at such a call; what the platform did is done."""

    def end(call: Call, answer: httpx.Response | None = None) -> httpx.Response | None:
        if when(call):
            raise KilledError
        return answer

    return end


def first_of_each_kind(*spoils: Callable[[httpx.Response], httpx.Response]) -> Callable[..., httpx.Response]:
    """Spoils the first answers of each kind of call, each in another way and in this order."""
    left: dict[tuple[str, str, bool], list[Callable[[httpx.Response], httpx.Response]]] = {}

    def after(call: Call, answer: httpx.Response) -> httpx.Response:
        waiting = left.setdefault(call.kind, list(spoils))
        return waiting.pop(0)(answer) if waiting else answer

    return after


def cut_short(answer: httpx.Response) -> httpx.Response:
    raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")


def not_json(answer: httpx.Response) -> httpx.Response:
    return httpx.Response(answer.status_code, headers={"content-type": "text/html"}, content=b"<html>Busy</html>")


def with_unknown_fields(answer: httpx.Response) -> httpx.Response:
    """As a later version of the platform may answer: something new in every object."""
    try:
        body = json.loads(answer.content)
    except ValueError:
        return answer
    content = json.dumps(_widened(body)).encode()
    headers = {name: value for name, value in answer.headers.items() if name.lower() != "content-length"}
    return httpx.Response(answer.status_code, headers=headers, content=content)


def _widened(node: Any) -> Any:
    if isinstance(node, dict):
        return {"recordIndices": [], "new_in_a_later_version": {"a": None}} | {k: _widened(v) for k, v in node.items()}
    return [_widened(item) for item in node] if isinstance(node, list) else node
