"""Events that tell other systems what has become ready: Amazon EventBridge, and the sandbox's in the local world.

Belongs here: one call, PutEvents, and what its answer means. Not here: what is told, and when (`announcements`).
Source: botocore 1.44.5 (EventBridge 2015-10-07: PutEvents, at most 1 MB in a request; which codes of an entry pass).

EventBridge answers 200 also when it takes nothing: an entry is taken when it has an id.
"""

from __future__ import annotations

import dataclasses
import json
import re
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import NeedsHumanError, PermanentError, Request, SegmentAssetsError, TransientError
from segment_assets.destinations import appflow_answers as aws
from segment_assets.resources.transport import HttpTransport

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from segment_assets.contracts import Response, Transport

ENDPOINT = "https://events.us-east-1.amazonaws.com"
DEFAULT_BUS = "default"
_HEADERS = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "AWSEvents.PutEvents"}
_LARGEST = 1_000_000
_CODE = re.compile(r"[A-Za-z]{1,64}")
_PASSING = frozenset({"InternalFailure", "ThrottlingException"})
_FOR_A_PERSON = frozenset(
    {
        "AccessDeniedException",
        "InvalidAccountIdException",
        "NotAuthorizedForDetailTypeException",
        "NotAuthorizedForSourceException",
    }
)
_US = "eventbridge"


@dataclasses.dataclass(frozen=True, slots=True)
class EventBridge:
    """One event bus, by its name or ARN."""

    transport: Transport
    bus: str = DEFAULT_BUS

    def put(self, source: str, detail_type: str, detail: Mapping[str, object]) -> str:
        """Put one event and return EventBridge's id of it.

        Raises TransientError, PermanentError or NeedsHumanError with EventBridge's code where it takes none.
        """
        text = json.dumps(detail, separators=(",", ":"), sort_keys=True)
        entry = {"Source": source, "DetailType": detail_type, "Detail": text, "EventBusName": self.bus}
        request = Request("POST", "/", json={"Entries": [entry]}, headers=_HEADERS)
        if len(request.body() or b"") > _LARGEST:
            raise PermanentError(f"{_US}: an event of {detail_type} is too large; tell less in it")
        return _event_id(self.transport.send(request))


@dataclasses.dataclass(frozen=True, slots=True)
class LocalEvents:
    """The sandbox's EventBridge, found where the sandbox of a home says it is."""

    home: Path

    def put(self, source: str, detail_type: str, detail: Mapping[str, object]) -> str:
        """As EventBridge. Raises TransientError while the sandbox is not running."""
        from segment_assets.sandbox import process

        running = process.running(self.home)
        if running is None:
            raise TransientError("the platform sandbox is not running; start it with `segment-assets sandbox`")
        transport = HttpTransport(f"{running.url}/{_US}", f"sandbox-{_US}-token")
        try:
            return EventBridge(transport).put(source, detail_type, detail)
        finally:
            transport.close()


def _event_id(response: Response) -> str:
    aws.accepted(response, _US)
    entries = response.json.get("Entries") if isinstance(response.json, dict) else None
    told: dict[str, Any] = entries[0] if isinstance(entries, list) and entries and isinstance(entries[0], dict) else {}
    if told.get("EventId"):
        return str(told["EventId"])
    said = str(told.get("ErrorCode") or "")
    code = said if _CODE.fullmatch(said) else ""
    error = _refusal(code)
    error.code = code
    raise error


def _refusal(code: str) -> SegmentAssetsError:
    """Of a single entry. EventBridge's words are not told: they may quote what was sent."""
    if not code or code in _PASSING:
        return TransientError(f"{_US}: {code or 'an answer without an id'}; the event is put again")
    if code in _FOR_A_PERSON:
        return NeedsHumanError(f"{_US}: {code}; let the role put events of ours on this bus")
    return PermanentError(f"{_US}: {code}; the event must be changed before it is put again")
