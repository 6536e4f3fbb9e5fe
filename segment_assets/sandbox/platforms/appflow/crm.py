"""A CRM as far as AppFlow's flows write into it: its entities, what may be written, and the records that it keeps.

Our readings: an upsert finds a record by the one field that the flow names; an update of a record that is not there
fails; whoever's member field is true is in the audience that the sandbox shows.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from segment_assets.sandbox.platforms.kit import people

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

TABLES = """
CREATE TABLE IF NOT EXISTS appflow_record (
  platform TEXT, entity TEXT, key TEXT, fields TEXT NOT NULL, PRIMARY KEY (platform, entity, key)
) WITHOUT ROWID;
"""
_TRUE = frozenset({"true", "1", "yes"})


@dataclasses.dataclass(frozen=True, slots=True)
class Entity:
    """One kind of record. `ids` find a record; `person` is an identifier of a person.

    `member`: the field that tells who is in a segment, or, with a final `*`, how such fields begin.
    `knows`: every identifier has a record already, as in a CRM that has these customers.
    """

    fields: frozenset[str]
    ids: frozenset[str]
    person: str
    member: str
    knows: bool = False

    def has(self, field: str) -> bool:
        """Whether there is such a field."""
        return field in self.fields or (self.member.endswith("*") and field.startswith(self.member[:-1]))

    def is_member_field(self, field: str) -> bool:
        """Whether the field tells who is in a segment."""
        return field.startswith(self.member[:-1]) if self.member.endswith("*") else field == self.member


@dataclasses.dataclass(frozen=True, slots=True)
class Crm:
    """`entities` by the name that flows use. `entity_field`: where a flow says it. `profile`: the first connection."""

    connector_type: str
    entities: Mapping[str, Entity]
    profile: str
    entity_field: str = "object"
    takes_ids: bool = True

    @property
    def shape(self) -> people.Shape:
        """The identifiers that a person is shown by."""
        persons = tuple(dict.fromkeys(entity.person for entity in self.entities.values()))
        return people.Shape(keys=persons, strong=persons, combination=())


class Missing(Exception):  # noqa: N818  an answer of the CRM
    """There is no record to update."""


def write(  # noqa: PLR0917 - a record is named by all of these
    db: sqlite3.Connection,
    platform: str,
    name: str,
    entity: Entity,
    key: str,
    fields: Mapping[str, str],
    *,
    create: bool,
) -> Mapping[str, str]:
    """Bring one record to these fields and return what they were before. Raises Missing where it may not be created."""
    row = db.execute(
        "SELECT fields FROM appflow_record WHERE platform = ? AND entity = ? AND key = ?", (platform, name, key)
    ).fetchone()
    if row is None and not create and not entity.knows:
        raise Missing
    before: dict[str, str] = json.loads(row["fields"]) if row is not None else {}
    db.execute(
        "INSERT OR REPLACE INTO appflow_record (platform, entity, key, fields) VALUES (?, ?, ?, ?)",
        (platform, name, key, json.dumps({**before, **fields})),
    )
    return before


def show(
    db: sqlite3.Connection,
    audience: int,
    shape: people.Shape,
    entity: Entity,
    changes: Iterable[tuple[Mapping[str, str], Mapping[str, str]]],
) -> None:
    """Let the audience hold whoever is a member now. `changes`: fields before and after, of this flow's records."""
    out, into = [], []
    for before, after in changes:
        (member,) = (field for field in after if entity.is_member_field(field))
        if before.get(entity.person) and before.get(member, "").lower() in _TRUE:
            out.append(before[entity.person])
        if after.get(entity.person) and after[member].lower() in _TRUE:
            into.append(after[entity.person])
    if out:
        people.remove(db, audience, shape, {entity.person: out})
    if into:
        people.add(db, audience, shape, {entity.person: into})
