"""Window functions under an aggregation threshold, on this machine: which of them show no other person's row.

Belongs here: what a window may look at when every row must stand for enough people. Not here: the pages of AWS, which
take any window (`surface`, `guarded`); carrying identities (`identities`).
A row that is shown has enough people of its own. A value that a window takes from another row has that row's people:
LEAD beside a large group named the withheld one after it, and what RANK skips are the rows of withheld groups.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

from sqlglot import exp

from segment_assets.privacy.mapping import certain_equalities
from segment_assets.privacy.relations import is_aggregate, own_nodes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from segment_assets.privacy.lineage import Lineage
    from segment_assets.privacy.relations import Block, Step
    from segment_assets.privacy.verdicts import Threshold

_SUMS = (exp.Sum, exp.Count, exp.Avg)
_SIDES = {"": (True, True), "LEFT": (True, False), "RIGHT": (False, True)}
# Table → the tables whose identity is known where its own is: the same one, or none.
_Known = dict[str, set[str]]


def telling_windows(
    query: exp.Expression, lineage: Lineage, thresholds: Sequence[Threshold]
) -> Iterator[exp.Expression]:
    """The windows that may show what other people's rows hold.

    Safe are: PARTITION BY the identity column of every guarded table below (or of one that the joins tie to it), since
    all rows are then of the row's own person; and SUM, COUNT and AVG without ORDER BY over rows that no grouping made
    of several people, here or below, whose rows have the row's people and more. What stands in no SELECT of its own is
    not looked into.
    """
    identities = {threshold.table: threshold.column for threshold in thresholds}
    people = _People(lineage, identities)
    seen = {
        id(node): block for block in lineage.blocks for node in own_nodes(block.select) if isinstance(node, exp.Window)
    }
    for window in query.find_all(exp.Window):
        block = seen.get(id(window))
        if block is None or not (
            people.is_one(block, window.args.get("partition_by") or []) or _adds_up(window, block, people)
        ):
            yield window


def _adds_up(window: exp.Window, block: Block, people: _People) -> bool:
    """Whether the window adds up rows of one person each; what a group holds is the sum of what may be withheld."""
    plain = isinstance(window.this, _SUMS) and not window.args.get("order") and not window.args.get("spec")
    return plain and not _groups(block.select) and all(people.stay_apart(step) for step in block.steps)


def _groups(select: exp.Select) -> bool:
    parts = [*select.expressions, *(part for name in ("having", "order") if (part := select.args.get(name)))]
    made = any(is_aggregate(node) for part in parts for node in own_nodes(part))
    return made or any(select.args.get(part) for part in ("group", "having"))


class _People:
    """Which rows are of one person, as far as columns and joins say."""

    def __init__(self, lineage: Lineage, identities: dict[str, str]) -> None:
        self._lineage = lineage
        self._identities = identities
        self._tied = _tied(lineage, identities)

    def is_one(self, block: Block, keys: Sequence[exp.Expression]) -> bool:
        """Whether rows that are equal in the keys are of one person, in every guarded table below the SELECT."""
        known: set[str] = set()
        for key in keys:
            known |= self._tied.get(_identified(key, self._lineage, self._identities), set())
        for step in (*block.steps, block):
            known -= self._with_others(step) if not isinstance(step, exp.SetOperation) else set()
        return block.tables & set(self._identities) <= known

    def stay_apart(self, step: Step) -> bool:
        """Whether the step makes no row of several people's."""
        if isinstance(step, exp.SetOperation):
            return False
        select = step.select
        group = select.args.get("group")
        grouped = not _groups(select) or self.is_one(step, group.expressions if group else [])
        return grouped and (
            not select.args.get("distinct") or self.is_one(step, [item.unalias() for item in select.expressions])
        )

    def _with_others(self, block: Block) -> set[str]:
        """The guarded tables of which a row of the SELECT may hold two people's: they meet themselves, untied."""
        found: set[str] = set()
        for meeting in _meetings(block, self._lineage, self._identities):
            tied = [self._tied[one] & self._tied[other] for one, other in meeting.pairs]
            found |= (meeting.before & meeting.joined) - set().union(*tied)
        return found


class _Meeting(NamedTuple):
    """A join: the guarded tables before it and the joined ones, and which identities of the two sides are equal."""

    side: str
    before: frozenset[str]
    joined: frozenset[str]
    pairs: list[tuple[str, str]]


def _meetings(block: Block, lineage: Lineage, identities: dict[str, str]) -> Iterator[_Meeting]:
    relations = [(alias, relation.tables & set(identities)) for alias, relation in block.relations.items()]
    first = 1 if block.select.args.get("from_") else 0
    for number, join in enumerate(block.select.args.get("joins") or [], start=first):
        alias, joined = relations[number]
        before = frozenset().union(*(tables for _, tables in relations[:number]))
        yield _Meeting(join.side, before, joined, list(_equated(join, alias, lineage, identities)))


def _tied(lineage: Lineage, identities: dict[str, str]) -> _Known:
    """Which identities follow from which through the joins.

    None do as soon as two guarded tables meet in another way, or an outer join leaves open what another one ties.
    """
    alone = {table: {table} for table in identities}
    known = {table: {table} for table in identities}
    left_open: set[tuple[str, str]] = set()
    for meeting in itertools.chain.from_iterable(_meetings(block, lineage, identities) for block in lineage.blocks):
        if meeting.before and meeting.joined and not meeting.pairs:
            return alone
        to_joined, from_joined = _SIDES.get(meeting.side, (False, False))
        for one, other in meeting.pairs:
            known[one] |= {other} if to_joined else set()
            known[other] |= {one} if from_joined else set()
        left_open |= set() if to_joined else set(itertools.product(meeting.before, meeting.joined))
        left_open |= set() if from_joined else set(itertools.product(meeting.joined, meeting.before))
    known = _through(known)
    return alone if any(one != other and other in known[one] for one, other in left_open) else known


def _equated(join: exp.Join, joined: str, lineage: Lineage, identities: dict[str, str]) -> Iterator[tuple[str, str]]:
    """The guarded tables whose identities a join says are equal: that of what was there, that of what is joined."""
    condition = join.args.get("on")
    for pair in certain_equalities(condition) if condition is not None else []:
        sides = [(side.table.lower() == joined, _identified(side, lineage, identities)) for side in pair]
        (_, before), (is_joined, table) = sorted(sides, key=lambda side: side[0])
        if before and table and is_joined:
            yield before, table


def _identified(column: exp.Expression, lineage: Lineage, identities: dict[str, str]) -> str:
    """The guarded table whose identity the column is, unchanged; an empty text for none."""
    field = lineage.fields.get(id(column))
    origins = field.origins if field is not None and field.direct else frozenset()
    return next((table for table, name in origins if identities.get(table) == name), "")


def _through(known: _Known) -> _Known:
    """What follows in several steps."""
    while True:
        further = {table: others.union(*(known[other] for other in others)) for table, others in known.items()}
        if further == known:
            return known
        known = further
