"""The caller's own bucket, which AMC reads: objects are put, as S3 does it.

Source: S3 2006-03-01 (PutObject with its ETag, error codes and XML). Our reading: whoever has the sandbox's token or
signs with it may put everything there, and the bucket lets AMC read.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from segment_assets.sandbox.platforms.amc_data import errors
from segment_assets.sandbox.platforms.amc_data.visit import PLATFORM, TOKEN
from segment_assets.sandbox.platforms.kit import settings
from segment_assets.sandbox.platforms.kit.exchange import Answer

if TYPE_CHECKING:
    import sqlite3

    from segment_assets.sandbox.platforms.kit.exchange import Call

PATH = "/s3/{bucket}/{key:path}"
BUCKET = "sandbox-amc-uploads"
TABLES = "CREATE TABLE IF NOT EXISTS amc_data_object (key TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;"


def put(call: Call, db: sqlite3.Connection) -> Answer:
    """Keep an object under its key."""
    if not _is_let_in(call, db):
        return errors.s3_answer("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist.")
    if call.path["bucket"] != BUCKET:
        return errors.s3_answer("NoSuchBucket", "The specified bucket does not exist")
    if call.method != "PUT":
        return errors.s3_answer("MethodNotAllowed", "The specified method is not allowed against this resource.")
    db.execute("INSERT OR REPLACE INTO amc_data_object VALUES (?, ?)", (call.path["key"], call.body))
    etag = hashlib.md5(call.body, usedforsecurity=False).hexdigest()
    return Answer(200, b"", {"etag": f'"{etag}"', "content-type": "application/xml"})


def read(db: sqlite3.Connection, bucket: str, key: str) -> str | None:
    """An object as text; None where it is not there or no text."""
    row = db.execute("SELECT body FROM amc_data_object WHERE key = ?", (key,)).fetchone() if bucket == BUCKET else None
    try:
        return None if row is None else bytes(row["body"]).decode("utf-8")
    except UnicodeDecodeError:
        return None


def below(db: sqlite3.Connection, prefix: str) -> list[str]:
    """The keys that begin so."""
    rows = db.execute("SELECT key FROM amc_data_object WHERE substr(key, 1, ?) = ?", (len(prefix), prefix))
    return [row["key"] for row in rows]


def _is_let_in(call: Call, db: sqlite3.Connection) -> bool:
    tokens = settings.read(db, PLATFORM, "tokens", [TOKEN])
    scheme, _, rest = call.headers.get("authorization", "").partition(" ")
    if scheme == "AWS4-HMAC-SHA256":
        return any(rest.startswith(f"Credential={token}/") for token in tokens)
    return scheme == "Bearer" and rest in tokens
