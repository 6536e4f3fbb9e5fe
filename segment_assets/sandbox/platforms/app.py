"""The HTTP side: routes, one pipeline for every platform call (latency, faults, transaction, log), one for admin.

Not here: what a platform answers (its own package) and what the admin endpoints do (`admin`).
"""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import json
import pkgutil
import random
import re
import sys
import traceback
from functools import partial
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from segment_assets.sandbox import platforms as found_here
from segment_assets.sandbox.platforms import admin
from segment_assets.sandbox.platforms.connections import abort, close
from segment_assets.sandbox.platforms.kit import request_log
from segment_assets.sandbox.platforms.kit.clock import Clock
from segment_assets.sandbox.platforms.kit.exchange import Answer, Call
from segment_assets.sandbox.platforms.kit.faults import UNPROCESSED, Faults, Kind, Rule
from segment_assets.sandbox.platforms.kit.store import Store

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from pathlib import Path

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from segment_assets.sandbox.platforms.kit.exchange import Platform

LARGEST_BODY = 32 * 1024 * 1024
LONGEST_QUERY = 32 * 1024
"""No platform publishes its limit for URLs; a query with hundreds of rows exceeds whatever it is."""

_NOT_PROCESSED = Answer(request_log.NO_ANSWER, None)
_EVERY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclasses.dataclass(slots=True)
class Sandbox:
    """Everything that lives as long as the process."""

    home: Path
    store: Store
    clock: Clock
    faults: Faults
    platforms: dict[str, Platform]
    latency_seconds: float
    random: random.Random

    def catch_up(self, db: sqlite3.Connection) -> None:
        """Let platforms that act later than they answer do what has fallen due on the sandbox's clock."""
        for platform in self.platforms.values():
            if isinstance(platform, ActsLater):
                platform.catch_up(db, self.clock)


@runtime_checkable
class ActsLater(Protocol):
    """A platform that accepts work now and does it at a later time."""

    def catch_up(self, db: sqlite3.Connection, clock: Clock) -> None:
        """Do everything that has fallen due."""
        ...


def found_platforms() -> list[Platform]:
    """One of each: every package beside this module that has PLATFORM, a class. There is no list to edit."""
    names = [found.name for found in pkgutil.iter_modules(found_here.__path__) if found.ispkg]
    packages = [importlib.import_module(f"{found_here.__name__}.{name}") for name in names]
    return [package.PLATFORM() for package in packages if hasattr(package, "PLATFORM")]


def open_sandbox(home: Path, *, latency_ms: float, seed: int, more: Iterable[Platform] = ()) -> Sandbox:
    """Open (or create) the state below `home`, as the last process left it. `more` are platforms from elsewhere."""
    store = Store(home / "platforms.sqlite")
    platforms: dict[str, Platform] = {platform.name: platform for platform in (*found_platforms(), *more)}

    def prepare(db: sqlite3.Connection) -> Clock:
        for platform in platforms.values():
            platform.prepare(db)
        return Clock(db)

    clock = store.run_now(prepare)
    return Sandbox(home, store, clock, Faults(), platforms, latency_ms / 1000, random.Random(seed))  # noqa: S311


def build_app(sandbox: Sandbox) -> Starlette:
    """The ASGI application: admin and page first, then every platform's paths, with and without a final slash.

    Behind the platform's name, as deployments call them, and bare, for official packages that know nothing but a host.
    Where two platforms have the same bare path, the first by name answers.
    """
    routes = admin.routes(sandbox)
    endpoints = [
        (template, _PlatformEndpoint(sandbox, platform, template), f"/{platform.name}")
        for platform in sandbox.platforms.values()
        for template in platform.templates
    ]
    for prefixed in (True, False):
        for template, endpoint, name in endpoints:
            path = f"{name}{template}" if prefixed else template
            routes += [Route(way, endpoint, methods=_EVERY_METHOD) for way in (path, f"{path}/")]
    return Starlette(routes=routes)


class _PlatformEndpoint:
    """Carries the calls of one path template through the pipeline."""

    def __init__(self, sandbox: Sandbox, platform: Platform, template: str) -> None:
        self._sandbox, self._platform = sandbox, platform
        self._template = re.sub(r":\w+}", "}", template)
        self._route = template

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        from starlette.requests import Request

        request = Request(scope, receive)
        call = await self._read(request)
        if isinstance(call, Response):
            await call(scope, receive, send)
            return
        sandbox = self._sandbox
        await asyncio.sleep(sandbox.random.uniform(0, sandbox.latency_seconds))
        rule = sandbox.faults.hit(request.method, request.url.path, call.body)
        if rule is not None and rule.kind is Kind.SLOW:
            await asyncio.sleep(rule.seconds)
        answer = await sandbox.store.run(partial(self._answer, call, rule))
        await _deliver(answer, rule, scope, receive, send)

    async def _read(self, request: Request) -> Call | Response:
        """The call, or the web server's refusal of one that is too large (memory must stay bounded)."""
        if len(request.scope["query_string"]) > LONGEST_QUERY:
            return _too_large(414, "URI too long")
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST_BODY:
                return _too_large(413, "request too large")
        return Call(
            method=request.method,
            template=self._route,
            path=request.path_params,
            query=dict(request.query_params),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=bytes(body),
        )

    def _answer(self, call: Call, rule: Rule | None, db: sqlite3.Connection) -> Answer:
        """Answer and log in one transaction, so the log tells exactly what was kept."""
        clock, platform = self._sandbox.clock, self._platform
        if rule is not None and rule.kind in UNPROCESSED:
            answer = self._trouble(rule, call, db)
        else:
            answer = self._guarded(call, db)
        logged = dataclasses.replace(call, template=self._template)
        status = request_log.NO_ANSWER if rule is not None and rule.kind is Kind.RESET_AFTER else answer.status
        fault = None if rule is None else rule.kind.value
        entry = dataclasses.replace(answer, status=status)
        request_log.write(db, at=clock.now(), platform=platform.name, call=logged, answer=entry, fault=fault)
        return answer

    def _trouble(self, rule: Rule, call: Call, db: sqlite3.Connection) -> Answer:
        if rule.kind is Kind.RESET_BEFORE:
            return _NOT_PROCESSED
        if rule.kind is Kind.ANSWER:
            return Answer(rule.status, rule.body)
        return self._platform.trouble(rule, call, db)

    def _guarded(self, call: Call, db: sqlite3.Connection) -> Answer:
        """A defect of the sandbox is a 500 that says so. Its log names the place, never a value."""
        db.execute("SAVEPOINT call")
        try:
            answer = self._platform.answer(call, db, self._sandbox.clock)
        except Exception as error:  # noqa: BLE001  whatever it is, the process must live on
            db.execute("ROLLBACK TO call")
            place = traceback.extract_tb(error.__traceback__)[-1]
            sys.stderr.write(f"sandbox defect: {type(error).__name__} at {place.filename}:{place.lineno}\n")
            answer = Answer(500, {"sandbox_defect": type(error).__name__})
        db.execute("RELEASE call")
        return answer


def _too_large(status: int, words: str) -> Response:
    """Plain text, as a web server in front of a platform answers, not the platform."""
    return Response(words, status, {"connection": "close"}, "text/plain")


def _bytes_of(body: object) -> bytes:
    """JSON, except of a file, which comes with its own content type."""
    if isinstance(body, bytes):
        return body
    return b"" if body is None else json.dumps(body).encode()


async def _deliver(answer: Answer, rule: Rule | None, scope: Scope, receive: Receive, send: Send) -> None:
    """Send the answer, or what the fault makes of it."""
    kind = None if rule is None else rule.kind
    if kind in (Kind.RESET_BEFORE, Kind.RESET_AFTER):
        await abort(scope, receive)
        return
    body = _bytes_of(answer.body)
    if kind is Kind.BAD_JSON:
        body = b"<html><body>Service Unavailable" + body[:20]
    headers = {"content-type": "application/json; charset=UTF-8", **answer.headers}
    if kind is Kind.TRUNCATED:
        await close(scope, receive, send, Response(body, answer.status, headers))
        return
    await Response(body, answer.status, headers)(scope, receive, send)
