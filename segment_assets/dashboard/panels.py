"""One chart, declared once: which table, which columns, which question, axis, interval and footnote.

Belongs here: the shape of a declaration. Not here: any panel (`pages`), making a section of one (`showing`).
"""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING, Any

from segment_assets.dashboard.figures import BELOW

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from segment_assets.dashboard.figures import Row
    from segment_assets.dashboard.units import Unit


class Shape(enum.Enum):
    """How rows are drawn. Only a stack adds up what it shows."""

    BARS = "bars"
    INTERVALS = "intervals"
    STACK = "stack"
    CURVE = "curve"


@dataclasses.dataclass(frozen=True, slots=True)
class Wilson:
    """A 95 % interval that no column holds, of the share that two columns are: `successes` of `trials`."""

    successes: str
    trials: str

    def of(self, row: Row) -> tuple[float | None, float | None]:
        """Both ends, or nothing where a count is withheld or nobody was counted."""
        from segment_assets.measurement.intervals import Proportion, wilson

        counted, among = row[self.successes], row[self.trials]
        if counted is None or not among:
            return None, None
        found = wilson(Proportion(counted, among))
        return found.low, found.high


@dataclasses.dataclass(frozen=True, slots=True)
class Also:
    """One more column in the label of a mark. `words` has `{}` where the number stands."""

    column: str
    unit: Unit
    words: str = "{}"


@dataclasses.dataclass(frozen=True, slots=True)
class Number:
    """A column of the table below the chart, with the ends of its interval in the same cell."""

    column: str
    unit: Unit
    low: str = ""
    high: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One chart. All columns are those of `table`, as `segment_assets.tables` declares them.

    `names` are the columns that tell marks apart and `called` makes their name of them. `value` is what is drawn; with
    an interval and no value, all that is known is that the truth is between its ends. `tick` is a column to compare
    with, `usual` a number. `part` colours a stack or a curve, `along` is the x axis of a curve, and `beyond` says
    where it is dashed. A row whose `state` column is not one of `states` has its state instead of a mark.
    """

    id: str
    table: str
    title: str
    shape: Shape
    names: tuple[str, ...]
    unit: Unit
    axis: str
    definition: str
    numbers: tuple[Number, ...]
    empty: str
    value: str = ""
    interval: tuple[str, str] | Wilson | None = None
    called: Callable[..., str] = lambda *values: " · ".join(map(str, values))
    also: tuple[Also, ...] = ()
    tick: str = ""
    tick_both_ways: bool = False
    usual: float | None = None
    part: str = ""
    along: str = ""
    along_axis: str = ""
    beyond: str = ""
    state: str = ""
    states: tuple[str, ...] = ()
    only: tuple[str, Any] | None = None
    without: tuple[str, Any] | None = None
    newest: str = ""
    once_per: tuple[str, ...] = ()
    order: str = ""
    weeks: int = 1
    unknown: str = "not known"
    nothing_told: str = f"Every number of this chart is {BELOW}."
    descriptive: bool = False
    logarithmic: bool = False
    wide: bool = False
    answer: Callable[[Sequence[Row]], str] | None = None

    def columns(self) -> list[str]:
        """Every column that is read."""
        ends = [self.interval.successes, self.interval.trials] if isinstance(self.interval, Wilson) else self.interval
        named = [self.value, self.tick, self.part, self.along, self.beyond, self.state, self.order, self.newest]
        read = [*self.names, *named, *(ends or ()), *(more.column for more in self.also), *self.once_per]
        read += [chosen_by[0] for chosen_by in (self.only, self.without) if chosen_by]
        read += [column for number in self.numbers for column in (number.column, number.low, number.high)]
        return list(dict.fromkeys(column for column in read if column))
