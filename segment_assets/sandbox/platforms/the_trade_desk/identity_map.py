"""UID2's identity map: hashes in an encrypted envelope to raw UID2s, which change when their salt does.

Source: unifiedid.com (POST /v3/identity/map: limits, envelope, `u`, `p`, `r`, `e`; the id of before is named for 90
days) and uid2-client 2.9.0 (bytes of both envelopes, seconds in `r`).
Our readings: a salt changes for everybody at once, at the moments of the switch `rotations`; the seeded
`opted_out_share` of hashes has opted out; a moment is compared with the real clock, since callers have no other;
answers are bytes for bytes and text for text; an id may be used for 30 days before it is to be asked for again.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import time
from typing import TYPE_CHECKING, Any, NoReturn

from segment_assets.sandbox.platforms.kit import settings
from segment_assets.sandbox.platforms.kit.exchange import Answer, Refusal

if TYPE_CHECKING:
    import sqlite3

    from segment_assets.sandbox.platforms.kit.exchange import Call

PLATFORM = "the_trade_desk"
TOKEN = "sandbox-the_trade_desk-token"  # noqa: S105  the sandbox's well-known token, good for nothing else
SECRET = hashlib.sha256(TOKEN.encode()).digest()
MOST = 5_000
_MOST_BYTES = 1_048_576
_KINDS = ("email_hash", "phone_hash", "email", "phone")
_IV, _MOMENT, _NONCE = 12, 8, 8
_STALE = 60.0
_DAY = 86_400.0
_PREVIOUS, _REFRESH = 90 * _DAY, 30 * _DAY
_BINARY = "application/octet-stream"


def raw_id(identity_hash: str, salt: int = 0) -> str:
    """The raw UID2 of a hash (base64) under a salt: 32 bytes as base64."""
    return base64.b64encode(hashlib.sha256(f"{salt} {identity_hash}".encode()).digest()).decode()


def answer(call: Call, db: sqlite3.Connection, now: float) -> Answer:
    """Answer a call in an envelope. Errors go without one."""
    if call.method != "POST":
        return _error(405, "client_error", "Method Not Allowed")
    if call.headers.get("authorization") != f"Bearer {settings.read(db, PLATFORM, 'identity_map_key', TOKEN)}":
        return _error(401, "unauthorized", "The API key is not valid")
    if len(call.body) > _MOST_BYTES:
        return _error(413, "client_error", "Request Entity Too Large")
    is_binary = call.headers.get("content-type", "").startswith(_BINARY)
    try:
        nonce, wanted = _opened(call.body if is_binary else base64.b64decode(call.body, validate=True))
        told = {kind: [_told(one, db, now) for one in hashes] for kind, hashes in _read(wanted).items()}
    except Refusal as refusal:
        return refusal.answer
    except binascii.Error:
        return _error(400, "client_error", "Invalid body: not base64")
    body = _sealed(nonce, {"status": "success", "body": told})
    return Answer(
        200, body if is_binary else base64.b64encode(body), {"content-type": _BINARY if is_binary else "text/plain"}
    )


def _read(wanted: Any) -> dict[str, list[str]]:
    is_whole = isinstance(wanted, dict) and wanted and set(wanted) <= set(_KINDS)
    if not is_whole or not all(isinstance(one, str) for some in wanted.values() for one in _listed(some)):
        _refuse("Required Parameter Missing: one or more of [email, phone, email_hash, phone_hash] must be specified")
    if sum(map(len, wanted.values())) > MOST:
        _refuse(f"Required Parameter Missing: the batch size must be at most {MOST}")
    return dict(wanted)


def _listed(some: object) -> list[Any]:
    return some if isinstance(some, list) else [None]


def _told(one: str, db: sqlite3.Connection, now: float) -> dict[str, object]:
    try:
        is_hash = len(base64.b64decode(one, validate=True)) == hashlib.sha256().digest_size
    except binascii.Error:
        is_hash = False
    if not is_hash:
        return {"e": "invalid identifier"}
    if is_drawn(one, settings.read(db, PLATFORM, "opted_out_share", 0)):
        return {"e": "optout"}
    changes = [moment for moment in settings.read(db, PLATFORM, "rotations", []) if moment <= now]
    salt = len(changes)
    is_fresh = bool(changes) and now - changes[-1] < _PREVIOUS
    return {"u": raw_id(one, salt), "p": raw_id(one, salt - 1) if is_fresh else None, "r": int(now + _REFRESH)}


def _opened(body: bytes) -> tuple[bytes, Any]:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if body[:1] != b"\x01":
        _refuse("Invalid body: version mismatch")
    try:
        text = AESGCM(SECRET).decrypt(body[1 : 1 + _IV], body[1 + _IV :], None)
    except (InvalidTag, ValueError):
        _refuse("Invalid body: check encryption key (ClientSecret)")
    moment = int.from_bytes(text[:_MOMENT], "big") / 1_000
    if abs(time.time() - moment) > _STALE:
        _refuse("Invalid timestamp: request too old or client time drift")
    try:
        return text[_MOMENT : _MOMENT + _NONCE], json.loads(text[_MOMENT + _NONCE :])
    except ValueError:
        _refuse("Invalid payload in body: data is not valid json string")


def _sealed(nonce: bytes, told: object) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    iv, moment = os.urandom(_IV), int(time.time() * 1_000).to_bytes(_MOMENT, "big")
    return iv + AESGCM(SECRET).encrypt(iv, moment + nonce + json.dumps(told).encode(), None)


def _error(status: int, code: str, words: str) -> Answer:
    return Answer(status, {"status": code, "message": words})


def _refuse(words: str) -> NoReturn:
    raise Refusal(_error(400, "client_error", words))


def is_drawn(one: str, share: float) -> bool:
    """Whether a value is of those that a seeded share is drawn from."""
    return int.from_bytes(hashlib.blake2b(one.encode(), digest_size=4).digest()) < share * 2**32
