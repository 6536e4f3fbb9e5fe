"""One call on its way through the checks that come before what it asks for: token, client, account, quota, terms, room.

Source: get started (terms first, then a data room, one account header and not both), API reference (statuses).
Our readings where Amazon says nothing: a call without its client id, or with none or both of the account headers, is a
bad request; an account that the login does not reach is forbidden, as is everything but terms before these are
accepted; without a data room nothing is there (404); windows of the quota are whole seconds.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.amazon_ads import errors
from segment_assets.sandbox.platforms.kit import audiences, settings, windows

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection

    from segment_assets.sandbox.platforms.kit.exchange import Answer, Call

PLATFORM = "amazon_ads"
DEFAULT_TOKEN = "sandbox-amazon_ads-token"  # noqa: S105  the sandbox's well-known token, good for nothing else
MANAGER, ADVERTISER = "amzn1.ads-account.g.sandbox1", "ENTITY1SANDBOX"
CALLS_PER_SECOND = 50
_HEADERS = {"amazon-ads-manager-account-id": MANAGER, "amazon-ads-accountid": ADVERTISER}


@dataclasses.dataclass(slots=True)
class Visit:
    """One call: its request, the state, the time. `account`, `audience` and `records` are for the request log.

    `is_poisoned` is a fault's word on a member.
    """

    call: Call
    db: sqlite3.Connection
    now: float
    is_poisoned: Callable[[bytes], bool] = lambda _member: False
    account: str | None = None
    audience: str | None = None
    records: int = 0

    def stopped(self) -> Answer | None:
        """The refusal of a call that does not get in."""
        headers = self.call.headers
        scheme, _, token = headers.get("authorization", "").partition(" ")
        ends = self.switch("token_ends", {}).get(token)
        if scheme.lower() != "bearer" or token not in self.switch("tokens", [DEFAULT_TOKEN]):
            return errors.error_answer(401, "Unauthorized")
        if ends is not None and self.now >= ends:
            return errors.error_answer(401, "Unauthorized")
        if headers.get("amazon-advertising-api-clientid") != DEFAULT_TOKEN:
            return errors.error_answer(400, "Amazon-Advertising-API-ClientId is not the token's client")
        named = {name: account for name in _HEADERS if (account := headers.get(name))}
        if len(named) != 1:
            return errors.error_answer(400, "Exactly one account header is required")
        ((header, account),) = named.items()
        if account != _HEADERS[header]:
            return errors.error_answer(403, "The login has no access to the account")
        self.account = account
        budget = self.switch("calls_per_second", CALLS_PER_SECOND)
        wait = windows.spend(self.db, PLATFORM, budget=budget, seconds=1.0, now=self.now)
        return None if wait is None else errors.throttled(wait)

    def is_prepared(self) -> None:
        """Refuse what comes before the account has its terms and its data room."""
        if not self.switch("terms_accepted", default=True):
            errors.refuse(403, "The terms of Ads Data Manager are not accepted")
        if self.account not in self.rooms():
            errors.refuse(404, "The account has no data room")

    def rooms(self) -> list[str]:
        """The accounts that have a data room: at first all, since Amazon's console makes one when it is opened."""
        return list(self.switch("data_rooms", list(_HEADERS.values())))

    def switch(self, name: str, default: object) -> Any:
        """A switch of the platform."""
        return settings.read(self.db, PLATFORM, name, default)

    def body(self, required: Collection[str], optional: Collection[str] = ()) -> dict[str, Any]:
        """The body, an object with these fields and no others."""
        try:
            values = json.loads(self.call.body)
        except ValueError:
            values = None
        return checked(values, required, optional)

    def dataset(self) -> sqlite3.Row:
        """The account's dataset that the path names."""
        row = self.dataset_of(self.call.path["dataset"])
        if row is None:
            errors.refuse(404, "The dataset is not there")
        self.audience = row["id"]
        return row

    def dataset_of(self, told: object) -> sqlite3.Row | None:
        """The account's dataset with this id."""
        row = audiences.find(self.db, told, PLATFORM) if isinstance(told, str) else None
        is_ours = row is not None and row["account"] == self.account and not audiences.detail(row).get("deleted")
        return row if is_ours else None


def checked(values: object, required: Collection[str], optional: Collection[str] = ()) -> dict[str, Any]:
    """An object with these fields and no others, as the strict models of Amazon's requests are."""
    if not isinstance(values, dict):
        errors.refuse(400, "An object is required")
    missing, unknown = set(required) - set(values), set(values) - {*required, *optional}
    if missing or unknown:
        errors.refuse(400, f"{len(missing)} required fields are missing, {len(unknown)} are not known")
    return values
