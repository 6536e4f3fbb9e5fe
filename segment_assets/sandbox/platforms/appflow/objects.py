"""S3 as far as flows and their owners need it: put, get, delete and list objects of one bucket, by path.

Source: S3 2006-03-01 (PutObject with its ETag, ListObjectsV2, error codes). The sandbox's bucket has a name of its own.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from segment_assets.sandbox.platforms.appflow import errors
from segment_assets.sandbox.platforms.kit import settings
from segment_assets.sandbox.platforms.kit.exchange import Answer

if TYPE_CHECKING:
    import sqlite3

    from segment_assets.sandbox.platforms.kit.exchange import Call

BUCKET = "sandbox-segments"
TABLES = """
CREATE TABLE IF NOT EXISTS appflow_object (
  platform TEXT, bucket TEXT, key TEXT, body BLOB NOT NULL, PRIMARY KEY (platform, bucket, key)
) WITHOUT ROWID;
"""
_XML = {"content-type": "application/xml"}
_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_MOST_KEYS = 1_000


def answer(call: Call, db: sqlite3.Connection, platform: str) -> Answer:
    """Answer a call below a bucket."""
    bucket, key = call.path["bucket"], call.path.get("key", "")
    if bucket != BUCKET:
        errors.refuse_s3("NoSuchBucket", "The specified bucket does not exist")
    if not key:
        return _list(call, db, platform) if call.method == "GET" else _not_allowed()
    if call.method == "PUT":
        put(db, platform, bucket, key, call.body)
        return Answer(200, b"", {"etag": f'"{hashlib.md5(call.body, usedforsecurity=False).hexdigest()}"', **_XML})
    if call.method == "DELETE":
        db.execute("DELETE FROM appflow_object WHERE platform = ? AND bucket = ? AND key = ?", (platform, bucket, key))
        return Answer(204, b"", dict(_XML))
    return _get(db, platform, bucket, key) if call.method == "GET" else _not_allowed()


def put(db: sqlite3.Connection, platform: str, bucket: str, key: str, body: bytes) -> None:
    """Keep an object."""
    db.execute("INSERT OR REPLACE INTO appflow_object VALUES (?, ?, ?, ?)", (platform, bucket, key, body))


def below(db: sqlite3.Connection, platform: str, bucket: str, prefix: str) -> list[tuple[str, bytes]]:
    """Keys and bodies of the objects below a prefix, in order."""
    rows = db.execute(
        "SELECT key, body FROM appflow_object WHERE platform = ? AND bucket = ? AND substr(key, 1, length(?)) = ? "
        "ORDER BY key",
        (platform, bucket, prefix, prefix),
    )
    return [(row["key"], row["body"]) for row in rows]


def _get(db: sqlite3.Connection, platform: str, bucket: str, key: str) -> Answer:
    row = db.execute(
        "SELECT body FROM appflow_object WHERE platform = ? AND bucket = ? AND key = ?", (platform, bucket, key)
    ).fetchone()
    if row is None:
        errors.refuse_s3("NoSuchKey", "The specified key does not exist.")
    return Answer(200, bytes(row["body"]), {"content-type": "binary/octet-stream"})


def _list(call: Call, db: sqlite3.Connection, platform: str) -> Answer:
    if call.query.get("list-type") != "2":
        errors.refuse_s3("InvalidRequest", "The sandbox lists with version 2 only")
    after, prefix = call.query.get("continuation-token", ""), call.query.get("prefix", "")
    most = min(int(call.query.get("max-keys", _MOST_KEYS)), settings.read(db, platform, "keys_per_page", _MOST_KEYS))
    keys = [key for key, _ in below(db, platform, BUCKET, prefix) if key > after]
    page, is_cut = keys[:most], len(keys) > most
    contents = "".join(f"<Contents><Key>{escape(key)}</Key></Contents>" for key in page)
    more = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if is_cut else ""
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="{_NAMESPACE}"><Name>{BUCKET}</Name>'
        f"<Prefix>{escape(prefix)}</Prefix><KeyCount>{len(page)}</KeyCount><MaxKeys>{most}</MaxKeys>"
        f"<IsTruncated>{str(is_cut).lower()}</IsTruncated>{contents}{more}</ListBucketResult>"
    )
    return Answer(200, body.encode(), dict(_XML))


def _not_allowed() -> Answer:
    return errors.s3("MethodNotAllowed", "The specified method is not allowed against this resource.")
