"""The bucket: objects are put, read and listed, as S3 does it.

Source: S3 2006-03-01 (PutObject with its ETag, GetObject, error codes and XML). Our reading: the sandbox's bucket has a
name of its own, and whoever has its token or signs with it may do everything there.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NoReturn

from segment_assets.sandbox.platforms.kit import settings
from segment_assets.sandbox.platforms.kit.exchange import Answer, Refusal

if TYPE_CHECKING:
    import sqlite3

    from segment_assets.sandbox.platforms.kit.exchange import Call

PLATFORM = "liveramp"
TOKEN = "sandbox-liveramp-token"  # noqa: S105  the sandbox's well-known token, good for nothing else
BUCKET = "sandbox-liveramp-uploads"
TABLES = """
CREATE TABLE IF NOT EXISTS liveramp_object (
  key TEXT PRIMARY KEY, body BLOB NOT NULL, put_at REAL NOT NULL, status TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
"""
_STATUS = {
    "ExpiredToken": 400,
    "AccessDenied": 403,
    "InvalidAccessKeyId": 403,
    "NoSuchBucket": 404,
    "NoSuchKey": 404,
    "MethodNotAllowed": 405,
    "SlowDown": 503,
}
_XML = {"content-type": "application/xml"}


def answer(call: Call, db: sqlite3.Connection, now: float) -> Answer:
    """Answer a call to an object."""
    if not _is_let_in(call, db):
        refuse("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
    if call.path["bucket"] != BUCKET:
        refuse("NoSuchBucket", "The specified bucket does not exist")
    key = call.path["key"]
    if call.method == "PUT":
        db.execute("INSERT OR REPLACE INTO liveramp_object (key, body, put_at) VALUES (?, ?, ?)", (key, call.body, now))
        return Answer(200, b"", {"etag": f'"{hashlib.md5(call.body, usedforsecurity=False).hexdigest()}"', **_XML})
    if call.method != "GET":
        refuse("MethodNotAllowed", "The specified method is not allowed against this resource.")
    row = db.execute("SELECT body FROM liveramp_object WHERE key = ?", (key,)).fetchone()
    if row is None:
        refuse("NoSuchKey", "The specified key does not exist.")
    return Answer(200, bytes(row["body"]), {"content-type": "binary/octet-stream"})


def error(code: str, words: str, status: int | None = None) -> Answer:
    """A call that did nothing."""
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{words}</Message></Error>'
    return Answer(status or _STATUS[code], body.encode(), dict(_XML))


def refuse(code: str, words: str) -> NoReturn:
    """End the call with an error."""
    raise Refusal(error(code, words))


def _is_let_in(call: Call, db: sqlite3.Connection) -> bool:
    tokens = settings.read(db, PLATFORM, "tokens", [TOKEN])
    scheme, _, rest = call.headers.get("authorization", "").partition(" ")
    if scheme == "AWS4-HMAC-SHA256":
        return any(rest.startswith(f"Credential={token}/") for token in tokens)
    return scheme == "Bearer" and rest in tokens
