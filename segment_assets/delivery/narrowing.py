"""One batch that a platform will not take as it is: who of it is to blame, and everybody else sent all the same.

Belongs here: which part of a batch to send next, and what all answers together say. Not here: sending (`courier`),
how an answer is read (`destinations`).

First the members that the platform names, then halves. Each refused request is one more against the account's quota,
so the halving has a budget, which shrinks with what is left of the account's day; whoever is still in a refused part
when it is spent is unproven, and goes with a later run.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Self

from segment_assets.contracts import Answer
from segment_assets.delivery.ledger import minted

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from segment_assets.contracts import Member, Session

# Finds three bad members in a batch of 10,000, and costs a tenth of the 1,000 or so batches of a large audience.
NARROWING_REQUESTS = 100
# Of what is left of a day, what one batch may cost: the other batches, and tomorrow's people, want theirs too.
_PART_OF_THE_DAY = 10


def of_the_day(left: int | None) -> int:
    """How many refused requests the halving of one batch may cost while so many calls are left of the account's day.

    None where the platform counts no day.

    >>> of_the_day(None), of_the_day(5_000), of_the_day(200)
    (100, 100, 20)
    """
    return NARROWING_REQUESTS if left is None else min(NARROWING_REQUESTS, left // _PART_OF_THE_DAY)


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """Members of a batch that go in one request, by their places in the batch.

    `is_whole`: it is the batch itself, perhaps without members that were named. `after`: the first half of the refused
    part that this is the second half of.
    """

    places: tuple[int, ...]
    is_whole: bool = False
    after: tuple[int, ...] = ()

    def members(self, batch: Sequence[Member]) -> Sequence[Member]:
        """The members themselves."""
        return batch if len(self.places) == len(batch) else [batch[place] for place in self.places]

    def note(self, size: int) -> dict[str, object]:
        """What the ledger keeps of a part, so that its request can be rebuilt: runs of places, first and last."""
        if self.is_whole and len(self.places) == size:
            return {}
        runs: list[list[int]] = []
        for place in self.places:
            if runs and runs[-1][1] == place - 1:
                runs[-1][1] = place
            else:
                runs.append([place, place])
        return {"part": {"whole": self.is_whole, "places": runs}}

    @classmethod
    def noted(cls, note: Mapping[str, Any], size: int) -> Self:
        """The part of a batch of `size` members that an intent is about: the inverse of `note`."""
        if "part" not in note:
            return cls(tuple(range(size)), is_whole=True)
        runs = note["part"]["places"]
        places = tuple(place for first, last in runs for place in range(first, last + 1))
        return cls(places, is_whole=bool(note["part"]["whole"]))

    def session(self, whole: Session) -> Session:
        """A half is a session of its own: the platform counted nothing of the refused one."""
        if self.is_whole:
            return whole
        token = int(minted(str(whole.token), str(whole.sequence), str(self.places[0]), str(len(self.places)))[:15], 16)
        return dataclasses.replace(
            whole, token=token + 1, sequence=1, last=True, members_in_total=len(self.places), received_before=0
        )


class Narrowing:
    """What is left to send of one batch. `budget` is how many refused requests halving may still cost."""

    def __init__(self, size: int, session: Session, budget: int = NARROWING_REQUESTS) -> None:
        self._size = size
        self._waiting = [Part(tuple(range(size)), is_whole=True)]
        self._received_before, self._budget = session.received_before, budget
        self._refused: dict[int, str] = {}
        self._answers: list[tuple[Part, Answer]] = []
        self._given_up: list[int] = []
        self._passed_over = 0
        self._why = ""

    @property
    def next(self) -> Part | None:
        """The part to be sent now, None when everybody has an answer or was given up."""
        return self._waiting[0] if self._waiting else None

    @property
    def has_answers(self) -> bool:
        """Whether the platform took a part already, so that the batch is no longer refused as a whole."""
        return bool(self._answers)

    def at_most(self, requests: int) -> None:
        """Halving may cost so many refused requests from here on, if that is fewer than it may cost already."""
        self._budget = min(self._budget, requests)

    def taken(self, answer: Answer) -> None:
        """The next part was answered."""
        part = self._waiting.pop(0)
        self._answers.append((part, answer))
        rest = self._waiting[0] if self._waiting else None
        # The first half was not to blame, so the second is: it needs no request of its own to be halved. A single
        # member is sent all the same: nobody is refused on a conclusion.
        if rest is not None and rest.after == part.places and len(rest.places) > 1:
            self._halve(self._waiting.pop(0))

    def passed_over(self, places: Collection[int], answer: Answer) -> None:
        """The next part was taken but for members of whom nobody can say anything now; `answer` is about the others."""
        part = self._waiting[0]
        self._given_up += [part.places[place] for place in places]
        self._passed_over += len(places)
        self.taken(answer)

    def named(self, places: Mapping[int, str]) -> bool:
        """The next part was refused for members that the platform named. False when it named nobody of them."""
        part = self._waiting[0]
        refused = {part.places[place]: code for place, code in places.items() if place < len(part.places)}
        if not refused:
            return False
        self._refused |= refused
        left = tuple(place for place in part.places if place not in refused)
        self._waiting[:1] = [Part(left, part.is_whole)] if left else []
        return True

    def unnamed(self, code: str) -> bool:
        """The next part was refused for somebody in it. Halves it, or gives it up when the budget is spent.

        False when nothing is left to try and not one of several members was taken: then nobody of them is to blame.
        """
        part = self._waiting.pop(0)
        self._budget -= 1
        self._why = code
        if len(part.places) == 1:
            self._refused[part.places[0]] = code
        elif self._budget <= 0:
            self._given_up += part.places
        else:
            self._halve(part)
        is_over = self._budget <= 0 or not self._waiting
        return bool(self._answers) or not is_over or self._size == 1

    def too_large(self, code: str) -> None:
        """The next part makes a request above the platform's limit: its halves are sent, a single member is refused.

        Nothing was sent and nobody is to blame, so this costs nothing of the budget.
        """
        part = self._waiting.pop(0)
        half = len(part.places) // 2
        if half:
            self._waiting[:0] = [Part(part.places[:half]), Part(part.places[half:])]
        else:
            self._why, self._refused[part.places[0]] = code, code

    def _halve(self, part: Part) -> None:
        half = len(part.places) // 2
        first, second = part.places[:half], part.places[half:]
        self._waiting[:0] = [Part(first), Part(second, after=first)]

    @property
    def given_up(self) -> list[int]:
        """Places of the members nobody can say anything about, sorted."""
        return sorted(self._given_up)

    @property
    def noted(self) -> list[dict[str, str]]:
        """What the answers named (files of a workflow), part by part."""
        return [dict(answer.noted) for _, answer in self._answers if answer.noted]

    def receipt(self, batch: Sequence[Member]) -> dict[str, object]:
        """What the ledger keeps of all answers together."""
        answer = self.result()
        return {
            "received": answer.received,
            "accepted": answer.accepted,
            "rejected": len(answer.rejected),
            "unproven": answer.unproven,
            "rejected_members": {batch[place].member_id.hex(): code for place, code in answer.rejected.items()},
            "code": answer.code,
            **({"given_up": self.given_up} if self._given_up else {}),
            **({"passed_over": self._passed_over} if self._passed_over else {}),
            **({"job": answer.job} if answer.job else {}),
            **({"noted": self.noted} if self.noted else {}),
        }

    def result(self) -> Answer:
        """What all answers together say about the batch; who was given up is in none of its numbers."""
        rejected = dict(self._refused)
        for part, answer in self._answers:
            rejected |= {part.places[place]: code for place, code in answer.rejected.items()}
        whole = [answer for part, answer in self._answers if part.is_whole]
        last = self._answers[-1][1] if self._answers else None
        return Answer(
            received=sum(answer.received for _, answer in self._answers),
            accepted=sum(answer.accepted for _, answer in self._answers),
            rejected=rejected,
            unproven=sum(answer.unproven for _, answer in self._answers),
            session_received=whole[-1].session_received if whole else self._received_before,
            code=self._why or (last.code if last else "every member was refused by name"),
            pause=last.pause if last else 0.0,
            job=last.job if last else "",
        )
