"""When something that did not get through is tried again: at once, after a minute, and then twice as long each time.

Belongs here: that pause, for whatever a sensor asks for or looks at again and again. Not here: retries within a run.
"""

from __future__ import annotations

from typing import Any

FIRST_BACKOFF_SECONDS = 60.0
LONGEST_BACKOFF_SECONDS = 3600.0


def next_attempt(asked: dict[str, dict[str, Any]], what: str, wanted: object, *, now: float) -> int | None:
    """The number of the next try, noted in `asked`; None while the pause after the last one goes on.

    `now` is in seconds since the epoch; another wish begins again.

    >>> asked = {}
    >>> [next_attempt(asked, "pair", "v1", now=now) for now in (0.0, 30.0, 60.0, 120.0, 180.0)]
    [1, None, 2, None, 3]
    """
    before = asked.get(what, {})
    attempt = int(before["attempt"]) + 1 if before.get("wanted") == wanted else 1
    # The exponent is bounded: after a thousand tries the power is no float any more.
    wait = min(FIRST_BACKOFF_SECONDS * 2 ** min(attempt - 2, 10), LONGEST_BACKOFF_SECONDS) if attempt > 1 else 0.0
    if now < before.get("at", 0.0) + wait:
        return None
    asked[what] = {"wanted": wanted, "attempt": attempt, "at": now}
    return attempt
