"""One call on its way through the checks that come before what it asks for: token, client, account, instance, quota.

Our readings where Amazon says nothing: a call that lacks a required header, or has another type than that of the API,
is a bad request; fields that the OpenAPI has not are refused; the calls of a second are limited. Terms that nobody has
accepted are a 401, as the guide says.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.amc_data import errors
from segment_assets.sandbox.platforms.kit import audiences, settings, windows

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection

    from segment_assets.sandbox.platforms.kit.exchange import Answer, Call

PLATFORM = "amc_data"
TOKEN = "sandbox-amc_data-token"  # noqa: S105  the sandbox's well-known token, good for nothing else
INSTANCE, AMC_ACCOUNT, MARKETPLACE = "amcsandbox1", "ENTITY1SANDBOX", "ATVPDKIKX0DER"
CALLS_PER_SECOND = 50
_MOST_OF_A_PAGE = 100


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
        headers = self.call.headers
        scheme, _, token = headers.get("authorization", "").partition(" ")
        ends = self.switch("token_ends", {}).get(token)
        is_known = scheme.lower() == "bearer" and token in self.switch("tokens", [TOKEN])
        if not is_known or (ends is not None and self.now >= ends) or not self.switch("terms_accepted", default=True):
            return errors.error_answer(401, "Unauthorized")
        wanted = {"clientid": TOKEN, "advertiserid": AMC_ACCOUNT, "marketplaceid": MARKETPLACE}
        if wrong := [n for n, value in wanted.items() if headers.get(f"amazon-advertising-api-{n}") != value]:
            return errors.error_answer(400, f"{len(wrong)} headers are missing or not the instance's")
        if self.call.path["instance"] != INSTANCE:
            return errors.error_answer(403, "The login does not reach the instance")
        self.account = INSTANCE
        budget = self.switch("calls_per_second", CALLS_PER_SECOND)
        wait = windows.spend(self.db, PLATFORM, budget=budget, seconds=1.0, now=self.now)
        return None if wait is None else errors.error_answer(429, "Too Many Requests")

    def switch(self, name: str, default: object) -> Any:
        """A switch of the platform."""
        return settings.read(self.db, PLATFORM, name, default)

    def body(self, kind: str, required: Collection[str], optional: Collection[str] = ()) -> dict[str, Any]:
        """The body, of this type, an object with these fields and no others."""
        if self.call.headers.get("content-type") != kind:
            errors.refuse(400, f"The body is of type {kind}")
        try:
            values = json.loads(self.call.body)
        except ValueError:
            values = None
        return checked(values, required, optional)

    def dataset(self, name: str) -> sqlite3.Row:
        """The data set of this name. Refuses one that is not there."""
        row = audiences.find(self.db, name, PLATFORM)
        if row is None:
            errors.refuse(404, "The data set is not there")
        self.audience = name
        return row

    def page(self, rows: list[Any]) -> tuple[list[Any], dict[str, str]]:
        """A page of a list, and what names the next one."""
        query = self.call.query
        limit, after = query.get("maxResults", "100"), query.get("nextToken", "0")
        if not limit.isdecimal() or not 0 < int(limit) <= _MOST_OF_A_PAGE or not after.isdecimal():
            errors.refuse(400, f"maxResults is from 1 to {_MOST_OF_A_PAGE}, nextToken as it was given")
        end = int(after) + int(limit)
        return rows[int(after) : end], {"nextToken": str(end)} if end < len(rows) else {}


def checked(values: object, required: Collection[str], optional: Collection[str] = ()) -> dict[str, Any]:
    """An object with these fields and no others."""
    if not isinstance(values, dict):
        errors.refuse(400, "An object is required")
    missing, unknown = set(required) - set(values), set(values) - {*required, *optional}
    if missing or unknown:
        errors.refuse(400, f"{len(missing)} required fields are missing, {len(unknown)} are not known")
    return values
