"""A declared panel with the rows that its table has now: which are shown, their labels, the table below, the words.

Belongs here: what every panel does alike. Not here: any panel (`pages`), drawing (`charts`, `lines`).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from segment_assets.dashboard import charts, lines, look
from segment_assets.dashboard.figures import BELOW, week_name
from segment_assets.dashboard.panels import Shape, Wilson
from segment_assets.dashboard.parts import Numbers, Section, capital
from segment_assets.dashboard.units import Unit, between, written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segment_assets.dashboard.charts import Chart
    from segment_assets.dashboard.figures import Figures, Row
    from segment_assets.dashboard.panels import Number, Panel

WITHHELD = (
    f"“{BELOW}”: no number is told, because the group is too small or empty, or because its number would give away "
    "that of one that is. It is unknown, it is not 0."
)
DESCRIPTIVE = (
    "Descriptive, not an effect (selection bias): people who see more ads differ from others before they see any. "
    "What an activation caused is in the first chart of the measurement page."
)
_NO_PLACE = "No number of this chart has a place on its axis; all of them are in the table."
_NAMED = 3


def section_of(panel: Panel, area: str, of: Figures) -> Section:
    """The panel with the rows that its table has now."""
    rows = chosen(panel, of.tables.get(panel.table, ()))
    placed = [row for row in rows if _has_place(panel, row)]
    told = [row for row in placed if _is_told(panel, row)]
    chart = _drawn(panel, placed) if told else None
    weekly = bool(rows) and "reporting_week" in rows[0]
    when = f"In the {week_name(rows[0]['reporting_week'])}. " if weekly and panel.weeks == 1 else ""
    answer = panel.answer(told) if panel.answer and told else ""
    notes = [panel.definition]
    notes += [DESCRIPTIVE] if panel.descriptive else []
    notes += [WITHHELD] if rows and "below_threshold" in rows[0] else []
    if len(placed) < len(rows):
        astray = ", ".join(str(row[panel.along]) for row in rows if row not in placed)
        notes.insert(0, f"Without a place on the axis, and in the table only: {astray}.")
    gone = [_name(panel, row) for row in placed if not _is_told(panel, row)]
    if told and gone and panel.shape is Shape.CURVE:
        notes.insert(0, f"{len(gone)} of {len(placed)} points are {BELOW}; the line goes past them.")
    elif told and gone and panel.order:
        notes.insert(0, f"{len(gone)} of {len(rows)} are {BELOW}: {_listed(gone)}.")
    said = f"{answer} " if answer else ""
    nothing = (panel.nothing_told if placed else _NO_PLACE) if rows else panel.empty
    return Section(
        panel.id,
        f"{area} · descriptive" if panel.descriptive else area,
        panel.title,
        f"{when}{said}".strip(),
        [("", chart)] if chart is not None else [],
        Numbers([_head(number.column) for number in panel.numbers], [_cells(panel, row, rows) for row in rows]),
        [note for note in notes if note],
        empty="" if chart is not None else nothing,
        alternative=_in_words(panel, rows),
        wide=panel.wide,
        # How far a trial is that has no effect yet.
        opened=bool(panel.state and rows and chart is None),
    )


def chosen(panel: Panel, rows: Sequence[Row]) -> list[Row]:
    """The rows of the panel's newest weeks, in its order: withheld ones last where it is by size."""
    if rows and "reporting_week" in rows[0]:
        weeks = sorted({row["reporting_week"] for row in rows}, reverse=True)[: panel.weeks]
        rows = sorted(
            (row for row in rows if row["reporting_week"] in weeks), key=lambda row: row["reporting_week"], reverse=True
        )
    if panel.only:
        column, value = panel.only
        rows = [row for row in rows if row[column] == value]
    if panel.without:
        column, value = panel.without
        rows = [row for row in rows if row[column] != value]
    if panel.newest:
        rows = sorted(rows, key=lambda row: row[panel.newest], reverse=True)
    if panel.once_per:
        first: dict[tuple[Any, ...], Row] = {}
        for row in rows:
            first.setdefault(tuple(row[name] for name in panel.once_per), row)
        rows = list(first.values())
    if panel.order:
        # A stable sort, so that equal ones keep the order of the table.
        rows = sorted(rows, key=lambda row: (row[panel.order] is None, -(row[panel.order] or 0)))
    return list(rows)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - look.SHOWN_ROWS
    return ", ".join(names[: look.SHOWN_ROWS]) + (f" and {more} more" if more > 0 else "")


def _is_told(panel: Panel, row: Row) -> bool:
    if panel.state and row[panel.state] not in panel.states:
        return False
    known = (row[panel.value] if panel.value else None, *_ends(panel, row))
    return any(number is not None for number in known)


def _has_place(panel: Panel, row: Row) -> bool:
    """Whether a curve can show the row; where a place is withheld, so is what would be there."""
    place = row[panel.along] if panel.along else None
    if place is None:
        return not panel.along or not _is_told(panel, row)
    try:
        return math.isfinite(float(place))
    except ValueError:
        return False


def _ends(panel: Panel, row: Row) -> tuple[float | None, float | None]:
    if panel.interval is None:
        return None, None
    if isinstance(panel.interval, Wilson):
        return panel.interval.of(row)
    low, high = panel.interval
    return row[low], row[high]


def _drawn(panel: Panel, rows: Sequence[Row]) -> Chart:
    told = [row for row in rows if _is_told(panel, row)]
    if panel.shape is Shape.CURVE:
        return lines.curves([_point(panel, row) for row in told], panel.along_axis, panel.axis, panel.unit)
    if panel.shape is Shape.STACK:
        parts = sorted({row[panel.part] for row in told})
        drawn = [
            {"name": _name(panel, row), "label": _more(panel, row), "part": row[panel.part], "people": row[panel.value]}
            for row in told
        ]
        gone = [row for row in rows if not _is_told(panel, row)]
        others = dict.fromkeys((_name(panel, row) for row in gone), panel.unknown)
        # Of a bar that is withheld in part, a told row comes last: it says which parts are missing.
        for row in sorted(gone, key=_is_withheld, reverse=True):
            others[_name(panel, row)] = _why_not(panel, row, rows)
        colours = dict(zip(parts, look.PARTS, strict=False))
        return charts.shares(drawn, colours, axis_title=panel.axis, others=others, counted=panel.value)
    # In a ranking, whoever has no place in it is named below the chart.
    shown = told[: look.SHOWN_ROWS] if panel.order else rows[: look.SHOWN_AUDIENCES]
    if panel.shape is Shape.BARS:
        bars = [
            charts.Bar(_name(panel, row), row[panel.value], _label(panel, row) if _is_told(panel, row) else "")
            for row in shown
        ]
        share = panel.unit is Unit.SHARE
        return charts.bars(bars, panel.axis, percent=share, whole=1.0 if share else None)
    return charts.dots(
        [_dot(panel, row) for row in shown],
        panel.axis,
        usual=panel.usual,
        axis_format=panel.unit.axis_format,
        logarithmic=panel.logarithmic,
    )


def _point(panel: Panel, row: Row) -> lines.Point:
    low, high = _ends(panel, row)
    return lines.Point(
        _name(panel, row),
        float(row[panel.along]),
        row[panel.value],
        low,
        high,
        bool(panel.beyond and row[panel.beyond]),
    )


def _dot(panel: Panel, row: Row) -> charts.Dot:
    told, factor = _is_told(panel, row), panel.unit.factor
    ends: Sequence[float | None] = _ends(panel, row) if told else (None, None)
    tick = row[panel.tick] if panel.tick and told else None
    value = row[panel.value] if panel.value and told else None
    if ends == (value, value):
        ends = (None, None)
    value, low, high, tick = (
        None if one is None or (panel.logarithmic and one < 1) else one * factor for one in (value, *ends, tick)
    )
    ticks = () if tick is None else (-tick, tick) if panel.tick_both_ways else (tick,)
    return charts.Dot(_name(panel, row), value, low, high, _label(panel, row), ticks=ticks, withheld=not told)


def _name(panel: Panel, row: Row) -> str:
    return panel.called(*(row[column] for column in panel.names))


def _label(panel: Panel, row: Row) -> str:
    if not _is_told(panel, row):
        return _why_not(panel, row)
    value = row[panel.value] if panel.value else None
    low, high = _ends(panel, row)
    said = "" if value is None else written(value, panel.unit)
    ends = "" if low == high == value else between(low, high, panel.unit, alone=value is None)
    return " · ".join(
        part for part in (f"{said} ({ends})" if said and ends else said or ends, _more(panel, row)) if part
    )


def _more(panel: Panel, row: Row) -> str:
    told = (more.words.format(written(row[more.column], more.unit)) for more in panel.also if row[more.column])
    return " · ".join(told)


def _why_not(panel: Panel, row: Row, rows: Sequence[Row] = ()) -> str:
    if panel.state and row[panel.state] not in panel.states:
        return str(row[panel.state]).replace("_", " ")
    gone = _unknown(panel, row, rows)
    # Who is withheld has no other number, and a bar's words name its parts.
    more = "" if _is_withheld(row) or panel.shape is Shape.STACK else _more(panel, row)
    return f"{gone} · {more}" if more else gone


def _is_withheld(row: Row) -> bool:
    return bool(row.get("below_threshold"))


def _unknown(panel: Panel, row: Row, rows: Sequence[Row]) -> str:
    """Why a number of the row is not there. What the clean room does not tell is withheld, of a told row too."""
    if _is_withheld(row):
        return BELOW
    if panel.shape is Shape.STACK:
        bar = [other for other in rows if _name(panel, other) == _name(panel, row)]
        without = ", ".join(str(other[panel.part]) for other in bar if _is_withheld(other))
        return f"no shares without {without}" if without else panel.unknown
    return BELOW if "below_threshold" in row else panel.unknown


def _cells(panel: Panel, row: Row, rows: Sequence[Row]) -> list[str]:
    return [_cell(panel, number, row) or _unknown(panel, row, rows) for number in panel.numbers]


def _cell(panel: Panel, number: Number, row: Row) -> str:
    """Empty where nothing is known; the ends stand without a value where they are bounds."""
    value = row[number.column]
    said = "" if value is None else written(value, number.unit)
    low, high = (row[number.low], row[number.high]) if number.low else (None, None)
    if isinstance(panel.interval, Wilson) and number.column == panel.value:
        low, high = panel.interval.of(row)
    ends = between(low, high, number.unit, alone=value is None)
    return f"{said} ({ends})" if said and ends else said or ends


def _head(column: str) -> str:
    words = column.replace("_", " ").replace("iroas", "iROAS").replace(" eur", " (EUR)")
    return words if words.startswith("iROAS") else capital(words)


def _in_words(panel: Panel, rows: Sequence[Row]) -> str:
    """The chart for whoever does not see it; the table below it has every number."""
    if panel.shape in {Shape.BARS, Shape.INTERVALS}:
        said = "; ".join(f"{_name(panel, row)}: {_label(panel, row)}" for row in rows[:_NAMED])
        return f"{said}. All {len(rows)} rows are in the table." if rows else ""
    return f"{panel.axis}. All {len(rows)} values are in the table." if rows else ""
