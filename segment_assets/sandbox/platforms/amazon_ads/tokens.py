"""Login with Amazon: an access token of an hour for a refresh token that stays.

Source: Login with Amazon's token answers; other vendors' connectors: a call with an Authorization header is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from segment_assets.sandbox.platforms.amazon_ads.visit import DEFAULT_TOKEN, PLATFORM
from segment_assets.sandbox.platforms.kit import settings
from segment_assets.sandbox.platforms.kit.exchange import Answer

if TYPE_CHECKING:
    import sqlite3

    from segment_assets.sandbox.platforms.kit.exchange import Call

REFRESH_TOKEN = "sandbox-amazon_ads-refresh-token"  # noqa: S105  as well known as the access token
CLIENT = (DEFAULT_TOKEN, "sandbox-amazon_ads-app-secret")
LIFE = 3_600


def renew(call: Call, db: sqlite3.Connection, now: float) -> Answer:
    """A new access token beside those that are still good."""
    form = {name: values[0] for name, values in parse_qs(call.body.decode("utf-8", "replace")).items()}
    if "authorization" in call.headers or form.get("grant_type") != "refresh_token":
        return _refused("invalid_request")
    if (form.get("client_id"), form.get("client_secret")) != CLIENT:
        return _refused("invalid_client", 401)
    if form.get("refresh_token") != REFRESH_TOKEN:
        return _refused("invalid_grant")
    given = settings.read(db, PLATFORM, "token_ends", {})
    token = f"{DEFAULT_TOKEN}-{len(given) + 1}"
    settings.write(db, PLATFORM, "token_ends", {**given, token: now + LIFE})
    settings.write(db, PLATFORM, "tokens", [*settings.read(db, PLATFORM, "tokens", [DEFAULT_TOKEN]), token])
    told = {"access_token": token, "token_type": "bearer", "expires_in": LIFE, "refresh_token": REFRESH_TOKEN}
    return Answer(200, told)


def _refused(error: str, status: int = 400) -> Answer:
    return Answer(status, {"error": error, "error_description": "The grant is not valid"})
