"""The call budget of an ad account and the header in which Meta tells how much of it is used.

A leaky bucket on the sandbox's clock: every call adds one, an hour drains the whole budget. Meta publishes neither the
formula nor the budget (it grows with ad spend), so the model is ours and the default generous; the form is Meta's.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

DEFAULT_CALLS_PER_HOUR = 100_000
_HOUR = 3600.0

TABLES = """
CREATE TABLE IF NOT EXISTS meta_usage (account TEXT PRIMARY KEY, used REAL NOT NULL, at REAL NOT NULL) WITHOUT ROWID;
"""


def spend(db: sqlite3.Connection, account: str, budget: float, now: float) -> tuple[bool, dict[str, str]]:
    """Take one call from the account's budget; whether it fits, and the usage header for the answer either way.

    A call that does not fit is not added, so a caller that waits as long as the header says gets through.
    """
    row = db.execute("SELECT used, at FROM meta_usage WHERE account = ?", (account,)).fetchone()
    drained = 0.0 if row is None else max(0.0, now - row["at"]) * budget / _HOUR
    used = 1.0 if row is None else max(0.0, row["used"] - drained) + 1.0
    fits = used <= budget
    if fits:
        db.execute(
            "INSERT INTO meta_usage (account, used, at) VALUES (?, ?, ?) "
            "ON CONFLICT (account) DO UPDATE SET used = excluded.used, at = excluded.at",
            (account, used, now),
        )
    minutes = 0 if fits else max(1, math.ceil((used - budget) * _HOUR / budget / 60))
    return fits, usage_header(account, 100.0 * used / budget, minutes)


def usage_header(account: str, percent: float, minutes: int) -> dict[str, str]:
    """`X-Business-Use-Case-Usage`: percentages of the budget, and minutes until calls are accepted again."""
    usage = {
        "type": "custom_audience",
        "call_count": math.ceil(percent),
        "total_cputime": math.ceil(percent / 4),
        "total_time": math.ceil(percent / 2),
        "estimated_time_to_regain_access": minutes,
        "ads_api_access_tier": "standard_access",
    }
    return {"X-Business-Use-Case-Usage": json.dumps({account: [usage]})}
