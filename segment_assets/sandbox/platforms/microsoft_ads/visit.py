"""One call on its way through the checks that come before what it asks for: headers, token, account, calls of a minute.

Our readings where Microsoft says nothing: how many calls a minute has (a switch), that refused calls do not count, and
that a developer token that is not good is told as a bad credential (105), as its error codes say of both tokens.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.kit import audiences, settings, windows
from segment_assets.sandbox.platforms.microsoft_ads import errors

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from segment_assets.sandbox.platforms.kit.exchange import Answer, Call

PLATFORM = "microsoft_ads"
DEFAULT_TOKEN = "sandbox-microsoft_ads-token"  # noqa: S105  the sandbox's well-known token, good for nothing else
DEFAULT_ACCOUNT, DEFAULT_CUSTOMER = "141414141", "252525252"
CALLS_PER_MINUTE = 600
_MINUTE = 60.0
_HEADERS = ("developertoken", "customeraccountid", "customerid")


@dataclasses.dataclass(slots=True)
class Visit:
    """One call: its request, the state, the time. `account`, `audience` and `records` are for the request log.

    `is_poisoned` is a fault's word on an item.
    """

    call: Call
    db: sqlite3.Connection
    now: float
    is_poisoned: Callable[[bytes], bool] = lambda _item: False
    account: str | None = None
    audience: str | None = None
    records: int = 0

    def stopped(self) -> Answer | None:
        """The refusal of a call that does not get in."""
        headers = self.call.headers
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token or not all(headers.get(name) for name in _HEADERS):
            return errors.fault(400, errors.MISSING_HEADERS)
        if token not in self.switch("tokens", [DEFAULT_TOKEN]) or headers["developertoken"] != DEFAULT_TOKEN:
            return errors.fault(401, errors.INVALID_CREDENTIALS)
        ends = self.switch("token_ends", {}).get(token)
        if ends is not None and self.now >= ends:
            return errors.fault(401, errors.TOKEN_EXPIRED)
        account = headers["customeraccountid"]
        if not audiences.account_exists(self.db, PLATFORM, account) or headers["customerid"] != DEFAULT_CUSTOMER:
            return errors.fault(401, errors.NOT_AUTHORIZED)
        self.account = account
        budget = self.switch("calls_per_minute", CALLS_PER_MINUTE)
        wait = windows.spend(self.db, PLATFORM, budget=budget, seconds=_MINUTE, now=self.now)
        return None if wait is None else errors.fault(429, errors.CALL_RATE)

    def switch(self, name: str, default: object) -> Any:
        """A switch of the platform."""
        return settings.read(self.db, PLATFORM, name, default)

    def body(self, *known: str) -> dict[str, Any]:
        """The body, an object with no other fields than these."""
        try:
            values = json.loads(self.call.body)
        except ValueError:
            values = None
        if not isinstance(values, dict) or not set(values) <= set(known):
            errors.refuse(400, errors.INVALID_INPUT, f"The body must be an object of {', '.join(known)}")
        return values

    def list_of(self, audience: object) -> sqlite3.Row | None:
        """The account's list with this id. Ids are texts, as `long` is in Microsoft's JSON."""
        row = audiences.find(self.db, audience, PLATFORM) if isinstance(audience, str) else None
        return row if row is not None and row["account"] == self.account else None
