"""One call on its way through the checks that come before what it asks for: token, agent, budgets, place.

Our readings where Reddit says nothing: an agent that a library sends by itself is throttled for a minute; refused calls
do not count; all calls count against the budgets of one token; an ad account out of reach is 403.
"""

from __future__ import annotations

import dataclasses
import json
import re
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.kit import audiences, settings, windows
from segment_assets.sandbox.platforms.reddit import errors

if TYPE_CHECKING:
    import sqlite3

    from segment_assets.sandbox.platforms.kit.exchange import Answer, Call

PLATFORM = "reddit"
DEFAULT_TOKEN = "sandbox-reddit-token"  # noqa: S105  the sandbox's well-known token, good for nothing else
WRITES = {"ads-custom-audience-ingestion-burst": (500, 60.0), "ads-custom-audience-ingestion": (3_000, 900.0)}
READS = {"ads-targeting-taxonomy": (100, 60.0)}
"""Budgets as published: name -> calls and seconds. The switch `budgets` gives other numbers of calls."""
_A_LIBRARY = re.compile(
    r"(?:python-(?:requests|httpx|urllib)|python-urllib3?|curl|okhttp|java|go-http-client)\b.*", re.IGNORECASE
)
MINUTE = 60.0


def says_nothing(call: Call) -> bool:
    """Whether a call's agent is none, or what a library sends by itself."""
    agent = call.headers.get("user-agent", "").strip()
    return not agent or _A_LIBRARY.fullmatch(agent) is not None


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
        if scheme.lower() != "bearer" or not self._is_good(token.strip()):
            return errors.unauthorised()
        if says_nothing(self.call):
            return errors.throttled("agent", 0, MINUTE, MINUTE)
        budgets = READS if self.call.method == "GET" else WRITES
        told = self.switch("budgets", {})
        for name, (published, seconds) in budgets.items():
            quota = told.get(name, published)
            wait = windows.spend(self.db, f"{PLATFORM}/{name}", budget=quota, seconds=seconds, now=self.now)
            if wait is not None:
                return errors.throttled(name, quota, seconds, wait)
        return None

    def _is_good(self, token: str) -> bool:
        """A token that a renewal gave ends at its time; the first one never does."""
        ends = self.switch("token_ends", {}).get(token)
        return token in self.switch("tokens", [DEFAULT_TOKEN]) and (ends is None or self.now < ends)

    def switch(self, name: str, default: object) -> Any:
        """A switch of the platform."""
        return settings.read(self.db, PLATFORM, name, default)

    def reach(self) -> str:
        """The ad account that the path names. Refuses one that cannot be reached."""
        account = self.call.path["account"]
        if not audiences.account_exists(self.db, PLATFORM, account):
            errors.refuse(403, "You do not have access to this ad account.")
        self.account = account
        return account

    def find(self) -> sqlite3.Row:
        """The audience that the path names."""
        row = audiences.find(self.db, self.call.path["audience"], PLATFORM)
        if row is None:
            errors.not_found()
        self.account, self.audience = row["account"], row["id"]
        return row

    def data(self, required: set[str], allowed: set[str]) -> dict[str, Any]:
        """The object under `data` of the body. Refuses a field that lacks or that Reddit does not know."""
        try:
            values = json.loads(self.call.body)
        except ValueError:
            values = None
        if not isinstance(values, dict) or set(values) != {"data"} or not isinstance(values["data"], dict):
            errors.invalid("data", "an object with nothing but data is expected")
        found: dict[str, Any] = values["data"]
        for name in sorted(required - set(found)):
            errors.invalid(f"data.{name}", "is required")
        for _name in set(found) - allowed:
            errors.invalid("data", "has a field that is not known")
        return found
