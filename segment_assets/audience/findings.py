"""What a check answers, and the answer about the states of an audience's columns.

Belongs here: the shape of a finding, and judging the tallies of column_states. Not here: the other checks (judging).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from segment_assets.contracts import ColumnState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from segment_assets.audience.column_states import ColumnTally


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One check's answer. `numbers` are what it looked at; `message` says them and the next action."""

    name: str
    passed: bool
    message: str
    numbers: Mapping[str, float]


def otherwise(passed: bool, action: str) -> str:
    """The next action, where one is needed."""
    return "" if passed else f"; {action}"


def judge_columns(columns: Mapping[str, ColumnTally], limit: float) -> Finding:
    """Whether every column holds what is declared of it, but for a share of at most `limit` of its values.

    Values that disagree are refused one by one in any case; above the limit the declaration or the source is wrong,
    and the audience would lack most of its people without a word.
    """
    filled = {column: tally for column, tally in sorted(columns.items()) if tally.values}
    passed = all(tally.disagreement <= limit for tally in filled.values())
    told = [f"{column} {said}" for column, tally in filled.items() if (said := _told(tally))]
    message = "; ".join(told) or f"{len(filled)} columns hold what is declared of them"
    if told:
        message += f"; at most {limit:.1%} of a column may disagree"
    numbers: dict[str, float] = {"limit": limit}
    actions: list[str] = []
    for column, tally in filled.items():
        numbers |= {f"{column}: values": tally.values, f"{column}: disagreements": tally.disagreements}
        if tally.disagreement > limit:
            actions += [f"{column}: {action}" for action in _actions(tally)]
    return Finding("column_states", passed, message + otherwise(passed, "; ".join(actions)), numbers)


def _told(tally: ColumnTally) -> str:
    """The numbers of a column that is not as declared, or is mixed; empty for any other."""
    parts = [
        (tally.plain, "plain values", tally.mixed or tally.state is ColumnState.HASHED),
        (tally.sha256, "SHA-256", tally.mixed or tally.state is ColumnState.RAW),
        (tally.unusable_digests, "digests of no use", True),
        (tally.digests_of_nothing, "digests of nothing", True),
    ]
    shown = ", ".join(f"{number} {name}" for number, name, telling in parts if number and telling)
    return shown and f"({tally.state.value}): {shown} among {tally.values} values, {tally.disagreement:.1%} disagree"


def _actions(tally: ColumnTally) -> Iterator[str]:
    if tally.state is ColumnState.RAW and tally.sha256:
        yield "declare it hashed or auto in the plan's columns, or have it land raw"
    if tally.state is ColumnState.HASHED and tally.plain:
        yield "declare it raw or auto in the plan's columns, or have it land as SHA-256"
    if tally.unusable_digests:
        yield "MD5, SHA-1 and the like match nowhere, and some columns are wanted plain; have it land raw"
    if tally.digests_of_nothing:
        yield "the source hashes blanks; have it leave them empty"
