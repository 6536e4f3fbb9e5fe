"""The renewal of an access token: OAuth 2.0 at accounts.snapchat.com, in front of which there is no token.

Source: "Authentication", and the form that other vendors' connectors send. An access token lives for half an hour. Our
reading: every renewal gives a new refresh token, and the one before is good no more, since Snap returns one each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from segment_assets.sandbox.platforms.kit import settings
from segment_assets.sandbox.platforms.kit.exchange import Answer
from segment_assets.sandbox.platforms.snapchat.visit import DEFAULT_TOKEN, PLATFORM

if TYPE_CHECKING:
    import sqlite3

    from segment_assets.sandbox.platforms.kit.exchange import Call

REFRESH_TOKEN = "sandbox-snapchat-refresh-token"  # noqa: S105  as well known as the access token
CLIENT = ("sandbox-snapchat-app", "sandbox-snapchat-app-secret")
_LIFE = 1_800


def renew(call: Call, db: sqlite3.Connection, now: float) -> Answer:
    """A new access token, and a new refresh token."""
    form = {name: values[0] for name, values in parse_qs(call.body.decode("utf-8", "replace")).items()}
    number = settings.read(db, PLATFORM, "renewals", 0)
    wanted = {
        "grant_type": "refresh_token",
        "refresh_token": _numbered(REFRESH_TOKEN, number),
        "client_id": CLIENT[0],
        "client_secret": CLIENT[1],
    }
    if form != wanted:
        return Answer(400, {"error": "invalid_grant", "error_description": "The refresh token is not valid"})
    settings.write(db, PLATFORM, "renewals", number + 1)
    token = _numbered(DEFAULT_TOKEN, number + 1)
    settings.write(db, PLATFORM, "tokens", [token])
    settings.write(db, PLATFORM, "token_ends", {token: now + _LIFE})
    body = {
        "access_token": token,
        "refresh_token": _numbered(REFRESH_TOKEN, number + 1),
        "expires_in": _LIFE,
        "token_type": "Bearer",
        "scope": "snapchat-marketing-api",
    }
    return Answer(200, body)


def _numbered(name: str, number: int) -> str:
    return f"{name}-{number}" if number else name
