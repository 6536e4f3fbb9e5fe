"""One call on its way through the checks that come before what it asks for: token, quota, then accounts.

Not here: what calls do (`lists`, `uploads`, `requests`). Our readings where Google says nothing: an account that the
sandbox does not know and one that the caller may not reach are both PERMISSION_DENIED; a login account is good if it
is the operating account itself or one of its `managers`.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.google import errors, quota
from segment_assets.sandbox.platforms.kit import audiences, settings

if TYPE_CHECKING:
    import sqlite3

    from segment_assets.sandbox.platforms.kit.exchange import Answer, Call

PLATFORM = "google"
DEFAULT_TOKEN = "sandbox-google-token"  # noqa: S105  the sandbox's well-known token, good for nothing else
DEFAULT_ACCOUNT_TYPE = "GOOGLE_ADS"

_LOGIN_ACCOUNT = re.compile(r"accountTypes/[A-Z_]+/accounts/([0-9]+)")


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
        """The refusal of a call that does not get in: unknown token, or no quota left."""
        scheme, _, token = self.call.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or token.strip() not in self.switch("tokens", [DEFAULT_TOKEN]):
            return errors.unauthenticated()
        wait = quota.spend(self.db, self.call.headers.get("x-goog-user-project", ""), self.now)
        if wait is None:
            return None
        return errors.exhausted(wait if self.switch("retry_info", default=True) else None)

    def switch(self, name: str, default: object) -> Any:
        """A switch of the platform."""
        return settings.read(self.db, PLATFORM, name, default)

    def set_switch(self, name: str, value: object) -> None:
        """Set a switch of the platform, in the call's own transaction."""
        settings.write(self.db, PLATFORM, name, value)

    def account_switch(self, account: str, name: str, default: object) -> Any:
        """A switch of one account."""
        return settings.read(self.db, audiences.scope(PLATFORM, account), name, default)

    def account_type(self, account: str) -> str:
        """The type of a known account."""
        kind: str = self.account_switch(account, "account_type", DEFAULT_ACCOUNT_TYPE)
        return kind

    def reach(self, account: str) -> None:
        """Refuse an account that is unknown, or that the caller may not reach."""
        if not audiences.account_exists(self.db, PLATFORM, account):
            errors.no_permission()
        if not self.account_switch(account, "accessible", default=True):
            errors.no_permission()
        self.account = account

    def may_log_in(self, account: str, login: str | None) -> bool:
        """Whether an account is reached through this login account (None: directly)."""
        return login in (None, account, *self.account_switch(account, "managers", []))

    def enter_account(self) -> str:
        """The account that the path names. Its login account comes in a header."""
        account, kind = self.call.path["account"], self.call.path["account_type"]
        header = self.call.headers.get("login-account")
        login = None if header is None else _LOGIN_ACCOUNT.fullmatch(header)
        if header is not None and login is None:
            words = "login-account must be accountTypes/<type>/accounts/<id>."
            errors.invalid_field("login-account", words, "INVALID_RESOURCE_NAME")
        self.reach(account)
        if self.account_type(account) != kind or not self.may_log_in(account, None if login is None else login[1]):
            errors.no_permission()
        return account
