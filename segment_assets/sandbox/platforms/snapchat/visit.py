"""One call on its way through the checks that come before what it asks for: token, budget, place.

Our readings where Snap says nothing: the published average of ten calls a second is counted over a minute; refused
calls do not count; an ad account that the token does not reach is E3002, whether or not there is one.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.kit import audiences, settings, windows
from segment_assets.sandbox.platforms.snapchat import envelope

if TYPE_CHECKING:
    import sqlite3

    from segment_assets.sandbox.platforms.kit.exchange import Answer, Call

PLATFORM = "snapchat"
DEFAULT_TOKEN = "sandbox-snapchat-token"  # noqa: S105  the sandbox's well-known token, good for nothing else
CALLS_PER_MINUTE = 600
_MINUTE = 60.0


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
            return envelope.unauthorised()
        budget = self.switch("calls_per_minute", CALLS_PER_MINUTE)
        wait = windows.spend(self.db, PLATFORM, budget=budget, seconds=_MINUTE, now=self.now)
        return None if wait is None else envelope.throttled()

    def _is_good(self, token: str) -> bool:
        """A token that a renewal gave ends at its time; the first one never does."""
        ends = self.switch("token_ends", {}).get(token)
        return token in self.switch("tokens", [DEFAULT_TOKEN]) and (ends is None or self.now < ends)

    def switch(self, name: str, default: object) -> Any:
        """A switch of the platform."""
        return settings.read(self.db, PLATFORM, name, default)

    def reach(self, account: str) -> str:
        """Refuse an ad account that cannot be reached."""
        if not audiences.account_exists(self.db, PLATFORM, account):
            envelope.refuse(403, envelope.NO_PERMISSION, "Caller does not have permission")
        self.account = account
        return account

    def segment(self) -> sqlite3.Row:
        """The segment that the path names."""
        row = audiences.find(self.db, self.call.path["audience"], PLATFORM)
        if row is None:
            envelope.not_found()
        self.account, self.audience = row["account"], row["id"]
        return row

    def only(self, collection: str) -> dict[str, Any]:
        """The one thing under `collection` of the body. Refuses anything else."""
        try:
            values = json.loads(self.call.body)
        except ValueError:
            values = None
        things = values.get(collection) if isinstance(values, dict) else None
        if not isinstance(things, list) or len(things) != 1 or not isinstance(things[0], dict):
            envelope.refuse(400, envelope.UNREADABLE, f"{collection}: a list of one object is expected")
        return things[0]
