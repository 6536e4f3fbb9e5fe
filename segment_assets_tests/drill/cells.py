"""The table of the drill: what is tried, and what came of it."""

from __future__ import annotations

import dataclasses
import shutil
import time
import traceback
from typing import TYPE_CHECKING, Any

from segment_assets_tests.conformance.kit.record import Record
from segment_assets_tests.faults.room import FAULTS, Room, Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from segment_assets_tests.faults.sides import Side

MOST_REQUESTS = 1.2
"""Of the ideal: a delivery without trouble, and one more request for each that the fault spoiled."""

POLL = "requestStatus"


@dataclasses.dataclass
class Cell:
    """One fault on one platform: at how many places, and the worst that was seen at any of them."""

    platform: str
    fault: str
    places: int = 0
    requests: int = 0
    ratio: float = 0.0
    seconds: float = 0.0
    wrong: list[str] = dataclasses.field(default_factory=list)
    more: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def is_right(self) -> bool:
        return bool(self.places) and not self.wrong and self.ratio <= MOST_REQUESTS


class Ground:
    """One sandbox and a folder for each try. A try that asserts in vain is a line in its cell, not the end.

    `new_room` makes what a try is given of a folder (`any_platform`); without it a room of the side.
    """

    def __init__(
        self,
        side: Side | Record,
        folder: Path,
        sandbox: Sandbox,
        deadline: float,
        new_room: Callable[..., Any] | None = None,
    ) -> None:
        self.side, self.folder, self.sandbox, self.deadline = side, folder, sandbox, deadline
        self.name = side.destination if isinstance(side, Record) else side.name
        self._new_room = new_room or (lambda home, **settings: Room(home, sandbox, side=side, **settings))
        self.cells: dict[str, Cell] = {}
        self._tries = 0

    def cell(self, fault: str) -> Cell:
        return self.cells.setdefault(fault, Cell(self.name, fault))

    def tried(self, fault: str, place: str, work: Callable[[Any], None], *, clean: int = 0, **settings: Any) -> Any:
        """Let a scenario run in a fresh room. `clean`: the requests of the same without trouble, 0: not compared."""
        cell = self.cell(fault)
        if time.monotonic() > self.deadline:
            cell.wrong.append(f"{place}: the drill's time was over before")
            return self._room(settings)
        began, room = time.monotonic(), self._room(settings)
        try:
            work(room)
            if clean:
                self._compare(cell, room, clean, place)
        except Exception as error:  # noqa: BLE001  whatever it is, the other places are tried as well
            where = traceback.extract_tb(error.__traceback__)[-1]
            cell.wrong.append(f"{place}: {type(error).__name__} {error} ({where.name}:{where.lineno})"[:300])
        cell.places += 1
        cell.seconds += time.monotonic() - began
        if room.is_impatient:
            time.sleep(FAULTS["slow"]["seconds"])
        return room

    def _room(self, settings: dict[str, Any]) -> Any:
        self.sandbox.reset()
        shutil.rmtree(self.folder / f"room-{self._tries}", ignore_errors=True)
        self._tries += 1
        home = self.folder / f"room-{self._tries}"
        home.mkdir(parents=True)
        return self._new_room(home, **settings)

    @staticmethod
    def _compare(cell: Cell, room: Room, clean: int, place: str) -> None:
        lines = [line for line in room.sandbox.log() if POLL not in line["path"]]
        spoiled = sum(line["fault"] is not None for line in lines)
        cell.requests = max(cell.requests, len(lines))
        ratio = len(lines) / (clean + spoiled)
        cell.ratio = max(cell.ratio, round(ratio, 3))
        assert ratio <= MOST_REQUESTS, (
            f"{place}: {len(lines)} requests where {clean} and {spoiled} spoiled ones are due"
        )


def requests_made(room: Room) -> int:
    """Requests so far, questions about jobs aside."""
    return sum(POLL not in line["path"] for line in room.sandbox.log())
