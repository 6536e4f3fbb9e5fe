"""Tokens for a login and a password: each is good for the minutes that were asked for, a day at most.

Source: partner.thetradedesk.com (POST /v3/authentication: its fields, 1,440 minutes at most). Wording is ours.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from segment_assets.sandbox.platforms.kit import settings
from segment_assets.sandbox.platforms.kit.exchange import Answer
from segment_assets.sandbox.platforms.the_trade_desk.identity_map import PLATFORM, TOKEN

if TYPE_CHECKING:
    import sqlite3

    from segment_assets.sandbox.platforms.kit.exchange import Call

USER = ("ttd_api_sandbox@lumen.example", "sandbox-the_trade_desk-password")
LONGEST_MINUTES = 1_440


def answer(call: Call, db: sqlite3.Connection, now: float) -> Answer:
    """A new token; those given before stay good until their end."""
    try:
        asked = json.loads(call.body)
    except ValueError:
        asked = None
    if not isinstance(asked, dict) or not set(asked) <= {"Login", "Password", "TokenExpirationInMinutes"}:
        return Answer(400, {"Message": "The request cannot be read"})
    minutes = asked.get("TokenExpirationInMinutes", LONGEST_MINUTES)
    if type(minutes) is not int or not 0 < minutes <= LONGEST_MINUTES:
        return Answer(400, {"Message": "TokenExpirationInMinutes is out of range"})
    if (asked.get("Login"), asked.get("Password")) != USER:
        return Answer(401, {"Message": "The login or the password is wrong"})
    given = settings.read(db, PLATFORM, "given", {})
    token = f"{TOKEN}-{len(given) + 1}"
    settings.write(db, PLATFORM, "given", {**given, token: now + minutes * 60})
    return Answer(200, {"Token": token})
