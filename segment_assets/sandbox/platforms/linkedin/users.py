"""The users of a segment: each element of a batch is judged, done and answered for itself.

Source: "Create and manage segment users". Lengths and the number of elements are told by other vendors' connectors.
Our readings where LinkedIn says nothing: an element with one bad id is refused as a whole, as is one with two ids of
one kind; more elements than the limit are refused with the whole request; elements act in their order.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.kit import audiences, people
from segment_assets.sandbox.platforms.kit.exchange import Answer, Refusal
from segment_assets.sandbox.platforms.linkedin import errors

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from segment_assets.sandbox.platforms.linkedin.visit import Visit

ELEMENTS_PER_REQUEST = 5_000

_ID_TYPES = {
    "SHA256_EMAIL": re.compile(r"[0-9a-f]{64}"),
    "SHA512_EMAIL": re.compile(r"[0-9a-f]{128}"),
    "GOOGLE_AID": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
}
_NAMES = ("firstName", "lastName")
_LONGEST = {"firstName": 35, "lastName": 35, "company": 50, "title": 50}
_COUNTRY = re.compile(r"[A-Z]{2}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_FIELDS = {"action", "userIds", "country", *_LONGEST}
_ACTIONS = {"ADD", "REMOVE"}

SHAPE = people.Shape(keys=(*_ID_TYPES, *_NAMES), strong=tuple(_ID_TYPES), combination=_NAMES)
"""LinkedIn's identifiers. First and last name find a person only together, where there is no id."""


def edit(visit: Visit) -> Answer:
    """200 whatever became of the single people, with a status for each."""
    segment = visit.segment()
    if visit.method() != "BATCH_CREATE":
        errors.invalid("people are written by BATCH_CREATE")
    elements = visit.body().get("elements")
    if not isinstance(elements, list) or len(elements) > ELEMENTS_PER_REQUEST:
        errors.invalid(f"elements must be a list of at most {ELEMENTS_PER_REQUEST}")
    visit.records = len(elements)
    share = visit.switch("rejected_share", 0)
    answers = [_judged(element, share) for element in elements]
    good = [element for element, answer in zip(elements, answers, strict=True) if answer["status"] == 201]  # noqa: PLR2004
    for action, run in itertools.groupby(good, key=lambda element: element["action"]):
        _apply(visit.db, segment, action, list(run))
    visit.db.execute("UPDATE audience SET content_updated = ? WHERE number = ?", (visit.now, segment["number"]))
    return Answer(200, {"elements": answers})


def conflict(visit: Visit) -> Answer | None:
    """409 while somebody else writes to the segment: as many times as its switch `conflicts` says."""
    row = audiences.find(visit.db, visit.call.path["audience"], "linkedin")
    left = audiences.detail(row).get("conflicts", 0) if row is not None else 0
    if row is None or not left:
        return None
    audiences.update(visit.db, row, {"conflicts": left - 1})
    return errors.error_answer(errors.CONFLICT, "CONFLICT", "Another request is changing the segment")


def _judged(element: object, share: float) -> dict[str, Any]:
    try:
        _judge(element)
    except Refusal as refusal:
        return {"status": errors.BAD_REQUEST, "error": refusal.answer.body}
    drawn = hashlib.blake2b(json.dumps(element, sort_keys=True).encode(), digest_size=4).digest()
    if int.from_bytes(drawn) < share * 2**32:
        return {"status": errors.BAD_REQUEST, "error": errors.invalid_somewhere().body}
    return {"status": 201}


def _judge(element: object) -> None:
    if not isinstance(element, dict) or element.get("action") not in _ACTIONS or not set(element) <= _FIELDS:
        errors.invalid("an element has action, userIds and the fields of a person")
    ids = element.get("userIds", [])
    if not isinstance(ids, list) or not all(isinstance(one, dict) and set(one) == {"idType", "idValue"} for one in ids):
        errors.invalid("userIds must be a list of idType and idValue")
    kinds = [one["idType"] for one in ids]
    if not all(isinstance(kind, str) and kind in _ID_TYPES for kind in kinds) or len(set(kinds)) != len(kinds):
        errors.invalid(f"idType must be one of {', '.join(_ID_TYPES)}, each once")
    if not all(isinstance(one["idValue"], str) and _ID_TYPES[one["idType"]].fullmatch(one["idValue"]) for one in ids):
        errors.invalid("an idValue has not the form of its idType")
    if not ids and not all(element.get(name) for name in _NAMES):
        errors.invalid("without userIds first and last name are needed")
    for name, longest in _LONGEST.items():
        cell = element.get(name, "")
        if not isinstance(cell, str) or len(cell) > longest or _CONTROL.search(cell):
            errors.invalid(f"{name} must be a text of at most {longest} characters")
    if "country" in element and not (isinstance(element["country"], str) and _COUNTRY.fullmatch(element["country"])):
        errors.invalid("country must be an ISO 3166 code of two capital letters")


def _apply(db: sqlite3.Connection, segment: sqlite3.Row, action: str, elements: Sequence[dict[str, Any]]) -> None:
    cells = [
        {one["idType"]: one["idValue"] for one in element.get("userIds", [])}
        | {name: element[name] for name in _NAMES if element.get(name)}
        for element in elements
    ]
    columns: people.Columns = {key: [row.get(key, "") for row in cells] for key in SHAPE.keys}
    if action == "REMOVE":
        people.remove(db, segment["number"], SHAPE, columns)
        return
    extras = [
        json.dumps({name: element[name] for name in ("country", "company", "title") if name in element})
        for element in elements
    ]
    people.add(db, segment["number"], SHAPE, columns, extras)
