"""One call to the Data API on its way through the checks that come before what it asks for: token, size, fields."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.kit import audiences, settings
from segment_assets.sandbox.platforms.the_trade_desk import errors
from segment_assets.sandbox.platforms.the_trade_desk.identity_map import PLATFORM, TOKEN, is_drawn

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Set as AbstractSet

    from segment_assets.sandbox.platforms.kit.exchange import Answer, Call

MOST_BYTES = 4_000_000


@dataclasses.dataclass(slots=True)
class Visit:
    """One call: its request, the state, the time. `account`, `audience` and `records` are for the request log."""

    call: Call
    db: sqlite3.Connection
    now: float
    account: str | None = None
    audience: str | None = None
    records: int = 0
    platform: str = PLATFORM

    def stopped(self) -> Answer | None:
        """The refusal of a call that does not get in."""
        token = self.call.headers.get("ttd-auth")
        if not token:
            return errors.error_answer(401, "AuthenticationFailed", "There is no TTD-Auth header")
        if token not in self.switch("tokens", [TOKEN]) and self.switch("given", {}).get(token, 0.0) <= self.now:
            return errors.invalid_token()
        if len(self.call.body) > self.switch("most_bytes", MOST_BYTES):
            return errors.error_answer(413, "MaxRequestSizeExceeded", "The request is too large")
        return None

    def switch(self, name: str, default: object) -> Any:
        """A switch of the platform."""
        return settings.read(self.db, PLATFORM, name, default)

    def is_drawn(self, cell: str, share: str) -> bool:
        """Whether an id is of the seeded share that a switch names."""
        return is_drawn(cell, self.switch(share, 0))

    def body(self, fields: AbstractSet[str]) -> dict[str, Any]:
        """The body, an object of nothing but these fields."""
        try:
            values = json.loads(self.call.body)
        except ValueError:
            values = None
        if not isinstance(values, dict) or not set(values) <= fields:
            errors.refuse(400, "SerializationFailed", "The request cannot be read")
        return values

    def items(self, body: dict[str, Any]) -> list[Any]:
        """The items, of which there must be one."""
        items = body.get("Items")
        if not isinstance(items, list) or not items:
            errors.refuse(400, "MissingData", "There are no Items")
        self.records = len(items)
        return items

    def reach(self, advertiser: object) -> str:
        """Refuse an advertiser that cannot be reached."""
        if not isinstance(advertiser, str) or not audiences.account_exists(self.db, PLATFORM, advertiser):
            errors.refuse(403, "IncorrectPermissions", "The token has no access to the advertiser")
        self.account = advertiser
        return advertiser
