"""The whole delivery room of the benchmark: the first delivery of one audience to five lists, one after the other.

`road/ours` goes to the sandbox, whose own work on a million people takes minutes of a processor. `road/answered` goes
to a platform in the same process that takes everybody at once and keeps nobody, so that what it takes is ours alone,
at any size.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from typing import TYPE_CHECKING

from segment_assets.contracts import Quota, Response
from segment_assets.delivery.errands import Errand
from segment_assets.delivery.guards import GuardRails
from segment_assets.delivery.ledger import Pair
from segment_assets.delivery.run import DeliveryRoom
from segment_assets.delivery.wanted import Wanted
from segment_assets.resources.lake import LocalLake
from segment_assets.resources.transport import HttpTransport
from segment_assets.sandbox import process
from segment_assets_tests.benchmarks.carriers import ACCOUNTS
from segment_assets_tests.faults.sides import META

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from segment_assets.contracts import Contract, Request, Transport

# So that nobody waits for a quota where nothing but our own work is measured.
_UNBOUND = Quota(requests=1_000_000_000, per_seconds=1)


def to_the_sandbox(folder: Path) -> dict[str, float]:
    """`waited_for_platform` and `waited_for_quota` are seconds of the wall time in which we only wait."""
    os.environ["SEGMENT_ASSETS_SANDBOX_LATENCY_MS"] = "0"
    url = process.start(folder / "sandbox").url
    try:
        return _road(folder, META.contract, lambda: HttpTransport(url, META.token))
    finally:
        process.stop(folder / "sandbox")


def answered_at_once(folder: Path) -> dict[str, float]:
    """The same against a platform that costs next to nothing."""
    return _road(folder, dataclasses.replace(META.contract, quota=_UNBOUND), _TakesEverybody)


def _road(folder: Path, contract: Contract, connect: Callable[[], Transport]) -> dict[str, float]:
    lake = LocalLake(folder / "lake")
    audience = lake.current("hashed_audience", "bench")
    accepted, requests, waited, asleep = 0, 0, 0.0, 0.0

    def sleep(seconds: float) -> None:
        nonlocal asleep
        asleep += seconds
        time.sleep(seconds)

    destination = META.connect(META.account, contract, META.statements)
    for number in range(ACCOUNTS):
        pair = Pair("tenant", META.name, META.account, f"bench-{number}")
        errand = Errand(
            pair, Wanted(contract, contract.forms()), f"bench {number}", META.statements, GuardRails(1.0), b"key"
        )
        with contextlib.closing(_Watched(connect())) as transport:
            room = DeliveryRoom(lake, destination, transport, workdir=folder / "work", sleep=sleep)
            for row in room.run(errand, audience, None).deliveries:
                accepted += row["accepted"]
                requests += row["requests"]
            waited += transport.waited
    return {"accepted": accepted, "requests": requests, "waited_for_platform": waited, "waited_for_quota": asleep}


class _Watched:
    """A transport that notes how long its answers took: the platform's time, in which we only wait."""

    def __init__(self, inner) -> None:
        self._inner, self.waited = inner, 0.0

    def send(self, request):
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            return self._inner.send(request)
        finally:
            self.waited += time.perf_counter() - wall - (time.process_time() - cpu)

    def close(self) -> None:
        self._inner.close()


class _TakesEverybody:
    """Answers as Meta does where every row is good. Reading the bodies is left to the sandbox: it would count as ours."""

    def __init__(self) -> None:
        self._running = 0

    def send(self, request: Request) -> Response:
        if request.method == "GET" or not isinstance(request.json, dict):
            return Response(200, {}, {"data": []})
        if request.path.endswith("/customaudiences"):
            return Response(200, {}, {"id": "1"})
        rows = len(request.json["payload"]["data"])
        self._running = rows if request.json["session"]["batch_seq"] == 1 else self._running + rows
        return Response(200, {}, {"num_received": self._running, "num_invalid_entries": 0})

    def close(self) -> None:
        """Nothing is open."""


CONTESTANTS: dict[str, Callable[[Path], dict[str, float]]] = {
    "road/ours": to_the_sandbox,
    "road/answered": answered_at_once,
}
