"""What is known about a world without opening its data, and where its files are.

Belongs here: `world.json`, the calendar and the layout. Not here: anything heavy; importing this is cheap.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import os
from typing import TYPE_CHECKING

from segment_assets.contracts import PermanentError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Raised whenever the same seed and people would give other bytes.
FORMAT = 1
FIRST_MONDAY = dt.date(2026, 10, 5)
CHUNK_PEOPLE = 50_000


@dataclasses.dataclass(frozen=True, slots=True)
class WorldFacts:
    """A finished world. `weeks` are ISO dates of Mondays; `counts` are rows by table over all weeks."""

    seed: int
    people: int
    weeks: list[str]
    counts: Mapping[str, int]
    chunk_people: int = CHUNK_PEOPLE


def monday_of(week_number: int) -> dt.date:
    """First day of a reporting week, counted from 0."""
    return FIRST_MONDAY + dt.timedelta(weeks=week_number)


def read_facts(root: Path) -> WorldFacts | None:
    """The facts of the world below `root`, or None when there is none (or only a half-made one).

    Raises:
        PermanentError: world.json is there but was not written by this version of the world.
    """
    path = root / "world.json"
    if not path.exists():
        return None
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if told.pop("format") != FORMAT:
            raise ValueError  # noqa: TRY301 - one message for every way of not being readable
        return WorldFacts(**told)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PermanentError(
            f"{path} is not a world of format {FORMAT}; run `make clean` and create it anew"
        ) from error


def write_facts(root: Path, facts: WorldFacts) -> None:
    """Say, in one atomic move, that everything the facts speak of is on disk."""
    draft = root / ".world.json"
    text = json.dumps({"format": FORMAT, **dataclasses.asdict(facts)}, indent=2, sort_keys=True)
    with draft.open("w", encoding="utf-8", newline="") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(root / "world.json")
