"""A declared panel as visuals: a chart where QuickSight has the form, and always the table of its numbers.

Belongs here: which visual a shape becomes, which rows it takes. Not here: JSON of a visual (`visuals`), the page
around it (`boards`).

QuickSight draws no interval around a bar, so the ends stand beside the value as bars, and in the table as columns.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from segment_assets.dashboard import look
from segment_assets.dashboard.panels import Number, Shape, Wilson
from segment_assets.dashboard.parts import capital
from segment_assets.dashboard.quicksight import fields, visuals
from segment_assets.dashboard.quicksight.fields import Calculated, Field
from segment_assets.dashboard.quicksight.visuals import Order, Words
from segment_assets.dashboard.showing import DESCRIPTIVE, WITHHELD
from segment_assets.dashboard.units import Unit
from segment_assets.tables import TABLES, Column, Table, Type

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from segment_assets.dashboard.panels import Panel
    from segment_assets.dashboard.quicksight.fields import Json

BELOW, WEEK_COLUMN = "below_threshold", "reporting_week"
# Panels that show ways, which QuickSight draws as such: panel -> (the way, how many steps it has).
WAYS = {"paths": ("path", "steps")}
_STEP, _MOST_STEPS = " > ", 5
_SAID = {
    Unit.PEOPLE: "people",
    Unit.SHARE: "%",
    Unit.POINTS: "percentage points",
    Unit.HOURS: "hours",
    Unit.EUR: "EUR",
    Unit.RATIO: "ratio",
    Unit.INDEX: "index",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Where:
    """Which rows a visual takes: those whose `column` is one of `values`, or is not (`is_not`).

    `pins`: columns of which one value is left for whatever else tells rows apart.
    """

    column: str
    values: tuple[Any, ...] = ()
    is_not: bool = False
    pins: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Drawn:
    """A visual, what of its data set it takes, and the fields that QuickSight computes for it."""

    id: str
    table: Table
    visual: Json
    where: tuple[Where, ...]
    computed: tuple[Calculated, ...]
    wide: bool = False
    low: bool = False


_THE_WEEK = Where(fields.SHOWN, (1,), pins=(WEEK_COLUMN,))


def drawn(panel: Panel) -> tuple[list[Drawn], Drawn]:
    """The charts of a panel, and its table. A panel whose form QuickSight lacks has the table alone."""
    table = TABLES[panel.table]
    where, computed = _rows(panel, table)
    charts = [] if panel.shape not in _CHARTS else [_chart(panel, table, where, computed)]
    if panel.id in WAYS:
        charts.append(_way(panel, table, where, computed))
    cells = [*_cells(panel, table)]
    ends = _ends(panel, table) if isinstance(panel.interval, Wilson) else []
    words = Words(f"{panel.id}-numbers", panel.title, _said(panel, table))
    made = visuals.table(words, [*cells, *ends, *_withheld(table)])
    found = [*computed, *(end.of for end in ends if isinstance(end.of, Calculated))]
    return charts, Drawn(words.id, table, made, where, tuple(found), wide=True)


def whole_table(table: Table) -> Drawn:
    """A table of which a page shows something that is no declared panel: all its columns."""
    weekly = WEEK_COLUMN in table.column_names()
    cells = [Field(table, column, _unit(column), _label(column.name, _unit(column))) for column in table.columns]
    words = Words(f"{table.name}-numbers", table.question or capital(table.name.replace("_", " ")), table.description)
    where, computed = ((_THE_WEEK,), (fields.shown(),)) if weekly else ((), ())
    return Drawn(words.id, table, visuals.table(words, cells), where, computed, wide=True)


def doors(table: Table, columns: Sequence[tuple[str, str]], names: tuple[str, ...]) -> Drawn:
    """The audience flow: for each pair the parts of its audience, as (column, words), which make up the whole."""
    types = {column.name: column.type for column in table.columns}
    category = Field(table, fields.joined(names, types), Unit.WORD, " · ".join(_head(name) for name in names))
    words = Words("flow-chart", "Of the people we wanted on a platform, how many are there?", table.description)
    values = [Field(table, _column(table, name), Unit.PEOPLE, capital(said)) for name, said in columns]
    order = Order(category.id(words.id, "category"), "ASC", look.SHOWN_AUDIENCES)
    visual = visuals.parts_of_rows(words, category, values, "share of the audience's people (%)", order)
    return Drawn(words.id, table, visual, (), tuple(_computed(category)), wide=True)


def card(table: Table, column: str, words: str) -> Drawn:
    """One number of the week."""
    said = Words(f"{table.name}-{column}-card", words, "")
    visual = visuals.one_number(said, _field(table, column, Unit.PEOPLE))
    return Drawn(said.id, table, visual, (_THE_WEEK,), (fields.shown(),), low=True)


def _rows(panel: Panel, table: Table) -> tuple[tuple[Where, ...], tuple[Calculated, ...]]:
    """What the panel's declaration says of rows, as filters; a table shows every state, so that is the chart's."""
    where: list[Where] = []
    computed: list[Calculated] = []
    if WEEK_COLUMN in table.column_names() and panel.weeks == 1:
        where.append(_THE_WEEK)
        computed.append(fields.shown())
    if panel.only:
        where.append(Where(panel.only[0], (panel.only[1],), pins=(panel.only[0],)))
    if panel.without:
        where.append(Where(panel.without[0], (panel.without[1],), is_not=True))
    if panel.once_per:
        rest = [name for name in table.grain if name not in panel.once_per]
        order = tuple((name, "DESC" if name == panel.newest else "ASC") for name in rest)
        place = fields.first_of(panel.once_per, order)
        where.append(Where(place.name, (1,), pins=place.stands_for))
        computed.append(place)
    return tuple(where), tuple(computed)


def _chart(panel: Panel, table: Table, where: tuple[Where, ...], computed: tuple[Calculated, ...]) -> Drawn:
    if panel.state:
        where = (*where, Where(panel.state, panel.states))
    words = Words(f"{panel.id}-chart", panel.title, _said(panel, table))
    visual, own = _CHARTS[panel.shape](panel, table, words, where)
    return Drawn(words.id, table, visual, where, (*computed, *own), wide=panel.wide)


def _as_bars(panel: Panel, table: Table, words: Words, where: Sequence[Where]) -> tuple[Json, list[Calculated]]:
    category = _category(panel, table, _told_apart(panel, table, where))
    values = [] if not panel.value else [_field(table, panel.value, panel.unit)]
    values += _ends(panel, table)
    visual = visuals.bars(words, category, values, panel.axis, _order(panel, words, category, values))
    return visual, _computed(category, *values)


def _as_parts(panel: Panel, table: Table, words: Words, where: Sequence[Where]) -> tuple[Json, list[Calculated]]:
    names = [name for name in _told_apart(panel, table, where) if name != panel.part]
    category = _category(panel, table, names)
    value, part = _field(table, panel.value, panel.unit), _field(table, panel.part)
    order = _order(panel, words, category, [value])
    return visuals.parts(words, category, value, part, axis=panel.axis, order=order), _computed(category)


def _as_curve(panel: Panel, table: Table, words: Words, where: Sequence[Where]) -> tuple[Json, list[Calculated]]:
    value = _field(table, panel.value, panel.unit, panel.axis)
    column = _column(table, panel.along)
    if column.type is Type.DOUBLE:
        along = Field(table, column, Unit.COUNT, panel.along_axis)
        names = [name for name in panel.names if name not in _pinned(where)]
        return visuals.points(words, along, value, _field(table, names[0]) if names else None), []
    of = fields.two_digits(panel.along) if column.type is Type.STRING else column
    along = Field(table, of, Unit.COUNT, panel.along_axis)
    values = [_field(table, panel.value, panel.unit), *_ends(panel, table)]
    return visuals.line(words, along, values, panel.axis), _computed(along)


_CHARTS = {
    Shape.BARS: _as_bars,
    Shape.INTERVALS: _as_bars,
    Shape.STACK: _as_parts,
    Shape.CURVE: _as_curve,
}


def _way(panel: Panel, table: Table, where: tuple[Where, ...], computed: tuple[Calculated, ...]) -> Drawn:
    """First and last step of a way: QuickSight's flow has one row for each pair of places."""
    way, steps = WAYS[panel.id]
    first = Calculated(f"{way}_first", Type.STRING, f"concat('first ', split({{{way}}}, '{_STEP}', 1))", ())
    lasts = (f"{{{steps}}} = {n}, split({{{way}}}, '{_STEP}', {n})" for n in range(1, _MOST_STEPS + 1))
    last = Calculated(f"{way}_last", Type.STRING, f"concat('last ', ifelse({', '.join(lasts)}, {{{way}}}))", ())
    words = Words(f"{panel.id}-flow", f"{panel.title} From the first channel to the last", _said(panel, table))
    weight = _field(table, panel.value, panel.unit)
    visual = visuals.flow(words, Field(table, first), Field(table, last), weight, look.SHOWN_ROWS)
    return Drawn(words.id, table, visual, where, (*computed, first, last), wide=True)


def _told_apart(panel: Panel, table: Table, where: Sequence[Where]) -> list[str]:
    """The panel's names and whatever else tells rows apart, so that every mark is one row."""
    known = _pinned(where)
    rest = [name for name in table.grain if name not in panel.names and name not in known]
    names = [name for name in panel.names if name not in known]
    return [*rest, *names] or list(panel.names)


def _pinned(where: Iterable[Where]) -> set[str]:
    """Columns of which the visual takes one value only."""
    return {column for one in where for column in one.pins}


def _category(panel: Panel, table: Table, names: Sequence[str]) -> Field:
    if len(names) == 1:
        return _field(table, names[0])
    types = {column.name: column.type for column in table.columns}
    # The account first, as on the page: the end of a long name is cut.
    return Field(table, fields.joined(tuple(names), types), Unit.WORD, " · ".join(_head(name) for name in panel.names))


def _order(panel: Panel, words: Words, category: Field, values: Sequence[Field]) -> Order:
    key = category.id(words.id, "category")
    if panel.weeks > 1:
        return Order(key, "DESC", panel.weeks)
    ranked = next((value for value in values if value.of.name == panel.order), None)
    if ranked is not None:
        return Order(ranked.id(words.id, "value"), "DESC", look.SHOWN_ROWS)
    return Order(key, "ASC", look.SHOWN_AUDIENCES)


def _ends(panel: Panel, table: Table) -> list[Field]:
    if panel.interval is None:
        return []
    if isinstance(panel.interval, Wilson):
        low, high = fields.wilson(panel.interval.successes, panel.interval.trials)
        said = ("lower end, 95 %", "upper end, 95 %")
        return [Field(table, end, panel.unit, label) for end, label in zip((low, high), said, strict=True)]
    return [_field(table, name, panel.unit) for name in panel.interval]


def _cells(panel: Panel, table: Table) -> Iterable[Field]:
    """The panel's numbers with their ends, each once; and what its chart says by a dash or a colour only."""
    told = [*panel.numbers, *([Number(panel.beyond, Unit.WORD)] if panel.beyond else [])]
    seen = {}
    if WEEK_COLUMN in table.column_names():
        seen[WEEK_COLUMN] = _field(table, WEEK_COLUMN)
    for one in told:
        for name in (one.column, one.low, one.high):
            if name:
                seen.setdefault(name, _field(table, name, one.unit))
    return seen.values()


def _withheld(table: Table) -> list[Field]:
    return [_field(table, BELOW)] if BELOW in table.column_names() else []


def _said(panel: Panel, table: Table) -> str:
    """Unit, definition, and what an empty number means: the words below the chart of the page."""
    said = [f"{capital(panel.axis)}.", panel.definition]
    said += [DESCRIPTIVE] if panel.descriptive else []
    said += [WITHHELD] if BELOW in table.column_names() else []
    return " ".join(said)


def _field(table: Table, name: str, unit: Unit = Unit.WORD, label: str = "") -> Field:
    return Field(table, _column(table, name), unit, label or _label(name, unit))


def _column(table: Table, name: str) -> Column:
    return next(column for column in table.columns if column.name == name)


def _label(name: str, unit: Unit) -> str:
    """`Rate low (%)`."""
    said = _SAID.get(unit, "")
    head = _head(name)
    return f"{head} ({said})" if said and said.lower() not in head.lower().split() else head


def _head(name: str) -> str:
    return capital(name.removesuffix("_eur").replace("_", " "))


def _unit(column: Column) -> Unit:
    """Of a column that no panel shows."""
    if column.type is Type.INTEGER:
        return Unit.COUNT
    if column.type is not Type.DOUBLE:
        return Unit.WORD
    return Unit.SHARE if {"share", "rate"} & set(column.name.split("_")) else Unit.RATIO


def _computed(*used: Field) -> list[Calculated]:
    return [field.of for field in used if isinstance(field.of, Calculated)]
