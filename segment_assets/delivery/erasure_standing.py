"""Where a platform account stands with people who asked to be forgotten.

Belongs here: counting people by what was answered about their records, and the word for it all. Not here: asking
(`erasing`), reading an answer (`erasure_answers`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from segment_assets.contracts import Erasure
    from segment_assets.delivery.ever_sent import EverSent

# Unproven are all of a batch that was acknowledged without evidence for each of them: nobody tells which it is of.
STANDINGS = ("acknowledged", "unproven", "refused", "in_doubt")
TAKEN_ON = ("acknowledged", "unproven")
TAKEN_OUT = "taken_out"
_DAY = 86_400.0


@dataclasses.dataclass(frozen=True, slots=True)
class Forgotten:
    """Where an account stands, in people. `standing` is as in PLATFORM_ERASURES; `done_by` in seconds since the epoch.

    `unproven` counts records, as platforms do. `members` are the people, and `unfinished` those of them of whom the
    platform has still to be told or to answer, or whom an audience may still hold.
    """

    standing: str
    people: int
    still_there: int = 0
    acknowledged: int = 0
    refused: int = 0
    in_doubt: int = 0
    unproven: int = 0
    not_retained: int = 0
    by_phone: int = 0
    done_by: float | None = None
    members: frozenset[bytes] = dataclasses.field(default=frozenset(), repr=False)
    unfinished: frozenset[bytes] = dataclasses.field(default=frozenset(), repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Account:
    """What is known of an account beside the people. `by_member`: its call names a person by our id of them.

    `erasure` is None for a platform without a call, `unproven` counts records, `now` is in seconds since the epoch.
    `unmarked` are those of `unproven` whose rows say acknowledged, as earlier versions wrote them.
    """

    erasure: Erasure | None
    by_member: bool
    unproven: int
    now: float
    unmarked: int = 0

    def standing(self, sent: EverSent, rows: Sequence[Mapping[str, Any]], *, waits: bool) -> Forgotten:
        """What stands now, of those whom the ledger still knows and of those in `rows` (ERASED).

        `waits`: the removal of somebody goes first.
        """
        by: dict[str, set[bytes]] = {
            name: {r["member_id"] for r in rows if r["standing"] == name} for name in STANDINGS
        }
        taken_on = by["acknowledged"] | by["unproven"]
        if self.by_member:
            # One yes is of the whole person, whatever was said before of another record of theirs.
            by |= {name: by[name] - taken_on for name in ("refused", "in_doubt")}
        people = sent.members | {row["member_id"] for row in rows}
        acknowledged = taken_on - by["refused"] - by["in_doubt"]
        finished = self._finished(people, rows, acknowledged - by["unproven"])
        last = max((row["answered_at"].timestamp() for row in rows if row["standing"] in TAKEN_ON), default=None)
        found = Forgotten(
            "",
            people=len(people),
            still_there=sent.still_there,
            acknowledged=len(acknowledged),
            refused=len(by["refused"]),
            in_doubt=len(by["in_doubt"]),
            unproven=self.unproven,
            not_retained=sent.not_retained,
            by_phone=sent.by_phone,
            done_by=last + self._seconds if last is not None else None,
            members=frozenset(people),
            unfinished=frozenset(people - finished | set(sent.there)),
        )
        return dataclasses.replace(found, standing=self._word(found, waits=waits))

    @property
    def _seconds(self) -> float:
        """For which the platform works on an erasure."""
        return self.erasure.within_days * _DAY if self.erasure else 0.0

    def _finished(
        self, people: frozenset[bytes], rows: Sequence[Mapping[str, Any]], proven: set[bytes]
    ) -> frozenset[bytes] | set[bytes]:
        """Who is through with the platform: by its own word and after its own time, where it has a call."""
        if self.erasure is None:
            return people
        if self.unmarked:
            # Nobody tells of whom the platform gave no evidence.
            return set()
        begun = self.now - self._seconds
        return proven - {row["member_id"] for row in rows if row["answered_at"].timestamp() > begun}

    def _word(self, found: Forgotten, *, waits: bool) -> str:
        if not found.people:
            return self._end(found, "nobody")
        if self.erasure is None:
            return "waiting" if found.still_there else self._end(found, "no_call")
        if going_on := self._going_on(found, waits=waits):
            return going_on
        if found.refused or found.unproven:
            # Asking again would say nothing else: whom it acknowledged is not asked about twice.
            return "refused" if found.refused else "unproven"
        return "waiting" if found.still_there else self._end(found, "done")

    def _going_on(self, found: Forgotten, *, waits: bool) -> str:
        """What is still done by itself, empty where that is nothing; a refusal is told before the time of others."""
        if waits:
            return "waiting"
        if found.in_doubt or found.acknowledged + found.refused < found.people:
            return "in_doubt"
        is_early = found.done_by is None or self.now < found.done_by
        return "asked" if is_early and not found.refused else ""

    @staticmethod
    def _end(found: Forgotten, word: str) -> str:
        """The word for the people who were found, unless nobody can tell whether there were others."""
        return "unknown" if found.not_retained or found.by_phone else word
