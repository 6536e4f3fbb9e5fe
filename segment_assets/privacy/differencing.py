"""The difference guard: two answers, each about many people, whose difference is about a few.

Belongs here: when two questions are nested, and whether their answers tell few people apart. Not here: counting
(`enforcement.people_by_group`), remembering answers (`resources.clean_room.answers`).
AWS's thresholds do not prevent this, as its own page on considerations says. Two counts may be close by chance, so only
questions that are nested are compared: the same tables, joins and groups, and every condition of the wider one is
implied by the narrower one. Then the difference of two counts is a number of people.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from segment_assets.privacy.scalars import is_literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from segment_assets.privacy.verdicts import Verdict

_TURNED = {"gt": "lt", "gte": "lte", "lt": "gt", "lte": "gte"}
_RANGES = ("gt", "gte", "lt", "lte")
# Text that begins with a day in ISO 8601 can be ordered as text; it is kept, with a mark before it.
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOMENT = "t:"


@dataclasses.dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a WHERE. `what` is a digest of its expression, `values` of text are digests too."""

    what: str
    kind: str
    values: tuple[str | float, ...] = ()

    def implies(self, other: Condition) -> bool:
        """Whether every row that this lets through, the other lets through as well.

        >>> Condition("a", "in", ("x",)).implies(Condition("a", "in", ("x", "y")))
        True
        """
        if self.what != other.what:
            return False
        if self.kind == other.kind == "in":
            return set(self.values) <= set(other.values)
        if self.kind == other.kind == "not in":
            return set(other.values) <= set(self.values)
        if self.kind == "in" and other.kind == "not in":
            return not set(self.values) & set(other.values)
        if self.kind in _RANGES and other.kind in _RANGES:
            return self._is_within(other)
        return self == other

    def _is_within(self, other: Condition) -> bool:
        """Ranges with the same direction: the tighter one implies the wider one."""
        (one,), (bound,) = self.values, other.values
        if self.kind[0] != other.kind[0] or type(one) is not type(bound):
            return False
        if isinstance(one, str) and not one.startswith(_MOMENT):
            return self == other
        if one == bound:
            return self.kind == other.kind or len(self.kind) < len(other.kind)
        return (one > bound) is (self.kind[0] == "g")  # type: ignore[operator]


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What is remembered of an answer: what was asked, as digests, and how many people each shown group has."""

    query_id: str
    asked: str
    conditions: frozenset[Condition]
    people: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads; no value of the data and no text of the query is in it."""
        conditions = sorted([c.what, c.kind, *c.values] for c in self.conditions)
        return {"id": self.query_id, "asked": self.asked, "conditions": conditions, "people": dict(self.people)}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Answer:
        """The answer that `to_json` wrote."""
        conditions = frozenset(Condition(what, kind, tuple(values)) for what, kind, *values in told["conditions"])
        return cls(told["id"], told["asked"], conditions, told["people"])


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    """A group of which an earlier answer and this one together tell `people` people apart."""

    query_id: str
    group: str
    people: int


def question_of(verdict: Verdict) -> tuple[str, frozenset[Condition]]:
    """What an accepted AGGREGATION query asks: a digest of its tables, joins and groups, and its conditions."""
    tree = verdict.tree
    assert isinstance(tree, exp.Select), "the guard is about AGGREGATION queries, which are one SELECT"
    names = _names(tree)
    keys = sorted(_keys(tree, names))
    joins = sorted(_plain(join.args["on"], names) for join in tree.args.get("joins") or [])
    where = tree.args.get("where")
    conditions = frozenset(_condition(part, names) for part in (_conjuncts(where.this) if where else []))
    return _digest(repr((sorted(names.values()), joins, keys))), conditions


def key_order(verdict: Verdict) -> list[int]:
    """In which order `group_of` takes the values of a query's GROUP BY, so that b, a names the groups of a, b."""
    assert isinstance(verdict.tree, exp.Select), "the guard is about AGGREGATION queries, which are one SELECT"
    keys = _keys(verdict.tree, _names(verdict.tree))
    return sorted(range(len(keys)), key=keys.__getitem__)


def _names(tree: exp.Select) -> dict[str, str]:
    return {node.alias_or_name.lower(): node.name.lower() for node in tree.find_all(exp.Table)}


def _keys(tree: exp.Select, names: Mapping[str, str]) -> list[str]:
    group = tree.args.get("group")
    return [_plain(key, names) for key in group.expressions] if group else []


def differences(new: Answer, earlier: Iterable[Answer], minimum: int) -> Iterator[Difference]:
    """The groups that an earlier answer and the new one together tell apart by fewer than `minimum` people.

    The same question again is not compared: it differs by what became of the data, as every refresh does.
    """
    for old in earlier:
        if old.asked != new.asked or old.conditions == new.conditions:
            continue
        if not (_implied(new.conditions, old.conditions) or _implied(old.conditions, new.conditions)):
            continue
        for group in sorted(set(old.people) & set(new.people)):
            apart = abs(old.people[group] - new.people[group])
            if 0 < apart < minimum:
                yield Difference(old.query_id, group, apart)


def _implied(narrow: frozenset[Condition], wide: frozenset[Condition]) -> bool:
    return all(any(mine.implies(theirs) for mine in narrow) for theirs in wide)


def group_of(values: Iterable[object]) -> str:
    """The name of a group in an `Answer`: a digest of its dimensions, in the order of `key_order`."""
    return _digest(repr([None if value is None else str(value) for value in values]))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _plain(node: exp.Expression, names: Mapping[str, str]) -> str:
    """The text of an expression with the tables' own names, so that an alias makes no difference."""
    copy = node.copy()
    for column in copy.find_all(exp.Column):
        column.set("table", exp.to_identifier(names.get(column.table, column.table)))
    if isinstance(copy, exp.EQ):
        copy = exp.EQ(**dict(zip(("this", "expression"), sorted((copy.this, copy.expression), key=str), strict=True)))
    return str(copy.sql("spark", comments=False))


def _conjuncts(node: exp.Expression) -> Iterator[exp.Expression]:
    if isinstance(node, exp.And):
        yield from _conjuncts(node.this)
        yield from _conjuncts(node.expression)
    elif isinstance(node, exp.Paren):
        yield from _conjuncts(node.this)
    else:
        yield node


def _condition(node: exp.Expression, names: Mapping[str, str]) -> Condition:
    """A comparison with literals in a form that can be compared with others; anything else as it is written."""
    negated = isinstance(node, exp.Not)
    inner = node.this.unnest() if negated else node
    if isinstance(inner, exp.In) and all(is_literal(value) for value in inner.expressions):
        values = tuple(sorted((_value(value) for value in inner.expressions), key=str))
        return Condition(_digest(_plain(inner.this, names)), "not in" if negated else "in", values)
    if not negated and isinstance(inner, (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)):
        kind, left, right = type(inner).__name__.lower(), inner.this, inner.expression
        if is_literal(left):
            kind, left, right = _TURNED.get(kind, kind), right, left
        if is_literal(right) and not is_literal(left):
            value = _value(right)
            kind = {"eq": "in", "neq": "not in"}.get(kind, kind)
            return Condition(_digest(_plain(left, names)), kind, (value,))
    return Condition(_digest(_plain(node, names)), "as written")


def _value(node: exp.Expression) -> str | float:
    """Numbers and dates can be ordered; other text is kept as a digest."""
    if isinstance(node, exp.Neg):
        return -float(node.this.this)
    text = node.this.this if isinstance(node, exp.Cast) else node.this
    if isinstance(node, exp.Literal) and not node.is_string:
        return float(text)
    return f"{_MOMENT}{text}" if _DAY.match(text) else _digest(text)
