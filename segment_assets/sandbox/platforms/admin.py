"""The sandbox's own endpoints, below `/_sandbox/`, and the page at `/`: for tests, the world and the curious.

No platform has these. Not here: what a platform answers, nor how the page looks (`page`).
"""

from __future__ import annotations

import json
import os
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from segment_assets.contracts import PermanentError
from segment_assets.sandbox.platforms import page
from segment_assets.sandbox.platforms.kit import audiences, people, request_log, settings, store

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from starlette.requests import Request

    from segment_assets.sandbox.platforms.app import Sandbox

_PAGE_OF_IDENTIFIERS = 5_000
_RECENT_REQUESTS = 50


def routes(sandbox: Sandbox) -> list[Route]:
    """All admin routes, and the page."""
    admin = _Admin(sandbox)
    return [
        Route("/", admin.page),
        Route("/_sandbox/health", admin.health),
        Route("/_sandbox/clock", admin.clock, methods=["GET", "POST"]),
        Route("/_sandbox/faults", admin.faults, methods=["GET", "POST"]),
        Route("/_sandbox/requests", admin.requests),
        Route("/_sandbox/reset", admin.reset, methods=["POST"]),
        Route("/_sandbox/platforms/{platform}", admin.platform, methods=["GET", "POST"]),
        Route("/_sandbox/drops/{platform}", admin.drop),
        Route("/_sandbox/accounts/{platform}/{account}", admin.account, methods=["GET", "POST"]),
        Route("/_sandbox/audiences", admin.audiences),
        Route("/_sandbox/audiences/{audience}", admin.audience, methods=["GET", "POST"]),
        Route("/_sandbox/audiences/{audience}/members", admin.members),
        Route("/_sandbox/audiences/{audience}/extras", admin.extras),
        Route("/_sandbox/audiences/{audience}/identifiers", admin.identifiers),
    ]


@runtime_checkable
class HasDrop(Protocol):
    """A platform that takes files by SFTP."""

    async def drop(self, home: Path, store: store.Store) -> dict[str, str]:
        """Listen, if it does not yet, and tell `address`, `user`, `password` and `host_key`."""
        ...


class _Admin:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def page(self, _request: Request) -> Response:
        """The state for a person's eyes."""

        def read(db: sqlite3.Connection) -> str:
            clock = self._sandbox.clock
            self._sandbox.catch_up(db)
            return page.render(self._audiences(db), request_log.latest(db, _RECENT_REQUESTS), clock.now(), clock.offset)

        return HTMLResponse(await self._sandbox.store.run(read))

    async def health(self, _request: Request) -> Response:
        """That this process lives, and which one it is. Waits for no transaction."""
        return JSONResponse({"ok": True, "home": str(self._sandbox.home), "pid": os.getpid()})

    async def clock(self, request: Request) -> Response:
        """Read or move the clock: `offset` in seconds."""
        clock = self._sandbox.clock
        if request.method == "POST":
            offset = (await _object(request)).get("offset")
            if not isinstance(offset, int | float) or isinstance(offset, bool):
                return _refused('post {"offset": seconds}')

            def move(db: sqlite3.Connection) -> None:
                clock.set_offset(float(offset))
                self._sandbox.catch_up(db)

            await self._sandbox.store.run(move)
        return JSONResponse({"offset": clock.offset, "now": clock.now()})

    async def faults(self, request: Request) -> Response:
        """Read the rules with their counts, or replace them all."""
        if request.method == "POST":
            rules = await _json(request)
            if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
                return _refused("post a list of rules")
            try:
                self._sandbox.faults.replace(rules)
            except PermanentError as error:
                return _refused(str(error))
        return JSONResponse(self._sandbox.faults.describe())

    async def requests(self, request: Request) -> Response:
        """The request log, oldest first: `after` a sequence, `limit` lines."""
        after, limit = _whole(request, "after", 0), _whole(request, "limit", 1000)
        return JSONResponse(await self._sandbox.store.run(lambda db: request_log.read(db, after=after, limit=limit)))

    async def reset(self, _request: Request) -> Response:
        """Back to a first start: no audience, no log, no fault, no switch, real time."""

        def clear(db: sqlite3.Connection) -> None:
            store.clear(db)
            for platform in self._sandbox.platforms.values():
                platform.prepare(db)
            self._sandbox.clock.set_offset(0.0)

        await self._sandbox.store.run(clear)
        self._sandbox.faults.replace([])
        return JSONResponse({"ok": True})

    async def drop(self, request: Request) -> Response:
        """Where a platform takes files by SFTP. It listens from the first question on."""
        platform = self._sandbox.platforms.get(request.path_params["platform"])
        if not isinstance(platform, HasDrop):
            return _unknown()
        return JSONResponse(await platform.drop(self._sandbox.home, self._sandbox.store))

    async def platform(self, request: Request) -> Response:
        """Switches of a platform."""
        platform = self._sandbox.platforms.get(request.path_params["platform"])
        if platform is None:
            return _unknown()
        return await self._switches(request, platform.name, platform.switches)

    async def account(self, request: Request) -> Response:
        """Switches of an account. Posting, even an empty object, makes the account known."""
        platform = self._sandbox.platforms.get(request.path_params["platform"])
        account = request.path_params["account"].removeprefix("act_")
        if platform is None:
            return _unknown()
        if request.method == "POST":
            await self._sandbox.store.run(lambda db: audiences.add_account(db, platform.name, account))
        return await self._switches(request, audiences.scope(platform.name, account), platform.account_switches)

    async def _switches(self, request: Request, scope: str, known: frozenset[str]) -> Response:
        values = await _object(request) if request.method == "POST" else {}
        if not set(values) <= known:
            return _refused(f"the switches here are {sorted(known)}")

        def change(db: sqlite3.Connection) -> dict[str, Any]:
            for name, value in values.items():
                settings.write(db, scope, name, value)
            return settings.read_all(db, scope)

        return JSONResponse(await self._sandbox.store.run(change))

    async def audiences(self, _request: Request) -> Response:
        """Every audience of every platform."""

        def read(db: sqlite3.Connection) -> list[dict[str, Any]]:
            self._sandbox.catch_up(db)
            return self._audiences(db)

        return JSONResponse(await self._sandbox.store.run(read))

    def _audiences(self, db: sqlite3.Connection) -> list[dict[str, Any]]:
        return [self._describe(row, db) for row in audiences.every(db)]

    def _describe(self, row: sqlite3.Row, db: sqlite3.Connection) -> dict[str, Any]:
        common = {name: row[name] for name in ("platform", "account", "id", "name", "people")}
        state = self._sandbox.platforms[row["platform"]].state(row, db, self._sandbox.clock)
        return {**common, "state": state, "content_updated": row["content_updated"]}

    async def audience(self, request: Request) -> Response:
        """One audience; posting sets switches that only the platform's staff could."""
        values = await _object(request) if request.method == "POST" else {}

        def work(db: sqlite3.Connection, row: sqlite3.Row) -> Response:
            known = self._sandbox.platforms[row["platform"]].audience_switches
            if not set(values) <= known:
                return _refused(f"the switches here are {sorted(known)}")
            if values:
                audiences.update(db, row, values)
            return JSONResponse(self._describe(self._row(request, db) or row, db))

        return await self._with_audience(request, work)

    async def members(self, request: Request) -> Response:
        """The people as {key: value}, sorted: `limit` of them after `offset`."""
        limit, offset = _whole(request, "limit", 1000), _whole(request, "offset", 0)

        def work(db: sqlite3.Connection, row: sqlite3.Row) -> Response:
            shape = self._sandbox.platforms[row["platform"]].shape
            return JSONResponse(people.members(db, row["number"], shape, limit, offset))

        return await self._with_audience(request, work)

    async def extras(self, request: Request) -> Response:
        """What else was said of each of the people, in the order of `members`."""
        limit, offset = _whole(request, "limit", 1000), _whole(request, "offset", 0)

        def work(db: sqlite3.Connection, row: sqlite3.Row) -> Response:
            return JSONResponse(people.extras(db, row["number"], limit, offset))

        return await self._with_audience(request, work)

    async def identifiers(self, request: Request) -> Response:
        """Distinct strong identifiers, one per line, as a stream of bounded pages."""

        def work(_db: sqlite3.Connection, row: sqlite3.Row) -> Response:
            shape = self._sandbox.platforms[row["platform"]].shape
            return StreamingResponse(self._identifiers(row["number"], shape), media_type="text/plain")

        return await self._with_audience(request, work)

    async def _identifiers(self, number: int, shape: people.Shape) -> AsyncIterator[str]:
        after: int | None = -1
        while after is not None:
            read = partial(
                people.strong_identifiers, audience=number, shape=shape, after=after, limit=_PAGE_OF_IDENTIFIERS
            )
            values, after = await self._sandbox.store.run(read)
            yield "".join(f"{value}\n" for value in values)

    async def _with_audience(
        self, request: Request, work: Callable[[sqlite3.Connection, sqlite3.Row], Response]
    ) -> Response:
        def find_and_work(db: sqlite3.Connection) -> Response:
            self._sandbox.catch_up(db)
            row = self._row(request, db)
            return _unknown() if row is None else work(db, row)

        return await self._sandbox.store.run(find_and_work)

    def _row(self, request: Request, db: sqlite3.Connection) -> sqlite3.Row | None:
        return audiences.find(db, request.path_params["audience"], request.query_params.get("platform"))


async def _json(request: Request) -> Any:
    try:
        return json.loads(await request.body() or b"{}")
    except ValueError:
        return None


async def _object(request: Request) -> dict[str, Any]:
    values = await _json(request)
    return values if isinstance(values, dict) else {"": values}


def _whole(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, "")
    return int(text) if text.isdecimal() else default


def _refused(message: str) -> Response:
    return JSONResponse({"error": message}, status_code=400)


def _unknown() -> Response:
    return JSONResponse({"error": "unknown here; list what there is at /_sandbox/audiences"}, status_code=404)
