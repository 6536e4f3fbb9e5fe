"""The HTTP side of the stand-in: one path, five operations, a thread of its own."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from segment_assets.sandbox.aws.athena import wire
from segment_assets.sandbox.aws.athena.catalog import Catalog
from segment_assets.sandbox.aws.athena.errors import Refusal
from segment_assets.sandbox.aws.athena.executions import Execution, Executions, Fault, Settings
from segment_assets.sandbox.platforms.connections import Protocol, abort

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.types import Receive, Scope, Send

    from segment_assets.resources.aws.session import AwsSession

_START_SECONDS = 20
_MOST_RESULTS = 1000


@dataclasses.dataclass(slots=True)
class AthenaStandIn:
    """A running stand-in. What tests plant and look at; everything else goes over HTTP."""

    endpoint: str
    executions: Executions
    throttles: int = 0
    lost_answers: int = 0
    calls: list[str] = dataclasses.field(default_factory=list)

    @property
    def settings(self) -> Settings:
        """How it behaves; may be changed at any time."""
        return self.executions.settings

    def plant(self, *faults: Fault) -> None:
        """Let the next executions have these faults, one each."""
        self.executions.faults.extend(faults)


@contextlib.contextmanager
def serving(
    session: AwsSession, spill: Path, settings: Settings | None = None, port: int = 0
) -> Iterator[AthenaStandIn]:
    """Serve on 127.0.0.1 until the block ends. `session` reaches the Glue and S3 that tables are in."""
    import uvicorn

    listener = socket.create_server(("127.0.0.1", port))
    executions = Executions(Catalog(session), spill, settings or Settings())
    athena = AthenaStandIn(f"http://127.0.0.1:{listener.getsockname()[1]}", executions)
    app = Starlette(routes=[Route("/", _Endpoint(athena), methods=["POST"])])
    server = uvicorn.Server(
        uvicorn.Config(app, http=Protocol, ws="none", lifespan="off", log_config=None, timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="athena", daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.005)
        yield athena
    finally:
        server.should_exit = True
        executions.close()
        thread.join(_START_SECONDS)
        listener.close()


class _Endpoint:
    def __init__(self, athena: AthenaStandIn) -> None:
        self._athena = athena

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        operation = request.headers.get("x-amz-target", "").removeprefix(wire.TARGET)
        body = await request.body()
        self._athena.calls.append(operation)
        try:
            told, status = await run_in_threadpool(self._answer, operation, body), 200
        except Refusal as refusal:
            told, status = wire.refused(refusal), 400
        if operation == "StartQueryExecution" and status == 200 and self._athena.lost_answers:  # noqa: PLR2004
            self._athena.lost_answers -= 1
            await abort(scope, receive)
            return
        await Response(told, status, media_type="application/x-amz-json-1.1")(scope, receive, send)

    def _answer(self, operation: str, body: bytes) -> bytes:
        if not wire.knows(operation):
            raise Refusal("UnknownOperationException", "There is no such operation")
        does = _OPERATIONS.get(operation)
        if does is None:
            raise Refusal("InternalServerException", f"This stand-in does not have {operation}")
        return wire.answer(operation, does(self._athena, wire.parameters(operation, body)))


def _start(athena: AthenaStandIn, asked: dict[str, Any]) -> dict[str, Any]:
    if athena.throttles:
        athena.throttles -= 1
        raise Refusal("TooManyRequestsException", "Rate exceeded")
    if not athena.settings.is_enabled:
        raise Refusal("InvalidRequestException", "WorkGroup is disabled")
    if not (athena.settings.enforced_location or asked.get("ResultConfiguration", {}).get("OutputLocation")):
        raise Refusal("InvalidRequestException", "No output location provided")
    if "ClientRequestToken" not in asked:
        raise Refusal("InvalidRequestException", "ClientRequestToken is needed")
    return {"QueryExecutionId": athena.executions.start(asked)}


def _get(athena: AthenaStandIn, asked: dict[str, Any]) -> dict[str, Any]:
    one = athena.executions.get(asked["QueryExecutionId"])
    return {"QueryExecution": _described(athena, one)}


def _described(athena: AthenaStandIn, one: Execution) -> dict[str, Any]:
    status: dict[str, Any] = {"State": one.state, "SubmissionDateTime": one.submitted}
    optional = {"StateChangeReason": one.reason, "CompletionDateTime": one.completed, "AthenaError": one.error}
    return {
        "QueryExecutionId": one.id,
        "Query": one.request["QueryString"],
        "StatementType": "DML",
        "SubstatementType": "UNLOAD" if one.statement.target else "SELECT",
        "ResultConfiguration": {"OutputLocation": f"{athena.executions.output_location(one)}{one.id}"},
        "QueryExecutionContext": one.request.get("QueryExecutionContext", {}),
        "Status": status | {name: value for name, value in optional.items() if value},
        "Statistics": dict(one.statistics),
        "WorkGroup": one.request.get("WorkGroup", "primary"),
        "EngineVersion": {"EffectiveEngineVersion": athena.settings.engine},
    }


def _stop(athena: AthenaStandIn, asked: dict[str, Any]) -> dict[str, Any]:
    athena.executions.stop(asked["QueryExecutionId"])
    return {}


def _results(athena: AthenaStandIn, asked: dict[str, Any]) -> dict[str, Any]:
    one = athena.executions.get(asked["QueryExecutionId"])
    if one.state != "SUCCEEDED" or one.rows is None:
        raise Refusal("InvalidRequestException", f"Query has not yet finished. Current state: {one.state}")
    if one.statement.target:
        return {"UpdateCount": len(one.rows), "ResultSet": {"Rows": []}}
    names: list[Any] = list(one.rows.column_names)
    rows = [[None if value is None else str(value) for value in row.values()] for row in one.rows.to_pylist()]
    shown = [names, *rows][: asked.get("MaxResults", _MOST_RESULTS)]
    data = [{"Data": [{} if cell is None else {"VarCharValue": cell} for cell in row]} for row in shown]
    return {"UpdateCount": 0, "ResultSet": {"Rows": data}}


def _workgroup(athena: AthenaStandIn, asked: dict[str, Any]) -> dict[str, Any]:
    settings = athena.settings
    configuration: dict[str, Any] = {
        "EnforceWorkGroupConfiguration": bool(settings.enforced_location),
        "ResultConfiguration": {"OutputLocation": settings.enforced_location} if settings.enforced_location else {},
        "EngineVersion": {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": settings.engine},
    }
    if settings.cutoff:
        configuration["BytesScannedCutoffPerQuery"] = settings.cutoff
    state = "ENABLED" if settings.is_enabled else "DISABLED"
    return {"WorkGroup": {"Name": asked["WorkGroup"], "State": state, "Configuration": configuration}}


_OPERATIONS = {
    "StartQueryExecution": _start,
    "GetQueryExecution": _get,
    "StopQueryExecution": _stop,
    "GetQueryResults": _results,
    "GetWorkGroup": _workgroup,
}
