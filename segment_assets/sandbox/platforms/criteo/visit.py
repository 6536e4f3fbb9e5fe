"""One call on its way through the checks that come before what it asks for: token, version, quota, then the advertiser.

Our readings where Criteo says nothing: windows of the quota are whole minutes, and refused calls count; a version that
is not served is a path that is not there (404).
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.criteo import errors
from segment_assets.sandbox.platforms.kit import audiences, settings, windows

if TYPE_CHECKING:
    import sqlite3

    from segment_assets.sandbox.platforms.kit.exchange import Answer, Call

PLATFORM = "criteo"
DEFAULT_TOKEN = "sandbox-criteo-token"  # noqa: S105  the sandbox's well-known token, good for nothing else
CALLS_PER_MINUTE = 250
_MINUTE = 60.0
_VERSIONS = ("2026-01", "2026-07", "2027-01")


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
        if scheme.lower() != "bearer" or not token:
            return errors.error_answer(401, "authorization-token-missing", "There is no authorization header")
        given = self.switch("given", {})
        if token not in self.switch("tokens", [DEFAULT_TOKEN]) and token not in given:
            return errors.error_answer(401, "authorization-token-invalid", "The authorization header is invalid")
        if token in given and self.now >= given[token]:
            return errors.expired_token()
        if self.call.path["version"] not in self.switch("versions", list(_VERSIONS)):
            return errors.error_answer(404, "route-not-found", "There is no such route")
        budget = self.switch("calls_per_minute", CALLS_PER_MINUTE)
        wait = windows.spend(self.db, PLATFORM, budget=budget, seconds=_MINUTE, now=self.now)
        return None if wait is None else errors.throttled(budget, self.now + wait)

    def switch(self, name: str, default: object) -> Any:
        """A switch of the platform."""
        return settings.read(self.db, PLATFORM, name, default)

    def data(self) -> Any:
        """What the body has under `data`. Refuses a body without it."""
        try:
            values = json.loads(self.call.body)
        except ValueError:
            values = None
        if not isinstance(values, dict) or "data" not in values:
            errors.invalid("The body must be a JSON object with data")
        return values["data"]

    def reach(self, advertiser: object) -> str:
        """Refuse an advertiser that cannot be reached."""
        if not isinstance(advertiser, str) or not audiences.account_exists(self.db, PLATFORM, advertiser):
            errors.refuse(403, "access-not-granted", "The application has no access to the advertiser")
        self.account = advertiser
        return advertiser

    def segment(self) -> sqlite3.Row:
        """The segment that the path names."""
        row = audiences.find(self.db, self.call.path["segment"], PLATFORM)
        if row is None:
            errors.not_found()
        self.account, self.audience = row["account"], row["id"]
        return row
