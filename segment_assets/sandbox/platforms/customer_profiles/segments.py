"""Segment definitions: everybody of whom an attribute has a value. Defined, shown, deleted.

Our readings: a name that is taken is a bad request; a segment holds who fits it at any moment; the sandbox knows one
group of one dimension over custom attributes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from segment_assets.sandbox.platforms.customer_profiles import errors
from segment_assets.sandbox.platforms.customer_profiles.visit import PLATFORM, Visit
from segment_assets.sandbox.platforms.kit import audiences, people
from segment_assets.sandbox.platforms.kit.exchange import Answer

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

SHAPE = people.Shape(keys=("key",), strong=("key",), combination=())
"""A profile is shown by its unique key."""
_ARN = "arn:aws:profile:us-east-1:000000000000:domains"


def create(visit: Visit) -> Answer:
    """A segment of whoever fits it now and later."""
    wanted = visit.parameters("CreateSegmentDefinition")
    name, domain = wanted["SegmentDefinitionName"], wanted["DomainName"]
    if _row(visit.db, domain, name) is not None:
        errors.bad("A segment definition of this name exists")
    attribute, values = _dimension(wanted)
    detail = {"attribute": attribute, "values": values, "display": wanted["DisplayName"]}
    number = audiences.create(visit.db, PLATFORM, domain, name=wanted["DisplayName"], detail=detail, now=visit.now)
    audiences.set_id(visit.db, number, name)
    every = visit.db.execute("SELECT key, attributes FROM profile WHERE domain = ?", (domain,)).fetchall()
    people.add(visit.db, number, SHAPE, {"key": [row["key"] for row in every if _fits(row["attributes"], detail)]})
    visit.audience = name
    return Answer(200, _shown(_existing(visit, domain, name)))


def get(visit: Visit) -> Answer:
    """One segment definition."""
    wanted = visit.parameters("GetSegmentDefinition")
    return Answer(200, _shown(_existing(visit, wanted["DomainName"], wanted["SegmentDefinitionName"])))


def delete(visit: Visit) -> Answer:
    """The definition goes; profiles stay as they are."""
    wanted = visit.parameters("DeleteSegmentDefinition")
    row = _existing(visit, wanted["DomainName"], wanted["SegmentDefinitionName"])
    people.clear(visit.db, row["number"])
    audiences.delete(visit.db, row)
    return Answer(200, {"Message": "The segment definition was deleted"})


def follow(db: sqlite3.Connection, domain: str, changed: Mapping[str, str], now: float) -> None:
    """Let the domain's segments hold whoever fits them. `changed`: key -> attributes as JSON, empty of who ended."""
    for row in audiences.of_account(db, PLATFORM, domain):
        detail = audiences.detail(row)
        inside = [key for key, attributes in changed.items() if attributes and _fits(attributes, detail)]
        _held(db, row["number"], inside, set(changed) - set(inside))
        db.execute("UPDATE audience SET content_updated = ? WHERE number = ?", (now, row["number"]))


def _held(db: sqlite3.Connection, number: int, inside: Iterable[str], outside: Iterable[str]) -> None:
    into, out = list(inside), list(outside)
    if out:
        people.remove(db, number, SHAPE, {"key": out})
    if into:
        people.add(db, number, SHAPE, {"key": into})


def _dimension(wanted: Mapping[str, Any]) -> tuple[str, list[str]]:
    groups = wanted.get("SegmentGroups", {}).get("Groups", [])
    dimensions = [one for group in groups for one in group.get("Dimensions", [])]
    attributes = [pair for one in dimensions for pair in one.get("ProfileAttributes", {}).get("Attributes", {}).items()]
    if len(attributes) != 1 or attributes[0][1]["DimensionType"] != "INCLUSIVE":
        errors.bad("The sandbox knows segments of one custom attribute only")
    return attributes[0][0], attributes[0][1]["Values"]


def _fits(attributes: str, detail: Mapping[str, Any]) -> bool:
    return json.loads(attributes).get(f"_profile.Attributes.{detail['attribute']}") in detail["values"]


def _existing(visit: Visit, domain: str, name: str) -> sqlite3.Row:
    row = _row(visit.db, domain, name)
    if row is None:
        errors.gone("The segment definition")
    visit.audience = name
    return row


def _row(db: sqlite3.Connection, domain: str, name: str) -> sqlite3.Row | None:
    row = audiences.find(db, name, PLATFORM)
    return row if row is not None and row["account"] == domain else None


def _shown(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "SegmentDefinitionName": row["id"],
        "DisplayName": row["name"],
        "SegmentDefinitionArn": f"{_ARN}/{row['account']}/segment-definitions/{row['id']}",
        "CreatedAt": row["created"],
    }
