"""One call on its way through the checks that come before what it asks for: token, client, type, quota.

Our readings where Amazon says nothing: a call without its client id, or of another type than that of the API, is a bad
request; fields that the OpenAPI has not are refused; the calls of a second are limited; a token reaches all advertisers
that the sandbox has.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.amc import errors
from segment_assets.sandbox.platforms.kit import audiences, settings, windows

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection

    from segment_assets.sandbox.platforms.kit.exchange import Answer, Call

PLATFORM = "amc"
DEFAULT_TOKEN = "sandbox-amc-token"  # noqa: S105  the sandbox's well-known token, good for nothing else
ADVERTISER, CONNECTION, PROFILE = "581234567890123456", "5a523424-e8b3-4da5-9a32-24a861aea576", "3900820857650036"
CALLS_PER_SECOND = 50


@dataclasses.dataclass(slots=True)
class Visit:
    """One call: its request, the state, the time. `account`, `audience` and `records` are for the request log.

    `is_poisoned` is a fault's word on a record.
    """

    call: Call
    db: sqlite3.Connection
    now: float
    is_poisoned: Callable[[bytes], bool] = lambda _record: False
    account: str | None = None
    audience: str | None = None
    records: int = 0

    def stopped(self) -> Answer | None:
        """The refusal of a call that does not get in."""
        headers = self.call.headers
        scheme, _, token = headers.get("authorization", "").partition(" ")
        ends = self.switch("token_ends", {}).get(token)
        is_known = scheme.lower() == "bearer" and token in self.switch("tokens", [DEFAULT_TOKEN])
        if not is_known or (ends is not None and self.now >= ends):
            return errors.error_answer(401, "Unauthorized")
        if headers.get("amazon-advertising-api-clientid") != DEFAULT_TOKEN:
            return errors.error_answer(400, "Amazon-Advertising-API-ClientId is not the token's client")
        budget = self.switch("calls_per_second", CALLS_PER_SECOND)
        wait = windows.spend(self.db, PLATFORM, budget=budget, seconds=1.0, now=self.now)
        return None if wait is None else errors.throttled()

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

    def audience_of(self, number: object) -> sqlite3.Row | None:
        """The audience with this number, which is no text in bodies."""
        return audiences.find(self.db, str(number), PLATFORM)

    def check_terms(self) -> None:
        """Refuse what AMC takes from nobody who has not accepted its terms."""
        if not self.switch("terms_accepted", default=True):
            errors.refuse(400, "The terms of AMC are not accepted")


def checked(values: object, required: Collection[str], optional: Collection[str] = ()) -> dict[str, Any]:
    """An object with these fields and no others."""
    if not isinstance(values, dict):
        errors.refuse(400, "An object is required")
    missing, unknown = set(required) - set(values), set(values) - {*required, *optional}
    if missing or unknown:
        errors.refuse(400, f"{len(missing)} required fields are missing, {len(unknown)} are not known")
    return values
