"""The words in which changes are told: what a pair wants, and how many people each door takes.

Belongs here: `Wanted`, counts, phases, the columns of a record. Not here: finding changes (`changes`, `leaving`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from segment_assets.contracts import VALUE_COLUMN, Eligibility, Mode
from segment_assets.delivery.ranges import filled
from segment_assets.tables import ACKNOWLEDGED, Type

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import pyarrow.dataset as pads

    from segment_assets.contracts import Contract

# The order in which the phases of a delivery are sent. See docs/architecture.md, "Changed people": old identifiers go
# after the new are acknowledged, and then the person is affirmed once more, because a platform that recognises the
# person by an old identifier takes the whole person out. A delivery that begins with `replace` has no other requests.
PHASES = ("replace", "add", "retire", "remove", "reaffirm", "swept", "shaken", "none")

# These need no request of their own: the first batch of a replace takes out the swept; an opt-out may have taken out
# the shaken, who share an identifier with somebody who said no; `none` only leave the ledger.
SILENT = frozenset({"swept", "shaken", "none"})

# An addition that we gave up waiting for can still be worked on by the platform, and land after the removal of the same
# person. So a removed person whose addition was in doubt is taken out once more, this many seconds later.
LATE_SECONDS = 300.0

_NO_FORMS = {"member_id", "record_id", "standing", "answered_at"}
FORMS = tuple(c.name for c in ACKNOWLEDGED.columns if c.name not in _NO_FORMS)

_TEXTS = frozenset(c.name for c in ACKNOWLEDGED.columns if c.type is not Type.DIGEST)


def absent(form: str) -> str:
    """SQL for a cell that is not there, of its column's type: of a bare NULL a table makes a column of nothing else."""
    return f"NULL::{'VARCHAR' if form in _TEXTS else 'BLOB'}"


# What a suppression can name a person by, beside the member (see `records.named_by`).
_NAMES = frozenset({"email", "email_gmail_folded", "phone_digits", "phone_e164", "mobile_ad_id"})


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """Who of an audience should be on the platform: the plan's choices for one pair.

    `forms` are the columns that the plan lets this account have, a subset of the contract's.
    `keep_held_out` is for exclusion lists: a hold-out never protects anybody from being excluded.
    `held` are columns that the platform's records have, also of earlier choices (`holding`).
    """

    contract: Contract
    forms: Sequence[str]
    keep_held_out: bool = False
    mode: Mode = Mode.MIRROR
    held: Collection[str] = ()

    def holding(self, state: pads.Dataset | None) -> Wanted:
        """The same for a platform that has this state (ACKNOWLEDGED)."""
        held = filled(state, FORMS) if state is not None and state.count_rows() else ()
        return dataclasses.replace(self, held=frozenset(held))

    @property
    def columns(self) -> tuple[str, ...]:
        """The identifiers and answers that a delivery has to do with; all others are absent from every record of it."""
        return tuple(form for form in FORMS if form in self.forms or form in self.held or form in _NAMES)

    def doors(self) -> list[str]:
        """Eligibilities that are sent."""
        held = [Eligibility.HELD_OUT.value] if self.keep_held_out else []
        return [Eligibility.ELIGIBLE.value, *held]

    def groups(self) -> list[list[str]]:
        """Match groups as columns, with what a record needs beside; groups that may not be sent do not count."""
        keys = self.contract.match_keys
        groups = [[keys[key].form for key in group] for group in self.contract.match_groups]
        # In an audience by value nobody goes without one: a platform would take nothing for the least of all.
        by_value = [VALUE_COLUMN] if VALUE_COLUMN in self.forms else []
        return [[*group, *by_value] for group in groups if all(form in self.forms for form in group)]

    def identifying(self) -> list[str]:
        """Columns of which any single one makes the platform act on a person, also those of earlier choices."""
        forms = [self.contract.match_keys[key].form for key in self.contract.identifying]
        return [form for form in forms if form in self.forms or form in self.held]


@dataclasses.dataclass(frozen=True, slots=True)
class ChangeCounts:
    """People, not records: the left side of the accounting.

    `refreshed` are sent again as the platform has them. `kept` are there and not wanted, or not as they are, and
    `not_added` are wanted and not there as they are: the mode leaves both alone. Nobody is in two of these on one side
    of an equation; who has other identifiers now and is not added is `not_added` among the wanted, `kept` among the
    known.
    `lanes`: by phase, where there are lanes, each one's match keys, batches and records.
    `refresh_due`: when the first member has to be refreshed, in seconds since the epoch; None where nobody expires.
    """

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
    lanes: Mapping[str, Sequence[Sequence[object]]] = dataclasses.field(default_factory=dict)
    refreshed: int = 0
    kept: int = 0
    not_added: int = 0
    refresh_due: float | None = None

    @property
    def nothing_to_send(self) -> bool:
        """True when no record is added, taken out or dropped from the ledger."""
        return not sum(self.records.values())
