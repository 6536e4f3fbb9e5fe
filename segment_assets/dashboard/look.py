"""How charts look: colours that colour-blind people tell apart, sizes, and what all charts share.

Belongs here: the palette (Okabe and Ito, 2008) and the common shape. Not here: what is shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import altair as alt

BLUE, SKY, GREEN, ORANGE, VERMILION, PURPLE = "#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00", "#CC79A7"
INK, MUTED, LIGHT, DARK = "#1F2933", "#5F6B76", "#C3CAD1", "#4D4D4D"
# For parts without a meaning of their own, in an order in which neighbours differ in lightness too.
PARTS = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, DARK, LIGHT)
# DejaVu is what a container without fonts of its own has, so the previews look alike everywhere.
FONT = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', sans-serif"
ROW_HEIGHT, BAR_HEIGHT, LETTER_WIDTH = 40, 14, 7
# Charts show the largest groups; the numbers below them show all.
SHOWN_ROWS = 12
# Audiences are all shown where a dozen platforms have two each: a bar that lacks would look like people who lack.
SHOWN_AUDIENCES = 24


def data(rows: list[dict[str, Any]]) -> alt.InlineData:
    """Rows inside the specification: no data frame, no file."""
    import altair as alt

    # A tuple, since Altair copies lists, row by row, with every step of making a chart.
    return alt.InlineData(values=tuple(rows))


def finished(chart: alt.LayerChart | alt.FacetChart, height: int) -> alt.LayerChart | alt.FacetChart:
    """As wide as its place on the page, with the house's fonts and lines."""
    import altair as alt

    axis = alt.AxisConfig(
        labelFontSize=12, titleFontSize=12, titleFontWeight="normal", labelColor=MUTED, titleColor=MUTED,
        gridColor="#E6E9EC", domain=False, tickColor="#E6E9EC", tickCount=4,
    )  # fmt: skip
    legend = alt.LegendConfig(labelFontSize=12, labelColor=INK, title=None, symbolType="square", labelLimit=220)
    # All at once: every step of a chart copies it.
    config = alt.Config(
        font=FONT,
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
        view=alt.ViewConfig(stroke=None),
        axis=axis,
        legend=legend,
    )
    done: alt.LayerChart | alt.FacetChart = chart.properties(
        width="container", height=height, background="white", config=config
    )
    return done
