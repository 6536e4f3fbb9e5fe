"""Who is in a contact list: amendments of one kind of identifier, emptying, statistics.

Source: the reference of contact lists (operation, identifier types, at most 50,000 identifiers, counts of valid and
invalid ones with a sample of the invalid), and the SDK's models.
Our readings where Criteo says nothing: an identifier is judged by its form alone, equal ones of a request count once,
and the sample has up to five; the invalid are passed over, the valid done; each identifier is a person of its own,
since the sandbox knows no graph; matches show a day after the last change, and are half of the identifiers; the seeded
`invalid_share` of identifiers is found invalid, and `sample_size` of them is shown.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.criteo import errors
from segment_assets.sandbox.platforms.kit import people
from segment_assets.sandbox.platforms.kit.exchange import Answer

if TYPE_CHECKING:
    import sqlite3

    from segment_assets.sandbox.platforms.criteo.visit import Visit

IDENTIFIERS_PER_REQUEST = 50_000
DAY = 86_400.0

_DIGEST = r"[0-9a-fA-F]{64}"
_FORMS = {
    "email": re.compile(rf"{_DIGEST}|[0-9a-fA-F]{{32}}|[^\s@]+@[^\s@]+\.[^\s@]+"),
    "madid": re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
    "identityLink": re.compile(r"X[Yi][A-Za-z0-9_-]{20,98}"),
    "gum": re.compile(r"\S{1,128}"),
    "phoneNumber": re.compile(rf"{_DIGEST}|\+91[0-9]{{10}}"),
}
SHAPE = people.Shape(keys=tuple(_FORMS), strong=tuple(_FORMS), combination=())
"""Criteo's identifiers: any of them finds a person."""
_OPERATIONS = {"add": people.add, "remove": people.remove}
_SAMPLE = 5
_MATCHED = 0.5


def amend(visit: Visit) -> Answer:
    """Identifiers of one kind in, or out."""
    row, data = visit.segment(), visit.data()
    wanted = data.get("attributes") if isinstance(data, dict) else None
    if not isinstance(wanted, dict) or data.get("type") != "ContactlistAmendment":
        errors.invalid("data must be a ContactlistAmendment with attributes")
    kind, operation = wanted.get("identifierType"), wanted.get("operation")
    if kind not in _FORMS or operation not in _OPERATIONS:
        errors.invalid(f"operation must be add or remove, identifierType one of {', '.join(_FORMS)}")
    if kind == "gum" and not isinstance(wanted.get("gumCallerId"), int):
        errors.invalid("gumCallerId is required with gum")
    identifiers = _identifiers(wanted.get("identifiers"))
    visit.records = len(identifiers)
    share = visit.switch("invalid_share", 0)
    valid = [one for one in identifiers if _FORMS[kind].fullmatch(one) and not _is_drawn(one, share)]
    taken = set(valid)
    invalid = [one for one in identifiers if one not in taken]
    _OPERATIONS[operation](visit.db, row["number"], SHAPE, {kind: valid})
    _touch(visit, row)
    attributes = {
        "contactListId": int(row["id"]),
        # The casing of answers is not that of requests.
        "operation": operation.capitalize(),
        "identifierType": kind[0].upper() + kind[1:],
        "requestDate": datetime.fromtimestamp(visit.now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "nbValidIdentifiers": len(valid),
        "nbInvalidIdentifiers": len(invalid),
        "sampleInvalidIdentifiers": invalid[: visit.switch("sample_size", _SAMPLE)],
    }
    told = {"type": "ContactlistAmendment", "attributes": attributes}
    return Answer(200, {"data": told, "errors": [], "warnings": []})


def clear(visit: Visit) -> Answer:
    """Everybody out."""
    row = visit.segment()
    people.clear(visit.db, row["number"])
    _touch(visit, row)
    return Answer(200, {"data": {"id": row["id"], "type": "Audience"}, "errors": [], "warnings": []})


def statistics(visit: Visit) -> Answer:
    """How many identifiers a list has, and how many of them are known."""
    row = visit.segment()
    matches = int(row["people"] * _MATCHED) if is_matched(row, visit.now) else 0
    attributes: dict[str, Any] = {
        "numberOfIdentifiers": row["people"],
        "numberOfMatches": matches,
        "matchRate": matches / row["people"] if row["people"] else 0.0,
    }
    told = {"id": row["id"], "type": "ContactListStatistics", "attributes": attributes}
    return Answer(200, {"data": told, "errors": [], "warnings": []})


def is_matched(row: sqlite3.Row, now: float) -> bool:
    """Whether Criteo has worked through the last change."""
    return bool(now >= row["content_updated"] + DAY)


def _identifiers(told: object) -> list[str]:
    if not isinstance(told, list) or not told or not all(isinstance(one, str) for one in told):
        errors.invalid("identifiers must be a list of texts")
    if len(told) > IDENTIFIERS_PER_REQUEST:
        errors.refuse(400, "too-many-identifiers", f"identifiers must be at most {IDENTIFIERS_PER_REQUEST}")
    return list(dict.fromkeys(told))


def _touch(visit: Visit, row: sqlite3.Row) -> None:
    visit.db.execute("UPDATE audience SET content_updated = ? WHERE number = ?", (visit.now, row["number"]))


def _is_drawn(identifier: str, share: float) -> bool:
    if not share:
        return False
    return int.from_bytes(hashlib.blake2b(identifier.encode(), digest_size=4).digest()) < share * 2**32
