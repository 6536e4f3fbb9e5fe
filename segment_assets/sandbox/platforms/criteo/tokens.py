"""Tokens of an app that signs in with its own credentials: each is good for 15 minutes, and there is no refresh token.

Source: developers.criteo.com, "Client credentials", and the SDK (the form, `expires_in`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from segment_assets.sandbox.platforms.criteo.visit import DEFAULT_TOKEN, PLATFORM
from segment_assets.sandbox.platforms.kit import settings
from segment_assets.sandbox.platforms.kit.exchange import Answer

if TYPE_CHECKING:
    import sqlite3

    from segment_assets.sandbox.platforms.kit.exchange import Call

CLIENT = ("sandbox-criteo-app", "sandbox-criteo-app-secret")
SECONDS = 900


def give(call: Call, db: sqlite3.Connection, now: float) -> Answer:
    """A new token; those given before stay good until their end."""
    form = {name: values[0] for name, values in parse_qs(call.body.decode("utf-8", "replace")).items()}
    if form.get("grant_type") != "client_credentials":
        return Answer(400, {"error": "unsupported_grant_type", "error_description": "The sandbox has one grant"})
    if (form.get("client_id"), form.get("client_secret")) != CLIENT:
        return Answer(401, {"error": "invalid_client", "error_description": "Invalid client credentials"})
    given = settings.read(db, PLATFORM, "given", {})
    token = f"{DEFAULT_TOKEN}-{len(given) + 1}"
    settings.write(db, PLATFORM, "given", {**given, token: now + SECONDS})
    # The SDK reads a refresh token of every answer.
    return Answer(200, {"access_token": token, "token_type": "Bearer", "expires_in": SECONDS, "refresh_token": None})
