"""The words in which changes are told: what a pair wants, and how many people each door takes.

Belongs here: `Wanted`, counts, phases, the columns of a record. Not here: finding changes (`changes`, `leaving`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from segment_assets.contracts import Eligibility
from segment_assets.tables import ACKNOWLEDGED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from segment_assets.contracts import Contract

# The order in which the phases of a delivery are sent; `none` needs no request. See docs/architecture.md, "Changed
# people": old identifiers go after the new are acknowledged, and then the person is affirmed once more, because a
# platform that recognises the person by an old identifier takes the whole person out.
PHASES = ("add", "retire", "remove", "reaffirm", "none")

# An addition that we gave up waiting for can still be worked on by the platform, and land after the removal of the same
# person. So a removed person whose addition was in doubt is taken out once more, this many seconds later.
LATE_SECONDS = 300.0

FORMS = tuple(c.name for c in ACKNOWLEDGED.columns if c.name not in {"member_id", "record_id", "standing"})


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """Who of an audience should be on the platform: the plan's choices for one pair.

    `forms` are the columns that the plan lets this account have, a subset of the contract's.
    `keep_held_out` is for exclusion lists: a hold-out never protects anybody from being excluded.
    """

    contract: Contract
    forms: Sequence[str]
    keep_held_out: bool = False

    def doors(self) -> list[str]:
        """Eligibilities that are sent."""
        held = [Eligibility.HELD_OUT.value] if self.keep_held_out else []
        return [Eligibility.ELIGIBLE.value, *held]

    def groups(self) -> list[list[str]]:
        """Match groups as columns; groups with a column that may not be sent do not count."""
        keys = self.contract.match_keys
        groups = [[keys[key].form for key in group] for group in self.contract.match_groups]
        return [group for group in groups if all(form in self.forms for form in group)]

    def identifying(self) -> list[str]:
        """Columns of which any single one makes the platform act on a person."""
        return [
            self.contract.match_keys[key].form
            for key in self.contract.identifying
            if self.contract.match_keys[key].form in self.forms
        ]


@dataclasses.dataclass(frozen=True, slots=True)
class ChangeCounts:
    """People, not records: the left side of the accounting."""

    audience: int
    held_out: int
    suppressed: int
    no_consent: int
    no_usable_key: int
    wanted: int
    last_known: int
    unchanged: int
    known_refused: int
    changed: int
    adds: int
    removes: int
    batches: Mapping[str, int]
    records: Mapping[str, int]

    @property
    def nothing_to_send(self) -> bool:
        """True when no record is added, taken out or dropped from the ledger."""
        return not sum(self.records.values())
