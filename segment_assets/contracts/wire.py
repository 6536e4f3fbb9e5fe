"""One call to a platform and its answer, before anybody understands it."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Protocol

from segment_assets.contracts.columns import JsonRows
from segment_assets.contracts.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """One call to a platform. The body is `json`, or `content` of a `content_type` (a file); no body is ever logged.

    A `path` that is a whole address (https://...) is one that the platform gave us to upload to: it is sent without
    our credentials, since its signature is all that it takes.
    """

    method: str
    path: str
    json: object | None = dataclasses.field(default=None, repr=False)
    params: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    content: bytes | None = dataclasses.field(default=None, repr=False)
    content_type: str = ""
    # A body is asked for by the ledger and by the transport, and writing it is most of the work of a request.
    _written: list[bytes] = dataclasses.field(default_factory=list, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.content is not None and (self.json is not None or not self.content_type):
            raise PermanentError(
                f"{self.method}: a request has a JSON body, or content with its type; report this as a defect"
            )

    @property
    def is_elsewhere(self) -> bool:
        """Whether it goes to a whole address, outside the account's own."""
        return self.path.startswith(("https://", "http://"))

    def body(self) -> bytes | None:
        """The body as it goes over the wire: content as it is, JSON in UTF-8 without spaces. None without one."""
        if self.content is not None:
            return self.content
        if self.json is None:
            return None
        if not self._written:
            self._written.append(_written(self.json))
        return self._written[0]


# No text of a platform's own has it, and JSON writes it in one way only.
_ROWS = "\x00rows"


def _written(tree: object) -> bytes:
    """JSON in UTF-8, with the rows that are written already in their places."""
    found: list[bytes] = []

    def place(node: object) -> str:
        if not isinstance(node, JsonRows):
            raise TypeError(f"{type(node).__name__} is nothing that JSON has; report this as a defect")
        found.append(node.written)
        return _ROWS

    text = json.dumps(tree, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=place).encode()
    if not found:
        return text
    pieces = text.split(json.dumps(_ROWS).encode())
    if len(pieces) != len(found) + 1:
        raise PermanentError("a request has the mark of written rows in a text of its own; report this as a defect")
    return b"".join(piece for pair in zip(pieces, [*found, b""], strict=True) for piece in pair)


@dataclasses.dataclass(frozen=True, slots=True)
class Response:
    """What came back. `json` is None where the body was not JSON; `content` is such a body (a file of results)."""

    status: int
    headers: Mapping[str, str]
    json: object | None
    content: bytes = dataclasses.field(default=b"", repr=False)


class Transport(Protocol):
    """Carries a request to one platform account: base address, credentials and time-outs are its business.

    Raises TransientError when no answer came (refused, reset, timed out, cut short).
    """

    def send(self, request: Request) -> Response:
        """Send and wait for the answer, whatever its status."""
        ...
