"""One call on its way through the checks that come before what it asks for: token, quota, then the ad account.

Our readings where Pinterest says nothing: quotas are counted per category (`ads_read`, `ads_write`, by method) and
minute, refused calls too; writing has 400 a minute, the number of v4; an ad account that the sandbox does not know is
one that the token may not reach (403, 29).
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.kit import audiences, settings, windows
from segment_assets.sandbox.platforms.kit.exchange import Answer
from segment_assets.sandbox.platforms.pinterest import errors

if TYPE_CHECKING:
    import sqlite3

    from segment_assets.sandbox.platforms.kit.exchange import Call

PLATFORM = "pinterest"
DEFAULT_TOKEN = "sandbox-pinterest-token"  # noqa: S105  the sandbox's well-known token, good for nothing else
READS_PER_MINUTE, WRITES_PER_MINUTE = 1_000, 400
_MINUTE = 60.0
_DEFAULT_PAGE, _LARGEST_PAGE = 25, 250


@dataclasses.dataclass(slots=True)
class Visit:
    """One call: its request, the state, the time. `account`, `audience` and `records` are for the request log."""

    call: Call
    db: sqlite3.Connection
    now: float
    account: str | None = None
    audience: str | None = None
    records: int = 0

    def stopped(self) -> Answer | None:
        """The refusal of a call that does not get in."""
        scheme, _, token = self.call.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or token.strip() not in self.switch("tokens", [DEFAULT_TOKEN]):
            return errors.unauthenticated()
        is_reading = self.call.method == "GET"
        category = "reads_per_minute" if is_reading else "writes_per_minute"
        budget = self.switch(category, READS_PER_MINUTE if is_reading else WRITES_PER_MINUTE)
        wait = windows.spend(self.db, f"{PLATFORM}/{category}", budget=budget, seconds=_MINUTE, now=self.now)
        return None if wait is None else errors.throttled(budget, wait)

    def switch(self, name: str, default: object) -> Any:
        """A switch of the platform."""
        return settings.read(self.db, PLATFORM, name, default)

    def reach(self) -> str:
        """The ad account of the path. Refuses one that cannot be reached."""
        account = self.call.path["account"]
        if not audiences.account_exists(self.db, PLATFORM, account):
            errors.refuse(403, errors.NOT_PERMITTED, "You are not permitted to access that resource.")
        self.account = account
        return account

    def body(self) -> dict[str, Any]:
        """The JSON object of the call. Refuses anything else."""
        try:
            values = json.loads(self.call.body)
        except ValueError:
            values = None
        if not isinstance(values, dict):
            errors.invalid("The body must be a JSON object.")
        return values

    def paged(self, items: list[dict[str, Any]]) -> Answer:
        """One page of items that are in the order of their ids, as `order`, `page_size` and `bookmark` ask."""
        query = self.call.query
        if query.get("order", "ASCENDING") not in {"ASCENDING", "DESCENDING"}:
            errors.invalid("order must be ASCENDING or DESCENDING.")
        size, start = query.get("page_size", str(_DEFAULT_PAGE)), query.get("bookmark", "0")
        if not size.isdecimal() or not 1 <= int(size) <= _LARGEST_PAGE or not start.isdecimal():
            errors.invalid(f"page_size must be from 1 to {_LARGEST_PAGE}, and bookmark one that was given.")
        ordered = items[::-1] if query.get("order") == "DESCENDING" else items
        end = int(start) + int(size)
        return Answer(200, {"items": ordered[int(start) : end], "bookmark": str(end) if end < len(items) else None})
