"""The renewal of an access token: OAuth 2.0, the app's id and secret in a Basic header, a refresh token that changes.

Source: the OpenAPI description (`/oauth/token`), and that refresh tokens live for 60 days and are renewed with each use
since 25 September 2025. Our reading: the one before is good no more.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from segment_assets.sandbox.platforms.kit import settings
from segment_assets.sandbox.platforms.kit.exchange import Answer
from segment_assets.sandbox.platforms.pinterest import errors
from segment_assets.sandbox.platforms.pinterest.visit import DEFAULT_TOKEN, PLATFORM

if TYPE_CHECKING:
    import sqlite3

    from segment_assets.sandbox.platforms.kit.exchange import Call

REFRESH_TOKEN = "sandbox-pinterest-refresh-token"  # noqa: S105  as well known as the access token
CLIENT = ("sandbox-pinterest-app", "sandbox-pinterest-app-secret")
_DAY = 86_400
_ACCESS_DAYS, _REFRESH_DAYS = 30, 60


def renew(call: Call, db: sqlite3.Connection, now: float) -> Answer:
    """A new access token and a new refresh token for the newest refresh token."""
    basic = base64.b64encode(":".join(CLIENT).encode()).decode()
    if call.headers.get("authorization") != f"Basic {basic}":
        return errors.unauthenticated()
    form = {name: values[0] for name, values in parse_qs(call.body.decode("utf-8", "replace")).items()}
    held = settings.read(db, PLATFORM, "refresh", {"token": REFRESH_TOKEN, "until": now + 1, "number": 0})
    if form.get("grant_type") != "refresh_token" or form.get("refresh_token") != held["token"] or now >= held["until"]:
        return errors.error_answer(400, errors.INVALID, "Your refresh token is invalid.")
    number = held["number"] + 1
    token, refresh_token = f"{DEFAULT_TOKEN}-{number}", f"{REFRESH_TOKEN}-{number}"
    settings.write(db, PLATFORM, "tokens", [token])
    until = now + _REFRESH_DAYS * _DAY
    settings.write(db, PLATFORM, "refresh", {"token": refresh_token, "until": until, "number": number})
    body = {
        "response_type": "refresh_token",
        "access_token": token,
        "token_type": "bearer",
        "expires_in": _ACCESS_DAYS * _DAY,
        "scope": form.get("scope", "ads:read,ads:write"),
        "refresh_token": refresh_token,
        "refresh_token_expires_in": _REFRESH_DAYS * _DAY,
        "refresh_token_expires_at": int(until),
    }
    return Answer(200, body)
