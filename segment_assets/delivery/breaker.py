"""The circuit breaker of one platform account: while the platform is away, one probe at a time asks for it.

Belongs here: how an account stands, kept in the lake so that runs, followers and the reconciler see the same, and what
changes it. Not here: the calls (`gate`), what is held back meanwhile and who is told (`account_health`).

Own code: pybreaker and purgatory keep a breaker in the process or in Redis. Ours has to be seen by processes that share
nothing but the lake, and the lake creates objects conditionally and overwrites none; so a state is a numbered object,
and to change it is to create the next number.
"""

from __future__ import annotations

import dataclasses
import json
import time
from typing import TYPE_CHECKING

from segment_assets.contracts import TransientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from segment_assets.contracts import Clock, Lake

# Additive increase, multiplicative decrease, as TCP does (RFC 5681): halved at a throttle, a tenth more each minute.
_SLOWER, _SLOWEST = 0.5, 0.05
_QUICKER_EACH_MINUTE = 0.1
# Several processes that note the same outage at once; whoever still loses then has nothing to add.
_TRIES = 10
# Seconds. More than any run waits for (`Patience.longest_wait`), so that a refusal of ours ends it at once.
LATER = 600.0


@dataclasses.dataclass(frozen=True, slots=True)
class Tolerance:
    """When a breaker opens and for how long. Seconds.

    `failures` in a row, each no more than `within` after the one before, open it. It stays open for `cool_down`, then
    twice as long after every probe that failed, at most `longest`: an opt-out must not wait much longer than that for
    a platform that is back. A probe without an end is forgotten after `probe`.
    """

    failures: int = 5
    within: float = 600.0
    cool_down: float = 60.0
    longest: float = 900.0
    probe: float = 120.0


@dataclasses.dataclass(frozen=True, slots=True)
class Health:
    """How an account stands. Times in seconds since the epoch, 0 where there is none.

    `failures` in a row, the last at `failed_at` for `reason` (a status or "no answer"). Since `opened_at` the breaker
    is open; before `until` nothing but a probe goes out, and until `probed_until` one is on its way.
    `pace` was the share of the account's quota that was used from `slowed_at` on (see `pace_at`).
    """

    failures: int = 0
    failed_at: float = 0.0
    reason: str = ""
    opened_at: float = 0.0
    openings: int = 0
    until: float = 0.0
    probed_until: float = 0.0
    pace: float = 1.0
    slowed_at: float = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the platform counts as away."""
        return self.opened_at > 0

    def is_held_back(self, now: float) -> bool:
        """Whether nobody should be sent to the platform now: it is away, and has not had its time or is being asked."""
        return self.is_open and now < max(self.until, self.probed_until)

    def pace_at(self, now: float) -> float:
        """The share of the quota that may be used, from 0.05 to 1.

        >>> Health(pace=0.5, slowed_at=1000.0).pace_at(1060.0)
        0.6
        """
        return min(1.0, self.pace + _QUICKER_EACH_MINUTE * max(0.0, now - self.slowed_at) / 60)

    def after_failure(self, reason: str, now: float, tolerance: Tolerance) -> Health:
        """One more call without an answer, or with a server's error."""
        if self.is_open:
            if now >= self.probed_until:
                return self  # a call that began before the breaker opened; it says nothing new
            openings = self.openings + 1
            wait = min(tolerance.cool_down * 2 ** (openings - 1), tolerance.longest)
            return dataclasses.replace(
                self, failed_at=now, reason=reason, openings=openings, until=now + wait, probed_until=0.0
            )
        in_a_row = self.failures + 1 if now - self.failed_at <= tolerance.within else 1
        failed = dataclasses.replace(self, failures=in_a_row, failed_at=now, reason=reason)
        if in_a_row < tolerance.failures:
            return failed
        return dataclasses.replace(failed, opened_at=now, openings=1, until=now + tolerance.cool_down)

    def after_answer(self) -> Health:
        """The platform is there."""
        return Health(pace=self.pace, slowed_at=self.slowed_at)

    def after_throttle(self, now: float) -> Health:
        """The platform wants fewer calls and does not say how many."""
        slower = max(_SLOWEST, self.pace_at(now) * _SLOWER)
        return dataclasses.replace(self, pace=slower, slowed_at=now)


class AwayError(TransientError):
    """The breaker of an account is open: nothing was sent."""


class Breaker:
    """The breaker of one account. Every process has its own object; the lake has the state."""

    def __init__(
        self,
        lake: Lake,
        destination: str,
        account: str,
        *,
        clock: Clock = time.time,
        tolerance: Tolerance | None = None,
    ) -> None:
        self._lake, self._clock, self._tolerance = lake, clock, tolerance or Tolerance()
        self._name, self._prefix = f"{destination}/{account}", f"platform_accounts/{destination}/{account}/health"
        self._number: int | None = None
        self._health = Health()

    def look(self) -> Health:
        """How the account stands now."""
        if self._number is None:
            newest = self._lake.keys(self._prefix)[-1:]
            self._number = int(newest[0].rpartition("/")[2].removesuffix(".json")) - 1 if newest else 0
        while (raw := self._lake.get(self._key(self._number + 1))) is not None:
            self._number, self._health = self._number + 1, Health(**json.loads(raw))
        return self._health

    def enter(self, *, is_first: bool) -> None:
        """Ask to make a call. Raises AwayError while the breaker is open and the call is no probe.

        The first call of a run may be a probe at any time: while a breaker is open nobody starts a run without a
        reason (an opt-out, a person, the time that is up).
        """
        for _ in range(_TRIES):
            health, now = self.look(), self._clock()
            if not health.is_open:
                return
            wait = max(0.0 if is_first else health.until, health.probed_until) - now
            if wait > 0:
                raise AwayError(
                    f"{self._name} does not answer ({health.reason}): nothing was sent; it is asked again in "
                    f"{wait:.0f} s, and the rest goes with a later run",
                    retry_after=max(wait, LATER),
                )
            if self._note(dataclasses.replace(health, probed_until=now + self._tolerance.probe)):
                return
        raise AwayError(f"{self._name} does not answer, and others ask already", retry_after=LATER)

    def failed(self, reason: str) -> None:
        """A call got no answer, or a server's error."""
        self._change(lambda health: health.after_failure(reason, self._clock(), self._tolerance))

    def answered(self) -> None:
        """A call got an answer, of whatever kind."""
        if self._health.failures:
            self._change(Health.after_answer)

    def throttled(self) -> None:
        """A call was throttled without a word on when to come back."""
        self._change(lambda health: health.after_throttle(self._clock()))

    def pace(self) -> float:
        """The share of the quota that may be used now."""
        return self._health.pace_at(self._clock())

    def _change(self, step: Callable[[Health], Health]) -> None:
        for _ in range(_TRIES):
            before = self.look()
            after = step(before)
            if after == before or self._note(after):
                return

    def _note(self, health: Health) -> bool:
        """Create the next state. False when another process did."""
        assert self._number is not None
        raw = json.dumps(dataclasses.asdict(health), sort_keys=True).encode()
        if not self._lake.put_if_absent(self._key(self._number + 1), raw):
            return False
        self._number, self._health = self._number + 1, health
        return True

    def _key(self, number: int) -> str:
        return f"{self._prefix}/{number:09d}.json"
