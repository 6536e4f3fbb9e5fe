"""The page itself: one HTML file that needs nothing but a browser.

Belongs here: putting sections, numbers and the chart library into the template. Not here: what is said (`planning`,
`measurement`, `flow`). Every text from outside is escaped: names of segments come from folders that anybody may name.
"""

from __future__ import annotations

import html
import importlib.resources
import json
import string
from typing import TYPE_CHECKING

from segment_assets.dashboard import flow, measurement, planning
from segment_assets.dashboard.figures import newest, number, week_name
from segment_assets.dashboard.library import chart_library
from segment_assets.dashboard.pictures import png

if TYPE_CHECKING:
    from collections.abc import Iterator

    from segment_assets.dashboard.figures import Figures
    from segment_assets.dashboard.parts import Numbers, Section

WIDE = ("flow", "overlap", "deliveries")


def sections_of(figures: Figures) -> list[Section]:
    """All sections in the order of the page."""
    return [
        flow.flow(figures),
        planning.overlap(figures),
        measurement.reach(figures),
        measurement.creatives(figures),
        measurement.bands(figures),
        planning.profile(figures),
        flow.deliveries(figures),
    ]


def page(figures: Figures) -> str:
    """The page as text. Equal figures give equal text. Takes seconds: the chart library is bundled into it."""
    parts = sections_of(figures)
    template = importlib.resources.files("segment_assets.dashboard").joinpath("page.html").read_text("utf-8")
    specifications = {_place(part, n): chart.to_dict() for part in parts for n, (_, chart) in enumerate(part.charts)}
    return string.Template(template).substitute(
        title=_safe(f"{figures.tenant}: where everybody went, and what it did"),
        subtitle=_safe(_subtitle(figures)),
        cards="\n".join(_cards(figures)),
        sections="\n".join(_section(part) for part in parts),
        library=_in_script(chart_library()),
        specifications=_in_json(json.dumps(specifications, sort_keys=True)),
    )


def previews(figures: Figures) -> dict[str, bytes]:
    """Title -> a small PNG, of the charts that say most at a glance."""
    chosen = (flow.flow(figures), measurement.creatives(figures))
    return {part.title: png(chart) for part in chosen for _, chart in part.charts[:1]}


def _subtitle(figures: Figures) -> str:
    ended = [row["last_closed_at"] for row in figures.deliveries if row["last_closed_at"]]
    weeks = [row["reporting_week"] for row in figures.overlap]
    told = [
        f"Newest reporting week: {week_name(max(weeks))}" if weeks else "No reporting week yet",
        f"last delivery ended {max(ended):%Y-%m-%d %H:%M} UTC" if ended else "nothing delivered yet",
    ]
    return " · ".join(told)


def _cards(figures: Figures) -> Iterator[str]:
    week = next(iter(newest(figures.overlap)), None)
    if week is not None:
        yield _card(number(week["customers"]), "customers with a join key")
        yield _card(number(week["exposed_customers"]), "reached on the publisher in the newest week")
        yield _card(number(week["matched_converters"]), "converted after an impression in that week")
    there = sum(row["acknowledged"] or 0 for row in figures.deliveries)
    yield _card(number(there), f"members confirmed in {len(figures.deliveries)} platform audiences")


def _card(value: str, what: str) -> str:
    kind = "" if value[:1].isdigit() else ' class="text"'
    return f"<li><strong{kind}>{_safe(value)}</strong><span>{_safe(what)}</span></li>"


def _section(part: Section) -> str:
    figures = "".join(
        f'<figure><h3>{_safe(what)}</h3><div class="chart" id="{_place(part, n)}" role="img" '
        f'aria-label="{_safe(what)}: {_safe(part.title)}"></div></figure>'
        for n, (what, _) in enumerate(part.charts)
    )
    notes = "".join(f'<p class="note">{_safe(note)}</p>' for note in part.notes)
    opened = " open" if part.id == "flow" else ""
    wide = ' class="wide"' if part.id in WIDE else ""
    return (
        f'<section id="{part.id}"{wide}><div class="area">{_safe(part.area)}</div><h2>{_safe(part.title)}</h2>'
        f'<p class="lead">{_safe(part.lead)}</p><div class="charts">{figures}</div>{notes}'
        f"<details{opened}><summary>The numbers</summary>{_table(part.numbers)}</details></section>"
    )


def _table(numbers: Numbers) -> str:
    head = "".join(f'<th scope="col">{_safe(column)}</th>' for column in numbers.columns)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td data-label="{_safe(column)}">{_safe(cell)}</td>'
            for column, cell in zip(numbers.columns, row, strict=True)
        )
        + "</tr>"
        for row in numbers.rows
    )
    return f'<div class="table"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _place(part: Section, number_of_chart: int) -> str:
    return f"chart-{part.id}-{number_of_chart}"


def _safe(text: str) -> str:
    return html.escape(text, quote=True)


def _in_json(text: str) -> str:
    """JSON inside a script element: no `<` may be read as the end of it."""
    return text.replace("<", "\\u003c")


def _in_script(text: str) -> str:
    """JavaScript inside a script element: in its strings, an escaped slash is the same as a plain one."""
    return text.replace("</script", "<\\/script")
