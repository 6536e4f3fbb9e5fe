"""One audience from its creation to its deletion, told once for all tests that look at a part of it.

A delivery costs a third of a second, so each chapter serves several tests. Chapters:
`created`: thirteen people. `changed`: some leave, some come, one has another identifier, some share one with somebody.
`parted`: of those who share, one of each pair leaves. `opted_out`: one says no. `deleted`: the audience goes.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from segment_assets.contracts import Mode
from segment_assets_tests.conformance.kit import people

if TYPE_CHECKING:
    from collections.abc import Callable

    from segment_assets.contracts import MatchKey
    from segment_assets_tests.conformance.kit.house import House
    from segment_assets_tests.conformance.kit.outside import Call
    from segment_assets_tests.conformance.kit.record import Record

CREATED = range(13)
STAYS = range(2, 10)
# Numbers of people and values that are in no other chapter.
NEW_VALUE, PAIRS, SAYS_NO = 20, 22, 7


@dataclasses.dataclass
class Chapter:
    """What was called, and which identifiers the platform held afterwards."""

    calls: list[Call]
    held: set[str]
    audiences: list[str]

    def first(self, one: str) -> int:
        """The place of the first call that says this."""
        return next(place for place, call in enumerate(self.calls) if one in call.text)


@dataclasses.dataclass
class Story:
    house: House
    chapters: dict[str, Chapter] = dataclasses.field(default_factory=dict)

    def tell(self, name: str, happens: Callable[[], object]) -> None:
        before = len(self.house.line.calls)
        happens()
        audiences = [audience["id"] for audience in self.house.outside.audiences()]
        self.chapters[name] = Chapter(self.house.line.calls[before:], self.house.held(), audiences)


def told(house: House) -> Story:
    record, story = house.record, Story(house)
    contract = record.contract
    changed = people.row(contract, 1, like={contract.identifying[0]: NEW_VALUE})
    leave, remain = zip(*(pair(record, n, key) for n, key in enumerate(contract.identifying)), strict=True)
    steps = {
        "created": (CREATED, ()),
        "changed": (STAYS, (changed, *leave, *remain)),
        "parted": (STAYS, (changed, *remain)),
    }
    for name, (numbers, others) in steps.items():
        house.wants(numbers, *others)
        story.tell(name, house.run)
    house.opt_out(SAYS_NO)
    # Where nobody can be taken out the audience is emptied, a person is told, and the next run fills it again.
    story.tell("opted_out", house.run if record.mode is Mode.MIRROR else house.until_done)
    story.tell("again", house.run)
    story.tell("deleted", house.delete)
    return story


def pair(record: Record, place: int, key: MatchKey) -> tuple[dict, dict]:
    """Two people with one value of a key."""
    one = PAIRS + 2 * place
    return people.row(record.contract, one), people.row(record.contract, one + 1, like={key: one})


def remaining(record: Record) -> set[str]:
    """The identifiers of those of the pairs who stay: one is the leaver's too."""
    found = set[str]()
    for place, key in enumerate(record.contract.identifying):
        one = PAIRS + 2 * place
        found |= people.identifiers(record, one + 1, like={key: one})
    return found


def with_new_value(record: Record) -> set[str]:
    return people.identifiers(record, 1, like={record.contract.identifying[0]: NEW_VALUE})
