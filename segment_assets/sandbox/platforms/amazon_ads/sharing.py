"""Sharing rules: which application has a dataset, and what it calls it. Nothing here keeps anybody from sharing twice.

Source: dataset management (applications, what each wants to know), and the models of amazon-ads-api-v1 0.11.0.
Our readings: a rule is active at once; a DSP advertiser is one that is linked to the account, an AMC instance any that
is named alike in the rule and in what AMC wants to know; rules are listed oldest first, on one page.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.amazon_ads import errors
from segment_assets.sandbox.platforms.amazon_ads.visit import ADVERTISER, Visit, checked
from segment_assets.sandbox.platforms.kit.exchange import Answer

if TYPE_CHECKING:
    import sqlite3

TABLES = """
CREATE TABLE IF NOT EXISTS adm_rule (
  number INTEGER PRIMARY KEY AUTOINCREMENT, dataset TEXT NOT NULL, application TEXT NOT NULL, account TEXT NOT NULL,
  marketplace TEXT NOT NULL, metadata TEXT NOT NULL, status TEXT NOT NULL, created REAL NOT NULL
);
"""
_APPLICATIONS = (
    "AMAZON_MARKETING_CLOUD",
    "AUDIENCE_HUB",
    "DSP_AUDIENCES",
    "EVENTS_MANAGER",
    "GEO_LOCATIONS",
    "PG_DEALS",
)
_MARKETPLACE = re.compile(r"A[A-Z0-9]{9,15}")
_LENGTHS = range(10, 128)


def create(visit: Visit) -> Answer:
    """200 with the rule. Calling again makes another one."""
    visit.is_prepared()
    wanted = visit.body(
        ("application", "dataSetId", "destinationAccountId", "marketplaceId", "metadata"), ("accountEntityId",)
    )
    row = visit.dataset_of(wanted["dataSetId"])
    if row is None:
        errors.refuse(404, "The dataset is not there")
    visit.audience, application = row["id"], wanted["application"]
    if application not in _APPLICATIONS or not _MARKETPLACE.fullmatch(str(wanted["marketplaceId"])):
        errors.refuse(400, "application and marketplaceId must be Amazon's")
    about = _about(application, wanted["destinationAccountId"], wanted["metadata"])
    values = (row["id"], application, wanted["destinationAccountId"], wanted["marketplaceId"], json.dumps(about))
    cursor = visit.db.execute(
        "INSERT INTO adm_rule (dataset, application, account, marketplace, metadata, status, created) "
        "VALUES (?, ?, ?, ?, ?, 'ACTIVE', ?)",
        (*values, visit.now),
    )
    made = visit.db.execute("SELECT * FROM adm_rule WHERE number = ?", (cursor.lastrowid,)).fetchone()
    return Answer(200, _shown(made))


def every(visit: Visit) -> Answer:
    """The rules that have all that is asked for."""
    visit.is_prepared()
    known = ("application", "datasetIds", "destinationAccountId", "statuses", "maxResults", "nextToken")
    wanted = visit.body((), (*known, "activatedAfter", "activatedBefore"))
    rows = visit.db.execute("SELECT * FROM adm_rule ORDER BY number").fetchall()
    asked = {
        "application": [wanted["application"]] if "application" in wanted else None,
        "dataset": wanted.get("datasetIds"),
        "account": [wanted["destinationAccountId"]] if "destinationAccountId" in wanted else None,
        "status": wanted.get("statuses"),
    }
    found = [row for row in rows if all(words is None or row[name] in words for name, words in asked.items())]
    found = [row for row in found if visit.dataset_of(row["dataset"]) is not None]
    return Answer(200, {"sharingRules": [_shown(row) for row in found]})


def revoke(visit: Visit) -> Answer:
    """204. The application hears no more of the dataset."""
    visit.is_prepared()
    number = visit.call.path["rule"].removeprefix("rule-")
    row = visit.db.execute("SELECT * FROM adm_rule WHERE number = ?", (number,)).fetchone()
    if row is None or visit.dataset_of(row["dataset"]) is None:
        errors.refuse(404, "The sharing rule is not there")
    visit.db.execute("UPDATE adm_rule SET status = 'REVOKED_BY_SOURCE' WHERE number = ?", (row["number"],))
    return Answer(204, None)


def is_on_dsp(db: sqlite3.Connection, dataset: str) -> bool:
    """Whether a DSP audience was made of a dataset."""
    found = db.execute("SELECT 1 FROM adm_rule WHERE dataset = ? AND application = 'DSP_AUDIENCES'", (dataset,))
    return found.fetchone() is not None


def is_shared(db: sqlite3.Connection, dataset: str) -> bool:
    """Whether any application hears of a dataset."""
    found = db.execute("SELECT 1 FROM adm_rule WHERE dataset = ? AND status = 'ACTIVE'", (dataset,))
    return found.fetchone() is not None


def _about(application: str, account: object, metadata: object) -> dict[str, Any]:
    """What the application is told. The sandbox has the two that take audiences."""
    if application == "DSP_AUDIENCES":
        about = checked(checked(metadata, ("audienceMetadata",))["audienceMetadata"], ("audienceName",), _ABOUT)
        if not isinstance(about["audienceName"], str) or len(about["audienceName"]) not in _LENGTHS:
            errors.refuse(400, "audienceName has not its length")
        if account != ADVERTISER:
            errors.refuse(403, "The advertiser is not linked to the account")
        return about
    if application != "AMAZON_MARKETING_CLOUD":
        errors.refuse(400, "An audience dataset is not shared with this application")
    about = checked(checked(metadata, ("amcMetadata",))["amcMetadata"], ("amcInstanceId",), ("amcInstanceName",))
    if about["amcInstanceId"] != account:
        errors.refuse(400, "The instance is not the destination")
    return about


_ABOUT = ("description", "externalAudienceId")


def _shown(row: sqlite3.Row) -> dict[str, Any]:
    about = json.loads(row["metadata"])
    moment = datetime.fromtimestamp(row["created"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if row["application"] == "DSP_AUDIENCES":
        ids = {"audienceId": f"{row['number']}", "audienceIdV2": f"{row['number']}"}
        metadata = {"audienceMetadata": {**ids, "audienceName": about["audienceName"]}}
    else:
        metadata = {"amcMetadata": about}
    return {
        "sharingRuleId": f"rule-{row['number']}",
        "dataSetId": row["dataset"],
        "application": row["application"],
        "destinationAccountId": row["account"],
        "marketplaceId": row["marketplace"],
        "status": row["status"],
        "creationTime": moment,
        "activationTime": moment,
        "metadata": metadata,
    }
