"""How fast one account is called: the quota that its contract declares, and what the platform says while it answers.

Belongs here: the standard headers, which mean the same on every platform. Not here: a platform's own header or body
(`destinations` read those into `Answer.pause` and `TransientError.retry_after`), trying again (`courier`).
Source: RFC 9110, 10.2.3 (Retry-After, seconds or a date); draft-ietf-httpapi-ratelimit-headers, 10 for
`RateLimit: "name";r=50;t=30` with `RateLimit-Policy: "name";q=100;w=60`, and 06 for `RateLimit-Remaining` and
`RateLimit-Reset`, which most services still send.
"""

from __future__ import annotations

import email.utils
import re
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pyrate_limiter

    from segment_assets.contracts import Clock, Quota, Sleep

# A day. What is above is not a wait but a mistake, and is left to the backoff.
LONGEST_REST = 86_400.0
# Seconds that a run waits where it is. What a platform asks for beyond is left to a later run, and the account rests.
LONGEST_WAIT = 30.0
_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")
_PARAMETER = re.compile(r";\s*([a-z])\s*=\s*([0-9]{1,9})(?![0-9.])")
# Items of a structured list; a comma inside a quoted name does not part them.
_ITEM = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*")+')


# A run and the follower of its account are two processes that know nothing of each other, and the platform counts the
# calls of both. The one who asks about jobs calls a few times an hour, so nearly all of the quota is the run's.
RUN_SHARE, FOLLOWER_SHARE = 0.95, 0.05


class Pace:
    """The calls to one account: never above its quota, and further apart where the platform says so.

    `part` is the part of the quota that this process may use, `share` how much of that part it may use now (1 for all).
    """

    def __init__(
        self,
        quota: Quota,
        account: str,
        *,
        part: float = 1.0,
        share: Callable[[], float] = lambda: 1.0,
        sleep: Sleep = time.sleep,
        clock: Clock = time.monotonic,
    ) -> None:
        self._limiter, self._account = _limiter(quota, part), account
        self._spacing = quota.per_seconds / quota.requests / part
        self._share, self._sleep, self._clock = share, sleep, clock
        self._last: float | None = None

    def take_a_turn(self) -> None:
        """Wait until the quota has room for a call."""
        self._limiter.try_acquire(self._account)
        share = self._share()
        if share < 1 and self._last is not None:
            wait = self._last + self._spacing / share - self._clock()
            if wait > 0:
                self._sleep(wait)
        self._last = self._clock()

    def pause_after(self, headers: Mapping[str, str]) -> float:
        """Seconds to leave the platform alone after a call that it took; 0 where our own pace is slow enough."""
        asked = retry_after(headers) or 0.0
        spacing = budget_spacing(headers)
        return max(asked, spacing if spacing > self._spacing else 0.0)


def retry_after(headers: Mapping[str, str], clock: Clock = time.time) -> float | None:
    """Seconds that `Retry-After` asks for, None where it does not. A date is read by the platform's own clock.

    >>> retry_after({"Retry-After": "120"})
    120.0
    """
    lower = {name.lower(): value for name, value in headers.items()}
    said = lower.get("retry-after", "").strip()
    if _SECONDS.fullmatch(said):
        return _sensible(float(said))
    moment = _moment(said)
    if moment is None:
        return None
    now = _moment(lower.get("date", ""))
    return _sensible(max(0.0, moment - (clock() if now is None else now)))


def budget_spacing(headers: Mapping[str, str]) -> float:
    """Seconds from one call to the next so that what is left of the budget lasts; 0 where nothing is said.

    Of several budgets the tightest counts. One that is spent is waited for until it is filled again.

    >>> budget_spacing({"RateLimit": '"burst";r=5;t=10, "daily";r=900;t=3600'})
    4.0
    """
    lower = {name.lower(): value for name, value in headers.items()}
    budgets = [dict(_PARAMETER.findall(item)) for item in _ITEM.findall(lower.get("ratelimit", ""))]
    budgets.append({"r": lower.get("ratelimit-remaining", "").strip(), "t": lower.get("ratelimit-reset", "").strip()})
    return max((_spacing(budget.get("r", ""), budget.get("t", "")) for budget in budgets), default=0.0)


def _spacing(remaining: str, seconds: str) -> float:
    if not (_SECONDS.fullmatch(remaining) and _SECONDS.fullmatch(seconds)):
        return 0.0
    left, until = float(remaining), _sensible(float(seconds)) or 0.0
    return until / left if left >= 1 else until


def _moment(date: str) -> float | None:
    """Seconds since the epoch of an HTTP date."""
    try:
        return email.utils.parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _sensible(seconds: float) -> float | None:
    return seconds if seconds <= LONGEST_REST else None


def _limiter(quota: Quota, part: float) -> pyrate_limiter.Limiter:
    """The same number of calls in a longer time: a part of one call is none."""
    import pyrate_limiter

    return pyrate_limiter.Limiter(pyrate_limiter.Rate(quota.requests, int(quota.per_seconds * 1000 / part)))
