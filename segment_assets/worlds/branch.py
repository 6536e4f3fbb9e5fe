"""The world of a branch deployment: the local one on simulated people, where deliveries are rehearsed and none is sent.

Belongs here: what differs from the local world. Code of a branch has not been reviewed, so it meets no customer, no
secret of production, and a way out that refuses everything.
"""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

from segment_assets import processes
from segment_assets.resources.account_tables import LocalAccountTables
from segment_assets.resources.landing import LocalLanding
from segment_assets.worlds import local

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from segment_assets.deployment import Deployment

PEOPLE, SEED = 20_000, 7
_LOOKS_EVERY_SECONDS = 0.5


def resources(deployment: Deployment) -> dict[str, object]:
    """As locally, with tables that are made when somebody first asks for them, and no way to tell anybody anything."""
    tables = SimulatedTables(deployment.home / "accounts")
    made = local.resources(dataclasses.replace(deployment, webhook="", mail=("", "", "")))
    landing = SimulatedLanding(deployment.home / "landing" / "segments")
    return {**made, "accounts": tables, "clean_room": local.LocalCleanRoomOnDemand(deployment.home, tables, 0.0)} | {
        "landing": landing
    }


def account_settings(
    _deployment: Deployment, destination: str, _account: str, _settings: Mapping[str, str]
) -> dict[str, Any]:
    """Nothing to reach and no secret: the address is never asked for."""
    return {"endpoint": f"https://{destination}.invalid", "preview_only": True}


class SimulatedTables(LocalAccountTables):
    """The sandbox's two accounts, simulated before they are first looked at."""

    __slots__ = ()

    def files(self, table: str, week: str | None = None) -> list[str]:
        """As locally."""
        _simulated(self.root.parent)
        return LocalAccountTables.files(self, table, week)


class SimulatedLanding(LocalLanding):
    """The sandbox's landing files, simulated before they are first looked at."""

    __slots__ = ()

    def files(self, segment: str) -> list[Any]:
        """As locally."""
        _simulated(self.root.parent.parent)
        return LocalLanding.files(self, segment)


def _simulated(home: Path) -> None:
    """Have the world in place. Several processes may be the first to ask: one makes it, the others wait for it."""
    from segment_assets.sandbox import world

    while world.read_facts(home) is None:
        with processes.only_one(home / "world.lock") as mine:
            if mine is not None:
                world.create(home, seed=SEED, people=PEOPLE)
                return
        time.sleep(_LOOKS_EVERY_SECONDS)
