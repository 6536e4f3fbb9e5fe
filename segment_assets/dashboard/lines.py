"""Curves with their intervals (Vega-Lite, through Altair): what happens along a quantity, not along a list of names.

Belongs here: lines, bands, the dashed part that is no observation. Not here: which rows (`panels`), colours (`look`).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from segment_assets.dashboard import look

if TYPE_CHECKING:
    from collections.abc import Sequence

    import altair as alt

    from segment_assets.dashboard.charts import Chart
    from segment_assets.dashboard.units import Unit

HEIGHT = 260


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    """A value at a place on the x axis, with its interval. `beyond`: assumed, nothing of the kind was observed."""

    name: str
    along: float
    value: float
    low: float | None
    high: float | None
    beyond: bool = False


def curves(points: Sequence[Point], along_axis: str, axis: str, unit: Unit) -> Chart:
    """One line per name, with a band; a point at the last observation, and dashed from there on."""
    import altair as alt

    names = list(dict.fromkeys(point.name for point in points))
    rows = [row for name in names for row in _pieces([point for point in points if point.name == name])]
    colour = alt.Color(
        "name:N",
        scale=alt.Scale(domain=names, range=[*look.PARTS][: len(names)]),
        legend=alt.Legend(orient="top", columns=3, symbolOpacity=1) if len(names) > 1 else None,
    )
    base = alt.Chart(look.data(rows)).encode(
        x=alt.X("along:Q", axis=alt.Axis(title=along_axis, format="~s"), scale=alt.Scale(nice=False, zero=True)),
        color=colour,
    )
    number = alt.Axis(title=axis, format=unit.axis_format, titlePadding=10)
    line = base.mark_line(strokeWidth=2.5).encode(
        y=alt.Y("value:Q", axis=number),
        strokeDash=alt.StrokeDash(
            "beyond:N", legend=None, scale=alt.Scale(domain=[False, True], range=[[1, 0], [6, 4]])
        ),
        detail=alt.Detail("piece:N"),
        tooltip=[alt.Tooltip("name:N"), alt.Tooltip("along:Q", format=",.3~r"), alt.Tooltip("value:Q", format=",.3~r")],
    )
    layers: list[alt.Chart] = [line]
    last = [row for row in rows if row["is_last"]]
    if last:
        now = alt.Chart(look.data(last)).mark_point(filled=True, size=90, opacity=1)
        layers.append(now.encode(x=base.encoding.x, y=alt.Y("value:Q", axis=number), color=colour))
    if any(point.low is not None for point in points):
        layers.insert(
            0,
            base.mark_area(opacity=0.18 if len(names) == 1 else 0.1).encode(
                y=alt.Y("low:Q", axis=number, stack=None), y2=alt.Y2("high:Q"), detail=alt.Detail("piece:N")
            ),
        )
    return look.finished(alt.layer(*layers), HEIGHT)


def _pieces(points: Sequence[Point]) -> list[dict[str, object]]:
    """The observed part and the assumed part, which share the point where one ends and the other begins."""
    ordered = sorted(points, key=lambda point: point.along)
    seen = [point for point in ordered if not point.beyond]
    assumed = [*seen[-1:], *(point for point in ordered if point.beyond)]
    pieces = ((False, seen), (True, assumed if len(assumed) > 1 or not seen else []))
    return [
        dataclasses.asdict(point)
        | {"beyond": beyond, "piece": f"{point.name} {beyond}", "is_last": bool(assumed[1:]) and point is seen[-1]}
        for beyond, piece in pieces
        for point in piece
    ]
