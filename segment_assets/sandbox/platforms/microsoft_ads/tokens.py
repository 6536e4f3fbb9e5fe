"""The renewal of an access token: OAuth 2.0 at login.microsoftonline.com, in front of which there is no token.

Source: msads 13.0.30.1 (form, answer) and Microsoft's identity platform: every renewal gives a new refresh token. Our
reading: the one before is good no more, so that whoever does not keep the new one is found out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from segment_assets.sandbox.platforms.kit import settings
from segment_assets.sandbox.platforms.kit.exchange import Answer
from segment_assets.sandbox.platforms.microsoft_ads.visit import DEFAULT_TOKEN, PLATFORM

if TYPE_CHECKING:
    import sqlite3

    from segment_assets.sandbox.platforms.kit.exchange import Call

REFRESH_TOKEN = "sandbox-microsoft_ads-refresh-token"  # noqa: S105  as well known as the access token
CLIENT = ("sandbox-microsoft-app", "sandbox-microsoft-app-secret")
SCOPE = "https://ads.microsoft.com/msads.manage offline_access"
_LIFE = 3_600


def renew(call: Call, db: sqlite3.Connection, now: float) -> Answer:
    """A new access token, and a new refresh token."""
    form = {name: values[0] for name, values in parse_qs(call.body.decode("utf-8", "replace")).items()}
    number = settings.read(db, PLATFORM, "renewals", 0)
    client = (form.get("client_id"), form.get("client_secret"))
    is_good = form.get("refresh_token") == _numbered(REFRESH_TOKEN, number) and client == CLIENT
    if form.get("grant_type") != "refresh_token" or not is_good or form.get("scope", SCOPE) != SCOPE:
        return Answer(400, {"error": "invalid_grant", "error_description": "AADSTS70000: the grant is not valid"})
    settings.write(db, PLATFORM, "renewals", number + 1)
    token = _numbered(DEFAULT_TOKEN, number + 1)
    settings.write(db, PLATFORM, "tokens", [token])
    settings.write(db, PLATFORM, "token_ends", {token: now + _LIFE})
    body = {
        "token_type": "Bearer",
        "scope": SCOPE,
        "expires_in": _LIFE,
        "access_token": token,
        "refresh_token": _numbered(REFRESH_TOKEN, number + 1),
    }
    return Answer(200, body)


def _numbered(name: str, number: int) -> str:
    return f"{name}-{number}" if number else name
