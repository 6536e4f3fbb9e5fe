"""Lanes: where a platform takes some match keys per request, a person goes by each of them with a record of its own.

Belongs here: which records a person has, and the batches of each lane. Not here: which of them change (`changes`).
A lane's record has the columns of its keys only, so its id, what is known of it and what is removed are its own: a new
phone number leaves the e-mail lane alone. What is told of people (`accounting`) is put together from their lanes.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING, Any

from segment_assets.contracts import ATTRIBUTE_COLUMNS, MatchKey
from segment_assets.delivery.wanted import PHASES, SILENT, absent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb

    from segment_assets.delivery.wanted import Wanted


@dataclasses.dataclass(frozen=True, slots=True)
class Lane:
    """Keys that travel together. `own` are their columns, `forms` all columns of a record, `groups` what is usable."""

    keys: tuple[MatchKey, ...]
    own: frozenset[str]
    forms: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Stretch:
    """The batches `first` to `last` of one phase that are of one lane, and how many records they have together."""

    keys: tuple[MatchKey, ...]
    first: int
    last: int
    records: int


@dataclasses.dataclass(frozen=True, slots=True)
class Placed:
    """The same while changes are found: a lane goes by its number, which no lane has where no key is left."""

    phase: str
    lane: int
    first: int
    last: int
    records: int


def lanes_of(wanted: Wanted) -> list[Lane]:
    """The lanes of a pair in the order of sending; one with all columns where the contract declares none."""
    contract, found = wanted.contract, []
    for keys in contract.lanes or (tuple(contract.match_keys),):
        own = frozenset(contract.match_keys[key].form for key in keys)
        others = {sent.form for key, sent in contract.match_keys.items() if key not in keys}
        forms = tuple(form for form in wanted.forms if form in own or form not in others)
        groups = tuple(
            tuple(group)
            for group in wanted.groups()
            if group and own.issuperset(form for form in group if form not in ATTRIBUTE_COLUMNS)
        )
        found.append(Lane(keys, own, forms, groups))
    return found


def record_id(forms: Sequence[str]) -> str:
    """SQL for the digest of all identifiers of a record."""
    # A lane of which the plan lets no key be sent has no columns, and nobody has a record in it.
    cells = [f"'{form}:' || coalesce(hex({form}), '')" for form in forms] or ["''"]
    return f"unhex(sha256(concat_ws('|', {', '.join(cells)})))"


def load_wanted(db: duckdb.DuckDBPyConnection, wanted: Wanted, columns: Mapping[str, str] | None = None) -> None:
    """Table `wanted` from table `audience`: a person's record in every lane of which they complete a group.

    `columns` are added to each record, by name, as SQL over `audience`.
    """
    doors = ", ".join(f"'{door}'" for door in wanted.doors())
    more = "".join(f", {sql} AS {name}" for name, sql in (columns or {}).items())
    parts = []
    for lane in lanes_of(wanted):
        usable = " OR ".join(f"({' AND '.join(f'{form} IS NOT NULL' for form in group)})" for group in lane.groups)
        own = [form for form in wanted.columns if form not in (columns or {})]
        sent = [form if form in lane.forms else f"{absent(form)} AS {form}" for form in own]
        parts.append(f"""
            SELECT member_id, {record_id(lane.forms)} AS record_id, {", ".join(sent)}{more}
            FROM audience WHERE eligibility IN ({doors}) AND ({usable or "false"})
        """)
    db.execute(f"CREATE TEMP TABLE wanted AS {' UNION ALL BY NAME '.join(parts)}")


def place_records(
    db: duckdb.DuckDBPyConnection, wanted: Wanted, more: Mapping[tuple[str, int], int] | None = None
) -> list[Placed]:
    """View `placed`: table `records` with `place` of the phase and number of the `lane`. Returns what it has, in order.

    Batches count from 1 in their phase, and none has records of two lanes. `more` are records that are not in the
    table, by phase and lane.
    """
    order = " ".join(f"WHEN '{phase}' THEN {place}" for place, phase in enumerate(PHASES))
    columns = f"CASE phase {order} END AS place, {_number(wanted)} AS lane"
    db.execute(f"CREATE OR REPLACE TEMP VIEW placed AS SELECT *, {columns} FROM records")
    size, found, before = wanted.contract.batch_members, list[Placed](), dict[str, int]()
    numbers = Counter(more or {})
    for phase, lane, records in db.execute("SELECT phase, lane, count(*) FROM placed GROUP BY ALL").fetchall():
        numbers[phase, lane] += records
    for (phase, lane), records in sorted(numbers.items(), key=lambda of: (PHASES.index(of[0][0]), of[0][1])):
        first = before.get(phase, 0) + 1
        found.append(Placed(phase, lane, first, (records - 1) // size + first, records))
        before[phase] = found[-1].last
    return found


def lanes_told(placed: Sequence[Placed], wanted: Wanted) -> dict[str, list[list[object]]]:
    """Phase -> (match keys, batches, records) of each of its lanes in order; empty where there is one lane only."""
    lanes, found = lanes_of(wanted), dict[str, list[list[object]]]()
    for one in placed if len(lanes) > 1 else ():
        if one.phase not in SILENT:
            keys = [key.value for key in lanes[one.lane].keys]
            found.setdefault(one.phase, []).append([keys, one.last - one.first + 1, one.records])
    return found


def stretches(header: Mapping[str, Any], phase: str) -> Sequence[Stretch]:
    """The lanes of a phase, from the header of its delivery; one where it names none."""
    lanes = header.get("lanes", {}).get(phase)
    if lanes is None:
        return [Stretch((), 1, header["batches"].get(phase, 0), header["records"].get(phase, 0))]
    found, first = [], 1
    for keys, batches, records in lanes:
        found.append(Stretch(tuple(MatchKey(key) for key in keys), first, first + batches - 1, records))
        first += batches
    return found


def stretch_of(header: Mapping[str, Any], phase: str, batch: int) -> Stretch:
    """The lane that a batch is of."""
    return next(stretch for stretch in stretches(header, phase) if stretch.first <= batch <= stretch.last)


def _number(wanted: Wanted) -> str:
    """SQL for the place of a record's lane in the order of sending; one that has no key left is sent nowhere."""
    lanes = lanes_of(wanted)
    if len(lanes) == 1:
        return "0"
    cases = []
    for place, lane in enumerate(lanes):
        there = [f"{form} IS NOT NULL" for form in wanted.columns if form in lane.own]
        if there:
            cases.append(f"WHEN {' OR '.join(there)} THEN {place}")
    return f"CASE {' '.join(cases)} ELSE {len(lanes)} END"
