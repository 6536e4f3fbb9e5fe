"""What one run for a pair is given and what it gives back.

Belongs here: an errand, in the plan's words, and the report. Not here: how it is run (`run`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from segment_assets.delivery.guards import GuardRails
    from segment_assets.delivery.ledger import Pair
    from segment_assets.delivery.wanted import Wanted


@dataclasses.dataclass(frozen=True, slots=True)
class Errand:
    """What one pair wants: who, where to, and within which limits. `key` is the tenant's secret for pseudonyms.

    `adopt` is the id of an audience that is on the platform already; empty where ours is made.
    """

    pair: Pair
    wanted: Wanted
    spec_name: str
    statements: Mapping[str, str]
    rails: GuardRails
    key: bytes
    on_removal: str = "keep"
    adopt: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """What a run did: rows of the deliveries table, oldest first; empty when there was nothing to send.

    `waiting_for` is set when the platform still works on jobs: the version of the audience that the open delivery
    goes to (of suppressions, for opt-outs). The delivery stays open and is followed.
    `held_until` is set when nothing but opt-outs may be sent now: when the plan's sending rules open again, or when the
    platform has had its time for what was sent before (`Replacing.rest_seconds`); `held_by` says which.
    `warning`: what a person should do before it is too late, empty where there is nothing.
    """

    pair: Pair
    deliveries: Sequence[Mapping[str, Any]]
    waiting_for: str = ""
    held_until: str = ""
    held_by: str = "the plan's sending rules, which open"
    warning: str = ""

    @property
    def waiting(self) -> bool:
        """Whether the platform still works on jobs of an open delivery."""
        return bool(self.waiting_for)

    @property
    def sent(self) -> int:
        """Batches that the platform answered."""
        return sum(row["requests"] for row in self.deliveries)
