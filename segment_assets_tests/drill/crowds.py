"""Audiences of up to a million people, written as columns, and whether a platform holds exactly them."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import pyarrow as pa

from segment_assets.tables import HASHED_AUDIENCE
from segment_assets_tests.fakes import digest
from segment_assets_tests.faults.room import SEGMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from segment_assets_tests.faults.room import Room

_CHUNK = 50_000


def email(number: int) -> str:
    return f"p{number}@x.example"


def phone(number: int) -> str:
    return f"49{number:09d}"


def wants(room: Room, numbers: Iterable[int], phone_of: Callable[[int], int] = lambda number: number) -> None:
    """Publish an audience. `phone_of` says whose phone somebody has."""
    people = sorted((digest(f"id:p{number}"), number) for number in numbers)
    schema = HASHED_AUDIENCE.arrow_schema()
    writer = room.lake.writer(HASHED_AUDIENCE.name, SEGMENT)
    for start in range(0, len(people), _CHUNK):
        chunk = people[start : start + _CHUNK]
        known: dict[str, list] = {
            "member_id": [member for member, _ in chunk],
            "cluster_id": [member for member, _ in chunk],
            "eligibility": ["eligible"] * len(chunk),
        }
        for prefix, mail, call in (("", "email", "phone_digits"), ("google:", "email_gmail_folded", "phone_e164")):
            known[mail] = [digest(prefix + email(number)) for _, number in chunk]
            known[call] = [digest(prefix + phone(phone_of(number))) for _, number in chunk]
        nothing = [None] * len(chunk)
        writer.write(pa.table({field.name: pa.array(known.get(field.name, nothing), field.type) for field in schema}))
    room.audience = writer.publish({})


def holds_exactly(room: Room, numbers: Iterable[int], phone_of: Callable[[int], int] = lambda number: number) -> None:
    """Each of these people is there once, with both identifiers, and nobody else."""
    has = room.side.holds
    wanted = {_mark(has(email(number)), has(phone(phone_of(number)))) for number in numbers}
    held = [_mark(person.get("EMAIL", ""), person.get("PHONE", "")) for person in room.sandbox.people()]
    assert len(held) == len(wanted), f"{len(held)} people instead of {len(wanted)}"
    assert wanted.issuperset(held), f"{len(wanted.difference(held))} people lack"


def _mark(mail: str, call: str) -> bytes:
    return blake2b(f"{mail} {call}".encode(), digest_size=12).digest()
