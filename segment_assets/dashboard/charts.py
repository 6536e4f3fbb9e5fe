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
    from collections.abc import Mapping, Sequence

    import altair as alt

    Chart = alt.LayerChart | alt.FacetChart


@dataclasses.dataclass(frozen=True, slots=True)
class Bar:
    """One bar: `value` None is shown as "below threshold". `behind` is a paler bar that `value` is a part of."""

    name: str
    value: float | None
    label: str
    behind: float | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Dot:
    """A value with its interval."""

    name: str
    value: float
    low: float
    high: float
    label: str


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
    base = alt.Chart(look.data(values)).encode(y=_rows_axis())
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
) -> Chart:
    """Stacked bars of 100 %. Rows have name, label (one per name), part and people; `colours` orders the parts."""
    import altair as alt

    parts = list(colours)
    values = [{**row, "order": parts.index(row["part"])} for row in rows]
    named = {row["name"]: row["label"] for row in rows}
    stacked = (
        alt.Chart(look.data(values))
        .mark_bar(height=look.BAR_HEIGHT + 4, yOffset=8, stroke="white", strokeWidth=1)
        .encode(
            y=_rows_axis(),
            x=alt.X(
                "people:Q",
                stack="normalize",
                axis=alt.Axis(title=axis_title, format="~%"),
            ),
            color=alt.Color(
                "part:N",
                scale=alt.Scale(domain=parts, range=list(colours.values())),
                legend=alt.Legend(orient="top", columns=2, columnPadding=18),
            ),
            order=alt.Order("order:Q"),
            tooltip=[alt.Tooltip("name:N"), alt.Tooltip("part:N"), alt.Tooltip("people:Q", format=",")],
        )
    )
    labels = [{"name": name, "label": label, "withheld": False} for name, label in named.items()]
    words = _words(alt.Chart(look.data(labels)).encode(y=_rows_axis()), labels)
    return look.finished(alt.layer(stacked, *words), _height(len(named)))


def dots(rows: Sequence[Dot], axis_title: str, *, usual: float) -> Chart:
    """Values with intervals around the line of what is usual."""
    import altair as alt

    values = [dataclasses.asdict(row) | {"withheld": False} for row in rows]
    base = alt.Chart(look.data(values)).encode(y=_rows_axis())

    def x(field: str) -> alt.X:
        return alt.X(f"{field}:Q", axis=alt.Axis(title=axis_title), scale=alt.Scale(zero=False, padding=12))

    line = alt.Chart(look.data([{"usual": usual}])).mark_rule(color=look.MUTED, strokeDash=[4, 3])
    interval = base.mark_rule(color=look.BLUE, strokeWidth=3, opacity=0.45, yOffset=8, y2Offset=8)
    layers = (
        line.encode(x=x("usual")),
        interval.encode(x=x("low"), x2="high:Q"),
        base.mark_point(filled=True, size=110, color=look.BLUE, opacity=1, yOffset=8).encode(x=x("value")),
    )
    return look.finished(alt.layer(*layers, *_words(base, values)), _height(len(rows)))


def _rows_axis() -> alt.Y:
    import altair as alt

    return alt.Y("name:N", sort=None, axis=None)


def _height(rows: int) -> int:
    return look.ROW_HEIGHT * max(rows, 1)


def _words(base: alt.Chart, values: Sequence[Mapping[str, Any]]) -> list[alt.Chart]:
    """The name at the left and the number at the right of the line above a bar; a name too long for both is cut."""
    import altair as alt

    taken = look.LETTER_WIDTH * max((len(row["label"]) for row in values), default=0) + 12
    room = alt.expr(f"width - {taken}")

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
    name.mark.limit = room
    return [
        name.encode(text="name:N", x=left, tooltip=alt.Tooltip("name:N")),
        number.encode(text="label:N", x=right, color=colour),
    ]
