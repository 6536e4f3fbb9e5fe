"""The renewal of an access token: OAuth 2.0 with a refresh token that ends a year after the consent.

Source: linkedin-api-client 0.3.0 (the form and what it reads of the answer); access tokens live for 60 days, refresh
tokens for 365 days from the consent, which no renewal extends. Our reading: the refresh token stays the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from segment_assets.sandbox.platforms.kit import settings
from segment_assets.sandbox.platforms.kit.exchange import Answer
from segment_assets.sandbox.platforms.linkedin.visit import DEFAULT_TOKEN, PLATFORM

if TYPE_CHECKING:
    import sqlite3

    from segment_assets.sandbox.platforms.kit.exchange import Call

REFRESH_TOKEN = "sandbox-linkedin-refresh-token"  # noqa: S105  as well known as the access token
CLIENT = ("sandbox-linkedin-app", "sandbox-linkedin-app-secret")
_DAY = 86_400
_ACCESS_DAYS, _REFRESH_DAYS = 60, 365


def renew(call: Call, db: sqlite3.Connection, now: float) -> Answer:
    """A new access token for the refresh token; the old one is good no more."""
    form = {name: values[0] for name, values in parse_qs(call.body.decode("utf-8", "replace")).items()}
    wanted = {
        "grant_type": "refresh_token",
        "refresh_token": REFRESH_TOKEN,
        "client_id": CLIENT[0],
        "client_secret": CLIENT[1],
    }
    consented = settings.read(db, PLATFORM, "consented_at", None)
    left = _REFRESH_DAYS * _DAY - (0 if consented is None else now - consented)
    if form != wanted or left <= 0:
        return Answer(400, {"error": "invalid_request", "error_description": "The provided refresh token is not valid"})
    if consented is None:
        settings.write(db, PLATFORM, "consented_at", now)
    number = settings.read(db, PLATFORM, "renewals", 0) + 1
    settings.write(db, PLATFORM, "renewals", number)
    token = f"{DEFAULT_TOKEN}-{number}"
    settings.write(db, PLATFORM, "tokens", [token])
    body = {
        "access_token": token,
        "expires_in": _ACCESS_DAYS * _DAY,
        "refresh_token": REFRESH_TOKEN,
        "refresh_token_expires_in": int(left),
    }
    return Answer(200, body)
