"""Complementary suppression: what else must be withheld so that a withheld group cannot be had by subtraction.

Belongs here: which told groups give away another one. Not here: the room's own thresholds (`enforcement`, `guarded`),
where results are (`assets`). The idea and its name are those of statistical offices (cell suppression in tables).

Safe afterwards: the remainder of a total, where there is one, is at least `minimum` people in two groups or more; so
is whoever is not in a group. Not covered: more than five overlapping groups together, one population within another
(customers among viewers), bounds that come close to a withheld number, and what somebody knows from elsewhere. Who
may read the room's results themselves sees all that the partner's rules let through.
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

Pair = tuple[str, str]
REMAINDER, COMPLEMENT, INTERSECTION = "remainder", "complement", "intersection"
# With one more, what people can be in exactly doubles.
MOST_OVERLAPPING = 5
_EXACT = 1e-9


@dataclasses.dataclass(frozen=True, slots=True)
class Groups:
    """The told groups of one kind in one result, by name, with their people.

    `total` is everybody of the same population, None where nobody told it. Where groups are `disjoint` they add up to
    it; `possible` is then how many there can be, None where that is not known.
    """

    source: str
    kind: str
    people: Mapping[str, int]
    total: int | None
    disjoint: bool
    possible: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Withheld:
    """A told group that readers must not be shown, and why."""

    source: str
    kind: str
    cell: str
    reason: str


def complementary(kinds: Sequence[Groups], minimum: int) -> list[Withheld]:
    """What to withhold, kind by kind; of disjoint groups the smallest first.

    >>> sets = Groups("sets", "", {"a": 500, "b": 300, "c": 200}, total=1040, disjoint=True, possible=5)
    >>> [withheld.cell for withheld in complementary([sets], 100)]
    ['c']
    """
    found = []
    for groups in kinds:
        few = list(_few_outside(groups, minimum))
        left = dataclasses.replace(groups, people={name: n for name, n in groups.people.items() if name not in few})
        found += [Withheld(groups.source, groups.kind, name, COMPLEMENT) for name in few]
        if groups.disjoint:
            found += [Withheld(groups.source, groups.kind, name, REMAINDER) for name in _until_safe(left, minimum)]
    return found


def with_totals(kinds: Sequence[Groups]) -> list[Groups]:
    """Kinds of one population, each with the most people that any of them, or the room itself, tells.

    Disjoint kinds tell the total as well as the room does, as far as nothing of them is withheld.
    """
    sums = [sum(groups.people.values()) for groups in kinds if groups.disjoint]
    total = max([*sums, *(groups.total for groups in kinds if groups.total is not None)], default=0)
    return [dataclasses.replace(groups, total=total) for groups in kinds]


def overlapping(groups: Groups, pairs: Mapping[Pair, int], minimum: int) -> list[Withheld]:
    """Pairs of overlapping groups to withhold, because few people would follow from them and the groups' own sizes.

    Few people: of one group and not the other of a pair, of neither, or of exactly some of the groups and no other.
    `pairs` are people of both of two groups, in alphabetical order; they are a kind of their own, named by the groups
    joined by `/` and by the kind's name with an s. Above MOST_OVERLAPPING groups only single pairs are looked at.
    """
    told = dict(pairs)
    withheld: list[Withheld] = []
    while told:
        telling = _telling(groups, told, minimum)
        if not telling:
            break
        pair = min(telling, key=lambda pair: (told[pair], pair))
        withheld.append(Withheld(groups.source, f"{groups.kind}s", "/".join(pair), INTERSECTION))
        del told[pair]
    return withheld


def _few_outside(groups: Groups, minimum: int) -> Iterator[str]:
    """Groups that all but a few are in."""
    if groups.total is None:
        return
    for name, people in groups.people.items():
        if 0 < groups.total - people < minimum:
            yield name


def _until_safe(groups: Groups, minimum: int) -> Iterator[str]:
    """Groups to withhold, smallest first, until what is left of the total is many people in several groups."""
    told = sorted(groups.people.items(), key=lambda group: (group[1], group[0]))
    total = groups.total if groups.total is not None else sum(groups.people.values())
    rest = total - sum(groups.people.values())
    hidden = len(told) + 1 if groups.possible is None else groups.possible
    hidden -= len(told)
    for name, people in told:
        if rest <= 0 or (rest >= minimum and hidden > 1):
            return
        yield name
        rest, hidden = rest + people, hidden + 1


def _telling(groups: Groups, told: Mapping[Pair, int], minimum: int) -> list[Pair]:
    """Some told pairs from which few people follow; none where nobody does."""
    for pair, both in told.items():
        sizes = [groups.people[name] for name in pair if name in groups.people]
        others = [size - both for size in sizes]
        if groups.total is not None and len(sizes) == len(pair):
            others.append(groups.total - sum(sizes) + both)
        if any(0 < people < minimum for people in others):
            return [pair]
    if len(groups.people) > MOST_OVERLAPPING:
        return []
    import numpy as np

    atoms, sums, people = _equations(groups, told)
    given = len(people) - len(told)
    for number in range(len(atoms)):
        wanted = np.eye(len(atoms))[number]
        # Without the pairs: then it is the groups themselves that tell, which withholding pairs does not change.
        if _solution(sums[:given], wanted) is not None:
            continue
        solution = _solution(sums, wanted)
        if solution is not None and 0 < round(float(solution @ people)) < minimum:
            return [pair for pair, weight in zip(told, solution[given:], strict=True) if abs(weight) > _EXACT]
    return []


def _equations(
    groups: Groups, told: Mapping[Pair, int]
) -> tuple[list[frozenset[str]], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Sets of groups that people can be in exactly, and what is told as sums of their people."""
    import numpy as np

    names = sorted(groups.people)
    atoms = [frozenset(a) for size in range(1, len(names) + 1) for a in itertools.combinations(names, size)]
    known = [({name}, groups.people[name]) for name in names] + [(set(pair), both) for pair, both in told.items()]
    sums = [[float(inside <= atom) for atom in atoms] for inside, _ in known]
    people = [float(count) for _, count in known]
    if groups.total is not None:
        sums, people = [[1.0] * len(atoms), *sums], [float(groups.total), *people]
    return atoms, np.array(sums), np.array(people)


def _solution(sums: npt.NDArray[np.float64], wanted: npt.NDArray[np.float64]) -> npt.NDArray[np.float64] | None:
    """How much of each sum to take so that `wanted` comes out, None where it does not."""
    import numpy as np

    weights = np.asarray(np.linalg.lstsq(sums.T, wanted, rcond=None)[0], dtype=np.float64)
    return weights if np.allclose(sums.T @ weights, wanted, atol=_EXACT) else None
