"""The one way to a platform account: creation, batches and looks at jobs share its budget, its breaker, its deadline.

Belongs here: what every call has to pass, and what its answer says about the account.
Not here: the account's state (`breaker`), its day (`daily`), how fast it is (`pacing`), how an answer is read
(`destinations`). Whoever reads one tells the gate of a wait that it found in it (`heard`, `asked_to_rest`).
"""

from __future__ import annotations

import contextlib
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from segment_assets.contracts import TransientError
from segment_assets.delivery.breaker import LATER, HeldBackError
from segment_assets.delivery.pacing import LONGEST_WAIT, budget_spacing, retry_after

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from segment_assets.contracts import Clock, Request, Response, Transport
    from segment_assets.delivery.breaker import Breaker
    from segment_assets.delivery.daily import Day
    from segment_assets.delivery.pacing import Pace

# Seconds for all deliveries of a run together: what is left of the two hours that dagster.yaml gives it
# (`max_runtime_seconds`) is for a last call with all its tries, and for settling.
LONGEST_RUN = 6_000.0


class Gate:
    """A transport with a gate before it. One gate is one run, or one round of looks at jobs.

    `day` counts the account's calls where its platform has a quota of a day.
    """

    def __init__(
        self,
        transport: Transport,
        breaker: Breaker,
        pace: Pace,
        *,
        day: Day | None = None,
        is_throttle: Callable[[Response], bool] | None = None,
        longest: float = LONGEST_RUN,
        clock: Clock = time.monotonic,
    ) -> None:
        self._transport, self._breaker, self._pace, self._day = transport, breaker, pace, day
        self._is_throttle = is_throttle or _too_many_requests
        self._longest, self._clock, self._ends_at = longest, clock, clock() + longest
        self._has_called = self._has_turn = self._is_for_opt_outs = False

    def take_a_turn(self) -> None:
        """Wait for the account's next turn, which the next `send` uses.

        Whoever notes an intent before a call asks here first: a call that may not be made has no intent.
        Raises AwayError while the account's breaker is open or it rests, SpentError when its day is spent, and
        HeldBackError when the run's time is over.
        """
        if self._has_turn:
            return
        if self._has_called and self._clock() >= self._ends_at:
            raise HeldBackError(
                f"the run has taken the {self._longest:.0f} s that it may; what was answered is noted, and the rest "
                "goes with a later run",
                retry_after=LATER,
            )
        # The day first: a probe that was noted and then not made would keep others from asking.
        if self._day is not None:
            self._day.take(for_opt_out=self._is_for_opt_outs)
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
            self.rest(retry_after(response.headers) or 0.0)
            return response
        is_throttle = self._is_throttle(response)
        # Of an answer that took the call, a wait is about what comes next (a job, a batch), and its reader's affair.
        self._breaker.answered(took=response.status < HTTPStatus.BAD_REQUEST and not is_throttle)
        if is_throttle and not _advice(response):
            self._breaker.throttled()
        if is_throttle:
            self.rest(max(retry_after(response.headers) or 0.0, budget_spacing(response.headers)))
        return response

    def rest(self, seconds: float) -> None:
        """The platform asks for a wait. One that no run waits out is kept with the account, for everybody."""
        if seconds > LONGEST_WAIT:
            self._breaker.rest(seconds)

    @contextlib.contextmanager
    def for_opt_outs(self) -> Iterator[None]:
        """Within it, calls may use what is kept of a day for people who said no."""
        before, self._is_for_opt_outs = self._is_for_opt_outs, True
        try:
            yield
        finally:
            self._is_for_opt_outs = before

    def left_of_the_day(self) -> int | None:
        """Calls that are left of the day for what is sent now, as this run last saw it; None where none is counted."""
        return self._day.left(for_opt_out=self._is_for_opt_outs) if self._day is not None else None


# In production every way to an account is a gate; in a rehearsal nothing is sent, and there is none.


@contextlib.contextmanager
def heard(transport: Transport) -> Iterator[None]:
    """Around the reading of an answer: a wait that a platform tells in its own words is kept with the account.

    A gate reads the standard headers, and only destinations read the rest. What we refuse ourselves says nothing about
    the platform.
    """
    try:
        yield
    except TransientError as said:
        if not isinstance(said, HeldBackError):
            asked_to_rest(transport, said.retry_after or 0.0)
        raise


def asked_to_rest(transport: Transport, seconds: float) -> None:
    """A platform wants to be left alone for so long after a call that it took."""
    if isinstance(transport, Gate):
        transport.rest(seconds)


def for_opt_outs(transport: Transport) -> contextlib.AbstractContextManager[None]:
    """Within it, calls are for people who said no."""
    return transport.for_opt_outs() if isinstance(transport, Gate) else contextlib.nullcontext()


def left_of_the_day(transport: Transport) -> int | None:
    """Calls that are left of the account's day; None where nobody counts."""
    return transport.left_of_the_day() if isinstance(transport, Gate) else None


def _too_many_requests(response: Response) -> bool:
    """The standard's way to throttle. A platform with another way tells by its destination's `is_throttle`."""
    return response.status == HTTPStatus.TOO_MANY_REQUESTS


def _advice(response: Response) -> bool:
    return retry_after(response.headers) is not None or budget_spacing(response.headers) > 0
