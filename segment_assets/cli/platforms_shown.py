"""What `segment-assets status` shows of the platforms: which accounts answer, and what is said of each audience.

Belongs here: reading breakers and sizes for people at a terminal. Counts only.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from segment_assets.account_health import Standing, clock_time, fails_for_ever, health_of
from segment_assets.delivery.sizes import sizes_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segment_assets.contracts import Lake
    from segment_assets.delivery.ledger import AudienceLedger
    from segment_assets.plan import Plan

_ALL = 0.995


def size_said(lake: Lake, ledger: AudienceLedger) -> str:
    """The newest size of a pair in the platform's words, empty where it was never asked."""
    rows = sizes_of(lake, ledger.pair.partition)
    if not rows:
        return ""
    row = rows[-1]
    lower, upper = row["size_lower"], row["size_upper"]
    size = "" if upper is None else f" {upper:,}" if lower == upper else f" {lower:,}-{upper:,}"
    rate = f", match rate {_in_percent(row['match_rate'])}" if row["match_rate"] else ""
    return f"{row['state']}{size}{rate}"


def troubles(plan: Plan, lake: Lake, pairs: Iterator[tuple[str, str, AudienceLedger]]) -> Iterator[str]:
    """A line for every account that is held back or slowed down, and for audiences that a person should look at."""
    now = time.time()
    for name, account in plan.accounts.items():
        health = health_of(lake, account)
        if health.is_open:
            again = f"in {health.until - now:.0f} s" if health.until > now else "with the next call"
            since = clock_time(health.opened_at)
            yield (
                f"{account.destination}/{name} does not answer ({health.reason}) since {since} UTC; "
                f"it is asked again {again}, and nothing but opt-outs is sent there meanwhile"
            )
        elif why := Standing(lake, account).why_held_back(now):
            yield f"{account.destination}/{name} {why}; opt-outs may be sent there meanwhile, and nothing else"
        elif health.failures and now - health.failed_at < _RECENTLY:
            yield f"{account.destination}/{name}: the last {health.failures} calls failed ({health.reason})"
        if health.pace_at(now) < _ALL:
            yield f"{account.destination}/{name} throttles: it is called at {health.pace_at(now):.0%} of its quota"
    for name, segment, ledger in pairs:
        rows = sizes_of(lake, ledger.pair.partition)
        if rows and rows[-1]["warning"]:
            yield f"{name}[{segment}]: {rows[-1]['warning']}"
        stopped = fails_for_ever(plan, lake, name.partition("/")[2], segment)
        if stopped:
            yield stopped


_RECENTLY = 600.0


def _in_percent(rate: str) -> str:
    """Google's word without its prefix; of another platform as it is."""
    return rate.removeprefix("MATCH_RATE_RANGE_").lower().replace("_", " ")
