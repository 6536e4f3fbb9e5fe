"""Files of identifiers: uploaded for one advertiser, named by a path, of one kind.

Source: the official package (fields of the form), the help centre (csv or txt), 50 MB a file as other vendors cut, and
MD5 of the file as its signature. Our readings where TikTok says nothing: a signature that does not fit is 40002, a file
of another type 40908; what is in a file is looked at when a list is made of it.
"""

from __future__ import annotations

import email.parser
import email.policy
import hashlib
from typing import TYPE_CHECKING

from segment_assets.sandbox.platforms.tiktok import envelope

if TYPE_CHECKING:
    import sqlite3

    from segment_assets.sandbox.platforms.kit.exchange import Answer, Call
    from segment_assets.sandbox.platforms.tiktok.visit import Visit

TABLE = """
CREATE TABLE IF NOT EXISTS tiktok_file_upload (
  path TEXT PRIMARY KEY, advertiser TEXT NOT NULL, calculate_type TEXT NOT NULL, body BLOB NOT NULL
) WITHOUT ROWID
"""
TYPES = {
    "EMAIL_SHA256": 64,
    "PHONE_SHA256": 64,
    "IDFA_SHA256": 64,
    "IDFA_MD5": 32,
    "GAID_SHA256": 64,
    "GAID_MD5": 32,
    "FIRST_SHA256": 64,
    "FIRST_MD5": 32,
}
"""Kind of file -> hexadecimal digits of its identifiers."""
_RETIRED = {"FIRST_NORMAL"}
_LARGEST = 50_000_000
_FIELDS = {"advertiser_id", "calculate_type", "file_signature", "file_name", "context_info"}
_WRONG_FILE_TYPE = 40908


def upload(visit: Visit) -> Answer:
    """Keep a file."""
    fields, name, body = _form(visit.call)
    advertiser = visit.reach(fields.get("advertiser_id"))
    if set(fields) - _FIELDS:
        envelope.invalid("there is a field that is not known")
    kind = fields.get("calculate_type", "")
    if kind in _RETIRED or kind not in TYPES:
        envelope.invalid(f"calculate_type: must be one of {', '.join(TYPES)}")
    if not name.lower().endswith((".csv", ".txt")):
        envelope.refuse(_WRONG_FILE_TYPE, "Unsupported file type")
    if not body or len(body) > _LARGEST:
        envelope.invalid("file: must hold something, and at most 50 MB")
    if fields.get("file_signature") != hashlib.md5(body, usedforsecurity=False).hexdigest():
        envelope.invalid("file_signature: is not the MD5 of the file")
    number = visit.db.execute("SELECT count(*) FROM tiktok_file_upload").fetchone()[0]
    path = f"a5{number:030x}"
    visit.db.execute("INSERT INTO tiktok_file_upload VALUES (?, ?, ?, ?)", (path, advertiser, kind, body))
    visit.records = body.count(b"\n")
    return envelope.done({"file_path": path})


def named(visit: Visit, advertiser: str, paths: object) -> list[sqlite3.Row]:
    """The advertiser's files of these paths. Refuses any other, and files of several kinds."""
    if not isinstance(paths, list) or not paths or not all(isinstance(path, str) for path in paths):
        envelope.invalid("file_paths: a list of texts is required")
    found = [
        visit.db.execute(
            "SELECT path, calculate_type FROM tiktok_file_upload WHERE path = ? AND advertiser = ?", (path, advertiser)
        ).fetchone()
        for path in paths
    ]
    if None in found:
        envelope.invalid("file_paths: there is no such file of this advertiser")
    return found


def rows(db: sqlite3.Connection, path: str, kind: str) -> tuple[list[str], int]:
    """The identifiers of a file, and how many lines hold none."""
    body = db.execute("SELECT body FROM tiktok_file_upload WHERE path = ?", (path,)).fetchone()["body"]
    lines = [line.strip() for line in bytes(body).decode("utf-8", "replace").splitlines()]
    good = [line for line in lines if len(line) == TYPES[kind] and set(line) <= set("0123456789abcdef")]
    return good, sum(1 for line in lines if line) - len(good)


def _form(call: Call) -> tuple[dict[str, str], str, bytes]:
    """Fields, the file's name, the file."""
    kind = call.headers.get("content-type", "")
    if not kind.startswith("multipart/form-data"):
        envelope.invalid("a file comes as multipart/form-data")
    parser = email.parser.BytesParser(policy=email.policy.HTTP)
    parts = parser.parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + call.body)
    fields: dict[str, str] = {}
    name, body = "", b""
    for part in parts.iter_parts():
        content = part.get_payload(decode=True)
        content = content if isinstance(content, bytes) else b""
        if part.get_filename() is None:
            fields[str(part.get_param("name", header="content-disposition"))] = content.decode()
        else:
            name, body = str(part.get_filename()), content
    return fields, name, body
