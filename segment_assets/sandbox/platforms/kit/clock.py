"""The sandbox's own clock: real time plus an offset that tests and the demo move.

The offset is durable, since sessions and quotas that were written under it must not jump at a restart.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from segment_assets.sandbox.platforms.kit import settings

if TYPE_CHECKING:
    import sqlite3


class Clock:
    """Seconds since the epoch, UTC. Used from the store's own thread only."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._offset = float(settings.read(db, "clock", "offset", 0.0))

    @property
    def offset(self) -> float:
        """Seconds ahead of real time (negative: behind)."""
        return self._offset

    def now(self) -> float:
        """The simulated time."""
        return time.time() + self._offset

    def set_offset(self, seconds: float) -> None:
        """Move the clock, for good: the new offset is part of the running transaction."""
        settings.write(self._db, "clock", "offset", seconds)
        self._offset = seconds
