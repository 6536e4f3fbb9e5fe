"""The one way to a platform account: creation, batches and looks at jobs share its budget, its breaker, its deadline.

Belongs here: what every call has to pass, and what its answer says about the account.
Not here: the account's state (`breaker`), how fast it is (`pacing`), how an answer is read (`destinations`).
"""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from segment_assets.contracts import TransientError
from segment_assets.delivery.breaker import LATER
from segment_assets.delivery.pacing import budget_spacing, retry_after

if TYPE_CHECKING:
    from collections.abc import Callable

    from segment_assets.contracts import Clock, Request, Response, Transport
    from segment_assets.delivery.breaker import Breaker
    from segment_assets.delivery.pacing import Pace

# Seconds for all deliveries of a run together: what is left of the two hours that dagster.yaml gives it
# (`max_runtime_seconds`) is for a last call with all its tries, and for settling.
LONGEST_RUN = 6_000.0


class Gate:
    """A transport with a gate before it. One gate is one run, or one round of looks at jobs."""

    def __init__(
        self,
        transport: Transport,
        breaker: Breaker,
        pace: Pace,
        *,
        is_throttle: Callable[[Response], bool] | None = None,
        longest: float = LONGEST_RUN,
        clock: Clock = time.monotonic,
    ) -> None:
        self._transport, self._breaker, self._pace = transport, breaker, pace
        self._is_throttle = is_throttle or _too_many_requests
        self._longest, self._clock, self._ends_at = longest, clock, clock() + longest
        self._has_called = self._has_turn = False

    def take_a_turn(self) -> None:
        """Wait for the account's next turn, which the next `send` uses.

        Whoever notes an intent before a call asks here first: a call that may not be made has no intent.
        Raises AwayError while the account's breaker is open, TransientError when the run's time is over.
        """
        if self._has_turn:
            return
        if self._has_called and self._clock() >= self._ends_at:
            raise TransientError(
                f"the run has taken the {self._longest:.0f} s that it may; what was answered is noted, and the rest "
                "goes with a later run",
                retry_after=LATER,
            )
        self._breaker.enter(is_first=not self._has_called)
        self._pace.take_a_turn()
        self._has_turn = True

    def send(self, request: Request) -> Response:
        """Send in turn. Raises as `take_a_turn` does and as the transport does."""
        self.take_a_turn()
        self._has_turn, self._has_called = False, True
        try:
            response = self._transport.send(request)
        except TransientError:
            self._breaker.failed("no answer")
            raise
        if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self._breaker.failed(str(response.status))
            return response
        self._breaker.answered()
        if self._is_throttle(response) and not _advice(response):
            self._breaker.throttled()
        return response


def _too_many_requests(response: Response) -> bool:
    """The standard's way to throttle. A platform with another way tells by its destination's `is_throttle`."""
    return response.status == HTTPStatus.TOO_MANY_REQUESTS


def _advice(response: Response) -> bool:
    return retry_after(response.headers) is not None or budget_spacing(response.headers) > 0
