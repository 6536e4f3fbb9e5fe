"""Terms, data rooms, and audience datasets themselves: made, listed, shown, deleted, measured.

Source: the API reference and dataset management: names are unique and of letters, digits, `_` and `-`; a DSP audience
is not updated any more when its dataset is deleted, while in AMC the data is gone. A refused duplicate names the
dataset that has the name (told by another vendor's connector).
Our readings: a deleted dataset that was shared with a DSP advertiser leaves its people there; half of the records are
matched, an hour after the last change; members that were passed over for their consent count as invalid.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.amazon_ads import errors, sharing
from segment_assets.sandbox.platforms.amazon_ads.visit import PLATFORM, Visit
from segment_assets.sandbox.platforms.kit import audiences, people, settings
from segment_assets.sandbox.platforms.kit.exchange import Answer

if TYPE_CHECKING:
    import sqlite3

HOUR = 3_600.0
_NAME, _COUNTRY = re.compile(r"[A-Za-z][A-Za-z0-9_-]{4,99}"), re.compile(r"[A-Z]{2}")
_LONGEST_DESCRIPTION = 1_000
_METRICS = "application/vnd.admmetrics.v1+json"
_MATCHED, _MOST_OF_A_PAGE = 0.5, 100
_AGREEMENT = {"agreementToken": "sandbox-agreement", "agreementContent": "Terms of the sandbox"}


def terms(visit: Visit) -> Answer:
    """Whether they are accepted, and their text."""
    return Answer(200, {"hasAccepted": visit.switch("terms_accepted", default=True), **_AGREEMENT})


def accept_terms(visit: Visit) -> Answer:
    """204. The agreement that was shown has to be named."""
    wanted = visit.body(("agreementToken", "hasAccepted"))
    if wanted["agreementToken"] != _AGREEMENT["agreementToken"] or not isinstance(wanted["hasAccepted"], bool):
        errors.refuse(400, "The agreement is not the one that was shown")
    settings.write(visit.db, PLATFORM, "terms_accepted", wanted["hasAccepted"])
    return Answer(204, None)


def show_room(visit: Visit) -> Answer:
    """The account's data room."""
    visit.is_prepared()
    return Answer(200, _room(visit))


def make_room(visit: Visit) -> Answer:
    """201, also where there is one."""
    if not visit.switch("terms_accepted", default=True):
        errors.refuse(403, "The terms of Ads Data Manager are not accepted")
    settings.write(visit.db, PLATFORM, "data_rooms", sorted({*visit.rooms(), str(visit.account)}))
    return Answer(201, _room(visit))


def create(visit: Visit) -> Answer:
    """201 with the whole dataset."""
    visit.is_prepared()
    wanted = visit.body(("name", "countryCode"), ("description", "idRetention"))
    name, country, about = wanted["name"], wanted["countryCode"], wanted.get("description")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        errors.refuse(400, "The name has not its form")
    if not isinstance(country, str) or not _COUNTRY.fullmatch(country):
        errors.refuse(400, "countryCode is no code of two letters")
    if about is not None and not (isinstance(about, str) and 0 < len(about) <= _LONGEST_DESCRIPTION):
        errors.refuse(400, "The description has not its length")
    if not isinstance(wanted.get("idRetention", False), bool):
        errors.refuse(400, "idRetention is true or false")
    for row in _of_account(visit):
        if row["name"] == name:
            errors.refuse(400, "There is a dataset of this name", "DuplicateDatasetName", datasetId=row["id"])
    detail = {"country": country, "description": about, "retention": wanted.get("idRetention", False), "passed_over": 0}
    number = audiences.create(visit.db, PLATFORM, visit.account or "", name=name, detail=detail, now=visit.now)
    visit.audience = f"amzn1.adm.dataset.{number}"
    audiences.set_id(visit.db, number, visit.audience)
    return Answer(201, _shown(visit.dataset_of(visit.audience), whole=True))


def every(visit: Visit) -> Answer:
    """A page of the account's datasets, oldest first."""
    visit.is_prepared()
    limit, after = visit.call.query.get("limit", "100"), visit.call.query.get("nextToken", "0")
    if not limit.isdecimal() or not 0 < int(limit) <= _MOST_OF_A_PAGE or not after.isdecimal():
        errors.refuse(400, "limit is from 1 to 100, nextToken as it was given")
    rows = _of_account(visit)
    page = rows[int(after) : int(after) + int(limit)]
    more = {"nextToken": str(int(after) + len(page))} if int(after) + len(page) < len(rows) else {}
    return Answer(200, {"dataSets": [_shown(row) for row in page], **more})


def show(visit: Visit) -> Answer:
    """One dataset with its columns."""
    visit.is_prepared()
    return Answer(200, _shown(visit.dataset(), whole=True))


def delete(visit: Visit) -> Answer:
    """204. Whoever the DSP has of it, it keeps."""
    visit.is_prepared()
    row = visit.dataset()
    if sharing.is_on_dsp(visit.db, row["id"]):
        audiences.update(visit.db, row, {"deleted": True})
    else:
        people.clear(visit.db, row["number"])
        audiences.delete(visit.db, row)
    return Answer(204, None)


def metrics(visit: Visit) -> Answer:
    """How many records there are, and how many are matched."""
    visit.is_prepared()
    row = visit.dataset()
    if visit.call.headers.get("accept") != _METRICS:
        errors.refuse(406, f"The answer is of type {_METRICS}")
    detail, known = audiences.detail(row), matched(row, visit.now)
    told = {
        "dataSetId": row["id"],
        "name": row["name"],
        "description": detail["description"] or "",
        "dataSetType": "AUDIENCE",
        "dataSetSource": "API",
        "dateCreated": _moment(row["created"]),
        "lastModified": _moment(row["content_updated"]),
        "acceptedCount": row["people"],
        "invalidRecordCount": detail["passed_over"],
        "recordsWithIdentity": row["people"],
        "recordsResolved": known,
        "matchRecordPercentage": 100 * known / row["people"] if row["people"] else 0,
        "uploadCount": detail.get("uploads", 0),
    }
    return Answer(200, told)


def matched(row: sqlite3.Row, now: float) -> int:
    """Records that Amazon knows somebody for."""
    return int(row["people"] * _MATCHED) if now >= row["content_updated"] + HOUR else 0


def _of_account(visit: Visit) -> list[sqlite3.Row]:
    rows = audiences.of_account(visit.db, PLATFORM, visit.account or "")
    return [row for row in rows if not json.loads(row["detail"]).get("deleted")]


def _room(visit: Visit) -> dict[str, Any]:
    return {"accountId": visit.account, "creationDateTime": _moment(visit.now), "region": "us-east-1"}


def _shown(row: sqlite3.Row | None, *, whole: bool = False) -> dict[str, Any]:
    assert row is not None
    detail = audiences.detail(row)
    told = {
        "dataSetId": row["id"],
        "name": row["name"],
        "countryCode": detail["country"],
        "description": detail["description"],
        "idRetention": detail["retention"],
        "dataSetType": "AUDIENCE",
        "clientName": "sandbox",
        "createdBy": "sandbox",
        "lastModifiedBy": "sandbox",
        "dateCreated": _moment(row["created"]),
        "lastModified": _moment(row["content_updated"]),
    }
    column = {"name": "externalUserId", "dataType": "EXTERNAL_ID", "columnType": "DIMENSION"}
    return {name: one for name, one in told.items() if one is not None} | ({"schema": [column]} if whole else {})


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
