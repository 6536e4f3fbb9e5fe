"""Complementary suppression: what else must be withheld so that a withheld group cannot be had by subtraction.

Belongs here: which told groups give away another one. Not here: the room's own thresholds (`enforcement`, `guarded`),
where results are (`assets`). The idea and its name are those of statistical offices (cell suppression in tables).

Safe afterwards: the remainder of a total, where there is one, is at least twice `minimum` people in two groups or
more, of which one was told; whoever is not in a group is `minimum` people. Not covered: several totals that only give
a group away together, more than five overlapping groups, one population within another (customers among viewers),
bounds that come close to a withheld number, and what somebody knows from elsewhere. Who may read the room's results
themselves sees all that the partner's rules let through.
"""

from __future__ import annotations

import collections
import dataclasses
import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    import numpy as np
    import numpy.typing as npt

Pair = tuple[str, str]
REMAINDER, COMPLEMENT, INTERSECTION, CONVERTERS = "remainder", "complement", "intersection", "converters"
# The strictest minimum of account A for people of whom it knows something: here that they converted, or did not.
FEWEST_CONVERTERS = 25
# With one more, what people can be in exactly doubles.
MOST_OVERLAPPING = 5
_EXACT = 1e-9


@dataclasses.dataclass(frozen=True, slots=True)
class Sum:
    """Another number of the same groups, which adds up to `total`: nothing is left of it, or `minimum` and more."""

    of: Mapping[str, int]
    total: int
    minimum: int = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Groups:
    """The told groups of one kind in one result, by name, with their people.

    `total` is everybody of the same population, None where nobody told it. Where groups are `disjoint` they add up to
    it. How many groups there can be does not count: those that nobody is in hide nothing. `sums` add up also where
    people do not. `converters` are told with the people, where they are, and `every_converter` is their total.
    `open_total` and `open_converters`: the total is withheld itself, and must not follow from its groups either.
    `fewest` groups are withheld together, where any are: one more than there are sums that tell them apart.
    """

    source: str
    kind: str
    people: Mapping[str, int]
    total: int | None
    disjoint: bool
    sums: Sequence[Sum] = ()
    converters: Mapping[str, int] = dataclasses.field(default_factory=dict)
    every_converter: int | None = None
    open_total: bool = False
    open_converters: bool = False
    fewest: int = 2


@dataclasses.dataclass(frozen=True, slots=True)
class Withheld:
    """A told group that readers must not be shown, and why; for CONVERTERS only how many of it converted."""

    source: str
    kind: str
    cell: str
    reason: str


def complementary(kinds: Sequence[Groups], minimum: int) -> list[Withheld]:
    """What to withhold, kind by kind, the smallest first, until no kind asks for more.

    Groups may be in several kinds of one name: what one withholds is missing from the others.

    >>> sets = Groups("sets", "", {"a": 500, "b": 300, "c": 200}, total=1040, disjoint=True)
    >>> [withheld.cell for withheld in complementary([sets], 100)]
    ['c']
    """
    found: list[Withheld] = []
    gone: dict[tuple[str, str], set[str]] = collections.defaultdict(set)

    def apply(reason: str, rule: Callable[[Groups, AbstractSet[str], int], list[str]]) -> None:
        for groups in kinds:
            hidden = gone[groups.source, groups.kind]
            names = [name for name in rule(groups, hidden, minimum) if name not in hidden]
            hidden.update(names)
            found.extend(Withheld(groups.source, groups.kind, name, reason) for name in names)

    for rules in (((COMPLEMENT, _few_outside), (REMAINDER, _until_safe)), ((CONVERTERS, _few_converters),)):
        before = -1
        while before < len(found):
            before = len(found)
            for reason, rule in rules:
                apply(reason, rule)
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


def _few_outside(groups: Groups, hidden: AbstractSet[str], minimum: int) -> list[str]:
    """Groups that all but a few are in."""
    told = {name: people for name, people in groups.people.items() if name not in hidden}
    return [name for name, people in told.items() if groups.total and 0 < groups.total - people < minimum]


def _few_converters(groups: Groups, hidden: AbstractSet[str], minimum: int) -> list[str]:
    """Groups in which few converted, or few did not, and others as long as these would follow from a sum."""
    del minimum
    counted = groups.converters
    few = {name for name, won in counted.items() if min(won, groups.people[name] - won) < FEWEST_CONVERTERS}
    total = groups.every_converter
    sums = [] if total is None else [Sum(counted, total, FEWEST_CONVERTERS)]
    return [*sorted(few), *_smallest(counted, hidden | few, sums, open_total=groups.open_converters)]


def _until_safe(groups: Groups, hidden: AbstractSet[str], minimum: int) -> list[str]:
    """Groups to withhold, smallest first, until what is left of every total is many in several groups."""
    sums = [*groups.sums]
    if groups.disjoint and groups.total is not None:
        sums.append(Sum(groups.people, groups.total, 2 * minimum))
    return _smallest(groups.people, hidden, sums, open_total=groups.open_total, fewest=groups.fewest)


def _smallest(
    sizes: Mapping[str, int],
    hidden: AbstractSet[str],
    sums: Sequence[Sum],
    *,
    open_total: bool = False,
    fewest: int = 2,
) -> list[str]:
    """The smallest told groups, so many that those which are withheld are several and none follows from a sum."""
    if not sums and not open_total:
        return []
    names = sorted(sizes, key=lambda name: (sizes[name], name))
    told = [name for name in names if name not in hidden]
    # What the room withholds counts as one group: how many there are is not known.
    withheld = len(names) - len(told) + any(_rest(one, names) > 0 for one in sums) + open_total
    # Groups that overlap after all exceed the total: nothing is left of it that could be told from them.
    exact = [one for one in sums if _rest(one, names) >= 0]
    for number in range(len(told) + 1):
        several = withheld + number >= fewest
        if not withheld + number or (several and all(_rest(one, told[number:]) >= one.minimum for one in exact)):
            return told[:number]
    return told


def _rest(one: Sum, told: Sequence[str]) -> int:
    return one.total - sum(one.of[name] for name in told)


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
