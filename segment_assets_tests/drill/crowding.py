"""Large audiences: poisoned members, and people who share a phone."""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING

from segment_assets.contracts import Quota
from segment_assets_tests.drill import crowds
from segment_assets_tests.drill.cells import requests_made

if TYPE_CHECKING:
    from segment_assets_tests.drill.cells import Ground
    from segment_assets_tests.faults.room import Room

SEED = 11
BATCH = 10_000
# One in so many is poisoned: where the platform names the members, and where it does not.
NAMED, UNNAMED = 100, 10_000
# Requests of the published quota that fit into an hour: Meta's standard tier, Google's 300 a minute.
QUOTAS_OF_AN_HOUR = {"meta": 190_000, "google": 18_000}
# Loopback is not paced, since a drill counts requests and does not wait for them.
UNPACED = Quota(requests=100_000, per_seconds=1)


def poisoned(ground: Ground, people: int) -> None:
    names = ground.side.works_later
    bad = frozenset(random.Random(SEED).sample(range(people), max(2, people // (NAMED if names else UNNAMED))))
    fault = f"poisoned members, {'named' if names else 'not named'}"
    work = partial(_poisoned, people=people, bad=bad)
    room = ground.tried(fault, f"{len(bad)} of {people}", work, batch=BATCH, quota=UNPACED)
    cell, asked = ground.cell(fault), requests_made(room)
    cell.requests = asked
    cell.more |= {"people": people, "poisoned": len(bad), "quota_of_an_hour": QUOTAS_OF_AN_HOUR[ground.side.name]}
    if asked > QUOTAS_OF_AN_HOUR[ground.side.name]:
        cell.wrong.append(f"{asked} requests are above the hour's quota")


def _poisoned(room: Room, people: int, bad: frozenset[int]) -> None:
    crowds.wants(room, range(people))
    identifiers = [room.side.holds(crowds.email(number)) for number in bad]
    # No platform is asked for more in a minute than the sandbox is told to allow here: the drill counts.
    if room.side.works_later:
        room.sandbox.admin("platforms/google", {"requests_per_minute": 100_000})
    room.sandbox.faults({"kind": "poison", "path": room.side.people, "identifiers": identifiers})
    rows = room.run().deliveries
    assert sum(row["rejected"] for row in rows) == len(bad), f"{sum(row['rejected'] for row in rows)} are rejected"
    assert sum(row["accepted"] for row in rows) == people - len(bad)
    crowds.holds_exactly(room, (number for number in range(people) if number not in bad))
    room.is_balanced()
    assert room.run().deliveries == [], "who was refused is not sent again as they are"


def shared_phones(ground: Ground, people: int) -> None:
    work = partial(_shared_phones, people=people)
    room = ground.tried("a shared phone leaves", f"5 % of {people}", work, batch=BATCH, quota=UNPACED)
    ground.cell("a shared phone leaves").requests = requests_made(room)


def _shared_phones(room: Room, people: int) -> None:
    """5 % of the people are pairs with one phone; one of each pair leaves, and who stays is still matched."""
    sharing = people // 20

    def phone_of(number: int) -> int:
        return number - number % 2 if number < sharing else number

    crowds.wants(room, range(people), phone_of)
    room.run()
    crowds.holds_exactly(room, range(people), phone_of)
    stay = [number for number in range(people) if number >= sharing or number % 2 == number // 2 % 2]
    crowds.wants(room, stay, phone_of)
    for _ in range(3):
        if not room.run().deliveries:
            break
    crowds.holds_exactly(room, stay, phone_of)
    room.is_balanced()
