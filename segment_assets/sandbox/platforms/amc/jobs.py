"""Records of an audience: taken as a job, worked on later, told job by job.

Source: the OpenAPI (10,000 records, forms, states, invalid records by the caller's own id), the guide (a quarter of an
hour for the DSP; countries whose hashes are taken; invalid records cost nobody else).
A job for an audience that is not there fails (guide).
Our readings: jobs are worked on in the order in which they fall due; a record that is not well formed is invalid in the
end and refuses nothing; a removal goes by the caller's own id; the seeded `rejected_share` is invalid, `fails` lets
every job fail, `one_place_fails` lets the connection's AMC instance fail after the DSP has the people.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.amazon_ads.consent import is_heard
from segment_assets.sandbox.platforms.amc import errors
from segment_assets.sandbox.platforms.amc.audience import TYPE
from segment_assets.sandbox.platforms.amc.visit import CONNECTION, PLATFORM, Visit, checked
from segment_assets.sandbox.platforms.kit import audiences, people
from segment_assets.sandbox.platforms.kit.exchange import Answer

if TYPE_CHECKING:
    import sqlite3

RECORDS_PER_REQUEST = 10_000
SECONDS = 900.0
TABLES = """
CREATE TABLE IF NOT EXISTS amc_job (
  id TEXT PRIMARY KEY, audience TEXT NOT NULL, due REAL NOT NULL, state TEXT NOT NULL, work TEXT NOT NULL,
  records INTEGER NOT NULL, invalid TEXT NOT NULL
);
"""
_HASHED = ("email", "phone", "firstname", "lastname", "address", "city", "state", "postal")
_ID = "externalUserId"
SHAPE = people.Shape(keys=(_ID, "email", "phone"), strong=(_ID, "email", "phone"), combination=())
"""What the sandbox keeps of a record. A person may have several under one id."""
_DIGEST, _OWN_ID = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-zA-Z_-]{1,128}")
_COUNTRIES = frozenset(re.findall("..", "AEAUBEBRCADEEGESFRGBINITJPMXNLPLSASESGTRUS"))
_MOST_HASHES = 100


def manage(visit: Visit) -> Answer:
    """202, with the id of the job."""
    wanted = visit.body(TYPE, ("audienceId", "records"), ("targetResource",))
    target = checked(wanted.get("targetResource", {}), (), ("connectionId", "targetTypes"))
    if isinstance(wanted["audienceId"], bool) or not isinstance(wanted["audienceId"], int):
        errors.refuse(400, "audienceId is a number")
    records = wanted["records"]
    if not isinstance(records, list) or not 0 < len(records) <= RECORDS_PER_REQUEST:
        errors.refuse(400, f"A request has from 1 to {RECORDS_PER_REQUEST} records")
    visit.records = len(records)
    row = visit.audience_of(wanted["audienceId"])
    if row is None:
        return _kept(visit, str(wanted["audienceId"]), "FAILED", [], [])
    visit.account, visit.audience = row["account"], row["id"]
    if target:
        visit.check_terms()
        if target.get("connectionId") != CONNECTION or target.get("targetTypes", []) not in ([], ["DSP"]):
            errors.refuse(400, "The connection is not one that the login has")
    if ("connectionId" in audiences.detail(row)["target"]) != bool(target):
        errors.refuse(400, "The audience goes to another target resource")
    country = audiences.detail(row)["country"] or ""
    wrong = {place: word for place, one in enumerate(records) if (word := _wrong(visit, one, country))}
    work = [_cells(one) for place, one in enumerate(records) if place not in wrong and is_heard(one, country)]
    invalid = [_invalid(row["id"], records[place], word) for place, word in wrong.items()]
    return _kept(visit, row["id"], _end(visit, target), work, invalid)


def status(visit: Visit) -> Answer:
    """How a job is."""
    row = visit.db.execute("SELECT * FROM amc_job WHERE id = ?", (visit.call.path["job"],)).fetchone()
    if row is None:
        errors.refuse(404, "The job is not there")
    if visit.now < row["due"]:
        return Answer(200, {"jobRequestId": row["id"], "jobState": "PENDING"})
    invalid = json.loads(row["invalid"])
    share = 0 if row["state"] == "FAILED" else 100 * (row["records"] - len(invalid)) / row["records"]
    told = {
        "jobRequestId": row["id"],
        "jobState": row["state"],
        "successful": {"recordsProcessedRate": share},
        "invalidRecords": invalid,
    }
    return Answer(200, told)


def work_off(db: sqlite3.Connection, now: float) -> None:
    """Do what has fallen due, in that order. `work` is empty afterwards."""
    due = db.execute("SELECT * FROM amc_job WHERE due <= ? AND work <> '' ORDER BY due, rowid", (now,)).fetchall()
    for job in due:
        row = audiences.find(db, job["audience"], PLATFORM)
        records = json.loads(job["work"]) if row is not None and job["state"] != "FAILED" else []
        for action, change in (("CREATE", people.add), ("DELETE", people.remove)):
            cells = [one["cells"] for one in records if one["action"] == action]
            if cells and row is not None:
                change(db, row["number"], SHAPE, {key: [one.get(key, "") for one in cells] for key in SHAPE.keys})
        db.execute("UPDATE audience SET content_updated = ? WHERE id = ?", (job["due"], job["audience"]))
        db.execute("UPDATE amc_job SET work = '' WHERE id = ?", (job["id"],))


def _kept(visit: Visit, audience: str, state: str, work: list[Any], invalid: list[Any]) -> Answer:
    job = str(uuid.uuid4())
    values = (job, audience, visit.now + SECONDS, state, json.dumps(work), visit.records, json.dumps(invalid))
    visit.db.execute("INSERT INTO amc_job VALUES (?, ?, ?, ?, ?, ?, ?)", values)
    return Answer(202, {"jobRequestId": job})


def _end(visit: Visit, target: dict[str, Any]) -> str:
    if visit.switch("fails", default=False):
        return "FAILED"
    is_partial = target.get("targetTypes") == ["DSP"] and visit.switch("one_place_fails", default=False)
    return "PARTIALLYSUCCEEDED" if is_partial else "SUCCEEDED"


def _wrong(visit: Visit, record: object, country: str) -> str:
    """Why a record is invalid, empty for one that is not. Refuses the request for what the OpenAPI has not."""
    one = checked(record, ("action", _ID, "hashedPII"), ("countryCode", "userConsent", "measurements"))
    consent = checked(one.get("userConsent", {}), (), ("geo", "consent"))
    checked(consent.get("geo", {}), (), ("countryCode", "ipAddress"))
    signal = checked(consent.get("consent", {}), (), ("amzn", "gpp", "tcf")).get("amzn", {})
    words = checked(signal, (), ("amznAdStorage", "amznUserData")).values()
    if not set(words) <= {"DENIED", "GRANTED", "NOT_APPLICABLE", "UNKNOWN"}:
        errors.refuse(400, "A signal is not one that there is")
    hashed = one["hashedPII"]
    if one["action"] not in ("CREATE", "DELETE") or not isinstance(hashed, list) or not 0 < len(hashed) <= _MOST_HASHES:
        errors.refuse(400, "action or hashedPII is not as it should be")
    if not isinstance(one[_ID], str) or not _OWN_ID.fullmatch(one[_ID]):
        errors.refuse(400, "externalUserId has not its form")
    values = [value for found in hashed for value in checked(found, (), _HASHED).values()]
    if not values or not all(isinstance(value, str) and _DIGEST.fullmatch(value) for value in values):
        return "Invalid hashed PII"
    if one.get("countryCode", country or "US") not in _COUNTRIES:
        return "Unsupported country"
    drawn = int.from_bytes(hashlib.blake2b(one[_ID].encode(), digest_size=4).digest())
    is_drawn = drawn < visit.switch("rejected_share", 0) * 2**32
    return "Invalid record" if is_drawn or visit.is_poisoned(json.dumps(one).encode()) else ""


def _invalid(audience: str, record: dict[str, Any], error: str) -> dict[str, str]:
    return {"audienceId": audience, "externalId": record[_ID], "error": error}


def _cells(record: dict[str, Any]) -> dict[str, Any]:
    found = {key: value for part in record["hashedPII"] for key, value in part.items() if key in SHAPE.keys}
    own = {_ID: record[_ID]}
    return {"action": record["action"], "cells": own if record["action"] == "DELETE" else own | found}
