"""One call on its way through the checks that come before what it asks for: token, version, protocol, quota, place.

Our readings where LinkedIn says nothing: a version is good from `oldest_version` on; a call without Rest.li's protocol
2.0.0 is refused, since lists and URNs would mean something else; refused calls count against the quota like others.
"""

from __future__ import annotations

import dataclasses
import json
import re
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.kit import audiences, settings, windows
from segment_assets.sandbox.platforms.linkedin import errors

if TYPE_CHECKING:
    import sqlite3

    from segment_assets.sandbox.platforms.kit.exchange import Answer, Call

PLATFORM = "linkedin"
DEFAULT_TOKEN = "sandbox-linkedin-token"  # noqa: S105  the sandbox's well-known token, good for nothing else
DEFAULT_OLDEST_VERSION = "202511"
CALLS_PER_MINUTE = 600
_MINUTE = 60.0
_VERSION = re.compile(r"(20[0-9]{2}(?:0[1-9]|1[0-2]))(?:\.[0-9]{2})?")
_URN = re.compile(r"urn:li:sponsoredAccount:([0-9]{1,20})")


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
            return errors.error_answer(errors.UNAUTHORISED, "INVALID_ACCESS_TOKEN", "Invalid access token", 65600)
        told = self.call.headers.get("linkedin-version", "")
        version = _VERSION.fullmatch(told)
        if not told:
            return errors.error_answer(errors.BAD_REQUEST, "VERSION_MISSING", "The LinkedIn-Version header is needed")
        if version is None or version[1] < self.switch("oldest_version", DEFAULT_OLDEST_VERSION):
            return errors.error_answer(errors.UPGRADE, "NONEXISTENT_VERSION", "The requested version is not active")
        if self.call.headers.get("x-restli-protocol-version") != "2.0.0":
            return errors.error_answer(errors.BAD_REQUEST, "ILLEGAL_ARGUMENT", "Rest.li protocol 2.0.0 is needed")
        budget = self.switch("calls_per_minute", CALLS_PER_MINUTE)
        wait = windows.spend(self.db, f"{PLATFORM}/{token}", budget=budget, seconds=_MINUTE, now=self.now)
        return None if wait is None else errors.throttled()

    def switch(self, name: str, default: object) -> Any:
        """A switch of the platform."""
        return settings.read(self.db, PLATFORM, name, default)

    def method(self) -> str:
        """What Rest.li calls this call: the header, or for GET, POST and DELETE what they are without one."""
        plain = {"GET": "GET", "POST": "CREATE", "DELETE": "DELETE"}.get(self.call.method, "")
        return self.call.headers.get("x-restli-method", "").upper() or plain

    def reach(self, urn: object) -> str:
        """The account of a URN. Refuses one that cannot be read (400), or not be reached (403)."""
        found = _URN.fullmatch(urn) if isinstance(urn, str) else None
        if found is None:
            errors.invalid("account must be the URN of a sponsored account")
        if not audiences.account_exists(self.db, PLATFORM, found[1]):
            errors.refuse(errors.FORBIDDEN, "ACCESS_DENIED", "Not enough permissions to access the account", 100)
        self.account = found[1]
        return found[1]

    def segment(self) -> sqlite3.Row:
        """The segment that the path names. It is not to be seen before it is `visible_after_seconds` old."""
        row = audiences.find(self.db, self.call.path["audience"], PLATFORM)
        if row is None:
            errors.not_found()
        if self.now < row["created"] + self.switch("visible_after_seconds", 0):
            errors.not_found()
        self.account, self.audience = row["account"], row["id"]
        return row

    def body(self) -> dict[str, Any]:
        """The JSON object of the call. Refuses anything else."""
        try:
            values = json.loads(self.call.body)
        except ValueError:
            values = None
        if not isinstance(values, dict):
            errors.invalid("the body must be a JSON object")
        return values
