"""Uploads: files that AMC is told of, read a while later, all of them or none.

Source: the OpenAPI (fields, words, one source), the guides "Data uploads" (manifests, strategies, a file that is not
there) and "Examples" (OutputRowCount). Our readings: it takes a quarter of an hour, the first minute of it waiting;
uploads are listed newest first; what is wrong with a file shows in the end; a file whose name begins with a dot or an
underscore is passed over; the sandbox has dimension data sets and CSV only.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.amc_data import bucket, errors, rows
from segment_assets.sandbox.platforms.amc_data.datasets import definition
from segment_assets.sandbox.platforms.amc_data.visit import INSTANCE, PLATFORM, Visit, checked
from segment_assets.sandbox.platforms.kit import audiences, settings
from segment_assets.sandbox.platforms.kit.exchange import Answer

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping

TYPE = "application/vnd.amcadvertiserdataupload.v1+json"
SECONDS, _WAITING = 900.0, 60.0
TABLES = """
CREATE TABLE IF NOT EXISTS amc_data_upload (
  place INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, dataset TEXT NOT NULL, created REAL NOT NULL,
  asked TEXT NOT NULL, status TEXT NOT NULL DEFAULT '', message TEXT NOT NULL DEFAULT '', loaded INTEGER
);
"""
_COMPRESSIONS = {"BZIP", "GZIP", "NONE", "SNAPPY", "ZIP"}
_STRATEGIES = {"ADDITIVE", "FULL_REPLACE"}
_SOURCES = ("sourceFileS3Key", "sourceManifestS3Key", "sourceS3Prefix")


class _FailingError(rows.BadFileError):
    """An upload that fails for no reason of its own."""


def create(visit: Visit) -> Answer:
    """A job that is not begun yet."""
    dataset = visit.dataset(visit.call.path["dataset"])
    required = ("compressionFormat", "dataSource", "fileFormat", "updateStrategy")
    asked = visit.body(TYPE, required, ("countryCode",))
    source = checked(asked["dataSource"], ("sourceS3Bucket",), _SOURCES)
    if sum(name in source for name in _SOURCES) != 1:
        errors.refuse(400, "Exactly one source is named")
    csv_format = checked(asked["fileFormat"], (), ("csvDataFormat", "jsonDataFormat", "parquetDataFormat"))
    if set(csv_format) != {"csvDataFormat"} or asked["compressionFormat"] not in _COMPRESSIONS:
        errors.refuse(400, "fileFormat or compressionFormat is not one that the sandbox reads")
    if asked["updateStrategy"] not in _STRATEGIES:
        errors.refuse(400, "The strategy is not one for a dimension data set")
    upload = str(uuid.uuid4())
    visit.db.execute(
        "INSERT INTO amc_data_upload (id, dataset, created, asked) VALUES (?, ?, ?, ?)",
        (upload, dataset["id"], visit.now, json.dumps(asked)),
    )
    return Answer(200, {"status": "SUBMITTED", "uploadId": upload})


def show(visit: Visit) -> Answer:
    """One upload of a data set."""
    path = visit.call.path
    row = visit.db.execute(
        "SELECT * FROM amc_data_upload WHERE id = ? AND dataset = ?", (path["upload"], path["dataset"])
    ).fetchone()
    if row is None:
        errors.refuse(404, "The upload is not there")
    visit.audience = path["dataset"]
    return Answer(200, {"upload": _shown(row, visit.now)})


def every(visit: Visit) -> Answer:
    """A page of the uploads, of one data set where it is named."""
    known = visit.db.execute("SELECT * FROM amc_data_upload ORDER BY place DESC").fetchall()
    dataset = visit.call.query.get("dataSetId")
    page, more = visit.page([_shown(row, visit.now) for row in known if dataset in (None, row["dataset"])])
    return Answer(200, {"uploads": page, **more})


def work_off(db: sqlite3.Connection, now: float) -> None:
    """Do what has fallen due, in the order in which it was asked for."""
    due = db.execute(
        "SELECT * FROM amc_data_upload WHERE status = '' AND created <= ? ORDER BY place", (now - SECONDS,)
    )
    for row in due.fetchall():
        db.execute("SAVEPOINT loading")
        try:
            told = ("SUCCESS", "", _load(db, row, json.loads(row["asked"])))
        except rows.BadFileError as bad:
            if not isinstance(bad, _FailingError):
                db.execute("ROLLBACK TO loading")
            told = ("FAILED", str(bad), None)
        db.execute("RELEASE loading")
        db.execute("UPDATE amc_data_upload SET status = ?, message = ?, loaded = ? WHERE id = ?", (*told, row["id"]))


def is_going(db: sqlite3.Connection, dataset: str) -> bool:
    """Whether an upload of a data set has not ended."""
    return (
        db.execute("SELECT 1 FROM amc_data_upload WHERE dataset = ? AND status = ''", (dataset,)).fetchone() is not None
    )


def _load(db: sqlite3.Connection, row: sqlite3.Row, asked: Mapping[str, Any]) -> int:
    dataset = audiences.find(db, row["dataset"], PLATFORM)
    if dataset is None:
        raise rows.BadFileError("The data set is not there")
    if failing := settings.read(db, PLATFORM, "failing_uploads", 0):
        settings.write(db, PLATFORM, "failing_uploads", failing - 1)
        raise _FailingError("The upload failed")
    if asked["compressionFormat"] != "NONE":
        raise rows.BadFileError("The sandbox reads files that are not compressed")
    columns = definition(dataset)["columns"]
    delimiter = asked["fileFormat"]["csvDataFormat"].get("fieldDelimiter", ",")
    found = [one for text in _files(db, asked["dataSource"]) for one in rows.read(text, columns, delimiter)]
    if asked["updateStrategy"] == "FULL_REPLACE":
        rows.clear(db, dataset)
    db.execute(
        "UPDATE audience SET content_updated = ? WHERE number = ?", (row["created"] + SECONDS, dataset["number"])
    )
    return rows.load(db, dataset, columns, found, set(settings.read(db, PLATFORM, "poisoned", [])))


def _files(db: sqlite3.Connection, source: Mapping[str, str]) -> Iterator[str]:
    own = source["sourceS3Bucket"]
    if "sourceManifestS3Key" in source:
        named = _read(db, own, source["sourceManifestS3Key"]).splitlines()
        if not all(line.startswith("s3://") for line in named):
            raise rows.BadFileError("A line of the manifest is no address in S3")
        places = [line.removeprefix("s3://").partition("/")[::2] for line in named]
    elif "sourceFileS3Key" in source:
        places = [(own, source["sourceFileS3Key"])]
    else:
        places = [(own, key) for key in bucket.below(db, source["sourceS3Prefix"])]
    for where, key in places:
        if not key.rpartition("/")[2].startswith((".", "_")):
            yield _read(db, where, key)


def _read(db: sqlite3.Connection, where: str, key: str) -> str:
    text = bucket.read(db, where, key)
    if text is None:
        raise rows.BadFileError("No such file or directory")
    return text


def _shown(row: sqlite3.Row, now: float) -> dict[str, Any]:
    asked, status = json.loads(row["asked"]), row["status"]
    going = "SUBMITTED" if now < row["created"] + _WAITING else "IN_PROGRESS"
    told = {
        "uploadId": row["id"],
        "dataSetId": row["dataset"],
        "instanceId": INSTANCE,
        "status": status or going,
        "dataSource": asked["dataSource"],
        "createdAt": _time(row["created"]),
        "updatedAt": _time(min(now, row["created"] + SECONDS)),
        "metrics": {"OutputRowCount": float(row["loaded"])} if row["loaded"] is not None else {},
    }
    return told | ({"message": row["message"]} if row["message"] else {})


def _time(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
