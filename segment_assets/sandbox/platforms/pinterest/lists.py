"""Customer lists: made with their first records, added to, taken from, listed.

Source: the OpenAPI description: `records` is one text with commas between records, in any combination of e-mails and
mobile ad ids; e-mails are in lower case, plain or as SHA-1, SHA-256 or MD5, mobile ad ids are hashed. The counters
count what was sent, also what is there already or is not there at all.
Our readings where Pinterest says nothing: a record that is none of these is refused with the whole request, of lists of
other types any text is one; a list is worked through an hour after its last change; each record is a person of its own,
since the sandbox knows of no accounts; the seeded `dropped_share` of records is passed over in silence.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.kit import audiences, people
from segment_assets.sandbox.platforms.kit.exchange import Answer
from segment_assets.sandbox.platforms.pinterest import errors
from segment_assets.sandbox.platforms.pinterest.visit import PLATFORM, Visit

if TYPE_CHECKING:
    import sqlite3

SHAPE = people.Shape(keys=("record",), strong=("record",), combination=())
"""A list holds records; what kind each is shows from its form."""
SMALLEST = 100

_FIRST_ID = 702_000_000_000_000_003
"""Of 18 digits, the longest there are: above 2**53, so that who makes a float of an id reaches another list."""
_LIST_TYPES = {"EMAIL", "IDFA", "MAID", "LR_ID", "DLX_ID", "HASHED_PINNER_ID"}
_OF_PEOPLE = {"EMAIL", "IDFA", "MAID"}
_DIGEST = re.compile(r"[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{32}")
_EMAIL = re.compile(r"[^\s@,A-Z]+@[^\s@,A-Z]+\.[^\s@,A-Z]+")
PROCESSING_SECONDS = 3_600.0


def create(visit: Visit) -> Answer:
    """A list with its first records."""
    account, values = visit.reach(), visit.body()
    name, list_type = values.get("name"), values.get("list_type", "EMAIL")
    if not isinstance(name, str) or not name.strip():
        errors.invalid("'name' is a required property")
    if list_type not in _LIST_TYPES:
        errors.invalid(f"list_type must be one of {', '.join(sorted(_LIST_TYPES))}")
    records = _records(values, list_type)
    detail = {"list_type": list_type, "num_batches": 1, "uploaded": len(records), "removed": 0, "made_of_it": []}
    number = audiences.create(visit.db, PLATFORM, account, name=name, detail=detail, now=visit.now)
    visit.audience, visit.records = str(_FIRST_ID + 10 * number), len(records)
    audiences.set_id(visit.db, number, visit.audience)
    people.add(visit.db, number, SHAPE, {"record": _kept(visit, records)})
    return Answer(200, show(visit, own(visit, account, visit.audience)))


def update(visit: Visit) -> Answer:
    """Records in, or out."""
    account, values = visit.reach(), visit.body()
    row = own(visit, account, visit.call.path["list"])
    detail, operation = audiences.detail(row), values.get("operation_type")
    if operation not in {"ADD", "REMOVE"}:
        errors.invalid("operation_type must be ADD or REMOVE")
    records = _records(values, detail["list_type"])
    visit.records = len(records)
    counter, change = ("uploaded", people.add) if operation == "ADD" else ("removed", people.remove)
    change(visit.db, row["number"], SHAPE, {"record": _kept(visit, records)})
    counts = {"num_batches": detail["num_batches"] + 1, counter: detail[counter] + len(records)}
    audiences.update(visit.db, row, counts)
    visit.db.execute("UPDATE audience SET content_updated = ? WHERE number = ?", (visit.now, row["number"]))
    return Answer(200, show(visit, own(visit, account, row["id"])))


def get(visit: Visit) -> Answer:
    """One list."""
    return Answer(200, show(visit, own(visit, visit.reach(), visit.call.path["list"])))


def listed(visit: Visit) -> Answer:
    """The account's lists, page by page."""
    return visit.paged([show(visit, row) for row in audiences.of_account(visit.db, PLATFORM, visit.reach())])


def own(visit: Visit, account: str, list_id: object) -> sqlite3.Row:
    """A list of the account. Refuses any other."""
    row = audiences.find(visit.db, list_id, PLATFORM) if isinstance(list_id, str) else None
    if row is None or row["account"] != account:
        errors.not_found("Customer list")
    visit.audience = row["id"]
    return row


def state(row: sqlite3.Row, now: float, seconds: float) -> str:
    """What Pinterest calls the state of a list."""
    if now < row["content_updated"] + seconds:
        return "PROCESSING"
    return "READY" if row["people"] >= SMALLEST else "TOO_SMALL"


def show(visit: Visit, row: sqlite3.Row) -> dict[str, Any]:
    """A list as Pinterest shows it."""
    detail = audiences.detail(row)
    return {
        "ad_account_id": row["account"],
        "id": row["id"],
        "name": row["name"],
        "type": "customerlist",
        "status": state(row, visit.now, visit.switch("processing_seconds", PROCESSING_SECONDS)),
        "num_batches": detail["num_batches"],
        "num_uploaded_user_records": detail["uploaded"],
        "num_removed_user_records": detail["removed"],
        "created_time": int(row["created"]),
        "updated_time": int(row["content_updated"]),
        "exceptions": detail.get("exceptions", {}),
    }


def _records(values: dict[str, Any], list_type: str) -> list[str]:
    told = values.get("records")
    if not isinstance(told, str):
        errors.invalid("'records' is a required property, and a text")
    records = [record for record in told.split(",") if record]
    if not records:
        errors.invalid("'records' must hold a record")
    if list_type in _OF_PEOPLE and not all(_DIGEST.fullmatch(one) or _EMAIL.fullmatch(one) for one in records):
        errors.invalid("'records' holds something that is no e-mail in lower case and no hash")
    return records


def _kept(visit: Visit, records: list[str]) -> list[str]:
    share = visit.switch("dropped_share", 0)
    return [record for record in records if not _is_dropped(record, share)] if share else records


def _is_dropped(record: str, share: float) -> bool:
    return int.from_bytes(hashlib.blake2b(record.encode(), digest_size=4).digest()) < share * 2**32
