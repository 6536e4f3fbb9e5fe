"""A caller of one platform of the sandbox without a socket, for the tests of what the platform answers."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import httpx

from segment_assets_tests.conformance.kit.outside import URL, InProcess, Outside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Caller:
    """Calls with a good token and good headers, unless a test says otherwise."""

    def __init__(self, outside: Outside, platform: str, headers: dict[str, str]) -> None:
        self.outside = outside
        self.http = httpx.Client(base_url=f"{URL}/{platform}", headers=headers, transport=outside.inside)

    def call(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> httpx.Response:
        return self.http.request(method, path, json=body, headers=headers or {})


@contextlib.contextmanager
def caller(home: Path, platform: str, headers: dict[str, str]) -> Iterator[Caller]:
    inside = InProcess(home, ())
    outside = Outside(inside)
    made = Caller(outside, platform, headers)
    try:
        with made.http:
            yield made
    finally:
        outside.close()
        inside.end()
