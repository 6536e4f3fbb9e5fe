"""The circuit breaker of one platform account: while the platform is away or asks for rest, a probe now and then.

Belongs here: how an account stands, kept in the lake so that runs, followers and the reconciler see the same, and what
changes it. Not here: the calls (`gate`), what is held back meanwhile and who is told (`account_health`), the quota of a
day (`daily`).

Own code: pybreaker and purgatory keep a breaker in the process or in Redis. Ours has to be seen by processes that share
nothing but the lake (`numbered`).
"""

from __future__ import annotations

import dataclasses
import json
import time
from typing import TYPE_CHECKING

from segment_assets.contracts import TransientError
from segment_assets.delivery.numbered import Numbered
from segment_assets.delivery.pacing import LONGEST_REST

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
# Seconds. A wait that is told twice, by a header and by the connector's reading of the body, is one.
_SAME_WAIT = 1.0


@dataclasses.dataclass(frozen=True, slots=True)
class Tolerance:
    """When a breaker opens and for how long. Seconds.

    `failures` in a row, each no more than `within` after the one before, open it. It stays open for `cool_down`, then
    twice as long after every probe that failed, at most `longest`: an opt-out must not wait much longer than that for
    a platform that is back. A probe without an end is forgotten after `probe`. While an account rests, which may be
    for hours, there is one probe in `longest`, for the same reason.
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
    Until `rest_until` the platform asked to be left alone; before `probe_from` it is not even probed.
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
    rest_until: float = 0.0
    probe_from: float = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the platform counts as away."""
        return self.opened_at > 0

    def is_resting(self, now: float) -> bool:
        """Whether the platform asked to be left alone now."""
        return now < self.rest_until

    def is_held_back(self, now: float) -> bool:
        """Whether nobody should be sent to the platform now: it rests, or is away and has not had its time."""
        return self.wait(now, is_first=False) > 0

    def may_be_probed(self, now: float) -> bool:
        """Whether what cannot wait for the end of a rest may ask now. A platform that is away may always be asked."""
        return not self.is_resting(now) or now >= self.probe_from

    def wait(self, now: float, *, is_first: bool) -> float:
        """Seconds until a call may be made, 0 where it may now. The first call of a run may be a probe."""
        away = max(0.0 if is_first else self.until, self.probed_until) if self.is_open else 0.0
        rest = min(self.rest_until, self.probe_from) if is_first else self.rest_until
        return max(0.0, away - now, rest - now)

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

    def after_entry(self, now: float, tolerance: Tolerance) -> Health:
        """One more call goes out: a probe, where the platform is away or rests."""
        after = dataclasses.replace(self, probed_until=now + tolerance.probe) if self.is_open else self
        return dataclasses.replace(after, probe_from=now + tolerance.longest) if self.is_resting(now) else after

    def after_answer(self, ended_rest: float = 0.0) -> Health:
        """The platform is there, and needs the rest until `ended_rest` no more (0: nothing is known of one)."""
        there = Health(pace=self.pace, slowed_at=self.slowed_at)
        if self.rest_until == ended_rest:
            return there
        return dataclasses.replace(there, rest_until=self.rest_until, probe_from=self.probe_from)

    def after_request(self, seconds: float, now: float, tolerance: Tolerance) -> Health:
        """The platform asks to be left alone. More than a day is taken for a mistake, and for a day.

        The longest of what it asked for counts: a call that was on its way may have been told less.
        """
        until = now + min(seconds, LONGEST_REST)
        if until <= self.rest_until + _SAME_WAIT:
            return self
        return dataclasses.replace(self, rest_until=until, probe_from=now + tolerance.longest)

    def after_throttle(self, now: float) -> Health:
        """The platform wants fewer calls and does not say how many."""
        slower = max(_SLOWEST, self.pace_at(now) * _SLOWER)
        return dataclasses.replace(self, pace=slower, slowed_at=now)


class HeldBackError(TransientError):
    """A refusal of our own: nothing was sent, and no platform asked for its `retry_after`."""


class AwayError(HeldBackError):
    """The breaker of an account is open, or the platform asked for rest: nothing was sent."""


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
        self._clock, self._tolerance = clock, tolerance or Tolerance()
        self._name = f"{destination}/{account}"
        self._states = Numbered(lake, f"platform_accounts/{self._name}/health")
        self._raw: bytes | None = None
        self._health = Health()
        self._probed_rest = 0.0

    def look(self) -> Health:
        """How the account stands now."""
        raw = self._states.newest()
        if raw is not None and raw is not self._raw:
            self._raw, self._health = raw, Health(**json.loads(raw))
        return self._health

    def enter(self, *, is_first: bool) -> None:
        """Ask to make a call. Raises AwayError while the breaker is open or the account rests, unless it is a probe.

        The first call of a run may be a probe: while an account is held back nobody starts a run without a reason (an
        opt-out, a person, the time that is up). A platform that is away may be probed at any time. One that asked for
        rest has just said no, and every further call may count against us: it is probed once in `Tolerance.longest`,
        however many opt-outs come in, so that a no waits for minutes and not for hours, and no more calls than that
        are made against its word.
        """
        for _ in range(_TRIES):
            health, now = self.look(), self._clock()
            if health.wait(now, is_first=is_first) > 0:
                raise self._refusal(health, now, is_first=is_first)
            entered = health.after_entry(now, self._tolerance)
            if entered == health or self._note(entered):
                self._probed_rest = health.rest_until if health.is_resting(now) else 0.0
                return
        raise AwayError(f"{self._name} does not answer, and others ask already", retry_after=LATER)

    def _refusal(self, health: Health, now: float, *, is_first: bool) -> AwayError:
        if health.is_resting(now):
            until = time.strftime("%Y-%m-%d %H:%M", time.gmtime(health.rest_until))
            return AwayError(
                f"{self._name} asked for rest until {until} UTC: nothing was sent, and what is left goes with a later "
                "run",
                retry_after=health.rest_until - now,
            )
        wait = health.wait(now, is_first=is_first)
        return AwayError(
            f"{self._name} does not answer ({health.reason}): nothing was sent; it is asked again in "
            f"{wait:.0f} s, and the rest goes with a later run",
            retry_after=max(wait, LATER),
        )

    def failed(self, reason: str) -> None:
        """A call got no answer, or a server's error."""
        self._change(lambda health: health.after_failure(reason, self._clock(), self._tolerance))

    def answered(self, *, took: bool = True) -> None:
        """A call got an answer. `took`: the platform did what it was asked, and did not throttle.

        That ends a rest only where the call was its probe: another one may have been on its way since before it, or be
        of a kind that was not throttled. Should the platform mean it all the same, its next answer begins a new rest.
        """
        ended = self._probed_rest if took else 0.0
        if self._health.failures or ended:
            self._change(lambda health: health.after_answer(ended))

    def throttled(self) -> None:
        """A call was throttled without a word on when to come back."""
        self._change(lambda health: health.after_throttle(self._clock()))

    def rest(self, seconds: float) -> None:
        """The platform asks to be left alone for so long. Everybody who calls the account leaves it alone."""
        self._change(lambda health: health.after_request(seconds, self._clock(), self._tolerance))

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
        raw = json.dumps(dataclasses.asdict(health), sort_keys=True).encode()
        if not self._states.follow(raw):
            return False
        self._raw, self._health = raw, health
        return True
