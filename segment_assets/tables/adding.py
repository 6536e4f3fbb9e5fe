"""What may be added up: whether a column's values, and which columns of a row make up which.

Belongs here: reading it from a declaration's own words and invariants. Not here: any declaration.
"""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING

from segment_assets.tables.model import Column, Table, Type

if TYPE_CHECKING:
    from collections.abc import Mapping

_ADDS = re.compile(r"(?<!never )\badds? up\b|\badditive\b", re.IGNORECASE)
_NEVER = re.compile(r"\bnever add up\b", re.IGNORECASE)
_EQUATION = re.compile(r"^(\w+) = (\w+(?: \+ \w+)*)$")


class Adds(enum.StrEnum):
    """Whether values of a column may be summed. `IN_PART`: the column's own description says over what."""

    YES = "yes"
    IN_PART = "in part"
    NO = "no"
    NOT_A_NUMBER = "-"


def adds_up(column: Column) -> Adds:
    """What the declaration says; a number of which it says nothing is not summed.

    >>> adds_up(Column("reach", Type.INTEGER, "Customers. Distinct people: never add up over weeks")).value
    'no'
    >>> adds_up(Column("people", Type.INTEGER, "Groups are disjoint and add up, but never add up weeks")).value
    'in part'
    """
    if column.type not in {Type.INTEGER, Type.DOUBLE}:
        return Adds.NOT_A_NUMBER
    if not _ADDS.search(column.description):
        return Adds.NO
    return Adds.IN_PART if _NEVER.search(column.description) else Adds.YES


def wholes(table: Table) -> Mapping[str, frozenset[str]]:
    """Column -> the columns of its row that make it up, by the invariants; parts of parts are taken apart.

    >>> from segment_assets.tables import TABLES
    >>> sorted(wholes(TABLES["hold_outs"])) == [] and sorted(wholes(TABLES["audience_incrementality"])["assigned"])
    ['held_out', 'treatment']
    """
    found = {m[1]: frozenset(m[2].split(" + ")) for m in map(_EQUATION.match, table.invariants) if m}

    def parts(column: str) -> frozenset[str]:
        return frozenset().union(*map(parts, found[column])) if column in found else frozenset([column])

    return {whole: parts(whole) for whole, direct in found.items() if len(direct) > 1}
