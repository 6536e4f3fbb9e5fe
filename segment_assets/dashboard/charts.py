"""The chart specifications (Vega-Lite, through Altair).

Belongs here: shapes that take prepared rows. Names and numbers stand above their bar, so that a bar has the full width
of a phone. Not here: which rows and which words (`planning`, `measurement`, `flow`), colours (`look`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Literal

from segment_assets.dashboard import look
from segment_assets.dashboard.figures import BELOW

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import altair as alt

    Chart = alt.LayerChart | alt.FacetChart


# Letters of a legend's entry of which three stand side by side on a phone.
_SHORT = 12


@dataclasses.dataclass(frozen=True, slots=True)
class Bar:
    """One bar: `value` None is shown as "below threshold". `behind` is a paler bar that `value` is a part of."""

    name: str
    value: float | None
    label: str
    behind: float | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Dot:
    """A value with its interval; without a value, a range that holds it. `ticks` are numbers to compare it with."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    label: str
    ticks: tuple[float, ...] = ()
    withheld: bool = False


def bars(rows: Sequence[Bar], axis_title: str, *, percent: bool = False, whole: float | None = None) -> Chart:
    """Horizontal bars in the given order. `whole` ends the axis where the longest bar is not what to compare with."""
    import altair as alt

    values = [
        {
            "name": row.name,
            "value": row.value,
            "behind": row.behind,
            "label": row.label if row.value is not None else _withheld(row),
            "withheld": row.value is None,
        }
        for row in rows
    ]
    names = _rows_axis(row.name for row in rows)
    base = alt.Chart(look.data(values)).encode(y=names)
    axis = alt.Axis(title=axis_title, format="~%" if percent else ",d")

    longest = max((value for row in rows for value in (row.value, row.behind) if value is not None), default=1.0)
    scale = alt.Scale(domain=[0, longest if whole is None else whole])

    def x(field: str) -> alt.X:
        return alt.X(f"{field}:Q", axis=axis, scale=scale, stack=None)

    behind = base.mark_bar(height=look.BAR_HEIGHT, color=look.LIGHT, yOffset=8).encode(x=x("behind"))
    front = base.mark_bar(height=look.BAR_HEIGHT, color=look.BLUE, yOffset=8).encode(x=x("value"))
    layers = [behind, front] if any(row.behind is not None for row in rows) else [front]
    return look.finished(alt.layer(*layers, *_words(base, values)), _height(len(rows)))


def _withheld(row: Bar) -> str:
    return f"{BELOW} · {row.label}" if row.label else BELOW


def shares(
    rows: Sequence[Mapping[str, Any]],
    colours: Mapping[str, str],
    axis_title: str = "share of the audience's people (%)",
    others: Mapping[str, str] | None = None,
    counted: str = "people",
) -> Chart:
    """Stacked bars of 100 %. Rows have name, label (one per name), part and people; `colours` orders the parts.

    `others` are names that have no bar, and the words in its place.
    """
    import altair as alt

    parts = list(colours)
    values = [{**row, "order": parts.index(row["part"])} for row in rows]
    named = {row["name"]: row["label"] for row in rows}
    gone = {name: words for name, words in (others or {}).items() if name not in named}
    labels = [{"name": n, "label": label, "withheld": n in gone} for n, label in (named | gone).items()]
    names = _rows_axis(row["name"] for row in labels)
    stacked = (
        alt.Chart(look.data(values))
        .mark_bar(height=look.BAR_HEIGHT + 4, yOffset=8, stroke="white", strokeWidth=1)
        .encode(
            y=names,
            x=alt.X(
                "people:Q",
                stack="normalize",
                axis=alt.Axis(title=axis_title, format="~%"),
            ),
            color=alt.Color(
                "part:N",
                scale=alt.Scale(domain=parts, range=list(colours.values())),
                legend=alt.Legend(orient="top", columns=3 if max(map(len, parts)) <= _SHORT else 2, columnPadding=14),
            ),
            order=alt.Order("order:Q"),
            tooltip=[
                alt.Tooltip("name:N"),
                alt.Tooltip("part:N"),
                alt.Tooltip("people:Q", format=",.4~r" if counted != "people" else ",", title=counted),
            ],
        )
    )
    words = _words(alt.Chart(look.data(labels)).encode(y=names), labels)
    return look.finished(alt.layer(stacked, *words), _height(len(labels)))


def dots(
    rows: Sequence[Dot],
    axis_title: str,
    *,
    usual: float | None = None,
    axis_format: str = "~r",
    logarithmic: bool = False,
) -> Chart:
    """Values with intervals, and the line of what is usual. On a logarithmic axis nothing below 1 is drawn."""
    import altair as alt

    fields = ("name", "value", "low", "high", "label", "withheld")
    values = [{field: getattr(row, field) for field in fields} for row in rows]
    names = _rows_axis(row.name for row in rows)
    base = alt.Chart(look.data(values)).encode(y=names)
    scale = alt.Scale(type="log", padding=12) if logarithmic else alt.Scale(zero=False, padding=12)
    # An empty title would clear the one that another layer gives.
    axis = alt.X("value:Q", axis=alt.Axis(title=axis_title, format=axis_format), scale=scale)

    def x(field: str) -> alt.X:
        placed = axis.copy()
        placed.shorthand = f"{field}:Q"
        return placed

    layers: list[alt.Chart] = []
    # A layer of which no row has a number would make Vega warn about an axis without ends.
    if any(row.low is not None and row.high is not None for row in rows):
        rule = base.mark_rule(color=look.BLUE, strokeWidth=3, opacity=0.45, yOffset=8, y2Offset=8)
        layers.append(rule.encode(x=x("low"), x2=alt.X2("high:Q")))
    known = [end for end in ("low", "high") if any(getattr(row, end) is not None for row in rows)]
    layers += [base.mark_tick(thickness=3, size=14, color=look.BLUE, yOffset=8).encode(x=x(end)) for end in known]
    if any(row.value is not None for row in rows):
        point = base.mark_point(filled=True, size=110, color=look.BLUE, opacity=1, yOffset=8)
        layers.append(point.encode(x=x("value")))
    if usual is not None:
        line = alt.Chart(look.data([{"usual": usual}])).mark_rule(color=look.MUTED, strokeDash=[4, 3])
        layers.insert(0, line.encode(x=x("usual")))
    marks = [{"name": row.name, "mark": mark} for row in rows for mark in row.ticks]
    if marks:
        ticks = alt.Chart(look.data(marks)).encode(y=names)
        layers.append(ticks.mark_tick(thickness=3, size=18, color=look.VERMILION, yOffset=8).encode(x=x("mark")))
    return look.finished(alt.layer(*layers, *_words(base, values)), _height(len(rows)))


def _rows_axis(names: Iterable[str]) -> alt.Y:
    """In the given order: by itself Vega puts rows without a number last."""
    import altair as alt

    return alt.Y("name:N", scale=alt.Scale(domain=list(dict.fromkeys(names))), axis=None)


def _height(rows: int) -> int:
    return look.ROW_HEIGHT * max(rows, 1)


def _words(base: alt.Chart, values: Sequence[Mapping[str, Any]]) -> list[alt.Chart]:
    """The name at the left and the number at the right of the line above a bar; a name too long for both is cut."""
    import altair as alt

    taken = look.LETTER_WIDTH * max((len(row["label"]) for row in values), default=0) + 12
    room, most = alt.expr(f"max(width - {taken}, width * 0.3)"), alt.expr("width * 0.7 - 8")

    def word(align: Literal["left", "right"], weight: Literal[400, 600]) -> alt.Chart:
        mark: alt.Chart = base.mark_text(
            align=align, fontWeight=weight, baseline="middle", dy=-9, fontSize=12, color=look.INK
        )
        return mark

    # Channels by their names: for `alt.value` and `alt.condition` Altair first has to find out which one is meant, and
    # that took half of the page's time.
    colour = alt.ColorValue(look.INK, condition={"test": "datum.withheld", "value": look.MUTED})
    left, right = alt.XValue(0), alt.XValue("width")  # type: ignore[no-untyped-call]
    name, number = word("left", 600), word("right", 400)
    name.mark.limit, number.mark.limit = room, most
    return [
        name.encode(text=alt.Text("name:N"), x=left, tooltip=alt.Tooltip("name:N")),
        number.encode(text=alt.Text("label:N"), x=right, color=colour),
    ]
