"""The kit's house in front of a sandbox that is a process of its own: what one process begins, another goes on with.

Belongs here: the way to a running sandbox. Not here: what is tried (`any_platform`), what a house is (`conformance.kit`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import httpx

from segment_assets_tests.conformance.kit.house import SEGMENT, House
from segment_assets_tests.conformance.kit.outside import URL, Outside
from segment_assets_tests.conformance.kit.record import Record, records

if TYPE_CHECKING:
    from pathlib import Path


class Wire(httpx.BaseTransport):
    """Carries the calls of the kit, which know no port, to a sandbox. `patience` in seconds, None for as long as asked."""

    def __init__(self, url: str) -> None:
        self.patience: float | None = None
        self._address = httpx.URL(url)
        self._http = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(host=self._address.host, port=self._address.port)
        if self.patience is not None:
            request.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), self.patience)
        answer = self._http.handle_request(request)
        try:
            content = b"".join(answer.iter_raw())
        finally:
            answer.close()
        return httpx.Response(answer.status_code, headers=answer.headers, content=content)

    def close(self) -> None:
        """A transport that is closed after a run is not the end of the wire."""

    def end(self) -> None:
        self._http.close()


class RunningOutside(Outside):
    """A sandbox that other processes have used before: its clock has moved."""

    def __init__(self, url: str) -> None:
        self.wire = Wire(url)
        self.address, self.url, self.inside = url, URL, self.wire
        self._http = httpx.Client(base_url=URL, transport=Wire(url), timeout=300)
        self.offset = self._get("clock")["offset"]

    def close(self) -> None:
        super().close()
        self.wire.end()


@dataclasses.dataclass
class DeployedHouse(House):
    """A house of the drill. `already`: lines in the sandbox's log before what is looked at begins."""

    is_impatient: bool = False
    already: int = 0

    def found(self) -> DeployedHouse:
        """With the audience that another process has published."""
        self.audience = self.lake.current("hashed_audience", SEGMENT)
        return self


def house(record: Record, folder: Path, outside: RunningOutside) -> DeployedHouse:
    return DeployedHouse(record, folder, outside)


def drilled() -> dict[str, Record]:
    """By name: every destination that the sandbox has by itself."""
    return {record.destination: record for record in records() if record.platform is None}
