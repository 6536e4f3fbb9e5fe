"""The renewal of an access token: OAuth 2.0 at www.reddit.com, in front of which there is no token.

Source: the OpenAPI description (the address) and OAuth as Reddit documents it: the app's id and secret as Basic
authorisation, a refresh token that stays the same and does not expire. Access tokens live for a day (others tell).
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from segment_assets.sandbox.platforms.kit import settings
from segment_assets.sandbox.platforms.kit.exchange import Answer
from segment_assets.sandbox.platforms.reddit import errors
from segment_assets.sandbox.platforms.reddit.visit import DEFAULT_TOKEN, MINUTE, PLATFORM, says_nothing

if TYPE_CHECKING:
    import sqlite3

    from segment_assets.sandbox.platforms.kit.exchange import Call

REFRESH_TOKEN = "sandbox-reddit-refresh-token"  # noqa: S105  as well known as the access token
CLIENT = ("sandbox-reddit-app", "sandbox-reddit-app-secret")
_LIFE = 86_400


def renew(call: Call, db: sqlite3.Connection, now: float) -> Answer:
    """A new access token for the refresh token; the old one is good no more.

    An agent that says nothing gets none (our reading: what is told of the API is true of tokens too).
    """
    if says_nothing(call):
        return errors.throttled("agent", 0, MINUTE, MINUTE)
    basic = base64.b64encode(":".join(CLIENT).encode()).decode()
    if call.headers.get("authorization", "") != f"Basic {basic}":
        return Answer(401, {"message": "Unauthorized", "error": 401})
    form = {name: values[0] for name, values in parse_qs(call.body.decode("utf-8", "replace")).items()}
    if (form.get("grant_type"), form.get("refresh_token")) != ("refresh_token", REFRESH_TOKEN):
        return Answer(400, {"error": "invalid_grant"})
    number = settings.read(db, PLATFORM, "renewals", 0) + 1
    settings.write(db, PLATFORM, "renewals", number)
    token = f"{DEFAULT_TOKEN}-{number}"
    settings.write(db, PLATFORM, "tokens", [token])
    settings.write(db, PLATFORM, "token_ends", {token: now + _LIFE})
    body = {
        "access_token": token,
        "token_type": "bearer",
        "expires_in": _LIFE,
        "refresh_token": REFRESH_TOKEN,
        "scope": "adsread adsedit",
    }
    return Answer(200, body)
