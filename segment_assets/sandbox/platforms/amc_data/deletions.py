"""People who are to be forgotten: up to 1,000 identities a request, deleted from every data set of the instance.

Source: the OpenAPI (an identity is of hashes by their kinds, or an id of somebody else's; PENDING, SUCCEEDED), the
guide "Advertiser data identity deletion". Our readings: it is done with the next call, or after `deletion_seconds`; a
target of several hashes is whoever has any; who is unknown is no error.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.amc_data import errors, rows
from segment_assets.sandbox.platforms.amc_data.datasets import EXTERNAL, HASHED
from segment_assets.sandbox.platforms.amc_data.visit import INSTANCE, PLATFORM, Visit, checked
from segment_assets.sandbox.platforms.kit import audiences, settings
from segment_assets.sandbox.platforms.kit.exchange import Answer

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

TYPE = "application/vnd.amcadvertiseruserdeletionrequest.v1+json"
TARGETS_PER_REQUEST = 1_000
TABLES = """
CREATE TABLE IF NOT EXISTS amc_data_deletion (
  id TEXT PRIMARY KEY, created REAL NOT NULL, identities INTEGER NOT NULL, work TEXT NOT NULL
);
"""


def create(visit: Visit) -> Answer:
    """A request under an id."""
    targets = visit.body(TYPE, ("targetIdentities",))["targetIdentities"]
    if not isinstance(targets, list) or len(targets) > TARGETS_PER_REQUEST:
        errors.refuse(400, f"A request has at most {TARGETS_PER_REQUEST} targetIdentities")
    work = [pair for target in targets for pair in _named(target)]
    visit.records = len(targets)
    request = str(uuid.uuid4())
    visit.db.execute(
        "INSERT INTO amc_data_deletion VALUES (?, ?, ?, ?)", (request, visit.now, len(targets), json.dumps(work))
    )
    return Answer(200, {"userDeletionRequestId": request})


def show(visit: Visit) -> Answer:
    """How a request is."""
    row = visit.db.execute("SELECT * FROM amc_data_deletion WHERE id = ?", (visit.call.path["request"],)).fetchone()
    if row is None:
        errors.refuse(404, "The request is not there")
    told = {
        "userDeletionRequestId": row["id"],
        "creationDateTime": dt.datetime.fromtimestamp(row["created"], dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "identityCount": row["identities"],
        "status": "PENDING" if row["work"] else "SUCCEEDED",
    }
    return Answer(200, {"identityDeletion": told})


def work_off(db: sqlite3.Connection, now: float) -> None:
    """Delete those whose time has come. `work` is empty afterwards."""
    wait = settings.read(db, PLATFORM, "deletion_seconds", 0.0)
    due = db.execute("SELECT * FROM amc_data_deletion WHERE work <> '' AND created <= ?", (now - wait,)).fetchall()
    for request in due:
        for dataset in audiences.of_account(db, PLATFORM, INSTANCE):
            for kind, value in json.loads(request["work"]):
                rows.forget(db, dataset, kind, value)
        db.execute("UPDATE amc_data_deletion SET work = '' WHERE id = ?", (request["id"],))


def _named(target: Any) -> Iterator[tuple[str, str]]:
    """Kind and value of each identifier of a target. Refuses the request for what no model has."""
    if isinstance(target, dict) and "externalIdentity" in target:
        external = checked(checked(target, ("externalIdentity",))["externalIdentity"], ("type", "value"))
        found, kinds = {external["type"]: external["value"]}, EXTERNAL
    else:
        found, kinds = checked(checked(target, ("hashedIdentity",))["hashedIdentity"], (), HASHED), HASHED
    if not found or not set(found) <= kinds or not all(isinstance(value, str) and value for value in found.values()):
        errors.refuse(400, "A target identity is not valid")
    yield from found.items()
