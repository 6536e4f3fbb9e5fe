"""How many people a delivery's SQL does not see, by what becomes of them.

Belongs here: adding them to the counts of all others. Not here: who they are (`unaffected`).
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segment_assets.delivery.wanted import ChangeCounts, Wanted


@dataclasses.dataclass(slots=True)
class People:
    """People, not records, whom the SQL does not see. `doors` counts by eligibility."""

    doors: Counter[str] = dataclasses.field(default_factory=Counter)
    wanted: int = 0
    unchanged: int = 0
    known_refused: int = 0
    adds: int = 0
    removes: int = 0
    refresh_due: float | None = None

    def due_at(self, due: float) -> None:
        """Note when one of them has to be sent again, in seconds since the epoch; never is no date."""
        if math.isfinite(due):
            self.refresh_due = min(float(due), self.refresh_due or float(due))

    def added_to(self, counts: ChangeCounts, wanted: Wanted) -> ChangeCounts:
        """The counts of all others and of these."""
        closed = {door: 0 if door in wanted.doors() else self.doors[door] for door in self.doors}
        dues = [due for due in (counts.refresh_due, self.refresh_due) if due is not None]
        return dataclasses.replace(
            counts,
            audience=counts.audience + self.doors.total(),
            held_out=counts.held_out + closed.get("held_out", 0),
            suppressed=counts.suppressed + closed.get("suppressed", 0),
            no_consent=counts.no_consent + closed.get("no_consent", 0),
            no_usable_key=counts.no_usable_key + self.doors.total() - sum(closed.values()) - self.wanted,
            wanted=counts.wanted + self.wanted,
            last_known=counts.last_known + self.unchanged + self.removes,
            unchanged=counts.unchanged + self.unchanged,
            known_refused=counts.known_refused + self.known_refused,
            adds=counts.adds + self.adds,
            removes=counts.removes + self.removes,
            refresh_due=min(dues, default=None),
        )
