"""What a platform says about an audience as a whole, for those platforms that can be asked."""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from segment_assets.contracts.wire import Request, Response, Transport


class SizeState(enum.StrEnum):
    """What a platform says an audience is good for. Only `ready` is served."""

    READY = "ready"
    UPDATING = "updating"
    TOO_SMALL = "too_small"
    CLOSED = "closed"
    UNKNOWN = "unknown"


@dataclasses.dataclass(frozen=True, slots=True)
class SizeReport:
    """People that a platform says it matched, as the range it gives; None where it gives none.

    `said` is the platform's own code or word for the state. `warning`: what a person has to do before it is served.
    """

    state: SizeState
    lower: int | None
    upper: int | None
    said: str = ""
    warning: str = ""


@runtime_checkable
class TellsSize(Protocol):
    """A destination that can be asked how large an audience is. Others have no such methods."""

    def size_request(self, audience_id: str) -> Request:
        """The call that asks."""
        ...

    def read_size(self, response: Response) -> SizeReport:
        """Understand the answer, or raise as `Destination.read` does."""
        ...


@runtime_checkable
class LooksForSize(TellsSize, Protocol):
    """A destination with audiences about which one call does not tell all."""

    def ask_size(self, transport: Transport, audience_id: str) -> SizeReport:
        """Ask once, with as many calls as it takes. Raises as `Destination.read` does."""
        ...


def asked_size(destination: TellsSize, transport: Transport, audience_id: str) -> SizeReport:
    """Ask a platform how large an audience is, the way that it has. Raises as `Destination.read` does."""
    if isinstance(destination, LooksForSize):
        return destination.ask_size(transport, audience_id)
    return destination.read_size(transport.send(destination.size_request(audience_id)))
