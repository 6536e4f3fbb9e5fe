"""One Graph call on its way through the checks that come before what it asks for.

In this order: version, parameters, token, account or audience, budget, terms. Not here: what calls do (`graph`,
`uploads`). Our readings where Meta says nothing: a retired version is one below `retired_below`; terms that were not
accepted block writes, not reads; a deleted audience is 100/33 like an unknown one; refused calls count against the
budget like others, but for those that the budget itself refuses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.kit import audiences, settings
from segment_assets.sandbox.platforms.kit.exchange import Answer
from segment_assets.sandbox.platforms.meta import errors, fields, throttle

if TYPE_CHECKING:
    import sqlite3

    from segment_assets.sandbox.platforms.kit.exchange import Call

DEFAULT_TOKEN = "sandbox-meta-token"  # noqa: S105  the sandbox's well-known token, good for nothing else
DEFAULT_RETIRED_BELOW = 22
ENTERED = 200


class Visit:
    """One call on its way through the checks."""

    def __init__(self, call: Call, db: sqlite3.Connection, now: float) -> None:
        self.call, self.db, self.now = call, db, now
        self.values: dict[str, Any] = {}
        self.method = call.method
        self.account = ""
        self.audience: sqlite3.Row | None = None
        self.usage: dict[str, str] = {}

    def enter(self) -> Answer:
        """Version, parameters, token, then the object that the path names."""
        version = self.call.path["version"]
        major = int(version[1:].partition(".")[0])
        if major < settings.read(self.db, "meta", "retired_below", DEFAULT_RETIRED_BELOW):
            errors.retired_version(version)
        self.values = fields.parameters(self.call)
        if fields.token(self.call, self.values) not in settings.read(self.db, "meta", "tokens", [DEFAULT_TOKEN]):
            errors.bad_token()
        if self.call.method == "POST":
            self.method = str(self.values.pop("method", "POST")).upper()
        self._find_object()
        return Answer(ENTERED, None)

    def _find_object(self) -> None:
        if "account" in self.call.path:
            self.account = self.call.path["account"]
            if not audiences.account_exists(self.db, "meta", self.account):
                errors.not_visible()
            return
        self.audience = audiences.find(self.db, self.call.path["audience"], "meta")
        if self.audience is None:
            errors.not_visible()
        self.account = self.audience["account"]

    def throttled(self) -> Answer | None:
        """Take the call from the budget; the refusal if it does not fit."""
        scope = audiences.scope("meta", self.account)
        common = settings.read(self.db, "meta", "calls_per_hour", throttle.DEFAULT_CALLS_PER_HOUR)
        budget = settings.read(self.db, scope, "calls_per_hour", common)
        fits, self.usage = throttle.spend(self.db, self.account, budget, self.now)
        return None if fits else errors.throttled()

    def refuse_without_terms(self) -> None:
        """Refuse a write where the account has not accepted the terms."""
        terms = settings.read(self.db, audiences.scope("meta", self.account), "terms_accepted", default=True)
        if self.method != "GET" and not terms:
            errors.terms_not_accepted()

    def target(self) -> sqlite3.Row:
        """The audience that the path names."""
        assert self.audience is not None
        return self.audience
