"""The HTTP side of the stand-in: routes by botocore's model, planned trouble, answers that fit the model.

Belongs here: requests, answers, broken connections. Not here: what an operation does (`service`).
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from segment_assets.sandbox.aws.clean_rooms.faults import Fault, Trouble
from segment_assets.sandbox.aws.clean_rooms.model import Misfit, Model
from segment_assets.sandbox.aws.clean_rooms.refusing import Refused
from segment_assets.sandbox.platforms.connections import Protocol, abort, close

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import Receive, Scope, Send

    from segment_assets.sandbox.aws.clean_rooms.service import CleanRooms

_START_SECONDS = 20.0


class App:
    """The ASGI application. `service` may be replaced by another one at any time.

    `name` is the service's in botocore and in signatures; other stand-ins of REST services set their own.
    """

    name = "cleanrooms"

    def __init__(self, service: Any) -> None:
        self.service, self._model = service, Model(self.name, service.operations)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One call."""
        request = Request(scope, receive)
        body = await request.body()
        path = scope["raw_path"].decode().partition("?")[0]
        matched = self._model.matched(request.method, path)
        if matched is None:
            await _refusal(404, "UnknownOperationException", b"{}")(scope, receive, send)
            return
        operation, named = matched
        if f"/{self.name}/aws4_request" not in request.headers.get("authorization", ""):
            said = b'{"message": "Missing Authentication Token"}'
            await _refusal(403, "MissingAuthenticationTokenException", said)(scope, receive, send)
            return
        fault = self.service.plans.take_fault(operation)
        if fault is not None and fault.trouble is Trouble.REQUEST_LOST:
            await abort(scope, receive)
            return
        if fault is not None and fault.trouble is Trouble.REFUSED:
            await self._refused(operation, fault)(scope, receive, send)
            return
        response = await run_in_threadpool(self._performed, operation, named, dict(request.query_params), body)
        await _delivered(response, fault, scope, receive, send)

    def _performed(self, operation: str, named: dict[str, str], query: dict[str, str], body: bytes) -> Response:
        try:
            asked = self._model.request(operation, named, query, body)
        except Misfit as misfit:
            code, told = self.misfit(misfit)
            status, said = self._model.error(operation, code, told)
            return _refusal(status, code, said)
        try:
            answer = self.service.perform(operation, asked)
        except Refused as refused:
            status, said = self._model.error(operation, refused.code, refused.told)
            return _refusal(status, refused.code, said)
        return Response(self._model.answer(operation, answer), 200, media_type="application/json")

    def misfit(self, misfit: Misfit) -> tuple[str, dict[str, Any]]:
        """The error of a request that does not fit the model: code and members."""
        fields = [{"name": name, "message": "does not fit"} for name in misfit.fields]
        told = {"message": "Validation", "reason": "FIELD_VALIDATION_FAILED", "fieldList": fields}
        return "ValidationException", told

    def _refused(self, operation: str, fault: Fault) -> Response:
        """A planned refusal, documented or not."""
        try:
            status, said = self._model.error(operation, fault.code, dict(fault.told))
        except KeyError:
            status, said = 400, json.dumps(dict(fault.told)).encode()
        return _refusal(fault.status or status, fault.code, said)


def _refusal(status: int, code: str, body: bytes) -> Response:
    return Response(body, status, {"x-amzn-errortype": code}, "application/json")


async def _delivered(response: Response, fault: Fault | None, scope: Scope, receive: Receive, send: Send) -> None:
    """The answer, or what the fault makes of it after the work was done."""
    trouble = None if fault is None else fault.trouble
    if trouble is Trouble.ANSWER_LOST:
        await abort(scope, receive)
    elif trouble is Trouble.ANSWER_BROKEN:
        await close(scope, receive, send, response)
    elif trouble is Trouble.ANSWER_GARBLED:
        await Response(b"<html>Bad Gateway", 200, media_type="text/html")(scope, receive, send)
    elif trouble is Trouble.SERVER_ERROR_AFTER:
        said = b'{"message": "Internal"}'
        await _refusal((fault and fault.status) or 500, "InternalServerException", said)(scope, receive, send)
    else:
        await response(scope, receive, send)


@contextlib.contextmanager
def serving(service: CleanRooms | App, port: int = 0) -> Iterator[str]:
    """Serve on loopback, by a thread of this process, until the end of the block. Gives the address."""
    import uvicorn

    app = service if isinstance(service, App) else App(service)

    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, http=Protocol, ws="none", lifespan="off", log_level="warning",
        access_log=False, server_header=False, timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not server.started:
            if not thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError(f"the stand-in of {app.name} did not start; is its port taken?")
            time.sleep(0.005)
        bound = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{bound}"
    finally:
        server.should_exit = True
        thread.join(_START_SECONDS)
