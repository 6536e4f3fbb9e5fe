"""The quota of a day: how many calls all processes together have made in 24 hours, counted in the lake.

Belongs here: the count, what is kept back for opt-outs, and when a spent day opens. Not here: the quota of a minute
(`pacing`), what is held back meanwhile (`account_health`).

A process reserves calls ahead, 1, then 2, 4 and so on up to a hundredth of the day, so that a short run takes little
that it does not use and a long one does not write an object per call. Nothing is given back: a run that is killed
could not either, and what is lost with it is less than it used, and a hundredth at most.

No platform's page says when its day begins. So any 24 hours are held to the quota, which is right by every clock.

Own code: pyrate-limiter keeps its buckets in the process, Redis or a database; our processes share nothing but the
lake.
"""

from __future__ import annotations

import dataclasses
import json
import math
import time
from typing import TYPE_CHECKING, Self

from segment_assets.delivery.breaker import HeldBackError
from segment_assets.delivery.numbered import Numbered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segment_assets.contracts import Clock, Lake, Quota

_DAY = 86_400.0
# Calls are counted by the quarter of an hour in which they were reserved, and are made within another one: a count is a
# hundred numbers at most, and a spent day opens half an hour late at most.
_QUARTER = 900
# A tenth, for people who say no while the day is spent: they are few (an opt-out is a request or two, for all of an
# audience who said no since the last), and it is the margin for two processes that reserve at midnight side by side.
_KEPT_FOR_OPT_OUTS = 0.1
_BLOCKS = 100
# Processes that reserve at the same moment. Who still loses then tries again with its next call.
_TRIES = 10


class SpentError(HeldBackError):
    """The calls of a day are spent: nothing was sent. `retry_after` says when the next may go."""


def for_ordinary_calls(per_day: int) -> int:
    """How many of a day's calls are for what is not an opt-out.

    >>> for_ordinary_calls(1_000)
    900
    """
    return max(1, per_day - math.ceil(per_day * _KEPT_FOR_OPT_OUTS))


@dataclasses.dataclass(frozen=True, slots=True)
class Count:
    """Calls by the quarter of an hour in which they were reserved: its beginning (seconds since the epoch) -> calls."""

    calls: Mapping[int, int] = dataclasses.field(default_factory=dict)

    def total(self, now: float) -> int:
        """Calls of the last 24 hours. A quarter counts until all that was reserved in it must be so long ago."""
        return sum(calls for begins, calls in self.calls.items() if now < _counts_until(begins))

    def opens_at(self, now: float, limit: int) -> float:
        """When fewer than `limit` calls are of the last 24 hours, in seconds since the epoch; `now` where they are."""
        left = self.total(now)
        for begins in sorted(self.calls):
            if left < limit:
                break
            if now < _counts_until(begins):
                left -= self.calls[begins]
                now = _counts_until(begins)
        return now


class Day:
    """The calls to an account, or to all that share its quota. Every process has its own; the lake has the count."""

    def __init__(self, lake: Lake, name: str, per_day: int, *, clock: Clock = time.time) -> None:
        self._lake, self._name, self._per_day, self._clock = lake, name, per_day, clock
        self._dates: dict[str, Numbered] = {}
        self._seen: dict[str, dict[int, int]] = {}
        self._reserved, self._good_until, self._block = 0, 0.0, 1

    @classmethod
    def of(cls, lake: Lake, destination: str, account: str, quota: Quota, *, clock: Clock = time.time) -> Self | None:
        """The day of an account of a platform; None where the platform counts no day."""
        if quota.per_day is None:
            return None
        owner = f"shared/{quota.shared_by}" if quota.shared_by else account
        return cls(lake, f"{destination}/{owner}", quota.per_day, clock=clock)

    def take(self, *, for_opt_out: bool = False) -> None:
        """Use one call. Asks the lake when what this process has reserved is used. Raises SpentError.

        The last tenth of the day is for opt-outs, and they reserve no more of it than the call itself: an audience
        that follows in the same run has no part in it.
        """
        now = self._clock()
        if self._reserved and now < self._good_until:
            self._reserved -= 1
            return
        if self._reserved:
            # So slow a run needs little at once.
            self._reserved, self._block = 0, 1
        for _ in range(_TRIES):
            used = self._look(now).total(now)
            ordinary, limit = for_ordinary_calls(self._per_day), self._limit(for_opt_out=for_opt_out)
            if used >= limit:
                raise self._spent(now, limit)
            size = min(self._block, ordinary - used) if used < ordinary else 1
            if self._reserve(size, now):
                self._reserved, self._good_until = size - 1, now + _QUARTER
                self._block = min(self._block * 2, max(1, self._per_day // _BLOCKS))
                return
        raise HeldBackError(f"{self._name}: others count their calls at this very moment; tried again", retry_after=1.0)

    def opens_at(self, now: float, *, for_opt_out: bool = False) -> float:
        """When the next call may go, in seconds since the epoch; `now` where it may."""
        return self._look(now).opens_at(now, self._limit(for_opt_out=for_opt_out))

    def left(self, *, for_opt_out: bool = False) -> int | None:
        """Calls that are left, as this process last saw it; None before it has looked."""
        if not self._seen:
            return None
        return max(0, self._limit(for_opt_out=for_opt_out) - self._count.total(self._clock())) + self._reserved

    def _limit(self, *, for_opt_out: bool) -> int:
        return self._per_day if for_opt_out else for_ordinary_calls(self._per_day)

    @property
    def _count(self) -> Count:
        return Count({begins: number for calls in self._seen.values() for begins, number in calls.items()})

    def _look(self, now: float) -> Count:
        """The count as it is in the lake now."""
        dates = [_date(now - _DAY - 2 * _QUARTER), _date(now - _DAY), _date(now)]
        self._dates = {date: self._dates.get(date) or self._of(date) for date in dates}
        self._seen = {date: _read(states) for date, states in self._dates.items()}
        return self._count

    def _reserve(self, size: int, now: float) -> bool:
        """Count calls beforehand, after what was seen. False when another process did at the same moment."""
        date, begins = _date(now), int(now // _QUARTER * _QUARTER)
        calls = {**self._seen[date], begins: self._seen[date].get(begins, 0) + size}
        if not self._dates[date].follow(json.dumps({str(at): number for at, number in calls.items()}).encode()):
            return False
        self._seen[date] = calls
        return True

    def _spent(self, now: float, limit: int) -> SpentError:
        opens = self._count.opens_at(now, limit)
        kept = "" if limit == self._per_day else ", but for those that are kept for opt-outs"
        until = time.strftime("%Y-%m-%d %H:%M", time.gmtime(opens))
        return SpentError(
            f"{self._name}: the {self._per_day:,} calls of 24 hours are spent{kept}; nothing was sent, and what is "
            f"left goes with a later run, from {until} UTC on",
            retry_after=opens - now,
        )

    def _of(self, date: str) -> Numbered:
        return Numbered(self._lake, f"platform_accounts/{self._name}/calls/{date}")


def _counts_until(begins: int) -> float:
    return begins + 2 * _QUARTER + _DAY


def _date(moment: float) -> str:
    """A folder for each date, so that a process lists the objects of two days and not of years."""
    return time.strftime("%Y-%m-%d", time.gmtime(moment))


def _read(states: Numbered) -> dict[int, int]:
    raw = states.newest()
    return {int(begins): int(calls) for begins, calls in json.loads(raw).items()} if raw is not None else {}
