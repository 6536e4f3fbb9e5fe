"""Runs of a flow: started, listed, done when their time has come.

Source: botocore's model (execution records, statuses), the user guide: a run reads every object of the source folder;
`Successful` may hold put failures, whose records go below the error prefix; a client token is good for eight hours.
Our readings: a flow that runs cannot be started (ConflictException); records are listed newest first; a run takes a
minute and reads its files at its end, which is when a file that was changed meanwhile does most harm; processed records
include failed ones; a failed record is a line of JSON with the CRM's code and the record.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import uuid
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.appflow import crm, errors, flows, objects
from segment_assets.sandbox.platforms.kit import audiences, settings
from segment_assets.sandbox.platforms.kit.exchange import Answer

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from segment_assets.sandbox.platforms.appflow.crm import Crm
    from segment_assets.sandbox.platforms.appflow.visit import Visit

TABLES = """
CREATE TABLE IF NOT EXISTS appflow_run (
  number INTEGER PRIMARY KEY AUTOINCREMENT, platform TEXT NOT NULL, flow TEXT NOT NULL, id TEXT NOT NULL, token TEXT,
  started REAL NOT NULL, ended REAL, status TEXT NOT NULL, processed INTEGER NOT NULL DEFAULT 0,
  failures INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS appflow_poison (
  platform TEXT, identifier TEXT, PRIMARY KEY (platform, identifier)
) WITHOUT ROWID;
"""
_TOKEN_SECONDS = 8 * 3_600.0
_RUN_SECONDS = 60.0
_FILE_OF_FAILURES = 1_000


def start(visit: Visit) -> Answer:
    """A run, or the one that this client token started."""
    wanted = visit.parameters("StartFlow")
    name, token = wanted["flowName"], wanted.get("clientToken")
    flows.existing(visit, name)
    since = visit.now - _TOKEN_SECONDS
    same = visit.db.execute(
        "SELECT id FROM appflow_run WHERE platform = ? AND flow = ? AND token = ? AND started > ?",
        (visit.platform, name, token, since),
    ).fetchone()
    found = same["id"] if same is not None else _begun(visit, name, token)
    return Answer(200, {"flowArn": flows.arn(name), "flowStatus": "Active", "executionId": found})


def records(visit: Visit) -> Answer:
    """Runs of a flow, newest first, page by page."""
    wanted = visit.parameters("DescribeFlowExecutionRecords")
    flows.existing(visit, wanted["flowName"])
    most = min(wanted.get("maxResults", 20), visit.switch("records_per_page", 100))
    before = wanted.get("nextToken", str(2**62))
    rows = visit.db.execute(
        "SELECT * FROM appflow_run WHERE platform = ? AND flow = ? AND number < ? ORDER BY number DESC LIMIT ?",
        (visit.platform, wanted["flowName"], int(before), most),
    ).fetchall()
    more = {"nextToken": str(rows[-1]["number"])} if len(rows) == most else {}
    return Answer(200, {"flowExecutions": [_shown(row) for row in rows], **more})


def catch_up(db: sqlite3.Connection, platform: str, kind: Crm, now: float) -> None:
    """Do the runs whose time has come."""
    takes = settings.read(db, platform, "run_seconds", _RUN_SECONDS)
    due = db.execute(
        "SELECT * FROM appflow_run WHERE platform = ? AND status = 'InProgress' AND started + ? <= ? ORDER BY number",
        (platform, takes, now),
    ).fetchall()
    for run in due:
        status, processed, failures = _done(db, platform, kind, run, now)
        db.execute(
            "UPDATE appflow_run SET status = ?, processed = ?, failures = ?, ended = ? WHERE number = ?",
            (status, processed, failures, now, run["number"]),
        )


def poison(db: sqlite3.Connection, platform: str, identifiers: set[str]) -> None:
    """From now on the CRM refuses records with these identifiers."""
    db.executemany("INSERT OR IGNORE INTO appflow_poison VALUES (?, ?)", [(platform, one) for one in identifiers])


def _begun(visit: Visit, name: str, token: str | None) -> str:
    running = visit.db.execute(
        "SELECT 1 FROM appflow_run WHERE platform = ? AND flow = ? AND status = 'InProgress'", (visit.platform, name)
    ).fetchone()
    if running is not None:
        errors.refuse("ConflictException", "The flow is running")
    cursor = visit.db.execute(
        "INSERT INTO appflow_run (platform, flow, id, token, started, status) VALUES (?, ?, '', ?, ?, 'InProgress')",
        (visit.platform, name, token, visit.now),
    )
    found = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{visit.platform}/{name}/{cursor.lastrowid}"))
    visit.db.execute("UPDATE appflow_run SET id = ? WHERE number = ?", (found, cursor.lastrowid))
    return found


def _shown(row: sqlite3.Row) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "executionId": row["id"],
        "executionStatus": row["status"],
        "startedAt": row["started"],
        "lastUpdatedAt": row["ended"] or row["started"],
    }
    if row["ended"] is not None:
        shown["executionResult"] = {
            "bytesProcessed": 0,
            "bytesWritten": 0,
            "recordsProcessed": row["processed"],
            **({"errorInfo": {"putFailuresCount": row["failures"]}} if row["failures"] else {}),
        }
    return shown


def _done(db: sqlite3.Connection, platform: str, kind: Crm, run: sqlite3.Row, now: float) -> tuple[str, int, int]:
    """Status, records, failures."""
    row = db.execute(
        "SELECT definition FROM appflow_flow WHERE platform = ? AND name = ?", (platform, run["flow"])
    ).fetchone()
    if row is None or settings.read(db, platform, "failing_runs", default=False):
        return "Error", 0, 0
    definition = json.loads(row["definition"])
    wanted = _rows(db, platform, definition)
    if wanted is None:
        return "Error", 0, 0
    changes, failed = _written(db, platform, kind, definition, wanted)
    _, properties = flows.target(definition)
    entity = kind.entities[properties[kind.entity_field]]
    for flow in flows.of_the_same_field(db, platform, run["flow"], entity):
        audience = audiences.find(db, flow, platform)
        if audience is not None:
            crm.show(db, audience["number"], kind.shape, entity, changes)
            db.execute("UPDATE audience SET content_updated = ? WHERE number = ?", (now, audience["number"]))
    config = properties.get("errorHandlingConfig")
    for first in range(0, len(failed) if config else 0, _FILE_OF_FAILURES):
        body = "".join(f"{json.dumps(one)}\n" for one in failed[first : first + _FILE_OF_FAILURES])
        key = f"{config['bucketPrefix']}/{run['flow']}/{run['id']}/{first:09d}.json"
        objects.put(db, platform, config["bucketName"], key, body.encode())
    return "Successful", len(wanted), len(failed)


def _rows(db: sqlite3.Connection, platform: str, definition: Mapping[str, Any]) -> list[dict[str, str]] | None:
    """Mapped rows of every file of the source folder; None where one lacks a field."""
    source, mapping = definition["sourceFlowConfig"]["sourceConnectorProperties"]["S3"], flows.mapping(definition)
    found: list[dict[str, str]] = []
    for _, body in objects.below(db, platform, source["bucketName"], f"{source['bucketPrefix']}/"):
        rows = csv.DictReader(io.StringIO(body.decode()))
        if not set(mapping) <= set(rows.fieldnames or ()):
            return None
        found += [{field: row[column] for column, field in mapping.items()} for row in rows]
    return found


def _written(
    db: sqlite3.Connection, platform: str, kind: Crm, definition: Mapping[str, Any], rows: list[dict[str, str]]
) -> tuple[list[tuple[Mapping[str, str], Mapping[str, str]]], list[dict[str, Any]]]:
    """What changed (before, after), and the failed records."""
    _, properties = flows.target(definition)
    name = properties[kind.entity_field]
    entity = kind.entities[name]
    (key,) = properties["idFieldNames"] if kind.takes_ids else entity.ids
    creates = properties.get("writeOperationType", "UPSERT") == "UPSERT"
    poisoned = {row[0] for row in db.execute("SELECT identifier FROM appflow_poison WHERE platform = ?", (platform,))}
    share = settings.read(db, platform, "put_failure_share", 0)
    changes: list[tuple[Mapping[str, str], Mapping[str, str]]] = []
    failed: list[dict[str, Any]] = []
    for fields in rows:
        code = _refused(fields, fields[key], poisoned, share)
        if not code:
            try:
                changes.append((crm.write(db, platform, name, entity, fields[key], fields, create=creates), fields))
            except crm.Missing:
                code = "ENTITY_NOT_FOUND"
        if code:
            failed.append({"errorCode": code, "errorMessage": "The record was not put", "record": fields})
    return changes, failed


def _refused(fields: Mapping[str, str], key: str, poisoned: set[str], share: float) -> str:
    if not key:
        return "REQUIRED_FIELD_MISSING"
    if not poisoned.isdisjoint(fields.values()):
        return "INVALID_FIELD_FOR_INSERT_UPDATE"
    drawn = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=4).digest()) < share * 2**32
    return "UNABLE_TO_LOCK_ROW" if drawn else ""
