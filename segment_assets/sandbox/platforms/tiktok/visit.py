"""One call on its way through the checks that come before what it asks for: token, quota, then the advertiser.

Our readings where TikTok says nothing: an advertiser that the sandbox does not know and one that the token may not
reach are both 40001; the budget of an app is counted per path and second, and generous, since its number depends on the
app's level and is not published.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.kit import audiences, settings, windows
from segment_assets.sandbox.platforms.tiktok import envelope

if TYPE_CHECKING:
    import sqlite3

    from segment_assets.sandbox.platforms.kit.exchange import Answer, Call

PLATFORM = "tiktok"
CALLS_PER_SECOND = 200


@dataclasses.dataclass(slots=True)
class Visit:
    """One call: its request, the state, the time. `account`, `audience` and `records` are for the request log.

    `platform`: which of the sandbox's platforms is asked; that of files shares these checks.
    """

    call: Call
    db: sqlite3.Connection
    now: float
    platform: str = PLATFORM
    account: str | None = None
    audience: str | None = None
    records: int = 0

    def stopped(self) -> Answer | None:
        """The refusal of a call that does not get in."""
        token = self.call.headers.get("access-token", "")
        if not token:
            return envelope.envelope(envelope.TOKEN_MISSING, "Access token is empty")
        if token not in self.switch("tokens", [f"sandbox-{self.platform}-token"]):
            return envelope.envelope(envelope.TOKEN_INVALID, "Access token is incorrect or has been revoked")
        budget = self.switch("calls_per_second", CALLS_PER_SECOND)
        name = f"{self.platform}{self.call.template}"
        if windows.spend(self.db, name, budget=budget, seconds=1.0, now=self.now) is None:
            return None
        return envelope.envelope(envelope.TOO_FREQUENT, "Too many requests. Please retry in some seconds")

    def switch(self, name: str, default: object) -> Any:
        """A switch of the platform."""
        return settings.read(self.db, self.platform, name, default)

    def body(self) -> dict[str, Any]:
        """The JSON object of the call. Refuses anything else."""
        try:
            values = json.loads(self.call.body)
        except ValueError:
            values = None
        if not isinstance(values, dict):
            envelope.invalid("the body must be a JSON object")
        return values

    def reach(self, advertiser: object) -> str:
        """Refuse an advertiser that cannot be reached."""
        if not isinstance(advertiser, str) or not advertiser:
            envelope.invalid("advertiser_id: a text is required")
        if not audiences.account_exists(self.db, self.platform, advertiser):
            envelope.refuse(envelope.NO_PERMISSION, "No permission to operate this advertiser")
        self.account = advertiser
        return advertiser
