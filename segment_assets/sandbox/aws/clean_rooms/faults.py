"""Trouble on request: calls that go wrong, and queries that end as planned.

Belongs here: what is planned, and what the next call or query gets of it. Not here: doing it (`app`, `queries`).
"""

from __future__ import annotations

import dataclasses
import enum
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class Trouble(enum.StrEnum):
    """What happens to a call. The call is carried out unless it is refused or lost on its way here."""

    REFUSED = "refused"
    REQUEST_LOST = "request_lost"
    ANSWER_LOST = "answer_lost"
    ANSWER_BROKEN = "answer_broken"
    ANSWER_GARBLED = "answer_garbled"
    SERVER_ERROR_AFTER = "server_error_after"


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """Trouble for the next call of an operation. `code`, `status` and `told` are the refusal's."""

    operation: str
    trouble: Trouble
    code: str = "ThrottlingException"
    told: Mapping[str, Any] = dataclasses.field(default_factory=lambda: {"message": "Rate exceeded"})
    status: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class End:
    """How the next query ends that is started, in the place of being run. `error` is the API's object."""

    status: str
    error: Mapping[str, Any] | None = None
    output: Mapping[str, Any] | None = None


class Plans:
    """What is planned, in order. May be changed by any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._ends: list[End] = []

    def fault(self, operation: str, trouble: Trouble, *, times: int = 1, **more: Any) -> None:
        """Plan trouble for the next calls of an operation."""
        with self._lock:
            self._faults += [Fault(operation, trouble, **more)] * times

    def end(self, status: str, **more: Any) -> None:
        """Plan the end of the next query."""
        with self._lock:
            self._ends.append(End(status, **more))

    def forget(self) -> None:
        """Nothing goes wrong any more."""
        with self._lock:
            self._faults.clear()
            self._ends.clear()

    def take_fault(self, operation: str) -> Fault | None:
        """The trouble of this call."""
        with self._lock:
            found = next((fault for fault in self._faults if fault.operation == operation), None)
            if found is not None:
                self._faults.remove(found)
            return found

    def take_end(self) -> End | None:
        """The end of this query."""
        with self._lock:
            return self._ends.pop(0) if self._ends else None
