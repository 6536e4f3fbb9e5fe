"""Upload jobs: made, given a file, started, worked through a minute later, asked about.

Source: botocore's model (statuses, results, the headers of a file), the administrator's guide (CSV with headers). Our
readings: names of jobs may repeat; an address is good for a quarter of an hour; a job is started once, and only with a
file; a file that lacks a mapped column fails its job as VALIDATION_FAILURE; a row without its unique key, of the seeded
`failed_share` or with a poisoned value is a failed record; profiles that a job made or changed end with its DataExpiry.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.appflow import errors as s3
from segment_assets.sandbox.platforms.customer_profiles import errors, segments
from segment_assets.sandbox.platforms.customer_profiles.visit import PLATFORM, Visit
from segment_assets.sandbox.platforms.kit import settings
from segment_assets.sandbox.platforms.kit.exchange import Answer

if TYPE_CHECKING:
    import sqlite3

TABLES = """
CREATE TABLE IF NOT EXISTS profile (
  domain TEXT, key TEXT, attributes TEXT NOT NULL, expires REAL NOT NULL, PRIMARY KEY (domain, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS profile_job (
  number INTEGER PRIMARY KEY AUTOINCREMENT, domain TEXT NOT NULL, id TEXT NOT NULL, definition TEXT NOT NULL,
  status TEXT NOT NULL, reason TEXT, created REAL NOT NULL, addressed REAL, due REAL, file BLOB, results TEXT
);
CREATE TABLE IF NOT EXISTS profile_poison (identifier TEXT PRIMARY KEY) WITHOUT ROWID;
"""
FILE = "/presigned/{job}"
_SECONDS, _ADDRESS_SECONDS = 60.0, 900.0
_DEFAULT_EXPIRY, _DAY = 14, 86_400.0
_LARGEST = 1_000_000_000
_SSE = "x-amz-server-side-encryption-customer-"


def create(visit: Visit) -> Answer:
    """A job that waits for its file."""
    wanted = visit.parameters("CreateUploadJob")
    if wanted["UniqueKey"] not in wanted["Fields"]:
        errors.bad("The unique key is none of the fields")
    cursor = visit.db.execute(
        "INSERT INTO profile_job (domain, id, definition, status, created) VALUES (?, '', ?, 'CREATED', ?)",
        (wanted["DomainName"], json.dumps(wanted), visit.now),
    )
    job = hashlib.md5(str(cursor.lastrowid).encode(), usedforsecurity=False).hexdigest()
    visit.db.execute("UPDATE profile_job SET id = ? WHERE number = ?", (job, cursor.lastrowid))
    return Answer(200, {"JobId": job})


def every(visit: Visit) -> Answer:
    """The domain's jobs, in one page."""
    domain = visit.parameters("ListUploadJobs")["DomainName"]
    rows = visit.db.execute("SELECT * FROM profile_job WHERE domain = ? ORDER BY number DESC", (domain,)).fetchall()
    return Answer(200, {"Items": [_shown(row) for row in rows]})


def get(visit: Visit) -> Answer:
    """One job with its results."""
    row = _existing(visit, "GetUploadJob")
    results = {"ResultsSummary": json.loads(row["results"])} if row["results"] else {}
    return Answer(200, {**_shown(row), **results})


def path(visit: Visit) -> Answer:
    """Where the file of a job goes, and the key that encrypts it."""
    row = _existing(visit, "GetUploadJobPath")
    visit.db.execute("UPDATE profile_job SET addressed = ? WHERE number = ?", (visit.now, row["number"]))
    host = visit.call.headers.get("host", "127.0.0.1")
    signed = f"X-Amz-Expires={_ADDRESS_SECONDS:.0f}&X-Amz-Signature={_signature(row)}"
    url = f"http://{host}/{PLATFORM}{FILE.format(job=row['id'])}?{signed}"
    return Answer(200, {"Url": url, "ClientToken": _key(row), "ValidUntil": visit.now + _ADDRESS_SECONDS})


def put(visit: Visit) -> Answer:
    """Keep a file, by an address of `path`. The address is all that lets a caller in."""
    row = visit.db.execute("SELECT * FROM profile_job WHERE id = ?", (visit.call.path["job"],)).fetchone()
    query, headers = visit.call.query, visit.call.headers
    is_signed = row is not None and query.get("X-Amz-Signature") == _signature(row) and "authorization" not in headers
    if not is_signed or row["addressed"] is None or row["addressed"] + _ADDRESS_SECONDS < visit.now:
        s3.refuse_s3("AccessDenied", "Request has expired, or is not signed as the address says")
    raw = hashlib.md5(base64.b64decode(_key(row)), usedforsecurity=False).digest()
    wanted = {"algorithm": "AES256", "key": _key(row), "key-md5": base64.b64encode(raw).decode()}
    if {name: headers.get(f"{_SSE}{name}") for name in wanted} != wanted or len(visit.call.body) > _LARGEST:
        s3.refuse_s3("InvalidRequest", "The headers of the encryption with the customer's key are not right")
    visit.account, visit.records = row["domain"], max(0, visit.call.body.count(b"\n") - 1)
    visit.db.execute("UPDATE profile_job SET file = ? WHERE number = ?", (visit.call.body, row["number"]))
    tag = hashlib.sha256(visit.call.body).hexdigest()[:32]
    return Answer(200, b"", {"etag": f'"{tag}"', "content-type": "application/xml"})


def start(visit: Visit) -> Answer:
    """Work through the file, soon."""
    row = _existing(visit, "StartUploadJob")
    if row["status"] != "CREATED" or row["file"] is None:
        errors.bad("The job was started before, or has no file")
    due = visit.now + visit.switch("job_seconds", _SECONDS)
    visit.db.execute("UPDATE profile_job SET status = 'IN_PROGRESS', due = ? WHERE number = ?", (due, row["number"]))
    return Answer(200, {})


def poison(db: sqlite3.Connection, identifiers: set[str]) -> None:
    """From now on records with these values fail."""
    db.executemany("INSERT OR IGNORE INTO profile_poison VALUES (?)", [(one,) for one in identifiers])


def catch_up(db: sqlite3.Connection, now: float) -> None:
    """Do the jobs whose time has come, and let profiles end."""
    due = "SELECT * FROM profile_job WHERE status = 'IN_PROGRESS' AND due <= ? ORDER BY number"
    for job in db.execute(due, (now,)).fetchall():
        status, reason, results = _done(db, job, now)
        db.execute(
            "UPDATE profile_job SET status = ?, reason = ?, results = ?, file = NULL WHERE number = ?",
            (status, reason, json.dumps(results), job["number"]),
        )
    ended = db.execute("SELECT domain, key FROM profile WHERE expires <= ?", (now,)).fetchall()
    for domain in {row["domain"] for row in ended}:
        segments.follow(db, domain, {row["key"]: "" for row in ended if row["domain"] == domain}, now)
    if ended:
        db.execute("DELETE FROM profile WHERE expires <= ?", (now,))


def _done(db: sqlite3.Connection, job: sqlite3.Row, now: float) -> tuple[str, str | None, dict[str, int]]:
    """Status, reason, results."""
    definition = json.loads(job["definition"])
    rows = csv.DictReader(io.StringIO(bytes(job["file"]).decode()))
    sources = {field["Source"].removeprefix("_source."): field["Target"] for field in definition["Fields"].values()}
    if not set(sources) <= set(rows.fieldnames or ()) or settings.read(db, PLATFORM, "failing_jobs", default=False):
        return "FAILED", "VALIDATION_FAILURE", {}
    key = definition["Fields"][definition["UniqueKey"]]["Source"].removeprefix("_source.")
    poisoned = {row[0] for row in db.execute("SELECT identifier FROM profile_poison")}
    share = settings.read(db, PLATFORM, "failed_share", 0)
    results = {"UpdatedRecords": 0, "CreatedRecords": 0, "FailedRecords": 0}
    expires = now + definition.get("DataExpiry", _DEFAULT_EXPIRY) * _DAY
    changed: dict[str, str] = {}
    for row in rows:
        if not row[key] or row[key] in poisoned or _is_failed(row[key], share):
            results["FailedRecords"] += 1
            continue
        before = db.execute(
            "SELECT attributes FROM profile WHERE domain = ? AND key = ?", (job["domain"], row[key])
        ).fetchone()
        known = json.loads(before["attributes"]) if before is not None else {}
        changed[row[key]] = json.dumps({**known, **{target: row[column] for column, target in sources.items()}})
        db.execute(
            "INSERT OR REPLACE INTO profile VALUES (?, ?, ?, ?)", (job["domain"], row[key], changed[row[key]], expires)
        )
        results["UpdatedRecords" if before is not None else "CreatedRecords"] += 1
    segments.follow(db, job["domain"], changed, now)
    return ("PARTIALLY_SUCCEEDED" if results["FailedRecords"] else "SUCCEEDED"), None, results


def _existing(visit: Visit, operation: str) -> sqlite3.Row:
    wanted = visit.parameters(operation)
    row: sqlite3.Row | None = visit.db.execute(
        "SELECT * FROM profile_job WHERE domain = ? AND id = ?", (wanted["DomainName"], wanted["JobId"])
    ).fetchone()
    if row is None:
        errors.gone("The upload job")
    return row


def _shown(row: sqlite3.Row) -> dict[str, Any]:
    definition = json.loads(row["definition"])
    shown = {"JobId": row["id"], "DisplayName": definition["DisplayName"], "Status": row["status"]}
    reason = {"StatusReason": row["reason"]} if row["reason"] else {}
    return {**shown, **reason, "CreatedAt": row["created"]}


def _key(row: sqlite3.Row) -> str:
    return base64.b64encode(hashlib.sha256(f"key of {row['id']}".encode()).digest()).decode()


def _signature(row: sqlite3.Row) -> str:
    return hashlib.sha256(f"{row['id']} sandbox".encode()).hexdigest()


def _is_failed(key: str, share: float) -> bool:
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=4).digest()) < share * 2**32
