"""One call to a platform and its answer, before anybody understands it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """One call to a platform. `json` is the body; it and the headers are never logged."""

    method: str
    path: str
    json: object | None = None
    params: Mapping[str, str] = dataclasses.field(default_factory=dict)
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Response:
    """What came back. `json` is None where the body was not JSON."""

    status: int
    headers: Mapping[str, str]
    json: object | None


class Transport(Protocol):
    """Carries a request to one platform account: base address, credentials and time-outs are its business.

    Raises TransientError when no answer came (refused, reset, timed out, cut short).
    """

    def send(self, request: Request) -> Response:
        """Send and wait for the answer, whatever its status."""
        ...
