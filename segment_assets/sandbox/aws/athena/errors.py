"""How the stand-in says no: to a call (an exception of the API), and to a query (a state with a reason)."""

from __future__ import annotations

import dataclasses
from typing import Any


class Refusal(Exception):  # noqa: N818 - an answer of the API
    """A call is refused with an exception of the model. `more` are its other members."""

    def __init__(self, code: str, message: str, **more: str) -> None:
        super().__init__(message)
        self.code, self.message, self.more = code, message, more


def malformed(message: str) -> Refusal:
    """What Athena says of a statement that it does not understand."""
    return Refusal("InvalidRequestException", message, AthenaErrorCode="MALFORMED_QUERY")


@dataclasses.dataclass(frozen=True, slots=True)
class AthenaError:
    """AthenaError of GetQueryExecution. Numbers of Athena's error catalog; category 1 system, 2 user, 3 other."""

    number: int
    category: int = 2
    retryable: bool = False

    def told(self, message: str) -> dict[str, Any]:
        """In the API's shape."""
        return {
            "ErrorCategory": self.category,
            "ErrorType": self.number,
            "Retryable": self.retryable,
            "ErrorMessage": message,
        }


NOT_FOUND, SYNTAX, NO_FUNCTION, NOT_SUPPORTED, BAD_DATA, DENIED, INTERNAL = (
    AthenaError(1110), AthenaError(1006), AthenaError(1303), AthenaError(1200), AthenaError(1001), AthenaError(1501),
    AthenaError(100, category=1, retryable=True),
)  # fmt: skip


class QueryFailed(Exception):  # noqa: N818 - a state of a query
    """A query ends as FAILED. `reason` begins with a code, as Trino's do."""

    def __init__(self, reason: str, error: AthenaError) -> None:
        super().__init__(reason)
        self.reason, self.error = reason, error


class CutOff(Exception):  # noqa: N818 - a state of a query
    """A query ends as CANCELLED, because it would scan more than its workgroup allows."""

    def __init__(self, scanned: int) -> None:
        super().__init__("Bytes scanned limit was exceeded")
        self.scanned = scanned
